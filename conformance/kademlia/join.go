package kademlia

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func joinCases() []Case {
	return []Case{
		{
			ID: "kademlia/join/first-is-alone", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-RPC-006", "KAD-RPC-009"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The first node joins without via. It finds itself alone, finds no value, and keeps one that it is " +
				"told to store.",
			Causes: []string{"a lookup without contacts ends in an error", "the node leaves itself out"},
			Kills:  []string{"lonely-is-an-error", "none-is-null"},
			Run:    runAlone,
		},
		{
			ID: "kademlia/join/all-find-each-other", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-001", "KAD-JOIN-002", "KAD-BUCKET-003"},
			Explain: "Eight nodes join, all through the first. Then every node looks up every member's identifier, and " +
				"finds that member first and its neighbours behind it.",
			Causes: []string{
				"the joining node asks only the node that it was given",
				"a node does not file who asks it",
			},
			Kills: []string{"files-answers-alone", "leaves-itself-out", "one-too-few", "subtracts"},
			Run: func(t *T) {
				c := joined(t)
				for _, other := range c.Members() {
					findEverywhere(c, c.Members(), c.ID(other), c.Members())
				}
			},
		},
		{
			ID: "kademlia/join/newcomer-is-known-at-once", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-002", "KAD-BUCKET-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Each time that a node has joined, and without a pause, all older members look up its identifier. " +
				"They find it first: the lookup of its own identifier has told its neighbours of it.",
			Causes: []string{"join_ok is sent before the lookup of the own identifier has ended"},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "joins-in-name", "leaves-itself-out",
				"one-too-few", "subtracts", "waits-for-k",
			},
			Run: func(t *T) {
				c := fresh(t, quiet())
				for i, node := range c.Nodes() {
					join(c, node)
					findEverywhere(c, c.Nodes()[:i], c.ID(node), c.Members())
				}
			},
		},
		{
			ID: "kademlia/join/through-any-member", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-001", "KAD-JOIN-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Each node joins through the one that joined last. Every node then finds the members closest to " +
				"drawn identifiers.",
			Causes: []string{"the buckets farther away than the closest neighbour are not refreshed"},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "joins-the-first-alone",
				"leaves-itself-out", "one-too-few", "subtracts",
			},
			Run: func(t *T) {
				c := fresh(t, quiet())
				c.Ask("n0", "join", nil)
				c.Joined("n0")
				for i, node := range c.Nodes()[1:] {
					c.Ask(node, "join", args{"via": c.Nodes()[i]})
					c.Joined(node)
				}
				settle(c)
				findAll(c, c.Members(), 2)
			},
		},
		{
			ID: "kademlia/join/dead-contact-means-try-again", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-JOIN-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node is told to join through one that is dead. It answers error 11 once its patience is over, " +
				"and joins when it is told to do so through a live one.",
			Causes: []string{"join_ok is sent without an answer of the contact", "the lookup of a join never times out"},
			Kills: []string{
				"answers-from-its-table", "joins-the-dead", "leaves-itself-out", "names-the-dead",
				"waits-for-ever", "waits-for-k",
			},
			Run: runDeadVia,
		},
		{
			ID: "kademlia/join/all-at-once", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-002", "KAD-REFRESH-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Seven nodes join through the first at the same moment. After five periods of refresh every node " +
				"finds the members closest to drawn identifiers.",
			Causes: []string{"one join holds up what others ask meanwhile"},
			Kills:  []string{"files-answers-alone", "joined-while-busy", "leaves-itself-out", "one-too-few"},
			Run:    runAtOnce,
		},
		{
			ID: "kademlia/join/started-again", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-002", "KAD-BUCKET-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node is killed, started again under its name with nothing that it knew, and joins. All find it, " +
				"and it finds all.",
			Causes: []string{
				"a contact that has failed once is never asked again",
				"msg_id of the new life is taken for an old one",
			},
			Kills: []string{"deaf-to-the-risen", "files-answers-alone", "leaves-itself-out", "one-too-few"},
			Run:   runStartedAgain,
		},
	}
}

func runAlone(t *T) {
	c := fresh(t, cluster.Options{Nodes: 2})
	join(c, "n0")
	finds(c, "n0", c.DrawID(), c.Members())
	key := drawEven(c)
	if _, found := findValue(c, "n0", key); found {
		t.Failf("a value is found that nobody has stored")
	}
	store(c, "n0", key, "alone")
	wantValue(c, "n0", key, "alone")
}

func runDeadVia(t *T) {
	c := fresh(t, cluster.Options{Nodes: 4})
	join(c, "n0", "n1")
	f := c.Kill("n1")
	call := c.Call("n2", "join", args{"via": "n1"})
	c.Touched(f)
	refusedWith(c, call, stdio.Unavailable)
	join(c, "n2")
	finds(c, "n2", c.ID("n0"), c.Members())
}

func runAtOnce(t *T) {
	c := fresh(t, cluster.Options{Period: 500 * time.Millisecond})
	join(c, "n0")
	var calls []*cluster.Call
	for _, node := range c.Nodes()[1:] {
		calls = append(calls, c.Go(node, "join", args{"via": "n0"}))
	}
	c.Wait(c.Patience(), calls...)
	for _, call := range calls {
		if !call.OK() {
			t.Failf("%s cannot join while others do: %s", call.Node, call.Reply.Raw)
		}
		c.Joined(call.Node)
	}
	c.Pass(c.Periods(5))
	settle(c)
	findAll(c, c.Members(), 2)
}

func runStartedAgain(t *T) {
	c := formed(t, cluster.Options{})
	node := c.Nodes()[1+t.Rand().Below(uint64(len(c.Nodes())-1))]
	c.Kill(node)
	c.Restart(node)
	join(c, node)
	findEverywhere(c, []string{node}, c.DrawID(), c.Members())
	found := 0
	for _, other := range c.Members() {
		if slices.Contains(findNode(c, other, c.ID(node)), node) {
			found++
		}
	}
	if found < len(c.Members()) {
		t.Failf("%s", fmt.Sprintf("only %d of %d members find %s since it was started again", found, len(c.Members()), node))
	}
}
