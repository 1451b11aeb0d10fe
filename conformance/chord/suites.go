package chord

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Family selects all suites of this package.
const Family = "chord"

type (
	// T is short for the run of a case.
	T = conformance.T
	// Case is short for what is judged.
	Case = conformance.Case
)

// Suites are the suites of the family: one.
func Suites() []conformance.Suite {
	cases := slices.Concat(
		ringCases(), joinCases(), stateCases(), lookupCases(), faultCases(), storeCases(), quorumCases())
	for i := range cases {
		cases[i].Rev, cases[i].Since, cases[i].Role = 1, "0.1.0", conformance.Member
		cases[i].Within = max(cases[i].Within, caseLimit)
	}
	return []conformance.Suite{{
		Name: "chord", Family: Family, Title: "Chord overlay (SIGCOMM 2001, with the corrected ring)",
		Control: func(t *T) {
			cluster.Shared(t, cluster.Options{})
			t.Earn()
		},
		Decode: decode,
		Cases:  cases,
	}}
}

// caseLimit leaves room for nodes that have to be given four times the patience.
const caseLimit = time.Minute

// decode renders a body for a transcript.
func decode(payload []byte) any {
	var v any
	_ = json.Unmarshal(payload, &v) // the router has read it
	return v
}

// BuiltIn is the reference core as nodes of a cluster on virtual time.
func BuiltIn() conformance.Target {
	return cluster.Machines{Name: "p2pspec", New: func(string) stdio.Node { return NewNode(1) }}
}
