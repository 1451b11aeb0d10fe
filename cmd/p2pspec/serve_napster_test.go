package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
	transportnapster "github.com/p2pspec/p2pspec/transport/napster"
)

func serveNapster(t *testing.T, args ...string) *servedServent {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &servedServent{out: &buffer{}, stop: cancel, ended: make(chan conformance.ExitCode, 1)}
	a := &app{in: strings.NewReader(""), out: v.out, err: v.out, suites: suites.All()}
	go func() { v.ended <- a.run(ctx, append([]string{"serve", "napster"}, args...)) }()
	v.shows(t, "ready ")
	v.addr = regexp.MustCompile(`(?m)^ready.* (\S+)$`).FindStringSubmatch(v.out.String())[1]
	return v
}

// A client fetches what another has who is behind a firewall, by way of the index.
func TestServeNapster(t *testing.T) {
	shared, inbox := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "a song.mp3"), []byte("la la la"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := serveNapster(t, "--listen", "127.0.0.1:0", "--motd", "welcome")
	if err := os.Symlink(shared, filepath.Join(shared, "loop")); err != nil {
		t.Fatal(err)
	}
	joe := serveNapster(t, "--connect", server.addr, "--nick", "joe", "--share", shared, "--firewalled")
	joe.shows(t, `skipped "loop"`)
	joe.shows(t, "entered")
	joe.shows(t, `said "welcome"`)
	ann := serveNapster(t, "--connect", server.addr, "--nick", "ann", "--search", "song", "--download", inbox)
	ann.exits(t, conformance.ExitMet)
	ann.shows(t, `hit joe 8 "a song.mp3" [0-9a-f]{32}`)
	ann.shows(t, `saved "a song.mp3" 8$`)
	joe.shows(t, `served ann "a song.mp3"`)
	got, err := os.ReadFile(filepath.Join(inbox, "a song.mp3"))
	if err != nil || string(got) != "la la la" {
		t.Errorf("%q, %v", got, err)
	}
	idle := serveNapster(t, "--connect", server.addr, "--nick", "bob", "--search", "nothing", "--download", inbox)
	idle.shows(t, "entered")
	idle.stop()
	idle.exits(t, conformance.ExitUnmet)
	server.stop()
	server.exits(t, conformance.ExitMet)
	server.shows(t, `accepted 3 streams, received \d+ messages`)
	joe.shows(t, "left ")
	joe.exits(t, conformance.ExitHarness)
}

// What no sum vouches for is said to be so: some servers know none.
func TestNapsterSaysWhatIsNotVerified(t *testing.T) {
	var out strings.Builder
	s := &napsterStory{journal: journal{w: &out}}
	s.notice(transportnapster.Fetched{Name: "a", Size: 1, Verified: true})
	s.notice(transportnapster.Fetched{Name: "b", Size: 2})
	if want := "saved \"a\" 1\nsaved \"b\" 2 unverified\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestServeNapsterRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "nowhere"}, {"--nick", "joe"}, {"--share", "."}, {"more"}, {"--motd", "a\x00"},
		{"--connect", "nowhere"}, {"--connect", "127.0.0.1:1", "--nick", ""}, {"--connect", "127.0.0.1:1", "--motd", "x"},
		{"--connect", "127.0.0.1:1", "--share", "/nowhere"}, {"--connect", "127.0.0.1:1", "--download", "."},
	} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		if code := a.run(t.Context(), append([]string{"serve", "napster"}, args...)); code != conformance.ExitUsage {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
}
