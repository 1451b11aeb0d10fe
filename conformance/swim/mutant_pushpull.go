package swim

import (
	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func pushPullMutants() []Mutant {
	return []Mutant{
		{Name: "suspects-itself", What: "in what it tells of the members it is suspect itself",
			bend: sayingFrame(func(b *bent, p wire.PushPull) []spec.Message {
				p.Nodes = append([]wire.NodeState(nil), p.Nodes...)
				for i := range p.Nodes {
					if p.Nodes[i].Name == b.node.Name() {
						p.Nodes[i].State = wire.StateSuspect
					}
				}
				return []spec.Message{p}
			})},
		{Name: "goes-on-after-push-pull", What: "more bytes follow the answer to a push/pull",
			bend: sayingFrame(func(_ *bent, p wire.PushPull) []spec.Message { return []spec.Message{p, raw{0xc0}} })},
		{Name: "push-pull-without-metadata", What: "metadata in a push/pull is lost",
			bend: hearingFrame(eachNode(func(_ *bent, n *wire.NodeState) { n.Meta = nil }))},
		{Name: "push-pull-of-16-bits", What: "incarnations in a push/pull are read with 16 bits",
			bend: hearingFrame(eachNode(func(_ *bent, n *wire.NodeState) { n.Incarnation &= 0xffff }))},
		{Name: "nothing-is-merged", What: "what a push/pull has is not merged",
			bend: hearingFrame(func(_ *bent, p wire.PushPull) []wire.Message {
				p.Nodes = nil
				return same(p)
			})},
		{Name: "dead-by-hearsay", What: "who is dead in a push/pull is believed to be so at once",
			bend: hearingFrame(eachNode(func(b *bent, n *wire.NodeState) {
				if n.State == wire.StateDead && n.Name != b.node.Name() {
					n.State = wire.StateLeft
				}
			}))},
		{Name: "left-by-hearsay-is-suspect", What: "who has left in a push/pull comes under suspicion",
			bend: hearingFrame(eachNode(func(b *bent, n *wire.NodeState) {
				if n.State == wire.StateLeft && n.Name != b.node.Name() {
					n.State = wire.StateSuspect
				}
			}))},
		{Name: "accuses-in-the-name-of-the-suspect", What: "a suspicion has the suspect as its accuser",
			bend: saying(func(b *bent, s wire.Suspect) []wire.Message {
				if s.From == b.node.Name() {
					s.From = s.Node
				}
				return same(s)
			})},
		{Name: "push-pull-replaces", What: "a push/pull's alive counts whatever its incarnation",
			bend: hearingFrame(eachNode(func(b *bent, n *wire.NodeState) {
				if known := b.entry(n.Name); n.State == wire.StateAlive && n.Name != b.node.Name() &&
					known.Incarnation == n.Incarnation {
					n.Incarnation++
				}
			}))},
		{Name: "versions-are-not-compared", What: "a push/pull is merged whatever protocols are spoken",
			bend: hearingFrame(eachNode(func(b *bent, n *wire.NodeState) {
				n.Versions = b.entry(b.node.Name()).Versions
			}))},
		{Name: "protocols-of-applications-are-not-compared", What: "a push/pull is merged whatever the applications speak",
			bend: hearingFrame(eachNode(func(b *bent, n *wire.NodeState) {
				v := b.entry(b.node.Name()).Versions
				n.Versions.DelegateMin, n.Versions.DelegateMax, n.Versions.Delegate = v.DelegateMin, v.DelegateMax, v.Delegate
			}))},
		{Name: "no-state-of-applications", What: "a push/pull with the application's state is not answered",
			bend: hearingFrame(func(_ *bent, p wire.PushPull) []wire.Message {
				if len(p.User) > 0 {
					return nil
				}
				return same(p)
			})},
		{Name: "waits-for-too-many-nodes", What: "a push/pull that announces too many nodes is waited for",
			bend: func(b *bent) {
				b.decode = func(p []byte) (spec.Message, int, bool) {
					return nil, 0, len(p) > 14 && p[0] == byte(wire.TypePushPull) && string(p[1:7]) == "\x83\xa4Join" && p[14] == 0xce
				}
			}},
		{Name: "no-compression-on-streams", What: "a compressed push/pull is not read",
			bend: func(b *bent) {
				b.decode = func(p []byte) (spec.Message, int, bool) {
					return nil, 0, len(p) > 0 && p[0] == byte(wire.TypeCompress)
				}
			}},
		{Name: "each-push-pull-joins", What: "the push/pulls of every day have the flag of a join",
			bend: sayingFrame(func(_ *bent, p wire.PushPull) []spec.Message {
				p.Join = true
				return []spec.Message{p}
			})},
		{Name: "no-push-pull-of-its-own", What: "no push/pull is begun",
			configure: func(cfg *core.Config) { cfg.PushPullInterval = 0 }},
	}
}

// eachNode changes each node of a push/pull.
func eachNode(change func(*bent, *wire.NodeState)) func(*bent, wire.PushPull) []wire.Message {
	return func(b *bent, p wire.PushPull) []wire.Message {
		p.Nodes = append([]wire.NodeState(nil), p.Nodes...)
		for i := range p.Nodes {
			change(b, &p.Nodes[i])
		}
		return same(p)
	}
}
