// Package bittorrent is a peer: the participant of one torrent as a pure
// machine, which downloads and serves pieces.
//
// # Implements
//
// BEP 3 (peer protocol, choking, piece selection), BEP 6 (fast extension),
// BEP 9 (metadata from peers, both ways), BEP 10 (extension protocol), BEP 11
// (peer exchange), BEP 21 (upload_only), BEP 27 (private torrents), BEP 40
// (canonical priority), BEP 52 (torrents of version 2, hash requests for piece
// layers, both ways) and BEP 54 (lt_donthave), as the catalogue rows BEP03-PEER-…,
// BEP03-CHOKE-… and those of the other documents have them. Choking and piece
// selection follow the economics paper (Cohen, 2003).
//
// # Does not
//
// It opens no stream, hashes no piece and stores nothing: these are effects. It
// asks no tracker and no DHT: [AddPeers] takes what they return. It does not
// encrypt (package mse does), limit rates, seek through web seeds or super-seed.
// One machine is one torrent; who serves several on one port reads the
// handshake first and hands the stream to the machine of its info-hash.
//
// # Driving the node
//
//	n, err := bittorrent.New(bittorrent.Config{Seed: seed, Info: info, Have: have}, now)
//	effects := n.Step(now, bittorrent.AddPeers{Op: 1, Addrs: peers}, nil)
//	for {
//		// perform the effects in order: dial, write, close, load, store, verify, …
//		// wait for what comes of them, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0])
//	}
//
// Messages are those of package wire, whose Codec translates them. The Limits
// of its decoders should name the number of pieces once that is known. After
// [MetadataReceived] and [LayersReceived] the driver has the hashes that the
// next Verify needs.
//
// # Reading order
//
// config.go and layout.go (limits, and what a torrent looks like), input.go and
// effect.go (commands and events), node.go (Step and the timers), conn.go (a
// connection from begin to end), handshake.go, got.go (what peers say, message by
// message), request.go (asking for blocks), storage.go (what becomes of them),
// upload.go (serving), choke.go, fast.go, extended.go, metadata.go, pex.go and
// hashes.go (the extensions), known.go (addresses to dial, and those banned),
// state.go and check.go (Clone, AppendState and the invariants). The helpers
// decide and know nothing of streams: bitfield.go, picker.go with
// picker_order.go, picker_begun.go and picker_state.go (what to ask for),
// choker.go (whom to serve), rate.go, blame.go (who sent bad data), priority.go
// and allowedfast.go (BEP 40 and BEP 6).
//
// # State diagram
//
// Of a connection:
//
//	Dial ── dialing ──Opened──┐                      both handshakes
//	                          ├── shaking ──────────────────────────── talking ── Close
//	inbound Opened ───────────┘   wrong hash, self, second: Close
//
// Of a block, with Load, Store and Verify as effects:
//
//	missing ──Request── asked ──Piece── arrived ──Stored── stored ──┐ all of the piece
//	   ^                  │                │                        │
//	   ├──reject, choke,──┘                │                      Verify ── held, have to all
//	   ├──late, closed                     │                        │
//	   └──────────────── error ────────────┴──── not its hash ──────┘ who sent it is found
//
// # Deviations
//
//  1. The bitfield comes before the extension handshake, which BEP 10 wants
//     first: BEP 3 and BEP 6 say must, BEP 10 should. Incoming ones are
//     accepted in either order.
//  2. Requests longer than 16 KiB are rejected where BEP 6 is agreed on, and
//     close the connection where it is not (BEP 3).
//  3. Blocks that come after a choke or a cancel, without BEP 6, are thrown
//     away: BEP 3 lets them be used.
//  4. Peers are exchanged only once the metadata shows that the torrent is not
//     private (BEP 27 is silent about magnet links).
//  5. Hash requests below the piece layer are rejected (BEP 52 wants them
//     served): the leaves are nowhere but in the content.
//  6. Bitfields and have-all messages that come late count as the haves that
//     they stand for: aria2 sends them.
//  7. On the loopback network, where all peers have one address, a ban covers
//     the port as well.
//
// # Guarantees
//
// No message makes the machine panic, and a refused one leaves no trace: it
// yields a spec.Drop with the clause it breaks, or costs the connection. No
// block is stored that was not asked for. A piece is announced and served only
// after it was verified, whatever peers send. Each request is answered at most
// once, and where BEP 6 is agreed on exactly once while the connection lasts.
// Nobody is banned but who sent data that did not have its hash, as long as
// the storage returns what was stored and no honest peer shares the address of
// one that is not.
//
// Memory and the effects of a Step are bounded by Config, see
// [Config.MaxEffects]: each of MaxConns connections has a bit for every piece,
// MaxRequestsOut and MaxRequestsIn requests, and at most UploadWindow bytes and
// one block on their way. Blocks being stored exceed MaxStoring by no more than
// what was asked for. Have messages cost O(1), a request O(log n).
//
// # Compatibility
//
// Exported names and the clause ids in drops are stable; the wording of errors
// is not. New fields and variants may be added.
package bittorrent
