package bittorrent

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// drawSwarm makes a swarm of peers that have some pieces each, all of them
// together, and may differ in every option; then poisoners that have all.
func drawSwarm(t *rapid.T, poisoners int) *swarm {
	pieces := rapid.Int32Range(1, 12).Draw(t, "pieces")
	s := newSwarm(t, rapid.Uint64().Draw(t, "seed"), pieces, rapid.Int32Range(1, 20).Draw(t, "length"))
	honest := rapid.IntRange(2, 5).Draw(t, "peers")
	have := make([][]int32, honest)
	for i := range have {
		have[i] = []int32{}
	}
	for piece := range pieces { // each is at one of them at least
		owner := rapid.IntRange(0, honest-1).Draw(t, "owner")
		have[owner] = append(have[owner], piece)
	}
	for i := range honest + poisoners {
		cfg := Config{
			NoFast:         rapid.Bool().Draw(t, "no fast"),
			NoExtended:     rapid.Bool().Draw(t, "no extended"),
			TerseHave:      rapid.Bool().Draw(t, "terse"),
			MaxRequestsOut: rapid.IntRange(1, 20).Draw(t, "requests out"),
			MaxRequestsIn:  rapid.IntRange(20, 40).Draw(t, "requests in"),
			UploadSlots:    rapid.IntRange(1, 4).Draw(t, "slots"),
			UploadWindow:   rapid.IntRange(1, 20).Draw(t, "window"),
			Order:          PieceOrder(rapid.IntRange(0, 2).Draw(t, "order")),
		}
		if i < honest {
			s.join(cfg, have[i])
		} else {
			s.join(cfg, nil)
		}
	}
	for i, m := range s.peers {
		s.connect(m, s.peers[:i]...)
	}
	return s
}

// TestUnionCompletes: peers that have all pieces together end with all pieces
// each, and then agree on who chokes whom and who is interested.
func TestUnionCompletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSwarm(t, 0)
		complete := s.run(2*time.Hour, s.allComplete)
		for _, m := range s.peers {
			if !complete || len(m.drops) > 0 {
				t.Errorf("%v has %d of %d pieces and refused %v", m.addr, m.Held(), s.layout.Pieces, m.drops)
			}
			for piece := range s.layout.Pieces {
				if got := s.read(m, piece, 0, s.layout.Size(piece)); !bytes.Equal(got, s.data[piece]) {
					t.Errorf("%v has other bytes in piece %d", m.addr, piece)
				}
			}
		}
		s.run(5*time.Second, nil)
		s.agree()
	})
}

// agree compares what the ends of every connection know of each other.
func (s *swarm) agree() {
	for _, m := range s.peers {
		m.referee.settled(m.ends)
		for id, end := range m.ends {
			c, d := m.connOf(id), end.other.connOf(end.otherID)
			if c == nil || d == nil || c.phase != talking || d.phase != talking {
				continue
			}
			if c.amChoking != d.peerChoking || c.amInterested != d.peerInterested || d.has.count > end.other.Held() {
				s.Errorf("%v and %v disagree: choke %v %v, interest %v %v", m.addr, end.other.addr,
					c.amChoking, d.peerChoking, c.amInterested, d.peerInterested)
			}
		}
	}
}

// TestPoisonersAreBanned: whoever sends data that is not the piece's is banned
// by all that it was sent to, and nobody else is. BEP03-PEER-042, BEP03-PEER-043
func TestPoisonersAreBanned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		poisoners := rapid.IntRange(1, 2).Draw(t, "poisoners")
		s := drawSwarm(t, poisoners)
		liars := s.peers[len(s.peers)-poisoners:]
		rate := rapid.Uint64Range(1, 4).Draw(t, "one block in")
		s.tamper = func(from, _ *member, msg spec.Message) spec.Message {
			m, ok := msg.(*wire.Message)
			if !ok || m.Type != wire.Piece || !slices.Contains(liars, from) || s.rng.Below(rate) > 0 {
				return msg
			}
			bad := *m
			bad.Data = bytes.Clone(m.Data)
			bad.Data[0] ^= 0xff
			return &bad
		}
		honest := s.peers[:len(s.peers)-poisoners]
		complete := func() bool {
			return !slices.ContainsFunc(honest, func(m *member) bool { return !m.Complete() })
		}
		if !s.run(4*time.Hour, complete) {
			for _, m := range honest {
				t.Errorf("%v has %d of %d pieces; banned %v", m.addr, m.Held(), s.layout.Pieces, m.known.banned)
			}
		}
		s.run(time.Minute, nil)
		for _, m := range honest {
			for _, other := range honest {
				if slices.Contains(m.known.banned, contributor(other.addr)) {
					t.Errorf("%v banned %v, who is honest", m.addr, other.addr)
				}
			}
			failed := slices.ContainsFunc(m.notes, func(e spec.Event) bool { _, ok := e.(PieceFailed); return ok })
			if failed && len(m.known.banned) == 0 {
				t.Errorf("%v banned nobody for a piece that failed", m.addr)
			}
		}
	})
}
