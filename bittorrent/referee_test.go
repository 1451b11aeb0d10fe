package bittorrent

import (
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// referee watches one machine from outside, and knows nothing but what goes in
// and comes out.
type referee struct {
	fail     func(format string, args ...any)
	knows    bool                        // BEP 6
	held     map[int32]bool              // verified
	asked    map[spec.Conn]map[block]int // requests of the machine that are unanswered
	owed     map[spec.Conn]map[block]int // requests to the machine that are unanswered
	fast     map[spec.Conn]bool
	choking  map[spec.Conn]bool           // the peer
	handed   map[spec.Conn]map[int32]bool // allowed fast, to the machine
	hasBegun map[spec.Conn]bool           // something was written after the handshake
}

func newReferee(fail func(string, ...any), cfg *Config, have []int32) *referee {
	r := &referee{
		fail: fail, knows: !cfg.NoFast, held: map[int32]bool{}, asked: map[spec.Conn]map[block]int{},
		owed: map[spec.Conn]map[block]int{}, fast: map[spec.Conn]bool{}, choking: map[spec.Conn]bool{},
		handed: map[spec.Conn]map[int32]bool{}, hasBegun: map[spec.Conn]bool{},
	}
	for _, piece := range have {
		r.held[piece] = true
	}
	return r
}

// input takes what the machine is told, before its effects.
func (r *referee) input(in spec.Input) {
	switch in := in.(type) {
	case spec.Opened:
		r.asked[in.Conn], r.owed[in.Conn] = map[block]int{}, map[block]int{}
		r.handed[in.Conn], r.choking[in.Conn] = map[int32]bool{}, true
	case spec.Verified: // of which piece is in the effects
	case spec.Got:
		switch m := in.Msg.(type) {
		case *wire.Handshake:
			r.fast[in.Conn] = r.knows && m.Offers(wire.FeatureFast)
		case *wire.Message:
			r.heard(in.Conn, m)
		}
	}
}

func (r *referee) heard(c spec.Conn, m *wire.Message) {
	switch m.Type {
	case wire.Choke:
		r.choking[c] = true
	case wire.Unchoke:
		r.choking[c] = false
	case wire.AllowedFast:
		r.handed[c][int32(m.Index)] = true
	case wire.Request:
		r.owed[c][blockOf(m)]++
	}
}

// effect takes one effect of an input.
func (r *referee) effect(in spec.Input, e spec.Effect) {
	switch e := e.(type) {
	case spec.Notify:
		if v, ok := e.Event.(PieceVerified); ok {
			if answer, ok := in.(spec.Verified); !ok || !answer.OK {
				r.fail("piece %d counts as verified after %#v", v.Piece, in)
			}
			r.held[v.Piece] = true
		}
	case spec.Store:
		got, ok := in.(spec.Got)
		b := block{e.Piece, e.Begin, int32(len(e.Data))}
		if !ok || r.asked[got.Conn][b] == 0 {
			r.fail("block %+v was stored and not asked for", b)
		}
	case spec.Write:
		if m, ok := e.Msg.(*wire.Message); ok {
			r.wrote(e.Conn, m)
		}
	}
}

func (r *referee) wrote(c spec.Conn, m *wire.Message) {
	b := block{int32(m.Index), int32(m.Begin), int32(m.Length)}
	switch m.Type {
	case wire.Bitfield, wire.HaveAll, wire.HaveNone:
		if r.hasBegun[c] { // BEP03-PEER-021
			r.fail("%v comes late", m.Type)
		}
	case wire.Have: // BEP03-PEER-017, BEP03-PEER-019
		if !r.held[b.piece] {
			r.fail("have of piece %d, which was not verified", b.piece)
		}
	case wire.Request: // BEP03-PEER-028, BEP03-PEER-030
		if r.held[b.piece] || r.choking[c] && !r.handed[c][b.piece] {
			r.fail("request of %+v; held %v, choked %v", b, r.held[b.piece], r.choking[c])
		}
		r.asked[c][b]++
	case wire.Piece, wire.Reject: // BEP06-FAST-007
		if m.Type == wire.Piece {
			b.length = int32(len(m.Data))
		}
		if r.owed[c][b]--; r.owed[c][b] < 0 {
			r.fail("%v of %+v, which nobody waits for", m.Type, b)
		}
		if m.Type == wire.Piece && !r.held[b.piece] { // BEP03-PEER-035
			r.fail("a block of piece %d, which is not held", b.piece)
		}
	}
	if m.Type != wire.Extended && m.Type != wire.Port {
		r.hasBegun[c] = true
	}
}

// settled finds requests that nobody answered though BEP 6 demands it.
func (r *referee) settled(open map[spec.Conn]*stream) {
	for c := range open {
		for b, n := range r.owed[c] {
			if n != 0 && r.fast[c] {
				r.fail("%d requests of %+v were not answered", n, b)
			}
		}
	}
}
