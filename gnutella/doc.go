// Package gnutella is a servent: the participant of the Gnutella network as a pure
// machine, which is found, asks, answers and passes on what others ask.
//
// # Implements
//
// The 0.4 protocol and the 0.6 draft (Klingberg and Manfredi 2002) in three roles,
// see [Mode]: the handshake of both, pings and pongs with a cache, queries and
// hits with HUGE urns and GGEP H, pushes, Bye; ultrapeers with leaf guidance; query
// routing from leaves to ultrapeers and between these; dynamic queries (Fisk 2003);
// queues with priorities, and hops flow. The catalogue rows GN-… have it in detail.
//
// # Does not
//
// It opens no stream, compresses nothing and reads no file: these are effects, or
// the driver's. It transfers no files, see gnutella/transfer; [PushRequested] tells
// the driver to dial for a GIV. Of vendor messages it understands hops flow, those by
// which a leaf guides a dynamic query, by which one behind a firewall finds push
// proxies, and by which hits are sent out of band. What comes to a proxy by HTTP the
// driver hands over as [Relay].
//
// # Driving the node
//
//	n, err := gnutella.New(gnutella.Config{Seed: seed, Mode: gnutella.Leaf, Addr: own, Library: shared}, now)
//	effects := n.Step(now, gnutella.Connect{Op: 1, Addrs: hosts}, nil)
//	for {
//		// perform the effects in order: dial, write, close, compress, tell the application
//		// wait for what comes of them, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0])
//	}
//
// Messages are those of package wire, whose Codec translates them. What is shared
// is a [Library], which many servents of one process can use at once. Datagrams come
// and go with Config.OutOfBand alone, translated by wire.DatagramCodec.
//
// # Reading order
//
//	config.go     roles and limits
//	library.go    what is shared, and which words find it
//	input.go      commands
//	effect.go     events, errors
//	node.go       Step and the timers
//	conn.go       a connection from begin to end, and whom to dial
//	handshake.go  who is taken, and what is agreed
//	got.go        the rules for all descriptors; hits, pushes, Bye, vendor messages
//	route.go      where descriptors came from
//	ping.go       pings, pongs and their cache
//	query.go      queries, and who gets to see them
//	hit.go        answers
//	tables.go     query routing tables
//	dynamic.go    queries that ask one neighbour after another
//	vendor.go     vendor messages: hops flow, and what a leaf says of its queries
//	proxy.go      ultrapeers that take pushes for leaves behind firewalls
//	oob.go        hits out of band, by datagrams
//	flow.go       what waits for a slow neighbour
//	state.go      Clone, AppendState and the invariants
//
// # State diagram
//
// Of a connection:
//
//	Dial ── dialing ──Opened── asked ──200, own 200── talking ──Bye── leaving ── Close
//	                             └──hung up: Dial again as 0.4          3 s
//	Opened ── awaiting ──CONNECT/0.6, own 200── answered ──200── talking
//	             ├──CONNECT/0.4, OK── talking
//	             └──no room: 503 with other hosts, Close
//
// # Deviations
//
//  1. Who asks with a GUID that was seen is refused even if its TTL is higher than
//     before: X-Ext-Probes (GN-HS-39) is not offered, so that a query visits a
//     servent at most once. The price is that a copy which came first by a longer
//     way can keep a query from a servent within its TTL.
//  2. Pings go no further than a neighbour, which answers from its cache, except
//     between flat servents.
//  3. What a leaf asks gets a TTL from its ultrapeer, so that TTL and hops may then
//     be more together than before (GN-UQ-18); nowhere else do they rise.
//  4. A query may reach a leaf with a TTL of 0 (GN-UQ-03).
//  5. Of queries that a neighbour asks itself 32 may come at once, and 4 a second:
//     the draft leaves open what is too frequent (GN-QY-05).
//  6. Ultrapeers do not take hits out of band for their leaves: who cannot take
//     datagrams is answered on the way of its query.
//  7. A broken table costs the connection a Bye 413, as gtk-gnutella has it.
//
// # Guarantees
//
// No message makes the machine panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks, or costs the connection. A query visits a
// servent at most once while its GUID is among the last Config.MaxSeen. A hit goes
// back on the way of its query, to the origin alone, as long as that way lives; it
// is dropped otherwise. Out of band it goes to the origin without a way. Nothing is
// sent back on the connection that it came by. A leaf is sent a query of others only
// if its table has it, if none came yet, or if all its words are too short for a table.
//
// Memory and the effects of a Step are bounded by Config, see [Config.MaxEffects].
//
// # Compatibility
//
// Exported names and the clause ids in drops are stable; the wording of errors is
// not. New fields and variants may be added.
package gnutella
