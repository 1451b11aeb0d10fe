// Package broadcast judges nodes of Maelstrom's workloads, in any language and
// unmodified: several nodes at once that speak on stdin and stdout, whose messages
// the harness carries, delays and loses. docs/maelstrom.md has the protocol.
//
// Each workload is a family and a suite of its own, because a program is a node of
// one: broadcast, g-set, g-counter, pn-counter, echo, unique-ids, lin-kv.
//
// What the nodes say to each other is their own affair, and so is what they ask
// the services. The cases judge what clients are answered, as Maelstrom's checkers
// do, and beyond them: values twice, values from nowhere, sets that shrink, and
// each fault only where it has hit a message.
package broadcast
