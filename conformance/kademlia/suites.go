package kademlia

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Family selects all suites of this package.
const Family = "kademlia"

type (
	// T is short for the run of a case.
	T = conformance.T
	// Case is short for what is judged.
	Case = conformance.Case
)

// Suites are the suites of the family: one, of the 2002 paper.
func Suites() []conformance.Suite {
	cases := slices.Concat(rpcCases(), joinCases(), lookupCases(), storeCases(), bucketCases(), faultCases())
	return []conformance.Suite{cluster.Suite(Family, "Kademlia overlay (IPTPS 2002)", cases)}
}

// BuiltIn is the reference core as nodes of a cluster on virtual time.
func BuiltIn() conformance.Target {
	return cluster.Machines{Name: "p2pspec", New: func(string) stdio.Node { return NewNode(1) }}
}
