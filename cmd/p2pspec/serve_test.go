package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// serving is a `p2pspec serve dht` under way.
type serving struct {
	addr string
	out  *buffer
	stop func() (out string)
}

// buffer is written by the command and read by the test at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var listens = regexp.MustCompile(`listens on (\S+)`)

func serve(t *testing.T, args ...string) serving {
	t.Helper()
	out := &buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
	ended := make(chan conformance.ExitCode, 1)
	go func() {
		ended <- a.run(ctx, append([]string{"serve", "dht", "--listen", "127.0.0.1:0"}, args...))
	}()
	s := serving{out: out, stop: func() string {
		t.Helper()
		cancel()
		select {
		case code := <-ended:
			ended <- code
			if code != conformance.ExitMet {
				t.Errorf("serve: exit %d\n%s", code, out)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("serve does not stop\n%s", out)
		}
		return out.String()
	}}
	t.Cleanup(func() { s.stop() })
	waitFor(t, func() bool {
		m := listens.FindStringSubmatch(out.String())
		if m != nil {
			s.addr = m[1]
		}
		return m != nil
	}, out)
	return s
}

func waitFor(t *testing.T, cond func() bool, out *buffer) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("it does not happen:\n%s", out)
		}
	}
}

func TestServedNodeIsMet(t *testing.T) {
	s := serve(t)
	if out, errs, code := p2pspec(t, check("--target", s.addr)...); code != conformance.ExitMet {
		t.Errorf("exit %d\n%s%s", code, errs, out)
	}
	if out := s.stop(); !strings.Contains(out, "received ") {
		t.Errorf("the counters are missing:\n%s", out)
	}
}

// BEP05-TBL-009: id and contacts survive a restart, and the first contact of a
// node that is told of one comes to know it.
func TestServeKeepsItsState(t *testing.T) {
	state := filepath.Join(t.TempDir(), "node.json")
	other := serve(t)
	s := serve(t, "--bootstrap", other.addr, "--state", state)
	node := regexp.MustCompile(`node ([0-9a-f]{40})`)
	waitFor(t, func() bool { return strings.Contains(s.out.String(), "bootstrapped") }, s.out)
	first := s.stop()
	if !strings.Contains(first, "bootstrapped: 1 contacts") ||
		!strings.Contains(first, "saved 1 contacts") {
		t.Fatalf("the first run:\n%s", first)
	}
	second := serve(t, "--state", state).stop()
	if !strings.Contains(second, "restored 1 contacts") {
		t.Errorf("the second run:\n%s", second)
	}
	if a, b := node.FindString(first), node.FindString(second); a != b {
		t.Errorf("the id was %s and is %s", a, b)
	}
}

func TestStateIsReadWithSuspicion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.json")
	const id = `"0123456789abcdef0123456789abcdef01234567"`
	contact := func(id, addr string) string {
		return `{"id":` + id + `,"addr":"` + addr + `"}`
	}
	with := func(contact string) string {
		return `{"format":1,"id":` + id + `,"contacts":[` + contact + `]}`
	}
	for text, says := range map[string]string{
		`{`:                                  "unexpected end",
		`{"format":2}`:                       "format 2",
		`{"format":1}`:                       "ID",
		with(contact(`"00"`, "127.0.0.1:1")): "ID has 2 digits",
		with(contact(id, "localhost")):       "not an ip:port",
		strings.Repeat(" ", maxState) + "{}": "longer than",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := loadState(path)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%.60q: error %v, want one that names the file and says %q", text, err, says)
		}
	}
}
