package gnutella

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func streamMutants() []Mutant {
	return []Mutant{
		{Name: "one-descriptor-a-read", What: "what comes behind a descriptor in one read is thrown away",
			bend: func(b *bent) {
				b.reread = func(p []byte, begun bool) ([]byte, int) {
					if _, n, err := wire.ParseDescriptor(p); begun && !isText(p) && err == nil && n > 0 {
						return p[:n], len(p)
					}
					return nil, 0
				}
			}},
		{Name: "unmarked-guids", What: "the GUIDs of pings are random throughout",
			bend: changing(wire.TypePing, func(d *wire.Descriptor) {
				if d.Hops == 0 {
					d.GUID[8], d.GUID[15] = 0x12, 0x34
				}
			})},
		{Name: "vendor-messages-for-all", What: "who is pinged is sent a vendor message, too",
			bend: sayingType(wire.TypePing, func(_ *bent, _ conn, d wire.Descriptor) []message {
				v := wire.VendorMessage{Vendor: [4]byte{'P', 'S', 'P', 'C'}, Selector: 1}
				return []message{d, wire.Descriptor{GUID: d.GUID, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}}
			})},
		{Name: "closes-at-unknown-types", What: "a descriptor of an unknown type ends the link",
			bend: hearingType(0x55, func(b *bent, c conn, _ wire.Descriptor) []message {
				b.close(c)
				return nil
			})},
		{Name: "believes-all-lengths", What: "a payload of any length is waited for",
			bend: func(b *bent) {
				b.waits = func(p []byte, begun bool) bool {
					return begun && !isText(p) && len(p) >= wire.HeaderSize && binary.LittleEndian.Uint32(p[19:]) > wire.MaxPayload
				}
			}},
		{Name: "dies-of-short-payloads", What: "the process ends at a query that has no text",
			bend: hearingType(wire.TypeQuery, func(b *bent, _ conn, d wire.Descriptor) []message {
				b.dead = b.dead || len(d.Payload) < 2
				return same(d)
			})},
		{Name: "passes-on-broken-queries", What: "a query is passed on without having been read",
			bend: spreading(wire.TypeQuery, func(d wire.Descriptor) bool {
				_, err := wire.ParseQuery(d.Payload)
				return err != nil
			})},
		{Name: "one-hit-for-all-results", What: "all results of a query are sent in one hit",
			bend: mergeHits},
		{Name: "one-hit-when-all-is-found", What: "all results are sent in one hit, but to the first query",
			bend: func(b *bent) {
				mergeHits(b)
				merge, first := b.say, wire.GUID{}
				b.say = func(c conn, m message) []message {
					d, ok := m.(wire.Descriptor)
					if !ok || d.Type != wire.TypeQueryHit || d.Hops > 0 {
						return merge(c, m)
					}
					if first == (wire.GUID{}) {
						first = d.GUID
						return same(d)
					}
					if d.GUID == first {
						return nil
					}
					return merge(c, m)
				}
			}},
	}
}

// mergeHits holds the servent's own hits back for a moment, and makes one of those
// with one GUID.
func mergeHits(b *bent) {
	sayingType(wire.TypeQueryHit, func(b *bent, c conn, d wire.Descriptor) []message {
		if d.Hops > 0 {
			return same(d)
		}
		for i, held := range b.late {
			w := held.e.(spec.Write)
			first := w.Msg.(wire.Descriptor)
			if w.Conn != c || first.GUID != d.GUID {
				continue
			}
			all, _ := wire.ParseQueryHit(first.Payload)
			more, _ := wire.ParseQueryHit(d.Payload)
			all.Results, all.Count = append(bytes.Clone(all.Results), more.Results...), all.Count+more.Count
			first.Payload = all.Append(nil)
			b.late[i].e = spec.Write{Conn: c, Msg: first}
			return nil
		}
		b.later(time.Millisecond, spec.Write{Conn: c, Msg: d})
		return nil
	})(b)
}
