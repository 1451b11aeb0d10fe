package chord

import (
	"fmt"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawIDs draws different identifiers of the circle of 256.
func drawIDs(t *rapid.T, low, high int) []uint64 {
	return rapid.SliceOfNDistinct(rapid.Uint64Range(0, 255), low, high,
		func(id uint64) uint64 { return id }).Draw(t, "ids")
}

// Every lookup in a settled ring is exact, whoever asks for whatever, and in
// whichever mode; without failures no request is in vain.
//
// CHORD-LOOKUP-001, CHORD-LOOKUP-003, CHORD-LOOKUP-007, CHORD-LOOKUP-011,
// CHORD-LOOKUP-013, CHORD-RING-001.
func TestLookupsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			IDBits: 8, Successors: rapid.IntRange(1, 4).Draw(t, "r"),
			FixFingers: rapid.SampledFrom([]time.Duration{-1, time.Minute}).Draw(t, "fix"),
		}
		n := newNet(t, cfg, lan)
		ids := drawIDs(t, 1, 12)
		n.ring(ids...)
		require.True(t, n.ideal())
		for range 5 {
			from, key := rapid.SampledFrom(ids).Draw(t, "from"), rapid.Uint64Range(0, 255).Draw(t, "key")
			for _, mode := range []Mode{Iterative, Recursive} {
				f := n.lookup(from, key, mode)
				require.Equal(t, n.owner(FromUint(key)).ID, f.Owner.ID, "%d from %d", key, from)
				require.Zero(t, f.Timeouts)
				require.LessOrEqual(t, int(f.Hops), len(ids))
				require.Equal(t, f.Owner.ID == FromUint(from), f.Hops == 0)
			}
		}
	})
}

// Fingers of a settled ring are what the paper's table says, computed at once or
// found by lookups.
//
// CHORD-FINGER-001, CHORD-FINGER-002, CHORD-FINGER-003.
func TestFingersAreThoseOfTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNet(t, Config{IDBits: 8, Successors: 2, FixFingers: time.Second}, lan)
		ids := drawIDs(t, 1, 10)
		n.ring(ids...)
		check := func() {
			for _, id := range ids {
				for i := 1; i <= 8; i++ {
					p, ok := n.node(id).Finger(i)
					require.True(t, ok)
					require.Equal(t, n.owner(FromUint(id).AddPower(i-1, 8)).ID, p.ID, "finger %d of %d", i, id)
				}
			}
		}
		check()
		for _, id := range ids {
			n.node(id).fingers = nil
		}
		n.RunFor(time.Minute)
		check()
	})
}

// Half of a large ring fails at once. Before anything is repaired, lookups find
// the closest live node, at the price of time outs.
//
// CHORD-LOOKUP-006, CHORD-LOOKUP-012, CHORD-FAIL-003, CHORD-FINGER-004.
func TestLookupsPassHalfTheRing(t *testing.T) {
	n := newNet(t, Config{Successors: 20, FixFingers: -1, Stabilize: 24 * time.Hour}, lan)
	n.cfg.IDBits = 24
	rng := spec.NewRand([32]byte{7})
	var ids []uint64
	for range 300 {
		ids = append(ids, rng.Below(1<<24))
	}
	n.ring(ids...)
	for i, id := range ids {
		if i%2 == 0 {
			n.fail(id)
		}
	}
	timeouts := int32(0)
	for range 200 {
		from, key := ids[2*rng.Below(150)+1], rng.Below(1<<24)
		f := n.lookup(from, key, Iterative)
		require.Equal(t, n.owner(FromUint(key)).ID, f.Owner.ID)
		timeouts += f.Timeouts
	}
	require.Positive(t, timeouts)
}

// Wrong fingers do not make lookups wrong. CHORD-FINGER-005.
func TestWrongFingersAreHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNet(t, Config{IDBits: 8, Successors: 2, FixFingers: -1}, lan)
		ids := drawIDs(t, 2, 10)
		n.ring(ids...)
		for _, id := range ids {
			node := n.node(id)
			node.fingers = nil
			for i := uint8(1); i <= 8; i++ {
				node.fingers = append(node.fingers, finger{i, true, at(rapid.SampledFrom(ids).Draw(t, "finger"))})
			}
		}
		from, key := rapid.SampledFrom(ids).Draw(t, "from"), rapid.Uint64Range(0, 255).Draw(t, "key")
		for _, mode := range []Mode{Iterative, Recursive} {
			require.Equal(t, n.owner(FromUint(key)).ID, n.lookup(from, key, mode).Owner.ID)
		}
	})
}

// Each step of a lookup lies between the one before and the key, and is closer
// than all others that a node knows.
//
// CHORD-LOOKUP-002, CHORD-LOOKUP-004.
func TestStepsComeCloser(t *testing.T) {
	n := restored(t, 10, Snapshot{
		Successors: peersAt(12, 20, 30), Predecessor: at(60),
		Fingers: []Finger{{4, true, at(20)}, {5, true, at(30)}, {6, true, at(44)}},
	})
	for _, c := range []struct {
		key               uint64
		preceding, owners []uint64
	}{
		{11, nil, []uint64{12, 20, 30}},
		{12, nil, []uint64{12, 20, 30}},
		{20, []uint64{12}, []uint64{20, 30}},
		{31, []uint64{30, 20, 12}, nil},
		{50, []uint64{44, 30, 20, 12}, nil},
		{10, []uint64{44, 30, 20, 12}, nil},
	} {
		m := n.hear(5, ClosestPreceding{hdr(1, 5), FromUint(c.key)})[0].(spec.Send).Msg.(Step)
		require.Equal(t, fmt.Sprint(peersAt(c.preceding...)), fmt.Sprint(m.Preceding), "key %d", c.key)
		require.Equal(t, fmt.Sprint(peersAt(c.owners...)), fmt.Sprint(m.Owners), "key %d", c.key)
	}
}

// CHORD-LOOKUP-005.
func TestStepsAwayFromTheKeyAreRefused(t *testing.T) {
	s := ringOf10(t)
	s.step(Lookup{Op: 1, Key: FromUint(35)})
	unusable := Peer{ID: FromUint(33)}
	for _, m := range []Step{
		{Preceding: peersAt(25)}, {Preceding: peersAt(35)}, {Preceding: peersAt(40)}, {Preceding: peersAt(30)},
		{Preceding: []Peer{unusable}}, {Owners: []Peer{unusable}}, {Owners: peersAt(45, 40)},
		{Owners: peersAt(40, 40)}, {Preceding: peersAt(64)},
	} {
		m.Header = hdr(1, 30)
		before := s.AppendState(nil)
		drop := s.hear(30, m)[0].(spec.Drop)
		require.Equal(t, "CHORD-LOOKUP-005", drop.Clause, "%v", m)
		require.Equal(t, before, s.AppendState(nil))
	}
	require.Equal(t, effects(says(40, Ping{hdr(2, 10)})),
		s.hear(30, Step{Header: hdr(1, 30), Owners: peersAt(40, 50)}))
	found := Found{Key: FromUint(35), Owner: at(40), Hops: 2}
	require.Equal(t, effects(spec.Done{Op: 1, Result: found}), s.hear(40, Pong{hdr(2, 40)}))
}

// A network that names ever closer nodes does not keep a lookup for ever.
// CHORD-LOOKUP-009.
func TestLookupsEnd(t *testing.T) {
	s := ringOf10(t)
	s.cfg.MaxRequests = 5
	s.step(Lookup{Op: 1, Key: FromUint(49)})
	for i := range uint32(4) {
		id := uint64(40 + i)
		require.Equal(t, effects(says(id+1, ClosestPreceding{hdr(i+2, 10), FromUint(49)})),
			s.hear(id, Step{Header: hdr(i+1, id), Preceding: peersAt(id + 1)}))
	}
	require.Equal(t, effects(spec.Done{Op: 1, Err: ErrNoAnswer}),
		s.hear(44, Step{Header: hdr(5, 44), Preceding: peersAt(45)}))
	drop := s.hear(50, FindSuccessor{hdr(1, 50), at(50), FromUint(33), 5})[0].(spec.Drop)
	require.Equal(t, "CHORD-LOOKUP-009", drop.Clause)
}

// CHORD-LOOKUP-008.
func TestRecursiveLookupsTryAnotherWay(t *testing.T) {
	s := ringOf10(t)
	ask := func(to uint64, rpc uint32) []spec.Effect {
		return effects(says(to, FindSuccessor{hdr(rpc, 10), Peer{ID: FromUint(10)}, FromUint(45), 1}))
	}
	require.Equal(t, ask(40, 1), s.step(Lookup{Op: 1, Key: FromUint(45), Mode: Recursive}))
	require.Equal(t, ask(30, 2), s.wake())
	require.Equal(t, ask(20, 3), s.wake())
	require.Equal(t, effects(spec.Done{Op: 1, Err: ErrNoAnswer}), s.wake())

	s.step(Lookup{Op: 2, Key: FromUint(45), Mode: Recursive})
	found := Found{Key: FromUint(45), Owner: at(50), Hops: 4}
	require.Equal(t, effects(spec.Done{Op: 2, Result: found}), s.hear(33, FoundSuccessor{hdr(4, 33), at(50), 4}))
}

// CHORD-LOOKUP-007.
func TestQuestionsArePassedOn(t *testing.T) {
	s := ringOf10(t)
	origin := Peer{ID: FromUint(5)}
	require.Equal(t, effects(says(20, FindSuccessor{hdr(7, 10), at(5), FromUint(25), 2})),
		s.hear(5, FindSuccessor{hdr(7, 5), origin, FromUint(25), 1}), "the origin has an address now")
	require.Equal(t, effects(says(5, FoundSuccessor{hdr(7, 10), at(20), 3})),
		s.hear(60, FindSuccessor{hdr(7, 60), at(5), FromUint(15), 2}))
	drop := s.hear(60, FindSuccessor{hdr(7, 60), origin, FromUint(15), 2})[0].(spec.Drop)
	require.Equal(t, "CHORD-RPC-002", drop.Clause)
}
