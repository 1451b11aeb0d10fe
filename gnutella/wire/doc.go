// Package wire is how Gnutella's servents talk: the handshake of lines and
// headers, and the descriptors that follow it, to the byte.
//
// # Implements
//
// The Gnutella 0.6 draft (Klingberg and Manfredi 2002) with its handshake and that
// of 0.4; the seven descriptors, the extensions of queries and hits (HUGE, GGEP,
// EQHD), Bye, and vendor messages.
//
// # Does not
//
// Compress: a connection on which deflate was agreed is inflated below this
// package. Understand what is within extensions: gnutella/ggep, gnutella/urn and
// gnutella/qrp do. Transfer files: that is HTTP, and gnutella/transfer.
//
// # Driving the package
//
// A [Decoder] takes what arrives on a stream and yields [Connect] or [Status]
// first, and then a [Descriptor] at a time. Parse… functions read the payload of
// one, and Append… functions write it, neither with an allocation of its own.
//
// # Reading order
//
//	message.go    descriptors
//	handshake.go  what comes before them
//	headers.go    its headers
//	codec.go      both as a stream
//	ping.go       pongs
//	query.go      queries and their extensions
//	hit.go        hits: results, trailer, flags
//	push.go       pushes, Bye and vendor messages
//
// # State diagram
//
// Of a Decoder: start —CONNECT/0.6→ answer —200→ descriptors; start —200→
// descriptors; start —CONNECT/0.4 or OK→ descriptors. Any other code ends it.
//
// # Deviations
//
// A descriptor above [MaxPayload] ends the stream, and so does a handshake above
// [MaxHandshake]: the documents leave these limits to the servent.
//
// # Guarantees
//
// Nothing panics, whatever is parsed. What is kept of an unfinished message is at
// most [MaxPayload] plus a header. Errors name field, offset and clause.
//
// # Compatibility
//
// The bytes are the network's.
package wire
