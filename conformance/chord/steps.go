package chord

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

type args = map[string]any

// joined is the cluster that cases share which do no harm to it: all its nodes
// have joined through n0, and the ring has settled.
func joined(t *T) *cluster.Cluster {
	c := cluster.Shared(t, cluster.Options{})
	c.Once(func() {
		c.Canary()
		join(c, c.Nodes()...)
		settle(c)
	})
	return c
}

// fresh is a cluster of the case's own, in which nobody has joined.
func fresh(t *T, opt cluster.Options) *cluster.Cluster {
	c := cluster.New(t, opt)
	c.Canary()
	return c
}

// formed is a cluster of the case's own, all of whose nodes have joined.
func formed(t *T, opt cluster.Options) *cluster.Cluster {
	c := fresh(t, opt)
	join(c, c.Nodes()...)
	settle(c)
	return c
}

// join has nodes join one after another, with time for a round of repair.
func join(c *cluster.Cluster, nodes ...string) { c.Join(c.Periods(2), nodes...) }

// How long a ring may take to settle after the last change, in rounds of
// stabilization: each repairs one step everywhere, and a bound that grows with
// the ring is generous.
const (
	settleRounds     = 40
	settlePerMember  = 5
	settleInterval   = 4
	fingerPeriods    = 3 // a node repairs one finger a period at least: three times round
	periodsOfStorage = 12
)

// round is how long a stabilization takes, with the pause before it: it asks two
// nodes, and may have to wait for as long again while they are busy.
func round(c *cluster.Cluster) time.Duration { return c.Options().Period + 8*c.Options().Latency.Max() }

// settle waits until every member knows its successor, or has had all the time
// for it. Nothing is judged.
func settle(c *cluster.Cluster) {
	rounds := settleRounds + settlePerMember*len(c.Members())
	for waited := 0; waited < rounds; waited += settleInterval {
		c.Pass(settleInterval * round(c))
		if successorsKnown(c) {
			return
		}
	}
}

func successorsKnown(c *cluster.Cluster) bool {
	var calls []*cluster.Call
	for _, node := range c.Members() {
		calls = append(calls, c.Go(node, "lookup", args{"key": after(c, node)}))
	}
	c.Wait(cluster.Patience, calls...)
	return !slices.ContainsFunc(calls, func(call *cluster.Call) bool {
		var reply struct{ Node string }
		return !call.OK() || call.Reply.Decode(&reply) != nil || reply.Node != owner(c, after(c, call.Node), c.Members())
	})
}

// after is the key that follows a node's identifier.
func after(c *cluster.Cluster, node string) uint64 { return (c.ID(node) + 1) & mask(c) }

func mask(c *cluster.Cluster) uint64 { return uint64(1)<<c.Options().Bits - 1 }

// distance is how far it is to a node from a key, going clockwise.
func distance(c *cluster.Cluster, key uint64, node string) uint64 {
	return (c.ID(node) - key) & mask(c)
}

// clockwise sorts members by their distance from a key.
func clockwise(c *cluster.Cluster, key uint64, members []string) []string {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b string) int {
		switch x, y := distance(c, key, a), distance(c, key, b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return sorted
}

// owner is the oracle: the first member at the key or after it.
func owner(c *cluster.Cluster, key uint64, members []string) string {
	return clockwise(c, key, members)[0]
}

// ring are the members in the order of the circle, from a node's successor round
// to the node itself.
func ring(c *cluster.Cluster, node string) []string { return clockwise(c, after(c, node), c.Members()) }

// edges are the keys at which answers change: each member's identifier and the
// next one.
func edges(c *cluster.Cluster) []uint64 {
	var keys []uint64
	for _, m := range c.Members() {
		keys = append(keys, c.ID(m), after(c, m))
	}
	return keys
}

// found is the answer to a lookup.
type found struct {
	Node string `json:"node"`
	Hops *int   `json:"hops"`
}

// read wants an answer to a lookup with its fields.
func read(c *cluster.Cluster, call *cluster.Call) found {
	c.Answered(call)
	var f found
	if err := call.Reply.Decode(&f); err != nil || f.Node == "" || f.Hops == nil || *f.Hops < 0 {
		c.T().Fail(conformance.Failure{
			Message: call.Node + ": lookup_ok has not the name of a node and the number of hops", Where: "body",
			Expected: []string{`"node":"n3","hops":2`}, Got: string(call.Reply.Raw),
		})
	}
	return f
}

// finds wants that nodes find the owners of keys, all at once.
func finds(c *cluster.Cluster, nodes []string, keys ...uint64) {
	type question struct {
		call *cluster.Call
		key  uint64
	}
	var asked []question
	var calls []*cluster.Call
	for _, key := range keys {
		for _, node := range nodes {
			call := c.Go(node, "lookup", args{"key": key})
			asked, calls = append(asked, question{call, key}), append(calls, call)
		}
	}
	c.Wait(cluster.Patience, calls...)
	for _, q := range asked {
		right(c, q.call, q.key)
	}
}

// right holds the answer to a lookup against the oracle.
func right(c *cluster.Cluster, call *cluster.Call, key uint64) found {
	f := read(c, call)
	if want := owner(c, key, c.Members()); f.Node != want {
		c.T().Fail(conformance.Failure{
			Message: fmt.Sprintf("%s does not find the owner of %d: the first member whose identifier is the key or "+
				"follows it clockwise", call.Node, key),
			Expected: []string{fmt.Sprintf("%s of the members %s", named(c, want), listed(c))},
			Got:      named(c, f.Node), Where: "body.node",
		})
	}
	c.T().Earn()
	return f
}

// named is a node with its identifier, so that a reader can check by eye.
func named(c *cluster.Cluster, node string) string { return fmt.Sprintf("%s(id %d)", node, c.ID(node)) }

func listed(c *cluster.Cluster) string {
	var words []string
	for _, m := range clockwise(c, 0, c.Members()) {
		words = append(words, named(c, m))
	}
	return strings.Join(words, " ")
}

// state is what a node with the capability tells of itself.
type state struct {
	Predecessor *string  `json:"predecessor"`
	Successors  []string `json:"successors"`
	Fingers     []string `json:"fingers"`
	Keys        []uint64 `json:"keys"`
}

// stateOf asks a node for its state; without the capability the case is
// unsupported.
func stateOf(c *cluster.Cluster, node string) state {
	need(c, "state")
	body := c.Ask(node, "state", nil)
	var s state
	if err := body.Decode(&s); err != nil {
		c.T().Fail(conformance.Failure{
			Message: node + ": state_ok is not as docs/overlay.md has it", Where: "body",
			Expected: []string{`"predecessor":"n1","successors":["n2"],"fingers":["n2"],"keys":[54]`}, Got: string(body.Raw),
		})
	}
	return s
}

// need ends the case without a capability.
func need(c *cluster.Cluster, capability string) {
	if !c.Able(capability) {
		c.T().Unsupportedf("the nodes do not name the capability %s in init_ok", capability)
	}
}

// idealState wants that the pointers of a node are those of the sorted members.
func idealState(c *cluster.Cluster, node string) {
	s, around := stateOf(c, node), ring(c, node)
	want := around[:min(c.Options().Successors, len(around)-1)]
	if len(c.Members()) == 1 {
		return
	}
	if !slices.Equal(s.Successors, want) {
		c.T().Mismatch(node+"'s successors", fmt.Sprint(s.Successors), fmt.Sprint(want))
	}
	if before := around[len(around)-2]; s.Predecessor == nil || *s.Predecessor != before {
		got := "none"
		if s.Predecessor != nil {
			got = *s.Predecessor
		}
		c.T().Mismatch(node+"'s predecessor", got, before)
	}
	c.T().Earn()
}

// refusedWith wants an error with a code.
func refusedWith(c *cluster.Cluster, call *cluster.Call, code int) {
	c.Wait(0, call)
	switch e := call.Err(); {
	case !call.Done():
		c.T().Failf("%s does not answer %s", call.Node, call.Type)
	case e == nil || e.Code != code:
		c.T().Mismatch("the answer of "+call.Node+" to "+call.Type, string(call.Reply.Raw), fmt.Sprintf("error %d", code))
	}
	c.T().Earn()
}

// put stores a value through a node.
func put(c *cluster.Cluster, node string, key uint64, value any) {
	c.Ask(node, "put", args{"key": key, "value": value})
}

// get reads a value through a node; there is none where it answers error 20.
func get(c *cluster.Cluster, node string, key uint64) (value any, there bool) {
	call := c.Call(node, "get", args{"key": key})
	if e := call.Err(); e != nil && e.Code == stdio.KeyDoesNotExist {
		return nil, false
	}
	c.Answered(call)
	return call.Reply.Fields()["value"], true
}

// wantValue wants that nodes find a value.
func wantValue(c *cluster.Cluster, nodes []string, key uint64, value any) {
	for _, node := range nodes {
		if got, there := get(c, node, key); !there || !reflect.DeepEqual(got, value) {
			c.T().Mismatch(fmt.Sprintf("the value under %d that %s finds", key, node), word(got, there), word(value, true))
		}
		c.T().Earn()
	}
}

// word is a value as JSON, or that there is none.
func word(v any, there bool) string {
	if !there {
		return "error 20: none"
	}
	b, _ := json.Marshal(v) // it came from JSON
	return string(b)
}
