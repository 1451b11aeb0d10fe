package swim

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// pushPull exchanges all state with a member at random.
//
// GO-AE-01 (memberlist pushPull).
func (n *Node) pushPull(out []spec.Effect) []spec.Effect {
	n.pushPullAt = n.now + pushPullScale(len(n.nodes))*n.cfg.PushPullInterval
	if slices.ContainsFunc(n.streams, func(s stream) bool { return s.purpose == exchanging }) {
		return out
	}
	for _, m := range n.pick(1, func(m *Member) bool {
		return m.State == wire.StateAlive && m.Name != n.cfg.Name
	}) {
		_, out = n.dial(stream{purpose: exchanging, due: n.now + n.cfg.StreamTimeout}, m.Addr, out)
	}
	return out
}

// state is what goes out in an exchange: all that is known, the node included.
//
// GO-AE-02, GO-WF-07 (memberlist sendLocalState).
func (n *Node) state(join bool) wire.PushPull {
	list := make([]wire.NodeState, len(n.nodes))
	for i, m := range n.nodes {
		list[i] = wire.NodeState{
			Name: m.Name, Addr: m.Addr, Meta: m.Meta,
			Incarnation: m.Incarnation, State: m.State, Versions: m.Versions,
		}
	}
	return wire.PushPull{Join: join, Nodes: list, User: n.shared}
}

// merge takes in the state of another member, or refuses all of it. The dead of
// others are suspects here, so that they can refute (GO-FD-18). Of the single
// claims that are refused the first is reported.
//
// GO-AE-02, GO-AE-03, GO-FD-18 (memberlist mergeRemoteState, mergeState).
func (n *Node) merge(from netip.AddrPort, p wire.PushPull, out []spec.Effect) ([]spec.Effect, bool) {
	if len(p.Nodes) > n.cfg.MaxMembers {
		return drop(from, "GO-WF-18", errFull, out), false
	}
	if !n.compatible(p.Nodes) {
		return drop(from, "GO-AE-03", errIncompatible, out), false
	}
	var first refusal
	for i := range p.Nodes {
		r := &p.Nodes[i]
		if i < len(n.nodes) && n.agrees(n.nodes[i], r) {
			continue // both lists are in the order of names, so that most of it is this
		}
		var refused refusal
		out, refused = n.hearState(r, out)
		if first.reason == nil {
			first = refused
		}
	}
	out = first.report(from, out)
	if len(p.User) > 0 {
		out = append(out, spec.Notify{Event: Merged{from, slices.Clone(p.User), p.Join}})
	}
	return out, true
}

// agrees reports whether both sides believe the same of a node that lives.
func (n *Node) agrees(m *Member, r *wire.NodeState) bool {
	return m.State == wire.StateAlive && r.State == wire.StateAlive && m.Incarnation == r.Incarnation &&
		m.Name == r.Name && m.Addr == r.Addr && m.Name != n.cfg.Name
}

// hearState applies one entry of a state. The accuser is the node itself, as it
// cannot know who has accused first.
func (n *Node) hearState(r *wire.NodeState, out []spec.Effect) ([]spec.Effect, refusal) {
	switch r.State {
	case wire.StateAlive:
		return n.hearAlive(wire.Alive{
			Incarnation: r.Incarnation, Node: r.Name, Addr: r.Addr, Meta: r.Meta, Versions: r.Versions,
		}, out)
	case wire.StateLeft:
		return n.hearDead(wire.Dead{Incarnation: r.Incarnation, Node: r.Name, From: r.Name}, out)
	case wire.StateDead, wire.StateSuspect:
		return n.hearSuspect(wire.Suspect{Incarnation: r.Incarnation, Node: r.Name, From: n.cfg.Name}, out)
	}
	return out, refusal{"GO-WF-07", errMisplaced}
}

// understood is what a set of nodes understands in common.
type understood struct{ minimum, maximum, delegateMinimum, delegateMaximum uint8 }

func (u *understood) narrow(v wire.Versions) {
	u.minimum, u.maximum = max(u.minimum, v.ProtocolMin), min(u.maximum, v.ProtocolMax)
	u.delegateMinimum = max(u.delegateMinimum, v.DelegateMin)
	u.delegateMaximum = min(u.delegateMaximum, v.DelegateMax)
}

func (u *understood) includes(v wire.Versions) bool {
	return u.minimum <= v.Protocol && v.Protocol <= u.maximum &&
		u.delegateMinimum <= v.Delegate && v.Delegate <= u.delegateMaximum
}

// compatible reports whether every node, here and there, speaks versions that all
// who live understand.
//
// GO-AE-03 (memberlist verifyProtocol).
func (n *Node) compatible(remote []wire.NodeState) bool {
	all := understood{maximum: 255, delegateMaximum: 255}
	for i := range remote {
		if r := &remote[i]; r.State == wire.StateAlive && r.Versions != (wire.Versions{}) {
			all.narrow(r.Versions)
		}
	}
	for _, m := range n.nodes {
		if m.State == wire.StateAlive {
			all.narrow(m.Versions)
		}
	}
	for i := range remote {
		if !all.includes(remote[i].Versions) {
			return false
		}
	}
	for _, m := range n.nodes {
		if !all.includes(m.Versions) {
			return false
		}
	}
	return true
}
