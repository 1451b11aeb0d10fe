package chord

import (
	"errors"

	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the binary encoding of messages as datagrams. The papers define
// none, so this one is ours. Integers are big-endian; a message is
//
//	offset  size  field
//	0       1     'C'
//	1       1     type: 1 Ping 2 GetNeighbors 3 Notify 4 Leaving
//	              5 ClosestPreceding 6 FindSuccessor 7 Read 8 Write 9 Offer;
//	              129 Pong 130 Neighbors 131 Busy 133 Step 134 FoundSuccessor
//	              135 ReadAck 136 WriteAck
//	2       4     RPC identifier
//	6       20    sender's identifier
//	26            body
//
//	Neighbors         predecessor (peer) · successors (list)
//	Leaving           predecessor (peer)
//	ClosestPreceding  key (20)
//	Step              preceding (list) · owners (list)
//	FindSuccessor     origin (peer) · key (20) · hops (2)
//	FoundSuccessor    owner (peer) · hops (2)
//
//	Read              key (20)
//	ReadAck           key (20) · flags (1): 1 Leaving · stamp · value
//	Write             key (20) · stamp · value
//	Offer             key (20) · stamp
//	WriteAck          key (20) · flags (1): 1 Leaving 2 Owner 4 Replica · stamp
//
//	peer              identifier (20) · 0, 4 or 6 (1) · address (0, 4 or 16) ·
//	                  port (2), left out where the address is
//	list              count (1), at most 64 · count × peer
//	stamp             counter (8) · writer (20) · serial (8)
//	value             length (2), at most 32768 · bytes
//
// Every message has exactly one encoding: bytes after the body are refused, so
// what parses encodes back to the same bytes.
//
// CHORD-RPC-001.
type Codec struct{}

var _ spec.Codec = Codec{}

// The message types on the wire.
const (
	wireMagic            = 'C'
	wireReply            = 0x80
	wirePing             = 1
	wireGetNeighbors     = 2
	wireNotify           = 3
	wireLeaving          = 4
	wireClosestPreceding = 5
	wireFindSuccessor    = 6
	wirePong             = wireReply | wirePing
	wireNeighbors        = wireReply | wireGetNeighbors
	wireBusy             = wireReply | 3
	wireStep             = wireReply | wireClosestPreceding
	wireFoundSuccessor   = wireReply | wireFindSuccessor
)

// maxWirePeers bounds the lists of a message: two of them with addresses of
// 16 bytes take 5 kB.
const maxWirePeers = 64

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("chord: encoding")

// AppendMessage appends the encoding of m. It refuses foreign message types,
// lists that are too long, and addresses scoped to a zone.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := writer{spec.FieldWriter{Bytes: b, Base: ErrEncoding}}
	switch m := m.(type) {
	case Ping:
		w.header(wirePing, m.Header)
	case Pong:
		w.header(wirePong, m.Header)
	case GetNeighbors:
		w.header(wireGetNeighbors, m.Header)
	case Neighbors:
		w.header(wireNeighbors, m.Header)
		w.peer(m.Predecessor)
		w.list(m.Successors)
	case Busy:
		w.header(wireBusy, m.Header)
	case Notify:
		w.header(wireNotify, m.Header)
	case Leaving:
		w.header(wireLeaving, m.Header)
		w.peer(m.Predecessor)
	case ClosestPreceding:
		w.header(wireClosestPreceding, m.Header)
		w.id(m.Key)
	case Step:
		w.header(wireStep, m.Header)
		w.list(m.Preceding)
		w.list(m.Owners)
	case FindSuccessor:
		w.header(wireFindSuccessor, m.Header)
		w.peer(m.Origin)
		w.id(m.Key)
		w.Uint16(m.Hops)
	case FoundSuccessor:
		w.header(wireFoundSuccessor, m.Header)
		w.peer(m.Owner)
		w.Uint16(m.Hops)
	default:
		if !w.appendStorage(m) {
			w.Fail("message type %T", m)
		}
	}
	return w.Bytes, w.Err
}

// writer appends what chord's messages are made of.
type writer struct{ spec.FieldWriter }

func (w *writer) header(kind byte, h Header) {
	w.Byte(wireMagic)
	w.Byte(kind)
	w.Uint32(h.RPC)
	w.id(h.Sender)
}

func (w *writer) id(id ID) { w.Raw(id[:]) }

func (w *writer) list(list []Peer) {
	if !w.Count(len(list), maxWirePeers, "peers") {
		return
	}
	for _, p := range list {
		w.peer(p)
	}
}

func (w *writer) peer(p Peer) {
	w.id(p.ID)
	w.Addr(p.Addr, "peer")
}

// ParseMessage decodes one datagram. A value in the result borrows from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := reader{spec.FieldReader{Bytes: b, Base: ErrEncoding}}
	if magic := r.Byte("magic"); magic != wireMagic {
		r.Fail(0, "magic %#02x, want %#02x", magic, wireMagic)
	}
	kind := r.Byte("type")
	h := Header{RPC: r.Uint32("RPC identifier"), Sender: r.id("sender")}
	var m spec.Message
	switch kind {
	case wirePing:
		m = Ping{h}
	case wirePong:
		m = Pong{h}
	case wireGetNeighbors:
		m = GetNeighbors{h}
	case wireNeighbors:
		m = Neighbors{h, r.peer("predecessor"), r.list("successors")}
	case wireBusy:
		m = Busy{h}
	case wireNotify:
		m = Notify{h}
	case wireLeaving:
		m = Leaving{h, r.peer("predecessor")}
	case wireClosestPreceding:
		m = ClosestPreceding{h, r.id("key")}
	case wireStep:
		m = Step{h, r.list("preceding"), r.list("owners")}
	case wireFindSuccessor:
		m = FindSuccessor{h, r.peer("origin"), r.id("key"), r.Uint16("hops")}
	case wireFoundSuccessor:
		m = FoundSuccessor{h, r.peer("owner"), r.Uint16("hops")}
	default:
		if m = r.storage(kind, h); m == nil {
			r.Fail(1, "unknown type %d", kind)
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

// reader takes what chord's messages are made of.
type reader struct{ spec.FieldReader }

func (r *reader) id(field string) (id ID) {
	copy(id[:], r.Raw(len(id), field))
	return id
}

func (r *reader) peer(field string) Peer { return Peer{ID: r.id(field), Addr: r.Addr(field)} }

func (r *reader) list(field string) []Peer {
	n := r.Count(maxWirePeers, field)
	list := make([]Peer, 0, n)
	for ; n > 0 && r.Err == nil; n-- {
		list = append(list, r.peer(field))
	}
	return list
}
