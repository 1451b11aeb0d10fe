package swim

import (
	"net/netip"
	"slices"

	core "github.com/p2pspec/p2pspec/gossip/swim"
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
						return []wire.Message{revival(known, s.Incarnation), s}
					}
					return same(m)
				}
			}},
		{Name: "dies-again", What: "a dead message of a higher incarnation kills who is dead or has left once more",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					d, ok := m.(wire.Dead)
					if known := b.entry(d.Node); ok && known.State >= wire.StateDead && d.Incarnation > known.Incarnation {
						return []wire.Message{revival(known, d.Incarnation), d}
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
						return []wire.Message{revival(known, s.Incarnation), s}
					}
					return same(m)
				}
			}},
	}
}

// accusing changes the incarnation of accusations of the mutant itself; those that
// are not to be heard it takes for false.
func accusing(change func(own, accused uint32) (uint32, bool)) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
			own, ok := b.entry(b.node.Name()).Incarnation, true
			switch x := m.(type) {
			case wire.Suspect:
				if x.Node == b.node.Name() {
					x.Incarnation, ok = change(own, x.Incarnation)
					m = x
				}
			case wire.Dead:
				if x.Node == b.node.Name() {
					x.Incarnation, ok = change(own, x.Incarnation)
					m = x
				}
			}
			if !ok {
				return nil
			}
			return same(m)
		}
	}
}

// ofItself changes alive messages about the mutant itself; nil is not heard.
func ofItself(change func(own uint32, a wire.Alive) []wire.Message) func(*bent) {
	return hearing(func(b *bent, a wire.Alive) []wire.Message {
		if a.Node != b.node.Name() {
			return same(a)
		}
		return change(b.entry(a.Node).Incarnation, a)
	})
}

func refutationMutants() []Mutant {
	return []Mutant{
		{Name: "no-refutation", What: "accusations of the member itself are ignored",
			bend: accusing(func(_, _ uint32) (uint32, bool) { return 0, false })},
		{Name: "refutes-without-raising", What: "the refutation has the incarnation of the accusation",
			bend: saying(func(b *bent, a wire.Alive) []wire.Message {
				if a.Node == b.node.Name() && a.Incarnation > 1 {
					a.Incarnation--
				}
				return same(a)
			})},
		{Name: "refutes-by-one", What: "the incarnation is raised by one, whatever the accusation's",
			bend: accusing(func(own, accused uint32) (uint32, bool) { return min(own, accused), true })},
		{Name: "refutes-stale-accusations", What: "an accusation in an old incarnation is refuted as well",
			bend: accusing(func(own, accused uint32) (uint32, bool) { return max(own, accused), true })},
		{Name: "refutes-its-own-alive", What: "each alive about itself is refuted",
			bend: ofItself(func(own uint32, a wire.Alive) []wire.Message {
				a.Incarnation, a.Meta = max(a.Incarnation, own), []byte("different")
				return same(a)
			})},
		{Name: "own-alive-is-ignored", What: "an alive about itself is ignored, whatever its incarnation",
			bend: ofItself(func(uint32, wire.Alive) []wire.Message { return nil })},
		{Name: "own-metadata-is-not-compared", What: "an alive about itself with other metadata is taken for its own",
			bend: ofItself(func(own uint32, a wire.Alive) []wire.Message {
				if a.Incarnation == own {
					return nil
				}
				return same(a)
			})},
		{Name: "no-refutation-over-streams", What: "what a push/pull has about the member itself is ignored",
			bend: hearingFrame(func(b *bent, p wire.PushPull) []wire.Message {
				p.Nodes = slices.DeleteFunc(slices.Clone(p.Nodes), func(n wire.NodeState) bool {
					return n.Name == b.node.Name()
				})
				return same(p)
			})},
	}
}

// revival is an alive that a mutant hears of its own accord, before a message that
// alone would not change what it believes.
func revival(known core.Member, incarnation uint32) wire.Alive {
	return wire.Alive{
		Incarnation: incarnation, Node: known.Name, Addr: known.Addr, Meta: known.Meta, Versions: known.Versions,
	}
}
