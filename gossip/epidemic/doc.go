// Package epidemic is a pure reference core of epidemic algorithms: a database
// of which every node holds a copy, kept alike by rumors and by comparison.
//
// # Implements
//
// A. Demers et al., "Epidemic Algorithms for Replicated Database Maintenance",
// PODC 1987: rumor mongering, blind or with feedback, by coin or counter, with
// push, pull or both, connection limit and hunting (§1.4); anti-entropy in full,
// after a checksum, and peeling back the latest updates (§1.3); death
// certificates with dormant copies (§2). Of R. Karp et al., "Randomized Rumor
// Spreading", FOCS 2000, the median-counter rule. To find differences among
// many entries, sums over ranges of keys that are split where they differ, as
// one goes down a Merkle tree. The catalogue rows GO-EP-… have it in detail.
//
// # Does not
//
// It opens no socket and reads no clock. Who the others are is given, and never
// changes: for membership there is gossip/swim, for overlays gossip/hyparview. It
// trusts the other nodes, and who can speak for their addresses. What was in
// memory is gone after a restart, with the clock of the stamps: a node that comes
// back should be another peer, or first hear, by [Sync], what it has written.
//
// # Driving the node
//
//	n, err := epidemic.New(epidemic.Config{Peers: all, Self: i, Seed: seed}, now)
//	effects := n.Step(now, epidemic.Put{Op: 1, Key: "k", Value: v}, nil)
//	for {
//		// perform the effects in order: transmit each spec.Send; spec.Notify has
//		// Learned for each update that is new here; spec.Done ends a command
//		// wait for a datagram, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0]) // in: spec.Recv, a command or spec.Wake
//	}
//
// All nodes get the same Peers, in the same order. [Codec] translates between
// datagrams and messages. [Node.Updates] and [Node.Lookup] read the database.
//
// To broadcast, Put each message under a key of its own; who has Learned it has
// got it. Rumors are fast and may miss somebody, anti-entropy finds what they
// missed: keep both on, as they are by default, and give each node a Phase of its
// own unless cycles are wanted. Where the nodes' own merge counts and not the
// latest write, as with the types of gossip/crdt, let the key name the writer and
// the value be its part of the state: then no two write one key. Many machines of
// one process are best made by [Node.Sibling].
//
// # Reading order
//
// update.go (stamps and versions), input.go and effect.go (commands and results),
// wire.go (the messages), node.go (configuration, Step and the timers), store.go
// (the database); then rumor.go and median.go (rumor mongering), antientropy.go
// and peel.go (comparison), certificate.go (deletion), receive.go (requests and
// refusals); last codec.go and parse.go (the encoding) and state.go (Clone,
// AppendState and the invariants).
//
// # State diagram
//
// Of an update at a node. What "bored" means is [Interest]:
//
//	            rumor, or Put              bored
//	unknown ────────────────────► hot ─────────────► known
//	   │                           ▲                   ▲
//	   │                           └ awakened          │
//	   └───────────────────────────────────────────────┘
//	                     anti-entropy
//
// Of a rumor by the median-counter rule, where m goes up when most partners of a
// cycle are at m or later:
//
//	A ──► B-1 ──► … ──► B-K ──► C ──(Cool cycles)──► D
//	└──────┴──── meets C ───────┘
//
// Of a death certificate:
//
//	           Tau1, at few nodes              Tau2
//	active ─────────────────────────► dormant ──────► forgotten
//	  │ ▲                                │               ▲
//	  │ └── meets an obsolete version ───┘               │
//	  └──────────────── Tau1, at the others ─────────────┘
//
// # Deviations
//
// From Demers et al.:
//
//  1. Stamps are Lamport's, not of clocks that agree. The age of a certificate
//     travels with it, less what it was under way.
//  2. Cycles begin at each node by its own clock. What it has heard in a cycle it
//     passes on in the next, and it counts as news until then, so that nodes in
//     step have the synchronous cycles of the paper.
//  3. A contact is a datagram. One that is refused has carried its rumors in
//     vain; the paper's is refused before. Lost ones count for nothing, except
//     that blind rules have counted them.
//  4. Who keeps a certificate dormant follows from its hash; the paper draws the
//     sites and lists them in it.
//  5. A dormant certificate that awakens is also given to the node that showed
//     the obsolete version.
//  6. Updates that anti-entropy finds do not become rumors, the first of the
//     choices of §1.5.
//  7. Peeling back goes by stamps; the sum of hashes is the checksum.
//
// From Karp et al.:
//
//  8. Who was called counts as not knowing until it answers: a lost message and
//     state D look the same. After Rounds cycles a rumor is dead in any case.
//
// # Guarantees
//
// The database holds, of each key, the latest version that the node has met:
// merging is commutative, associative and idempotent, whatever the messages.
// A node never goes back to an older version while the certificates that it
// needs are younger than Tau1, or dormant in its own memory; and it shows no
// value that nobody has put. Every rumor dies. With a period of anti-entropy all
// databases become equal once the network is whole and nobody writes, unless one
// of them is full. Rumors alone promise nothing: `p2pspec sim gossip` shows the
// residue of each rule beside the papers'.
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects], and no message exceeds
// Config.PacketSize. The same seed and inputs give the same effects on every
// machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. The encoding is our own, since the papers define none.
package epidemic
