package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	transportgnutella "github.com/p2pspec/p2pspec/transport/gnutella"
)

// servedServent is serve gnutella under way.
type servedServent struct {
	out   *buffer
	addr  string
	stop  func()
	ended chan conformance.ExitCode
}

var readyServent = regexp.MustCompile(`(?m)^ready (\S+) `)

func serveServent(t *testing.T, args ...string) *servedServent {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &servedServent{out: &buffer{}, stop: cancel, ended: make(chan conformance.ExitCode, 1)}
	a := &app{in: strings.NewReader(""), out: v.out, err: v.out, suites: suites.All()}
	argv := append([]string{"serve", "gnutella", "--listen", "127.0.0.1:0", "--maintain", "200ms"}, args...)
	go func() { v.ended <- a.run(ctx, argv) }()
	waitFor(t, func() bool {
		found := readyServent.FindStringSubmatch(v.out.String())
		if found != nil {
			v.addr = found[1]
		}
		return found != nil
	}, v.out)
	return v
}

func (v *servedServent) shows(t *testing.T, line string) {
	t.Helper()
	pattern := regexp.MustCompile("(?m)^" + line)
	waitFor(t, func() bool { return pattern.MatchString(v.out.String()) }, v.out)
}

func (v *servedServent) exits(t *testing.T, want conformance.ExitCode) {
	t.Helper()
	select {
	case code := <-v.ended:
		if code != want {
			t.Errorf("exit %d, want %d\n%s", code, want, v.out)
		}
	case <-time.After(15 * time.Second):
		t.Fatalf("it does not end\n%s", v.out)
	}
}

// Ultrapeers form a network in which a leaf finds the file of another leaf that is
// behind a firewall, has it pushed, and verifies it by its urn.
func TestServeGnutellaFetchesFromBehindAFirewall(t *testing.T) {
	song := bytes.Repeat([]byte("a song that is rare; "), 20_000)
	shared, inbox := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "a rare song.mp3"), song, 0o644); err != nil {
		t.Fatal(err)
	}
	name := urn.Sum(song).SHA1.String()

	hub := serveServent(t)
	left := serveServent(t, "--connect", hub.addr)
	right := serveServent(t, "--connect", hub.addr, "--no-deflate")
	left.shows(t, "connected "+hub.addr+" ultrapeer")
	right.shows(t, "connected "+hub.addr+" ultrapeer")
	hidden := serveServent(t, "--mode", "leaf", "--firewalled", "--share", shared, "--connect", left.addr)
	hidden.shows(t, `shared 0 \d+ "a rare song.mp3" `+name)
	hidden.shows(t, "connected "+left.addr+" ultrapeer")

	leaf := serveServent(t, "--connect", right.addr, "--search", "song rare", "--download", inbox)
	leaf.exits(t, conformance.ExitMet)
	leaf.shows(t, "connected "+right.addr+" ultrapeer")
	leaf.shows(t, "hit "+hidden.addr+` push 0 \d+ "a rare song.mp3" `+name)
	leaf.shows(t, `saved "a rare song.mp3" 420000 `+name)
	got, err := os.ReadFile(filepath.Join(inbox, "a rare song.mp3"))
	if err != nil || !bytes.Equal(got, song) {
		t.Errorf("%d bytes were saved, %v", len(got), err)
	}
	hidden.shows(t, `uploaded 127\.0\.0\.1:\d+ 0 \d+ 420000`)
	for _, found := range regexp.MustCompile(`(?m)^connected (\S+)`).FindAllStringSubmatch(hidden.out.String(), -1) {
		if to := found[1]; to != hub.addr && to != left.addr && to != right.addr {
			t.Errorf("the firewall let %s in:\n%s", to, hidden.out)
		}
	}
	for _, v := range []*servedServent{hidden, right, left, hub} {
		v.stop()
		v.exits(t, conformance.ExitMet)
	}
	hub.shows(t, `disconnected 127.0.0.1:\d+ 200`)
	hub.shows(t, `received \d+ messages`)
}

// A hit that lies about the size of a file does not keep it from being fetched from
// others, and what failed for want of a source is tried again; what was damaged is not.
func TestSeekerTriesWhatMayBeGood(t *testing.T) {
	out := &buffer{}
	v := newServentStory(out)
	var err error
	v.Servent, err = transportgnutella.Listen(transportgnutella.Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Downloads: t.TempDir(), Observe: v.observe,
		Transfer: transfer.Config{RetryAfter: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	hit := func(size uint32) gnutella.Hit {
		return gnutella.Hit{
			Addr:    netip.MustParseAddrPort("127.0.0.1:1"),
			Results: []gnutella.Found{{Size: size, Name: "song", SHA1: urn.SHA1{1}}},
		}
	}
	s := &seeker{serventStory: v, tried: map[sought]bool{}}
	for _, size := range []uint32{9, 10} { // the lie, and the truth
		s.hear(hit(size))
		if !s.busy || s.now.size != size {
			t.Fatalf("it does not try %d bytes: %+v", size, s.now)
		}
		s.failed(<-v.fetched)
		if s.busy {
			t.Fatal("it tries at once what has just failed")
		}
	}
	s.again()
	<-v.fetched
	if s.failed(transfer.ErrCorrupt); !s.busy || s.now.size != 10 {
		t.Fatalf("it does not go on to the other: %+v", s.now)
	}
	s.failed(<-v.fetched)
	if s.again(); !s.busy || s.now.size != 10 {
		t.Errorf("it tries what was damaged: %+v", s.now)
	}
}

// A search that finds nothing ends when it is interrupted, and then it has failed.
func TestServeGnutellaInterrupted(t *testing.T) {
	v := serveServent(t, "--search", "nothing", "--download", t.TempDir())
	time.Sleep(600 * time.Millisecond) // there is nobody to ask, and it asks again
	v.stop()
	v.exits(t, conformance.ExitUnmet)
}

func TestServeGnutellaRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "nowhere"}, {"--listen", "[::1]:0"}, {"--listen", "0.0.0.0:0"}, {"--mode", "moon"},
		{"--connect", "nowhere"}, {"--share", "/nowhere"}, {"--download", "."}, {"--search", "x", "--download", "/nowhere"},
		{"--maintain", "1ns"}, {"more"},
	} {
		out := &buffer{}
		a := &app{in: strings.NewReader(""), out: out, err: out, suites: suites.All()}
		argv := append([]string{"serve", "gnutella", "--listen", "127.0.0.1:0"}, args...)
		if code := a.run(t.Context(), argv); code != conformance.ExitUsage {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
}
