package kademlia

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

type args = map[string]any

// options are those of most cases: a refresh of a bucket every second, so that
// the nodes are quiet while one of them looks something up.
func options() cluster.Options { return cluster.Options{Period: time.Second} }

// joined is the cluster that cases share which do no harm to it: all its nodes
// have joined through n0.
func joined(t *T) *cluster.Cluster {
	c := cluster.Shared(t, options())
	c.Once(func() {
		c.Canary()
		join(c, c.Nodes()...)
		settle(c)
	})
	return c
}

// fresh is a cluster of the case's own, in which nobody has joined.
func fresh(t *T, opt cluster.Options) *cluster.Cluster {
	if opt.Period == 0 {
		opt.Period = options().Period
	}
	c := cluster.New(t, opt)
	c.Canary()
	return c
}

// formed is a cluster of the case's own, all of whose nodes have joined and know
// each other as well as they ever will.
func formed(t *T, opt cluster.Options) *cluster.Cluster {
	c := fresh(t, opt)
	join(c, c.Nodes()...)
	settle(c)
	return c
}

// settle does what refreshes would do in time: every member looks up every
// other one. Until then a node may not know of the only one in some subtree,
// and a lookup may miss it (KAD-LOOKUP-008 has that as its condition).
func settle(c *cluster.Cluster) {
	for _, other := range c.Members() {
		var calls []*cluster.Call
		for _, node := range c.Members() {
			calls = append(calls, c.Go(node, "find_node", args{"target": c.ID(other)}))
		}
		c.Answered(calls...)
	}
}

// join has nodes join one after another.
func join(c *cluster.Cluster, nodes ...string) { c.Join(0, nodes...) }

// closest is the oracle: the k members closest to the target, nearest first.
func closest(c *cluster.Cluster, target uint64, members []string) []string {
	sorted := slices.Clone(members)
	slices.SortStableFunc(sorted, func(a, b string) int {
		x, y := c.ID(a)^target, c.ID(b)^target
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return sorted[:min(len(sorted), c.Options().K)]
}

// findNode asks a node and returns the names that it found.
func findNode(c *cluster.Cluster, node string, target uint64) []string {
	call := c.Call(node, "find_node", args{"target": target})
	return names(c, call)
}

// names are those in an answer to find_node.
func names(c *cluster.Cluster, call *cluster.Call) []string {
	c.Answered(call)
	var reply struct{ Nodes *[]string }
	if err := call.Reply.Decode(&reply); err != nil || reply.Nodes == nil {
		c.T().Fail(conformance.Failure{
			Message: call.Node + ": find_node_ok has no list of names in nodes", Where: "body.nodes",
			Expected: []string{`"nodes":["n3","n1"]`}, Got: string(call.Reply.Raw),
		})
	}
	return *reply.Nodes
}

// finds wants that a node finds the members closest to the target.
func finds(c *cluster.Cluster, node string, target uint64, members []string) {
	found(c, c.Call(node, "find_node", args{"target": target}), target, members)
}

// found holds the answer to a find_node against the oracle.
func found(c *cluster.Cluster, call *cluster.Call, target uint64, members []string) {
	got, want := names(c, call), closest(c, target, members)
	if !slices.Equal(got, want) {
		c.T().Fail(conformance.Failure{
			Message: fmt.Sprintf("%s does not find the %d members closest to %d by XOR, nearest first",
				call.Node, len(want), target),
			Expected: []string{strings.Join(withDistance(c, target, want), " ")},
			Got:      strings.Join(withDistance(c, target, got), " "),
			Where:    "body.nodes",
		})
	}
	c.T().Earn()
}

// reached holds the answer to a find_node against the oracle where nodes are
// dead that others still name: the closest of the members comes first, the others
// in order, and nobody who is none. Fewer than k of the dead cannot hide it.
func reached(c *cluster.Cluster, call *cluster.Call, target uint64, members []string) {
	got := names(c, call)
	strangers := without(got, members...)
	if len(got) == 0 || len(strangers) > 0 || got[0] != closest(c, target, members)[0] ||
		!slices.Equal(got, closest(c, target, got)) {
		c.T().Fail(conformance.Failure{
			Message: fmt.Sprintf("%s does not find the closest to %d by XOR of the %d nodes that it can reach",
				call.Node, target, len(members)),
			Expected: []string{"first " + withDistance(c, target, closest(c, target, members))[0] +
				", then others that can be reached, nearest first"},
			Got:   strings.Join(withDistance(c, target, got), " "),
			Where: "body.nodes",
		})
	}
	c.T().Earn()
}

// reachEverywhere has all members look up one target at the same time, where
// nodes are dead.
func reachEverywhere(c *cluster.Cluster, members []string, target uint64) {
	var calls []*cluster.Call
	for _, node := range members {
		calls = append(calls, c.Go(node, "find_node", args{"target": target}))
	}
	for _, call := range calls {
		reached(c, call, target, members)
	}
}

// reachAll has every node look up some drawn targets where nodes are dead.
func reachAll(c *cluster.Cluster, members []string, targets int) {
	for range targets {
		reachEverywhere(c, members, c.DrawID())
	}
}

// without is names but some of them.
func without(names []string, but ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(but, n) })
}

// wantHeld wants that each of the k members closest to a key holds its value: cut
// off from all others, it finds it.
func wantHeld(c *cluster.Cluster, key uint64, value any) {
	holders := closest(c, key, c.Members())
	for _, node := range holders {
		f := c.Partition(node)
		got, found := findValue(c, node, key)
		c.Heal(f)
		if !found || !same(got, value) {
			c.T().Fail(conformance.Failure{
				Message: fmt.Sprintf("%s holds no copy of the value under %d: cut off from the others, it does not find it",
					node, key),
				Expected: []string{"a copy at each of " + strings.Join(withDistance(c, key, holders), " ")},
				Got:      word(got, found),
			})
		}
	}
	c.T().Earn()
}

// withDistance words names with their identifiers and distances, so that the
// order can be checked by eye.
func withDistance(c *cluster.Cluster, target uint64, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%s(id %d, distance %d)", name, c.ID(name), c.ID(name)^target)
	}
	return out
}

// store has a node store a value.
func store(c *cluster.Cluster, node string, key uint64, value any) {
	c.Ask(node, "store", args{"key": key, "value": value})
}

// findValue asks a node for a value; found is false for error 20.
func findValue(c *cluster.Cluster, node string, key uint64) (value any, found bool) {
	call := c.Call(node, "find_value", args{"key": key})
	if e := call.Err(); e != nil && e.Code == 20 {
		return nil, false
	}
	if !call.OK() {
		c.T().Fail(conformance.Failure{
			Message:  node + " neither finds a value nor says that there is none",
			Expected: []string{"find_value_ok", "error 20"}, Got: string(call.Reply.Raw),
		})
	}
	return call.Reply.Fields()["value"], true
}

// drawEven draws a key to store something under. Odd ones are left unused.
func drawEven(c *cluster.Cluster) uint64 { return c.DrawID() &^ 1 }

// same compares two values as JSON.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// word is a value as JSON, or that there is none.
func word(v any, found bool) string {
	if !found {
		return "error 20: none"
	}
	b, _ := json.Marshal(v) // it came from JSON
	return string(b)
}

// quiet are options without upkeep during a case: what nodes say is then because
// of what clients ask.
func quiet() cluster.Options {
	return cluster.Options{Period: time.Hour, Latency: cluster.Constant(5 * time.Millisecond)}
}

// findEverywhere has nodes look up one target at the same time, and wants each to
// find the members closest to it.
func findEverywhere(c *cluster.Cluster, nodes []string, target uint64, members []string) {
	var calls []*cluster.Call
	for _, node := range nodes {
		calls = append(calls, c.Go(node, "find_node", args{"target": target}))
	}
	c.Answered(calls...)
	for _, call := range calls {
		found(c, call, target, members)
	}
}

// findAll has every node look up some drawn targets.
func findAll(c *cluster.Cluster, members []string, targets int) {
	for range targets {
		findEverywhere(c, members, c.DrawID(), members)
	}
}

// wantValue wants that a node finds a value.
func wantValue(c *cluster.Cluster, node string, key uint64, value any) {
	got, found := findValue(c, node, key)
	if !found || !same(got, value) {
		c.T().Mismatch(fmt.Sprintf("the value under %d that %s finds", key, node), word(got, found), word(value, true))
	}
	c.T().Earn()
}
