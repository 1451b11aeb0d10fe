package gnutella

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine]. Payloads, and the merged table, are shared: they
// are replaced, never changed.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.conns = make([]*conn, len(n.conns))
	for i, o := range n.conns {
		twin := *o
		twin.routes, twin.queue = o.routes.Clone(), slices.Clone(o.queue)
		c.conns[i] = &twin
	}
	c.hosts, c.pongs = slices.Clone(n.hosts), slices.Clone(n.pongs)
	c.seen, c.servents = n.seen.clone(), n.servents.clone()
	c.dynamic, c.searches = slices.Clone(n.dynamic), slices.Clone(n.searches)
	c.owed, c.promised = slices.Clone(n.owed), slices.Clone(n.promised)
	for i := range c.dynamic {
		c.dynamic[i].sent = slices.Clone(c.dynamic[i].sent)
	}
	return &c
}

// AppendState implements [spec.Machine]. Query routing tables are in it by a hash
// of what they were made of: equal tables that came by different updates count as
// different.
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(append(b, n.id[:]...))
	b = append(b, byte(n.mode), flag(n.stopped), flag(n.table.dirty))
	b = append(b, n.table.digest[:]...)
	b = number64(b, int64(n.lastDial), n.since(n.maintainAt), int64(len(n.conns)))
	for _, c := range n.conns {
		b = n.appendConn(b, c)
	}
	b = number64(b, int64(len(n.hosts)))
	for _, h := range n.hosts {
		b = append(appendAddr(b, h.addr), flag(h.ultra))
		b = number64(b, n.since(h.after))
	}
	b = n.seen.appendState(b)
	b = n.servents.appendState(b)
	b = number64(b, int64(len(n.pongs)))
	for _, p := range n.pongs {
		b = append(appendAddr(b, p.addr), p.hops)
		b = appendBytes(number64(b, int64(p.from), n.since(p.at)), p.payload)
	}
	b = number64(b, int64(len(n.dynamic)))
	for i := range n.dynamic {
		d := &n.dynamic[i]
		b = append(append(b, d.guid[:]...), d.hops, flag(d.guided), flag(d.waits))
		b = number64(b, int64(d.from), int64(d.results), int64(d.wanted), int64(d.reached), n.since(d.at))
		b = number64(b, int64(len(d.sent)))
		for _, id := range d.sent {
			b = number64(b, int64(id))
		}
		b = appendBytes(b, d.payload)
	}
	b = number64(b, int64(len(n.searches)))
	for _, s := range n.searches {
		b = number64(append(b, s.guid[:]...), int64(s.hits))
	}
	b = number64(b, int64(len(n.owed)))
	for _, o := range n.owed {
		b = append(appendAddr(append(b, o.guid[:]...), o.to), flag(o.served))
		b = appendBytes(number64(b, n.since(o.at)), o.payload)
	}
	for _, p := range n.promised {
		b = appendAddr(append(append(b, p.guid[:]...), p.token[:]...), p.from)
		b = number64(append(b, flag(p.safe)), int64(p.left), n.since(p.at))
	}
	return b
}

func (n *Node) appendConn(b []byte, c *conn) []byte {
	b = number64(b, int64(c.id), n.since(c.due), n.since(c.heard), n.since(c.ponged), n.since(c.paced), n.since(c.reset))
	b = appendAddr(appendAddr(appendAddr(b, c.remote), c.listen), c.proxy)
	b = append(b, c.standsFor[:]...)
	b = append(b, byte(c.phase), byte(c.mode), flag(c.old), c.maxTTL, c.hopsFlow, flag(c.told), flag(c.choked))
	b = number64(b, int64(c.offers), int64(c.degree), int64(c.files), int64(c.kilobytes))
	b = number64(b, int64(c.queued), int64(c.inFlight))
	b = appendBytes(append(b, c.taken[:]...), []byte(c.agent))
	b = number64(b, int64(len(c.queue)))
	for i := range c.queue {
		q := &c.queue[i]
		b = append(append(b, q.d.GUID[:]...), byte(q.d.Type), q.d.TTL, q.d.Hops)
		b = appendBytes(number64(b, int64(q.rank)), q.d.Payload)
	}
	return b
}

func (r *routes) appendState(b []byte) []byte {
	b = number64(b, int64(r.next), int64(len(r.list)))
	for i := range r.list {
		e := &r.list[i]
		b = append(append(b, byte(e.key.Type)), e.key.GUID[:]...)
		b = number64(b, int64(e.from))
	}
	return b
}

// since is an instant relative to now; never stays itself.
func (n *Node) since(at time.Duration) int64 {
	if at == never {
		return int64(never)
	}
	return int64(at - n.now)
}

func number64(b []byte, values ...int64) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func appendBytes(b, text []byte) []byte { return append(number64(b, int64(len(text))), text...) }

func appendAddr(b []byte, a netip.AddrPort) []byte {
	text, _ := a.MarshalBinary()
	return append(append(b, byte(len(text))), text...)
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check implements [spec.Machine]: tables are within their bounds, and agree with
// what they are indexed by.
func (n *Node) Check() error {
	peers, leaves, unknown := n.count()
	switch {
	case peers+leaves > n.cfg.Peers+n.cfg.Leaves || unknown > n.cfg.Handshakes:
		return fmt.Errorf("gnutella: %d equals, %d leaves, %d unknown: more than there is room for",
			peers, leaves, unknown)
	case len(n.hosts) > n.cfg.MaxHosts || len(n.pongs) > n.cfg.MaxPongs ||
		max(len(n.dynamic), len(n.searches), len(n.owed), len(n.promised)) > n.cfg.MaxQueries:
		return fmt.Errorf("gnutella: over a limit: %d hosts, %d pongs, %d queries, %d searches, %d and %d out of band",
			len(n.hosts), len(n.pongs), len(n.dynamic), len(n.searches), len(n.owed), len(n.promised))
	}
	for _, r := range []*routes{&n.seen, &n.servents} {
		if err := r.check(n.cfg.MaxSeen); err != nil {
			return err
		}
	}
	for i, c := range n.conns {
		if err := n.checkConn(c); err != nil {
			return err
		}
		if slices.ContainsFunc(n.conns[:i], func(o *conn) bool { return o.id == c.id }) {
			return fmt.Errorf("gnutella: connection %d is there twice", c.id)
		}
	}
	return nil
}

func (n *Node) checkConn(c *conn) error {
	var bytes int32
	for i := range c.queue {
		bytes += size(&c.queue[i].d)
		if i > 0 && c.queue[i-1].rank > c.queue[i].rank {
			return fmt.Errorf("gnutella: connection %d: what waits is out of order (GN-FC-02)", c.id)
		}
	}
	switch {
	case c.phase == ended:
		return fmt.Errorf("gnutella: connection %d has ended and is still there", c.id)
	case bytes != c.queued || c.queued > int32(n.cfg.QueueBytes):
		return fmt.Errorf("gnutella: connection %d: %d bytes wait, %d are counted, at most %d",
			c.id, bytes, c.queued, n.cfg.QueueBytes)
	case c.due <= n.now:
		return fmt.Errorf("gnutella: connection %d was due at %v", c.id, c.due)
	}
	return nil
}

func (r *routes) check(limit int) error {
	filled := 0
	for _, slot := range r.slots {
		if slot != 0 {
			filled++
		}
	}
	if len(r.list) > limit || filled != len(r.list) || 2*filled > len(r.slots) {
		return fmt.Errorf("gnutella: %d routes, %d indexed in %d slots, at most %d",
			len(r.list), filled, len(r.slots), limit)
	}
	for i := range r.list {
		if at, ok := r.lookup(r.list[i].key); !ok || int(r.place(at)) != i {
			return fmt.Errorf("gnutella: the route of %v is not where it should be", r.list[i].key)
		}
	}
	return nil
}
