package tracker

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// issued is what a mutant remembers of a connection id.
type issued struct {
	to   netip.AddrPort
	at   time.Duration
	used bool
}

func (i *issued) fresh(now time.Duration) bool { return i != nil && now-i.at <= 2*time.Minute }

func (i *issued) same(from netip.AddrPort) bool { return i.to.Addr() == from.Addr() }

// idMutants are wrong about what a connection id is good for.
func idMutants() []Mutant {
	checks := func(name, what string, valid func(now time.Duration, from netip.AddrPort, i *issued) bool) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.remember()
			b.ids = func(from netip.AddrPort, r *tracker.Request) bool {
				i, _ := b.memory[fmt.Sprint("id ", r.Connection)].(*issued)
				return valid(b.now, from, i)
			}
		}}
	}
	return []Mutant{
		checks("any-connection-id", "does not look at connection ids",
			func(time.Duration, netip.AddrPort, *issued) bool { return true }),
		checks("ids-for-everybody", "takes a connection id from any address",
			func(now time.Duration, _ netip.AddrPort, i *issued) bool { return i.fresh(now) }),
		checks("ids-forever", "never forgets a connection id",
			func(_ time.Duration, from netip.AddrPort, i *issued) bool { return i != nil && i.same(from) }),
		checks("ids-for-one-use", "takes a connection id once",
			func(now time.Duration, from netip.AddrPort, i *issued) bool {
				if !i.fresh(now) || !i.same(from) || i.used {
					return false
				}
				i.used = true
				return true
			}),
		checks("ids-bound-to-the-port", "takes a connection id from its very port alone",
			func(now time.Duration, from netip.AddrPort, i *issued) bool { return i.fresh(now) && i.to == from }),
		checks("ids-for-a-minute", "takes a connection id for a minute",
			func(now time.Duration, from netip.AddrPort, i *issued) bool {
				return i.fresh(now) && i.same(from) && now-i.at <= time.Minute
			}),
	}
}

// otherIDMutants are wrong about what a connection id is.
func otherIDMutants() []Mutant {
	return []Mutant{
		{Name: "half-an-id", What: "compares the middle of a connection id", bend: func(b *bent) {
			b.ids = func(from netip.AddrPort, r *tracker.Request) bool {
				const middle = 1<<62 - 4
				return (b.idFor(from)^r.Connection)&middle == 0
			}
		}},
		{Name: "scrape-without-id", What: "serves a scrape with any connection id", bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) {
				if r.Action == tracker.ActionScrape {
					r.Connection = b.idFor(*from)
				}
			}
		}},
		{Name: "ids-are-counted", What: "counts connection ids up", bend: func(b *bent) {
			count := uint64(1 << 40)
			b.answer = func(r *tracker.Request, a *tracker.Response) {
				if a.Action == tracker.ActionConnect {
					count += 3
					a.Connection = count
					b.memory[fmt.Sprint("id ", count)] = &issued{to: b.memory["from"].(netip.AddrPort), at: b.now}
				}
			}
			b.request = func(from *netip.AddrPort, _ *tracker.Request) { b.memory["from"] = *from }
			b.ids = func(from netip.AddrPort, r *tracker.Request) bool {
				i, _ := b.memory[fmt.Sprint("id ", r.Connection)].(*issued)
				return i.fresh(b.now) && i.same(from)
			}
		}},
		{Name: "errors-are-silent", What: "meets what it refuses with silence", bend: func(b *bent) {
			b.send = func(_ netip.AddrPort, _, p []byte) []byte {
				if p[3] == 3 {
					return nil
				}
				return p
			}
		}},
	}
}

// remember keeps which connection ids went where.
func (b *bent) remember() {
	b.request = func(from *netip.AddrPort, _ *tracker.Request) { b.memory["from"] = *from }
	b.answer = func(_ *tracker.Request, a *tracker.Response) {
		if a.Action == tracker.ActionConnect {
			b.memory[fmt.Sprint("id ", a.Connection)] = &issued{to: b.memory["from"].(netip.AddrPort), at: b.now}
		}
	}
}
