package kademlia

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable. Values are
// shared: their bytes never change.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.table = n.table.Clone()
	c.rpcs = slices.Clone(n.rpcs)
	c.searches = slices.Clone(n.searches)
	for i := range c.searches {
		c.searches[i].lookup = n.searches[i].lookup.Clone()
	}
	c.values = slices.Clone(n.values)
	c.published = slices.Clone(n.published)
	return &c
}

// AppendState appends the whole state; instants are relative to now, so that
// time-shifted twins are equal.
func (n *Node) AppendState(b []byte) []byte {
	b = n.cfg.append(b)
	b = n.rng.AppendState(b)
	b = n.table.AppendState(b, n.now)
	b = appendUint32(b, n.lastSearch)
	b = appendAt(b, n.retryAt, n.now)
	b = appendUint32(b, uint32(len(n.rpcs)))
	for i := range n.rpcs {
		r := &n.rpcs[i]
		b = append(b, r.id[:]...)
		b = appendContact(b, &r.to)
		b = appendAt(b, r.deadline, n.now)
		b = append(b, uint8(r.kind))
		b = appendUint32(b, r.search)
		b = appendUint64(b, uint64(r.op))
	}
	b = appendUint32(b, uint32(len(n.searches)))
	for i := range n.searches {
		b = n.searches[i].append(b, n.now)
	}
	b = appendUint32(b, uint32(len(n.values)))
	for i := range n.values {
		v := &n.values[i]
		b = append(b, v.key[:]...)
		b = appendBytes(b, v.data)
		b = appendAt(b, v.expireAt, n.now)
		b = appendAt(b, v.replicateAt, n.now)
	}
	b = appendUint32(b, uint32(len(n.published)))
	for i := range n.published {
		p := &n.published[i]
		b = append(b, p.key[:]...)
		b = appendBytes(b, p.data)
		b = appendAt(b, p.republishAt, n.now)
	}
	return b
}

func (c *Config) append(b []byte) []byte {
	b = append(b, c.ID[:]...)
	b = append(b, c.Seed[:]...)
	for _, d := range [...]time.Duration{
		c.RPCTimeout, c.Refresh, c.Replicate, c.Republish, c.Expire,
	} {
		b = appendUint64(b, uint64(d))
	}
	for _, v := range [...]int{
		c.IDBits, c.K, c.Alpha, c.SplitBits, c.Spare, int(boolByte(c.DelayProbes)),
		c.MaxLookups, c.MaxPings, c.MaxValues, c.MaxPublished, c.MaxValueBytes,
	} {
		b = appendUint64(b, uint64(v))
	}
	return b
}

func (s *search) append(b []byte, now time.Duration) []byte {
	b = appendUint32(b, s.serial)
	b = append(b, uint8(s.purpose), boolByte(s.storing))
	b = appendUint64(b, uint64(s.op))
	b = s.lookup.AppendState(b)
	b = appendBytes(b, s.data)
	b = appendAt(b, s.expireAt, now)
	for _, v := range [...]int32{s.failed, s.farther, s.pending, s.copies} {
		b = appendUint32(b, uint32(v))
	}
	b = appendUint32(b, uint32(len(s.neighbours)))
	for i := range s.neighbours {
		b = appendContact(b, &s.neighbours[i])
	}
	return b
}

func appendBytes(b, data []byte) []byte {
	return append(appendUint32(b, uint32(len(data))), data...)
}

// Check reports the first broken invariant: those of the table and of every
// lookup; tables within their limits and in order; every request under way
// accounted for by the search it serves; no timer left behind.
func (n *Node) Check() error {
	if err := n.table.Check(); err != nil {
		return err
	}
	for _, l := range [...]limit{
		{"lookups", len(n.searches), 0, n.cfg.MaxLookups},
		{"free pings", n.freePings(), 0, n.cfg.MaxPings},
		{"values", len(n.values), 0, n.cfg.MaxValues},
		{"published", len(n.published), 0, n.cfg.MaxPublished},
	} {
		if err := checkLimits(l); err != nil {
			return err
		}
	}
	for i := range n.searches {
		if err := n.checkSearch(&n.searches[i]); err != nil {
			return fmt.Errorf("search %d: %w", n.searches[i].serial, err)
		}
	}
	for i := 1; i < len(n.rpcs); i++ {
		if n.rpcs[i-1].deadline > n.rpcs[i].deadline {
			return fmt.Errorf("kademlia: requests out of order at %d", i)
		}
	}
	for i := 1; i < len(n.values); i++ {
		if n.values[i-1].compare(n.values[i].key) >= 0 {
			return fmt.Errorf("kademlia: values out of order at %d", i)
		}
	}
	for i := 1; i < len(n.published); i++ {
		if n.published[i-1].compare(n.published[i].key) >= 0 {
			return fmt.Errorf("kademlia: publications out of order at %d", i)
		}
	}
	if at, armed := n.Deadline(); armed && at <= n.now {
		return fmt.Errorf("kademlia: timer due at %v still armed at %v", at, n.now)
	}
	return nil
}

func (n *Node) checkSearch(s *search) error {
	if err := s.lookup.Check(); err != nil {
		return err
	}
	var lookups, stores int32
	for i := range n.rpcs {
		if r := &n.rpcs[i]; r.search == s.serial {
			stores += int32(boolByte(r.kind == storeRPC))
			lookups += int32(boolByte(r.kind != storeRPC))
		}
	}
	switch {
	case !s.storing && lookups != s.lookup.inFlight:
		return fmt.Errorf("kademlia: %d requests under way, lookup counts %d",
			lookups, s.lookup.inFlight)
	case stores != s.pending:
		return fmt.Errorf("kademlia: %d STOREs under way, %d pending", stores, s.pending)
	case !s.storing && lookups == 0, s.storing && stores == 0:
		return fmt.Errorf("kademlia: search waits for nothing")
	}
	return nil
}
