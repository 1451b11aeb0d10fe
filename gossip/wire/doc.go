// Package wire is the format of memberlist v0.7, in which Consul, Serf and Nomad
// talk, to the byte. It is a codec: it knows what bytes mean, and nothing of what
// a member should do about them.
//
// # Implements
//
// The messages of packets and of streams (GO-WF-01 to GO-WF-08), and the layers
// around them: compounds (GO-WF-10, GO-WF-11), LZW (GO-WF-09), the checksum
// (GO-WF-12), AES-GCM in both versions (GO-WF-13, GO-WF-14) and the label
// (GO-WF-15), in memberlist's order (GO-WF-16, GO-WF-17). The payloads that serf
// puts into user messages (GO-SF-01 to GO-SF-03).
//
// # Does not
//
// It keeps no members and judges no incarnation: see package swim. It draws no
// nonce; a [Nonce] comes with the message, and must never come twice with a key.
// It takes from a format with keys nothing that is not encrypted, though memberlist
// can be told to, while a cluster goes over to encryption.
//
// # Driving the codec
//
//	format := &wire.Format{Label: "blue", Keys: [][]byte{key}, Version: 1}
//	b, err := format.AppendMessage(nil, wire.Packet{Parts: []wire.Message{ping, alive}, Nonce: nonce})
//	m, err := format.ParseMessage(datagram) // a wire.Packet
//
//	decoder := format.Stream().Decoder()
//	m, n, err := decoder.Decode(buffered) // a wire.Frame; n == 0: read more and come again
//
// Each layer and the bodies can be had alone, for who has to write them wrong:
// [AppendBody], [AppendCompound], [AppendCompressed], [AppendCRC], [AppendEncrypted],
// [AppendStreamHead] and [AppendLabel], with [ParseBody], [SplitCompound],
// [Decompress], [CheckCRC], [Decrypt] and [SplitLabel].
//
// # Reading order
//
// message.go (the types), format.go (what a cluster agrees on, and the limits);
// body.go and parse.go with msgpack.go (single messages), check.go (what is refused
// when written);
// layer.go, compress.go and crypt.go (what goes around them); packet.go and stream.go
// (all together); serf.go; fault.go.
//
// # State diagram
//
//	packet: label ─▶ encryption ─▶ checksum ─▶ ┌─▶ compression ─┐
//	                                           └── compound ◀───┴─▶ message
//	stream: label, once ─▶ encryption ─▶ compression ─▶ message ─▶ the next
//
// # Deviations
//
// Reading is as lenient as memberlist's: keys in any order, unknown ones, missing
// ones, numbers in any form, text of either specification of MessagePack, and bytes
// after a body. [Format.Strict] refuses all of it. What memberlist reads and this
// package does not: an array in place of a map or of bytes, addresses of other
// lengths than 4 and 16, metadata beyond 512 bytes, names beyond 255, a state without
// a name, messages more than [MaxNesting] deep inside each other.
//
// Versions of fewer than six bytes read as none. Under an unknown key memberlist
// wants a time to be one; here it is passed over like anything else.
//
// # Guarantees
//
// No input makes the package panic. What is kept of an input is bounded by the
// limits in format.go: a length is refused when it is seen, and a compression when
// it has made too much. Writing a packet or a frame without compression allocates
// nothing but what the encryption does; what was written reads as the same message.
// Every error is a [*Fault]. After an error nothing has changed, but that a stream
// cannot be read any further.
//
// # Compatibility
//
// Exported names and the clause ids in faults are stable; the wording of reasons
// is not.
package wire
