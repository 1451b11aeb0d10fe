package gnutella

import (
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func codingMutants() []Mutant {
	return []Mutant{
		{Name: "compresses-both-or-none", What: "it inflates what it hears as soon as it compresses what it says",
			bend: deflating(func(e spec.Deflate) []spec.Effect {
				e.In = e.In || e.Out
				return []spec.Effect{e}
			})},
		{Name: "names-two-codings", What: "Content-Encoding has a second value",
			bend: telling("Content-Encoding", "deflate, identity")},
		{Name: "promises-to-compress", What: "it says that it compresses, and does not",
			bend: deflating(func(e spec.Deflate) []spec.Effect {
				e.Out = false
				return []spec.Effect{e}
			})},
		{Name: "compresses-unasked", What: "it compresses for everybody",
			bend: hearing(func(_ *bent, _ conn, m wire.Connect) []message {
				if !m.Version.Old() {
					m.Headers = wire.Headers(Offer(m.Headers).With("Accept-Encoding", "deflate"))
				}
				return same(m)
			})},
		{Name: "inflates-nothing", What: "it offers to inflate, and reads what comes as it is",
			bend: deflating(func(e spec.Deflate) []spec.Effect {
				e.In = false
				return []spec.Effect{e}
			})},
		{Name: "flushes-every-second", What: "what is said on a compressed link comes out once a second",
			bend: flushingLate},
		{Name: "dies-of-a-bomb", What: "the process ends at a hundred empty descriptors in a row",
			bend: func(b *bent) {
				empty := 0
				hearing(func(b *bent, _ conn, d wire.Descriptor) []message {
					empty++
					if d.GUID != (wire.GUID{}) || d.Hops != 0 || d.TTL != 0 {
						empty = 0
					}
					b.dead = b.dead || empty == 100
					return same(d)
				})(b)
			}},
	}
}

// deflating changes what the driver is told of compression.
func deflating(change func(e spec.Deflate) []spec.Effect) func(*bent) {
	return func(b *bent) {
		b.effect = func(e spec.Effect) []spec.Effect {
			if d, ok := e.(spec.Deflate); ok {
				return change(d)
			}
			return []spec.Effect{e}
		}
	}
}

// flushingLate keeps pongs on compressed links until a second later.
func flushingLate(b *bent) {
	packed := map[conn]bool{}
	deflating(func(e spec.Deflate) []spec.Effect {
		packed[e.Conn] = packed[e.Conn] || e.Out
		return []spec.Effect{e}
	})(b)
	b.say = func(c conn, m message) []message {
		if d, ok := m.(wire.Descriptor); ok && packed[c] && d.Type == wire.TypePong {
			b.later(time.Second, spec.Write{Conn: c, Msg: d})
			return nil
		}
		return same(m)
	}
}
