package swim_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/search"
	"github.com/p2pspec/p2pspec/spec/models/swim"
)

// TestReachable looks at all states that can be reached: the properties hold in
// each and of each step, and where nothing can happen any more but that somebody
// crashes, all believe what is true.
func TestReachable(t *testing.T) {
	for _, c := range []struct {
		model  swim.Model
		states int
		long   bool
	}{
		{model: swim.Model{N: 3, Subjects: 1, Max: 1}, states: 200},
		{model: swim.Model{N: 3, Subjects: 2, Max: 1}, states: 3_944},
		{model: swim.Model{N: 3, Subjects: 2, Max: 2}, states: 68_040},
		{model: swim.Model{N: 3, Subjects: 3, Max: 1}, states: 70_504},
	} {
		if c.long && !*long {
			continue
		}
		m := c.model
		way, states := search.Shortest(m.Initial(), m.Next, func(s swim.State) bool {
			if m.Broken(s) != 0 {
				return true
			}
			over := true
			for e, after := range m.Next(s) {
				over = over && e.Kind == swim.Crash
				if m.BrokenBy(s, after) != 0 {
					return true
				}
			}
			return over && !isTrue(m, s)
		})
		if way != nil {
			t.Errorf("%+v: %v is broken: %v", m, way[len(way)-1].After, way)
		}
		if states != c.states {
			t.Errorf("%+v: %d states, want %d", m, states, c.states)
		}
	}
}

// isTrue reports whether all members that live believe of all others what they are.
func isTrue(m swim.Model, s swim.State) bool {
	for a := range m.N {
		for b := range m.Subjects {
			want := swim.Alive
			if s.Dead[b] {
				want = swim.Dead
			}
			if a != b && !s.Dead[a] && s.View[a][b].Status() != want {
				return false
			}
		}
	}
	return true
}
