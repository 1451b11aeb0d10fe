package swim

import (
	"fmt"
	"net/netip"
	"time"

	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

func probeMutants() []Mutant {
	return []Mutant{
		{Name: "never-probes", What: "a member is pinged once an hour",
			configure: func(cfg *core.Config) { cfg.ProbeInterval = time.Hour }},
		{Name: "pings-without-a-source", What: "a ping does not say where it comes from",
			bend: saying(func(_ *bent, p wire.Ping) []wire.Message {
				p.Source = wire.Source{}
				return same(p)
			})},
		{Name: "pings-twice", What: "each ping is sent a second time, a moment later",
			bend: func(b *bent) {
				b.say = func(to netip.AddrPort, m wire.Message) []wire.Message {
					if p, ok := m.(wire.Ping); ok {
						b.reply(to, p)
					}
					return same(m)
				}
			}},
		{Name: "probes-by-chance", What: "each probe picks a member at random",
			configure: func(cfg *core.Config) { cfg.RandomTarget = true }},
		{Name: "patience-of-a-millisecond", What: "others are asked before an ack can be there",
			configure: func(cfg *core.Config) { cfg.ProbeTimeout = time.Millisecond }},
		{Name: "dead-without-suspicion", What: "who does not answer is dead at once",
			configure: func(cfg *core.Config) { cfg.NoSuspicion = true }},
		{Name: "any-ack-will-do", What: "an ack ends the probe whatever its number",
			bend: func(b *bent) {
				var last uint32
				b.say = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if p, ok := m.(wire.Ping); ok {
						last = p.SeqNo
					}
					return same(m)
				}
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if _, ok := m.(wire.Ack); ok {
						return same(wire.Ack{SeqNo: last})
					}
					return same(m)
				}
			}},
		{Name: "probes-the-dead", What: "members that are dead or have left are pinged as well",
			bend: func(b *bent) {
				b.say = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if p, ok := m.(wire.Ping); ok {
						for _, other := range b.node.Members() {
							if other.State >= wire.StateDead {
								b.reply(other.Addr, wire.Ping{SeqNo: p.SeqNo, Node: other.Name, Source: p.Source})
							}
						}
					}
					return same(m)
				}
			}},
		{Name: "no-buddy", What: "a suspect does not hear of it with its ping",
			configure: func(cfg *core.Config) { cfg.NoBuddy = true }},
	}
}

func indirectMutants() []Mutant {
	return []Mutant{
		{Name: "asks-nobody", What: "no others are asked about who does not answer",
			configure: func(cfg *core.Config) { cfg.IndirectChecks = 0 }},
		{Name: "asks-under-another-number", What: "an indirect ping has another number than the ping",
			bend: saying(func(_ *bent, p wire.IndirectPing) []wire.Message {
				p.SeqNo++
				return same(p)
			})},
		{Name: "asks-for-no-nacks", What: "no nacks are asked for",
			configure: func(cfg *core.Config) { cfg.NoNack = true }},
		{Name: "asks-anybody-for-nacks", What: "nacks are asked for whatever the version",
			bend: saying(func(_ *bent, p wire.IndirectPing) []wire.Message {
				p.Nack = true
				return same(p)
			})},
		{Name: "own-acks-alone", What: "an ack counts only if it comes from who was pinged",
			bend: func(b *bent) {
				var pinged netip.AddrPort
				b.say = func(to netip.AddrPort, m wire.Message) []wire.Message {
					if _, ok := m.(wire.Ping); ok {
						pinged = to
					}
					return same(m)
				}
				b.hear = func(from netip.AddrPort, m wire.Message) []wire.Message {
					if _, ok := m.(wire.Ack); ok && from != pinged {
						return nil
					}
					return same(m)
				}
			}},
		{Name: "late-acks-are-lost", What: "an ack does not count once others have been asked",
			bend: func(b *bent) {
				var late uint32
				b.say = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if p, ok := m.(wire.IndirectPing); ok {
						late = p.SeqNo
					}
					return same(m)
				}
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if a, ok := m.(wire.Ack); ok && a.SeqNo == late {
						return nil
					}
					return same(m)
				}
			}},
		{Name: "no-pings-over-streams", What: "who does not answer is not pinged over a stream",
			configure: func(cfg *core.Config) { cfg.TCPPing = false }},
		{Name: "streams-to-any-version", What: "members of protocol 2 are taken for ones of protocol 5",
			bend: hearingFrame(eachNode(func(_ *bent, n *wire.NodeState) {
				if n.Versions.ProtocolMax == 2 {
					n.Versions.ProtocolMax = 5
				}
			}))},
		{Name: "relays-nothing", What: "an indirect ping is ignored",
			bend: hearing(func(*bent, wire.IndirectPing) []wire.Message { return nil })},
		{Name: "relays-for-itself", What: "an indirect ping is acked without pinging anybody",
			bend: func(b *bent) {
				b.hear = func(from netip.AddrPort, m wire.Message) []wire.Message {
					p, ok := m.(wire.IndirectPing)
					if !ok {
						return same(m)
					}
					if p.Source.Addr.IsValid() {
						from = p.Source.Addr
					}
					b.reply(from, wire.Ack{SeqNo: p.SeqNo})
					return nil
				}
			}},
		{Name: "no-nacks", What: "a silence is not told of",
			bend: saying(func(*bent, wire.Nack) []wire.Message { return nil })},
		{Name: "nacks-unasked", What: "a silence is told of to who does not want to know",
			bend: hearing(func(_ *bent, p wire.IndirectPing) []wire.Message {
				p.Nack = true
				return same(p)
			})},
		{Name: "relays-to-the-sender", What: "the ack of a relay goes to where the indirect ping came from",
			bend: hearing(func(_ *bent, p wire.IndirectPing) []wire.Message {
				p.Source = wire.Source{}
				return same(p)
			})},
	}
}

func suspicionMutants() []Mutant {
	return []Mutant{
		{Name: "suspicions-are-kept", What: "suspicions are not passed on",
			bend: saying(func(*bent, wire.Suspect) []wire.Message { return nil })},
		{Name: "accuses-in-its-own-name", What: "the accuser of what is passed on is the member itself",
			bend: saying(func(b *bent, s wire.Suspect) []wire.Message {
				s.From = b.node.Name()
				return same(s)
			})},
		{Name: "knows-whoever-it-hears-of", What: "a suspicion of a name makes an entry of it",
			bend: hearing(func(b *bent, s wire.Suspect) []wire.Message {
				if _, ok := b.node.Member(s.Node); !ok {
					own := b.entry(b.node.Name())
					return []wire.Message{wire.Alive{
						Incarnation: 1, Node: s.Node, Addr: own.Addr, Versions: own.Versions,
					}, s}
				}
				return same(s)
			})},
		{Name: "patience-of-64-periods", What: "a suspicion lasts 64 periods at least",
			configure: func(cfg *core.Config) { cfg.SuspicionMult = 64 }},
		{Name: "confirmations-do-not-count", What: "who is suspect is not accused further",
			bend: about(func(_ *bent, is wire.State, _ uint32, m wire.Message) wire.Message {
				if _, ok := m.(wire.Suspect); ok && is == wire.StateSuspect {
					return nil
				}
				return m
			})},
		{Name: "one-accuser-counts-often", What: "each message counts as a confirmation, whoever sent it",
			bend: func(b *bent) {
				n := 0
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if s, ok := m.(wire.Suspect); ok && b.entry(s.Node).State == wire.StateSuspect {
						n++
						s.From = fmt.Sprint("somebody ", n)
						return same(s)
					}
					return same(m)
				}
			}},
		{Name: "one-time-for-all-suspicions", What: "every suspicion lasts the shortest time",
			configure: func(cfg *core.Config) { cfg.SuspicionMaxTimeoutMult = 1 }},
		{Name: "passes-on-what-is-known", What: "a suspicion is passed on each time that it is heard",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if s, ok := m.(wire.Suspect); ok && b.entry(s.Node).State == wire.StateSuspect {
						for _, other := range b.node.Members() {
							if other.Name != b.node.Name() && other.Name != s.Node {
								b.reply(other.Addr, s)
							}
						}
					}
					return same(m)
				}
			}},
	}
}
