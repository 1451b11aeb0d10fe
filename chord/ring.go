package chord

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// known reports whether there is a peer, and an address to reach it at.
func (p *Peer) known() bool { return p.Addr.IsValid() }

// usable reports whether a peer lies on the circle and can be sent to.
func (n *Node) usable(p *Peer) bool { return p.ID.Fits(n.cfg.IDBits) && reachable(p.Addr) }

func reachable(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && ip.Zone() == "" && a.Port() != 0
}

// head is the first successor, false when that is the node itself.
func (n *Node) head() (Peer, bool) {
	if len(n.successors) == 0 {
		return Peer{}, false
	}
	return n.successors[0], n.successors[0].known()
}

// adopt returns the successor list of a node whose successor is s, which has
// the given list: s in front of it and its last entry left out, never patched
// with what the node knew before. In a ring with fewer members than the list
// has places the list ends before it comes round to the node itself.
//
// CHORD-STAB-002, CHORD-INV-004 (Zave 2017, StabilizeFromSuccessor).
func (n *Node) adopt(s Peer, list []Peer) []Peer {
	own := append(make([]Peer, 0, n.cfg.Successors), s)
	for _, p := range list {
		if len(own) == n.cfg.Successors || !Between(s.ID, p.ID, n.cfg.ID) {
			break
		}
		own = append(own, p)
	}
	return own
}

// adoptBehind returns the successor list of a node that joins behind p, which
// has the given list: the list itself, or p where p is alone.
//
// CHORD-JOIN-003 (Zave 2017, Join).
func adoptBehind(p Peer, list []Peer) []Peer {
	if len(list) == 0 {
		return []Peer{p}
	}
	return slices.Clone(list)
}

// setSuccessors replaces the successor list.
func (n *Node) setSuccessors(list []Peer, out []spec.Effect) []spec.Effect {
	if slices.Equal(n.successors, list) {
		return out
	}
	n.successors, n.store.misplaced = list, true
	return append(out, spec.Notify{Event: SuccessorsChanged{list}})
}

// setPredecessor replaces the predecessor; the zero Peer means none.
func (n *Node) setPredecessor(p Peer, out []spec.Effect) []spec.Effect {
	if n.predecessor == p {
		return out
	}
	n.predecessor, n.store.misplaced = p, true
	return append(out, spec.Notify{Event: PredecessorChanged{p, p.known()}})
}

// doubtMembers tells when fewer members are known than the protocol needs.
//
// CHORD-ASSUME-001 (Zave 2017, initialization).
func (n *Node) doubtMembers(out []spec.Effect) []spec.Effect {
	if len(n.successors) == n.cfg.Successors {
		return out
	}
	return append(out, spec.Notify{Event: AssumptionBroken{EnoughMembers}})
}
