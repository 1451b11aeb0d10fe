package mainline

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// vote is what one node says our address is, both as netip.Addr.As16: every
// node keeps many votes, and a netip.Addr has a pointer.
type vote struct{ voter, claim [16]byte }

// vote counts the address that a node has answered to. When VotesNeeded nodes,
// more than half of those asked lately, agree on one that the own id does not
// fit, the id is changed: a few liars cannot move it. BEP42-SEC-001,
// BEP42-SEC-003
//
// A node with two addresses has one id (BEP 32), which can fit one of them
// only: it follows the IPv4 address.
func (n *step) vote(voter netip.Addr, ip netip.AddrPort) {
	claim := ip.Addr().Unmap()
	v6 := !n.families[0].on
	switch {
	case !claim.IsValid(), claim.Is6() != v6, n.cfg.IDBits != kademlia.MaxBits:
		return
	case isLocal(claim): // fits every id, so it cannot make a difference
		return
	}
	cast := vote{voter.As16(), claim.As16()}
	n.votes = slices.DeleteFunc(n.votes, func(v vote) bool { return v.voter == cast.voter })
	if len(n.votes) == maxVotes {
		n.votes = slices.Delete(n.votes, 0, 1)
	}
	n.votes = append(n.votes, cast)
	agree := 0
	for _, v := range n.votes {
		if v.claim == cast.claim {
			agree++
		}
	}
	if agree < n.cfg.VotesNeeded || 2*agree <= len(n.votes) {
		return
	}
	n.external = claim
	if !IsSecure(n.id, claim) {
		n.changeID()
	}
}

// changeID moves to a new id that fits the own address. The contacts are filed
// anew, with their standing; spares, and whom the new buckets cannot hold, are
// forgotten. A lookup of the new id finds the new neighbours. BEP05-TBL-008
func (n *step) changeID() {
	old := n.id
	n.id, n.votes = n.newID(), nil
	for i := range n.families {
		f := &n.families[i]
		if !f.on {
			continue
		}
		table := n.newTable(n.now)
		for e := range f.table.All() {
			if r := table.Replied(e.Contact(), e.LastReply); r.Probes() {
				table.Unprobe(r.Probe.ID)
			}
		}
		f.table = table
	}
	n.emit(spec.Notify{Event: IDChanged{Old: old, New: n.id, ExternalIP: n.external}})
	n.startWalk(&op{kind: opRefresh, target: n.id})
}
