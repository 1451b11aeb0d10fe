package broadcast

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// replyCases are about the answers of sets and counters by themselves.
func replyCases(d dialect) []Case {
	first, empty := "an empty list", "[]"
	if !d.list {
		first, empty = "zero", "0"
	}
	return []Case{
		{
			ID: d.suite + "/read/at-first", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: d.words(),
			Explain:      "Before anything was added every node reads " + first + ": the field is there, and is not null.",
			Causes:       []string{"a list that was never filled is written as null", "the field has another name"},
			Run: func(t *T) {
				r := begin(t, d, few(2))
				for _, read := range r.readAll() {
					call := read.call
					var fields map[string]json.RawMessage
					_ = call.Reply.Decode(&fields) // it is an object
					if cluster.Canonical(fields[d.reads]) != empty {
						t.Mismatch(call.Node+": body."+d.reads+" before anything was added", string(call.Reply.Raw), empty)
					}
				}
				t.Earn()
			},
		},
		{
			ID: d.suite + "/reply/no-other-keys", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: d.words("GO-MS-15"),
			Explain: "Answers have their own fields and no others, and clients are sent nothing else: Maelstrom reports " +
				"further keys as malformed.",
			Causes: []string{"the answer is made of the request, with its fields left in", "a request is answered twice"},
			Run: func(t *T) {
				r := begin(t, d, few(2))
				var calls []*cluster.Call
				for _, node := range r.Nodes() {
					calls = append(calls, r.ask(node, false).call, r.ask(node, true).call)
				}
				r.Answered(calls...)
				r.judge()
				bare(r.Cluster, map[string]string{d.add: "", "read": d.reads}, calls)
			},
		},
		unknownRequest(d.suite, func(t *T) *cluster.Cluster {
			r := begin(t, d, few(1))
			r.answered(r.send("n0", 3))
			r.judge()
			return r.Cluster
		}),
	}
}

// bare wants answers without keys of their own. The one field that an answer to
// each type of request has is given.
func bare(c *cluster.Cluster, field map[string]string, calls []*cluster.Call) {
	for _, call := range calls {
		known := []string{"type", "msg_id", "in_reply_to", field[call.Type]}
		for _, key := range slices.Sorted(maps.Keys(call.Reply.Fields())) {
			if !slices.Contains(known, key) {
				c.T().Fail(conformance.Failure{
					Message: fmt.Sprintf("%s: %s has the key %q", call.Node, call.Reply.Type, key), Where: "body." + key,
					Expected: []string{"keys " + strings.Join(known, " ")}, Got: string(call.Reply.Raw),
				})
			}
		}
	}
	c.Pass(c.Options().Timeout)
	if odd := c.Odd(); len(odd) > 0 {
		c.T().Fail(conformance.Failure{
			Message:  "clients are sent what they have not asked for",
			Expected: []string{"one answer to each request"}, Got: odd[0],
		})
	}
	c.T().Earn()
}

// unknownRequest is the case about a type of request that nobody has defined. A
// node has to show first that it does what it should.
func unknownRequest(suite string, works func(*T) *cluster.Cluster) Case {
	return Case{
		ID: suite + "/reply/unknown-type", Level: conformance.May, Kind: conformance.Reply,
		Requirements: []string{"GO-MS-05", "GO-MS-17"},
		Explain: "A node that has answered what it knows answers a request of an invented type with error 10. Maelstrom " +
			"never sends one, and some of its libraries end the node: the report tells what this one does.",
		Causes: []string{"an unknown type is overlooked, or ends the node"},
		Run: func(t *T) {
			c := works(t)
			c.MayEnd()
			if why := c.Refusal(); why != "" {
				t.Failf("%s", strings.Join(append(c.Odd(), why), "; "))
			}
		},
	}
}
