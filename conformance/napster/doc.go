// Package napster holds the conformance suite of a Napster server, the index: what
// it tells the clients that the harness plays, and what it takes from them.
//
// A case has a [Room] of [User]s, each at the end of a stream from an address of
// its own. What they share and search is made of words that no other case uses, so
// that a server which others use can be judged, too.
//
// # Reading order
//
// user.go (a client and what it hears), room.go (users and files of a case),
// frame.go (transcripts); then the cases: suites.go lists the areas, one file each.
// builtin.go puts the reference server in a target's place; mutant.go makes wrong
// servers of it, and the other mutant_….go say what each gets wrong.
package napster

import "github.com/p2pspec/p2pspec/conformance"

// The words of the engine that every case uses.
type (
	T    = conformance.T
	Case = conformance.Case
)
