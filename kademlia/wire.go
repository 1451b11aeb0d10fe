package kademlia

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// A Header opens every message.
//
// KAD-RPC-001, KAD-RPC-003 (Kademlia §2.1, §2.3).
type Header struct {
	RPC    ID // drawn at random by the initiator, echoed in the reply
	Sender ID
}

// The requests of the paper. KAD-RPC-002 (Kademlia §2.3).
type (
	// PingRequest asks whether a node is up.
	PingRequest struct{ Header }
	// StoreRequest asks a node to keep Value under Key for TTL at most.
	StoreRequest struct {
		Header
		Key   ID
		TTL   time.Duration // what is left of the 24 hours since publication
		Value []byte
	}
	// FindNodeRequest asks for the K contacts closest to Target.
	FindNodeRequest struct {
		Header
		Target ID
	}
	// FindValueRequest asks for the value under Key, or else as FindNodeRequest.
	FindValueRequest struct {
		Header
		Key ID
	}
)

// The replies. Which one answers which request: PingReply PING, StoreReply
// STORE, NodesReply FIND_NODE and FIND_VALUE, ValueReply FIND_VALUE.
type (
	PingReply  struct{ Header }
	StoreReply struct{ Header }
	NodesReply struct {
		Header
		Contacts []Contact
	}
	ValueReply struct {
		Header
		TTL   time.Duration
		Value []byte
	}
)

func (PingRequest) IsMessage()      {}
func (StoreRequest) IsMessage()     {}
func (FindNodeRequest) IsMessage()  {}
func (FindValueRequest) IsMessage() {}
func (PingReply) IsMessage()        {}
func (StoreReply) IsMessage()       {}
func (NodesReply) IsMessage()       {}
func (ValueReply) IsMessage()       {}

// MaxWireValue is the largest value that a message can carry: what one UDP
// datagram over IPv4 leaves after the longest other fields.
const MaxWireValue = 65507 - 2 - 2*20 - 20 - 8 - 2

// Codec is the binary encoding of messages as datagrams. The paper defines
// none, so this one is ours. Integers are big-endian; a message is
//
//	offset  size  field
//	0       1     'K'
//	1       1     type: 1 PING 2 STORE 3 FIND_NODE 4 FIND_VALUE;
//	              their replies: 129 PING 130 STORE 131 nodes 132 value
//	2       20    RPC identifier
//	22      20    sender's identifier
//	42            body
//
//	STORE        key (20) · TTL in nanoseconds (8) · length (2) · value
//	FIND_NODE    target (20)
//	FIND_VALUE   key (20)
//	nodes        count (1) · count × [identifier (20) · 4 or 6 (1) ·
//	             address (4 or 16) · port (2)]
//	value        TTL in nanoseconds (8) · length (2) · value
//
// Every message has exactly one encoding: bytes after the body are refused, so
// what parses encodes back to the same bytes.
type Codec struct{}

var _ spec.Codec = Codec{}

// The message types on the wire.
const (
	wireMagic     = 'K'
	wireReply     = 0x80
	wirePing      = 1
	wireStore     = 2
	wireFindNode  = 3
	wireFindValue = 4
	wireNodes     = wireReply | 3
	wireValue     = wireReply | 4
)

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("kademlia: encoding")

// AppendMessage appends the encoding of m. It refuses foreign message types,
// values over [MaxWireValue], more than 255 contacts, negative TTLs, and
// addresses that are missing or scoped to a zone.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	switch m := m.(type) {
	case PingRequest:
		return appendHeader(b, wirePing, m.Header), nil
	case PingReply:
		return appendHeader(b, wireReply|wirePing, m.Header), nil
	case StoreReply:
		return appendHeader(b, wireReply|wireStore, m.Header), nil
	case StoreRequest:
		b = appendHeader(b, wireStore, m.Header)
		return appendValue(append(b, m.Key[:]...), m.TTL, m.Value)
	case FindNodeRequest:
		return append(appendHeader(b, wireFindNode, m.Header), m.Target[:]...), nil
	case FindValueRequest:
		return append(appendHeader(b, wireFindValue, m.Header), m.Key[:]...), nil
	case NodesReply:
		return appendContacts(appendHeader(b, wireNodes, m.Header), m.Contacts)
	case ValueReply:
		return appendValue(appendHeader(b, wireValue, m.Header), m.TTL, m.Value)
	}
	return b, fmt.Errorf("%w: message type %T", ErrEncoding, m)
}

func appendHeader(b []byte, kind byte, h Header) []byte {
	b = append(b, wireMagic, kind)
	b = append(b, h.RPC[:]...)
	return append(b, h.Sender[:]...)
}

func appendValue(b []byte, ttl time.Duration, value []byte) ([]byte, error) {
	if ttl < 0 {
		return b, fmt.Errorf("%w: TTL %v is negative", ErrEncoding, ttl)
	}
	if len(value) > MaxWireValue {
		return b, fmt.Errorf("%w: value of %d bytes, at most %d fit", ErrEncoding,
			len(value), MaxWireValue)
	}
	b = appendUint64(b, uint64(ttl))
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...), nil
}

func appendContacts(b []byte, contacts []Contact) ([]byte, error) {
	if len(contacts) > 255 {
		return b, fmt.Errorf("%w: %d contacts, at most 255 fit", ErrEncoding, len(contacts))
	}
	b = append(b, byte(len(contacts)))
	for i := range contacts {
		addr := contacts[i].Addr.Addr()
		if !addr.IsValid() || addr.Zone() != "" {
			return b, fmt.Errorf("%w: contact %d: address %v", ErrEncoding, i, addr)
		}
		b = append(b, contacts[i].ID[:]...)
		if addr.Is4() {
			a := addr.As4()
			b = append(append(b, 4), a[:]...)
		} else {
			a := addr.As16()
			b = append(append(b, 6), a[:]...)
		}
		b = binary.BigEndian.AppendUint16(b, contacts[i].Addr.Port())
	}
	return b, nil
}

// ParseMessage decodes one datagram. A value in the result borrows from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := reader{b: b}
	if magic := r.uint(1, "magic"); r.err == nil && magic != wireMagic {
		return nil, fmt.Errorf("%w: offset 0: magic %#02x, want %#02x", ErrEncoding, magic, wireMagic)
	}
	kind := r.uint(1, "type")
	h := Header{RPC: r.id("RPC identifier"), Sender: r.id("sender")}
	var m spec.Message
	switch kind {
	case wirePing:
		m = PingRequest{h}
	case wireReply | wirePing:
		m = PingReply{h}
	case wireReply | wireStore:
		m = StoreReply{h}
	case wireStore:
		key := r.id("key")
		ttl, value := r.value()
		m = StoreRequest{h, key, ttl, value}
	case wireFindNode:
		m = FindNodeRequest{h, r.id("target")}
	case wireFindValue:
		m = FindValueRequest{h, r.id("key")}
	case wireNodes:
		m = NodesReply{h, r.contacts()}
	case wireValue:
		ttl, value := r.value()
		m = ValueReply{h, ttl, value}
	default:
		r.fail(1, "unknown type %d", kind)
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

func (r *reader) value() (time.Duration, []byte) {
	at := r.at
	ttl := time.Duration(r.uint(8, "TTL"))
	if ttl < 0 {
		r.fail(at, "TTL over 292 years")
	}
	at = r.at
	n := int(r.uint(2, "length"))
	if n > MaxWireValue {
		r.fail(at, "value of %d bytes, at most %d fit", n, MaxWireValue)
	}
	return ttl, r.take(n, "value")
}

func (r *reader) contacts() []Contact {
	n := int(r.uint(1, "count"))
	contacts := make([]Contact, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		id := r.id("contact")
		var addr netip.Addr
		switch family := r.uint(1, "address family"); family {
		case 4:
			addr, _ = netip.AddrFromSlice(r.take(4, "address"))
		case 6:
			addr, _ = netip.AddrFromSlice(r.take(16, "address"))
		default:
			r.fail(r.at-1, "address family %d, want 4 or 6", family)
		}
		port := uint16(r.uint(2, "port"))
		contacts = append(contacts, Contact{id, netip.AddrPortFrom(addr, port)})
	}
	return contacts
}
