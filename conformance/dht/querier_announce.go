package dht

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Announcing judges how the target announces: BEP 5 §announce_peer. In all
// of these the target joins a scripted DHT and is told to announce a random
// info-hash.
var bep5Announcing = []Case{
	{
		ID:  "bep5/announce/reaches-the-closest-node",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The DHT has 40 nodes. The announce must reach the one closest to the " +
			"info-hash, where others look, after that node has given a token.",
		Causes: []string{
			"the nodes that answered first are announced to",
			"the bootstrap node is announced to",
		},
		Kills: []string{"announces-away-from-the-key", "asks-its-own-table-alone"},
		Run: func(t *T) {
			w := joined(t, 40)
			key := w.farKey()
			placed := announced(t, w, key, nil)
			best := ordered(w, key)[0]
			if len(about(key, best.Asked("announce_peer"))) == 0 {
				t.Mismatch("the nodes that were announced to", nearest(key, contacts(placed)),
					fmt.Sprintf("the closest, %v, among them", best.Addr()))
			}
		},
	},
	{
		ID:  "bep5/announce/goes-to-the-eight-closest",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-010", "BEP33-SCRAPE-008"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The DHT has 40 nodes. The announces should go to the eight closest to the " +
			"info-hash, and to none but the twenty closest that were asked: the others are not " +
			"where anybody looks. Some clients use twenty for K.",
		Causes: []string{
			"every node that answered is announced to",
			"only the closest node is announced to",
		},
		Kills: []string{
			"announces-away-from-the-key", "announces-to-one-node", "asks-its-own-table-alone",
			"keeps-four-candidates",
		},
		Run: func(t *T) {
			w := joined(t, 40)
			key := w.farKey()
			announced(t, w, key, nil)
			asked := 0
			for i, n := range ordered(w, key) {
				if len(about(key, n.Queries)) > 0 {
					asked++
				}
				told := len(about(key, n.Asked("announce_peer"))) > 0
				switch {
				case i < K && !told:
					t.Mismatch("the nodes that were announced to",
						fmt.Sprintf("number %d by distance is missing", i+1), "the eight closest")
				case asked > 20 && told:
					t.Mismatch("the nodes that were announced to",
						fmt.Sprintf("the %dth closest of those that were asked", asked), "the closest alone")
				}
			}
		},
	},
	{
		ID:  "bep5/announce/once-to-each-node",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The nodes answer announces at once. No node should be told the same twice for " +
			"one command.",
		Causes: []string{
			"a node is announced to as its token comes and again when the lookup ends",
		},
		Kills: []string{"announces-twice"},
		Run: func(t *T) {
			w := joined(t, 12)
			key := randomID(t)
			announced(t, w, key, nil)
			for _, n := range w.Nodes {
				if got := about(key, n.Asked("announce_peer")); len(got) > 1 {
					t.Mismatch("announces to "+n.Addr().String(), len(got), "one")
				}
			}
		},
	},
	{
		ID:  "bep5/announce/carries-each-nodes-own-token",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "Each of twelve nodes gives a token of its own: from 1 to 40 bytes, with zero " +
			"bytes and bytes that are no text among them. Each announce must return the token " +
			"of the node that it goes to, byte for byte.",
		Causes: []string{
			"the last token is used for all nodes",
			"tokens are treated as text",
			"tokens are kept in a short buffer",
		},
		Kills: []string{"last-token-for-all", "tokens-as-text"},
		Run: func(t *T) {
			w := joined(t, 12)
			given := map[*Peer][]byte{}
			key := randomID(t)
			for i, n := range w.Nodes {
				token := randomBytes(t, []int{1, 2, 4, 8, 20, 40}[i%6])
				token[0] &= 0xfe * byte(i%2)
				given[n.Peer] = token
				n.gives(key, token)
			}
			for _, q := range announced(t, w, key, nil) {
				if got, _ := field(q.Args, "token"); got != string(given[q.To]) {
					t.Mismatch("a.token", fmt.Sprintf("%x", got), fmt.Sprintf("%x, which that node gave",
						given[q.To]))
				}
			}
		},
	},
	{
		ID:  "bep5/announce/token-of-a-hundred-bytes",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "an announce to a node with a short token", Within: LookupCase,
		Explain: "Half of the nodes give tokens of 100 bytes, which no document forbids. They " +
			"should be announced to with those tokens like the others.",
		Causes: []string{"a long token overruns a buffer", "nodes with long tokens are left out"},
		Kills: []string{
			"announces-to-one-node", "crashes-on-long-tokens", "last-token-for-all",
			"long-tokens-left-out", "tokens-as-text",
		},
		Run: func(t *T) {
			w := joined(t, 4)
			key := randomID(t)
			tokens := map[*Node][]byte{w.Nodes[2]: randomBytes(t, 100), w.Nodes[3]: randomBytes(t, 100)}
			for _, n := range w.Nodes[2:] {
				n.gives(key, tokens[n])
			}
			announced(t, w, key, nil)
			for _, n := range w.Nodes[2:] {
				told := about(key, n.Asked("announce_peer"))
				if len(told) == 0 {
					t.Failf("the node at %v gave a token of 100 bytes and was not announced to", n.Addr())
				}
				if got, _ := field(told[0].Args, "token"); got != string(tokens[n]) {
					t.Mismatch("a.token", fmt.Sprintf("%x", got), fmt.Sprintf("%x", tokens[n]))
				}
			}
		},
	},
	{
		ID:  "bep5/announce/never-without-a-token",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-012", "BEP33-SCRAPE-008"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "announces to the nodes that gave tokens", Within: LookupCase,
		Explain: "The three closest of twelve nodes answer get_peers without a token, or with one " +
			"that is an integer. No announce may go to them; the others, which gave tokens, are " +
			"announced to.",
		Causes: []string{
			"token is sent without a value",
			"another node's token is sent",
			"the closest are announced to whatever they gave",
		},
		Kills: []string{"announces-without-token", "token-without-value"},
		Run: func(t *T) {
			w := joined(t, 12)
			key := randomID(t)
			order := ordered(w, key)
			for i, n := range order[:3] {
				n.onKey(key, func(q *Query) {
					r := Dict{"id": n.ID[:], "nodes": n.Nearest(q)["nodes"]}
					if i%2 == 1 {
						r["token"] = 7
					}
					q.Malformed(Dict{"t": q.T, "y": "r", "r": r}, "no token, or one that is not a string")
				})
			}
			announced(t, w, key, nil)
			for _, n := range order[:3] {
				noneWithoutToken(t, n, about(key, n.Asked("announce_peer")))
			}
		},
	},
	{
		ID:  "bep5/announce/all-arguments",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-003", "BEP05-RPC-009"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "Each announce must carry info_hash, token as a string, and port as an integer " +
			"from 1 to 65535. With an implied_port of 1 the port does not count, and 0 is " +
			"accepted.",
		Causes: []string{
			"port is left out",
			"port is sent as two bytes",
			"port is 0 because nobody set it",
		},
		Kills: []string{"announces-without-port"},
		Run: func(t *T) {
			w := joined(t, 6)
			for _, q := range announced(t, w, randomID(t), nil) {
				if _, ok := field(q.Args, "token"); !ok {
					t.Mismatch("a.token", "absent or not a string", "a string")
				}
				port, ok := port(q)
				if !ok || port < 0 || port > 65535 || port == 0 && !implied(q) {
					v, _ := q.Args.Get("port")
					t.Mismatch("a.port", fmt.Sprintf("%q", v.Raw()), "an integer from 1 to 65535")
				}
			}
		},
	},
	{
		ID:  "bep5/announce/port-as-told",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-007"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The target is told to announce port 51413, which is not its DHT port, without " +
			"implied_port. The announces must say so: others would connect to a wrong port. A " +
			"target that says which port it announces instead is held to that.",
		Causes: []string{
			"the DHT port is announced",
			"the bytes of the port are swapped",
			"implied_port is always set",
		},
		Kills: []string{
			"announces-its-dht-port", "announces-without-port", "implied-port-always-sent",
		},
		Run: func(t *T) {
			w := joined(t, 6)
			want := int64(51413)
			key := randomID(t)
			queries, told := announcedReply(t, w, key, map[string]any{"port": want})
			if p, ok := told["port"].(float64); ok {
				want = int64(p)
			}
			for _, q := range queries {
				if implied(q) {
					t.Mismatch("a.implied_port", 1, "absent or 0")
				}
				if got, _ := port(q); got != want {
					t.Mismatch("a.port", got, fmt.Sprint(want))
				}
			}
		},
	},
	{
		ID:  "bep5/announce/implied-port-as-told",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-008"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The target is told to have its source port stored. The announces should say " +
			"implied_port 1; an announce with the number of its source port comes to the same " +
			"and is accepted.",
		Causes: []string{"implied_port is not known", "implied_port is sent as a string"},
		Kills:  []string{"implied-port-not-sent"},
		Run: func(t *T) {
			w := joined(t, 6)
			for _, q := range announced(t, w, randomID(t), map[string]any{"implied_port": true, "port": 1}) {
				if got, _ := port(q); !implied(q) && got != int64(q.From.Port()) {
					t.Mismatch("a.implied_port", "absent or 0", "1")
				}
			}
		},
	},
}

// announced has the target announce the key and returns the announces. The
// keys of args replace or join the arguments of the command.
func announced(t *T, w *World, key kademlia.ID, args map[string]any) []*Query {
	queries, _ := announcedReply(t, w, key, args)
	return queries
}

func announcedReply(t *T, w *World, key kademlia.ID, args map[string]any) ([]*Query, map[string]any) {
	reply, _ := obey(t, "announce", merge(map[string]any{"info_hash": key.String(), "port": 6881}, args))
	w.settle()
	if len(about(key, w.Log)) == 0 {
		t.Inconclusivef("the target asked nobody for the info-hash that it was told to announce")
	}
	var queries []*Query
	for _, q := range about(key, w.Log) {
		if q.Method == "announce_peer" {
			queries = append(queries, q)
		}
	}
	if len(queries) == 0 {
		t.Failf("the target looked the info-hash up but announced it to nobody")
	}
	t.Earn()
	return queries, reply
}

// noneWithoutToken ends the case if the node, which gave no token, was told
// something nevertheless, be it in a message that nobody can read.
func noneWithoutToken(t *T, n *Node, told []*Query) {
	if len(told) > 0 {
		t.Mismatch("what was sent to a node that gave no token", fmt.Sprintf("%.200q", told[0].Raw),
			"nothing")
	}
	if len(n.Garbage) > 0 {
		t.Mismatch("what was sent to a node that gave no token", fmt.Sprintf("%.200q", n.Garbage[0].Data),
			"nothing")
	}
}

// gives sets the token that the node gives for the key.
func (n *Node) gives(key kademlia.ID, token []byte) {
	token = bytes.Clone(token)
	n.onKey(key, func(q *Query) { q.Reply(merge(n.Nearest(q), Dict{"token": token})) })
}

// contacts are whom the queries went to.
func contacts(queries []*Query) []Contact {
	var out []Contact
	for _, q := range queries {
		out = append(out, Contact{ID: q.To.ID, Addr: q.To.Addr()})
	}
	return out
}

func port(q *Query) (int64, bool) {
	v, _ := q.Args.Get("port")
	return v.Int64()
}

// implied reports whether the query says that the source port is to be stored.
func implied(q *Query) bool {
	v, _ := q.Args.Get("implied_port")
	n, ok := v.Int64()
	return v.Kind() == bencode.Integer && ok && n != 0
}
