package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// servedMember is serve swim under way.
type servedMember struct {
	out    *buffer
	in     io.Writer
	addr   string
	cancel func()
	ended  chan conformance.ExitCode
}

var readyLine = regexp.MustCompile(`ready "[^"]*" (\S+)`)

func serveMember(t *testing.T, args ...string) *servedMember {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	t.Cleanup(func() { read.Close() })
	m := &servedMember{out: &buffer{}, in: write, cancel: cancel, ended: make(chan conformance.ExitCode, 1)}
	a := &app{in: read, out: m.out, err: m.out, suites: suites.All()}
	argv := append([]string{"serve", "swim", "--listen", "127.0.0.1:0", "--profile", "local"}, args...)
	go func() { m.ended <- a.run(ctx, argv) }()
	waitFor(t, func() bool {
		found := readyLine.FindStringSubmatch(m.out.String())
		if found != nil {
			m.addr = found[1]
		}
		return found != nil
	}, m.out)
	return m
}

// tell gives it a line and waits until it has printed what is wanted.
func (m *servedMember) tell(t *testing.T, line, want string) {
	t.Helper()
	if _, err := fmt.Fprintln(m.in, line); err != nil {
		t.Fatal(err)
	}
	m.shows(t, want)
}

func (m *servedMember) shows(t *testing.T, want string) {
	t.Helper()
	waitFor(t, func() bool { return strings.Contains(m.out.String(), want+"\n") }, m.out)
}

func (m *servedMember) stop(t *testing.T) {
	t.Helper()
	m.cancel()
	if code := <-m.ended; code != conformance.ExitMet {
		t.Errorf("serve: exit %d\n%s", code, m.out)
	}
}

func TestServeSwim(t *testing.T) {
	secret := []string{"--label", "blue", "--key", "30313233343536373839616263646566"}
	a := serveMember(t, append(secret, "--name", "a", "--meta", "of a")...)
	b := serveMember(t, append(secret, "--name", "b", "--join", a.addr, "--compress=false")...)
	b.shows(t, "ok join 1")
	b.shows(t, fmt.Sprintf("joined %q %s %q", "a", a.addr, "of a"))
	a.tell(t, "members", `ok members "a"=alive "b"=alive`)
	a.tell(t, "meta \"\\xff and more\"", "ok meta")
	b.shows(t, fmt.Sprintf("updated %q %s %q", "a", a.addr, "\xff and more"))
	a.tell(t, "broadcast to all", "ok broadcast")
	b.shows(t, `user "to all"`)
	b.tell(t, "share the state of b", "ok share")
	b.tell(t, "stream "+a.addr+" by stream", "ok stream")
	a.shows(t, `user "by stream"`)
	b.tell(t, "send "+a.addr+" by packet", "ok send")
	a.shows(t, `user "by packet"`)
	a.tell(t, "join "+b.addr, `merged "the state of b"`)
	for _, line := range []string{
		"dance", `meta "`, "send nowhere x", "join", "meta " + strings.Repeat("x", 513),
	} {
		verb, _, _ := strings.Cut(line, " ")
		before := strings.Count(a.out.String(), "error "+verb)
		if _, err := fmt.Fprintln(a.in, line); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return strings.Count(a.out.String(), "error "+verb) > before }, a.out)
	}
	b.stop(t)
	a.shows(t, `left "b"`)
	a.tell(t, "members", `ok members "a"=alive "b"=left`)
	a.stop(t)
}

func TestServeSwimRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--key", "abc"}, {"--key", "abcd"}, {"--profile", "moon"}, {"--listen", "nowhere"}, {"more"},
		{"--join", "nowhere"}, {"--name", ""}, {"--delegate", "2"}, {"--delegate", "2-5x"},
		{"--meta", strings.Repeat("x", 513)}, {"--meta", `"`}, {"--label", strings.Repeat("x", 256)},
		{"--listen", "0.0.0.0:0"},
	} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		argv := append([]string{"serve", "swim", "--listen", "127.0.0.1:0"}, args...)
		if code := a.run(t.Context(), argv); code != conformance.ExitUsage {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
}
