package gnutella

import (
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// queued is a descriptor that waits for what was written before it.
type queued struct {
	rank uint16 // the lower goes first
	d    wire.Descriptor
}

func size(d *wire.Descriptor) int32 { return int32(wire.HeaderSize + len(d.Payload)) }

// rank orders what waits: pushes, hits, pongs, queries, pings; queries that have
// made few hops first, and hits that have made many, because these cost most.
//
// GN-FC-02.
func rank(d *wire.Descriptor) uint16 {
	hops := uint16(d.Hops)
	switch d.Type {
	case wire.TypePush:
		return 1 << 8
	case wire.TypeQueryHit:
		return 2<<8 | (0xff - hops)
	case wire.TypePong:
		return 3 << 8
	case wire.TypeQuery:
		return 4<<8 | hops
	case wire.TypePing:
		return 5 << 8
	}
	return 0
}

// write sends a descriptor at once.
func (n *step) write(c *conn, d wire.Descriptor) {
	c.inFlight += size(&d)
	n.emit(spec.Write{Conn: c.id, Msg: d})
}

// send sends a descriptor, or lets it wait while too much is on its way.
func (n *step) send(c *conn, d wire.Descriptor) {
	if c.phase != talking {
		return
	}
	if len(c.queue) == 0 && (c.inFlight == 0 || c.inFlight+size(&d) <= int32(n.cfg.Window)) {
		n.write(c, d)
		return
	}
	n.enqueue(c, queued{rank(&d), d})
}

// enqueue makes room at the expense of what matters less. A push or a hit that
// finds none costs the connection; other things are lost.
//
// GN-FC-01, GN-FC-03.
func (n *step) enqueue(c *conn, q queued) {
	limit := int32(n.cfg.QueueBytes)
	for len(c.queue) > 0 && c.queued+size(&q.d) > limit {
		last := &c.queue[len(c.queue)-1]
		if last.rank <= q.rank {
			break
		}
		c.queued -= size(&last.d)
		c.queue = c.queue[:len(c.queue)-1]
	}
	if c.queued+size(&q.d) > limit {
		if q.d.Type == wire.TypePush || q.d.Type == wire.TypeQueryHit {
			n.bye(c, wire.ByeSendQueueFull, "Send queue full")
		}
		return
	}
	at, _ := slices.BinarySearchFunc(c.queue, q.rank+1, func(e queued, r uint16) int { return int(e.rank) - int(r) })
	c.queue = slices.Insert(c.queue, at, q)
	c.queued += size(&q.d)
	c.choked = c.choked || c.queued > limit/2
}

// drained sends what waits. Below a quarter the other's queries are heard again.
//
// GN-FC-01.
func (n *step) drained(in spec.Drained) {
	c := n.find(in.Conn)
	if c == nil {
		return
	}
	c.inFlight = 0
	for len(c.queue) > 0 && c.phase == talking {
		d := c.queue[0].d
		if c.inFlight > 0 && c.inFlight+size(&d) > int32(n.cfg.Window) {
			break
		}
		c.queue = slices.Delete(c.queue, 0, 1)
		c.queued -= size(&d)
		n.write(c, d)
	}
	c.choked = c.choked && c.queued >= int32(n.cfg.QueueBytes)/4
}
