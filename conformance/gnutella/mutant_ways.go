package gnutella

import (
	"bytes"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// spread sends a descriptor to all links but one, as if it were passed on.
func (b *bent) spread(but conn, d wire.Descriptor) {
	d.TTL, d.Hops, d.Payload = d.TTL-1, d.Hops+1, bytes.Clone(d.Payload)
	for _, link := range b.node.Links() {
		if link.Conn != but {
			b.reply(link.Conn, d)
		}
	}
}

// spreading has descriptors of a type that a rule picks go to all.
func spreading(t wire.Type, which func(d wire.Descriptor) bool) func(*bent) {
	return hearingType(t, func(b *bent, c conn, d wire.Descriptor) []message {
		if !which(d) {
			return same(d)
		}
		b.spread(c, d)
		return nil
	})
}

// losing has descriptors of a type that a rule picks be dropped.
func losing(t wire.Type, which func(d wire.Descriptor) bool) func(*bent) {
	return hearingType(t, func(_ *bent, _ conn, d wire.Descriptor) []message {
		if which(d) {
			return nil
		}
		return same(d)
	})
}

// straying has answers of one type to nothing that was asked by another go to all.
func straying(answer, ask wire.Type) func(*bent) {
	return func(b *bent) {
		asked := map[wire.GUID]bool{}
		b.say = func(_ conn, m message) []message {
			if d, ok := m.(wire.Descriptor); ok && d.Type == ask {
				asked[d.GUID] = true
			}
			return same(m)
		}
		b.hear = func(c conn, m message) []message {
			d, ok := m.(wire.Descriptor)
			switch {
			case ok && d.Type == ask:
				asked[d.GUID] = true
			case ok && d.Type == answer && !asked[d.GUID]:
				b.spread(c, d)
				return nil
			}
			return same(m)
		}
	}
}

func keepTTL(d *wire.Descriptor) {
	if d.Hops > 0 {
		d.TTL++
	}
}

// wayMutants lose the ways of answers and pushes.
func wayMutants() []Mutant {
	return []Mutant{
		{Name: "pings-keep-their-ttl", What: "the TTL of a ping that is passed on is not lowered",
			bend: changing(wire.TypePing, keepTTL)},
		{Name: "hits-keep-their-ttl", What: "the TTL of a hit that is passed back is not lowered",
			bend: changing(wire.TypeQueryHit, keepTTL)},
		{Name: "pushes-keep-their-ttl", What: "the TTL of a push that is passed on is not lowered",
			bend: changing(wire.TypePush, keepTTL)},
		{Name: "loses-the-way-of-pongs", What: "pongs for a ping that was passed on are dropped",
			bend: func(b *bent) {
				relayed := map[wire.GUID]bool{}
				b.say = func(_ conn, m message) []message {
					if d, ok := m.(wire.Descriptor); ok && d.Type == wire.TypePing && d.Hops > 0 {
						relayed[d.GUID] = true
					}
					return same(m)
				}
				losing(wire.TypePong, func(d wire.Descriptor) bool { return relayed[d.GUID] })(b)
			}},
		{Name: "broadcasts-stray-pongs", What: "a pong that nobody asked for goes to all",
			bend: straying(wire.TypePong, wire.TypePing)},
		{Name: "broadcasts-stray-hits", What: "a hit that nobody asked for goes to all",
			bend: straying(wire.TypeQueryHit, wire.TypeQuery)},
		{Name: "broadcasts-hits", What: "every hit goes to all",
			bend: spreading(wire.TypeQueryHit, func(wire.Descriptor) bool { return true })},
		{Name: "drops-hits-of-high-ttl", What: "hits with a TTL above 7 are dropped",
			bend: losing(wire.TypeQueryHit, func(d wire.Descriptor) bool { return d.TTL > 7 })},
		{Name: "drops-hits-of-strangers", What: "hits of vendors that it does not know are dropped",
			bend: losing(wire.TypeQueryHit, func(d wire.Descriptor) bool { return bytes.Contains(d.Payload, []byte("XXXX")) })},
		{Name: "drops-long-hits", What: "hits above 1500 bytes are dropped",
			bend: losing(wire.TypeQueryHit, func(d wire.Descriptor) bool { return len(d.Payload) > 1500 })},
		{Name: "passes-empty-hits", What: "a hit that answers nothing is passed on",
			bend: spreading(wire.TypeQueryHit, func(d wire.Descriptor) bool {
				h, err := wire.ParseQueryHit(d.Payload)
				return err == nil && h.Count == 0
			})},
		{Name: "broadcasts-stray-pushes", What: "a push for a servent that it does not know goes to all",
			bend: func(b *bent) {
				known := map[wire.GUID]bool{}
				hearing(func(b *bent, c conn, d wire.Descriptor) []message {
					if h, err := wire.ParseQueryHit(d.Payload); d.Type == wire.TypeQueryHit && err == nil {
						known[h.ServentID] = true
					}
					if p, err := wire.ParsePush(d.Payload); d.Type == wire.TypePush && err == nil && !known[p.ServentID] {
						b.spread(c, d)
						return nil
					}
					return same(d)
				})(b)
			}},
		{Name: "routes-pushes-by-guid", What: "a push goes back where its GUID came from, which nobody knows",
			bend: losing(wire.TypePush, func(wire.Descriptor) bool { return true })},
		{Name: "one-push-for-each-servent", What: "of the pushes for a servent the first is passed on",
			bend: func(b *bent) {
				pushed := map[wire.GUID]bool{}
				losing(wire.TypePush, func(d wire.Descriptor) bool {
					p, err := wire.ParsePush(d.Payload)
					again := pushed[p.ServentID]
					pushed[p.ServentID] = err == nil
					return again
				})(b)
			}},
		{Name: "pushes-again-and-again", What: "a push is passed on however often it comes",
			bend: func(b *bent) {
				seen := map[wire.GUID]bool{}
				spreading(wire.TypePush, func(d wire.Descriptor) bool {
					again := seen[d.GUID]
					seen[d.GUID] = true
					return again
				})(b)
			}},
	}
}
