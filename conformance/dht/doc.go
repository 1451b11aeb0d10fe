// Package dht holds the suites for nodes of the Mainline DHT: BEP 5 and the
// documents that build on it, 32, 33, 42, 43, 44 and 51.
//
// A case speaks through a [Peer], one source address that asks the target and
// judges its answers, and through [Node] and [World], scripted nodes that the
// target may ask. Messages are built as plain dictionaries, so that a case can
// send any shape, right or wrong.
//
// Reading order: session.go (asking), answer.go (reading answers), node.go
// (being asked), world.go (a small DHT), then the cases, one file for each
// suite and area.
package dht
