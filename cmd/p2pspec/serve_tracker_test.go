package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	core "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// runTracker serves until stop is called, which returns all that was printed.
func runTracker(t *testing.T, args ...string) (addr string, stop func() string) {
	t.Helper()
	out := &buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
	ended := make(chan conformance.ExitCode, 1)
	go func() {
		ended <- a.run(ctx, append([]string{"serve", "tracker", "--listen", "127.0.0.1:0"}, args...))
	}()
	waitFor(t, func() bool {
		m := listens.FindStringSubmatch(out.String())
		if m != nil {
			addr = strings.TrimSuffix(m[1], ":")
		}
		return m != nil
	}, out)
	return addr, func() string {
		cancel()
		if code := <-ended; code != conformance.ExitMet {
			t.Errorf("serve: exit %d\n%s", code, out)
		}
		return out.String()
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServeTracker(t *testing.T) {
	const hash = "6161616161616161616161616161616161616161"
	addr, stop := runTracker(t, "--interval", "2m", "--torrent", hash)
	announce := func(h byte) string {
		query := core.AppendAnnounceQuery(nil, core.AnnounceRequest{
			InfoHash: core.Hash([]byte(strings.Repeat(string(h), 20))), Port: 1, Left: 5,
		})
		return fetch(t, "http://"+addr+"/announce?"+string(query))
	}
	if body := announce('a'); !strings.Contains(body, "8:intervali120e") {
		t.Errorf("the answer is %q", body)
	}
	if body := announce('b'); !strings.Contains(body, "not registered") {
		t.Errorf("the answer to another torrent is %q", body)
	}
	if out := stop(); !strings.Contains(out, "1 torrents, 1 peers") || !strings.Contains(out, "udp://"+addr) {
		t.Errorf("it printed\n%s", out)
	}
}

func TestServeTrackerRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--torrent", "abc"}, {"--interval", "1ms"}, {"--listen", "nowhere"}, {"more"},
	} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		if code := a.run(t.Context(), append([]string{"serve", "tracker"}, args...)); code != conformance.ExitUsage {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
}

// A tracker is named by its URL, too.
func TestCheckTrackerByURL(t *testing.T) {
	addr, stop := runTracker(t)
	defer stop()
	for _, args := range [][]string{
		{"bep23", "--target", "http://" + addr + "/announce"}, {"bep41", "--target", "udp://" + addr},
	} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		if code := a.run(t.Context(), append([]string{"check"}, args...)); code != conformance.ExitMet {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
	for _, bad := range []string{"https://127.0.0.1/announce", "http://tracker.example/announce", "ftp://127.0.0.1:1"} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		if code := a.run(t.Context(), []string{"check", "tracker", "--target", bad}); code != conformance.ExitUsage {
			t.Errorf("%s: exit %d\n%s", bad, code, out)
		}
	}
}
