package chord

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// randomRing is a sorted ring of random identifiers.
func randomRing(size int) []Peer {
	rng := spec.NewRand([32]byte{1})
	ring := make([]Peer, size)
	for i := range ring {
		ring[i] = at(uint64(i))
		rng.Fill(ring[i].ID[:])
	}
	slices.SortFunc(ring, func(a, b Peer) int { return a.ID.Cmp(b.ID) })
	return ring
}

func member(t testing.TB, cfg Config, ring []Peer, i int) *Node {
	cfg.ID = ring[i].ID
	n, err := New(cfg, 0)
	require.NoError(t, err)
	out := n.Step(0, Create{Op: 1, Ring: ring}, nil)
	require.Equal(t, spec.Done{Op: 1}, out[len(out)-1])
	return n
}

// BenchmarkExplore is what an exploration does for each state: copy a machine,
// give it an input and encode it.
func BenchmarkExplore(b *testing.B) {
	n := member(b, Config{Successors: 3, FixFingers: -1, RPCBits: 2}, randomRing(5), 2)
	ask := spec.Recv{From: n.predecessor.Addr, Msg: GetNeighbors{Header{1, n.predecessor.ID}}}
	var out []spec.Effect
	var state []byte
	b.ReportAllocs()
	for b.Loop() {
		c := n.Clone()
		out = c.Step(time.Second, ask, out[:0])
		state = c.AppendState(state[:0])
	}
	b.ReportMetric(float64(len(state)), "B/state")
}

// BenchmarkAnswerStep is what a node does for each step of a lookup.
func BenchmarkAnswerStep(b *testing.B) {
	ring := randomRing(1 << 14)
	n := member(b, Config{}, ring, 77)
	from := ring[4711]
	var out []spec.Effect
	var key ID
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		binary.BigEndian.PutUint64(key[:], i*0x9e3779b97f4a7c15)
		out = n.Step(time.Second, spec.Recv{From: from.Addr,
			Msg: ClosestPreceding{Header{1, from.ID}, key}}, out[:0])
	}
}

// BenchmarkCreate is what a simulation spends on each node of a large ring.
func BenchmarkCreate(b *testing.B) {
	ring := randomRing(1 << 14)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		member(b, Config{}, ring, i%len(ring))
	}
}

// A node of a large ring costs its lists and little more: thousands of them
// share a process.
func TestNodeIsSmall(t *testing.T) {
	const nodes, limit = 500, 4 << 10
	ring := randomRing(1 << 14)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	machines := make([]*Node, nodes)
	before := heap()
	for i := range machines {
		machines[i] = member(t, Config{}, ring, i)
	}
	each := (heap() - before) / nodes
	t.Logf("%d bytes a node with %d successors and %d different fingers",
		each, len(machines[0].successors), len(machines[0].fingers))
	require.Less(t, each, uint64(limit))
	runtime.KeepAlive(machines)
	runtime.KeepAlive(ring)
}
