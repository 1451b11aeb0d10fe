package plumtree

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable.
func (n *Node) Clone() spec.Machine {
	return &Node{*n.view.Clone().(*hyparview.Node), n.tree.clone()}
}

func (t *tree) clone() tree {
	c := *t
	c.peers = slices.Clone(t.peers)
	c.missing = slices.Clone(t.missing)
	c.queue = slices.Clone(t.queue)
	c.store.list = slices.Clone(t.store.list)
	c.store.index = maps.Clone(t.store.index)
	return c
}

// AppendState appends the whole state but the configuration, which never
// changes. Instants are relative to now, so that time-shifted twins are equal.
func (n *Node) AppendState(b []byte) []byte { return n.tree.appendState(n.view.AppendState(b)) }

func (t *tree) appendState(b []byte) []byte {
	w := spec.FieldWriter{Bytes: t.rng.AppendState(b)}
	at := func(d time.Duration) {
		if d != never {
			d -= t.now
		}
		w.Uint64(uint64(d))
	}
	w.Byte(byte(len(t.peers)))
	for _, p := range t.peers {
		w.Addr(p.addr, "peer")
		w.Byte(boolByte(p.eager))
	}
	w.Uint32(uint32(len(t.store.list)))
	w.Uint32(uint32(t.store.stripped))
	for i := range t.store.list {
		m := &t.store.list[i]
		w.Raw(m.id[:])
		w.Uint16(m.round)
		at(m.at)
		w.Bytes = binary.AppendUvarint(w.Bytes, uint64(len(m.payload)))
		w.Raw(m.payload)
	}
	w.Uint32(uint32(len(t.missing)))
	for i := range t.missing {
		m := &t.missing[i]
		w.Raw(m.id[:])
		at(m.deadline)
		w.Byte(byte(len(m.by)))
		for _, a := range m.by {
			w.Addr(a.peer, "announcer")
			w.Uint16(a.round)
		}
	}
	w.Uint32(uint32(len(t.queue)))
	for _, q := range t.queue {
		w.Addr(q.to, "peer")
		w.Raw(q.ID[:])
		w.Uint16(q.Round)
	}
	at(t.announceAt)
	return w.Bytes
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check reports the first broken invariant: the neighbours are those of the
// active view, nothing is missing that is there, and tables keep their limits.
//
// GO-PX-04 (Plumtree, data structures).
func (n *Node) Check() error {
	if err := n.view.Check(); err != nil {
		return err
	}
	view := n.view.Active(nil)
	peers := n.Lazy(n.Eager(nil))
	slices.SortStableFunc(view, netip.AddrPort.Compare)
	slices.SortStableFunc(peers, netip.AddrPort.Compare)
	if !slices.Equal(view, peers) {
		return fmt.Errorf("plumtree: neighbours %v, of the membership %v", peers, view)
	}
	if at, _ := n.Deadline(); at <= n.tree.now {
		return fmt.Errorf("plumtree: timer due at %v still armed at %v", at, n.tree.now)
	}
	return n.tree.check()
}

func (t *tree) check() error {
	switch {
	case len(t.store.list) > t.cfg.MaxMessages || len(t.store.index) != len(t.store.list):
		return fmt.Errorf("plumtree: %d broadcasts, %d by name, at most %d",
			len(t.store.list), len(t.store.index), t.cfg.MaxMessages)
	case len(t.missing) > t.cfg.MaxMissing || len(t.queue) >= maxQueued:
		return fmt.Errorf("plumtree: %d missing, %d to be announced", len(t.missing), len(t.queue))
	case t.cfg.Flood && len(t.appendPeers(nil, false)) > 0:
		return fmt.Errorf("plumtree: a lazy neighbour of a node that floods")
	}
	for i := range t.missing {
		m := &t.missing[i]
		if t.store.has(m.id) || len(m.by) > len(t.peers) {
			return fmt.Errorf("plumtree: %x is missing, of %d neighbours, or there", m.id, len(m.by))
		}
	}
	return nil
}
