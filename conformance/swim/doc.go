// Package swim holds the conformance suite of a member of a SWIM cluster that
// speaks memberlist's protocol, over datagrams and streams.
//
// A case gathers a [Cluster] around the target: members that the harness plays,
// each at an address of its own, which join, answer or withhold acks, accuse and
// lie. What the target believes is read by push/pull: [Cluster.Table].
//
// # Reading order
//
// cluster.go (what surrounds the target, and what it believes), member.go (a
// member and what it hears), exchange.go (streams), beliefs.go (what cases of the
// table have in common), frame.go (transcripts); then the cases: suites.go lists
// the areas, one file each. builtin.go puts the reference member in a target's
// place; mutant.go makes wrong members of it, and the other mutant_….go say what
// each gets wrong.
//
// # Time
//
// No interval of the target is taken for granted. What a case needs of them it
// measures: [Cluster.ProbeInterval]. A target may be one that others have used:
// its table then holds dead members for a while, and each refutation has slowed
// its probing. Cases that cannot do with such a one need a fresh target.
package swim

import "github.com/p2pspec/p2pspec/conformance"

// The words of the engine that every case uses.
type (
	T    = conformance.T
	Case = conformance.Case
)
