package broadcast

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func uniqueCases() []Case {
	return []Case{
		{
			ID: "unique-ids/id/one-node", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-11"},
			Explain:      "One node is asked for 500 identifiers, one after another. Each is there, no null, and comes once.",
			Causes:       []string{"the identifier is a time in milliseconds", "it is drawn from too small a range"},
			Run: func(t *T) {
				u := generators(t)
				for range 500 {
					u.Answered(u.generate("n0"))
				}
				u.unique()
			},
		},
		{
			ID: "unique-ids/id/all-nodes", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-11"},
			Explain: "Three nodes are asked for 200 identifiers each, all three at the same moment, and each twice at that " +
				"moment. No two identifiers are equal.",
			Causes: []string{
				"each node counts for itself, and its name is not in the identifier",
				"nodes draw from the same seed, or from the clock",
			},
			Run: func(t *T) {
				u := generators(t)
				for range 100 {
					var calls []*cluster.Call
					for _, node := range u.Nodes() {
						calls = append(calls, u.generate(node), u.generate(node))
					}
					u.Answered(calls...)
				}
				u.unique()
			},
		},
		{
			ID: "unique-ids/fault/partition", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-11", "GO-MS-14"},
			Explain: "No node can reach another one for six seconds, longer than clients wait. Every node goes on to answer, " +
				"and no two identifiers are equal, nor equal to one from before or after.",
			Causes: []string{"identifiers are handed out by one node", "a node that is alone begins to count again"},
			Run:    runUniqueApart,
		},
		{
			ID: "unique-ids/fault/pause", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-11", "GO-MS-18"},
			Explain: "A node stands still for a second while the others are asked, and answers then what it was asked " +
				"meanwhile. No two identifiers are equal.",
			Causes: []string{"what was reserved for a node is given to another one when it is silent"},
			Run: func(t *T) {
				u := generators(t)
				u.round(20)
				f := u.Pause("n1")
				late := u.generate("n1")
				for range 20 {
					u.Answered(u.generate("n0"), u.generate("n2"))
					u.Pass(50 * time.Millisecond)
				}
				u.Resume("n1", f)
				u.Touched(f)
				u.Answered(late)
				u.round(20)
				u.unique()
			},
		},
		{
			ID: "unique-ids/fault/restart", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"GO-MS-11", "GO-MS-18"},
			Explain: "All nodes are killed, and started again with nothing that they knew. No identifier comes a second " +
				"time.",
			Causes: []string{"an identifier is the name of the node and a count, and the count begins again"},
			Run: func(t *T) {
				u := generators(t)
				u.round(20)
				for _, node := range u.Nodes() {
					u.Kill(node)
					u.Pass(100 * time.Millisecond)
					u.Restart(node)
				}
				u.round(20)
				u.unique()
			},
		},
		{
			ID: "unique-ids/reply/no-other-keys", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-11", "GO-MS-15"},
			Explain: "generate_ok has the field id and no other one of its own, and clients are sent nothing else: Maelstrom " +
				"reports further keys as malformed.",
			Causes: []string{"the answer is made of the request, with its fields left in", "a request is answered twice"},
			Run: func(t *T) {
				u := generators(t)
				u.round(2)
				u.unique()
				bare(u.Cluster, map[string]string{"generate": "id"}, u.asked)
			},
		},
		unknownRequest("unique-ids", func(t *T) *cluster.Cluster {
			u := generators(t)
			u.round(2)
			u.unique()
			return u.Cluster
		}),
	}
}

// generator is one case's use of nodes that make identifiers.
type generator struct {
	*cluster.Cluster
	t     *T
	asked []*cluster.Call
}

func generators(t *T) *generator {
	return &generator{Cluster: cluster.New(t, few(3)), t: t}
}

func (u *generator) generate(node string) *cluster.Call {
	call := u.Go(node, "generate", nil)
	u.asked = append(u.asked, call)
	return call
}

// round asks every node so many times.
func (u *generator) round(times int) {
	for range times {
		var calls []*cluster.Call
		for _, node := range u.Nodes() {
			calls = append(calls, u.generate(node))
		}
		u.Answered(calls...)
	}
}

// unique wants that all identifiers so far are there and differ.
func (u *generator) unique() {
	by := map[string]*cluster.Call{}
	for _, call := range u.asked {
		var reply struct{ ID json.RawMessage }
		_ = call.Reply.Decode(&reply) // it is an object
		id := cluster.Canonical(reply.ID)
		if id == "" || id == "null" {
			u.t.Mismatch(call.Node+": body.id of generate_ok", string(call.Reply.Raw), `"id":ANY, and not null`)
		}
		if other := by[id]; other != nil {
			u.t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("the identifier %s was given twice", id),
				Expected: []string{"an identifier that no other request was answered with"},
				Got: fmt.Sprintf("%s gave it at %v and %s at %v", other.Node, ms(other.Answered),
					call.Node, ms(call.Answered)),
			})
		}
		by[id] = call
	}
	u.t.Earn()
}

func runUniqueApart(t *T) {
	u := generators(t)
	u.round(20)
	f := u.Cut(u.Nodes(), u.Nodes())
	for range 12 {
		u.round(2)
		u.Pass(cluster.Patience / 10)
	}
	u.Heal(f)
	u.round(20)
	said := slices.ContainsFunc(u.Log(), func(p cluster.Passed) bool { return u.among(p.Msg.Src) && u.among(p.Msg.Dest) })
	if said {
		u.Touched(f)
	}
	u.unique()
}

func (u *generator) among(name string) bool { return slices.Contains(u.Nodes(), name) }
