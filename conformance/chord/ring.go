package chord

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func ringCases() []Case {
	return []Case{
		{
			ID: "chord/ring/alone", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-RING-002", "CHORD-ID-003", "CHORD-LOOKUP-011"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "The first node makes a ring of its own. It finds itself for every key, without a hop.",
			Causes: []string{
				"the interval from a point to itself is taken for empty",
				"the successor of the only node is nobody",
			},
			Kills: []string{"hops-as-text", "hops-count-itself", "joins-at-once"},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 2})
				join(c, "n0")
				for _, key := range append(edges(c), c.DrawID(), 0, mask(c)) {
					if f := right(c, c.Call("n0", "lookup", args{"key": key}), key); *f.Hops != 0 {
						t.Mismatch("the hops to itself", fmt.Sprint(*f.Hops), "0")
					}
				}
			},
		},
		{
			ID: "chord/ring/two", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-RING-003", "CHORD-KEY-001", "CHORD-ID-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A second node joins the first. Each owns the keys after the other up to its own identifier, on both " +
				"sides of the end of the circle.",
			Causes: []string{
				"the first node never learns that it is not alone",
				"an interval that passes zero is read as empty",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joins-at-once", "listens-to-one", "never-notifies",
				"never-stabilizes",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 2})
				join(c, "n0", "n1")
				settle(c)
				finds(c, c.Members(), append(edges(c), 0, mask(c), c.DrawID())...)
			},
		},
		{
			ID: "chord/ring/lookups-agree", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-ID-002", "CHORD-LOOKUP-001", "CHORD-LOOKUP-013"},
			Explain: "Eight nodes have joined one after another. Every one of them looks up the same drawn keys, and finds " +
				"the first member at each key or after it, going clockwise.",
			Causes: []string{
				"the predecessor of the key is returned, not its successor",
				"the successor is not corrected when others join",
			},
			Kills: []string{
				"hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one", "never-notifies",
				"never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				finds(c, c.Members(), c.DrawID(), c.DrawID(), c.DrawID())
			},
		},
		{
			ID: "chord/ring/boundaries", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-ID-002", "CHORD-KEY-001", "CHORD-ID-003"},
			Explain: "In a ring of eight, the key that is a node's own identifier belongs to that node, and the next key to " +
				"the next node: intervals are open where they begin and closed where they end. So are 0 and the largest key.",
			Causes: []string{"(a, b] is taken for [a, b) or (a, b)", "a lookup does not pass the end of the circle"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				finds(c, c.Members()[:3], append(edges(c), 0, mask(c))...)
			},
		},
		{
			ID: "chord/ring/figure-2", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-ID-002", "CHORD-KEY-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The ring of the paper's figure 2: m = 3, nodes 0, 1 and 3. Key 1 belongs to 1, key 2 to 3 and key 6 " +
				"to 0; all eight keys are looked up from all nodes.",
			Causes: []string{"identifiers are not taken modulo 2^m"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Bits: 3, IDs: []uint64{0, 1, 3}, Successors: 2})
				finds(c, c.Members(), 0, 1, 2, 3, 4, 5, 6, 7)
			},
		},
		{
			ID: "chord/ring/full-circle", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-RING-003", "CHORD-FINGER-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "With m = 3 and eight nodes every identifier is taken, and each key belongs to the node of " +
				"its number.",
			Causes: []string{"open intervals between neighbours are taken for the whole circle"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Bits: 3, IDs: []uint64{5, 0, 3, 7, 1, 6, 2, 4}})
				finds(c, c.Members(), 0, 1, 2, 3, 4, 5, 6, 7)
			},
		},
		{
			ID: "chord/ring/figure-of-ten", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-LOOKUP-001", "CHORD-LOOKUP-002", "CHORD-LOOKUP-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The ring of the journal version's figures: m = 6 and ten nodes. N8 finds N56 for key 54; keys 10, 24, " +
				"30, 38 and 54 belong to N14, N32, N32, N38 and N56.",
			Causes: []string{"a lookup ends at the closest preceding node, before its successor"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, tenNodes())
				finds(c, c.Members(), 10, 24, 30, 38, 54)
			},
		},
		{
			ID: "chord/ring/slow-network", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-ASSUME-003", "CHORD-JOIN-008"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Messages take up to 90 ms, and nodes were told to be patient for 200: nobody is taken for dead, and " +
				"the ring forms.",
			Causes: []string{"the patience with a peer is a constant and not timeout_ms"},
			Kills: []string{
				"closed-open", "dies-of-a-repetition", "hops-as-text", "impatient", "joined-by-n0-alone",
				"joins-at-once", "listens-to-one", "never-notifies", "never-stabilizes", "patient",
				"takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 5, Latency: slow()})
				join(c, c.Nodes()...)
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/ring/messages-twice", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-RPC-003", "CHORD-RECT-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Every third message between the nodes is delivered twice while they join and look up keys. Nothing " +
				"changes by that: the second answer answers nothing.",
			Causes: []string{"an answer is taken for that to the request which followed"},
			Kills: []string{
				"closed-open", "dies-of-a-repetition", "hops-as-text", "joined-by-n0-alone", "listens-to-one",
				"never-notifies", "never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{})
				f := c.Duplicate(0.3)
				join(c, c.Nodes()...)
				settle(c)
				c.Touched(f)
				finds(c, c.Members(), edges(c)...)
			},
		},
	}
}

// tenNodes are those of the journal version's figures.
func tenNodes() cluster.Options {
	return cluster.Options{Bits: 6, IDs: []uint64{1, 8, 14, 21, 32, 38, 42, 48, 51, 56}}
}
