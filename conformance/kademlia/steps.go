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

// join has nodes join one after another: the very first alone, the others through
// the first member.
func join(c *cluster.Cluster, nodes ...string) {
	for _, node := range nodes {
		var how args
		if members := c.Members(); len(members) > 0 {
			how = args{"via": members[0]}
		}
		c.Ask(node, "join", how)
		c.Joined(node)
	}
}

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
	body := c.Ask(node, "find_node", args{"target": target})
	var reply struct{ Nodes *[]string }
	if err := body.Decode(&reply); err != nil || reply.Nodes == nil {
		c.T().Fail(conformance.Failure{
			Message: node + ": find_node_ok has no list of names in nodes", Where: "body.nodes",
			Expected: []string{`"nodes":["n3","n1"]`}, Got: string(body.Raw),
		})
	}
	return *reply.Nodes
}

// finds wants that a node finds the members closest to the target.
func finds(c *cluster.Cluster, node string, target uint64, members []string) {
	got, want := findNode(c, node, target), closest(c, target, members)
	if !slices.Equal(got, want) {
		c.T().Fail(conformance.Failure{
			Message: fmt.Sprintf("%s does not find the %d members closest to %d, nearest first",
				node, len(want), target),
			Expected: []string{strings.Join(withDistance(c, target, want), " ")},
			Got:      strings.Join(withDistance(c, target, got), " "),
			Where:    "body.nodes",
		})
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

// store has a node store a value that no other case stores.
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

// drawKey draws an identifier.
func drawKey(c *cluster.Cluster) uint64 { return c.T().Rand().Below(1 << c.Options().Bits) }

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
