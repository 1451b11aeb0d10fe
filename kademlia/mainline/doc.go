// Package mainline is a node of the Mainline DHT: BEP 5 over the routing table
// and the lookup of package kademlia.
//
// # Implements
//
// BEP 5 (the whole protocol: ping, find_node, get_peers, announce_peer, tokens,
// good, questionable and bad nodes, refresh), BEP 32 (IPv6), BEP 33 (scrapes),
// BEP 42 (ids bound to addresses), BEP 43 (read-only nodes), BEP 44 (immutable
// and mutable items) and BEP 51 (sampling info-hashes), as the catalogue rows
// BEP05-…, BEP32-… to BEP51-… have them.
//
// # Does not
//
// It opens no socket, resolves no names and reads no clock. It does not limit
// the rate at which it is asked, repeat announces and puts by itself, or save
// its contacts: see [Node.Contacts]. BEP 5's PORT message and the key nodes of
// a torrent belong to the peer; [Ping] and [Bootstrap] serve them.
//
// # Driving the node
//
//	n, err := mainline.New(mainline.Config{Seed: seed}, now)
//	effects := n.Step(now, mainline.Bootstrap{Op: 1, Nodes: known}, nil)
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
// message.go (what is said), config.go, input.go and effect.go (limits, commands
// and results), node.go (Step and the timers), query.go (what the node answers,
// handler by handler), token.go, peers.go, item.go, items.go, bloom.go,
// samples.go (what the answers are made of), routing.go, vote.go and secure.go
// (whom the node knows, who it is, and which ids fit an address), rpc.go (its own
// queries), op.go and walk.go (commands and their lookups), wire.go and append.go
// (the encoding), state.go (Clone, AppendState and the invariants).
//
// # State diagram
//
// Of a command; every query in flight is answered, ends in an error, or times
// out:
//
//	       ┌──────────── lookup ────────────┐
//	begin ─┤ find_node, get_peers or get to ├─ Done   Bootstrap FindNode
//	       │ ever closer nodes              │         GetPeers GetItem
//	       └───────────────┬────────────────┘
//	                       │ nodes that gave a token
//	               ┌───── store ─────┐
//	               │ announce_peer   ├─ Done           Announce PutImmutable
//	               │ or put to each  │                 PutMutable
//	               └─────────────────┘
//	begin ── one query ── Done                         Ping Sample
//
// # Deviations
//
//  1. Tokens are bound to the info-hash or target, too, not to the address
//     alone (BEP 5 §get_peers), so that one cannot fill the node with other
//     keys. Each is accepted for at least 10 and at most 15 minutes.
//  2. Where fewer than K good nodes are known, questionable ones that never
//     failed are handed out, too (BEP 5: "K (8) closest good nodes"): else all
//     lists would be empty after a quarter of an hour without traffic.
//  3. Answers with an item may exceed the 1024 bytes of BEP 32 when the item
//     alone does, which BEP 44 allows; they then hold no nodes.
//  4. Both families share one id, as BEP 32 wants it; since an id can fit one
//     address only (BEP 42), it follows the IPv4 address.
//  5. With Config.EnforceBEP42, queries of nodes whose id does not fit are
//     answered, not refused with an error.
//  6. Bencoding that is not canonical is answered with error 203 when it is a
//     query, and ignored when it is a response.
//
// # Guarantees
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects]; the stores hold at most
// MaxTorrents·MaxPeers peers of 48 bytes and MaxItems items of about 1200. The
// same seed and inputs give the same effects on every machine.
//
// # Compatibility
//
// Exported names and the clause ids in drops are stable; the wording of errors
// is not. New fields and variants may be added.
package mainline
