// Package plumtree is a pure reference core of Plumtree: broadcasts along a tree
// that a gossip overlay keeps, and repairs by its other links.
//
// # Implements
//
// J. Leitão, J. Pereira and L. Rodrigues, "Epidemic Broadcast Trees", SRDS 2007:
// eager push on the links of the tree and lazy push on the others; Prune, IHave
// and Graft with their two timers; the optimisation of the tree. The membership
// beneath is package hyparview. The catalogue rows GO-PX-04 to GO-PX-06 have it in
// detail.
//
// # Does not
//
// It opens no socket and reads no clock. It orders nothing: broadcasts of one
// origin may arrive in any order. It trusts its neighbours: one that announces and
// never delivers costs time.
//
// # Driving the node
//
//	n, err := plumtree.New(plumtree.Config{View: hyparview.Config{Self: addr, Seed: seed}}, now)
//	effects := n.Step(now, hyparview.Enter{Op: 1, Contact: peer}, nil)
//	effects = n.Step(now, plumtree.Broadcast{Op: 2, Payload: p}, effects)
//	for {
//		// perform the effects in order: spec.Dial, spec.Write, spec.Close, …
//		// wait for a stream, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0]) // in: spec.Opened, spec.Got, spec.Closed, …
//	}
//
// The machine owns that of the membership: commands, events and messages of both
// are those of one node, on one set of streams, which [StreamCodec] reads and
// writes.
//
// # Reading order
//
// input.go and effect.go (commands, results, events), wire.go (the messages),
// node.go (configuration, Step, and how the membership is part of it), tree.go (the
// protocol: Gossip, Graft, Prune, neighbours), lazy.go (IHave, what is missing, the
// timers), store.go (what was delivered), codec.go (the encoding), state.go (Clone,
// AppendState and the invariants).
//
// # State diagram
//
// Of a link, at one of its ends:
//
//	          a Gossip that is known (send Prune), a Prune,
//	          another link is shorter by the threshold (send Prune)
//	 ┌───────┐ ─────────────────────────────────────────────────────► ┌──────┐
//	─► eager │                                                        │ lazy │
//	 └───────┘ ◄───────────────────────────────────────────────────── └──────┘
//	          a Gossip that is new, a Graft,
//	          what it announced is missing, or shorter (send Graft)
//
// Of a broadcast, at one node:
//
//	        IHave           MissingTimeout            GraftTimeout
//	unknown ─────► missing ───────────────► grafting ─────────────► the next announcer,
//	   │              │                        │                     or unknown
//	   └──────────────┴──────── Gossip ────────┴──► delivered ─ KeepPayload, KeepID ─► forgotten
//
// # Deviations
//
// From the paper:
//
//  1. A new neighbour is told by IHave what is still in the store. What was pushed
//     before the link was there is found by it, where the paper can lose it.
//  2. Identifiers are drawn at random, not hashed: equal payloads of one origin are
//     two broadcasts.
//  3. Round counts the links that are crossed when a message arrives, from 1, so
//     Graft need not carry it.
//  4. Announcements wait for Config.AnnounceDelay to be sent together; the paper
//     leaves the policy open.
//  5. What the optimisation grafts and prunes changes sides at the own end, too.
//  6. When Config.MaxMessages are remembered, new broadcasts are refused: by then
//     what was forgotten could be delivered again.
//
// [Config].Flood is the eager gossip that the paper compares itself with.
//
// # Guarantees
//
// A broadcast is delivered at most once in Config.KeepID, and is whole. When links
// stay as they are for long enough, it is delivered by every node that is
// connected with one that has it in its store, however many links failed before.
//
// A broadcast that is alone leaves a tree if the ends of each link agree before:
// eager links that connect all, without cycles, each the same from both ends. Two
// broadcasts that overlap while the tree is new can prune it to pieces, each the
// other's links, and a Graft and a Prune that cross leave a link of two minds; the
// next broadcasts are announced across the gaps, and mend it. Networks of three and
// four nodes were explored to the end for that, with a crash and without.
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects]. The same seed and inputs give the
// same effects on every machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. The encoding is our own, since the paper defines none.
package plumtree
