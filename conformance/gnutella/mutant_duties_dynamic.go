package gnutella

import (
	"bytes"
	"time"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// dynamicQuery is one that the mutant follows: of a leaf, or the servent's own.
type dynamicQuery struct {
	leaf    spec.Conn // 0: the servent's own
	began   time.Duration
	asked   map[spec.Conn]bool
	results int
}

// asking follows the queries that the servent asks for leaves and for itself. Ask
// replaces a copy to an ultrapeer; hit tells whether the servent learns of a hit.
type asking struct {
	ask func(b *bent, c spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message
	hit func(b *bent, d wire.Descriptor, q *dynamicQuery) bool
}

func (a asking) bend(b *bent) {
	queries := map[wire.GUID]*dynamicQuery{}
	b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
		d, ok := m.(wire.Descriptor)
		switch {
		case ok && d.Type == wire.TypeQuery && b.isLeaf(c):
			queries[d.GUID] = &dynamicQuery{leaf: c, began: -1, asked: map[spec.Conn]bool{}}
		case ok && d.Type == wire.TypeQueryHit && queries[d.GUID] != nil:
			if h, err := wire.ParseQueryHit(d.Payload); err == nil {
				queries[d.GUID].results += int(h.Count)
			}
			if a.hit != nil && !a.hit(b, d, queries[d.GUID]) {
				return nil
			}
		}
		return same(m)
	}
	b.say = func(c spec.Conn, m spec.Message) []spec.Message {
		d, ok := m.(wire.Descriptor)
		if !ok || d.Type != wire.TypeQuery || b.isLeaf(c) {
			return same(m)
		}
		if queries[d.GUID] == nil && d.Hops == 0 {
			queries[d.GUID] = &dynamicQuery{began: -1, asked: map[spec.Conn]bool{}}
		}
		q := queries[d.GUID]
		if q == nil {
			return same(m)
		}
		if q.began < 0 {
			q.began = b.now
		}
		if q.asked[c] || a.ask == nil {
			return same(m)
		}
		q.asked[c] = true
		return a.ask(b, c, d, q)
	}
}

// probing says whether the query is at its beginning.
func (b *bent) probing(q *dynamicQuery) bool { return b.now-q.began < time.Second }

// others asks all ultrapeers that were not asked.
func (b *bent) others(d wire.Descriptor, q *dynamicQuery) {
	for _, link := range b.node.Links() {
		if link.Mode == core.Ultrapeer && !q.asked[link.Conn] {
			q.asked[link.Conn] = true
			b.reply(link.Conn, d)
		}
	}
}

// dynamicMutants are wrong about the pace of dynamic queries.
func dynamicMutants() []Mutant {
	return []Mutant{
		{
			Name:      "floods-for-leaves",
			What:      "the query of a leaf goes to all ultrapeers at once, whatever the handshake says",
			configure: func(cfg *core.Config) { cfg.NoDynamic = true },
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				if m.Code == wire.Accepted && !m.Old {
					m.Headers = wire.Headers(Offer(m.Headers).With("X-Dynamic-Querying", "0.1"))
				}
				return same(m)
			}),
		},
		{
			Name: "ttl-of-leaves-is-kept", What: "the query of a leaf keeps its TTL",
			bend: asking{ask: func(_ *bent, _ spec.Conn, d wire.Descriptor, _ *dynamicQuery) []spec.Message {
				d.TTL = 6
				return same(d)
			}}.bend,
		},
		{
			Name: "probes-everybody", What: "the probe goes to all ultrapeers",
			bend: asking{ask: func(b *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if b.probing(q) {
					b.others(d, q)
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "probes-far", What: "the probe has a TTL of 3",
			bend: asking{ask: func(b *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if b.probing(q) {
					d.TTL = 3
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "hurries-after-the-probe", What: "behind the probe all other links are asked at once",
			bend: asking{ask: func(b *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if !b.probing(q) {
					b.others(d, q)
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "gives-up-after-the-probe", What: "nobody is asked behind the probe",
			bend: asking{ask: func(b *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if !b.probing(q) {
					return nil
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "gives-up-halfway", What: "no more than six links are asked",
			bend: asking{ask: func(_ *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if len(q.asked) > 6 {
					return nil
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "asks-twice", What: "each link is asked twice",
			bend: asking{ask: func(b *bent, c spec.Conn, d wire.Descriptor, _ *dynamicQuery) []spec.Message {
				b.reply(c, d)
				return same(d)
			}}.bend,
		},
		{
			Name: "results-do-not-end-queries", What: "the results of dynamic queries are not counted",
			bend: asking{hit: func(b *bent, d wire.Descriptor, q *dynamicQuery) bool {
				if q.leaf != 0 {
					b.reply(q.leaf, onward(d))
				}
				return false
			}}.bend,
		},
		{
			Name: "one-result-is-enough", What: "a dynamic query ends with its first hit",
			bend: asking{ask: func(_ *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if q.results > 0 {
					return nil
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "always-asks-far", What: "behind the probe the TTL is always 3",
			bend: asking{ask: func(b *bent, _ spec.Conn, d wire.Descriptor, q *dynamicQuery) []spec.Message {
				if !b.probing(q) {
					d.TTL = 3
				}
				return same(d)
			}}.bend,
		},
		{
			Name: "degrees-are-not-read", What: "all are taken to have six links",
			bend: hearing(func(_ *bent, _ spec.Conn, m wire.Connect) []spec.Message {
				m.Headers = wire.Headers(Offer(m.Headers).Without("X-Degree"))
				return same(m)
			}),
		},
		{
			Name: "maxima-of-links-are-not-read", What: "X-Max-TTL is ignored",
			bend: hearing(func(_ *bent, _ spec.Conn, m wire.Connect) []spec.Message {
				m.Headers = wire.Headers(Offer(m.Headers).Without("X-Max-TTL"))
				return same(m)
			}),
		},
		{
			Name: "queries-of-ultrapeers-are-probed", What: "what an ultrapeer asks goes to three others",
			bend: func(b *bent) {
				copies := map[wire.GUID]int{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					d, ok := m.(wire.Descriptor)
					if ok && d.Type == wire.TypeQuery && d.Hops > 1 && !b.isLeaf(c) {
						if copies[d.GUID]++; copies[d.GUID] > probeLinks {
							return nil
						}
					}
					return same(m)
				}
			},
		},
	}
}

// guidanceMutants are wrong about leaves that guide their queries.
func guidanceMutants() []Mutant {
	return []Mutant{
		{
			Name: "guidance-is-not-asked-for", What: "a leaf is not asked how many results it has",
			bend: sayingVendor(11, func(*wire.VendorMessage) bool { return false }),
		},
		{
			Name: "guidance-has-another-guid", What: "the question to a leaf has a GUID of its own",
			bend: sayingType(wire.TypeVendor, func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
				if v, err := wire.ParseVendorMessage(d.Payload); err == nil && v.Selector == 11 {
					d.GUID[3] ^= 0x55
				}
				return same(d)
			}),
		},
		{
			Name: "all-leaves-are-asked", What: "each leaf is asked how many results it has",
			bend: hearingType(wire.TypeQuery, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				if b.isLeaf(c) {
					d.Payload = bytes.Clone(d.Payload)
					d.Payload[0] |= byte(wire.QueryGuidance >> 8)
				}
				return same(d)
			}),
		},
		{
			Name: "guidance-is-not-heard", What: "whatever a leaf says, it is taken to have no results",
			bend: hearingVendor(12, func(_ *bent, _ spec.Conn, _ wire.Descriptor, v *wire.VendorMessage) bool {
				v.Data = []byte{0, 0}
				return true
			}),
		},
		{
			Name: "guidance-is-a-signed-number", What: "a leaf that answers FFFF is taken to have less than no results",
			bend: hearingVendor(12, func(_ *bent, _ spec.Conn, _ wire.Descriptor, v *wire.VendorMessage) bool {
				if len(v.Data) == 2 && v.Data[1] >= 0x80 {
					v.Data = []byte{0, 0}
				}
				return true
			}),
		},
		{
			Name: "silence-is-no-results", What: "a leaf that does not say how many results it has is taken to have none",
			bend: func(b *bent) {
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					d, ok := m.(wire.Descriptor)
					if !ok || d.Type != wire.TypeVendor {
						return same(m)
					}
					v, err := wire.ParseVendorMessage(d.Payload)
					if err != nil || v.Selector != 11 {
						return same(m)
					}
					v.Selector, v.Data = 12, []byte{0, 0}
					none := d
					none.Payload = v.Append(nil)
					for _, e := range b.Machine.Step(b.now, spec.Got{Conn: c, Msg: none}, nil) {
						b.replies = append(b.replies, b.effects(e)...)
					}
					return same(m)
				}
			},
		},
	}
}
