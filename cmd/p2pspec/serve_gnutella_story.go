package main

import (
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
	transportgnutella "github.com/p2pspec/p2pspec/transport/gnutella"
)

// The commands of serve gnutella. Fetches are counted from opFetch on.
const (
	opConnect spec.OpID = iota + 1
	opSearch
	opShutdown
	opFetch
)

// serventStory prints what a servent sees.
type serventStory struct {
	*transportgnutella.Servent
	journal

	hits     chan gnutella.Hit
	searched chan error // how the last search began
	fetched  chan error // how a fetch has ended

	mu      sync.Mutex // guards what follows
	remotes map[spec.Conn]netip.AddrPort
	urn     urn.SHA1 // of what is being fetched
}

func newServentStory(out io.Writer) *serventStory {
	return &serventStory{
		journal: journal{w: out, drops: map[string]int{}},
		hits:    make(chan gnutella.Hit, maxHits), searched: make(chan error, 1), fetched: make(chan error, 1),
		remotes: map[spec.Conn]netip.AddrPort{},
	}
}

// begin prints what there is at the beginning.
func (s *serventStory) begin(mode gnutella.Mode) {
	s.printf("ready %v %v\n", s.Addr(), mode)
	for _, file := range s.Shared() {
		s.printf("shared %d %d %q %v\n", file.Index, file.Size, file.Name, file.SHA1)
	}
	for _, why := range s.Skipped() {
		s.printf("skipped %v\n", why)
	}
}

// want notes what is fetched from now on.
func (s *serventStory) want(found gnutella.Found) {
	s.mu.Lock()
	s.urn = found.SHA1
	s.mu.Unlock()
}

// observe runs on the machine's goroutine.
func (s *serventStory) observe(_ time.Duration, e spec.Effect) {
	switch e := e.(type) {
	case spec.Done:
		s.done(e)
	case spec.Notify:
		s.notice(e.Event)
	case spec.Drop:
		s.drop(e)
	}
}

func (s *serventStory) done(d spec.Done) {
	switch {
	case d.Op == opSearch:
		offerTo(s.searched, d.Err)
	case d.Op < opFetch && d.Err != nil:
		s.printf("error %v\n", d.Err)
	case d.Op < opFetch:
	case d.Err != nil:
		s.printf("error fetch %v\n", d.Err)
		s.fetched <- d.Err
	default:
		saved := d.Result.(transportgnutella.Saved)
		s.mu.Lock()
		name := s.urn
		s.mu.Unlock()
		s.printf("saved %q %d %v\n", saved.Name, saved.Size, name)
		s.fetched <- nil
	}
}

func (s *serventStory) notice(e spec.Event) {
	switch e := e.(type) {
	case gnutella.Connected:
		s.remotes[e.Conn] = e.Remote
		s.printf("connected %v %v %q\n", e.Remote, e.Mode, e.UserAgent)
	case gnutella.Disconnected:
		s.printf("disconnected %v %d\n", s.remotes[e.Conn], e.Bye)
		delete(s.remotes, e.Conn)
	case gnutella.Refused:
		s.printf("refused %v %d %q\n", e.Remote, e.Code, e.Phrase)
	case gnutella.ModeChanged:
		s.printf("mode %v\n", e.Mode)
	case gnutella.Hit:
		s.hit(e)
	case transfer.Receiving:
		s.printf("receiving %v %d\n", e.From, e.Begin)
	case transfer.Corrupted:
		s.printf("corrupted\n")
	case transfer.Uploaded:
		s.printf("uploaded %v %d %d %d\n", e.To, e.Piece, e.Begin, e.End)
	}
}

func (s *serventStory) hit(h gnutella.Hit) {
	reach := "open"
	if h.Push {
		reach = "push"
	}
	for _, r := range h.Results {
		name := "unknown"
		if r.SHA1 != (urn.SHA1{}) {
			name = r.SHA1.String()
		}
		s.printf("hit %v %s %d %d %q %s\n", h.Addr, reach, r.Index, r.Size, r.Name, name)
	}
	offerTo(s.hits, h)
}

// count prints what came and went.
func (s *serventStory) count() {
	n := s.Stats()
	s.printf("received %d messages (%d bytes), sent %d bytes%s\n", n.Received, n.ReceivedBytes, n.SentBytes, s.dropped())
}
