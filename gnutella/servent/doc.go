// Package servent is a whole participant of the Gnutella network on one port: a
// node of package gnutella, which finds files, and one of gnutella/transfer, which
// sends and fetches them, as one pure machine.
//
// # Implements
//
// What joins the two: whoever connects is a servent or asks for a file, as the first
// line says (0.6 draft §2.1, §4.1); who is pushed dials and offers the file by GIV
// (§4.2); what a hit has found is fetched, by a push where that is needed; what a push
// proxy is asked by HTTP goes to its leaf.
//
// # Does not
//
// It has no rules of its own for descriptors or files: these are in the two
// packages. [gnutella.Shutdown] ends the connections of the overlay alone; files go
// on being sent and fetched.
//
// # Driving the node
//
//	n, err := servent.New(servent.Config{Node: gnutella.Config{Seed: seed, Addr: own, Library: shared}}, now)
//	effects := n.Step(now, gnutella.Connect{Op: 1, Addrs: hosts}, nil)
//	// later, of a gnutella.Hit
//	effects = n.Step(now, servent.Fetch{Op: 2, Piece: place, Want: hit.Results[0], Hits: []gnutella.Hit{hit}}, nil)
//
// and then as any machine on streams, with [Codec], and on datagrams if the overlay is
// one, with wire.DatagramCodec. It takes the commands of both
// packages, and has the events of both, but those by which they would ask the
// application to push. The piece of a storage effect is a place in Library.Files, or
// that which a Fetch names.
//
// # Reading order
//
//	config.go  both configurations
//	input.go   Fetch
//	node.go    Step: whom an input is for
//	route.go   streams: whose they are, and by what number
//	codec.go   which of the two codecs a stream is for
//	state.go   Clone, AppendState and the invariants
//
// # State diagram
//
// Of an accepted stream:
//
//	undecided ──GNUTELLA CONNECT── the overlay's
//	    └──GET, HEAD, GIV── of files
//
// # Deviations
//
// None but those of the two packages.
//
// # Guarantees
//
// Those of the two packages. A stream is of one of them for good, and a message of
// the other kind on it costs the stream.
//
// # Compatibility
//
// Exported names and the clause ids in drops are stable; the wording of errors is
// not. New fields and variants may be added.
package servent
