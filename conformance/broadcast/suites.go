package broadcast

import (
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

type (
	// T is short for the run of a case.
	T = conformance.T
	// Case is short for what is judged.
	Case = conformance.Case

	args = map[string]any
)

// Workload is what clients ask of nodes, and the cases that judge it.
type Workload struct {
	Name  string // of the family and of its suite
	title string
	cases func() []Case
	// NewNode returns the reference node, as `p2pspec serve NAME --stdio` runs it.
	// The seed is of its randomness.
	NewNode func(seed uint64) stdio.Node
}

// Workloads are all workloads.
func Workloads() []Workload {
	return []Workload{
		{"broadcast", "Maelstrom broadcast: every value reaches every node", broadcastCases, newSetNode(broadcasts())},
		{"g-set", "Maelstrom g-set: a set that grows", gSetCases, newSetNode(gSets())},
		{"g-counter", "Maelstrom g-counter: a counter that grows", gCounterCases, newCounterNode},
		{"pn-counter", "Maelstrom pn-counter: a counter that rises and falls", pnCounterCases, newCounterNode},
		{"echo", "Maelstrom echo: a node answers with what it was sent", echoCases, newEchoNode},
		{"unique-ids", "Maelstrom unique-ids: identifiers that are given once", uniqueCases, newUniqueNode},
		{"lin-kv", "Maelstrom lin-kv: a linearizable store of keys and values", linKVCases, newProxyNode},
	}
}

// Suites is the one suite of the workload.
func (w Workload) Suites() []conformance.Suite {
	cases := w.cases()
	for i := range cases {
		cases[i].Needs = append(cases[i].Needs, conformance.NeedFresh)
		cases[i].Kills = kills(cases[i].ID)
	}
	s := cluster.Suite(w.Name, w.title, cases)
	s.Control = func(t *T) {
		cluster.New(t, cluster.Options{Nodes: 1, Plain: true})
		t.Earn()
	}
	return []conformance.Suite{s}
}

// BuiltIn is the reference nodes of the workload, on virtual time.
func (w Workload) BuiltIn() conformance.Target {
	return cluster.Machines{Name: "p2pspec", New: func(string) stdio.Node { return w.NewNode(1) }}
}
