package chord

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

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
	w := writer{b: b}
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
		w.b = append(w.b, m.Key[:]...)
	case Step:
		w.header(wireStep, m.Header)
		w.list(m.Preceding)
		w.list(m.Owners)
	case FindSuccessor:
		w.header(wireFindSuccessor, m.Header)
		w.peer(m.Origin)
		w.b = append(w.b, m.Key[:]...)
		w.b = binary.BigEndian.AppendUint16(w.b, m.Hops)
	case FoundSuccessor:
		w.header(wireFoundSuccessor, m.Header)
		w.peer(m.Owner)
		w.b = binary.BigEndian.AppendUint16(w.b, m.Hops)
	default:
		if !w.appendStorage(m) {
			w.fail("message type %T", m)
		}
	}
	return w.b, w.err
}

// writer appends fields. It remembers the first error.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: "+format, append([]any{ErrEncoding}, args...)...)
	}
}

func (w *writer) header(kind byte, h Header) {
	w.b = append(w.b, wireMagic, kind)
	w.b = binary.BigEndian.AppendUint32(w.b, h.RPC)
	w.b = append(w.b, h.Sender[:]...)
}

func (w *writer) list(list []Peer) {
	if len(list) > maxWirePeers {
		w.fail("list of %d, at most %d fit", len(list), maxWirePeers)
		return
	}
	w.b = append(w.b, byte(len(list)))
	for _, p := range list {
		w.peer(p)
	}
}

func (w *writer) peer(p Peer) {
	w.b = append(w.b, p.ID[:]...)
	ip := p.Addr.Addr()
	switch {
	case ip.Zone() != "":
		w.fail("peer %v: address %v has a zone", p.ID, ip)
	case ip.Is4():
		octets := ip.As4()
		w.b = append(append(w.b, 4), octets[:]...)
	case ip.Is6():
		octets := ip.As16()
		w.b = append(append(w.b, 6), octets[:]...)
	case p.Addr.Port() != 0:
		w.fail("peer %v: port without address", p.ID)
	default:
		w.b = append(w.b, 0)
		return
	}
	w.b = binary.BigEndian.AppendUint16(w.b, p.Addr.Port())
}

// ParseMessage decodes one datagram. A value in the result borrows from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := reader{b: b}
	if magic := r.uint(1, "magic"); r.err == nil && magic != wireMagic {
		return nil, fmt.Errorf("%w: offset 0: magic %#02x, want %#02x", ErrEncoding, magic, wireMagic)
	}
	kind := r.uint(1, "type")
	h := Header{RPC: uint32(r.uint(4, "RPC identifier")), Sender: r.id("sender")}
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
		m = FindSuccessor{h, r.peer("origin"), r.id("key"), uint16(r.uint(2, "hops"))}
	case wireFoundSuccessor:
		m = FoundSuccessor{h, r.peer("owner"), uint16(r.uint(2, "hops"))}
	default:
		if m = r.storage(kind, h); m == nil {
			r.fail(1, "unknown type %d", kind)
		}
	}
	if len(r.b) != r.at {
		r.fail(r.at, "%d bytes too many", len(r.b)-r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// reader takes fields off the front of a datagram. After the first error it
// yields zeros.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: offset %d: "+format, append([]any{ErrEncoding, at}, args...)...)
	}
}

// take returns the next n bytes, nil after an error.
func (r *reader) take(n int, field string) []byte {
	if len(r.b)-r.at < n {
		r.fail(r.at, "%s needs %d bytes, %d are left", field, n, len(r.b)-r.at)
	}
	if r.err != nil {
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) uint(n int, field string) (v uint64) {
	for _, c := range r.take(n, field) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) id(field string) (id ID) {
	copy(id[:], r.take(len(id), field))
	return id
}

func (r *reader) peer(field string) Peer {
	p := Peer{ID: r.id(field)}
	var ip netip.Addr
	switch family := r.uint(1, "address family"); family {
	case 0:
		return p
	case 4:
		ip, _ = netip.AddrFromSlice(r.take(4, "address"))
	case 6:
		ip, _ = netip.AddrFromSlice(r.take(16, "address"))
	default:
		r.fail(r.at-1, "address family %d, want 0, 4 or 6", family)
	}
	p.Addr = netip.AddrPortFrom(ip, uint16(r.uint(2, "port")))
	return p
}

func (r *reader) list(field string) []Peer {
	n := int(r.uint(1, field))
	if n > maxWirePeers {
		r.fail(r.at-1, "%d %s, at most %d fit", n, field, maxWirePeers)
		return nil
	}
	list := make([]Peer, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		list = append(list, r.peer(field))
	}
	return list
}
