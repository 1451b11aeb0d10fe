package kademlia

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

const (
	// MaxK bounds the contacts of one bucket, so that a bucket can be ordered
	// on the stack. The paper uses 20, BEP 5 uses 8.
	MaxK = 64

	// MaxSplitBits bounds the relaxation of the splitting rule: b = 8 already
	// costs 255 buckets a level.
	MaxSplitBits = 8

	// maxBuckets stops every split but that of the own bucket, so that a flood
	// of chosen identifiers cannot grow a table without end. A network of ten
	// million nodes with b = 5 needs about 150.
	maxBuckets = 1024
)

// TableConfig holds the rules of a routing table. Zero fields take the defaults
// named beside them, which are the paper's.
type TableConfig struct {
	Self ID

	IDBits    int // width of the identifier space, 3…160; default 160
	K         int // contacts a bucket holds, 1…64; default 20
	SplitBits int // b of the relaxed splitting rule, 1…8; default 1: own bucket only
	Spare     int // size of a bucket's replacement cache, 0…64; negative: none; default 8

	// KeepNearest also splits a bucket inside the smallest subtree around Self
	// that holds K contacts, so that Self knows its whole neighbourhood even in
	// an unbalanced tree (KAD-TABLE-005).
	KeepNearest bool

	// GoodFor is how long after its last sign of life a contact needs no ping
	// before a newcomer is turned away: 15 minutes in BEP 5; default 0: the
	// paper pings the least recently seen contact whatever its age.
	GoodFor time.Duration

	StaleAfter int // unanswered requests in a row that make a contact bad; default 5
	EvictAfter int // the same for a contact pinged on behalf of a newcomer; default 1
}

func (c TableConfig) withDefaults() (TableConfig, error) {
	c.IDBits = cmp.Or(c.IDBits, MaxBits)
	c.K = cmp.Or(c.K, 20)
	c.SplitBits = cmp.Or(c.SplitBits, 1)
	c.Spare = max(cmp.Or(c.Spare, 8), 0)
	c.StaleAfter = cmp.Or(c.StaleAfter, 5)
	c.EvictAfter = cmp.Or(c.EvictAfter, 1)
	if err := checkLimits(
		limit{"IDBits", c.IDBits, 3, MaxBits},
		limit{"K", c.K, 1, MaxK},
		limit{"SplitBits", c.SplitBits, 1, MaxSplitBits},
		limit{"Spare", c.Spare, 0, MaxK},
		limit{"StaleAfter", c.StaleAfter, 1, 100},
		limit{"EvictAfter", c.EvictAfter, 1, c.StaleAfter},
	); err != nil {
		return c, err
	}
	if c.GoodFor < 0 {
		return c, fmt.Errorf("kademlia: GoodFor is %v, want none or a positive time", c.GoodFor)
	}
	if !c.Self.Fits(c.IDBits) {
		return c, fmt.Errorf("kademlia: own ID %v exceeds %d bits", c.Self, c.IDBits)
	}
	return c, nil
}

// limit is a named number and the range that it must lie in.
type limit struct {
	name      string
	v, lo, hi int
}

func checkLimits(limits ...limit) error {
	for _, l := range limits {
		if l.v < l.lo || l.v > l.hi {
			return fmt.Errorf("kademlia: %s is %d, want %d to %d", l.name, l.v, l.lo, l.hi)
		}
	}
	return nil
}

// A Table is a Kademlia routing table: buckets of at most K contacts whose
// ranges partition the identifier space, finest around the own identifier.
// It is a value of plain data. It sends nothing: operations return what the
// owner should ping, and the owner reports each ping's fate with
// [Table.Replied], [Table.Failed] or [Table.Unprobe].
//
// KAD-BUCKET-010, KAD-TABLE-001, KAD-TABLE-002 (Kademlia §2.2, §2.4); BEP 5
// §Routing Table.
type Table struct {
	self       ID
	goodFor    time.Duration
	idBits     uint8
	k          uint8
	splitBits  uint8
	spare      uint8
	staleAfter uint8
	evictAfter uint8
	nearest    bool
	size       int32    // contacts in all buckets
	quietest   int32    // index of the bucket that was touched longest ago
	buckets    []bucket // ordered by range
}

// bucket covers the identifiers that share depth bits with prefix. Entries run
// from the least to the most recently seen, and so do the spares.
//
// KAD-BUCKET-002, KAD-BUCKET-012 (Kademlia §2.2, §4.1).
type bucket struct {
	prefix  ID // bits past depth are 0
	depth   uint8
	probing bool          // one entry has probed set
	touched time.Duration // see Touch
	keys    []uint64      // of each entry the top of its ID: see find
	entries []Entry
	spares  []Entry
}

// NewTable returns an empty table: one bucket for the whole space, touched now.
// The error names the field that is out of range.
func NewTable(cfg TableConfig, now time.Duration) (Table, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Table{}, err
	}
	return Table{
		self:       cfg.Self,
		goodFor:    cfg.GoodFor,
		idBits:     uint8(cfg.IDBits),
		k:          uint8(cfg.K),
		splitBits:  uint8(cfg.SplitBits),
		spare:      uint8(cfg.Spare),
		staleAfter: uint8(cfg.StaleAfter),
		evictAfter: uint8(cfg.EvictAfter),
		nearest:    cfg.KeepNearest,
		buckets:    []bucket{{touched: now}},
	}, nil
}

// Self is the identifier around which the table is centred.
func (t *Table) Self() ID { return t.self }

// Len counts the contacts, spares not included.
func (t *Table) Len() int { return int(t.size) }

// Get returns the entry of the contact id.
func (t *Table) Get(id ID) (Entry, bool) {
	b := t.bucketOf(id)
	if i := b.find(&id); i >= 0 {
		return b.entries[i], true
	}
	return Entry{}, false
}

// All yields the contacts, bucket by bucket in the order of their ranges and
// within one from the least to the most recently seen.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range t.buckets {
			for _, e := range t.buckets[i].entries {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Range describes one bucket.
type Range struct {
	Prefix  ID            // the first identifier of the range
	Depth   int           // bits that the range shares with Prefix
	Len     int           // contacts
	Touched time.Duration // see Touch
}

// Buckets yields the buckets in the order of their ranges.
func (t *Table) Buckets() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for i := range t.buckets {
			b := &t.buckets[i]
			if !yield(Range{b.prefix, int(b.depth), len(b.entries), b.touched}) {
				return
			}
		}
	}
}

// Touch notes activity in the bucket whose range holds id. What counts is the
// owner's rule: a lookup in the paper (§2.3), an answer or a new contact in
// BEP 5.
func (t *Table) Touch(id ID, now time.Duration) {
	i := t.bucketIndex(&id)
	b := &t.buckets[i]
	b.touched = max(b.touched, now)
	if i == int(t.quietest) {
		t.findQuietest()
	}
}

func (t *Table) findQuietest() {
	t.quietest = 0
	for i := range t.buckets {
		if t.buckets[i].touched < t.buckets[t.quietest].touched {
			t.quietest = int32(i)
		}
	}
}

// Quietest returns the bucket that was touched longest ago, the first such in
// the order of ranges.
func (t *Table) Quietest() Range {
	q := &t.buckets[t.quietest]
	return Range{q.prefix, int(q.depth), len(q.entries), q.touched}
}

// RandomID draws a member of the range, the target of a refresh.
func (t *Table) RandomID(r Range, rng *spec.Rand) ID {
	return RandomWithPrefix(rng, r.Prefix, r.Depth, int(t.idBits))
}

// bucketOf returns the bucket whose range holds id.
func (t *Table) bucketOf(id ID) *bucket { return &t.buckets[t.bucketIndex(&id)] }

func (t *Table) bucketIndex(id *ID) int {
	lo, hi := 0, len(t.buckets) // buckets[lo].prefix ≤ id < buckets[hi].prefix
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if prefix := &t.buckets[mid].prefix; bytes.Compare(prefix[:], id[:]) <= 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// find returns the position of id among the entries, -1 if it is not there. It
// reads the keys, which lie side by side, before it touches an entry: with many
// nodes in one process the cache decides.
func (b *bucket) find(id *ID) int {
	key := high(id)
	for i, k := range b.keys {
		if k == key && b.entries[i].ID == *id {
			return i
		}
	}
	return -1
}

func index(entries []Entry, id *ID) int {
	for i := range entries {
		if same(&entries[i].ID, id) {
			return i
		}
	}
	return -1
}

// Clone returns a table that shares nothing with t.
func (t *Table) Clone() Table {
	c := *t
	c.buckets = slices.Clone(t.buckets)
	for i := range c.buckets {
		b := &c.buckets[i]
		b.keys = slices.Clone(b.keys)
		b.entries, b.spares = slices.Clone(b.entries), slices.Clone(b.spares)
	}
	return c
}

// AppendState appends every field, instants relative to now.
func (t *Table) AppendState(b []byte, now time.Duration) []byte {
	b = append(b, t.self[:]...)
	b = appendUint64(b, uint64(t.goodFor))
	b = append(b, t.idBits, t.k, t.splitBits, t.spare, t.staleAfter, t.evictAfter)
	b = append(b, boolByte(t.nearest))
	b = appendUint32(b, uint32(t.size))
	b = appendUint32(b, uint32(t.quietest))
	b = appendUint32(b, uint32(len(t.buckets)))
	for i := range t.buckets {
		u := &t.buckets[i]
		b = append(b, u.prefix[:]...)
		b = append(b, u.depth, boolByte(u.probing))
		b = appendAt(b, u.touched, now)
		for _, key := range u.keys {
			b = appendUint64(b, key)
		}
		for _, list := range [...][]Entry{u.entries, u.spares} {
			b = append(b, uint8(len(list)))
			for j := range list {
				b = appendEntry(b, &list[j], now)
			}
		}
	}
	return b
}

// Check reports the first broken invariant: the ranges partition the space; a
// contact lies in its bucket's range, is not the own node, and occurs once; no
// bucket holds more than K; one ping at most decides about a bucket.
func (t *Table) Check() error {
	size := 0
	for i := range t.buckets {
		b := &t.buckets[i]
		if err := t.checkBucket(b); err != nil {
			return fmt.Errorf("kademlia: bucket %d: %w", i, err)
		}
		if i == 0 && b.prefix != (ID{}) || i > 0 && b.prefix != after(&t.buckets[i-1]) {
			return fmt.Errorf("kademlia: bucket %d: range does not follow its predecessor", i)
		}
		size += len(b.entries)
	}
	if last := &t.buckets[len(t.buckets)-1]; after(last) != (ID{}) {
		return fmt.Errorf("kademlia: ranges end at %v", after(last))
	}
	q := t.quietest
	if t.findQuietest(); q != t.quietest {
		return fmt.Errorf("kademlia: quietest bucket is %d, not %d", t.quietest, q)
	}
	if size != int(t.size) {
		return fmt.Errorf("kademlia: size is %d, buckets hold %d", t.size, size)
	}
	return nil
}

// after is the first identifier past the range of b, 0 past the last of all.
func after(b *bucket) ID {
	id := b.prefix
	for i := int(b.depth) - 1; i >= 0; i-- {
		id = id.Flip(i)
		if id.Bit(i) == 1 {
			break
		}
	}
	return id
}

func (t *Table) checkBucket(b *bucket) error {
	if len(b.entries) > int(t.k) || len(b.spares) > int(t.spare) {
		return fmt.Errorf("%d entries and %d spares exceed %d and %d",
			len(b.entries), len(b.spares), t.k, t.spare)
	}
	if len(b.keys) != len(b.entries) {
		return fmt.Errorf("%d keys for %d entries", len(b.keys), len(b.entries))
	}
	for i, key := range b.keys {
		if key != high(&b.entries[i].ID) {
			return fmt.Errorf("key %d is not that of its entry", i)
		}
	}
	probed := 0
	all := slices.Concat(b.entries, b.spares)
	for i := range all {
		e := &all[i]
		switch {
		case e.ID == t.self:
			return fmt.Errorf("holds the own node")
		case !e.ID.Fits(int(t.idBits)):
			return fmt.Errorf("contact %v exceeds %d bits", e.ID, t.idBits)
		case prefixLen(&e.ID, &b.prefix) < int(b.depth):
			return fmt.Errorf("contact %v outside the range", e.ID)
		case index(all[:i], &e.ID) >= 0:
			return fmt.Errorf("contact %v twice", e.ID)
		case e.probed && i >= len(b.entries):
			return fmt.Errorf("spare %v is probed", e.ID)
		}
		probed += int(boolByte(e.probed))
	}
	if probed != int(boolByte(b.probing)) {
		return fmt.Errorf("%d contacts probed, probing is %v", probed, b.probing)
	}
	return nil
}
