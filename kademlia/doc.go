// Package kademlia is a pure reference core of Kademlia: identifiers, the
// routing table, the node lookup, and a whole node made of them.
//
// # Implements
//
// P. Maymounkov and D. Mazières, "Kademlia: A Peer-to-Peer Information System
// Based on the XOR Metric", IPTPS 2002, as the catalogue rows KAD-… have it:
// the metric, k-buckets with the splitting rule, its relaxations and the
// replacement cache, PING, STORE, FIND_NODE and FIND_VALUE, parallel lookups,
// caching, join, refresh, replication, republication and expiry.
//
// [Table] and [Lookup] stand on their own, with parameters for other protocols
// of the family: package mainline builds BEP 5 on them.
//
// # Does not
//
// It opens no socket and reads no clock. It does not limit the rate at which it
// is asked, verify values, or sign anything: whoever can send a STORE can
// replace a value by one that lives longer.
//
// # Driving the node
//
//	n, err := kademlia.New(kademlia.Config{ID: id, Seed: seed}, now)
//	effects := n.Step(now, kademlia.Join{Op: 1, Seeds: seeds}, nil)
//	for {
//		// perform the effects in order: transmit each spec.Send, …
//		// wait for a datagram, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0]) // in: spec.Recv, a command or spec.Wake
//	}
//
// [Codec] translates between datagrams and messages.
//
// # Reading order
//
// id.go (the metric), contact.go, table.go (buckets and their ranges),
// bucket.go (who enters, who leaves), closest.go, lookup.go (the sub-machine);
// then the node: input.go and effect.go (commands and results), node.go (Step
// and the timers), rpc.go (requests, replies, refusals), search.go (what lookups
// are for), store.go (values), wire.go (the encoding), state.go (Clone,
// AppendState and the invariants).
//
// # State diagram
//
// Of a command; every request under way is answered or times out:
//
//	       ┌───────── lookup ─────────┐
//	begin ─┤ FIND_NODE or FIND_VALUE  ├─ Done        FindNode FindValue
//	       │ to ever closer nodes     │
//	       └────┬────────────────┬────┘
//	            │ k closest      │ neighbours
//	       ┌─ store ─┐     ┌─ farther ─┐
//	       │ STORE   │     │ a lookup  ├─ Done        Join
//	       │ to each ├─┐   │ a bucket  │
//	       └─────────┘ │   └───────────┘
//	                   └─ Done                        Store
//	begin ── PING ── Done                             Ping
//
// Of a contact in a full bucket:
//
//	newcomer ─ spare ─┬─ promoted when the pinged or a stale member fails
//	                  └─ forgotten when a later newcomer needs its place
//
// # Deviations
//
//  1. A lookup that comes no closer asks the rest of the k closest alpha at a
//     time, where §2.3 would ask them all at once (KAD-LOOKUP-006): the bound
//     of requests in flight then holds always.
//  2. A late answer, after the time out, is not awaited any more (part of
//     KAD-LOOKUP-005); [Lookup] itself takes it.
//  3. The PING that may ride on a reply is not implemented (KAD-RPC-010).
//  4. STORE carries what is left of the pair's life, and of two values for one
//     key the one that lives longer stays: the paper does not say how a holder
//     learns when a pair was published.
//  5. Replications are drawn from the last eighth of the hour, because §2.5
//     asks that they be "not exactly synchronized" and a STORE synchronizes
//     them. With Republish equal to Expire, as in the paper, a pair may be gone
//     for the moment between its expiry and the STORE of its publisher; other
//     texts choose an expiry ten seconds longer.
//  6. The life of a cached pair is Expire halved for every k nodes between the
//     holder and the key; the paper says exponential and gives no base.
//  7. Stale contacts are not handed out in answers.
//  8. The default b is 1, the tree of §2.4; the authors' deployment used 5.
//
// # Guarantees
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects]; a table has at most 1184 buckets
// of K contacts, and about log2(N/K) in a network of N nodes. The same seed and
// inputs give the same effects on every machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. The encoding is our own, since the paper defines none.
package kademlia
