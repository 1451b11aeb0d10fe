package swim

import (
	"net/netip"
	"slices"
	"time"

	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func gossipMutants() []Mutant {
	return []Mutant{
		{Name: "news-is-kept", What: "alive messages of others are not passed on",
			bend: saying(func(b *bent, a wire.Alive) []wire.Message {
				if a.Node != b.node.Name() {
					return nil
				}
				return same(a)
			})},
		{Name: "metadata-is-lost-on-the-way", What: "alive messages of others are passed on without their metadata",
			bend: saying(func(b *bent, a wire.Alive) []wire.Message {
				if a.Node != b.node.Name() {
					a.Meta = nil
				}
				return same(a)
			})},
		{Name: "each-death-in-its-own-name", What: "the end of a member is passed on as the mutant's own word",
			bend: saying(func(b *bent, d wire.Dead) []wire.Message {
				d.From = b.node.Name()
				return same(d)
			})},
		{Name: "tells-64-times", What: "each message is told many times more than needed",
			configure: func(cfg *core.Config) { cfg.RetransmitMult = 64 }},
		{Name: "suspicion-goes-on-being-told", What: "a suspicion is told together with its refutation",
			bend: func(b *bent) {
				last := map[string]wire.Suspect{}
				b.say = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					switch m := m.(type) {
					case wire.Suspect:
						last[m.Node] = m
					case wire.Alive:
						if s, ok := last[m.Node]; ok {
							return []wire.Message{m, s}
						}
					}
					return same(m)
				}
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					if s, ok := m.(wire.Suspect); ok && s.Node != b.node.Name() {
						last[s.Node] = s
					}
					return same(m)
				}
			}},
		{Name: "acks-alone", What: "nothing travels with an ack",
			bend: func(b *bent) {
				b.packet = func(_ netip.AddrPort, p wire.Packet) wire.Packet {
					for _, part := range p.Parts {
						if part.Type() == wire.TypeAck {
							p.Parts = same(part)
						}
					}
					return p
				}
			}},
		{Name: "packets-of-any-length", What: "as much is put into a packet as waits",
			configure: func(cfg *core.Config) { cfg.PacketSize = 65000 }},
		{Name: "tells-the-dead-nothing", What: "members that are dead are not gossiped with",
			bend: func(b *bent) {
				b.packet = func(to netip.AddrPort, p wire.Packet) wire.Packet {
					for _, m := range b.node.Members() {
						if m.Addr == to && m.State == wire.StateDead && isGossip(&p) {
							p.Parts = nil
						}
					}
					return p
				}
			}},
		{Name: "tells-who-left", What: "members that have left are gossiped with",
			bend: func(b *bent) {
				b.packet = func(_ netip.AddrPort, p wire.Packet) wire.Packet {
					for _, m := range b.node.Members() {
						if m.State == wire.StateLeft && isGossip(&p) {
							b.reply(m.Addr, p.Parts...)
						}
					}
					return p
				}
			}},
		{Name: "sends-no-checksums", What: "no packet has a checksum",
			bend: func(b *bent) {
				b.packet = func(_ netip.AddrPort, p wire.Packet) wire.Packet {
					p.CRC = false
					return p
				}
			}},
		{Name: "sends-checksums-to-all", What: "every packet has a checksum",
			bend: func(b *bent) {
				b.packet = func(_ netip.AddrPort, p wire.Packet) wire.Packet {
					p.CRC = true
					return p
				}
			}},
	}
}

func entryMutants() []Mutant {
	return []Mutant{
		{Name: "no-members-by-gossip", What: "an alive of a name that is not known is ignored",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				if _, ok := b.node.Member(a.Node); !ok {
					return nil
				}
				return same(a)
			})},
		{Name: "names-are-taken-over", What: "an alive with another address is believed of a member that lives",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				known, ok := b.node.Member(a.Node)
				if ok && known.State <= wire.StateSuspect && known.Addr != a.Addr && a.Node != b.node.Name() {
					return []wire.Message{wire.Dead{Incarnation: known.Incarnation, Node: a.Node, From: a.Node}, a}
				}
				return same(a)
			})},
		{Name: "names-are-for-ever", What: "a member that has left cannot come back at another address",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				if known := b.entry(a.Node); known.State == wire.StateLeft && known.Addr != a.Addr {
					return nil
				}
				return same(a)
			})},
		{Name: "any-versions", What: "an alive is believed whatever versions it has",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				a.Versions = b.entry(b.node.Name()).Versions
				return same(a)
			})},
		{Name: "never-forgets", What: "the dead are kept for an hour",
			configure: func(cfg *core.Config) { cfg.GossipToTheDead = time.Hour }},
		{Name: "tells-of-the-living-alone", What: "push/pulls leave out members that are dead or have left",
			bend: sayingFrame(func(_ *bent, p wire.PushPull) []spec.Message {
				p.Nodes = slices.DeleteFunc(slices.Clone(p.Nodes), func(n wire.NodeState) bool {
					return n.State >= wire.StateDead
				})
				return []spec.Message{p}
			})},
	}
}
