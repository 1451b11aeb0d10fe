package chord

import (
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// A ring of one loses itself to a node that joins and fails at once: the
// shortest counterexample to the protocol of 2001. The corrected protocol asks
// before it believes.
//
// CHORD-INV-007, CHORD-STAB-008, CHORD-FAIL-003.
func TestOriginalLosesItsRing(t *testing.T) {
	run := func(v Variant) *lone {
		n, err := New(Config{IDBits: 6, Successors: 2, FixFingers: -1, Variant: v}, 0)
		require.NoError(t, err)
		s := &lone{t: t, Node: n}
		s.step(Create{Op: 1})
		s.hear(1, Notify{hdr(0, 1)}) // the last that is heard of 1
		for s.now < 10*time.Minute {
			s.wake()
		}
		return s
	}
	s := run(Original)
	require.Equal(t, peersAt(1), s.Successors())
	s.step(Lookup{Op: 2, Key: FromUint(5)})
	require.Contains(t, s.wake(), spec.Done{Op: 2, Err: ErrNoAnswer})

	s = run(Corrected)
	require.Empty(t, s.Successors())
	require.True(t, s.Owns(FromUint(5)))
}

// The three tasks take turns. CHORD-FAIL-002.
func TestOriginalMaintenance(t *testing.T) {
	s := ringOf10(t)
	s.cfg.Variant = Original
	ask := func(rpc uint32) []spec.Effect { return effects(says(20, GetNeighbors{hdr(rpc, 10)})) }
	require.Equal(t, ask(1), s.wake(), "stabilize")
	require.Equal(t, effects(says(5, Neighbors{hdr(9, 10), at(50), peersAt(20, 30, 40)})),
		s.hear(5, GetNeighbors{hdr(9, 5)}), "never busy")
	require.Equal(t, effects(changed(15, 30, 40), says(15, Notify{hdr(0, 10)})),
		s.hear(20, Neighbors{hdr(1, 20), at(15), peersAt(30, 40, 50)}), "the tail stays as it was")
	require.Equal(t, effects(says(15, GetNeighbors{hdr(2, 10)})), s.wake(), "reconcile")
	require.Equal(t, effects(changed(15, 20, 30)), s.hear(15, Neighbors{hdr(2, 15), at(10), peersAt(20, 30, 40)}))
	require.Equal(t, effects(says(50, Ping{hdr(3, 10)})), s.wake(), "flush")
	gone := spec.Notify{Event: PredecessorChanged{}}
	require.Equal(t, effects(gone), s.wake(), "a dead predecessor")
	require.Equal(t, effects(preceded(30)), s.hear(30, Notify{hdr(0, 30)}))
	require.Equal(t, effects(preceded(40)), s.hear(40, Notify{hdr(0, 40)}), "closer")
	require.Empty(t, s.hear(35, Notify{hdr(0, 35)}), "farther")
	s.wake()
	require.Equal(t, effects(changed(20, 30)), s.wake(), "a dead successor")
}

// Left alone, the protocol of 2001 makes rings, too.
func TestOriginalForms(t *testing.T) {
	n := newNet(t, Config{IDBits: 6, Successors: 2, Variant: Original, Stabilize: 5 * time.Second}, lan)
	require.NoError(t, n.do(n.add(8), Create{Op: 1}).Err)
	for _, id := range []uint64{1, 14, 56, 32, 21} {
		n.join(id, 8)
		n.RunFor(2 * time.Minute)
	}
	require.True(t, n.ideal())
	for key := range uint64(64) {
		require.Equal(t, n.owner(FromUint(key)), n.lookup(32, key, Iterative).Owner.from(at(32)), "%d", key)
	}
}
