package chord

import (
	"slices"

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
	return []conformance.Suite{cluster.Suite(Family, "Chord overlay (SIGCOMM 2001, with the corrected ring)", cases)}
}

// BuiltIn is the reference core as nodes of a cluster on virtual time.
func BuiltIn() conformance.Target {
	return cluster.Machines{Name: "p2pspec", New: func(string) stdio.Node { return NewNode(1) }}
}
