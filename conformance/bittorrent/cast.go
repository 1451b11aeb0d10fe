package bittorrent

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// reactWithin is how long a leecher may take to react to what a peer said:
// many look around once a second, some every ten.
const reactWithin = 15 * time.Second

// Cast adds peers that say nothing of themselves, for the case to direct. A
// place is filled when the target meets its peer, and anew when it comes again.
func (s *Swarm) Cast(n int, features ...wire.Feature) []*Peer {
	cast := make([]*Peer, n)
	for i := range cast {
		s.Add(features, func(p *Peer) { cast[i] = p })
	}
	return cast
}

// Gather starts the target, if it does not run, and waits until it has met the
// whole cast.
func (s *Swarm) Gather(cast []*Peer) {
	if !s.started {
		s.Start()
	}
	s.t.Until(func() bool { return !slices.Contains(cast, nil) }, downloadWithin)
	if slices.Contains(cast, nil) {
		s.t.Inconclusivef("the target did not meet all of %d peers within %v: %s", len(cast), downloadWithin, s.standing())
	}
}

// Offer has a peer announce some pieces and serve them.
func (s *Swarm) Offer(p *Peer, has func(piece int) bool) {
	p.On = func(m *Received) { s.Serve(p, m) }
	p.Send(bits(s.Pieces(), has))
}

// Below is the first n pieces, for Offer.
func Below(n int) func(int) bool { return func(i int) bool { return i < n } }

// Blocks is how many blocks the first n pieces have.
func (s *Swarm) Blocks(n int) (blocks int) {
	for i := range n {
		blocks += (s.Size(i) + BlockSize - 1) / BlockSize
	}
	return blocks
}

// MustFetch waits until the target has asked a peer for so many different
// blocks, or ends the case as inconclusive.
func (p *Peer) MustFetch(blocks int) {
	p.t.Until(func() bool { return p.asked() >= blocks || p.Gone() }, downloadWithin)
	if n := p.asked(); n < blocks {
		p.t.Inconclusivef("the target asked for %d of %d blocks: %s", n, blocks, p.Last())
	}
}

// warmingUp is how many blocks a seeder serves to a target that begins with one
// request and has more on their way as blocks come.
const warmingUp = 12

// serveSome behaves as [Swarm.Serve] does for so many requests, and leaves those
// behind without an answer.
func (s *Swarm) serveSome(p *Peer, blocks int) func(*Received) {
	return func(m *Received) {
		if m.Type != wire.Request || p.Count(isRequest) <= blocks {
			s.Serve(p, m)
		}
	}
}

// asked is how many different blocks the target has asked for.
func (p *Peer) asked() int {
	blocks := map[[2]uint32]bool{}
	for _, m := range p.Log {
		if m.Type == wire.Request {
			blocks[[2]uint32{m.Index, m.Begin}] = true
		}
	}
	return len(blocks)
}

// MustInterest waits until the target shows interest in a peer, or ends the
// case as inconclusive.
func (p *Peer) MustInterest() {
	if !p.t.Until(func() bool { return p.Interested }, reactWithin) {
		p.t.Inconclusivef("the target shows no interest in a peer with pieces: %s", p.Last())
	}
}

// MustAsk unchokes and waits for the first request, or ends the case as
// inconclusive.
func (p *Peer) MustAsk() *Received {
	p.MustInterest()
	p.Send(wire.Unchoke)
	m := p.AwaitType(reactWithin, wire.Request)
	if m == nil {
		p.t.Inconclusivef("the target asks for nothing after an unchoke: %s", p.Last())
	}
	return m
}

// MustHaveFiles fails the case unless the files on disk get the content's
// bytes.
func (s *Swarm) MustHaveFiles() {
	for name, want := range s.Files() {
		got := func() []byte { b, _ := s.t.ReadFile(name); return b }
		if !s.t.Until(func() bool { return bytes.Equal(got(), want) }, flushWithin) {
			s.t.Failf("the file %q on disk is not that of the torrent", name)
		}
	}
}

// FirstFiles are the first n files of the content, for a target that is to
// find them.
func (s *Swarm) FirstFiles(n int) map[string][]byte {
	all, some := s.Content.Files(), map[string][]byte{}
	for i := range n {
		name := joined(s.Info.FilePath(i))
		some[name] = all[name]
	}
	return some
}

// rawPiece is a piece message of any fields, also such as no codec writes.
func rawPiece(index, begin uint32, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(9+len(data)))
	b = append(b, byte(wire.Piece))
	b = binary.BigEndian.AppendUint32(b, index)
	b = binary.BigEndian.AppendUint32(b, begin)
	return append(b, data...)
}
