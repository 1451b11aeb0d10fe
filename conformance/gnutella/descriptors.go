package gnutella

import (
	"fmt"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// encode writes a message of the harness.
func encode(m spec.Message) []byte {
	b, err := wire.Codec{}.AppendMessage(nil, m)
	if err != nil {
		panic("conformance: the harness cannot write its message: " + err.Error())
	}
	return b
}

// NewGUID is one that nobody has seen, marked as those of modern servents are.
func NewGUID(t *T) wire.GUID { return wire.NewGUID(t.Fresh()) }

// NewPing asks for pongs.
func NewPing(t *T, ttl, hops uint8) wire.Descriptor {
	return wire.Descriptor{GUID: NewGUID(t), Type: wire.TypePing, TTL: ttl, Hops: hops}
}

// NewQuery asks for a text, with parts of an extension block. It carries the mark
// of flags, without which gtk-gnutella drops it.
func NewQuery(t *T, text string, ttl, hops uint8, extensions ...string) wire.Descriptor {
	q := wire.Query{Flags: wire.QueryMarked, Text: []byte(text)}
	for _, e := range extensions {
		q.Extensions = wire.AppendExtension(q.Extensions, []byte(e))
	}
	b, err := q.Append(nil)
	if err != nil {
		t.Harnessf("a query cannot be written: %v", err)
	}
	return wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeQuery, TTL: ttl, Hops: hops, Payload: b}
}

// NewHit answers a query with one file that the peer says it has, as the servent of
// the given id.
func NewHit(p *Peer, guid, servent wire.GUID, ttl, hops uint8, name string) wire.Descriptor {
	r := wire.Result{Index: 7, Size: 1234, Name: []byte(name)}
	results, err := r.Append(nil)
	if err != nil {
		p.t.Harnessf("a result cannot be written: %v", err)
	}
	h := wire.QueryHit{
		Addr: p.Advertised(), Speed: 1000, Count: 1, Results: results, ServentID: servent,
		Trailer: &wire.Trailer{Vendor: [4]byte{'P', 'S', 'P', 'C'}, Flags: wire.HitFlags{}.With(wire.HitPush, false)},
	}
	return wire.Descriptor{GUID: guid, Type: wire.TypeQueryHit, TTL: ttl, Hops: hops, Payload: h.Append(nil)}
}

// NewPush asks a servent to dial the peer.
func NewPush(p *Peer, servent wire.GUID, ttl, hops uint8) wire.Descriptor {
	m := wire.Push{ServentID: servent, Index: 7, Addr: p.Advertised()}
	return wire.Descriptor{GUID: NewGUID(p.t), Type: wire.TypePush, TTL: ttl, Hops: hops, Payload: m.Append(nil)}
}

// NewVendor is a message of a vendor's.
func NewVendor(t *T, vendor string, selector, version uint16, data []byte) wire.Descriptor {
	v := wire.VendorMessage{Vendor: [4]byte([]byte(vendor)), Selector: selector, Version: version, Data: data}
	return wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
}

// NewBye says farewell.
func NewBye(t *T, code uint16, text string) wire.Descriptor {
	y := wire.Bye{Code: code, Text: []byte(text)}
	return wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeBye, TTL: 1, Payload: y.Append(nil)}
}

// word is one that no file has in its name, and that no case has used before, nor one of
// an earlier run: some servents pass a text on once only.
func word(t *T) string {
	return fmt.Sprintf("zq%x", t.Fresh().Uint64()>>16)
}
