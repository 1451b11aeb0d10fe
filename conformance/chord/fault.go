package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func faultCases() []Case {
	return []Case{
		{
			ID: "chord/fail/successors-in-a-row", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-002", "CHORD-STAB-004", "CHORD-INV-009"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "With lists of three, two members that follow each other are killed at one moment: the nodes before " +
				"them have one live successor left in their lists, and the ring closes.",
			Causes: []string{"only the first successor is known", "the list is not shifted when its head fails"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "listens-to-one",
				"takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{})
				c.Pass(c.Periods(2 * c.Options().Successors)) // until lists are full
				around := ring(c, "n0")
				c.Touched(killAndSettle(c, around[2], around[3]))
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/fail/far-apart", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-002", "CHORD-INV-008", "CHORD-INV-011"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "Of nine members every third is killed at one moment. The six others are one ring again.",
			Causes:       []string{"the repair of one place undoes that of another"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "listens-to-one", "one-successor",
				"original", "patient", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 9})
				c.Pass(c.Periods(2 * c.Options().Successors))
				around := ring(c, "n0")
				c.Touched(killAndSettle(c, around[1], around[4], around[7]))
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/fail/join-beside-the-dead", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-STAB-002", "CHORD-RECT-005", "CHORD-INV-009", "CHORD-JOIN-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member is killed, and in the same moment two nodes join on both sides of it, and another member is " +
				"killed while that is repaired: schedules like this put the ring of 2001 out of order. Six rounds with drawn " +
				"places; at least five members live at any time, with lists of two.",
			Causes: []string{
				"a successor is adopted alone, and the rest of the list stays",
				"a predecessor that died is offered to others for ever",
			},
			Kills: []string{
				"closed-open", "dies-of-a-repetition", "hops-as-text", "joined-by-n0-alone", "listens-to-one",
				"original", "patient", "takes-a-step-for-the-answer",
			},
			Run: runBesideTheDead,
		},
		{
			ID: "chord/fail/short-pause", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-001", "CHORD-ASSUME-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member pauses for a third of the patience that nodes were told to have. It stays a member: the same " +
				"keys belong to it afterwards.",
			Causes: []string{"the patience with a peer is shorter than timeout_ms"},
			Kills: []string{
				"closed-open", "hops-as-text", "impatient", "joined-by-n0-alone", "listens-to-one", "patient",
				"takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Latency: cluster.Constant(5 * time.Millisecond)})
				node := c.Members()[2]
				for range 3 {
					f := c.Pause(node)
					c.Pass(c.Options().Timeout / 3)
					c.Resume(node, f)
					c.Touched(f)
					finds(c, c.Members(), c.ID(node), after(c, node))
				}
			},
		},
		{
			ID: "chord/churn/one-after-another", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-INV-011", "CHORD-JOIN-008", "CHORD-FAIL-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Of eleven nodes seven are members. Six times a drawn member is killed and another node joins, with " +
				"little time in between. Whenever the ring has settled all lookups are right.",
			Causes: []string{"a node that came back is remembered as dead", "pointers to the dead accumulate"},
			Kills: []string{
				"closed-open", "dies-of-a-repetition", "hops-as-text", "joined-by-n0-alone", "listens-to-one",
				"no-second-life", "patient", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: runChurn,
		},
		{
			ID: "chord/leave/ring-closes", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-LEAVE-002", "CHORD-LEAVE-004", "CHORD-LEAVE-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member is told to leave, answers leave_ok, and is stopped. A time out later the ring has closed: it " +
				"has told its neighbours.",
			Causes: []string{"leave does nothing but answer, and the ring finds out by its time outs"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 7})
				node := c.Members()[1+t.Rand().Below(6)]
				leave(c, node)
				settle(c)
				finds(c, c.Members(), append(edges(c), c.ID(node))...)
			},
		},
		{
			ID: "chord/leave/is-no-member", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-LEAVE-003", "CHORD-JOIN-006"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member leaves, and goes on running. It answers lookups with error 11, nobody names it, and it " +
				"can join again.",
			Causes: []string{"the node goes on stabilizing, and so comes back"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "leaves-with-its-values",
				"listens-to-one", "never-notifies", "never-stabilizes", "serves-before-join", "stays",
				"takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: runLeft,
		},
	}
}

func runBesideTheDead(t *T) {
	c := fresh(t, cluster.Options{Nodes: 14, Successors: 2})
	join(c, c.Nodes()[:7]...)
	settle(c)
	spare := c.Nodes()[7:]
	for range 3 {
		c.Pass(c.Periods(2 * c.Options().Successors))
		dead := drawMember(c)
		c.Kill(dead)
		c.JoinAll(drawMember(c), spare[0])
		c.Pass(time.Duration(t.Rand().Below(uint64(c.Periods(4)))))
		c.JoinAll(drawMember(c), spare[1])
		settle(c)
		c.Kill(drawMember(c))
		settle(c)
		spare = spare[2:]
	}
	finds(c, c.Members(), edges(c)...)
}

func drawMember(c *cluster.Cluster) string {
	members := c.Members()
	return members[c.T().Rand().Below(uint64(len(members)))]
}

func runChurn(t *T) {
	c := fresh(t, cluster.Options{Nodes: 11})
	join(c, c.Nodes()[:7]...)
	settle(c)
	for round := range 6 {
		dead := drawMember(c)
		f := c.Kill(dead)
		settle(c)
		c.Touched(f)
		next := c.Nodes()[(7+round)%11]
		if slices.Contains(c.Members(), next) {
			next = dead
			c.Restart(dead)
		} else if round >= 4 {
			c.Restart(next)
		}
		c.JoinAll(drawMember(c), next)
		c.Pass(c.Periods(3))
		if round%2 == 1 {
			settle(c)
			finds(c, c.Members(), edges(c)...)
		}
	}
}

// leave has a member leave, and stops it once it has said that it has.
func leave(c *cluster.Cluster, node string) {
	need(c, "leave")
	c.Ask(node, "leave", nil)
	c.Left(node)
	c.Kill(node)
}

func runLeft(t *T) {
	c := formed(t, cluster.Options{Nodes: 7})
	need(c, "leave")
	node := c.Members()[3]
	c.Ask(node, "leave", nil)
	c.Left(node)
	settle(c)
	refusedWith(c, c.Call(node, "lookup", args{"key": 1}), 11)
	finds(c, c.Members(), c.ID(node), after(c, node))
	c.JoinAll(c.Members()[0], node)
	settle(c)
	finds(c, c.Members(), edges(c)...)
}
