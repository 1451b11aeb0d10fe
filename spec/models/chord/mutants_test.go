package chord_test

import (
	"slices"
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/spec/models/search"
)

// TestFlawsAreFound wants a shortest way to where each deliberate mistake breaks
// a property. A flaw that survives means that the checks have gone blind.
func TestFlawsAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		flaw   chord.Flaw
		n, r   int
		start  []chord.ID
		breaks chord.Property
		steps  int
	}{
		{"any principal may fail", chord.FailAnyPrincipal, 4, 2, nil, chord.SufficientPrincipals, 1},
		{"any principal may fail, from one", chord.FailAnyPrincipal, 5, 2, []chord.ID{0}, chord.AtLeastOneRing, 1},
		{"any principal may fail, from two", chord.FailAnyPrincipal, 5, 2, []chord.ID{0, 1}, chord.AtLeastOneRing, 2},
		{"a candidate that does not answer", chord.AdoptDeadCandidate, 5, 2, nil, chord.AtLeastOneRing, 10},
		{"the own tail behind a new head", chord.KeepOwnTail, 5, 2, nil, chord.SufficientPrincipals, 5},
		{"padding with the own identifier", chord.PadWithSelf, 5, 2, nil, chord.NoDuplicates, 7},
		{"padding with the last entry", chord.PadWithLast, 5, 2, nil, chord.NoDuplicates, 7},
		{"a live node taken for dead", chord.FalseTimeout, 4, 2, nil, chord.OneLiveSuccessor, 2},
		{"a live node taken for dead", chord.FalseTimeout, 4, 2, nil, chord.AtMostOneRing, 6},
	} {
		m := chord.Model{N: c.n, R: c.r, Flaw: c.flaw}
		start := m.Initial()
		if c.start != nil {
			start = m.Ring(c.start...)
		}
		way, _ := search.Shortest(start, m.Next, func(s chord.State) bool { return !m.Holds(c.breaks, &s) })
		if len(way) != c.steps || way == nil {
			t.Errorf("%s: %v breaks after %d steps, want %d: %v", c.name, c.breaks, len(way), c.steps, way)
		}
		m.Flaw = 0
		if _, ok := follow(m, start, way); ok {
			t.Errorf("%s: the protocol itself takes the same way", c.name)
		}
	}
}

// follow takes the events of a way, false where one is not possible or leads
// elsewhere.
func follow(m chord.Model, s chord.State, way []search.Transition[chord.Event, chord.State]) (chord.State, bool) {
	for _, w := range way {
		next, ok := m.Step(s, w.Event)
		if !ok || next != w.After {
			return s, false
		}
		s = next
	}
	return s, true
}

// TestOverwrittenNotificationLivelocks starts from the ring 0, 1, 2 to which 3
// has come: with a slot that the last notifier takes, members that repair in
// turn never make it ideal. One that keeps the best notifier does.
func TestOverwrittenNotificationLivelocks(t *testing.T) {
	order := sequence(4)
	slices.Reverse(order)
	m := chord.Model{N: 4, R: 2}
	joined, ok := m.Step(m.Initial(), chord.Event{Kind: chord.Join, Node: 3, Via: 2})
	if !ok {
		t.Fatal("3 cannot join behind 2")
	}
	if rounds := converge(m, joined, order); rounds < 0 {
		t.Errorf("the protocol itself does not converge")
	}
	m.Flaw = chord.OverwriteNotifier
	if rounds := converge(m, joined, order); rounds >= 0 {
		t.Errorf("ideal after %d rounds", rounds)
	}
}
