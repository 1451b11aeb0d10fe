package bittorrent

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (n *Node) Clone() spec.Machine {
	c := *n
	c.picker, c.choker, c.blame = n.picker.clone(), n.choker.clone(), n.blame.clone()
	c.conns = make([]*conn, len(n.conns))
	for i, d := range n.conns {
		if d != nil {
			c.conns[i] = d.clone()
		}
	}
	c.slots = maps.Clone(n.slots)
	c.known.addrs, c.known.banned = slices.Clone(n.known.addrs), slices.Clone(n.known.banned)
	c.tasks, c.retry = slices.Clone(n.tasks), slices.Clone(n.retry)
	c.meta = n.meta.clone()
	c.fetch.hashes = slices.Clone(n.fetch.hashes)
	c.scratch, c.others = nil, nil
	return &c
}

func (c *conn) clone() *conn {
	d := *c
	d.has = c.has.clone()
	d.asked, d.queue = slices.Clone(c.asked), slices.Clone(c.queue)
	d.allowed, d.suggested = slices.Clone(c.allowed), slices.Clone(c.suggested)
	d.granted = slices.Clone(c.granted)
	d.early.field, d.early.pieces = slices.Clone(c.early.field), slices.Clone(c.early.pieces)
	d.pexTold = slices.Clone(c.pexTold)
	return &d
}

func (d *dictionary) clone() dictionary {
	c := *d
	c.blocks, c.from, c.asks = slices.Clone(d.blocks), slices.Clone(d.from), slices.Clone(d.asks)
	return c
}

// encoder appends canonical state.
type encoder struct {
	b   []byte
	now time.Duration
}

func (e *encoder) uint(v uint64)   { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) ints(v ...int32) { e.b = appendInts(e.b, v...) }

// at appends an instant, relative to now.
func (e *encoder) at(at time.Duration) {
	if at == never {
		e.uint(uint64(never))
		return
	}
	e.uint(uint64(at - e.now))
}

func (e *encoder) addr(a netip.AddrPort) {
	ip := a.Addr().AsSlice()
	e.b = append(append(e.b, byte(len(ip))), ip...)
	e.b = binary.BigEndian.AppendUint16(e.b, a.Port())
}

func (e *encoder) addrs(list []netip.AddrPort) {
	e.ints(int32(len(list)))
	for _, a := range list {
		e.addr(a)
	}
}

func (e *encoder) bytes(s []byte) {
	e.ints(int32(len(s)))
	e.bools(s != nil)
	e.b = append(e.b, s...)
}

func (e *encoder) bools(flags ...bool) {
	for _, f := range flags {
		e.b = appendBool(e.b, f)
	}
}

func (e *encoder) list(v []int32) {
	e.ints(int32(len(v)))
	e.ints(v...)
}

func (e *encoder) block(b block) { e.ints(b.piece, b.begin, b.length) }

// AppendState implements [spec.Machine].
func (n *Node) AppendState(b []byte) []byte {
	b = append(b, n.peerID[:]...)
	b = n.rng.AppendState(b)
	b = n.picker.appendState(b)
	b = n.choker.appendState(b)
	b = n.blame.appendState(b)
	e := encoder{b, n.now}
	e.ints(n.layout.Pieces, n.layout.PieceLength, int32(len(n.layout.Short)))
	for _, s := range n.layout.Short {
		e.ints(s.Index, s.Length)
	}
	e.bools(n.layout.Private, n.stopped, n.failed, n.wasLeft, n.spoilt, n.lacking)
	e.bytes(n.raw)
	e.dictionary(&n.meta)
	e.ints(n.fetch.file)
	e.bytes(n.fetch.hashes)
	e.uint(uint64(n.fetch.conn))
	e.at(n.fetch.at)
	e.ints(n.live, n.halfOpen, n.storing, int32(len(n.conns)))
	for _, c := range n.conns {
		if e.bools(c != nil); c != nil {
			e.conn(c)
		}
	}
	e.uint(uint64(n.lastConn))
	e.uint(uint64(n.lastToken))
	e.known(&n.known)
	e.ints(int32(len(n.tasks)))
	for i := range n.tasks {
		t := &n.tasks[i]
		e.uint(uint64(t.token))
		e.b = append(e.b, byte(t.kind))
		e.block(t.block)
		e.uint(uint64(t.conn))
		e.addr(t.from)
		e.bools(t.dropped)
	}
	e.list(n.retry)
	e.at(n.tickAt)
	e.at(n.rechokeAt)
	e.uint(uint64(n.downloaded))
	e.uint(uint64(n.uploaded))
	return e.b
}

func (e *encoder) known(k *known) {
	e.ints(int32(len(k.addrs)))
	for _, a := range k.addrs {
		e.addr(a.addr)
		e.b = append(e.b, byte(a.source), byte(a.failures))
		e.bools(a.inUse, a.seed)
		e.at(a.next)
	}
	e.addrs(k.banned)
}

func (e *encoder) dictionary(d *dictionary) {
	e.uint(uint64(d.size))
	e.uint(uint64(d.alone))
	e.bools(d.single)
	e.ints(int32(len(d.blocks)), int32(len(d.from)), int32(len(d.asks)))
	for _, b := range d.blocks {
		e.bytes(b)
	}
	for _, id := range d.from {
		e.uint(uint64(id))
	}
	for _, a := range d.asks {
		e.uint(uint64(a.conn))
		e.ints(a.index)
		e.at(a.at)
	}
}

func (e *encoder) conn(c *conn) {
	e.uint(uint64(c.id))
	e.addr(c.remote)
	e.b = append(e.b, byte(c.phase))
	e.addr(c.listen)
	for _, at := range [...]time.Duration{
		c.since, c.heard, c.sent, c.turned, c.gave, c.metaRest, c.hashRest, c.pexNext, c.pexHeard,
	} {
		e.at(at)
	}
	e.b = append(e.b, c.peerID[:]...)
	e.bools(c.fast, c.ext, c.dht, c.begun, c.amChoking, c.amInterested, c.peerChoking, c.peerInterested,
		c.uploadOnly)
	e.b = c.has.appendState(e.b)
	e.ints(c.unread, c.wants, c.depth, c.limit, c.rejects, c.loads, c.loading, c.written, int32(len(c.asked)))
	for _, a := range c.asked {
		e.block(a.block)
		e.at(a.at)
		e.bools(a.late, a.lapsed)
	}
	e.ints(int32(len(c.queue)))
	for _, b := range c.queue {
		e.block(b)
	}
	e.list(c.allowed)
	e.list(c.suggested)
	e.list(c.granted)
	e.bools(c.granted != nil, c.early.all)
	e.uint(uint64(c.credit))
	e.b = append(e.b, c.their.metadata, c.their.pex, c.their.dontHave, c.their.uploadOnly)
	e.uint(uint64(c.their.metadataSize))
	e.bytes(c.early.field)
	e.list(c.early.pieces)
	e.ints(c.metaFails, c.metaServed, c.hashesServed)
	e.addrs(c.pexTold)
	e.b = c.up.appendState(e.b, e.now)
	e.b = c.down.appendState(e.b, e.now)
}
