package gnutella

import (
	"bytes"
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// ownPongs changes the pongs of the servent about itself.
func ownPongs(change func(p *wire.Pong)) func(*bent) {
	return changing(wire.TypePong, func(d *wire.Descriptor) {
		if p, err := wire.ParsePong(d.Payload); err == nil && d.Hops == 0 {
			change(&p)
			d.Payload = p.Append(nil)
		}
	})
}

// swapPort writes the port of pongs and hits of the servent's own in network order.
func swapPort(d *wire.Descriptor) {
	at, ok := map[wire.Type]int{wire.TypePong: 0, wire.TypeQueryHit: 1}[d.Type]
	if ok && d.Hops == 0 {
		d.Payload = bytes.Clone(d.Payload)
		d.Payload[at], d.Payload[at+1] = d.Payload[at+1], d.Payload[at]
	}
}

func pingMutants() []Mutant {
	someGGEP := []byte("\xc3\x82UP\x41\x01")
	return []Mutant{
		{Name: "pong-with-its-own-guid", What: "the first byte of a pong's GUID differs from the ping's",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.GUID[0] ^= 1 })},
		{Name: "pong-with-hops", What: "the own pong has made a hop already",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.Hops++ })},
		{Name: "big-endian-ports", What: "the port in pongs and hits is written in network order",
			bend: saying(func(_ *bent, _ conn, d wire.Descriptor) []message {
				swapPort(&d)
				return same(d)
			})},
		{Name: "little-endian-addresses", What: "the address in pongs is written the lower byte first",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) {
				d.Payload = bytes.Clone(d.Payload)
				d.Payload[2], d.Payload[3], d.Payload[4], d.Payload[5] = d.Payload[5], d.Payload[4], d.Payload[3], d.Payload[2]
			})},
		{Name: "pongs-with-ggep-for-all", What: "every pong has a GGEP block",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) {
				if len(d.Payload) == 14 {
					d.Payload = append(bytes.Clone(d.Payload), someGGEP...)
				}
			})},
		{Name: "pongs-with-ttl-0", What: "a pong has a TTL of 0",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.TTL = 0 })},
		{Name: "answers-neighbours-alone", What: "pings that have made a hop are not answered",
			bend: losing(wire.TypePing, func(d wire.Descriptor) bool { return d.Hops > 0 })},
		{Name: "pings-with-ggep-for-all", What: "every ping has a GGEP block",
			bend: changing(wire.TypePing, func(d *wire.Descriptor) { d.Payload = someGGEP })},
		{Name: "pings-with-junk", What: "a ping has bytes in its payload that mean nothing",
			bend: changing(wire.TypePing, func(d *wire.Descriptor) { d.Payload = []byte{1, 2, 3} })},
		{Name: "counts-bytes", What: "the kilobytes in the own pong are bytes",
			bend: ownPongs(func(p *wire.Pong) { p.Kilobytes = p.Kilobytes*1000 + 1 })},
		{Name: "counts-no-files", What: "the files in the own pong are not filled in",
			bend: ownPongs(func(p *wire.Pong) { p.Files = 0 })},
		{Name: "unmarked-pongs", What: "an ultrapeer's pong does not have its mark",
			bend: ownPongs(func(p *wire.Pong) { _, p.Kilobytes = SharedKilobytes() })},
		{Name: "answers-all-pings", What: "every ping that may travel is answered by ten pongs, however soon it comes",
			bend: hearingType(wire.TypePing, func(b *bent, c conn, d wire.Descriptor) []message {
				p := wire.Pong{Addr: netip.MustParseAddrPort("127.77.1.2:6346")}
				for i := 0; i < 10 && d.TTL > 1; i++ {
					b.reply(c, wire.Descriptor{GUID: d.GUID, Type: wire.TypePong, TTL: 1, Hops: 1, Payload: p.Append(nil)})
				}
				return same(d)
			})},
	}
}

// forCrawlers replaces the pongs that answer a crawler's ping.
func forCrawlers(lose func(d wire.Descriptor) bool) func(*bent) {
	return func(b *bent) {
		crawls := map[wire.GUID]bool{}
		hearingType(wire.TypePing, func(_ *bent, _ conn, d wire.Descriptor) []message {
			crawls[d.GUID] = d.TTL == 2 && d.Hops == 0
			return same(d)
		})(b)
		sayingType(wire.TypePong, func(_ *bent, _ conn, d wire.Descriptor) []message {
			if crawls[d.GUID] && lose(d) {
				return nil
			}
			return same(d)
		})(b)
	}
}

// gossiping answers pings by the pongs that a rule has kept, whoever has told them.
func gossiping(keep func(d wire.Descriptor) bool, back bool) func(*bent) {
	return func(b *bent) {
		kept := map[conn][]byte{}
		hearing(func(b *bent, c conn, d wire.Descriptor) []message {
			if d.Type == wire.TypePong && keep(d) {
				kept[c] = bytes.Clone(d.Payload)
			}
			if d.Type != wire.TypePing || d.TTL < 2 {
				return same(d)
			}
			for from, payload := range kept {
				if (from == c) == back {
					b.reply(c, wire.Descriptor{GUID: d.GUID, Type: wire.TypePong, TTL: 4, Hops: 3, Payload: payload})
				}
			}
			return same(d)
		})(b)
	}
}

func pongMutants() []Mutant {
	return []Mutant{
		{Name: "answers-with-itself-alone", What: "nothing is told of others",
			bend: sayingType(wire.TypePong, func(_ *bent, _ conn, d wire.Descriptor) []message {
				if d.Hops > 0 {
					return nil
				}
				return same(d)
			})},
		{Name: "crawlers-get-no-neighbours", What: "a crawler is told of the servent alone",
			bend: forCrawlers(func(d wire.Descriptor) bool { return d.Hops > 0 })},
		{Name: "crawlers-get-no-own-pong", What: "a crawler is told of the neighbours alone",
			bend: forCrawlers(func(d wire.Descriptor) bool { return d.Hops == 0 })},
		{Name: "cached-pongs-begin-anew", What: "a pong of another has made no hops when it is told",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.Hops = 0 })},
		{Name: "tells-the-teller", What: "a pong goes back to who has told it",
			bend: gossiping(func(d wire.Descriptor) bool { return d.Hops > 0 }, true)},
		{Name: "cache-without-ggep", What: "the cache keeps 14 bytes of a pong",
			bend: hearingType(wire.TypePong, func(_ *bent, _ conn, d wire.Descriptor) []message {
				d.Payload = d.Payload[:min(14, len(d.Payload))]
				return same(d)
			})},
		{Name: "tells-of-the-firewalled", What: "pongs with port 0 are told to others",
			bend: gossiping(func(d wire.Descriptor) bool {
				p, err := wire.ParsePong(d.Payload)
				return err == nil && p.Addr.Port() == 0
			}, false)},
	}
}
