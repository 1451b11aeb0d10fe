// Package gnutella holds the conformance suites of Gnutella servents: what one
// says in a handshake, how it passes on what others ask and answer, and what it
// does for its leaves or its ultrapeers.
//
// A case surrounds the target with servents of the harness, each a [Peer] with
// a source address of its own: it [Meet]s the target by dialling, or is met by a
// target that was told to dial it, see [Called]. [Shared] is what the target has.
//
// # Reading order
//
// share.go (what is shared), offer.go (how a peer introduces itself), peer.go and
// read.go (who speaks), frame.go (what the transcript shows), descriptors.go and
// steps.go (what many cases send and do); then the cases: suites.go lists them.
//
// The rest is about the suites themselves. builtin.go, virtual.go and loopback.go
// put the reference servent in a target's place. mutant.go makes wrong servents of
// it, and the other mutant_….go say what each gets wrong.
package gnutella

import "github.com/p2pspec/p2pspec/conformance"

// The words of the engine that every case uses.
type (
	T    = conformance.T
	Case = conformance.Case
)
