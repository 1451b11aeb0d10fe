package plumtree

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// member is a node with four neighbours that have joined by it.
func member(b *testing.B) *Node {
	n, err := New(Config{View: hyparview.Config{Self: at(0)}, KeepPayload: time.Second, KeepID: time.Second}, 0)
	require.NoError(b, err)
	for i := 1; i <= 4; i++ {
		n.Step(0, spec.Opened{Conn: -spec.Conn(i)}, nil)
		n.Step(0, spec.Got{Conn: -spec.Conn(i), Msg: hyparview.Join{Peer: at(i)}}, nil)
	}
	require.Len(b, n.Eager(nil), 4)
	return n
}

// BenchmarkForward is what a node does for each broadcast: to take it, store it and
// push it to three others.
func BenchmarkForward(b *testing.B) {
	n := member(b)
	g := Gossip{Round: 1, Payload: make([]byte, 100)}
	var out []spec.Effect
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		binary.BigEndian.PutUint64(g.ID[:], i)
		now := time.Duration(i) * time.Millisecond // a thousand in a second, which is kept
		out = n.Step(now, spec.Got{Conn: -1, Msg: g}, out[:0])
	}
}

// BenchmarkEncode is a Gossip of 100 bytes to the bytes of a stream and back.
func BenchmarkEncode(b *testing.B) {
	codec := StreamCodec()
	d := codec.Decoder()
	var m spec.Message = Gossip{Round: 1, Payload: make([]byte, 100)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = codec.AppendMessage(buf[:0], m)
		if _, n, err := d.Decode(buf); err != nil || n != len(buf) {
			b.Fatal(n, err)
		}
	}
}
