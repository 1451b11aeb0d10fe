package bittorrent

import (
	"fmt"
	"slices"
)

// Check implements [spec.Machine]. It reports the first broken invariant: the
// helpers are sound and count what the connections say; no list exceeds its
// limit; what is wanted of each peer is what it has and is missing here.
func (n *Node) Check() error {
	var live, halfOpen, storing int32
	var counted []*bitfield
	for slot, c := range n.conns {
		if c == nil {
			continue
		}
		live++
		if c.phase == dialing {
			halfOpen++
		}
		if at, ok := n.slots[c.id]; !ok || int(at) != slot {
			return fmt.Errorf("bittorrent: connection %d is not where it is said to be", c.id)
		}
		if err := n.checkConn(c); err != nil {
			return fmt.Errorf("bittorrent: connection %d: %w", c.id, err)
		}
		if c.phase == talking && n.layout.Pieces > 0 {
			counted = append(counted, &c.has)
		}
	}
	for i := range n.tasks {
		if n.tasks[i].kind == taskStore {
			storing++
		}
		if i > 0 && n.tasks[i-1].token >= n.tasks[i].token {
			return fmt.Errorf("bittorrent: token %d after %d", n.tasks[i].token, n.tasks[i-1].token)
		}
	}
	switch {
	case live != n.live || halfOpen != n.halfOpen || len(n.slots) != int(live):
		return fmt.Errorf("bittorrent: %d connections, %d half open; counted %d and %d",
			live, halfOpen, n.live, n.halfOpen)
	case int(live) > n.cfg.MaxConns || int(halfOpen) > n.cfg.MaxHalfOpen:
		return fmt.Errorf("bittorrent: %d connections, %d half open exceed the limits", live, halfOpen)
	case storing != n.storing:
		return fmt.Errorf("bittorrent: %d blocks are being stored, counted %d", storing, n.storing)
	case len(n.known.addrs) > n.cfg.MaxKnown || len(n.known.banned) > maxBanned:
		return fmt.Errorf("bittorrent: %d addresses exceed the limit", len(n.known.addrs))
	case n.layout.Pieces == 0:
		return nil
	}
	if err := n.checkAsks(); err != nil {
		return err
	}
	return n.picker.check(counted)
}

// checkAsks wants whoever the picker waits for to have been asked.
func (n *Node) checkAsks() error {
	for i := range n.picker.begun {
		g := &n.picker.begun[i]
		for _, a := range g.asks {
			b := n.picker.blockOf(&n.layout, g.piece, a.index)
			c := n.connOf(a.conn)
			if c == nil || !slices.ContainsFunc(c.asked, func(q asked) bool { return q.block == b && !q.lapsed }) {
				return fmt.Errorf("bittorrent: connection %d was not asked for %+v", a.conn, b)
			}
		}
	}
	return nil
}

func (n *Node) checkConn(c *conn) error {
	var loads, loading int32
	for i := range n.tasks {
		if t := &n.tasks[i]; t.kind == taskServe && t.conn == c.id && !t.dropped {
			loads++
			loading += t.length
		}
	}
	switch {
	case c.phase == gone:
		return fmt.Errorf("it has ended")
	case c.phase == talking && c.wants != n.missingOf(&c.has):
		return fmt.Errorf("%d pieces are wanted, not %d", n.missingOf(&c.has), c.wants)
	case c.phase == talking && c.amInterested != (c.wants > 0 && !n.cfg.UploadOnly):
		return fmt.Errorf("interest is %v in %d pieces", c.amInterested, c.wants)
	case len(c.asked) > n.cfg.MaxRequestsOut || len(c.queue)+int(c.loads) > n.cfg.MaxRequestsIn:
		return fmt.Errorf("%d requests out and %d in exceed the limits", len(c.asked), len(c.queue))
	case loading != c.loading || loads != c.loads:
		return fmt.Errorf("%d bytes are being loaded, counted %d", loading, c.loading)
	case len(c.early.pieces) > maxEarly || len(c.pexTold) > n.cfg.MaxConns+maxPEX:
		return fmt.Errorf("%d early pieces and %d contacts told", len(c.early.pieces), len(c.pexTold))
	case len(c.allowed) > maxListed || len(c.suggested) > maxListed || len(c.granted) > maxListed:
		return fmt.Errorf("%d allowed, %d suggested and %d granted pieces", len(c.allowed), len(c.suggested),
			len(c.granted))
	}
	return nil
}
