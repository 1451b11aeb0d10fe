package dht

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Upkeep judges how the target finds its place in the DHT and keeps it:
// BEP 5 §Routing Table.
var bep5Upkeep = []Case{
	{
		ID:  "bep5/bootstrap/looks-up-its-own-id",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-008"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins(),
		Control: "the first query to the bootstrap node",
		Explain: "The target is started with one contact. It should ask for its own id, by " +
			"find_node or by get_peers, or for one that begins like it for 64 bits: that finds " +
			"its neighbours, who have to know it.",
		Causes: []string{
			"random ids are looked up at the start",
			"the contact is pinged and nothing more",
		},
		Kills: []string{"no-self-lookup", "queries-without-id"},
		Run: func(t *T) {
			w := joined(t, 8)
			t.Earn()
			asked := func() bool {
				return slices.ContainsFunc(w.Log, func(q *Query) bool {
					key, ok := q.sought()
					return ok && kademlia.CommonPrefixLen(key, q.ID) >= OwnPrefix
				})
			}
			if !t.Until(asked, JoinWithin) {
				t.Failf("none of %d queries asked for the own id", len(w.Log))
			}
		},
	},
	{
		ID:  "bep5/bootstrap/reaches-its-neighbour",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-008", "BEP05-RPC-011"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins(),
		Control: "the first query to the bootstrap node",
		Explain: "The target is started with one contact in a DHT of 30 nodes, each of which " +
			"hands out the eight closest to a key. It should get to ask the node closest to its " +
			"own id: neighbours have to know each other.",
		Causes: []string{"the nodes in the contact's answer are filed but not asked"},
		Kills:  []string{"no-self-lookup", "queries-without-id"},
		Run: func(t *T) {
			w := joined(t, 30)
			t.Earn()
			id := w.Log[0].ID
			n := ordered(w, id)[0]
			if !t.Until(func() bool { return len(n.Queries) > 0 }, JoinWithin) {
				t.Mismatch("the nodes that were asked", fmt.Sprintf("%d of %d", askedNodes(w), len(w.Nodes)),
					fmt.Sprintf("the closest to its id, %v, among them", n.Contact()))
			}
		},
	},
	{
		ID:  "bep5/upkeep/newcomer-is-asked-before-it-is-handed-out",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-002"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Control: "the node, which is handed out once it has answered", Within: PatientCase,
		Explain: "A node asks the target. Before the target hands it out it should have asked " +
			"that node something and had an answer: a query alone can come from a forged " +
			"address.",
		Causes: []string{"whoever asks is put into the table as good"},
		Kills:  []string{"nodes-as-list"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			Known(t, n)
			if len(n.Queries) == 0 {
				t.Failf("the target hands out the node at %v, which it never asked anything", n.Addr())
			}
		},
	},
	{
		ID:  "bep5/upkeep/good-nodes-stay",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-005", "BEP05-TBL-006"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the eight nodes, which are handed out first", Within: 2 * PatientCase,
		Explain: "Eight nodes fill a bucket and answer whatever they are asked; then four more " +
			"turn up. The eight should still be handed out: a good node is never replaced, " +
			"because nodes that have been up stay up.",
		Causes: []string{
			"the newest node replaces the oldest",
			"buckets are sorted by something other than age",
		},
		Kills: []string{
			"answers-with-the-target-as-id", "newest-nodes-win", "nodes-as-list",
			"nodes-not-closest",
		},
		Run: func(t *T) {
			nodes := newcomers(t, K+4)
			Known(t, nodes[:K]...)
			for _, n := range nodes[K:] {
				n.Expect("find_node", Dict{"target": n.ID[:]})
			}
			t.Wait(10 * t.SilenceWait())
			if still := HandedOut(t, nodes[:K]...); len(still) < K {
				t.Mismatch("the first eight nodes that are handed out", len(still), "8")
			}
		},
	},
	{
		ID:  "bep5/upkeep/quiet-node-is-asked-again",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-003", "BEP05-TBL-007"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the node, which is handed out before the wait", Within: PatientCase + 2*time.Hour,
		Explain: "A node is introduced and says no more. After a quarter of an hour it is " +
			"questionable; within an hour the target should have asked it something.",
		Causes: []string{"nothing is done about questionable nodes", "buckets are not refreshed"},
		Kills:  []string{"no-refresh", "nodes-as-list"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			Known(t, n)
			t.Wait(10 * time.Minute)
			before := len(n.Queries)
			if !t.Until(func() bool { return len(n.Queries) > before }, time.Hour) {
				t.Failf("a node that had said nothing for 70 minutes was not asked")
			}
		},
	},
	{
		ID:  "bep5/upkeep/silent-node-is-tried-twice",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-004"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a node beside it, which goes on answering and is asked", Within: PatientCase + 4*time.Hour,
		Explain: "Two nodes are introduced and one falls silent. The target should ask it at " +
			"least twice before it gives it up: one datagram is easily lost.",
		Causes: []string{"a node is dropped at the first timeout"},
		Kills:  []string{"no-retry", "nodes-as-list"},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			gone, stays := nodes[0], nodes[1]
			Known(t, gone, stays)
			gone.On = nil
			before, other := len(gone.Queries), len(stays.Queries)
			t.Until(func() bool { return len(gone.Queries) >= before+2 }, 3*time.Hour)
			switch got := len(gone.Queries) - before; {
			case got == 0 && len(stays.Queries) == other:
				t.Inconclusivef("the target asked neither of the nodes within three hours")
			case got < 2:
				t.Mismatch("queries to the node since it fell silent", got, "at least 2")
			}
		},
	},
	{
		ID:  "bep5/upkeep/least-recently-seen-is-asked-first",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-006"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the eight nodes, which are handed out before the wait", Within: 10*PatientCase + time.Hour,
		Explain: "Eight nodes fill a bucket, one minute apart. When a ninth turns up sixteen " +
			"minutes after the first, the target should ask the one from which it has not heard " +
			"for longest before any of the others.",
		Causes: []string{
			"a full bucket turns newcomers away unasked",
			"the newest or a random node is asked",
		},
		Kills: []string{
			"answers-with-the-target-as-id", "believes-nodes-alive", "bucket-of-16",
			"nodes-as-list", "queriers-not-asked",
		},
		Run: func(t *T) {
			nodes := newcomers(t, K+1)
			began := t.Now()
			for _, n := range nodes[:K] {
				Known(t, n)
				t.Wait(time.Minute)
			}
			t.Wait(began + 16*time.Minute - t.Now())
			slices.SortStableFunc(nodes[:K], func(a, b *Node) int { return int(a.lastAsked() - b.lastAsked()) })
			oldest := nodes[0]
			if t.Now()-oldest.lastAsked() < 15*time.Minute {
				t.Infof("the target asks its nodes so often that none is questionable")
			}
			heard := t.Now()
			nodes[K].Expect("find_node", Dict{"target": nodes[K].ID[:]})
			asked := func() bool {
				return slices.ContainsFunc(nodes[:K], func(n *Node) bool { return n.lastAsked() > heard })
			}
			if !t.Until(asked, time.Minute) {
				t.Failf("none of the eight nodes was asked when a ninth turned up, " +
					"though one had been silent for 15 minutes")
			}
			for _, n := range nodes[1:K] {
				if n.lastAsked() > heard {
					t.Mismatch("the node that was asked first", n.Addr(),
						oldest.Addr().String()+", which was heard least recently")
				}
			}
		},
	},
	{
		ID:  "bep5/upkeep/quiet-bucket-is-refreshed",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-007"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   append(joins(), conformance.NeedClock),
		Control: "the bootstrap, which the nodes answer", Within: 2 * time.Hour,
		Explain: "The target joins a DHT of 30 nodes and is left alone. Within 40 minutes it " +
			"should look up a key far from its own id, one that shares fewer than 8 bits with it: " +
			"the bucket there has been quiet for more than 15 minutes.",
		Causes: []string{
			"only the own id is looked up again",
			"nodes are pinged, but no new ones are sought",
		},
		Kills: []string{"no-refresh", "refreshes-its-own-id-alone"},
		Run: func(t *T) {
			w := joined(t, 30)
			t.Earn()
			t.Wait(time.Minute)
			heard := len(w.Log)
			refreshed := func() bool {
				return slices.ContainsFunc(w.Log[heard:], func(q *Query) bool {
					key, ok := q.sought()
					return ok && kademlia.CommonPrefixLen(key, q.ID) < 8
				})
			}
			if !t.Until(refreshed, 40*time.Minute) {
				t.Failf("none of %d queries within 40 minutes sought a key far from the own id", len(w.Log)-heard)
			}
		},
	},
	{
		ID:  "bep5/upkeep/table-survives-a-restart",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-009"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   append(joins(), conformance.NeedRestart),
		Control: "the bootstrap, which the nodes answer", Within: LookupCase,
		Explain: "The target joins a DHT of 10 nodes, is stopped, and is started again with its " +
			"state folder and without a contact. It should ask nodes of its old table by " +
			"itself.",
		Causes: []string{"the table is not saved", "the table is read but nobody is asked"},
		Kills:  []string{"forgets-its-table"},
		Run: func(t *T) {
			dir, err := os.MkdirTemp("", "p2pspec-state-")
			if err != nil {
				t.Harnessf("no folder for the target's state: %v", err)
			}
			defer os.RemoveAll(dir)
			w := NewWorld(t, RandomIDs(t, 10)...)
			w.Join(conformance.StartOptions{Dir: dir})
			w.settle()
			t.Wait(persistAfter)
			t.Earn()
			heard := len(w.Log)
			t.Restart(conformance.StartOptions{Dir: dir})
			asked := t.Until(func() bool { return len(w.Log) > heard }, CommandWithin)
			t.Restart(conformance.StartOptions{}) // leaves the folder, which can go
			if !asked {
				t.Failf("none of the %d nodes was asked after the restart", len(w.Nodes))
			}
		},
	},
}

const (
	// OwnPrefix is how many bits a key must share with the own id for its
	// lookup to be one for the own id: some clients alter the last bytes.
	OwnPrefix = 64

	// persistAfter leaves a target the time to take its nodes in.
	persistAfter = 2 * time.Second
)

func askedNodes(w *World) (n int) {
	for _, node := range w.Nodes {
		if len(node.Queries) > 0 {
			n++
		}
	}
	return n
}

// lastAsked is when the target last asked the node, which answered at once:
// when it was last seen.
func (n *Node) lastAsked() time.Duration {
	if len(n.Queries) == 0 {
		return 0
	}
	return n.Queries[len(n.Queries)-1].At
}
