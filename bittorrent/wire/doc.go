// Package wire is the peer wire protocol of BitTorrent. It is a codec: it
// knows what bytes mean, and nothing of what a peer should do about them.
//
// # Implements
//
// The handshake and messages of BEP 3, the port message of BEP 5, the fast
// extension (BEP 6), the extension protocol (BEP 10) and the payloads of its
// extensions: metadata (BEP 9), peer exchange (BEP 11), upload_only (BEP 21),
// lt_donthave (BEP 54) and ut_holepunch (BEP 55); the hash messages of BEP 52;
// peer ids (BEP 20).
//
// # Does not
//
// It does not know the torrent, except for its number of pieces if it is told.
// Whether an index, an offset or an order of messages makes sense is for the
// peer to judge. Encryption lies below: see package mse.
//
// # Driving the codec
//
//	codec := wire.Codec{Limits: wire.Limits{Pieces: 1313}}
//	decoder := codec.Decoder()
//	m, n, err := decoder.Decode(buffered) // n == 0: read more and come again
//	switch m := m.(type) {
//	case *wire.Handshake: // once, first
//	case *wire.Message: // most
//	case *wire.Hashes: // of BEP 52
//	}
//
// The payload of an extended message goes to the Parse function of what the
// own handshake registered under its id; id 0 is an [ExtensionHandshake].
//
// # Reading order
//
// message.go (the types), limits.go (how long each may be), codec.go (writing),
// decoder.go (reading), bitfield.go and hashes.go (what a torrent or a tree
// allows); reserved.go and peerid.go (inside the handshake); extension.go,
// metadata.go, pex.go and extended.go (inside extended messages).
//
// # State diagram
//
//	handshake ──68 bytes──▶ messages ─┐
//	    │                     │   ▲   │ message
//	    └──────▶ error ◀──────┘   └───┘
//
// # Deviations
//
// A message whose id no document assigns is delivered within a bound of its
// own, and not an error, so that peers can be extended (BEP03-PEER-048).
//
// Frames are read strictly: a message of fixed length has it. Payloads of
// extended messages are read leniently, as each Parse function says, because
// deployed clients disagree with the documents and with each other; where
// something was passed over, a Fault names it.
//
// # Guarantees
//
// No input makes the package panic. Reading a stream does not allocate. A
// message that is too long for its type is refused when its length and id have
// arrived, and one too long for any type before its id; so nobody keeps more
// than the longest message. What is written within limits is read again as the
// same message under the same limits.
//
// # Compatibility
//
// Exported names and the clause ids in errors are stable; the wording of
// errors is not.
package wire
