package chord

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable. Lists of
// peers are shared: they are replaced, never changed.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.lookups = slices.Clone(n.lookups)
	c.store = n.store.clone()
	return &c
}

// AppendState appends the whole state but the configuration, which never
// changes. Instants are relative to now, so that time-shifted twins are equal;
// what is overdue and waits for a query to end is due now.
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(b)
	b = append(b, boolByte(n.member), boolByte(n.leaving), n.task, n.nextFinger)
	b = binary.BigEndian.AppendUint64(b, uint64(n.leaveOp))
	b = n.appendAt(b, n.leaveBy)
	b = appendPeers(b, n.successors)
	b = appendPeer(b, &n.predecessor)
	b = appendPeer(b, &n.candidate)
	b = appendPeer(b, &n.rectifyWith)
	b = binary.BigEndian.AppendUint32(b, n.lastRPC)
	b = append(b, uint8(n.query.kind), n.query.sent, boolByte(n.query.busy))
	b = appendPeer(b, &n.query.to)
	b = binary.BigEndian.AppendUint32(b, n.query.rpc)
	b = n.appendAt(b, n.query.deadline)
	b = append(b, uint8(len(n.waiting)>>8), uint8(len(n.waiting)))
	for i := range n.waiting {
		b = appendAddr(b, n.waiting[i].from)
		b = binary.BigEndian.AppendUint32(b, n.waiting[i].rpc)
	}
	b = append(b, uint8(len(n.late)))
	for i := range n.late {
		b = binary.BigEndian.AppendUint32(b, n.late[i].rpc)
		b = append(b, n.late[i].to[:]...)
	}
	b = n.appendAt(b, n.stabilizeAt)
	b = n.appendAt(b, n.fixAt)
	b = append(b, uint8(len(n.fingers)))
	for i := range n.fingers {
		b = append(b, n.fingers[i].last, boolByte(n.fingers[i].known))
		b = appendPeer(b, &n.fingers[i].to)
	}
	b = append(b, uint8(len(n.lookups)>>8), uint8(len(n.lookups)))
	for i := range n.lookups {
		b = n.appendLookup(b, &n.lookups[i])
	}
	return n.appendStore(b)
}

func (n *Node) appendLookup(b []byte, l *lookup) []byte {
	b = append(b, uint8(l.purpose), uint8(l.phase), l.finger, l.attempt, l.sent)
	b = binary.BigEndian.AppendUint64(b, uint64(l.op))
	b = binary.BigEndian.AppendUint64(b, l.serial)
	b = append(b, l.key[:]...)
	b = appendPeer(b, &l.via)
	b = appendPeer(b, &l.best)
	b = appendPeers(b, l.untried)
	b = appendPeers(b, l.owners)
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.failed)))
	for i := range l.failed {
		b = append(b, l.failed[i][:]...)
	}
	b = appendPeer(b, &l.asked)
	for _, v := range [...]uint32{l.rpc, uint32(l.hops), uint32(l.timeouts), uint32(l.requests)} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return n.appendAt(b, l.deadline)
}

// appendAt encodes an instant relative to now; never stays itself.
func (n *Node) appendAt(b []byte, at time.Duration) []byte {
	if at != never {
		at = max(0, at-n.now)
	}
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

func appendPeers(b []byte, list []Peer) []byte {
	b = append(b, uint8(len(list)))
	for i := range list {
		b = appendPeer(b, &list[i])
	}
	return b
}

func appendPeer(b []byte, p *Peer) []byte {
	b = append(b, p.ID[:]...)
	return appendAddr(b, p.Addr)
}

// appendAddr is self-delimiting. Addresses of peers have no zone.
func appendAddr(b []byte, a netip.AddrPort) []byte {
	switch ip := a.Addr(); {
	case ip.Is4():
		octets := ip.As4()
		b = append(append(b, 4), octets[:]...)
	case ip.IsValid():
		octets := ip.As16()
		b = append(append(b, 6), octets[:]...)
	default:
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint16(b, a.Port())
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check reports the first broken invariant: lists in order and within their
// limits, and what is under way in agreement with what it is for.
//
// CHORD-INV-003, CHORD-INV-004 (Zave 2017, OrderedSuccessorLists, NoDuplicates).
func (n *Node) Check() error {
	if len(n.successors) > n.cfg.Successors {
		return fmt.Errorf("chord: %d successors", len(n.successors))
	}
	if n.cfg.Variant == Corrected {
		if err := n.checkOrder(); err != nil {
			return err
		}
	}
	switch {
	case !n.member && (len(n.successors) > 0 || n.predecessor != Peer{} || n.stabilizeAt != never):
		return fmt.Errorf("chord: pointers outside a ring")
	case n.rectifyWith.known() && n.query.kind == noQuery:
		return fmt.Errorf("chord: nothing keeps from rectifying with %v", n.rectifyWith.ID)
	case n.query.kind == askCandidate && n.query.to != n.candidate:
		return fmt.Errorf("chord: %v is asked for the candidate %v", n.query.to.ID, n.candidate.ID)
	case n.query.kind == tryPredecessor && !n.rectifyWith.known():
		return fmt.Errorf("chord: a predecessor is tried for nobody")
	case len(n.waiting) > 0 && !n.query.undefined():
		return fmt.Errorf("chord: %d queries wait for nothing", len(n.waiting))
	case len(n.waiting) > n.cfg.MaxWaiting || len(n.lookups) > n.cfg.MaxLookups ||
		len(n.late) > n.cfg.LateAnswers || len(n.fingers) > n.cfg.IDBits:
		return fmt.Errorf("chord: over a limit: %d waiting, %d lookups, %d late, %d fingers",
			len(n.waiting), len(n.lookups), len(n.late), len(n.fingers))
	}
	if at, armed := n.Deadline(); armed && at <= n.now {
		return fmt.Errorf("chord: timer due at %v still armed at %v", at, n.now)
	}
	return n.checkStore()
}

func (n *Node) checkOrder() error {
	last := n.cfg.ID
	for _, p := range n.successors {
		if !Between(last, p.ID, n.cfg.ID) {
			return fmt.Errorf("chord: successor %v does not follow %v clockwise", p.ID, last)
		}
		last = p.ID
	}
	head, ok := n.head()
	if n.candidate.known() && ok && !Between(n.cfg.ID, n.candidate.ID, head.ID) {
		return fmt.Errorf("chord: candidate %v is not before the successor %v", n.candidate.ID, head.ID)
	}
	for i, f := range n.fingers {
		if i > 0 && n.fingers[i-1].last >= f.last {
			return fmt.Errorf("chord: fingers out of order at %d", i)
		}
	}
	return nil
}
