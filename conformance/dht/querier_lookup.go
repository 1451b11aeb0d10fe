package dht

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Lookup judges how the target looks up a key: BEP 5 §Routing Table and
// §get_peers. In all of these the target joins a scripted DHT and is told to
// look up the peers of a random info-hash.
var bep5Lookup = []Case{
	{
		ID:  "bep5/lookup/reaches-the-closest-node",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-011", "BEP05-KRPC-013"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's first query", Within: LookupCase,
		Explain: "The DHT has 40 nodes, each of which hands out the eight closest to a key. The " +
			"lookup must reach the one that is closest to the info-hash: peers are stored " +
			"there.",
		Causes: []string{
			"only nodes of the own table are asked",
			"nodes of answers are read wrong",
			"distance is not XOR",
		},
		Kills: []string{"asks-its-own-table-alone"},
		Run: func(t *T) {
			w := joined(t, 40)
			key := w.farKey()
			asked := lookedUp(t, w, key)
			if best := w.Closest(key)[0]; !slices.Contains(asked, best) {
				t.Mismatch("the nodes that were asked", nearest(key, asked),
					fmt.Sprintf("the closest, %v, among them", best))
			}
		},
	},
	{
		ID:  "bep5/lookup/asks-the-eight-closest",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-011"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's first query", Within: LookupCase,
		Explain: "The DHT has 40 nodes, each of which hands out the eight closest to a key. The " +
			"lookup should go on until all of the eight closest have been asked: each may be " +
			"the only one that has peers.",
		Causes: []string{
			"the lookup ends at the first answer that names nobody closer",
			"fewer than eight are wanted",
		},
		Kills: []string{"asks-its-own-table-alone", "keeps-four-candidates"},
		Run: func(t *T) {
			w := joined(t, 40)
			key := w.farKey()
			asked := lookedUp(t, w, key)
			for i, c := range w.Closest(key) {
				if !slices.Contains(asked, c) {
					t.Mismatch("the nodes that were asked", nearest(key, asked),
						fmt.Sprintf("number %d, %v, among them", i+1, c))
				}
			}
		},
	},
	{
		ID:  "bep5/lookup/asks-no-node-twice",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-011"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's first query", Within: LookupCase,
		Explain: "The DHT has 20 nodes, which answer at once and name each other over and over. " +
			"No node should be asked for the key a second time in one lookup: it has answered.",
		Causes: []string{
			"nodes are not remembered once asked",
			"a node counts as new under each answer that names it",
		},
		Kills: []string{"asks-all-it-hears-of", "asks-twice"},
		Run: func(t *T) {
			w := joined(t, 20)
			key := randomID(t)
			lookedUp(t, w, key)
			for _, n := range w.Nodes {
				if got := about(key, n.Asked("get_peers")); len(got) > 1 {
					t.Mismatch("get_peers to "+n.Addr().String(), fmt.Sprintf("%d of them", len(got)), "one")
				}
			}
		},
	},
	{
		ID:  "bep5/lookup/bounded-parallelism",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-011"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's first query", Within: LookupCase,
		Explain: "Each node takes half a second to answer and names four others that nobody " +
			"else names. The target should not wait for more than 16 answers at once: known " +
			"clients ask 3 to 16 nodes in parallel.",
		Causes: []string{"all nodes of an answer are asked at once, without a limit"},
		Kills:  []string{"asks-all-it-hears-of"},
		Run: func(t *T) {
			key := randomID(t)
			levels := fan(t, key)
			t.Start(conformance.StartOptions{Bootstrap: bootstrap(levels[0]...)})
			t.Until(func() bool { return len(levels[0][0].Queries) > 0 }, AskedWithin)
			t.Wait(Quiet)
			most := slowly(t, key, slices.Concat(levels[:]...))
			wasAsked(t, levels[0][0], key)
			t.Observef("at most %d queries of the lookup were open at once", most)
			if most > MostParallel {
				t.Mismatch("queries of one lookup that waited for answers", most, fmt.Sprintf("at most %d",
					MostParallel))
			}
		},
	},
	{
		ID:  "bep5/lookup/goes-on-past-silent-nodes",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-011"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the nodes that answer", Within: LookupCase,
		Explain: "The target knows twelve nodes, of which the six closest to the key do not answer " +
			"for it. The others name one that is closer still and answers. The lookup must time the " +
			"silent ones out and get there.",
		Causes: []string{
			"a query without an answer holds up the lookup for good",
			"a timeout ends the lookup",
		},
		Kills: []string{"asks-its-own-table-alone", "never-times-out"},
		Run: func(t *T) {
			w := joined(t, 12)
			key := randomID(t)
			end := NewNode(t, IDsAt(t, key, 20, 1)[0])
			for i, n := range ordered(w, key) {
				n.onKey(key, func(q *Query) {
					if i >= 6 {
						q.Reply(n.naming(end))
					}
				})
			}
			t.Do("get_peers", map[string]any{"info_hash": key.String()})
			if !t.Until(func() bool { return len(about(key, end.Queries)) > 0 }, 2*CommandWithin) {
				if len(about(key, w.Log)) == 0 {
					t.Inconclusivef("the target asked nobody for the key")
				}
				t.Failf("the lookup stopped after %d nodes, most of them silent", len(askers(w, key)))
			}
			t.Earn()
		},
	},
	{
		ID:  "bep5/lookup/peers-are-reported",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-004", "BEP05-KRPC-013"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's query to the node that has peers", Within: LookupCase,
		Explain: "Two nodes have peers of the info-hash, one of them in common. The command " +
			"must report each of them, with address and port as they were given.",
		Causes: []string{"only the first values are kept", "the port is read in host order"},
		Kills:  []string{"values-of-the-first-answer"},
		Run: func(t *T) {
			w := joined(t, 4)
			key := randomID(t)
			peers := [][]byte{{10, 1, 2, 3, 0x1a, 0xe1}, {10, 250, 0, 9, 0, 80}, {192, 168, 7, 1, 0xff, 0xfe}}
			valued(w.Nodes[1], key, peers[0], peers[1])
			valued(w.Nodes[2], key, peers[1], peers[2])
			judgePeers(t, key, w.Nodes[1:3], "10.1.2.3:6881", "10.250.0.9:80", "192.168.7.1:65534")
		},
	},
	{
		ID:  "bep5/lookup/nodes-beside-values-are-used",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-003", "BEP05-RPC-011"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's query to the node that has peers", Within: LookupCase,
		Explain: "The only node that knows the way on answers with values and nodes at once, as " +
			"most do today. The lookup must ask the nodes too: the closest ones have more " +
			"peers.",
		Causes: []string{
			"nodes are only read when values is absent",
			"the first values end the lookup",
		},
		Kills: []string{"asks-its-own-table-alone", "nodes-ignored-beside-values"},
		Run: func(t *T) {
			w := joined(t, 3)
			key := randomID(t)
			onward := NewNode(t, IDsAt(t, key, 20, 1)[0])
			n := w.Nodes[1]
			n.onKey(key, func(q *Query) {
				q.Reply(merge(n.naming(onward), Dict{"values": [][]byte{{10, 1, 2, 3, 26, 225}}}))
			})
			t.Do("get_peers", map[string]any{"info_hash": key.String()})
			reached := t.Until(func() bool { return len(about(key, onward.Queries)) > 0 }, CommandWithin)
			wasAsked(t, n, key)
			if !reached {
				t.Failf("the node that was named beside values was not asked within %v", CommandWithin)
			}
		},
	},
}

// farKey is a key in the half of the space that the target's id is not in. Of
// the nodes there it keeps a bucket full at most; it has to find the others.
func (w *World) farKey() kademlia.ID {
	return kademlia.RandomWithPrefix(w.t.Rand(), w.Log[0].ID.Flip(0), 1, kademlia.MaxBits)
}

// MostParallel is the number of queries that a lookup may have open at once:
// the paper has 3, clients have up to 16.
const MostParallel = 16

// lookedUp has the target look up the key and returns whom it asked, in order.
func lookedUp(t *T, w *World, key kademlia.ID) []Contact {
	getPeers(t, key)
	w.settle()
	asked := askers(w, key)
	if len(asked) == 0 {
		t.Inconclusivef("the target asked nobody for the info-hash that it was told to look up")
	}
	t.Earn()
	t.Observef("%d of %d nodes were asked", len(asked), len(w.Nodes))
	return asked
}

// askers are the nodes of the world that were asked for the key.
func askers(w *World, key kademlia.ID) []Contact {
	var out []Contact
	for _, n := range w.Nodes {
		if len(about(key, n.Queries)) > 0 {
			out = append(out, n.Contact())
		}
	}
	return out
}

// nearest describes contacts by the one closest to the key.
func nearest(key kademlia.ID, c []Contact) string {
	byDistance(key, c)
	return fmt.Sprintf("%d, the closest of them %v", len(c), c[0])
}

// ordered are the world's nodes, the closest to the key first.
func ordered(w *World, key kademlia.ID) []*Node {
	nodes := slices.Clone(w.Nodes)
	slices.SortFunc(nodes, func(a, b *Node) int { return kademlia.Compare(key, a.ID, b.ID) })
	return nodes
}

// fan is 1 + 4 + 16 + 64 nodes, each of which names four of the next level,
// closer to the key than itself.
func fan(t *T, key kademlia.ID) [4][]*Node {
	var levels [4][]*Node
	for depth, n := 0, 1; depth < len(levels); depth, n = depth+1, 4*n {
		for _, id := range IDsAt(t, key, 4*depth, n) {
			levels[depth] = append(levels[depth], NewNode(t, id))
		}
	}
	for depth := range levels[1:] {
		for i, n := range levels[depth] {
			n.onKey(key, func(q *Query) { q.Reply(n.naming(levels[depth+1][4*i : 4*i+4]...)) })
		}
	}
	return levels
}

// slowly runs a lookup among nodes that take half a second to answer, and
// returns the greatest number of nodes that owed an answer at one time.
func slowly(t *T, key kademlia.ID, nodes []*Node) (most int) {
	type owed struct {
		due    time.Duration
		answer func()
	}
	var open []owed
	for _, n := range nodes {
		at := n.On["get_peers"]
		n.On["get_peers"] = func(q *Query) {
			if k, _ := q.sought(); k != key {
				at(q)
				return
			}
			open = append(open, owed{t.Now() + 500*time.Millisecond, func() { at(q) }})
			most = max(most, len(open))
		}
	}
	p := t.Do("get_peers", map[string]any{"info_hash": key.String()})
	for limit := t.Now() + CommandWithin; !p.Done() && t.Now() < limit; {
		t.Until(func() bool { return p.Done() || len(open) > 0 && t.Now() >= open[0].due }, 10*time.Millisecond)
		for len(open) > 0 && open[0].due <= t.Now() {
			answer := open[0].answer
			open = open[1:]
			answer()
		}
	}
	return most
}

// valued has the node answer get_peers for the key with values beside nodes.
func valued(n *Node, key kademlia.ID, values ...[]byte) {
	n.onKey(key, func(q *Query) {
		q.Reply(merge(n.Nearest(q), Dict{"token": n.Token(), "values": values}))
	})
}

// judgePeers has the target look up the key among nodes that have peers, and
// ends the case unless it reports all of those wanted.
func judgePeers(t *T, key kademlia.ID, holders []*Node, want ...string) {
	reply, err := getPeers(t, key)
	for _, n := range holders {
		wasAsked(t, n, key)
	}
	if err != nil {
		t.Failf("the lookup found peers, but the command ended with: %v", err)
	}
	got, ok := reply["peers"].([]any)
	if !ok {
		t.Inconclusivef("the target does not report the peers that it found")
	}
	for _, peer := range want {
		if !slices.Contains(got, any(peer)) {
			t.Mismatch("the peers found", got, peer+" among them")
		}
	}
}
