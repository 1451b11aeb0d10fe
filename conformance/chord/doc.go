// Package chord judges nodes of Chord that speak on stdin and stdout, in any
// language: several nodes at once, whose messages the harness carries, delays
// and loses. docs/overlay.md has the protocol.
//
// What the nodes say to each other is their own affair. The cases judge what
// they answer to clients, held against an oracle that knows the ring.
package chord
