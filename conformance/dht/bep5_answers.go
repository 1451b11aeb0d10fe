package dht

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Answers judges ping, find_node and get_peers: BEP 5 §DHT Queries.
var bep5Answers = []Case{
	{
		ID: "bep5/ping/answers-the-published-example", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-001", "BEP05-KRPC-004"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "The ping printed in BEP 5 is sent from two addresses, twice each. The response must " +
			"carry the transaction id aa and the target's own 20-byte id.",
		Causes: []string{
			"the transaction id of the query is not echoed",
			"the querying node's id is sent back",
		},
		Kills: []string{"transaction-id-filled-to-four"},
		Run: func(t *T) {
			var ids []kademlia.ID
			for range 2 {
				p := NewPeer(t)
				p.ID = kademlia.ID([]byte("abcdefghij0123456789"))
				for range 2 {
					ids = append(ids, p.Expect("ping", nil, Dict{"t": "aa"}).ID)
				}
			}
			if len(slices.Compact(ids)) > 1 {
				t.Mismatch("r.id", "changing from answer to answer", "one id")
			}
		},
	},
	{
		ID:  "bep5/find_node/answers-with-compact-nodes",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-002", "BEP05-KRPC-013"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "find_node for a random id is asked. It must be answered by a response in which " +
			"nodes is a string of 26 bytes for each node. While the target knows nobody, it may be empty " +
			"or left out.",
		Causes: []string{"nodes is a list", "IPv6 addresses are written into it"},
		Kills:  []string{"nodes-as-list"},
		Run: func(t *T) {
			key := randomID(t)
			NewPeer(t).Expect("find_node", Dict{"target": key[:]}).Nodes()
		},
	},
	{
		ID: "bep5/find_node/nodes-even-if-empty", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-002", "BEP05-RPC-003"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "find_node and get_peers for a random id are asked. The responses should have the " +
			"key nodes even if the target knows nobody, as in every printed answer; a reader should not " +
			"have to guess what its absence means.",
		Causes: []string{
			"an empty string is left out by the encoder",
			"nodes are only sent when want asks",
		},
		Kills: []string{"no-nodes-in-get_peers", "nodes-as-list", "nodes-only-with-want"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			p.Expect("find_node", Dict{"target": key[:]}).Bytes("nodes")
			p.Expect("get_peers", Dict{"info_hash": key[:]}).Bytes("nodes")
		},
	},
	{
		ID:  "bep5/find_node/hands-out-a-node-that-answered",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-002", "BEP05-KRPC-013"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the target's own query to the node, which the node answers", Within: PatientCase,
		Explain: "A scripted node asks the target and answers what the target asks it. Then find_node " +
			"for that node's id, from another address, must return it: its id, address and port in 26 " +
			"bytes, network order.",
		Causes: []string{
			"the port is written in host order",
			"the address of another field is written",
		},
		Kills: []string{
			"local-addresses-not-exempt", "nodes-as-list", "nodes-in-host-order",
			"nodes-only-with-want",
		},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			if Introduce(t, n); len(n.Queries) == 0 {
				t.Inconclusivef("the target never asked the node anything, so it need not hand it out")
			}
			a := NewPeer(t).Expect("find_node", Dict{"target": n.ID[:]})
			if got := a.Nodes(); !slices.Contains(got, n.Contact()) {
				t.Mismatch("r.nodes", got, n.String()+" among them")
			}
		},
	},
	{
		ID: "bep5/find_node/returns-the-closest", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-002", "BEP05-TBL-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "find_node answers that hand out the scripted nodes one by one", Within: PatientCase,
		Explain: "Twelve scripted nodes are introduced, spread over the buckets near the target's id. " +
			"For ten ids among them find_node is asked: no node that the target hands out elsewhere may " +
			"be left out of an answer that has fewer than eight nodes or a node farther away by XOR as " +
			"an unsigned 160-bit number.",
		Causes: []string{
			"the nodes come from one bucket only", "distance is compared as a signed number or by common prefix alone",
			"nodes are returned in the order of arrival",
		},
		Kills: []string{"nodes-as-list", "returns-four-nodes"},
		Run: func(t *T) {
			nodes := spread(t, 12)
			known := Introduce(t, nodes...)
			if len(known) < 4 {
				t.Inconclusivef("the target hands out %d of %d nodes that answered it", len(known), len(nodes))
			}
			p := NewPeer(t)
			for i := range 10 {
				key := nodes[i].ID.Flip(159)
				judgeClosest(t, key, p.Expect("find_node", Dict{"target": key[:]}).Nodes(), known)
			}
		},
	},
	{
		ID: "bep5/find_node/at-most-eight-nodes", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-002"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the judged answers themselves", Within: PatientCase,
		Explain: "Twelve scripted nodes are introduced. No find_node answer should have more than K = " +
			"8 nodes, or the same node twice. Some clients use a larger K on purpose.",
		Causes: []string{"the bucket size is not the document's", "the answer is not cut to K"},
		Kills:  []string{"bucket-of-16", "nodes-as-list"},
		Run: func(t *T) {
			nodes := spread(t, 12)
			if known := Introduce(t, nodes...); len(known) <= K {
				t.Inconclusivef("the target hands out %d nodes only", len(known))
			}
			for _, n := range nodes[:4] {
				got := NewPeer(t).Expect("find_node", Dict{"target": n.ID[:]}).Nodes()
				if len(got) > K {
					t.Mismatch("r.nodes", fmt.Sprintf("%d nodes", len(got)), "at most 8 nodes")
				}
				if repeats(got) {
					t.Mismatch("r.nodes", got, "each node once")
				}
			}
		},
	},
	{
		ID: "bep5/get_peers/token-for-an-unknown-hash", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-003"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "get_peers for an info-hash that nobody announced. The response must have a token, " +
			"of any length; it has no values, or none in them.",
		Causes: []string{"the token is only sent with values", "peers of another hash are sent"},
		Kills:  []string{"no-token-for-unknown-hashes", "nodes-as-list"},
		Run: func(t *T) {
			key := randomID(t)
			a := NewPeer(t).Expect("get_peers", Dict{"info_hash": key[:]})
			a.Token()
			a.Nodes()
			if a.Has("values") {
				if got := a.Values(); len(got) > 0 {
					t.Mismatch("r.values", show(got), "absent", "empty")
				}
			}
		},
	},
	{
		ID: "bep5/get_peers/closest-nodes-to-the-hash", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-003", "BEP05-TBL-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "find_node answers that hand out the scripted nodes", Within: PatientCase,
		Explain: "Scripted nodes are introduced; get_peers for a hash beside one of them must return " +
			"the closest nodes that the target knows, as find_node does: lookups for peers go by these.",
		Causes: []string{"get_peers returns nodes close to the target itself or to the querier"},
		Kills:  []string{"no-nodes-in-get_peers", "nodes-as-list", "returns-four-nodes"},
		Run: func(t *T) {
			nodes := spread(t, 6)
			known := Introduce(t, nodes...)
			if len(known) == 0 {
				t.Inconclusivef("the target hands out no node that answered it")
			}
			key := known[0].ID.Flip(159)
			judgeClosest(t, key, NewPeer(t).Expect("get_peers", Dict{"info_hash": key[:]}).Nodes(), known)
		},
	},
	{
		ID: "bep5/get_peers/values-after-announces", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-003", "BEP05-RPC-004", "BEP05-KRPC-013"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "the announces, which are answered",
		Explain: "Three peers announce to one info-hash. get_peers from a fourth address must return " +
			"values, a list with one string of six bytes for each of them, address and port in network " +
			"order, and a token.",
		Causes: []string{
			"values is one string, as trackers send it",
			"the port is in host order",
			"announces are not stored",
		},
		Kills: []string{
			"no-token-for-unknown-hashes", "peers-listed-twice", "values-as-one-string",
			"values-in-host-order",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			var peers []*Peer
			for range 3 {
				p := NewPeer(t)
				p.Announce(infoHash, nil)
				peers = append(peers, p)
			}
			a := NewPeer(t).Expect("get_peers", Dict{"info_hash": infoHash[:]})
			a.Token()
			got := a.Values()
			for _, p := range peers {
				if !slices.Contains(got, p.Addr()) {
					t.Mismatch("r.values", show(got), p.Addr().String()+" among them")
				}
			}
			if len(got) > len(peers) {
				t.Mismatch("r.values", show(got), "the three announced peers alone")
			}
		},
	},
	{
		ID: "bep5/get_peers/values-of-that-hash-alone", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get_peers for the announced hash, which returns the peer",
		Explain: "One peer announces to an info-hash. get_peers for a hash that differs in the last " +
			"bit must not return it, while get_peers for the announced one does.",
		Causes: []string{"peers are stored under a shortened hash", "one list serves all hashes"},
		Kills: []string{
			"no-token-for-unknown-hashes", "one-store-for-all-hashes", "values-as-one-string",
			"values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, nil)
			mustHold(t, infoHash, p.Addr())
			if got := PeersOf(t, infoHash.Flip(159), nil); len(got) > 0 {
				t.Mismatch("r.values for another info-hash", show(got), "absent", "empty")
			}
		},
	},
}

// spread opens n nodes whose ids lie in as many buckets of the target as there
// are nodes, a few bits apart, where any table has room.
func spread(t *T, n int) []*Node {
	t.Renew(conformance.StartOptions{})
	p := NewPeer(t)
	base := p.TargetID()
	depth := p.QuietBucket(base)
	var nodes []*Node
	for i := range n {
		nodes = append(nodes, NewNode(t, IDsAt(t, base, depth+i, 1)[0]))
	}
	return nodes
}

// newcomers opens n nodes whose ids lie in one quiet bucket of the target. A
// target that can be started again is: tables fill up with the dead of earlier
// cases, and clients differ in whom they then take in.
func newcomers(t *T, n int) []*Node {
	t.Renew(conformance.StartOptions{})
	p := NewPeer(t)
	base := p.TargetID()
	var nodes []*Node
	for _, id := range IDsAt(t, base, p.QuietBucket(base), n) {
		nodes = append(nodes, NewNode(t, id))
	}
	return nodes
}

// judgeClosest ends the case if a known node is left out of an answer in which
// it belongs.
func judgeClosest(t *T, key kademlia.ID, got []Contact, known []*Node) {
	for _, n := range known {
		if slices.Contains(got, n.Contact()) {
			continue
		}
		farther := slices.ContainsFunc(got, func(c Contact) bool { return kademlia.Closer(key, n.ID, c.ID) })
		if len(got) < K || farther {
			t.Mismatch("r.nodes for "+key.String(), got, "the closest known nodes, "+n.String()+" among them")
		}
	}
}

func repeats(c []Contact) bool {
	seen := map[Contact]bool{}
	for _, x := range c {
		if seen[x] {
			return true
		}
		seen[x] = true
	}
	return false
}
