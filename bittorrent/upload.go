package bittorrent

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// gotRequest takes a request into the queue. One that is not served is
// rejected where BEP 6 is agreed on, so that each gets one answer. It returns
// false when the request was refused without a trace.
// BEP03-PEER-033 to BEP03-PEER-036, BEP06-FAST-007, BEP06-FAST-011
func (n *step) gotRequest(c *conn, m *wire.Message) bool {
	clause, reason := n.unservable(m)
	if reason != nil && !c.fast {
		n.drop(c, clause, reason)
		return true
	}
	switch {
	case reason != nil:
	case !n.picker.have.has(int32(m.Index)): // BEP03-PEER-035
		clause, reason = "BEP03-PEER-035", fmt.Errorf("%w: request of piece %d, which is missing",
			errRange, m.Index)
	case c.amChoking && !c.mayChoked(blockOf(m)): // BEP03-PEER-036
		clause, reason = "BEP03-PEER-036", fmt.Errorf("%w: request while choked", errOrder)
	case len(c.queue)+int(c.loads) >= n.cfg.MaxRequestsIn:
		clause, reason = "BEP10-EXT-010", fmt.Errorf("%w: more than %d", errTooMany, n.cfg.MaxRequestsIn)
	default:
		if c.amChoking {
			c.credit -= int64(m.Length)
		}
		c.queue = append(c.queue, blockOf(m))
		n.serve(c)
		return true
	}
	n.refuse(c, clause, reason)
	if !c.fast {
		return false
	}
	n.write(c, request(wire.Reject, blockOf(m)))
	if c.unread > maxUnread { // BEP06-FAST-012
		n.close(c)
	}
	return true
}

// unservable says what is wrong with a request that no peer should make.
func (n *Node) unservable(m *wire.Message) (clause string, reason error) {
	switch {
	case m.Length > uint32(max(wire.DefaultMaxBlock, n.cfg.BlockSize)):
		return "BEP03-PEER-033", fmt.Errorf("%w: request of %d bytes", errRange, m.Length)
	case m.Index >= uint32(n.layout.Pieces), m.Length == 0,
		uint64(m.Begin)+uint64(m.Length) > uint64(n.layout.Size(int32(m.Index))): // BEP03-PEER-034
		return "BEP03-PEER-034", fmt.Errorf("%w: request of %d bytes at %d of piece %d",
			errRange, m.Length, m.Begin, m.Index)
	}
	return "", nil
}

// serve loads what a peer asked for, as fast as its stream drains.
func (n *step) serve(c *conn) {
	served := 0
	for _, b := range c.queue {
		if c.loading+c.written >= int32(n.cfg.UploadWindow) {
			break
		}
		served++
		c.loads++
		c.loading += b.length
		n.emit(spec.Load{
			Token: n.task(taskServe, c.id, b), Piece: b.piece, Begin: b.begin, Length: b.length,
		})
	}
	c.queue = c.queue[served:]
}

// drained lets the next blocks follow.
func (n *step) drained(in spec.Drained) {
	if c := n.connOf(in.Conn); c != nil && c.phase == talking {
		c.written, c.unread = 0, 0
		n.serve(c)
	}
}

// send writes a block that was loaded for a peer, or rejects the request when
// it could not be loaded.
func (n *step) send(t *task, in spec.Loaded) {
	c := n.connOf(t.conn)
	if c == nil || t.dropped {
		return
	}
	c.loads--
	c.loading -= t.length
	if in.Err != nil || len(in.Data) != int(t.length) {
		n.reject(c, t.block)
		n.storageFailed(t.piece, in.Err)
		return
	}
	c.written += t.length
	c.up.add(n.now, int64(t.length))
	n.uploaded += int64(t.length)
	n.write(c, &wire.Message{ // BEP03-PEER-037
		Type: wire.Piece, Index: uint32(t.piece), Begin: uint32(t.begin), Data: n.shared(in.Data),
	})
}

// reject answers a request without a block, where that can be said.
func (n *step) reject(c *conn, b block) {
	if c.fast {
		n.write(c, request(wire.Reject, b))
	}
}

// gotCancel takes a request back. The answer to it is then a reject.
// BEP03-PEER-046, BEP03-PEER-047, BEP06-FAST-008
func (n *step) gotCancel(c *conn, b block) {
	if i := slices.Index(c.queue, b); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
		n.reject(c, b)
		return
	}
	for i := range n.tasks {
		if t := &n.tasks[i]; t.kind == taskServe && t.conn == c.id && t.block == b && !t.dropped {
			n.dropLoad(c, t)
			n.serve(c)
			return
		}
	}
}

// choke stops serving a peer: what it asked for is rejected, but for what it
// may have while choked. BEP03-PEER-039, BEP06-FAST-009, BEP06-FAST-010
func (n *step) choke(c *conn) {
	c.amChoking, c.turned = true, n.now
	n.write(c, &wire.Message{Type: wire.Choke})
	for i := range n.tasks {
		t := &n.tasks[i]
		if t.kind == taskServe && t.conn == c.id && !t.dropped && !slices.Contains(c.granted, t.piece) {
			n.dropLoad(c, t)
		}
	}
	c.queue = slices.DeleteFunc(c.queue, func(b block) bool {
		if slices.Contains(c.granted, b.piece) {
			return false
		}
		n.reject(c, b)
		return true
	})
}

// dropLoad rejects a request whose block is being loaded.
func (n *step) dropLoad(c *conn, t *task) {
	t.dropped = true
	c.loads--
	c.loading -= t.length
	n.reject(c, t.block)
}

func (n *step) unchoke(c *conn) {
	c.amChoking, c.turned = false, n.now
	n.write(c, &wire.Message{Type: wire.Unchoke})
}
