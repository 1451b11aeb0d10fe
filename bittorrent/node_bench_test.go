package bittorrent

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// benchNode has a torrent of that many pieces and ten peers, who said first what
// they have, and have unchoked it.
func benchNode(b *testing.B, pieces int32, first wire.Type, out []spec.Effect) (*Node, []spec.Effect) {
	n, err := New(Config{
		InfoHash: [20]byte{7}, Layout: Layout{Pieces: pieces, PieceLength: 16}, BlockSize: 16, TerseHave: true,
		MaxRequestsOut: 5, MinRequestsOut: 5,
	}, 0)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		c := -spec.Conn(i + 1)
		h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{byte(i)}}
		h.Offer(wire.FeatureFast)
		n.Step(0, spec.Opened{Conn: c, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)}, nil)
		n.Step(0, spec.Got{Conn: c, Msg: h}, nil)
		n.Step(0, spec.Got{Conn: c, Msg: &wire.Message{Type: first}}, nil)
		out = n.Step(0, spec.Got{Conn: c, Msg: &wire.Message{Type: wire.Unchoke}}, out)
	}
	return n, out
}

// BenchmarkNodeHave is a have message: what swarms say most.
func BenchmarkNodeHave(b *testing.B) {
	const pieces = 3000
	var n *Node
	var out []spec.Effect
	m := &wire.Message{Type: wire.Have}
	b.ReportAllocs()
	for i := range b.N {
		at := i % (10 * pieces)
		if at == 0 {
			b.StopTimer()
			n, _ = benchNode(b, pieces, wire.HaveNone, nil)
			b.StartTimer()
		}
		m.Index = uint32(at / 10)
		out = n.Step(time.Duration(at)*time.Microsecond, spec.Got{Conn: -spec.Conn(at%10 + 1), Msg: m}, out[:0])
	}
}

// BenchmarkNodePiece is a piece of one block from the request to the haves.
func BenchmarkNodePiece(b *testing.B) {
	const pieces = 3000
	var n *Node
	var todo []spec.Input
	var out []spec.Effect
	held := 0
	b.ReportAllocs()
	for i := 0; i < b.N; {
		if n == nil || n.Complete() {
			b.StopTimer()
			n, out = benchNode(b, pieces, wire.HaveAll, nil)
			todo = answers(out, todo[:0])
			held = 0
			b.StartTimer()
		}
		in := todo[0]
		todo = todo[1:]
		out = n.Step(0, in, out[:0])
		todo = answers(out, todo)
		if int(n.Held()) > held {
			held = int(n.Held())
			i++
		}
	}
}

// answers appends what follows from effects when all goes well.
func answers(effects []spec.Effect, todo []spec.Input) []spec.Input {
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Write:
			if m, ok := e.Msg.(*wire.Message); ok && m.Type == wire.Request {
				todo = append(todo, spec.Got{Conn: e.Conn, Msg: &wire.Message{
					Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: make([]byte, m.Length),
				}})
			}
		case spec.Store:
			todo = append(todo, spec.Stored{Token: e.Token})
		case spec.Verify:
			todo = append(todo, spec.Verified{Token: e.Token, OK: true})
		}
	}
	return todo
}
