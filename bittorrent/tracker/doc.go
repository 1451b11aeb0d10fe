// Package tracker is what peers and trackers say to each other: the codecs of
// both protocols, a tracker, and the announcer of a torrent.
//
// # Implements
//
// BEP 3 (announces over HTTP), BEP 7 (IPv6), BEP 12 (tiers of trackers), BEP 15
// (UDP), BEP 23 (compact lists), BEP 24 (external ip), BEP 31 (retry in), BEP 41
// (options of UDP announces) and BEP 48 (scrapes), as the catalogue rows
// BEP03-TRK-… to BEP48-SCRAPE-… have them.
//
// # Does not
//
// It opens no socket, speaks no HTTP and resolves no names: a driver does, such
// as package transport/tracker. The tracker keeps nothing on disk. It reads the
// key of an announce and does not use it: an address over HTTP is what TCP has
// proved, and over UDP what the connection id has. The client announces from
// one address, and does not scrape.
//
// # Driving the machines
//
//	s, err := tracker.NewServer(tracker.ServerConfig{Seed: seed}, now)
//	effects := s.Step(now, tracker.Query{Token: 1, From: peer, Path: path, RawQuery: query}, nil)
//	// a Respond with token 1: send its Status and Body
//
//	c, err := tracker.NewClient(tracker.ClientConfig{Seed: seed, Tiers: tiers, …}, now)
//	effects = c.Step(now, tracker.Begin{Op: 1, Progress: tracker.Progress{Left: left}}, nil)
//	// perform each Fetch, Resolve and spec.Send, hand their answers to Step, and
//	// a spec.Wake at c.Deadline()
//
// [ServerCodec] and [ClientCodec] translate between packets and messages.
//
// # Reading order
//
// message.go (what is said), query.go and url.go (requests over HTTP), response.go
// (answers over HTTP), packet.go (UDP); config.go, server.go (Step, handler by
// handler), swarm.go (who shares a torrent) and connection.go (connection ids) are
// the tracker; client_config.go, client.go and client_udp.go are the announcer;
// state.go and client_state.go have Clone, AppendState and the invariants.
//
// # State diagram
//
// Of the client; every arrow to the right may also end in a failure, after which
// the next tracker is asked:
//
//	       Begin                     ┌─ fetching ───────────────────┐
//	idle ─────────▶ first tracker ───┤                              ├─▶ idle, until
//	 ▲   interval                    └─ resolving ─▶ connecting ─▶  │   the interval
//	 └── retry ◀─── no tracker left                   announcing ───┘
//
// A peer of the tracker is entered by its first announce, renewed by each further
// one, and leaves by stopped or when PeerLife has passed without one.
//
// # Deviations
//
//  1. Without info_hash a scrape is refused: the list of all torrents can be
//     long (BEP 48 allows it). Hashes that nobody shares are left out over HTTP.
//  2. Peers are named by address and port, not by id: ids are public.
//  3. The key ip is believed from Config.TrustIP alone (BEP 3 leaves that open).
//  4. A plus sign in a query reads as a blank, as many clients mean it.
//  5. A connection id is good for two minutes to two and a half, and bound to the
//     IP address, not to the port.
//  6. With more than one tracker a client repeats a packet once, not eight times,
//     before it asks the next (BEP 15 §Time outs, BEP 12).
//
// # Guarantees
//
// Nothing that arrives makes a machine panic, and what is refused leaves no trace
// but a spec.Drop with its clause. The tracker's memory is bounded by its Config,
// and no limit is reached sooner than Config says, but those who have expired
// count until the next sweep, a minute later at most. Peers are chosen with equal
// probability. The same seed and inputs give the same effects everywhere.
//
// # Compatibility
//
// Exported names and the clause ids in errors and drops are stable; the wording
// of errors is not. New fields and variants may be added.
package tracker
