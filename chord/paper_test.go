package chord

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
	"github.com/stretchr/testify/require"
)

// fingers lists the finger table of a node as the paper prints it.
func (n *net) fingers(id uint64) []uint64 {
	var table []uint64
	for i := 1; i <= n.cfg.IDBits; i++ {
		p, ok := n.node(id).Finger(i)
		require.True(n.t, ok, "finger %d of %d", i, id)
		table = append(table, p.ID.Uint())
	}
	return table
}

// owners lists who each key belongs to, as its owner says.
func (n *net) owners(keys ...uint64) []uint64 {
	var owners []uint64
	for _, key := range keys {
		for _, p := range n.nodes {
			if n.node(p.ID.Uint()).Owns(FromUint(key)) {
				owners = append(owners, p.ID.Uint())
			}
		}
	}
	return owners
}

// figure2 is the ring of the nodes 0, 1 and 3 on the circle of 8.
func figure2(t *testing.T) *net {
	n := newNet(t, Config{IDBits: 3, Successors: 2, FixFingers: 10 * time.Second}, lan)
	n.ring(0, 1, 3)
	return n
}

// Chord §4.1, figure 2, and §4.3, figure 3. CHORD-ID-002, CHORD-FINGER-001.
func TestFigures2And3(t *testing.T) {
	n := figure2(t)
	require.Equal(t, []uint64{1, 3, 0}, n.owners(1, 2, 6))
	require.Equal(t, []uint64{1, 3, 0}, n.fingers(0))
	require.Equal(t, []uint64{3, 3, 0}, n.fingers(1))
	require.Equal(t, []uint64{0, 0, 0}, n.fingers(3))
	var starts []uint64
	for i := range 3 {
		starts = append(starts, FromUint(3).AddPower(i, 3).Uint())
	}
	require.Equal(t, []uint64{4, 5, 7}, starts)
	// "Node 3 wants to find the successor of identifier 1": by way of 0.
	require.Equal(t, Found{Key: FromUint(1), Owner: at(1), Hops: 2}, n.lookup(3, 1, Iterative))
}

// Chord §4.4, figure 5a: node 6 joins and takes over key 6; figure 5b: then
// node 3 leaves, and key 2 goes to 6. CHORD-KEY-002, CHORD-KEY-003,
// CHORD-FINGER-003, CHORD-LEAVE-005.
func TestFigure5(t *testing.T) {
	n := figure2(t)
	n.join(6, 1)
	n.RunFor(5 * time.Minute)
	require.True(t, n.ideal())
	require.Equal(t, []uint64{1, 3, 6}, n.owners(1, 2, 6))
	require.Equal(t, []uint64{0, 0, 3}, n.fingers(6))
	require.Equal(t, []uint64{1, 3, 6}, n.fingers(0))
	require.Equal(t, []uint64{3, 3, 6}, n.fingers(1))
	require.Equal(t, []uint64{6, 6, 0}, n.fingers(3))

	require.NoError(t, n.do(at(3), Leave{Op: 2}).Err)
	n.fail(3)
	n.RunFor(5 * time.Minute)
	require.True(t, n.ideal())
	require.Equal(t, []uint64{1, 6, 6}, n.owners(1, 2, 6))
	require.Equal(t, []uint64{1, 6, 6}, n.fingers(0))
	require.Equal(t, []uint64{6, 6, 6}, n.fingers(1))
	require.Equal(t, []uint64{0, 0, 6}, n.fingers(6))
}

// Chord §4.2: "if a node with identifier 7 joins, it takes key 6 from node 0".
func TestNode7TakesKey6(t *testing.T) {
	n := figure2(t)
	n.join(7, 3)
	n.RunFor(2 * time.Minute)
	require.Equal(t, []uint64{1, 3, 7}, n.owners(1, 2, 6))
}

// The ring of ten nodes on the circle of 64 (ToN 2003, figures 3 to 5).
func tenNodes(t *testing.T) *net {
	n := newNet(t, Config{IDBits: 6, Successors: 1}, lan)
	n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
	return n
}

// CHORD-FINGER-001, CHORD-LOOKUP-002, CHORD-KEY-001.
func TestTenNodes(t *testing.T) {
	n := tenNodes(t)
	require.Equal(t, []uint64{14, 14, 14, 21, 32, 42}, n.fingers(8))
	require.Equal(t, []uint64{14, 32, 32, 38, 56}, n.owners(10, 24, 30, 38, 54))

	var trace sim.Trace
	n.Record(&trace)
	require.Equal(t, Found{Key: FromUint(54), Owner: at(56), Hops: 3}, n.lookup(8, 54, Iterative))
	var asked []netip.AddrPort
	for _, r := range trace.Records {
		if in, ok := r.Input.(spec.Recv); ok {
			if _, ok := in.Msg.(ClosestPreceding); ok {
				asked = append(asked, r.Node)
			}
		}
	}
	require.Equal(t, []netip.AddrPort{at(42).Addr, at(51).Addr}, asked)
	require.Equal(t, Found{Key: FromUint(54), Owner: at(56), Hops: 3}, n.lookup(8, 54, Recursive))
}

// Node 26 joins between 21 and 32 and takes key 24 (ToN 2003, figure 7).
// CHORD-JOIN-003, CHORD-STAB-005.
func TestNode26Joins(t *testing.T) {
	n := tenNodes(t)
	n.join(26, 56)
	require.Equal(t, peersAt(32), n.node(26).Successors())
	n.RunFor(2 * time.Minute)
	require.Equal(t, peersAt(26), n.node(21).Successors())
	before, _ := n.node(32).Predecessor()
	require.Equal(t, at(26), before)
	require.Equal(t, []uint64{14, 26, 32, 38, 56}, n.owners(10, 24, 30, 38, 54))
}
