package gnutella

import (
	"bytes"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// parting replaces the servent's Byes.
func parting(say func(d wire.Descriptor) []message) func(*bent) {
	return sayingType(wire.TypeBye, func(_ *bent, _ conn, d wire.Descriptor) []message { return say(d) })
}

func byeMutants() []Mutant {
	return []Mutant{
		{Name: "answers-bye-by-bye", What: "a Bye is answered by another before the link is closed",
			bend: hearingType(wire.TypeBye, func(b *bent, c conn, d wire.Descriptor) []message {
				d.Payload = bytes.Clone(d.Payload)
				b.reply(c, d)
				b.close(c)
				return nil
			})},
		{Name: "ignores-bye", What: "a Bye is not understood",
			bend: losing(wire.TypeBye, func(wire.Descriptor) bool { return true })},
		{Name: "byes-of-any-ttl", What: "a Bye counts whatever TTL it has",
			bend: hearingType(wire.TypeBye, func(_ *bent, _ conn, d wire.Descriptor) []message {
				d.TTL, d.Hops = 1, 0
				return same(d)
			})},
		{Name: "bye-in-network-order", What: "the code of a Bye is written the higher byte first",
			bend: parting(func(d wire.Descriptor) []message {
				d.Payload = bytes.Clone(d.Payload)
				d.Payload[0], d.Payload[1] = d.Payload[1], d.Payload[0]
				return same(d)
			})},
		{Name: "bye-with-ttl-7", What: "a Bye has the TTL of any descriptor",
			bend: parting(func(d wire.Descriptor) []message {
				d.TTL = 7
				return same(d)
			})},
		{Name: "talks-after-its-bye", What: "a ping follows the Bye",
			bend: parting(func(d wire.Descriptor) []message {
				return []message{d, wire.Descriptor{GUID: d.GUID, Type: wire.TypePing, TTL: 1}}
			})},
		{Name: "bye-in-short", What: "a Bye has no headers",
			bend: parting(func(d wire.Descriptor) []message {
				if y, err := wire.ParseBye(d.Payload); err == nil {
					y.Headers = nil
					d.Payload = y.Append(nil)
				}
				return same(d)
			})},
		{Name: "byes-for-all", What: "a Bye is sent to those, too, that have not said that they know it",
			bend: hearing(func(_ *bent, _ conn, m wire.Connect) []message {
				if !m.Version.Old() {
					m.Headers = wire.Headers(Offer(m.Headers).With("Bye-Packet", "0.1"))
				}
				return same(m)
			})},
		{Name: "listens-after-its-bye", What: "queries are passed on that come after the own Bye",
			bend: func(b *bent) {
				left := map[conn]bool{}
				sayingType(wire.TypeBye, func(_ *bent, c conn, d wire.Descriptor) []message {
					left[c] = true
					return same(d)
				})(b)
				hearingType(wire.TypeQuery, func(b *bent, c conn, d wire.Descriptor) []message {
					if left[c] {
						b.spread(c, d)
					}
					return same(d)
				})(b)
			}},
	}
}

// isList says whether a descriptor is the list of vendor messages that are known.
func isList(d wire.Descriptor) bool {
	v, err := wire.ParseVendorMessage(d.Payload)
	return err == nil && v.Vendor == [4]byte{}
}

func isHopsFlow(d wire.Descriptor) bool {
	v, err := wire.ParseVendorMessage(d.Payload)
	return err == nil && string(v.Vendor[:]) == "BEAR" && v.Selector == 4
}

func vendorMutants() []Mutant {
	return []Mutant{
		{Name: "list-of-vendor-messages-is-cut", What: "the list of vendor messages is a byte shorter than its count says",
			bend: changing(wire.TypeVendor, func(d *wire.Descriptor) {
				if isList(*d) {
					d.Payload = d.Payload[:len(d.Payload)-1]
				}
			})},
		{Name: "no-list-of-vendor-messages", What: "no list of vendor messages is sent",
			bend: sayingType(wire.TypeVendor, func(_ *bent, _ conn, d wire.Descriptor) []message {
				if isList(d) {
					return nil
				}
				return same(d)
			})},
		{Name: "list-of-vendor-messages-comes-first", What: "the first ping waits for the list of vendor messages",
			bend: func(b *bent) {
				pinged := map[conn]wire.Descriptor{}
				b.say = func(c conn, m message) []message {
					d, ok := m.(wire.Descriptor)
					first, held := pinged[c]
					switch {
					case ok && d.Type == wire.TypePing && !held:
						pinged[c] = d
						return nil
					case ok && d.Type == wire.TypeVendor && isList(d) && held:
						return []message{d, first}
					}
					return same(m)
				}
			}},
		{Name: "closes-at-unknown-vendor-messages", What: "a vendor message that it does not know ends the link",
			bend: hearingType(wire.TypeVendor, func(b *bent, c conn, d wire.Descriptor) []message {
				if bytes.HasPrefix(d.Payload, []byte("XXXX")) {
					b.close(c)
					return nil
				}
				return same(d)
			})},
		{Name: "ignores-hops-flow", What: "hops flow is not understood",
			bend: losing(wire.TypeVendor, isHopsFlow)},
		{Name: "vendor-messages-from-afar", What: "vendor messages count whatever TTL and hops they have",
			bend: hearingType(wire.TypeVendor, func(_ *bent, _ conn, d wire.Descriptor) []message {
				d.TTL, d.Hops = 1, 0
				return same(d)
			})},
	}
}

func flowMutants() []Mutant {
	return []Mutant{
		{Name: "no-flow-control", What: "what a neighbour does not read piles up for ever",
			configure: func(cfg *core.Config) { cfg.Window = 1 << 24 }},
		{Name: "once-slow-always-slow", What: "what waits for a slow neighbour waits for ever",
			bend: func(b *bent) {
				slow := false
				b.input = func(in spec.Input) []spec.Input {
					if _, ok := in.(spec.Drained); ok && slow {
						return nil
					}
					return []spec.Input{in}
				}
				hearingType(wire.TypeQueryHit, func(_ *bent, _ conn, d wire.Descriptor) []message {
					slow = slow || len(d.Payload) > 1500
					return same(d)
				})(b)
			}},
		{Name: "first-in-first-out", What: "what waits for a slow neighbour goes in the order in which it came",
			configure: func(cfg *core.Config) { cfg.Window = 1 << 24 },
			bend:      firstInFirstOut},
		{Name: "throws-hits-away", What: "hits for which there is no room are lost, and the link goes on",
			bend: func(b *bent) {
				full := map[conn]bool{}
				sayingType(wire.TypeBye, func(_ *bent, c conn, d wire.Descriptor) []message {
					full[c] = true
					return nil
				})(b)
				b.effect = func(e spec.Effect) []spec.Effect {
					if x, ok := e.(spec.Close); ok && full[x.Conn] {
						return nil
					}
					return []spec.Effect{e}
				}
			}},
	}
}

// waiting is what a link of a mutant without priorities has yet to send.
type waiting struct {
	queue          []message
	size, inFlight int
}

// firstInFirstOut has a queue for each link behind that of the servent, which is
// never filled. The bounds are the servent's.
func firstInFirstOut(b *bent) {
	const window, half = 16 << 10, 32 << 10
	links := map[conn]*waiting{}
	sizeOf := func(m message) int {
		if d, ok := m.(wire.Descriptor); ok {
			return wire.HeaderSize + len(d.Payload)
		}
		return 0
	}
	b.say = func(c conn, m message) []message {
		w := links[c]
		if w == nil {
			w = &waiting{}
			links[c] = w
		}
		if len(w.queue) > 0 || w.inFlight > window {
			w.queue, w.size = append(w.queue, m), w.size+sizeOf(m)
			return nil
		}
		w.inFlight += sizeOf(m)
		return same(m)
	}
	b.input = func(in spec.Input) []spec.Input {
		d, ok := in.(spec.Drained)
		if w := links[d.Conn]; ok && w != nil {
			for w.inFlight = 0; len(w.queue) > 0 && w.inFlight <= window; w.queue = w.queue[1:] {
				n := sizeOf(w.queue[0])
				w.inFlight, w.size = w.inFlight+n, w.size-n
				b.reply(d.Conn, w.queue[0])
			}
		}
		return []spec.Input{in}
	}
	hearingType(wire.TypeQuery, func(_ *bent, c conn, d wire.Descriptor) []message {
		if w := links[c]; w != nil && w.size > half {
			return nil
		}
		return same(d)
	})(b)
}
