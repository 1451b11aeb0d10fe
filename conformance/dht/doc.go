// Package dht holds the suites for nodes of the Mainline DHT: BEP 5 and the
// documents that build on it, 32, 33, 42, 43, 44 and 51.
//
// A case speaks through a [Peer], one source address that asks the target and
// judges its answers, and through [Node] and [World], scripted nodes that the
// target may ask. Messages are built as plain dictionaries, so that a case can
// send any shape, right or wrong.
//
// # Reading order
//
// session.go (asking), answer.go (reading answers), steps.go (what many cases
// do), node.go (being asked), world.go (a small DHT), verbs.go (commands);
// then the cases: suites.go lists them, bep….go ask the target, one file for
// each document and area, and querier_….go let it ask.
//
// The rest is about the suites themselves. builtin.go, saved.go and decode.go
// put the reference node in a target's place, on real sockets and on virtual
// time. mutant.go makes wrong nodes of it, and the other mutant_….go say what
// each gets wrong.
package dht
