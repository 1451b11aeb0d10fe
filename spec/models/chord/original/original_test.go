package original_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/spec/models/chord/original"
	"github.com/p2pspec/p2pspec/spec/models/search"
)

// TestOriginalLosesItsRing finds the published counterexamples: a shortest way
// to each, after which no repairs help.
func TestOriginalLosesItsRing(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int
		checks bool
		alone  bool // else the ideal ring of 0, 1 and 2
		breaks chord.Property
		steps  int
	}{
		{"a ring of one is lost", 2, false, true, chord.AtLeastOneRing, 4},
		{"a ring of three is lost", 3, false, false, chord.AtLeastOneRing, 3},
		{"an appendage is cut off", 3, false, true, chord.ConnectedAppendages, 5},
		{"two rings", 4, false, false, chord.AtMostOneRing, 9},
		{"two rings, all checks made", 4, true, false, chord.AtMostOneRing, 11},
		{"a ring in the wrong order, all checks made", 4, true, false, chord.OrderedRing, 11},
	} {
		p := original.Protocol{N: c.n, Checked: c.checks}
		m := p.Model()
		start := m.Ring(0, 1, 2)
		if c.alone {
			start = p.Alone()
		}
		way, states := search.Shortest(start, p.Next, func(s chord.State) bool {
			ring := c.breaks == chord.AtLeastOneRing || m.Holds(chord.AtLeastOneRing, &s)
			return ring && !m.Holds(c.breaks, &s) && !repairable(p, s)
		})
		t.Logf("%s: %d steps, %d states: %v", c.name, len(way), states, way)
		if len(way) != c.steps {
			t.Errorf("%s: %d steps, want %d", c.name, len(way), c.steps)
		}
	}
}

// repairable reports whether repairs alone can make the ring ideal.
func repairable(p original.Protocol, s chord.State) bool {
	way, _ := search.Shortest(s, p.Repairs, p.Model().Ideal)
	return way != nil
}

// TestRepairsWork is why that took a decade to find: whatever happens to an
// ideal ring first, the repairs mend it.
func TestRepairsWork(t *testing.T) {
	p := original.Protocol{N: 4, Checked: true}
	m := p.Model()
	for e, s := range p.Next(m.Ring(0, 1, 2)) {
		if !repairable(p, s) {
			t.Errorf("not repaired after %v: %v", e, s)
		}
	}
}
