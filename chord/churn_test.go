package chord

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Members come, go and fail at any moment while r+1 others stay; then it is
// quiet, and a bounded number of periods later the ring is ideal and every
// lookup exact. A node that failed comes back under its identifier.
//
// CHORD-INV-011, CHORD-JOIN-001, CHORD-JOIN-008, CHORD-FAIL-003, CHORD-FAIL-004,
// CHORD-LEAVE-005, CHORD-RING-003, CHORD-LOOKUP-013.
func TestRingOutlivesChurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{IDBits: 8, Successors: rapid.IntRange(1, 3).Draw(t, "r"), Stabilize: 10 * time.Second,
			FixFingers: 20 * time.Second, Jitter: rapid.SampledFrom([]time.Duration{-1, time.Second}).Draw(t, "jitter")}
		n := newNet(t, cfg, lan)
		ids := drawIDs(t, cfg.Successors+1, 9)
		stay, others := ids[:cfg.Successors+1], ids[cfg.Successors+1:]
		n.ring(stay...)
		up := map[uint64]bool{}
		for range rapid.IntRange(0, 15).Draw(t, "events") {
			n.RunFor(time.Duration(rapid.IntRange(0, 20).Draw(t, "pause")) * time.Second)
			if len(others) == 0 {
				continue
			}
			id := rapid.SampledFrom(others).Draw(t, "node")
			if !up[id] {
				up[id] = n.tryJoin(id, rapid.SampledFrom(stay).Draw(t, "via"))
				continue
			}
			if !n.mayFail(at(id)) {
				continue
			}
			if rapid.Bool().Draw(t, "leaves") {
				require.NoError(t, n.do(at(id), Leave{Op: 2}).Err)
			}
			n.fail(id)
			up[id] = false
		}
		// A repair may take each of the members in turn, and wait for as many time outs.
		n.RunFor(time.Duration(4*len(ids)) * cfg.Stabilize)
		require.True(t, n.ideal())
		quiet := n.snapshots()
		n.RunFor(time.Minute)
		require.True(t, reflect.DeepEqual(quiet, n.snapshots()), "an ideal ring stays")
		for range 2 {
			key := rapid.Uint64Range(0, 255).Draw(t, "key")
			for _, p := range n.nodes {
				require.Equal(t, n.owner(FromUint(key)).ID, n.lookup(p.ID.Uint(), key, Iterative).Owner.ID)
			}
		}
		require.NotContains(t, n.seen, AssumptionBroken{TimelyAnswers})
		require.NotContains(t, n.seen, AssumptionBroken{LiveSuccessor})
	})
}

// mayFail is the assumption on failures: every other member keeps a live
// successor, also once it has what f is telling it. The members that stay are
// the principals that must be left.
//
// CHORD-ASSUME-002 (Zave 2017, Fail).
func (n *net) mayFail(f Peer) bool {
	survives := func(list []Peer) bool {
		return slices.ContainsFunc(list, func(p Peer) bool { return p != f && slices.Contains(n.nodes, p) })
	}
	failing := n.Machine(f.Addr).(*Node)
	for _, p := range n.nodes {
		m := n.Machine(p.Addr).(*Node)
		if p == f || !m.Member() {
			continue
		}
		if !survives(m.Successors()) || m.query.to == f && !survives(m.adopt(f, failing.Successors())) {
			return false
		}
	}
	return true
}

// tryJoin reports whether the node has joined. While the ring has not noticed
// that it failed, its identifier is taken.
func (n *net) tryJoin(id, via uint64) bool {
	d := n.do(n.add(id), Join{Op: 1, Via: at(via)})
	if d.Err != nil {
		require.Equal(n.t, ErrTaken, d.Err)
		n.fail(id)
	}
	return d.Err == nil
}

// snapshots are the pointers of all members, of which none may be caught in the
// act. CHORD-INV-012.
func (n *net) snapshots() []Snapshot {
	var all []Snapshot
	for _, p := range n.nodes {
		s, _ := n.Machine(p.Addr).(*Node).Snapshot()
		all = append(all, Snapshot{Successors: s.Successors, Predecessor: s.Predecessor})
	}
	return all
}

// All nodes of a ring stabilize at one instant, for ever after: they wait for
// each other in a circle, which does not keep them from taking in a newcomer.
//
// CHORD-BUSY-005.
func TestSynchronousRingDoesNotDeadlock(t *testing.T) {
	lockstep := sim.Config{Link: sim.Link{Latency: sim.Constant(50 * time.Millisecond)}}
	n := newNet(t, Config{IDBits: 6, Successors: 2, FixFingers: -1, Jitter: -1}, lockstep)
	n.ring(1, 11, 21, 31, 41, 51)
	n.RunFor(30 * time.Second)
	for _, p := range n.nodes {
		require.Equal(t, Stabilizing, n.node(p.ID.Uint()).Pending().Activity)
	}
	n.join(5, 31)
	n.join(60, 31)
	n.RunFor(5 * time.Minute)
	require.True(t, n.ideal())
}

// CHORD-STAB-008: dead candidates are named at every turn, and never adopted.
func TestDeadCandidatesAreNeverAdopted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNet(t, Config{IDBits: 8, Successors: 2, Stabilize: 5 * time.Second}, lan)
		n.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
			switch e := e.(type) {
			case spec.Done:
				n.done = append(n.done, e)
			case spec.Notify:
				if c, ok := e.Event.(SuccessorsChanged); ok && len(c.Successors) > 0 {
					require.NotEqual(t, at(100), c.Successors[0])
				}
			}
		})
		n.ring(10, 90, 200)
		for range 10 {
			id := rapid.SampledFrom([]uint64{90, 200}).Draw(t, "misled")
			n.Input(at(id).Addr, spec.Recv{From: at(100).Addr, Msg: Notify{Header{0, FromUint(100)}}})
			n.RunFor(time.Duration(rapid.IntRange(1, 20).Draw(t, "pause")) * time.Second)
		}
	})
}
