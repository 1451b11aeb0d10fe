package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// transfer is the hand-over of one value to one node: it is offered, and sent
// if it is news there. That takes two exchanges where one could do, but a value
// travels only to those who lack it.
type transfer struct {
	serial   uint64
	key      ID
	to       Peer // zero while the owner is being looked up
	phase    transferPhase
	rpc      uint32
	deadline time.Duration // never while the owner is being looked up
}

type transferPhase uint8

const (
	locating transferPhase = iota
	offering
	sending
)

// maxTransfers bounds the values on the move at one time, so that a node with
// thousands of them does not flood a newcomer.
//
// CHORD-STORE-009.
const maxTransfers = 16

// pump goes on with the pass while there is room for transfers. A node that
// leaves is done when it has handed over the last value; alone, it has nobody
// to hand them to.
func (n *Node) pump(out []spec.Effect) []spec.Effect {
	s := &n.store
	for s.passing && len(s.transfers) < maxTransfers {
		i, same := slices.BinarySearchFunc(s.records, s.cursor, record.compare)
		if i == len(s.records) {
			s.passing = false
			break
		}
		r := &s.records[i]
		if !same {
			s.cursor, s.target = r.key, 0
		}
		if to, more := n.nextTarget(r); more {
			out = n.startTransfer(r.key, to, out)
		} else if s.passing = i+1 < len(s.records); s.passing {
			s.cursor, s.target = s.records[i+1].key, 0
		}
	}
	if n.leaving && (len(s.records) == 0 || len(n.successors) == 0) {
		return n.handedOver(out)
	}
	return out
}

// nextTarget returns the next node that r should be offered to: each replica
// that is not known to have it; or, if the node leaves, its first successor; or
// else the owner, when it is time to ask. The zero Peer is an owner that must be
// looked up.
func (n *Node) nextTarget(r *record) (to Peer, more bool) {
	s := &n.store
	at := s.target
	s.target++
	underWay := func(t transfer) bool { return t.key == r.key }
	switch {
	case at == 0 && slices.ContainsFunc(s.transfers, underWay): // since an earlier pass
		s.target = int32(n.cfg.Replicas)
		return Peer{}, false
	case r.owned && !n.leaving:
		return n.nextReplica(r)
	case at > 0:
		return Peer{}, false
	case n.leaving:
		return n.successorAfter(n.cfg.ID)
	case r.moved:
		return n.predecessor, n.predecessor.known()
	}
	return Peer{}, r.checkAt <= n.now
}

// nextReplica returns the next replica that is not known to have r.
//
// CHORD-STORE-004, CHORD-STORE-007 (Chord §5.2).
func (n *Node) nextReplica(r *record) (to Peer, more bool) {
	s := &n.store
	if r.checkAt <= n.now {
		r.copies, r.checkAt = nil, n.nextCheck(r)
	}
	for replicas := n.replicas(); int(s.target) < len(replicas); s.target++ {
		if to := replicas[s.target]; !slices.Contains(r.copies, to.ID) {
			return to, true
		}
	}
	return Peer{}, false
}

// successorAfter returns the successor that follows the one with the given
// identifier.
func (n *Node) successorAfter(id ID) (Peer, bool) {
	for _, p := range n.successors {
		if p.known() && Between(id, p.ID, n.cfg.ID) {
			return p, true
		}
	}
	return Peer{}, false
}

// startTransfer offers the record to a node, or looks up its owner for that.
func (n *Node) startTransfer(key ID, to Peer, out []spec.Effect) []spec.Effect {
	s := &n.store
	s.transfers = append(s.transfers, transfer{serial: s.nextSerial(), key: key})
	i := len(s.transfers) - 1
	if !to.known() {
		return n.locateOwner(i, out)
	}
	s.transfers[i].to = to
	return n.sendTransfer(i, offering, out)
}

// locateOwner looks up the owner for transfer i.
func (n *Node) locateOwner(i int, out []spec.Effect) []spec.Effect {
	t := &n.store.transfers[i]
	t.to, t.phase, t.deadline = Peer{}, locating, never
	if r := n.record(t.key); r != nil {
		r.moved = false
	}
	return n.locate(t.serial, t.key, out)
}

// ownerLocated goes on with transfer i, or gives up until the next pass: also
// where the ring takes this node for the owner while it does not itself. When
// there is no room for lookups, others need not be tried.
func (n *Node) ownerLocated(i int, nodes []Peer, err error, out []spec.Effect) []spec.Effect {
	s := &n.store
	switch {
	case err == ErrBusy:
		s.transfers = slices.Delete(s.transfers, i, i+1)
		return out
	case len(nodes) == 0 || nodes[0].ID == n.cfg.ID:
		return n.endTransfer(i, out)
	}
	s.transfers[i].to = nodes[0]
	return n.sendTransfer(i, offering, out)
}

// sendTransfer sends what phase ph of transfer i needs.
func (n *Node) sendTransfer(i int, ph transferPhase, out []spec.Effect) []spec.Effect {
	t := &n.store.transfers[i]
	r := n.record(t.key)
	if r == nil {
		return n.endTransfer(i, out)
	}
	t.phase, t.rpc, t.deadline = ph, n.store.nextRPC(), n.now+n.cfg.RPCTimeout
	h := Header{t.rpc, n.cfg.ID}
	if ph == offering {
		return append(out, spec.Send{To: t.to.Addr, Msg: Offer{h, r.key, r.stamp}})
	}
	m := Write{Header: h, Key: r.key, Stamp: r.stamp, Value: r.value}
	return append(out, spec.Send{To: t.to.Addr, Msg: m})
}

// transferAnswered acts on the answer to transfer i: what the node there holds
// now.
func (n *Node) transferAnswered(i int, m WriteAck, out []spec.Effect) []spec.Effect {
	s := &n.store
	t := &s.transfers[i]
	r := n.record(t.key)
	switch {
	case r == nil:
		return n.endTransfer(i, out)
	case r.moved && !m.Owner && !n.leaving:
		return n.locateOwner(i, out)
	case !m.Leaving && m.Stamp.Cmp(r.stamp) < 0 && t.phase == offering:
		return n.sendTransfer(i, sending, out)
	case m.Leaving || m.Stamp.Cmp(r.stamp) < 0:
		return n.transferFailed(i, out)
	case n.leaving:
		n.dropRecord(r.key)
	case r.owned:
		r.copies = append(slices.Clone(r.copies), t.to.ID)
	case m.Owner && !m.Replica:
		n.dropRecord(r.key)
	case m.Owner:
		r.moved, r.checkAt = false, n.nextCheck(r)
	}
	return n.endTransfer(i, out)
}

// dropRecord forgets a value that another node is known to hold.
//
// CHORD-KEY-005, CHORD-STORE-010.
func (n *Node) dropRecord(key ID) {
	s := &n.store
	s.records = slices.DeleteFunc(s.records, func(r record) bool { return r.key == key })
	if len(s.records) == 0 {
		s.passAt, s.passing = never, false
	}
}

// transferFailed tries another node where that makes sense; a replica or an
// owner is asked again by the next pass.
func (n *Node) transferFailed(i int, out []spec.Effect) []spec.Effect {
	t := &n.store.transfers[i]
	if n.leaving {
		if to, more := n.successorAfter(t.to.ID); more {
			t.to = to
			return n.sendTransfer(i, offering, out)
		}
	} else if r := n.record(t.key); r != nil && r.moved {
		return n.locateOwner(i, out)
	}
	return n.endTransfer(i, out)
}

func (n *Node) endTransfer(i int, out []spec.Effect) []spec.Effect {
	n.store.transfers = slices.Delete(n.store.transfers, i, i+1)
	return n.pump(out)
}
