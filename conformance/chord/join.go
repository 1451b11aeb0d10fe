package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// slow is a network whose round trip is just within the patience.
func slow() cluster.Latency { return cluster.Uniform(50*time.Millisecond, 90*time.Millisecond) }

func joinCases() []Case {
	return []Case{
		{
			ID: "chord/join/before-it-unavailable", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-JOIN-006"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node that was not told to join answers lookup, put and get with error 11: it is in no ring. " +
				"When it has joined it answers.",
			Causes: []string{
				"the node believes itself alone from the start",
				"requests before the join are never answered",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joins-at-once", "listens-to-one", "serves-before-join",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 2})
				join(c, "n0")
				refusedWith(c, c.Call("n1", "lookup", args{"key": 1}), stdio.Unavailable)
				refusedWith(c, c.Call("n1", "put", args{"key": 1, "value": 2}), stdio.Unavailable)
				refusedWith(c, c.Call("n1", "get", args{"key": 1}), stdio.Unavailable)
				join(c, "n1")
				settle(c)
				finds(c, []string{"n1"}, edges(c)...)
			},
		},
		{
			ID: "chord/join/through-any-member", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-JOIN-001", "CHORD-JOIN-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "Each node joins through the one that joined last, wherever that is on the circle.",
			Causes: []string{
				"only the first node can be joined through",
				"the member at via is taken for the successor",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "original", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{})
				for i, node := range c.Nodes() {
					if i == 0 {
						join(c, node)
						continue
					}
					c.JoinAll(c.Nodes()[i-1], node)
					c.Pass(c.Periods(4))
				}
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/join/at-once", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-JOIN-008", "CHORD-RING-003", "CHORD-JOIN-005", "CHORD-BUSY-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Seven nodes join a ring of one at the same moment. After some rounds of stabilization all lookups of " +
				"all nodes are right.",
			Causes: []string{
				"nodes that joined in one place never learn of each other: successor.predecessor is not looked at",
				"two nodes wait for each other for ever",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{})
				join(c, "n0")
				c.JoinAll("n0", c.Nodes()[1:]...)
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/join/neighbours-at-once", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-JOIN-005", "CHORD-RECT-002", "CHORD-STAB-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Four nodes join at the same moment, all between the same two members. Stabilization sorts them: " +
				"each becomes the successor of the one before it.",
			Causes: []string{
				"of two notifiers the last one stays predecessor, and not the closer one",
				"stabilization looks at the predecessor of the successor only once",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Bits: 8, IDs: []uint64{10, 100, 180, 24, 60, 42, 81}})
				join(c, "n0", "n1", "n2")
				settle(c)
				c.JoinAll("n2", "n3", "n4", "n5", "n6")
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/join/finds-at-once", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: []string{"CHORD-JOIN-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "join_ok says that the node has its successor. In the same moment it looks up the keys of the members " +
				"that were there before, and finds them.",
			Causes: []string{"join_ok is sent before the successor is known"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "never-notifies",
				"never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{})
				join(c, c.Nodes()[:7]...)
				settle(c)
				before := c.Members()
				c.JoinAll("n3", "n7")
				for _, m := range before {
					// Which of n7 and its successor owns what is between them is not settled yet.
					if m != owner(c, after(c, "n7"), before) {
						right(c, c.Call("n7", "lookup", args{"key": c.ID(m)}), c.ID(m))
					}
				}
			},
		},
		{
			ID: "chord/join/dead-contact-means-try-again", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-JOIN-007"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node is told to join through one that was killed. It answers error 11 once its patience is over, " +
				"and joins when it is told to do so through a live one.",
			Causes: []string{"join_ok is sent without an answer of the contact", "a join never times out"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "listens-to-one", "never-notifies",
				"never-stabilizes", "patient", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 6})
				join(c, c.Nodes()[:5]...)
				settle(c)
				f := c.Kill("n4")
				call := c.Call("n5", "join", args{"via": "n4"})
				c.Touched(f)
				refusedWith(c, call, stdio.Unavailable)
				c.JoinAll("n0", "n5")
				settle(c)
				finds(c, []string{"n5"}, edges(c)...)
			},
		},
		{
			ID: "chord/join/comes-again", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member is killed. When the ring has closed it is started again, with its identifier and nothing " +
				"that it knew, and joins: it owns its keys again.",
			Causes: []string{
				"a node that was dead once is never taken for a member again",
				"msg_id of the new life is taken for an old one",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "listens-to-one", "no-second-life",
				"patient", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{})
				node := c.Nodes()[1+t.Rand().Below(uint64(len(c.Nodes())-1))]
				f := c.Kill(node)
				settle(c)
				c.Touched(f)
				c.Restart(node)
				c.JoinAll(c.Members()[0], node)
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/join/then-gone", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-STAB-005", "CHORD-STAB-006", "CHORD-STAB-008", "CHORD-INV-007", "CHORD-INV-010"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node joins and is killed as soon as its successor may have heard of it. Its predecessor-to-be hears " +
				"of the dead node from its own successor, and must not take it for a successor before it answers: so the ring " +
				"of 2001 is lost. Five newcomers come and go like that, at moments that are drawn.",
			Causes: []string{
				"successor.predecessor becomes the successor without a sign of life",
				"only the head of the successor list is replaced, and the rest of the list does not follow from it",
			},
			Kills: []string{
				"closed-open", "dies-of-a-repetition", "hops-as-text", "joined-by-n0-alone", "joins-at-once",
				"listens-to-one", "never-notifies", "never-stabilizes", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: runThenGone,
		},
	}
}

func runThenGone(t *T) {
	opt := cluster.Options{Nodes: 10, Successors: 2}
	c := fresh(t, opt)
	join(c, c.Nodes()[:5]...)
	settle(c)
	for _, node := range c.Nodes()[5:] {
		c.JoinAll(c.Members()[0], node)
		c.Pass(time.Duration(t.Rand().Below(uint64(c.Periods(3)))))
		c.Kill(node)
		c.Pass(c.Periods(6))
		settle(c)
	}
	finds(c, c.Members(), edges(c)...)
	if len(c.Members()) != 5 || slices.Contains(c.Members(), "n5") {
		t.Harnessf("the members are %v", c.Members())
	}
}
