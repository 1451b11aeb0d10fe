package chord

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// receiveFind answers a recursive lookup or passes it on.
//
// CHORD-LOOKUP-007, CHORD-LOOKUP-009 (Chord §4.3).
func (n *Node) receiveFind(from netip.AddrPort, m *FindSuccessor, out []spec.Effect) []spec.Effect {
	origin := m.Origin.from(Peer{m.Sender, from})
	if m.Origin.known() {
		origin = m.Origin
	}
	if d := n.refuseKey(from, m.Header, m.Key); d != nil {
		return append(out, *d)
	}
	switch {
	case !n.usable(&origin):
		return append(out, spec.Drop{From: from, Clause: "CHORD-RPC-002",
			Reason: fmt.Errorf("%w: origin %v at %v", errSender, origin.ID, origin.Addr)})
	case int(m.Hops) >= n.cfg.MaxRequests:
		return append(out, spec.Drop{From: from, Clause: "CHORD-LOOKUP-009",
			Reason: fmt.Errorf("%w: %d, at most %d", errHops, m.Hops, n.cfg.MaxRequests)})
	}
	h := Header{m.RPC, n.cfg.ID}
	if next := n.preceding(m.Key, 1); len(next) > 0 {
		return append(out, spec.Send{To: next[0].Addr, Msg: FindSuccessor{h, origin, m.Key, m.Hops + 1}})
	}
	owners := n.ownersOf(m.Key)
	if len(owners) == 0 {
		return out // the way ends here; the origin will try another
	}
	hops := m.Hops
	if owners[0].ID != n.cfg.ID && owners[0].ID != origin.ID {
		hops++
	}
	return append(out, spec.Send{To: origin.Addr, Msg: FoundSuccessor{h, owners[0], hops}})
}

// receiveFound ends a recursive lookup. The answer comes from a node that the
// origin need not know, so that the RPC identifier is all that proves it.
//
// CHORD-LOOKUP-007.
func (n *Node) receiveFound(from netip.AddrPort, m *FoundSuccessor, out []spec.Effect) []spec.Effect {
	if d := n.refuseSender(from, m.Header); d != nil {
		return append(out, *d)
	}
	sender := Peer{m.Sender, from}
	owner := m.Owner.from(sender)
	if owner.ID == n.cfg.ID {
		owner.Addr = netip.AddrPort{}
	} else if !n.usable(&owner) {
		return append(out, spec.Drop{From: from, Clause: "CHORD-LOOKUP-005",
			Reason: fmt.Errorf("%w: owner %v at %v", errList, owner.ID, owner.Addr)})
	}
	for i := range n.lookups {
		if l := &n.lookups[i]; l.phase == passing && l.rpc == m.RPC {
			l.hops = int32(m.Hops)
			return n.finish(i, owner, out)
		}
	}
	return n.notAwaited(sender, m.RPC, out)
}
