// Package chord is a pure reference core of Chord: a ring that keeps itself,
// lookups in it, and storage on it.
//
// # Implements
//
// I. Stoica et al., "Chord: A Scalable Peer-to-peer Lookup Service for Internet
// Applications", SIGCOMM 2001 and IEEE/ACM Transactions on Networking 2003, with
// the ring maintenance of P. Zave, "Reasoning About Identifier Spaces: How to
// Make Chord Correct", IEEE Transactions on Software Engineering 2017, between
// machines that exchange messages. The catalogue rows CHORD-… have it in detail:
// the identifier circle, successor lists, join, stabilize in its two steps,
// rectify, the Busy rule, fingers, iterative and recursive lookups, leaving, and
// values in two modes, see [Storage].
//
// # Does not
//
// It opens no socket and reads no clock. It runs no virtual nodes; several machines can
// share a process. It trusts the other members: whoever can send from the
// address of one can speak for it.
//
// # Driving the node
//
//	n, err := chord.New(chord.Config{ID: id, Seed: seed}, now)
//	effects := n.Step(now, chord.Join{Op: 1, Via: peer}, nil) // or chord.Create
//	for {
//		// perform the effects in order: transmit each spec.Send, …
//		// wait for a datagram, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0]) // in: spec.Recv, a command or spec.Wake
//	}
//
// [Codec] translates between datagrams and messages. Identifiers are numbers: in
// a narrow circle use [FromUint], in the full one [Hash].
//
// # Reading order
//
// id.go (the circle), input.go and effect.go (commands and results), wire.go (the
// messages), node.go (configuration, Step and the timers); then the ring: ring.go
// (its lists), stabilize.go (its repair), join.go (coming and going), original.go
// (as it was in 2001); lookup.go, recursive.go, finger.go; receive.go (requests,
// replies, refusals); the storage: store.go, quorum.go, store_transfer.go,
// store_receive.go, store_wire.go, store_state.go; last codec.go (the encoding),
// state.go (Clone, AppendState and the invariants), restore.go (a node from a
// snapshot).
//
// # State diagram
//
// Of a node:
//
//	        Create, or Join: walk ── ask the node before for its list
//	outside ─────────────────────────────────────────────────────────► member
//	   ▲                                                                 │
//	   └───────────────── Leave: hand over the keys, say farewell ───────┘
//
// Of a member's maintenance. In the boxes marked B it answers Busy:
//
//	                  period                       candidate between
//	┌──────┐ ───────────────────► ┌─ B ───────────┐ ─────────► ┌─ B ───────────┐
//	│      │                      │ ask successor │            │ ask candidate │
//	│      │ ◄─ adopt or drop it, └───────────────┘            └───────────────┘
//	│ idle │    notify                                           │  ▲     │
//	│      │ ◄──────────────────── adopt it or not, notify ──────┘  │     │ Busy, and
//	│      │                                                 period │     ▼ it is lower
//	│      │                                                   ┌────────────┐
//	│      │                                                   │   paused   │
//	└──────┘                                                   └────────────┘
//	  │  ▲  notified by a node that is not closer:
//	  ▼  │  ask the predecessor, keep or replace it
//	 rectify
//
// # Deviations
//
// From Zave's protocol:
//
//  1. A dead head leaves a free place at the end of the list, where she pads it
//     with an identifier that need not exist. A free place names nobody, too.
//  2. The notifier whose turn has not come has a slot of its own, which the
//     closer one keeps (CHORD-RECT-002, CHORD-RECT-003). With one slot for all
//     pending work, as in her model, a ring can livelock.
//  3. Who hears Busy asks again when its patience ends, instead of the busy
//     node repeating it; and nobody waits for a node with a lower identifier,
//     which breaks circles of nodes that wait for each other (CHORD-BUSY-005).
//     A busy node stores only the queries of those who wait.
//  4. A ring may begin with fewer than r+1 members, down to one that is its own
//     successor, and says [AssumptionBroken] then. Successor lists of small
//     rings end before their owner.
//  5. A node whose list has no live entry left becomes a ring of its own, after
//     saying so; what the ring promises is lost by then.
//  6. A farewell is used as if the leaver's failure had been noticed, and sets
//     the predecessor, on which no promise depends.
//
// From the papers of 2001 and 2003:
//
//  7. Fingers are repaired in turn, as in 2003, and one lookup repairs all that
//     turn out equal.
//  8. Iterative lookups end with a Ping to the owner, so that a dead one is
//     passed over; the last step names the owner's successors, too.
//  9. Lookups look through the successor list as well as the fingers.
//  10. Narrow circles take the top bits of the hash.
//
// [Original] is the maintenance of 2001: join knows its successor alone,
// stabilize adopts what nobody has asked, and lists are patched by a separate
// reconciliation; a dead successor is replaced by the next one, a dead
// predecessor forgotten, as Zave's study of 2012 has it. The three take turns, a
// period each.
//
// # Guarantees
//
// In a ring that has had r+1 members, if failures leave every list a live entry
// and r+1 nodes that nobody's list skips, and if no live node is taken for dead,
// then there is always one ordered ring from which every member can be reached,
// and when joins and failures end it becomes ideal. docs/verification.md says to
// what extent that has been checked. Outside these assumptions nothing of it is
// promised, and [AssumptionBroken] says what has been noticed.
//
// A lookup finds the owner as the ring has it at that moment. While it changes
// two lookups may name two owners of one key.
//
// A value is kept by the replica group of its key: the owner and the nodes after
// it, as the owner's predecessor has them.
//
// Storage in mode [BestEffort]: a Put that succeeds is held by one node of the
// group, and by all that answered in time. A Get asks the group one after
// another, the owner first, and believes the first that has a value. While
// nobody joins, leaves or fails, and no message is lost, a Get that begins after
// a Put has ended returns it or a later one. Otherwise it may return an older
// value, or none for a time.
//
// Storage in mode [Quorum]: while the group is what every node believes it to
// be, and a majority of it is up and has never lost its memory, the Puts and
// Gets of a key are linearizable, whatever the network loses, delays or repeats.
// A Put that ends in [ErrNoQuorum] may take place later, or never. When the group
// changes, values follow it; but groups have no epochs, and majorities of two
// groups need not share a node, so that what the one has been told the other
// may not know. docs/chord-storage.md has examples and how often they were seen.
//
// In both modes joins and leaves lose no value, and failures none of which a
// holder survives: a copy is dropped only when another node is known to have it,
// unless the node that leaves finds nobody to take it.
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects]. The same seed and inputs give the
// same effects on every machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. The encoding is our own, since the papers define none.
package chord
