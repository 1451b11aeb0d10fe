package hyparview

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the binary encoding of one message. The paper defines none, so this
// one is ours. It is a type in one byte, and its fields, integers big-endian:
//
//	1  Join           peer
//	2  ForwardJoin    peer · TTL (1)
//	3  Neighbor       peer · priority (1): 0 low 1 high
//	4  NeighborReply  accepted (1): 0 or 1
//	5  Disconnect
//	6  Shuffle        origin (peer) · TTL (1) · peers
//	7  ShuffleReply   peers
//
//	peer              4 or 6 (1) · address (4 or 16) · port (2)
//	peers             count (1), at most 64 · count × peer
//
// Every message has exactly one encoding: bytes after the last field are
// refused, so what parses encodes back to the same bytes. On a stream [Stream]
// puts the length before it.
type Codec struct{}

var _ spec.Codec = Codec{}

// The message types on the wire.
const (
	wireJoin          = 1
	wireForwardJoin   = 2
	wireNeighbor      = 3
	wireNeighborReply = 4
	wireDisconnect    = 5
	wireShuffle       = 6
	wireShuffleReply  = 7
)

const (
	// maxWirePeers bounds the lists of a message, eight times what the paper sends.
	maxWirePeers = 64
	// maxWireAddr is what an address of 16 bytes takes.
	maxWireAddr = 1 + 16 + 2
	// MaxMessage bounds the encoding of a message, in bytes: a Shuffle's.
	MaxMessage = 1 + maxWireAddr + 1 + 1 + maxWirePeers*maxWireAddr
)

// ErrEncoding is wrapped by the errors of [Codec] and [Stream].
var ErrEncoding = errors.New("hyparview: encoding")

// AppendMessage appends the encoding of m. It refuses foreign message types,
// lists that are too long, and what is no address or has a zone.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := spec.FieldWriter{Bytes: b, Base: ErrEncoding}
	switch m := m.(type) {
	case Join:
		w.Byte(wireJoin)
		writePeer(&w, m.Peer)
	case ForwardJoin:
		w.Byte(wireForwardJoin)
		writePeer(&w, m.Peer)
		w.Byte(m.TTL)
	case Neighbor:
		w.Byte(wireNeighbor)
		writePeer(&w, m.Peer)
		w.Byte(boolByte(m.High))
	case NeighborReply:
		w.Byte(wireNeighborReply)
		w.Byte(boolByte(m.Accepted))
	case Disconnect:
		w.Byte(wireDisconnect)
	case Shuffle:
		w.Byte(wireShuffle)
		writePeer(&w, m.Origin)
		w.Byte(m.TTL)
		writePeers(&w, m.Peers)
	case ShuffleReply:
		w.Byte(wireShuffleReply)
		writePeers(&w, m.Peers)
	default:
		w.Fail("message type %T", m)
	}
	if w.Err != nil {
		return b, w.Err
	}
	return w.Bytes, nil
}

// ParseMessage decodes one message. The error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := spec.FieldReader{Bytes: b, Base: ErrEncoding}
	var m spec.Message
	switch kind := r.Byte("type"); kind {
	case wireJoin:
		m = Join{readPeer(&r, "peer")}
	case wireForwardJoin:
		m = ForwardJoin{readPeer(&r, "peer"), r.Byte("TTL")}
	case wireNeighbor:
		m = Neighbor{readPeer(&r, "peer"), readBool(&r, "priority")}
	case wireNeighborReply:
		m = NeighborReply{readBool(&r, "accepted")}
	case wireDisconnect:
		m = Disconnect{}
	case wireShuffle:
		m = Shuffle{readPeer(&r, "origin"), r.Byte("TTL"), readPeers(&r)}
	case wireShuffleReply:
		m = ShuffleReply{readPeers(&r)}
	default:
		r.Fail(0, "unknown type %d", kind)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

func writePeer(w *spec.FieldWriter, a netip.AddrPort) {
	if !a.Addr().IsValid() {
		w.Fail("a peer without an address")
	}
	w.Addr(a, "peer")
}

func readPeer(r *spec.FieldReader, field string) netip.AddrPort {
	at := r.At
	a := r.Addr(field)
	if !a.IsValid() {
		r.Fail(at, "%s: address family 0, want 4 or 6", field)
	}
	return a
}

func writePeers(w *spec.FieldWriter, list []netip.AddrPort) {
	if w.Count(len(list), maxWirePeers, "peers") {
		for _, a := range list {
			writePeer(w, a)
		}
	}
}

func readPeers(r *spec.FieldReader) []netip.AddrPort {
	n := r.Count(maxWirePeers, "peers")
	list := make([]netip.AddrPort, 0, n)
	for ; n > 0 && r.Err == nil; n-- {
		list = append(list, readPeer(r, "peer"))
	}
	return list
}

func readBool(r *spec.FieldReader, field string) bool {
	v := r.Byte(field)
	if v > 1 {
		r.Fail(r.At-1, "%s is %d, want 0 or 1", field, v)
	}
	return v == 1
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Stream carries the messages of a codec on streams, each after its length in
// four bytes, big-endian. A length above Max is refused as soon as it is seen.
type Stream struct {
	Codec spec.Codec
	Max   int // bytes of a message, without the length
}

var _ spec.StreamCodec = Stream{}

// lengthBytes is the size of a message's length on a stream.
const lengthBytes = 4

// AppendMessage appends the length of m and its encoding.
func (s Stream) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	out, err := s.Codec.AppendMessage(append(b, make([]byte, lengthBytes)...), m)
	if err != nil {
		return b, err
	}
	n := len(out) - len(b) - lengthBytes
	if n > s.Max {
		return b, fmt.Errorf("%w: a message of %d bytes, at most %d fit", ErrEncoding, n, s.Max)
	}
	binary.BigEndian.PutUint32(out[len(b):], uint32(n))
	return out, nil
}

// Decoder returns the reader of what arrives on a new stream.
func (s Stream) Decoder() spec.Decoder { return decoder(s) }

// decoder has nothing to remember: every message begins with its length.
type decoder Stream

// Decode reads the message at the front of b. See [spec.Decoder].
func (d decoder) Decode(b []byte) (spec.Message, int, error) {
	if len(b) < lengthBytes {
		return nil, 0, nil
	}
	n := binary.BigEndian.Uint32(b)
	if int64(n) > int64(d.Max) {
		return nil, 0, fmt.Errorf("%w: offset 0: a message of %d bytes, at most %d fit", ErrEncoding, n, d.Max)
	}
	if len(b)-lengthBytes < int(n) {
		return nil, 0, nil
	}
	m, err := d.Codec.ParseMessage(b[lengthBytes : lengthBytes+int(n)])
	if err != nil {
		return nil, 0, err
	}
	return m, lengthBytes + int(n), nil
}
