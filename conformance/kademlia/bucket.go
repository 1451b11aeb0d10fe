package kademlia

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func bucketCases() []Case {
	return []Case{
		{
			ID: "kademlia/bucket/files-who-asks", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-BUCKET-003", "KAD-BUCKET-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node joins a group that is small enough for every bucket to have room. Each member that it sent " +
				"a request to has it in its table, as state shows.",
			Causes: []string{"only the senders of answers are filed"},
			Kills:  []string{"files-answers-alone", "joins-in-name"},
			Run:    runFiles,
		},
		{
			ID: "kademlia/bucket/at-most-k-far-contacts", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"KAD-BUCKET-010", "KAD-TABLE-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "With k = 2, five nodes are in the half of the identifiers that a node is not in, and it hears of " +
				"them all. Its bucket for that half holds two of them at most, as state shows.",
			Causes: []string{"buckets have no bound", "k is taken from a constant and not from init"},
			Kills:  []string{"bottomless-buckets", "files-answers-alone"},
			Run: func(t *T) {
				c := halves(t)
				if got := far(c, "n0"); len(got) == 0 || len(got) > c.Options().K {
					t.Mismatch("the contacts of n0 in the other half of the identifiers", got, "one or two")
				}
				t.Earn()
			},
		},
		{
			ID: "kademlia/bucket/live-contacts-stay", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-BUCKET-008", "KAD-BUCKET-009"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node's bucket for the other half of the identifiers is full of contacts that live. Three more " +
				"nodes of that half join and ask it: the old contacts stay in its table, as state shows.",
			Causes: []string{"the least recently seen contact is evicted without a PING"},
			Kills:  []string{"newcomers-first"},
			Run:    runStay,
		},
		{
			ID: "kademlia/bucket/dead-contacts-go", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-BUCKET-007", "KAD-BUCKET-013"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "All contacts that a node has in the other half of the identifiers are killed, and the living nodes of " +
				"that half look it up. After that it finds each by its identifier.",
			Causes: []string{"a full bucket never changes", "contacts that fail are not replaced by newcomers that wait"},
			Kills:  []string{"gives-up", "joins-in-name", "waits-for-ever"},
			Run:    runGo,
		},
	}
}

// contacts are what state shows of a node's table.
func contacts(c *cluster.Cluster, node string) []string {
	if !c.Able("state") {
		c.T().Unsupportedf("the nodes do not name the capability state in init_ok")
	}
	body := c.Ask(node, "state", nil)
	var reply struct{ Contacts *[]string }
	if err := body.Decode(&reply); err != nil || reply.Contacts == nil {
		c.T().Mismatch("body.contacts of "+node, string(body.Raw), `"contacts":["n1","n2"]`)
	}
	return *reply.Contacts
}

func runFiles(t *T) {
	opt := quiet()
	opt.K = 8
	c := fresh(t, opt)
	join(c, c.Nodes()[:7]...)
	c.Log()
	join(c, "n7")
	sent := asks(c, "n7", c.Log())
	for _, p := range sent {
		if got := contacts(c, p.Msg.Dest); !slices.Contains(got, "n7") {
			t.Mismatch(fmt.Sprintf("the contacts of %s, which n7 has sent a request", p.Msg.Dest), got, "n7 is one of them")
		}
	}
	t.Earn()
}

// halves is a group with k = 2 whose first four nodes share the first bit of their
// identifiers, and the five others the other one. All have joined and looked
// around.
func halves(t *T) *cluster.Cluster {
	opt := quiet()
	opt.Bits, opt.K = 6, 2
	opt.IDs = []uint64{1, 6, 12, 25, 33, 38, 44, 50, 61}
	c := fresh(t, opt)
	join(c, c.Nodes()...)
	for _, node := range c.Members() {
		for _, target := range []uint64{5, 20, 36, 60} {
			findNode(c, node, target)
		}
	}
	return c
}

// far are the contacts of a node that do not share its first bit.
func far(c *cluster.Cluster, node string) []string {
	top := uint64(1) << (c.Options().Bits - 1)
	return slices.DeleteFunc(contacts(c, node), func(name string) bool {
		return c.ID(name)&top == c.ID(node)&top
	})
}

func runStay(t *T) {
	opt := quiet()
	opt.Bits, opt.K = 6, 2
	opt.IDs = []uint64{1, 6, 12, 25, 33, 38, 44, 50, 61}
	c := fresh(t, opt)
	join(c, c.Nodes()[:6]...)
	for _, node := range c.Members() {
		findNode(c, node, c.ID("n0"))
	}
	before := far(c, "n0")
	if len(before) < opt.K {
		t.Inconclusivef("n0 has %d contacts in the other half: its bucket is not full", len(before))
	}
	c.Log()
	for _, node := range c.Nodes()[6:] {
		join(c, node)
		findNode(c, node, c.ID("n0"))
	}
	c.Pass(3 * c.Options().Timeout)
	met := slices.ContainsFunc(c.Log(), func(p cluster.Passed) bool {
		return p.Msg.Dest == "n0" && slices.Contains(c.Nodes()[6:], p.Msg.Src)
	})
	if !met {
		t.Inconclusivef("no newcomer has asked n0")
	}
	after := contacts(c, "n0")
	for _, name := range before {
		if !slices.Contains(after, name) {
			t.Mismatch("the contacts of n0, after newcomers have asked it", after, name+" stays, which lives")
		}
	}
	t.Earn()
}

func runGo(t *T) {
	c := halves(t)
	dead := far(c, "n0")
	f := c.Kill(dead...)
	living := slices.DeleteFunc(c.Members(), func(m string) bool { return c.ID(m)&32 == 0 })
	for _, target := range []uint64{33, 40, 48, 63} {
		c.Call("n0", "find_node", args{"target": target}) // it asks the dead, who may be all it knows there
	}
	for _, node := range living {
		for range 3 {
			c.Call(node, "find_node", args{"target": c.ID("n0")})
		}
	}
	c.Touched(f)
	for _, node := range living {
		reached(c, c.Call("n0", "find_node", args{"target": c.ID(node)}), c.ID(node), c.Members())
	}
}
