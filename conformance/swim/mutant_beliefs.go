package swim

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// about gives, for a message about another member, the one in its place. Those
// about the mutant itself are left alone.
func about(hear func(b *bent, is wire.State, incarnation uint32, m wire.Message) wire.Message) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
			name := ""
			switch m := m.(type) {
			case wire.Alive:
				name = m.Node
			case wire.Suspect:
				name = m.Node
			case wire.Dead:
				name = m.Node
			}
			known, ok := b.node.Member(name)
			if !ok || name == b.node.Name() {
				return same(m)
			}
			if m = hear(b, known.State, known.Incarnation, m); m == nil {
				return nil
			}
			return same(m)
		}
	}
}

func beliefMutants() []Mutant {
	return []Mutant{
		{Name: "alive-at-equal-incarnation", What: "an alive of the known incarnation is taken for a newer one",
			bend: about(func(_ *bent, _ wire.State, known uint32, m wire.Message) wire.Message {
				if a, ok := m.(wire.Alive); ok && a.Incarnation == known {
					a.Incarnation++
					return a
				}
				return m
			})},
		{Name: "suspect-needs-a-higher-incarnation", What: "a suspicion in the known incarnation is ignored",
			bend: about(func(_ *bent, is wire.State, known uint32, m wire.Message) wire.Message {
				if s, ok := m.(wire.Suspect); ok && s.Incarnation == known && is == wire.StateAlive {
					return nil
				}
				return m
			})},
		{Name: "suspect-of-any-incarnation", What: "a suspicion counts whatever its incarnation",
			bend: about(func(_ *bent, _ wire.State, known uint32, m wire.Message) wire.Message {
				if s, ok := m.(wire.Suspect); ok {
					s.Incarnation = max(s.Incarnation, known)
					return s
				}
				return m
			})},
		{Name: "dead-needs-a-higher-incarnation", What: "a dead message of the known incarnation is ignored",
			bend: about(func(_ *bent, _ wire.State, known uint32, m wire.Message) wire.Message {
				if d, ok := m.(wire.Dead); ok && d.Incarnation == known {
					return nil
				}
				return m
			})},
		{Name: "dead-of-any-incarnation", What: "a dead message counts whatever its incarnation",
			bend: about(func(_ *bent, _ wire.State, known uint32, m wire.Message) wire.Message {
				if d, ok := m.(wire.Dead); ok {
					d.Incarnation = max(d.Incarnation, known)
					return d
				}
				return m
			})},
		{Name: "dead-stays-dead", What: "no alive revives a dead member, as in the SWIM paper",
			bend: about(func(_ *bent, is wire.State, _ uint32, m wire.Message) wire.Message {
				if _, ok := m.(wire.Alive); ok && is == wire.StateDead {
					return nil
				}
				return m
			})},
		{Name: "left-stays-left", What: "no alive brings a member back that has left",
			bend: about(func(_ *bent, is wire.State, _ uint32, m wire.Message) wire.Message {
				if _, ok := m.(wire.Alive); ok && is == wire.StateLeft {
					return nil
				}
				return m
			})},
		{Name: "left-is-dead", What: "a member that says of itself that it is dead is not taken for one that left",
			bend: about(func(b *bent, _ wire.State, _ uint32, m wire.Message) wire.Message {
				if d, ok := m.(wire.Dead); ok && d.From == d.Node {
					d.From = b.node.Name()
					return d
				}
				return m
			})},
		{Name: "suspicion-is-not-lifted", What: "an alive does not end a suspicion",
			bend: about(func(_ *bent, is wire.State, _ uint32, m wire.Message) wire.Message {
				if _, ok := m.(wire.Alive); ok && is == wire.StateSuspect {
					return nil
				}
				return m
			})},
		{Name: "suspicion-revives-the-dead", What: "a suspicion in a higher incarnation makes a dead member suspect",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					s, ok := m.(wire.Suspect)
					if known := b.entry(s.Node); ok && known.State >= wire.StateDead && s.Incarnation > known.Incarnation {
						return []wire.Message{wire.Alive{
							Incarnation: s.Incarnation, Node: s.Node, Addr: known.Addr, Meta: known.Meta, Versions: known.Versions,
						}, s}
					}
					return same(m)
				}
			}},
		{Name: "dies-again", What: "a dead message of a higher incarnation kills who is dead or has left once more",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					d, ok := m.(wire.Dead)
					if known := b.entry(d.Node); ok && known.State >= wire.StateDead && d.Incarnation > known.Incarnation {
						return []wire.Message{wire.Alive{
							Incarnation: d.Incarnation, Node: d.Node, Addr: known.Addr, Meta: known.Meta, Versions: known.Versions,
						}, d}
					}
					return same(m)
				}
			}},
		{Name: "suspicion-begins-anew", What: "a suspicion in a higher incarnation replaces the one under way",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					s, ok := m.(wire.Suspect)
					known := b.entry(s.Node)
					if ok && known.State == wire.StateSuspect && s.Incarnation > known.Incarnation {
						return []wire.Message{wire.Alive{
							Incarnation: s.Incarnation, Node: s.Node, Addr: known.Addr, Meta: known.Meta, Versions: known.Versions,
						}, s}
					}
					return same(m)
				}
			}},
	}
}

func refutationMutants() []Mutant {
	own := func(b *bent, node string) bool { return node == b.node.Name() }
	return []Mutant{
		{Name: "no-refutation", What: "accusations of the member itself are ignored",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					switch m := m.(type) {
					case wire.Suspect:
						if own(b, m.Node) {
							return nil
						}
					case wire.Dead:
						if own(b, m.Node) {
							return nil
						}
					}
					return same(m)
				}
			}},
		{Name: "refutes-without-raising", What: "the refutation has the incarnation of the accusation",
			bend: saying(func(b *bent, a wire.Alive) []wire.Message {
				if own(b, a.Node) && a.Incarnation > 1 {
					a.Incarnation--
				}
				return same(a)
			})},
		{Name: "refutes-by-one", What: "the incarnation is raised by one, whatever the accusation's",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					switch m := m.(type) {
					case wire.Suspect:
						if known := b.entry(m.Node); own(b, m.Node) && m.Incarnation > known.Incarnation {
							m.Incarnation = known.Incarnation
							return same(m)
						}
					case wire.Dead:
						if known := b.entry(m.Node); own(b, m.Node) && m.Incarnation > known.Incarnation {
							m.Incarnation = known.Incarnation
							return same(m)
						}
					}
					return same(m)
				}
			}},
		{Name: "refutes-stale-accusations", What: "an accusation in an old incarnation is refuted as well",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					switch m := m.(type) {
					case wire.Suspect:
						if own(b, m.Node) {
							m.Incarnation = max(m.Incarnation, b.entry(m.Node).Incarnation)
							return same(m)
						}
					case wire.Dead:
						if own(b, m.Node) {
							m.Incarnation = max(m.Incarnation, b.entry(m.Node).Incarnation)
							return same(m)
						}
					}
					return same(m)
				}
			}},
		{Name: "refutes-its-own-alive", What: "each alive about itself is refuted",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				if own(b, a.Node) {
					a.Incarnation = max(a.Incarnation, b.entry(a.Node).Incarnation)
					a.Meta = []byte("different")
				}
				return same(a)
			})},
		{Name: "own-alive-is-ignored", What: "an alive about itself is ignored, whatever its incarnation",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				if own(b, a.Node) {
					return nil
				}
				return same(a)
			})},
		{Name: "own-metadata-is-not-compared", What: "an alive about itself with other metadata is taken for its own",
			bend: hearing(func(b *bent, a wire.Alive) []wire.Message {
				if known := b.entry(a.Node); own(b, a.Node) && a.Incarnation == known.Incarnation {
					return nil
				}
				return same(a)
			})},
		{Name: "no-refutation-over-streams", What: "what a push/pull has about the member itself is ignored",
			bend: hearingFrame(func(b *bent, p wire.PushPull) []wire.Message {
				var others []wire.NodeState
				for _, n := range p.Nodes {
					if !own(b, n.Name) {
						others = append(others, n)
					}
				}
				p.Nodes = others
				return same(p)
			})},
	}
}
