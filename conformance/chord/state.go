package chord

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func stateCases() []Case {
	return []Case{
		{
			ID: "chord/state/pointers", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-INV-011", "CHORD-STAB-002", "CHORD-RECT-001"},
			Explain: "In a settled ring of eight each node's successors are the three members after it, in order, and its " +
				"predecessor the one before it.",
			Causes: []string{
				"the successor list holds the first successor alone",
				"the list is patched and not taken over from the successor",
			},
			Kills: []string{
				"forgets-its-predecessor", "joined-by-n0-alone", "joins-at-once", "never-notifies",
				"never-stabilizes", "no-predecessor-told", "one-successor", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				need(c, "state")
				idealEverywhere(c)
			},
		},
		{
			ID: "chord/state/small-ring", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-RING-003", "CHORD-INV-004", "CHORD-INV-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "With lists of three and three members the successors are the two others: nobody is in a list twice, " +
				"and nobody in its own.",
			Causes: []string{"the list wraps past its owner"},
			Kills: []string{
				"forgets-its-predecessor", "joins-at-once", "list-with-itself", "never-notifies",
				"never-stabilizes", "no-predecessor-told", "one-successor", "original", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 3})
				need(c, "state")
				idealEverywhere(c)
			},
		},
		{
			ID: "chord/state/fingers", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-FINGER-001", "CHORD-FINGER-002", "CHORD-FINGER-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The ring of ten nodes with m = 6. Once fingers have been repaired, N8's are N14, N14, N14, N21, N32 " +
				"and N42, and those of all others the owners of their starts as well.",
			Causes: []string{
				"finger i begins at n + 2^i and not n + 2^(i-1)",
				"fingers are filled once, at the join",
			},
			Kills: []string{
				"fingers-from-two", "joined-by-n0-alone", "joins-at-once", "never-notifies", "never-stabilizes",
				"no-fingers", "patient", "tells-no-predecessor",
			},
			Run: runFingers,
		},
		{
			ID: "chord/state/settled-stays", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-INV-012"},
			Explain:      "In a settled ring ten more rounds of stabilization change no pointer.",
			Causes: []string{
				"the predecessor is forgotten and set again",
				"a list takes turns between two states",
			},
			Kills: []string{
				"forgets-its-predecessor", "joined-by-n0-alone", "joins-at-once", "never-notifies",
				"never-stabilizes", "no-predecessor-told", "one-successor", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				need(c, "state")
				for range 5 {
					c.Pass(c.Periods(2))
					idealEverywhere(c)
				}
			},
		},
		{
			ID: "chord/state/closes-behind-the-dead", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-STAB-004", "CHORD-RECT-005", "CHORD-FAIL-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member is killed. When the ring has settled, no successor list and no predecessor names it, and " +
				"every list has its full length again.",
			Causes: []string{
				"a dead predecessor stays, because nobody closer notifies",
				"the place of a dead successor is not filled again",
			},
			Kills: []string{
				"forgets-its-predecessor", "joined-by-n0-alone", "never-notifies", "no-predecessor-told",
				"one-successor", "patient",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 7})
				need(c, "state")
				c.Touched(killAndSettle(c, c.Members()[3]))
				idealEverywhere(c)
			},
		},
	}
}

// idealEverywhere wants that all pointers are right, if need be after a few more
// rounds: a pointer beyond the first successor is repaired later than that.
func idealEverywhere(c *cluster.Cluster) {
	for range 4 * c.Options().Successors {
		if !slices.ContainsFunc(c.Members(), func(m string) bool { return !isIdeal(c, m) }) {
			break
		}
		c.Pass(c.Periods(2))
	}
	for _, m := range c.Members() {
		idealState(c, m)
	}
}

func isIdeal(c *cluster.Cluster, node string) bool {
	s, around := stateOf(c, node), ring(c, node)
	return slices.Equal(s.Successors, around[:min(c.Options().Successors, len(around)-1)]) &&
		s.Predecessor != nil && *s.Predecessor == around[len(around)-2]
}

func runFingers(t *T) {
	c := formed(t, tenNodes())
	need(c, "state")
	if stateOf(c, "n0").Fingers == nil {
		t.Unsupportedf("state_ok has no list of fingers")
	}
	bits := c.Options().Bits
	var wrong []string
	for range fingerPeriods * bits {
		if wrong = wrongFingers(c); len(wrong) == 0 {
			t.Earn()
			return
		}
		c.Pass(c.Periods(2))
	}
	t.Fail(conformance.Failure{
		Message:  "fingers are not the owners of their starts, long after the ring has settled",
		Expected: []string{fmt.Sprintf("%d fingers a node, finger i the owner of n + 2^(i-1)", bits)},
		Got:      strings.Join(wrong, "; "), Where: "body.fingers",
	})
}

// wrongFingers describes the nodes whose fingers are not what they should be.
func wrongFingers(c *cluster.Cluster) []string {
	var wrong []string
	for _, node := range c.Members() {
		var want []string
		for i := range c.Options().Bits {
			want = append(want, owner(c, (c.ID(node)+1<<i)&mask(c), c.Members()))
		}
		if got := stateOf(c, node).Fingers; !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s has %v, not %v", named(c, node), got, want))
		}
	}
	return wrong
}
