package gnutella

import (
	"bytes"
	"encoding/binary"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// onward is a descriptor a hop later.
func onward(d wire.Descriptor) wire.Descriptor {
	d.TTL--
	d.Hops++
	return d
}

// refusing changes the refusals of the servent.
func refusing(change func(s *wire.Status)) func(*bent) {
	return saying(func(_ *bent, _ spec.Conn, s wire.Status) []spec.Message {
		if s.Code != wire.Accepted {
			change(&s)
		}
		return same(s)
	})
}

// leafDutyMutants are wrong as leaves.
func leafDutyMutants() []Mutant {
	return []Mutant{
		{
			Name: "shielded-leaf-takes-leaves", What: "a leaf with an ultrapeer takes others",
			bend: func(b *bent) {
				taken := map[spec.Conn]bool{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if s, ok := m.(wire.Status); ok && s.Code == wire.Busy && b.node.Mode() == core.Leaf {
						taken[c] = true
						return same(wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: s.Headers})
					}
					return same(m)
				}
				b.effect = func(e spec.Effect) []spec.Effect {
					if x, ok := e.(spec.Close); ok && taken[x.Conn] {
						return nil
					}
					return []spec.Effect{e}
				}
			},
		},
		{
			Name: "refusals-name-nobody", What: "a refusal has no addresses of others",
			bend: refusing(func(s *wire.Status) {
				s.Headers = wire.Headers(Offer(s.Headers).Without("X-Try").Without("X-Try-Ultrapeers"))
			}),
		},
		{
			Name: "refusals-are-not-found", What: "who there is no room for is told 404",
			bend: refusing(func(s *wire.Status) { s.Code = 404 }),
		},
		{
			Name: "leaves-take-no-leaves", What: "a leaf without an ultrapeer refuses others",
			bend: hearing(func(b *bent, c spec.Conn, m wire.Connect) []spec.Message {
				if b.node.Mode() == core.Leaf && m.Headers.Lists("X-Ultrapeer", "false") {
					b.reply(c, wire.Status{Code: wire.Busy, Phrase: "Ultrapeers only"})
					b.close(c)
					return nil
				}
				return same(m)
			}),
		},
		{
			Name: "leaf-does-not-hear-the-last-hop", What: "a leaf does not look at queries with a TTL of 1",
			bend: hearingType(wire.TypeQuery, func(b *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
				if b.node.Mode() == core.Leaf && d.TTL <= 1 {
					return nil
				}
				return same(d)
			}),
		},
		{
			Name: "leaf-passes-queries-on", What: "a leaf passes queries on between its ultrapeers",
			bend: hearingType(wire.TypeQuery, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				for _, link := range b.node.Links() {
					if b.node.Mode() == core.Leaf && link.Conn != c && d.TTL > 1 {
						b.reply(link.Conn, onward(d))
					}
				}
				return same(d)
			}),
		},
		{
			Name: "leaf-does-not-offer-guidance", What: "a leaf's query does not say that it will be guided",
			bend: changing(wire.TypeQuery, func(d *wire.Descriptor) {
				d.Payload = bytes.Clone(d.Payload)
				d.Payload[0] &^= byte(wire.QueryGuidance >> 8)
			}),
		},
		{
			Name: "leaf-says-nothing-of-its-hits", What: "a leaf does not answer how many results it has",
			bend: sayingVendor(12, func(v *wire.VendorMessage) bool { return false }),
		},
		{
			Name: "leaf-counts-from-one", What: "a leaf says that it has a result more than it has",
			bend: sayingVendor(12, func(v *wire.VendorMessage) bool {
				v.Data = binary.LittleEndian.AppendUint16(nil, binary.LittleEndian.Uint16(v.Data)+1)
				return true
			}),
		},
	}
}

// sayingVendor changes the vendor messages of a kind, or leaves them out.
func sayingVendor(selector uint16, change func(v *wire.VendorMessage) bool) func(*bent) {
	return sayingType(wire.TypeVendor, func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
		v, err := wire.ParseVendorMessage(d.Payload)
		if err != nil || v.Selector != selector {
			return same(d)
		}
		if !change(&v) {
			return nil
		}
		d.Payload = v.Append(nil)
		return same(d)
	})
}

// hearingVendor changes those that it hears, or has it miss them.
func hearingVendor(
	selector uint16, change func(b *bent, c spec.Conn, d wire.Descriptor, v *wire.VendorMessage) bool,
) func(*bent) {
	return hearingType(wire.TypeVendor, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
		v, err := wire.ParseVendorMessage(d.Payload)
		if err != nil || v.Selector != selector {
			return same(d)
		}
		if !change(b, c, d, &v) {
			return nil
		}
		d.Payload = v.Append(nil)
		return same(d)
	})
}

// ultrapeerDutyMutants are wrong as ultrapeers.
func ultrapeerDutyMutants() []Mutant {
	return []Mutant{
		{
			Name: "takes-more-than-it-is-told", What: "the number of ultrapeers is not limited",
			configure: func(cfg *core.Config) { cfg.Peers = 32 },
		},
		{
			Name: "leaves-are-recommended", What: "X-Try-Ultrapeers names leaves, too",
			bend: func(b *bent) {
				var leaves []string
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if c, ok := m.(wire.Connect); ok && c.Headers.Lists("X-Ultrapeer", "false") {
						if at, ok := c.Headers.Get("Listen-IP"); ok {
							leaves = append(leaves, at)
						}
					}
					return same(m)
				}
				b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
					s, ok := m.(wire.Status)
					if !ok || s.Code == wire.Accepted {
						return same(m)
					}
					list, _ := s.Headers.Get("X-Try-Ultrapeers")
					all := strings.Join(append(leaves, list), ",")
					s.Headers = wire.Headers(Offer(s.Headers).With("X-Try-Ultrapeers", all))
					return same(s)
				}
			},
		},
		{
			Name: "becomes-a-leaf-though-it-has-some", What: "an ultrapeer with leaves becomes one when it is asked to",
			bend: func(b *bent) {
				asked := map[spec.Conn]bool{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if s, ok := m.(wire.Status); ok {
						asked[c] = s.Headers.Lists("X-Ultrapeer-Needed", "false")
					}
					return same(m)
				}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if s, ok := m.(wire.Status); ok && asked[c] {
						s.Headers = wire.Headers(Offer(s.Headers).With("X-Ultrapeer", "False"))
						return same(s)
					}
					return same(m)
				}
			},
		},
		{
			Name: "leaves-get-queries-as-they-came", What: "TTL and hops are not counted on the way to a leaf",
			bend: sayingType(wire.TypeQuery, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				if b.isLeaf(c) && d.Hops > 0 {
					d.TTL++
					d.Hops--
				}
				return same(d)
			}),
		},
		{
			Name: "leaves-are-not-asked-by-leaves", What: "what a leaf asks goes to no other leaf",
			bend: routing(func(t *qrp.Table, d *wire.Descriptor, q *wire.Query) bool { return d.Hops > 0 && fits(t, q) }),
		},
		{
			Name: "hits-do-not-reach-leaves", What: "hits are not passed on to leaves",
			bend: sayingType(wire.TypeQueryHit, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				if b.isLeaf(c) && d.Hops > 0 {
					return nil
				}
				return same(d)
			}),
		},
		{
			Name: "higher-ttls-pass-again", What: "a query that was seen with a lower TTL is passed on again, unannounced",
			bend: func(b *bent) {
				seen := map[wire.GUID]uint8{}
				hearingType(wire.TypeQuery, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
					if last, ok := seen[d.GUID]; ok && d.TTL > last {
						for _, link := range b.node.Links() {
							if link.Conn != c && !b.isLeaf(link.Conn) {
								b.reply(link.Conn, onward(d))
							}
						}
					}
					seen[d.GUID] = d.TTL
					return same(d)
				})(b)
			},
		},
		{
			Name: "hops-flow-is-all-or-nothing", What: "any hops flow is taken for 0",
			bend: hearingVendor(4, func(_ *bent, _ spec.Conn, _ wire.Descriptor, v *wire.VendorMessage) bool {
				v.Data = []byte{0}
				return true
			}),
		},
		{
			Name: "only-a-hops-flow-of-zero-counts", What: "a hops flow other than 0 is ignored",
			bend: hearingVendor(4, func(_ *bent, _ spec.Conn, _ wire.Descriptor, v *wire.VendorMessage) bool {
				return len(v.Data) == 1 && v.Data[0] == 0
			}),
		},
		{
			Name: "ultrapeers-have-no-hops-flow", What: "the hops flow of an ultrapeer is ignored",
			bend: hearingVendor(4, func(b *bent, c spec.Conn, _ wire.Descriptor, _ *wire.VendorMessage) bool {
				return b.isLeaf(c)
			}),
		},
		{
			Name: "vendor-messages-are-flooded", What: "vendor messages go to all others while their TTL lasts",
			bend: hearingType(wire.TypeVendor, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				for _, link := range b.node.Links() {
					if link.Conn != c && d.TTL > 1 {
						b.reply(link.Conn, onward(d))
					}
				}
				return same(d)
			}),
		},
		{
			Name: "hops-flow-is-passed-on", What: "the hops flow of a neighbour goes to all others",
			bend: hearingVendor(4, func(b *bent, c spec.Conn, d wire.Descriptor, _ *wire.VendorMessage) bool {
				for _, link := range b.node.Links() {
					if link.Conn != c {
						b.reply(link.Conn, d)
					}
				}
				return true
			}),
		},
	}
}

// dutyMutants are wrong about what leaves and ultrapeers do for each other.
func dutyMutants() (list []Mutant) {
	for _, some := range [][]Mutant{leafDutyMutants(), ultrapeerDutyMutants(), dynamicMutants(), guidanceMutants()} {
		list = append(list, some...)
	}
	return list
}
