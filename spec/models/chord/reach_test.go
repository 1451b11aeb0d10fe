package chord_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/spec/models/search"
)

// TestReachable looks at all states that can be reached from the ideal ring of
// R+1 members: the invariant and its consequences hold; with nothing pending a
// repair changes the state exactly where it is not ideal; and once nobody joins
// or fails any more, a few rounds of repairs make it so.
func TestReachable(t *testing.T) {
	for _, c := range []struct {
		model          chord.Model
		states, rounds int
		long           bool
	}{
		{model: chord.Model{N: 4, R: 1}, states: 2_332, rounds: 3},
		{model: chord.Model{N: 4, R: 2}, states: 21_584, rounds: 3},
		{model: chord.Model{N: 5, R: 3}, states: 1_227_722, rounds: 4, long: true},
	} {
		if c.long && !*long {
			continue
		}
		m, rounds := c.model, 0
		way, states := search.Shortest(m.Initial(), m.Next, func(s chord.State) bool {
			if m.Invariant(s) != "" || m.Consequence(s) != "" {
				return true
			}
			if !pending(s) && repairs(m, s) == m.Ideal(s) {
				t.Errorf("N=%d r=%d: %v: ideal is %v", m.N, m.R, s, m.Ideal(s))
			}
			n := converge(m, s, sequence(m.N))
			rounds = max(rounds, n)
			return n < 0 || n > c.rounds
		})
		if way != nil {
			s := way[len(way)-1].After
			t.Errorf("N=%d r=%d: %v breaks %q %q, or needs more than %d rounds: %v",
				m.N, m.R, s, m.Invariant(s), m.Consequence(s), c.rounds, way)
		}
		if states != c.states || rounds != c.rounds {
			t.Errorf("N=%d r=%d: %d states, at most %d rounds, want %d and %d",
				m.N, m.R, states, rounds, c.states, c.rounds)
		}
	}
}

// pending reports whether a notification or a candidate waits.
func pending(s chord.State) bool {
	for _, n := range s {
		if n.Member && (n.Candidate != chord.None || n.RectifyWith != chord.None) {
			return true
		}
	}
	return false
}

// repairs reports whether a repair changes what the members know of the ring:
// at the latest the one that it sets off.
func repairs(m chord.Model, s chord.State) bool {
	for id := range chord.ID(m.N) {
		t := perform(m, s, chord.StabilizeFromSuccessor, id)
		t = perform(m, t, chord.StabilizeFromPredecessor, id)
		for other := range chord.ID(m.N) {
			t = perform(m, t, chord.Rectify, other)
		}
		if t != s {
			return true
		}
	}
	return false
}

// perform returns the state after a repair, s itself where it is not possible.
func perform(m chord.Model, s chord.State, kind chord.Kind, id chord.ID) chord.State {
	t, _ := m.Step(s, chord.Event{Kind: kind, Node: id, Via: chord.None})
	return t
}

// converge returns after how many rounds, in which all members repair in the
// given order, the ring is ideal for good; -1 if it comes back to where it was
// and is not.
func converge(m chord.Model, s chord.State, order []chord.ID) int {
	seen := map[chord.State]int{}
	ideal := 0 // since which round
	for round := 0; ; round++ {
		if !m.Ideal(s) {
			ideal = round + 1
		}
		if before, ok := seen[s]; ok {
			if ideal > before {
				return -1
			}
			return ideal
		}
		seen[s] = round
		for _, id := range order {
			s = perform(m, s, chord.StabilizeFromSuccessor, id)
			s = perform(m, s, chord.StabilizeFromPredecessor, id)
			s = perform(m, s, chord.Rectify, id)
		}
	}
}

// sequence is 0 … n-1.
func sequence(n int) (order []chord.ID) {
	for id := range chord.ID(n) {
		order = append(order, id)
	}
	return order
}
