package mainline

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (n *Node) Clone() spec.Machine {
	c := *n
	for i := range c.families {
		c.families[i].table = n.families[i].table.Clone()
	}
	c.torrents.hashes = slices.Clone(n.torrents.hashes)
	c.torrents.peers = slices.Clone(n.torrents.peers)
	for i, peers := range c.torrents.peers {
		c.torrents.peers[i] = slices.Clone(peers)
	}
	c.items.targets, c.items.items = slices.Clone(n.items.targets), slices.Clone(n.items.items)
	c.votes, c.queries = slices.Clone(n.votes), slices.Clone(n.queries)
	c.saved, c.rests = slices.Clone(n.saved), slices.Clone(n.rests)
	c.ops = slices.Clone(n.ops)
	for i, o := range c.ops {
		c.ops[i] = o.clone()
	}
	return &c
}

func (o *op) clone() *op {
	c := *o
	for i := range c.walks {
		c.walks[i].lookup = o.walks[i].lookup.Clone()
		c.walks[i].grants = slices.Clone(o.walks[i].grants)
	}
	c.peers = slices.Clone(o.peers)
	for _, filter := range [...]**Filter{&c.seeds, &c.downloaders} {
		if *filter != nil {
			own := **filter
			*filter = &own
		}
	}
	return &c
}

// encoder writes state: everything that varies in size has its length in
// front, and instants are relative to now.
type encoder struct {
	b   []byte
	now time.Duration
}

func (e *encoder) uint(n uint64)           { e.b = binary.BigEndian.AppendUint64(e.b, n) }
func (e *encoder) at(at time.Duration)     { e.uint(uint64(at - e.now)) }
func (e *encoder) bytes(s []byte)          { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) string(s string)         { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) id(id kademlia.ID)       { e.b = append(e.b, id[:]...) }
func (e *encoder) ip(ip netip.Addr)        { e.bytes(ip.AsSlice()) }
func (e *encoder) addr(a netip.AddrPort)   { e.ip(a.Addr()); e.uint(uint64(a.Port())) }
func (e *encoder) node(c kademlia.Contact) { e.id(c.ID); e.addr(c.Addr) }

func (e *encoder) flags(flags ...bool) {
	for _, f := range flags {
		bit := byte(0)
		if f {
			bit = 1
		}
		e.b = append(e.b, bit)
	}
}

// AppendState implements [spec.Machine].
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(b)
	for i := range n.families {
		if f := &n.families[i]; f.on {
			b = f.table.AppendState(b, n.now)
			b = binary.BigEndian.AppendUint64(b, uint64(f.refreshAt-n.now))
		}
	}
	for _, o := range n.ops {
		for i := range o.walks {
			b = o.walks[i].lookup.AppendState(b)
		}
	}
	e := encoder{b, n.now}
	e.id(n.id)
	e.ip(n.external)
	e.b = append(e.b, n.tokens.key[:]...)
	e.at(n.tokens.start)
	if e.flags(n.sweepAt != never); n.sweepAt != never {
		e.at(n.sweepAt)
	}
	e.stores(n)
	e.bytes(n.sample.hashes)
	e.at(n.sample.taken)
	e.uint(uint64(len(n.votes)))
	for _, v := range n.votes {
		e.ip(netip.AddrFrom16(v.voter).Unmap())
		e.ip(netip.AddrFrom16(v.claim).Unmap())
	}
	e.queries(n)
	e.uint(uint64(len(n.ops)))
	for _, o := range n.ops {
		e.op(o)
	}
	e.uint(uint64(n.lastOp))
	e.uint(uint64(len(n.saved)))
	for _, c := range n.saved {
		e.node(c)
	}
	e.uint(uint64(len(n.rests)))
	for _, r := range n.rests {
		e.addr(r.addr)
		e.at(r.until)
	}
	return e.b
}

func (e *encoder) stores(n *Node) {
	e.uint(uint64(len(n.torrents.hashes)))
	for i, infoHash := range n.torrents.hashes {
		e.id(infoHash)
		e.uint(uint64(len(n.torrents.peers[i])))
		for _, p := range n.torrents.peers[i] {
			e.addr(p.addr)
			e.at(p.expires)
			e.flags(p.seed)
		}
	}
	e.uint(uint64(len(n.items.targets)))
	for i, target := range n.items.targets {
		it := &n.items.items[i]
		e.id(target)
		e.at(it.expires)
		e.flags(it.mutable)
		e.uint(uint64(it.seq))
		e.bytes(it.k[:])
		e.bytes(it.sig[:])
		e.bytes(it.v)
	}
}

func (e *encoder) queries(n *Node) {
	e.uint(uint64(n.pings))
	e.uint(uint64(len(n.queries)))
	for i := range n.queries {
		q := &n.queries[i]
		e.uint(uint64(q.t))
		e.b = append(e.b, byte(q.role))
		e.flags(q.known)
		e.node(kademlia.Contact{ID: q.id, Addr: q.to})
		e.at(q.sent)
		e.uint(uint64(q.op))
	}
}

func (e *encoder) op(o *op) {
	e.uint(uint64(o.serial))
	e.uint(uint64(o.id))
	e.b = append(e.b, byte(o.kind))
	e.uint(uint64(o.waiting))
	e.flags(o.storing, o.impliedPort, o.seed, o.noSeed, o.scrape, o.found, o.hasCAS, o.item.Mutable)
	for _, w := range o.walks {
		e.uint(uint64(len(w.grants)))
		for _, g := range w.grants {
			e.node(g.Contact)
			e.bytes(g.token)
			e.flags(g.holds)
		}
	}
	e.uint(uint64(o.took))
	e.uint(uint64(o.refusal.Code))
	e.string(o.refusal.Text)
	e.id(o.target)
	e.addr(o.addr)
	e.uint(uint64(o.port))
	e.uint(uint64(len(o.peers)))
	for _, p := range o.peers {
		e.addr(p)
	}
	for _, f := range [...]*Filter{o.seeds, o.downloaders} {
		if e.flags(f != nil); f != nil {
			e.bytes(f[:])
		}
	}
	e.bytes(o.item.V)
	e.bytes(o.item.K[:])
	e.bytes(o.item.Salt)
	e.uint(uint64(o.item.Seq))
	e.bytes(o.item.Sig[:])
	e.uint(uint64(o.cas))
}

// Check implements [spec.Machine]. It reports the first broken invariant: the
// routing tables and lookups are sound; the stores are in order and within
// their limits; each command under way waits for a query, and each query was
// made for one of the reasons there are; nothing in flight exceeds MaxPending.
func (n *Node) Check() error {
	for i := range n.families {
		if f := &n.families[i]; f.on {
			if err := f.table.Check(); err != nil {
				return fmt.Errorf("mainline: family %d: %w", i, err)
			}
			if f.table.Self() != n.id {
				return fmt.Errorf("mainline: the table is %v's, the node %v", f.table.Self(), n.id)
			}
		}
	}
	for _, check := range [...]func() error{n.checkStores, n.checkQueries, n.checkOps} {
		if err := check(); err != nil {
			return fmt.Errorf("mainline: %w", err)
		}
	}
	switch {
	case len(n.votes) > maxVotes:
		return fmt.Errorf("mainline: %d votes exceed %d", len(n.votes), maxVotes)
	case len(n.rests) > maxSampled:
		return fmt.Errorf("mainline: %d nodes rest, limit %d", len(n.rests), maxSampled)
	case (n.sweepAt != never) != (len(n.torrents.hashes)+len(n.items.targets) > 0):
		return fmt.Errorf("mainline: the sweep does not follow the stores")
	}
	return nil
}

func (n *Node) checkStores() error {
	t, s := &n.torrents, &n.items
	strictly := func(k keys) bool {
		for i := 1; i < len(k); i++ {
			if k[i-1].Cmp(k[i]) >= 0 {
				return false
			}
		}
		return true
	}
	switch {
	case !strictly(t.hashes) || len(t.peers) != len(t.hashes):
		return fmt.Errorf("info-hashes out of order")
	case !strictly(s.targets) || len(s.items) != len(s.targets):
		return fmt.Errorf("items out of order")
	case len(t.hashes) > n.cfg.MaxTorrents || len(s.targets) > n.cfg.MaxItems:
		return fmt.Errorf("%d torrents and %d items exceed the limits", len(t.hashes), len(s.targets))
	}
	for i, peers := range t.peers {
		if len(peers) == 0 || len(peers) > n.cfg.MaxPeers {
			return fmt.Errorf("%d peers of %v, limit %d", len(peers), t.hashes[i], n.cfg.MaxPeers)
		}
		for j := 1; j < len(peers); j++ {
			if peers[j-1].addr.Addr().Compare(peers[j].addr.Addr()) >= 0 {
				return fmt.Errorf("peers of %v out of order", t.hashes[i])
			}
		}
	}
	for i := range s.items {
		if len(s.items[i].v) > MaxItem {
			return fmt.Errorf("item %v has %d bytes", s.targets[i], len(s.items[i].v))
		}
	}
	return nil
}

func (n *Node) checkQueries() error {
	pings := int32(0)
	for i := range n.queries {
		q := &n.queries[i]
		switch {
		case i > 0 && q.sent < n.queries[i-1].sent:
			return fmt.Errorf("query %d is older than its predecessor", i)
		case n.transaction(q.t) != i:
			return fmt.Errorf("transaction id %08x is used twice", q.t)
		case q.op != 0 && n.opOf(*q) == nil:
			return fmt.Errorf("query %d serves no command", i)
		case q.role <= roleVerify:
			pings++
		}
	}
	if pings != n.pings || pings > maxPings {
		return fmt.Errorf("%d pings in flight, counted %d, limit %d", pings, n.pings, maxPings)
	}
	return nil
}

func (n *Node) checkOps() error {
	left := len(n.queries) - int(n.pings)
	for _, o := range n.ops {
		var all, counted int
		for i := range n.queries {
			if q := &n.queries[i]; q.op == o.serial {
				all++
				if q.role == roleSeed || q.role == roleStore {
					counted++
				}
			}
		}
		switch {
		case o.serial == 0 || n.opOf(query{op: o.serial}) != o:
			return fmt.Errorf("command %d has the serial number of another", o.id)
		case all == 0 || all > n.slots():
			return fmt.Errorf("command %d has %d queries in flight", o.id, all)
		case counted != int(o.waiting):
			return fmt.Errorf("command %d waits for %d queries of %d", o.id, o.waiting, counted)
		case len(o.peers) > MaxPeersFound:
			return fmt.Errorf("command %d found %d peers", o.id, len(o.peers))
		}
		left -= all
		for i := range o.walks {
			if err := o.walks[i].lookup.Check(); err != nil {
				return err
			}
		}
	}
	if len(n.ops)*n.slots()+left > n.cfg.MaxPending && len(n.ops) > 0 {
		return fmt.Errorf("%d commands and %d queries exceed the limit", len(n.ops), left)
	}
	return nil
}
