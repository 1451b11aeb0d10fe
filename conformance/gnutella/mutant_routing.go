package gnutella

import (
	"bytes"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// relaying changes queries of others as they are passed on: they have made hops.
func relaying(change func(d *wire.Descriptor)) func(*bent) {
	return changing(wire.TypeQuery, func(d *wire.Descriptor) {
		if d.Hops > 0 {
			change(d)
		}
	})
}

// flood has queries of a kind go on that the servent would drop, as they would with
// the TTL and hops that the rule gives them.
func flood(which func(b *bent, d wire.Descriptor) (ttl, hops uint8, ok bool)) func(*bent) {
	return func(b *bent) {
		hearing(func(b *bent, c conn, d wire.Descriptor) []message {
			if d.Type != wire.TypeQuery {
				return same(d)
			}
			ttl, hops, ok := which(b, d)
			if !ok {
				return same(d)
			}
			for _, link := range b.node.Links() {
				if link.Conn != c {
					d.TTL, d.Hops = ttl, hops
					d.Payload = bytes.Clone(d.Payload)
					b.reply(link.Conn, d)
				}
			}
			return nil
		})(b)
	}
}

func routingMutants() []Mutant {
	return []Mutant{
		{Name: "forwards-as-received", What: "TTL and hops of a query stay as they are",
			bend: relaying(func(d *wire.Descriptor) { d.TTL, d.Hops = d.TTL+1, d.Hops-1 })},
		{Name: "hops-stay", What: "the hops of a query that is passed on are not counted",
			bend: relaying(func(d *wire.Descriptor) { d.Hops-- })},
		{Name: "raises-low-ttls", What: "a query with a TTL below 4 is passed on with 4",
			bend: relaying(func(d *wire.Descriptor) { d.TTL = max(d.TTL, 4) })},
		{Name: "lowers-ttls-by-two", What: "a query that is passed on loses two of its TTL, if it has them",
			bend: relaying(func(d *wire.Descriptor) { d.TTL = max(1, d.TTL-1) })},
		{Name: "forwards-ttl-1", What: "a query with TTL 1 is passed on with 1",
			bend: flood(func(_ *bent, d wire.Descriptor) (uint8, uint8, bool) { return 1, d.Hops + 1, d.TTL == 1 })},
		{Name: "ttl-wraps-round", What: "a TTL of 0 becomes 255",
			bend: flood(func(_ *bent, d wire.Descriptor) (uint8, uint8, bool) { return 255, d.Hops + 1, d.TTL == 0 })},
		{Name: "no-maximum", What: "a TTL is lowered by one, however high it is",
			bend: flood(func(_ *bent, d wire.Descriptor) (uint8, uint8, bool) {
				return d.TTL - 1, d.Hops + 1, d.TTL > 5 && d.TTL <= 15
			})},
		{Name: "forwards-ttl-255", What: "a query with a TTL above 15 is passed on",
			bend: flood(func(_ *bent, d wire.Descriptor) (uint8, uint8, bool) { return d.TTL - 1, d.Hops + 1, d.TTL > 15 })},
		{Name: "forgets-what-it-saw", What: "one GUID in the memory drives out the last",
			configure: func(cfg *core.Config) { cfg.MaxSeen = 1 }},
		{Name: "guids-of-all-types-together", What: "a query with the GUID of a ping is dropped",
			bend: func(b *bent) {
				pinged := map[wire.GUID]bool{}
				hearing(func(_ *bent, _ conn, d wire.Descriptor) []message {
					if d.Type == wire.TypePing {
						pinged[d.GUID] = true
					}
					if d.Type == wire.TypeQuery && pinged[d.GUID] {
						return nil
					}
					return same(d)
				})(b)
			}},
		{Name: "echoes-queries", What: "a query goes back to its sender as well",
			bend: hearingType(wire.TypeQuery, func(b *bent, c conn, d wire.Descriptor) []message {
				echo := d
				echo.TTL, echo.Hops, echo.Payload = d.TTL-1, d.Hops+1, bytes.Clone(d.Payload)
				if d.TTL > 1 {
					b.reply(c, echo)
				}
				return same(d)
			})},
		{Name: "forwards-to-one", What: "a query is passed on to one neighbour",
			bend: func(b *bent) {
				sent := map[wire.GUID]conn{}
				sayingType(wire.TypeQuery, func(_ *bent, c conn, d wire.Descriptor) []message {
					if to, ok := sent[d.GUID]; ok && to != c {
						return nil
					}
					sent[d.GUID] = c
					return same(d)
				})(b)
			}},
		{Name: "strips-ggep", What: "the GGEP block of a query is not passed on",
			bend: relaying(func(d *wire.Descriptor) {
				if q, err := wire.ParseQuery(d.Payload); err == nil {
					q.Extensions, _, _ = bytes.Cut(q.Extensions, []byte{0xc3})
					d.Payload, _ = q.Append(nil)
				}
			})},
	}
}
