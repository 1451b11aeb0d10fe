package kademlia

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"
)

// A Contact is what one node knows of another: the paper's triple ⟨IP address,
// UDP port, Node ID⟩.
//
// KAD-BUCKET-001 (Kademlia §2.2).
type Contact struct {
	ID   ID
	Addr netip.AddrPort
}

// Never is the instant before every other: LastReply of a contact that has not
// answered yet.
const Never time.Duration = math.MinInt64

// An Entry is a contact in a routing table with what was seen of it. It is 64
// bytes without a pointer, because a simulation consists of little else.
type Entry struct {
	ID          ID
	at          endpoint
	Failures    uint8         // requests in a row that it left unanswered
	probed      bool          // its eviction depends on the ping under way
	LastReply   time.Duration // when it last answered a request of ours, or Never
	LastQuery   time.Duration // when it last sent a request of its own, or Never
	LastFailure time.Duration // when it last left a request unanswered, or Never
}

// Contact is whom the entry is about.
func (e *Entry) Contact() Contact { return Contact{e.ID, e.at.addrPort()} }

// endpoint is a netip.AddrPort without zone. IPv4 is kept in its IPv6 form.
type endpoint struct {
	ip   [16]byte
	port uint16
}

func endpointOf(a netip.AddrPort) endpoint { return endpoint{a.Addr().As16(), a.Port()} }

func (p *endpoint) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(p.ip).Unmap(), p.port)
}

// maxBackOff bounds the exponent of the back-off: 2¹⁰ minutes are 17 hours.
const maxBackOff = 10

// Resting reports whether e, having failed, is still inside the back-off
// interval during which it should be asked nothing: base after the first
// failure, doubled by each further one.
//
// KAD-BUCKET-016 (Kademlia §4.1).
func (e *Entry) Resting(now, base time.Duration) bool {
	return e.Failures > 0 && now-e.LastFailure < base<<min(e.Failures-1, maxBackOff)
}

// The encodings below are shared by the AppendState methods of this package.

func appendContact(b []byte, c *Contact) []byte {
	b = append(b, c.ID[:]...)
	return appendAddr(b, c.Addr)
}

// appendAddr is self-delimiting: the length of the textless binary form of an
// address lies between 0 and 18 bytes plus an IPv6 zone.
func appendAddr(b []byte, a netip.AddrPort) []byte {
	at := len(b)
	b = append(b, 0, 0)
	b, _ = a.AppendBinary(b) // fails for no address
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

// appendAt encodes an instant relative to now, so that time-shifted twins have
// equal state; Never stays itself.
func appendAt(b []byte, at, now time.Duration) []byte {
	if at != Never {
		at -= now
	}
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

func appendEntry(b []byte, e *Entry, now time.Duration) []byte {
	c := e.Contact()
	b = appendContact(b, &c)
	b = appendAt(b, e.LastReply, now)
	b = appendAt(b, e.LastQuery, now)
	b = appendAt(b, e.LastFailure, now)
	return append(b, e.Failures, boolByte(e.probed))
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }
