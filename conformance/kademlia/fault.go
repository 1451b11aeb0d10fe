package kademlia

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func faultCases() []Case {
	return []Case{
		{
			ID: "kademlia/refresh/without-being-asked", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-REFRESH-001", "KAD-REFRESH-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "All nodes have joined, and no client asks for anything. Within three periods every node sends " +
				"a request by itself: a bucket without a lookup for a period is refreshed.",
			Causes: []string{"buckets are refreshed at the join alone", "period_ms is not taken from init"},
			Kills:  []string{"files-answers-alone", "never-refreshes"},
			Run:    runRefresh,
		},
		{
			ID: "kademlia/churn/one-after-another", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-LOOKUP-008", "KAD-BUCKET-007", "KAD-REFRESH-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Of ten nodes, eight join. Then a member is killed and another node joins, twice, with two periods " +
				"of refresh in between. After each change all members find the closest of those that live.",
			Causes: []string{"the dead fill the buckets and the living are not filed"},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "gives-up", "joined-while-busy",
				"leaves-itself-out", "names-the-dead", "subtracts", "waits-for-ever",
			},
			Run: runChurn,
		},
		{
			ID: "kademlia/partition/each-side-goes-on", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-LOOKUP-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The group is cut into two halves. Within a few time outs the lookups on each side find the closest " +
				"nodes of that side.",
			Causes: []string{"a lookup ends in an error when it cannot reach the very closest"},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "leaves-itself-out", "names-the-dead",
				"subtracts", "waits-for-ever", "waits-for-k",
			},
			Run: runSides,
		},
		{
			ID: "kademlia/partition/heals", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"KAD-BUCKET-015", "KAD-BUCKET-016"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The group is cut into two halves for a while, in which lookups fail to reach the other side, and " +
				"then whole again. After half a day by advance_clock, or else after twenty time outs, and a few lookups, " +
				"every node finds every other one by its identifier: contacts that failed while nobody could be reached " +
				"are kept.",
			Causes: []string{"a contact that fails is deleted, also when nobody is there to replace it"},
			Kills:  []string{"files-answers-alone", "leaves-itself-out", "subtracts", "waits-for-ever"},
			Run:    runHeals,
		},
		{
			ID: "kademlia/loss/lookups-end", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-LOOKUP-005", "KAD-LOOKUP-007"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "One of five messages between the nodes is lost. Every lookup ends, in error 11 or with members alone " +
				"in its answer, nearest first. When nothing is lost any more, and half a day has passed by advance_clock, or " +
				"else twenty time outs, the value that was stored before is found by all.",
			Causes: []string{"a lookup waits for ever for an answer that was lost"},
			Kills:  []string{"gives-up", "keeps-to-itself", "lives-six-hours", "subtracts", "waits-for-ever"},
			Run:    runLoss,
		},
	}
}

func runRefresh(t *T) {
	c := formed(t, cluster.Options{Period: 500 * time.Millisecond})
	c.Log()
	c.Pass(c.Periods(3))
	log := c.Log()
	for _, node := range c.Members() {
		if len(requests(log, node)) == 0 {
			t.Fail(conformance.Failure{
				Message:  node + " has sent no request of its own for three periods",
				Expected: []string{"a lookup of an identifier in the range of a bucket"},
			})
		}
	}
	t.Earn()
}

func runChurn(t *T) {
	c := fresh(t, cluster.Options{Nodes: 10, Period: 300 * time.Millisecond})
	join(c, c.Nodes()[:8]...)
	settle(c)
	for i, newcomer := range c.Nodes()[8:] {
		c.Kill(c.Nodes()[2*i+1])
		c.Pass(2 * c.Options().Timeout)
		join(c, newcomer)
		c.Pass(c.Periods(2))
		reachAll(c, c.Members(), 2)
	}
}

func runSides(t *T) {
	opt := quiet()
	opt.K = 5 // more than the four that each side loses
	c := formed(t, opt)
	left, right := c.Nodes()[:4], c.Nodes()[4:]
	f := c.Partition(left...)
	for _, side := range [][]string{left, right} {
		for range 4 { // the first ones find out who cannot be reached
			target := c.DrawID()
			var calls []*cluster.Call
			for _, node := range side {
				calls = append(calls, c.Go(node, "find_node", args{"target": target}))
			}
			c.Wait(c.Patience(), calls...)
		}
		reachAll(c, side, 2)
	}
	c.Touched(f)
}

func runHeals(t *T) {
	c := formed(t, quiet())
	f := c.Partition(c.Nodes()[:4]...)
	for _, node := range c.Members() {
		c.Call(node, "find_node", args{"target": c.DrawID()})
	}
	c.Touched(f)
	c.Heal(f)
	rested(c)
	settle(c)
	for _, other := range c.Members() {
		reachEverywhere(c, c.Members(), c.ID(other))
	}
}

// rested lets so much time pass that nodes try contacts again which have failed
// (KAD-BUCKET-016): half a day where there is advance_clock.
func rested(c *cluster.Cluster) {
	if c.Able("advance_clock") {
		c.Pass(2 * c.Options().Timeout) // what is under way would time out by the leap
		clocks(c, 12)
	} else {
		c.Pass(20 * c.Options().Timeout)
	}
}

func runLoss(t *T) {
	c := formed(t, quiet())
	key := drawEven(c)
	store(c, "n1", key, "safe")
	f := c.Lose(0.2)
	for _, node := range c.Members() {
		target := c.DrawID()
		call := c.Call(node, "find_node", args{"target": target})
		if e := call.Err(); e != nil && e.Code == stdio.Unavailable {
			continue // nobody that it asked has answered
		}
		named := names(c, call)
		sorted := closest(c, target, named)
		if slices.ContainsFunc(named, func(n string) bool { return !slices.Contains(c.Members(), n) }) ||
			!slices.Equal(named, sorted) {
			t.Mismatch("what "+node+" finds", named, "members of the group, nearest first, at most k")
		}
	}
	c.Touched(f)
	c.Heal(f)
	rested(c)
	for _, node := range c.Members() {
		wantValue(c, node, key, "safe")
	}
}
