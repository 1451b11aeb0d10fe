package mainline

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// benchMessages are what a node hears most.
func benchMessages() map[string]*Message {
	reply := &Message{
		Kind: Response, T: []byte("aa"), V: []byte("LT\x01\x02"), Has: HasID | HasNodes, ID: answering,
		IP: addr("192.0.2.1:6881"), Token: []byte("aoeusnth"),
	}
	for i := range 8 {
		reply.Nodes = append(reply.Nodes, node(fmt.Sprintf("10.0.0.%d:6881", i)))
	}
	return map[string]*Message{
		"ping":      {Kind: Query, T: []byte("aa"), Method: MethodPing, Has: HasID, ID: querying},
		"find_node": {Kind: Query, T: []byte("aa"), Method: MethodFindNode, Has: HasID | HasTarget, ID: querying},
		"get_peers": {Kind: Query, T: []byte("aa"), Method: MethodGetPeers, Has: HasID | HasInfoHash, ID: querying},
		"reply":     reply,
	}
}

var benchOrder = []string{"ping", "find_node", "get_peers", "reply"}

func BenchmarkParse(b *testing.B) {
	for _, name := range benchOrder {
		packet, err := AppendMessage(nil, benchMessages()[name])
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var m Message
			for b.Loop() {
				if err := m.Parse(packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, name := range benchOrder {
		m := benchMessages()[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, MaxPacket)
			for b.Loop() {
				buf, _ = AppendMessage(buf[:0], m)
			}
		})
	}
}

// BenchmarkServe answers queries, from datagram to datagram, with a full table
// and 50 peers of the torrent asked for.
func BenchmarkServe(b *testing.B) {
	for _, name := range benchOrder[:3] {
		b.Run(name, func(b *testing.B) {
			d := &dialogue{T: new(testing.T)}
			d.n, _ = New(Config{}, 0)
			d.befriend(250)
			for i := range 50 {
				d.announceFrom(kademlia.ID{}, false, fmt.Sprintf("198.51.100.%d:1", i))
			}
			packet, err := AppendMessage(nil, benchMessages()[name])
			require.NoError(b, err)
			from := netip.MustParseAddrPort("10.0.0.1:6881")
			var m Message
			var out []spec.Effect
			buf := make([]byte, 0, MaxPacket)
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Parse(packet); err != nil {
					b.Fatal(err)
				}
				out = d.n.Step(0, spec.Recv{From: from, Msg: &m}, out[:0])
				buf, _ = AppendMessage(buf[:0], out[0].(spec.Send).Msg)
			}
		})
	}
}

// An idle node is small, so that many fit a simulation.
func TestIdleNodeIsSmall(t *testing.T) {
	const count = 200
	nodes := make([]*Node, 0, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range count {
		n, err := New(Config{Families: IPv4 | IPv6, Seed: [32]byte{byte(i)}}, 0)
		require.NoError(t, err)
		nodes = append(nodes, n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / count
	runtime.KeepAlive(nodes)
	t.Logf("%d bytes a node", each)
	require.Less(t, each, uint64(4<<10))
}
