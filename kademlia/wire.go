package kademlia

import (
	"errors"
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

// maxWireContacts is what the count of a message can say.
const maxWireContacts = 255

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("kademlia: encoding")

// AppendMessage appends the encoding of m. It refuses foreign message types,
// values over [MaxWireValue], more than 255 contacts, negative TTLs, and
// addresses that are missing or scoped to a zone.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := writer{spec.FieldWriter{Bytes: b, Base: ErrEncoding}}
	switch m := m.(type) {
	case PingRequest:
		w.header(wirePing, m.Header)
	case PingReply:
		w.header(wireReply|wirePing, m.Header)
	case StoreReply:
		w.header(wireReply|wireStore, m.Header)
	case StoreRequest:
		w.header(wireStore, m.Header)
		w.id(m.Key)
		w.value(m.TTL, m.Value)
	case FindNodeRequest:
		w.header(wireFindNode, m.Header)
		w.id(m.Target)
	case FindValueRequest:
		w.header(wireFindValue, m.Header)
		w.id(m.Key)
	case NodesReply:
		w.header(wireNodes, m.Header)
		w.contacts(m.Contacts)
	case ValueReply:
		w.header(wireValue, m.Header)
		w.value(m.TTL, m.Value)
	default:
		w.Fail("message type %T", m)
	}
	return w.Bytes, w.Err
}

// writer appends what the messages are made of.
type writer struct{ spec.FieldWriter }

func (w *writer) header(kind byte, h Header) {
	w.Byte(wireMagic)
	w.Byte(kind)
	w.id(h.RPC)
	w.id(h.Sender)
}

func (w *writer) id(id ID) { w.Raw(id[:]) }

func (w *writer) value(ttl time.Duration, value []byte) {
	if ttl < 0 {
		w.Fail("TTL %v is negative", ttl)
	}
	w.Uint64(uint64(ttl))
	w.Value(value, MaxWireValue, "value")
}

func (w *writer) contacts(contacts []Contact) {
	if !w.Count(len(contacts), maxWireContacts, "contacts") {
		return
	}
	for _, c := range contacts {
		if !c.Addr.Addr().IsValid() {
			w.Fail("contact %v has no address", c.ID)
		}
		w.id(c.ID)
		w.Addr(c.Addr, "contact")
	}
}

// ParseMessage decodes one datagram. A value in the result borrows from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := reader{spec.FieldReader{Bytes: b, Base: ErrEncoding}}
	if magic := r.Byte("magic"); magic != wireMagic {
		r.Fail(0, "magic %#02x, want %#02x", magic, wireMagic)
	}
	kind := r.Byte("type")
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
		r.Fail(1, "unknown type %d", kind)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

// reader takes what the messages are made of.
type reader struct{ spec.FieldReader }

func (r *reader) id(field string) (id ID) {
	copy(id[:], r.Raw(len(id), field))
	return id
}

func (r *reader) value() (time.Duration, []byte) {
	at := r.At
	ttl := time.Duration(r.Uint64("TTL"))
	if ttl < 0 {
		r.Fail(at, "TTL over 292 years")
	}
	return ttl, r.Value(MaxWireValue, "value")
}

func (r *reader) contacts() []Contact {
	n := r.Count(maxWireContacts, "contacts")
	contacts := make([]Contact, 0, n)
	for ; n > 0 && r.Err == nil; n-- {
		at := r.At
		c := Contact{r.id("contact"), r.Addr("contact")}
		if !c.Addr.IsValid() {
			r.Fail(at, "contact without an address")
		}
		contacts = append(contacts, c)
	}
	return contacts
}
