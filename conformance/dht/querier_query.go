package dht

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep5Query judges the form of the target's own queries: BEP 5 §Queries.
var bep5Query = []Case{
	{
		ID:  "bep5/query/canonical-bencoding",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Control: "the target's own query", Within: PatientCase,
		Explain: "A node asks the target and waits to be asked. Each query of the target must " +
			"be one bencoded dictionary and nothing else, with its keys in order, t a string " +
			"and y q: strict readers drop anything else.",
		Causes: []string{
			"keys are written in the order of a hash map",
			"y or t is left out",
			"bytes follow the dictionary",
		},
		Kills: []string{
			"answers-with-the-target-as-id", "keys-in-reverse-order", "nodes-as-list",
		},
		Run: func(t *T) {
			for _, q := range questions(t).Queries {
				if _, err := bencode.Parse(q.Raw, bencode.Options{}); err != nil {
					t.Mismatch(q.Method, err, "canonical bencoding")
				}
				if _, ok := field(q.Msg, "t"); !ok {
					v, _ := q.Msg.Get("t")
					t.Mismatch("t of "+q.Method, v.Kind(), "a string")
				}
			}
		},
	},
	{
		ID:  "bep5/query/method-and-id",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Control: "the target's own query", Within: PatientCase,
		Explain: "A node asks the target and waits to be asked. Each query must carry q, the " +
			"name of the method, and a, a dictionary with the querying node's 20-byte id.",
		Causes: []string{"id is put at the top level", "id is written in hexadecimal"},
		Kills:  []string{"answers-with-the-target-as-id", "nodes-as-list", "queries-without-id"},
		Run: func(t *T) {
			for _, q := range questions(t).Queries {
				if q.Method == "" {
					t.Mismatch("q", "absent or not a string", "the name of a method")
				}
				if id, ok := field(q.Args, "id"); !ok || len(id) != K20 {
					t.Mismatch("a.id of "+q.Method, fmt.Sprintf("%q", id), "a string of 20 bytes")
				}
			}
		},
	},
	{
		ID:  "bep5/query/arguments-of-the-method",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins(),
		Control: "the target's own queries",
		Explain: "The target joins a scripted DHT. Each find_node that it sends must carry " +
			"target, each get_peers info_hash, and both must be 20 bytes.",
		Causes: []string{
			"target and info_hash are mistaken for one another",
			"the key is written in hexadecimal",
		},
		Kills: []string{"target-and-hash-confused"},
		Run: func(t *T) {
			keys := map[string]string{"find_node": "target", "get_peers": "info_hash", "get": "target"}
			w := joined(t, 6)
			t.Until(func() bool {
				return slices.ContainsFunc(w.Log, func(q *Query) bool { return keys[q.Method] != "" })
			}, JoinWithin)
			for _, q := range w.Log {
				key, judged := keys[q.Method]
				if !judged {
					continue
				}
				t.Earn()
				if s, ok := field(q.Args, key); !ok || len(s) != K20 {
					t.Mismatch("a."+key+" of "+q.Method, fmt.Sprintf("%q", s), "a string of 20 bytes")
				}
			}
		},
	},
	{
		ID:  "bep5/query/states-its-version",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-006"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Control: "the target's own query", Within: PatientCase,
		Explain: "A node asks the target and waits to be asked. The queries should carry v, as " +
			"answers should: the client's two letters and its version.",
		Causes: []string{"v is only put into answers"},
		Kills:  []string{"answers-with-the-target-as-id", "no-version", "nodes-as-list"},
		Run: func(t *T) {
			for _, q := range questions(t).Queries {
				if v, ok := field(q.Msg, "v"); !ok || len(v) < 2 {
					t.Mismatch("v of "+q.Method, fmt.Sprintf("%q", v),
						"a string of a two-letter client and its version")
				}
			}
		},
	},
	{
		ID:  "bep5/query/same-id-as-in-answers",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-003", "BEP05-KRPC-004"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Control: "the target's answer to a ping", Within: PatientCase,
		Explain: "A node asks the target and waits to be asked. The id in the target's queries " +
			"must be that of its answers: a node has one id, by which others file it.",
		Causes: []string{
			"an id is drawn for each query",
			"the id of the node that is asked is sent",
		},
		Kills: []string{
			"another-id-in-queries", "answers-with-the-target-as-id", "nodes-as-list",
			"queries-without-id",
		},
		Run: func(t *T) {
			n := questions(t)
			id := n.TargetID()
			for _, q := range n.Queries {
				if q.ID != id {
					t.Mismatch("a.id of "+q.Method, q.ID, id.String())
				}
			}
		},
	},
	{
		ID:  "bep5/query/transaction-ids-differ",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookups' queries, which reach the node", Within: LookupCase,
		Explain: "Four lookups are begun at once; the nodes do not answer get_peers for a " +
			"while. The queries that wait at one node must differ in t, or their answers cannot " +
			"be told apart.",
		Causes: []string{
			"t is a constant of the method",
			"t is a count that starts anew with each lookup",
		},
		Kills: []string{"constant-transaction-id"},
		Run: func(t *T) {
			w := joined(t, 2)
			for _, n := range w.Nodes {
				delete(n.On, "get_peers")
			}
			heard := len(w.Log)
			for range 4 {
				t.Do("get_peers", map[string]any{"info_hash": randomID(t).String()})
			}
			waiting := func() map[string][]*Query { return unanswered(w.Log[heard:]) }
			t.Until(func() bool { return len(waiting()[w.Nodes[1].Addr().String()]) >= 4 }, AskedWithin)
			for at, queries := range waiting() {
				seen := map[string]bool{}
				for _, q := range queries {
					key, _ := q.sought()
					if seen[string(q.T)] {
						t.Mismatch("t of get_peers for "+key.String(),
							fmt.Sprintf("%x, which another lookup's query to %s has", q.T, at), "an id of its own")
					}
					seen[string(q.T)] = true
				}
				if len(seen) > 1 {
					t.Earn()
				}
			}
		},
	},
}

// K20 is the size of an id and of a key in bytes.
const K20 = 20

// questions introduces one node and returns it once the target has asked it
// something that is a query by its looks. A target that does not ask who asks
// it is started with the node for its contact, if it can be started.
func questions(t *T) *Node {
	n := newcomers(t, 1)[0]
	within := IntroduceWithin
	if t.Virtual() {
		within = IntroduceWithinVirtual
	}
	n.Expect("find_node", Dict{"target": n.ID[:]})
	asked := func() bool { return len(n.Queries)+len(n.Garbage) > 0 }
	if !t.Until(asked, within/4) {
		t.Renew(conformance.StartOptions{Bootstrap: bootstrap(n)})
		t.Until(asked, within)
	}
	t.Wait(t.SilenceWait())
	if len(n.Garbage) > 0 {
		t.Mismatch("a datagram of the target", fmt.Sprintf("%.80q", n.Garbage[0].Data), "a KRPC message")
	}
	if len(n.Queries) == 0 {
		t.Inconclusivef("the target did not ask the node that asked it within %v", within)
	}
	return n
}

// unanswered groups get_peers queries by the address that they wait at, the
// first of each lookup only: others are repetitions.
func unanswered(log []*Query) map[string][]*Query {
	out := map[string][]*Query{}
	for _, q := range log {
		at := q.To.Addr().String()
		key, ok := q.sought()
		if ok && q.Method == "get_peers" && len(about(key, out[at])) == 0 {
			out[at] = append(out[at], q)
		}
	}
	return out
}
