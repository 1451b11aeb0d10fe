package swim_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/search"
	"github.com/p2pspec/p2pspec/spec/models/swim"
)

// TestFlawsAreFound wants a shortest way to where each deliberate mistake breaks
// a property. A flaw that survives means that the checks have gone blind.
func TestFlawsAreFound(t *testing.T) {
	for _, c := range []struct {
		flaw   swim.Flaw
		breaks swim.Property
		steps  int
	}{
		{swim.NoRefutation, swim.Cleared, 2},
		{swim.NoIncrement, swim.Progress, 1},
		{swim.InSilence, swim.Cleared, 3},
		{swim.SuspectNewer, swim.Agreement, 2},
		{swim.DeadNewer, swim.Agreement, 4},
		{swim.AliveNotOlder, swim.Precedence, 1},
		{swim.DeadForever, swim.Cleared, 4},
	} {
		m := swim.Model{N: 3, Subjects: 1, Max: 1, Flaw: c.flaw}
		var broken swim.Property
		way, _ := search.Shortest(m.Initial(), m.Next, func(s swim.State) bool {
			broken = m.Broken(s)
			for _, after := range m.Next(s) {
				if broken == 0 {
					broken = m.BrokenBy(s, after)
				}
			}
			return broken != 0
		})
		if broken != c.breaks || len(way) != c.steps {
			t.Errorf("flaw %d breaks %v after %d steps, want %v after %d: %v",
				c.flaw, broken, len(way), c.breaks, c.steps, way)
		}
	}
}
