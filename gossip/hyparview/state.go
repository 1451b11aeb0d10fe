package hyparview

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.links = slices.Clone(n.links)
	c.passive = slices.Clone(n.passive)
	c.tried = slices.Clone(n.tried)
	c.sent = slices.Clone(n.sent)
	return &c
}

// AppendState appends the whole state but the configuration, which never
// changes. Instants are relative to now, so that time-shifted twins are equal.
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(b)
	b = append(b, boolByte(n.isolated), boolByte(n.awaiting))
	b = binary.BigEndian.AppendUint64(b, uint64(n.lastConn))
	b = n.appendAt(b, n.shuffleAt)
	b = appendPeers(b, n.passive)
	b = appendPeers(b, n.tried)
	b = appendPeers(b, n.sent)
	b = binary.BigEndian.AppendUint16(b, uint16(len(n.links)))
	for i := range n.links {
		l := &n.links[i]
		b = append(b, uint8(l.state), boolByte(l.walked))
		b = binary.BigEndian.AppendUint64(b, uint64(l.conn))
		b = binary.BigEndian.AppendUint64(b, uint64(l.op))
		b = appendPeers(b, []netip.AddrPort{l.peer})
		b = appendPeers(b, l.peers)
		b = n.appendAt(b, l.deadline)
	}
	return b
}

// appendAt encodes an instant relative to now; never stays itself.
func (n *Node) appendAt(b []byte, at time.Duration) []byte {
	if at != never {
		at -= n.now
	}
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

// appendPeers is self-delimiting. Addresses of peers have no zone.
func appendPeers(b []byte, list []netip.AddrPort) []byte {
	w := spec.FieldWriter{Bytes: b}
	w.Uint16(uint16(len(list)))
	for _, a := range list {
		w.Addr(a, "peer")
	}
	return w.Bytes
}

// Check reports the first broken invariant: views within their sizes, without
// the node itself, and without a peer twice or in both.
//
// GO-PX-01 (HyParView §4.1).
func (n *Node) Check() error {
	view := n.Active(nil)
	switch count := len(view); {
	case count > n.cfg.Active:
		return fmt.Errorf("hyparview: %d neighbours, at most %d", count, n.cfg.Active)
	case len(n.passive) > n.cfg.Passive:
		return fmt.Errorf("hyparview: %d in the passive view, at most %d", len(n.passive), n.cfg.Passive)
	case len(n.links)-count > n.cfg.MaxPending:
		return fmt.Errorf("hyparview: %d streams under way, at most %d", len(n.links)-count, n.cfg.MaxPending)
	case len(n.tried) > n.cfg.Passive+1 || len(n.sent) > n.shuffleSize():
		return fmt.Errorf("hyparview: %d were asked and %d sent away", len(n.tried), len(n.sent))
	}
	view = append(view, n.passive...)
	for i, p := range view {
		if !n.usable(p) || slices.Contains(view[:i], p) {
			return fmt.Errorf("hyparview: %v is in the views twice, or no other node", p)
		}
	}
	for i := range n.links {
		switch l := &n.links[i]; {
		case (l.state == active) != (l.deadline == never):
			return fmt.Errorf("hyparview: stream %d of state %d has the deadline %v", l.conn, l.state, l.deadline)
		case l.deadline <= n.now:
			return fmt.Errorf("hyparview: stream %d was due at %v", l.conn, l.deadline)
		}
	}
	return nil
}
