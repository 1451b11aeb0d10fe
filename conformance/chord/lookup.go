package chord

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func lookupCases() []Case {
	return []Case{
		{
			ID: "chord/rpc/unknown-request", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-RPC-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "A request of an invented type is answered with error 10, and those that there are as they should be.",
			Causes: []string{
				"an unknown type is not answered",
				"every request is answered with its type and _ok",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joins-at-once", "knows-everything", "listens-to-one",
				"never-notifies", "never-stabilizes",
			},
			Run: func(t *T) {
				c := cluster.New(t, cluster.Options{Nodes: 2})
				if why := c.Refusal(); why != "" {
					t.Failf("%s", why)
				}
				join(c, c.Nodes()...) // who refuses everything has shown nothing
				settle(c)
				finds(c, c.Members(), edges(c)...)
			},
		},
		{
			ID: "chord/rpc/bad-key", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-ID-001"},
			Explain: "A lookup without a key, with one that is no number, and with one beyond the circle is answered " +
				"with error 12, and the next one with its owner.",
			Causes: []string{"a key is taken modulo 2^m in silence", "the node ends on what it cannot read"},
			Kills: []string{
				"dies-of-a-bad-key", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"modulo", "never-notifies", "never-stabilizes", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				for _, bad := range []args{nil, {"key": "six"}, {"key": mask(c) + 1}, {"key": -1}, {"key": 1.5}, {"key": nil}} {
					refusedWith(c, c.Call("n0", "lookup", bad), stdio.MalformedRequest)
				}
				finds(c, []string{"n0"}, c.DrawID())
			},
		},
		{
			ID: "chord/lookup/own-key", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-LOOKUP-011"},
			Explain: "A node that looks up its own identifier finds itself, without a hop; for the next key it " +
				"needs one at least.",
			Causes: []string{"the lookup goes once round the circle", "hops are not counted"},
			Kills: []string{
				"closed-open", "hops-as-text", "hops-count-itself", "joined-by-n0-alone", "joins-at-once",
				"never-notifies", "never-stabilizes", "no-hops", "tells-no-predecessor",
			},
			Run: runOwnKey,
		},
		{
			ID: "chord/lookup/several-at-once", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-LOOKUP-001", "CHORD-RPC-003"},
			Explain:      "Clients ask one node for ten different keys at the same moment. Every answer is right.",
			Causes:       []string{"two lookups share their progress", "answers are matched by their sender alone"},
			Kills: []string{
				"hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one", "never-notifies",
				"never-stabilizes", "patient", "takes-a-step-for-the-answer", "tells-no-predecessor",
			},
			Run: func(t *T) {
				c := joined(t)
				var keys []uint64
				for range 10 {
					keys = append(keys, c.DrawID())
				}
				finds(c, []string{c.Members()[t.Rand().Below(8)]}, keys...)
			},
		},
		{
			ID: "chord/lookup/half-the-logarithm", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-LOOKUP-010", "CHORD-FINGER-003", "CHORD-LOOKUP-004"},
			Needs:        []conformance.Need{conformance.NeedFresh}, Within: 90 * time.Second,
			Explain: "A ring of 24 nodes with successor lists of two. Once fingers are in place, lookups of drawn keys by " +
				"all nodes take log2 24 = 4.6 hops on average at most; half of that and one is what the paper expects, and " +
				"walking from successor to successor would take six or twelve.",
			Causes: []string{
				"lookups go along the successors",
				"fingers are never repaired",
				"the farthest finger is taken, or the first one that fits",
			},
			Kills: []string{
				"dies-of-a-repetition", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "never-notifies",
				"never-stabilizes", "no-fingers", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: runPath,
		},
		{
			ID: "chord/lookup/passes-over-the-dead", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-LOOKUP-006", "CHORD-FAIL-003", "CHORD-FINGER-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member of a settled ring is killed, and before anything can be repaired all others look up keys " +
				"that belong to other nodes. They find them.",
			Causes: []string{"a lookup that meets a dead finger ends in an error", "there is no time out on the way"},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "joins-at-once", "listens-to-one",
				"never-notifies", "never-stabilizes", "one-successor", "patient", "takes-a-step-for-the-answer",
				"tells-no-predecessor",
			},
			Run: runPassesOver,
		},
		{
			ID: "chord/lookup/never-names-the-dead", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-LOOKUP-001", "CHORD-FAIL-001", "CHORD-FAIL-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A member is killed. Once the ring has settled its keys belong to the node after it, and " +
				"no lookup names it.",
			Causes: []string{
				"a successor is never given up",
				"the successor list is not used when the first successor fails",
			},
			Kills: []string{
				"closed-open", "hops-as-text", "joined-by-n0-alone", "listens-to-one", "patient",
				"takes-a-step-for-the-answer",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{})
				dead := c.Members()[4]
				keys := edges(c)
				c.Touched(killAndSettle(c, dead))
				finds(c, c.Members(), keys...)
			},
		},
	}
}

func runOwnKey(t *T) {
	c := joined(t)
	for _, node := range c.Members() {
		own := right(c, c.Call(node, "lookup", args{"key": c.ID(node)}), c.ID(node))
		next := right(c, c.Call(node, "lookup", args{"key": after(c, node)}), after(c, node))
		if *own.Hops != 0 {
			t.Mismatch(node+"'s hops to its own key", fmt.Sprint(*own.Hops), "0")
		}
		if *next.Hops < 1 {
			t.Mismatch(node+"'s hops to the key of another node", fmt.Sprint(*next.Hops), "1 or more")
		}
	}
}

func runPath(t *T) {
	const nodes, lookups = 24, 4
	c := fresh(t, cluster.Options{
		Nodes: nodes, Successors: 2, Bits: 12, Period: 200 * time.Millisecond, Timeout: time.Second,
	})
	join(c, "n0")
	for i := 1; i < nodes; i *= 2 { // twice as many each time
		c.JoinAll("n0", c.Nodes()[i:min(2*i, nodes)]...)
		c.Pass(c.Periods(6))
	}
	settle(c)
	bound, mean := math.Log2(nodes), 0.0
	for range fingerPeriods {
		if mean = meanHops(c, lookups); mean <= bound {
			t.Observef("%.2f hops on average over %d lookups", mean, lookups*nodes)
			return
		}
		c.Pass(c.Periods(c.Options().Bits))
	}
	t.Mismatch("the mean of hops, after fingers had time to be repaired",
		fmt.Sprintf("%.2f", mean), fmt.Sprintf("%.2f at most", bound))
}

// meanHops has every member look up some drawn keys.
func meanHops(c *cluster.Cluster, each int) float64 {
	hops, count := 0, 0
	for range each {
		key := c.DrawID()
		var calls []*cluster.Call
		for _, node := range c.Members() {
			calls = append(calls, c.Go(node, "lookup", args{"key": key}))
		}
		c.Wait(cluster.Patience, calls...)
		for _, call := range calls {
			hops += *right(c, call, key).Hops
			count++
		}
	}
	return float64(hops) / float64(count)
}

func runPassesOver(t *T) {
	c := formed(t, cluster.Options{})
	c.Pass(c.Periods(fingerPeriods * c.Options().Bits))
	dead := c.Members()[1+t.Rand().Below(7)]
	heir := ring(c, dead)[0]
	f := c.Kill(dead)
	var keys []uint64
	for _, m := range c.Members() {
		if m != heir { // whose new keys nobody can know yet
			keys = append(keys, c.ID(m))
		}
	}
	finds(c, c.Members(), keys...)
	c.Touched(f)
}

// killAndSettle kills members and gives the ring time to close.
func killAndSettle(c *cluster.Cluster, nodes ...string) *cluster.Fault {
	f := c.Kill(nodes...)
	settle(c)
	return f
}
