package kademlia

import (
	"slices"
	"time"
)

// A Change says what an operation did to the table.
type Change uint8

// The changes. The table differs after each but Refused.
const (
	Refused   Change = iota // nothing: own node, unknown contact, no address, or a known ID elsewhere
	Refreshed               // the contact was known and is now the most recently seen
	Added                   // the contact entered a bucket with room
	Replaced                // a contact took the place of Result.Gone
	Spared                  // the bucket is full: the contact waits in its replacement cache
	Flagged                 // the contact failed once more and stays
)

// A Result tells the owner what happened and what it should do.
type Result struct {
	Change Change
	Gone   Contact // with Replaced: the contact that left
	New    Contact // with Added and Replaced: the contact that entered
	Probe  Contact // to be pinged now when its address is valid
}

// Probes reports whether the owner should ping r.Probe.
func (r *Result) Probes() bool { return r.Probe.Addr.IsValid() }

// Status is the standing of a contact.
type Status uint8

// BEP 5's three standings. Without GoodFor no contact is Good.
const (
	Questionable Status = iota
	Good
	Bad
)

// Status judges e at the instant now: Bad after StaleAfter failures in a row;
// Good when it answered within GoodFor, or ever answered and sent a query
// within GoodFor; else Questionable.
//
// BEP05-TBL-003 (BEP 5 §Routing Table); KAD-BUCKET-014 (Kademlia §4.1).
func (t *Table) Status(e *Entry, now time.Duration) Status {
	recent := func(at time.Duration) bool { return at != Never && now-at < t.goodFor }
	switch {
	case e.Failures >= t.staleAfter:
		return Bad
	case recent(e.LastReply), e.LastReply != Never && recent(e.LastQuery):
		return Good
	}
	return Questionable
}

// Replied notes that c answered a request of ours. It enters if there is room,
// a Bad contact, or a split that makes room; else it waits as a spare while the
// least recently seen Questionable contact is pinged.
//
// KAD-BUCKET-004, KAD-BUCKET-005, KAD-BUCKET-006, KAD-BUCKET-009 (Kademlia §2.2);
// BEP05-TBL-004, BEP05-TBL-006 (BEP 5 §Routing Table).
func (t *Table) Replied(c Contact, now time.Duration) Result {
	return t.seen(c, now, Never, now)
}

// Heard notes a request from c and admits it like [Table.Replied]: the paper
// learns contacts from "any message (request or reply)".
//
// KAD-BUCKET-003 (Kademlia §2.2).
func (t *Table) Heard(c Contact, now time.Duration) Result {
	return t.seen(c, Never, now, now)
}

// Queried notes a request from c when it is known and Refuses strangers: BEP 5
// admits a node only once it answered. A known contact is Refreshed.
func (t *Table) Queried(c Contact, now time.Duration) Result {
	if i := t.bucketOf(c.ID).find(&c.ID); i < 0 {
		return Result{}
	}
	return t.Heard(c, now)
}

// Offer admits a contact that is known from hearsay and did not show itself: a
// seed, or one saved by an earlier run. A known contact stays as it is.
func (t *Table) Offer(c Contact, now time.Duration) Result {
	if t.bucketOf(c.ID).find(&c.ID) >= 0 {
		return Result{}
	}
	return t.seen(c, Never, Never, now)
}

// Failed notes that a request to id timed out. A contact that is being probed
// and failed EvictAfter times in a row, or any that failed StaleAfter times, is
// Replaced by the newest spare; without a spare it stays, Flagged, because even
// a silent contact is better than none.
//
// KAD-BUCKET-007, KAD-BUCKET-012, KAD-BUCKET-013, KAD-BUCKET-014, KAD-BUCKET-015
// (Kademlia §2.2, §4.1); BEP05-TBL-004.
func (t *Table) Failed(id ID, now time.Duration) Result {
	b := t.bucketOf(id)
	i := b.find(&id)
	if i < 0 {
		return Result{}
	}
	e := &b.entries[i]
	e.LastFailure = now
	e.Failures += boolByte(e.Failures < 255)
	limit := t.staleAfter
	if e.probed {
		limit = t.evictAfter
	}
	r := Result{Change: Flagged}
	switch {
	case e.Failures >= limit && len(b.spares) > 0:
		r.Gone = b.remove(i)
		last := len(b.spares) - 1
		r.New = b.spares[last].Contact()
		b.insert(b.spares[last], int(t.k))
		b.spares = slices.Delete(b.spares, last, last+1)
		r.Change = Replaced
	case e.probed && e.Failures < limit:
		r.Probe = e.Contact()
	default:
		b.unprobe(e)
	}
	return r
}

// Unprobe withdraws a probe that the owner could not send.
func (t *Table) Unprobe(id ID) {
	b := t.bucketOf(id)
	if i := b.find(&id); i >= 0 {
		b.unprobe(&b.entries[i])
	}
}

// Remove forgets the contact id, spare or not, and promotes nobody.
func (t *Table) Remove(id ID) {
	b := t.bucketOf(id)
	if i := b.find(&id); i >= 0 {
		b.remove(i)
		t.size--
	}
	b.dropSpare(&id)
}

// seen files c, the contact of a message that just arrived. An address with a
// zone means something to one host alone.
func (t *Table) seen(c Contact, reply, query, now time.Duration) Result {
	if c.ID == t.self || !c.ID.Fits(int(t.idBits)) || !c.Addr.IsValid() || c.Addr.Addr().Zone() != "" {
		return Result{}
	}
	e := Entry{
		ID: c.ID, at: endpointOf(c.Addr), LastReply: reply, LastQuery: query, LastFailure: Never,
	}
	b := t.bucketOf(e.ID)
	if i := b.find(&e.ID); i >= 0 {
		return t.refresh(b, i, e, now)
	}
	b.dropSpare(&e.ID)
	for len(b.entries) == int(t.k) {
		if i := t.first(b, Bad, now); i >= 0 {
			gone := b.remove(i)
			b.insert(e, int(t.k))
			return Result{Change: Replaced, Gone: gone, New: c}
		}
		if !t.splittable(b) {
			b.keepSpare(e, int(t.spare))
			return Result{Change: Spared, Probe: t.probe(b, now)}
		}
		t.split(t.bucketIndex(&e.ID))
		b = t.bucketOf(e.ID)
	}
	b.insert(e, int(t.k))
	t.size++
	return Result{Change: Added, New: c}
}

// refresh moves entry i, just seen as e says, to the tail of its bucket. A
// known identifier that turns up at another address is believed only once the
// old address went Bad, or anybody could hijack a contact.
func (t *Table) refresh(b *bucket, i int, e Entry, now time.Duration) Result {
	old := b.entries[i]
	if old.at != e.at {
		if t.Status(&old, now) != Bad {
			return Result{}
		}
		b.remove(i)
		b.insert(e, int(t.k))
		return Result{Change: Replaced, Gone: old.Contact(), New: e.Contact()}
	}
	answered := e.LastReply != Never
	e.LastReply = max(e.LastReply, old.LastReply)
	e.LastQuery = max(e.LastQuery, old.LastQuery)
	e.LastFailure = old.LastFailure
	e.probed = old.probed
	if !answered {
		e.Failures = old.Failures
	}
	last := len(b.entries) - 1
	copy(b.entries[i:], b.entries[i+1:])
	copy(b.keys[i:], b.keys[i+1:])
	b.entries[last], b.keys[last] = e, high(&e.ID)
	r := Result{Change: Refreshed}
	if answered && e.probed {
		// BEP 5 pings on until one fails or all are good; the paper asks one
		// (KAD-BUCKET-008).
		if b.unprobe(&b.entries[last]); t.goodFor > 0 && len(b.spares) > 0 {
			r.Probe = t.probe(b, now)
		}
	}
	return r
}

// probe picks the least recently seen Questionable contact of b for a ping,
// unless one is under way.
func (t *Table) probe(b *bucket, now time.Duration) Contact {
	i := t.first(b, Questionable, now)
	if b.probing || i < 0 {
		return Contact{}
	}
	b.probing, b.entries[i].probed = true, true
	return b.entries[i].Contact()
}

// first finds the least recently seen entry of b with the given standing.
func (t *Table) first(b *bucket, s Status, now time.Duration) int {
	for i := range b.entries {
		if t.Status(&b.entries[i], now) == s {
			return i
		}
	}
	return -1
}

// splittable is the splitting rule: a full bucket splits when its range holds
// the own identifier, when its depth is not a multiple of b, and, with
// KeepNearest, inside the smallest subtree around the own node that holds K
// contacts. Ranges of one identifier do not come here: they have no newcomer.
//
// KAD-TABLE-003, KAD-TABLE-005, KAD-TABLE-006 (Kademlia §2.4, §4.2); BEP05-TBL-005.
func (t *Table) splittable(b *bucket) bool {
	shared := prefixLen(&b.prefix, &t.self)
	switch {
	case shared >= int(b.depth):
		return true
	case len(t.buckets) >= maxBuckets:
		return false
	}
	return b.depth%t.splitBits != 0 || t.nearest && shared >= t.Neighbourhood()
}

// Neighbourhood is the depth of the smallest subtree around the own node that
// holds K contacts; 0, the whole space, when the table has fewer.
func (t *Table) Neighbourhood() int {
	own := t.bucketIndex(&t.self)
	depth := int(t.buckets[own].depth)
	count := len(t.buckets[own].entries)
	for lo, hi := own, own+1; count < int(t.k) && depth > 0; {
		depth--
		for lo > 0 && prefixLen(&t.buckets[lo-1].prefix, &t.self) >= depth {
			lo--
			count += len(t.buckets[lo].entries)
		}
		for hi < len(t.buckets) && prefixLen(&t.buckets[hi].prefix, &t.self) >= depth {
			count += len(t.buckets[hi].entries)
			hi++
		}
	}
	return depth
}

// split halves the range of bucket i; both halves keep the order of contacts,
// and spares move up where the split made room.
func (t *Table) split(i int) {
	old := t.buckets[i]
	lower := bucket{prefix: old.prefix, depth: old.depth + 1, touched: old.touched}
	upper := lower
	upper.prefix = old.prefix.Flip(int(old.depth))
	half := func(e *Entry) *bucket {
		if e.ID.Bit(int(old.depth)) == 0 {
			return &lower
		}
		return &upper
	}
	for _, e := range old.entries {
		b := half(&e)
		b.insert(e, int(t.k))
		b.probing = b.probing || e.probed
	}
	for _, e := range slices.Backward(old.spares) { // newest first
		b := half(&e)
		if len(b.entries) < int(t.k) {
			b.insertAt(0, e, int(t.k))
			t.size++
		} else {
			b.spares = slices.Insert(b.spares, 0, e)
		}
	}
	t.buckets = slices.Concat(t.buckets[:i], []bucket{lower, upper}, t.buckets[i+1:])
	t.findQuietest()
}

// insert appends e as the most recently seen.
func (b *bucket) insert(e Entry, k int) { b.insertAt(len(b.entries), e, k) }

func (b *bucket) insertAt(i int, e Entry, k int) {
	b.entries = slices.Insert(grow(b.entries, k), i, e)
	b.keys = slices.Insert(grow(b.keys, k), i, high(&e.ID))
}

func (b *bucket) remove(i int) Contact {
	c := b.entries[i].Contact()
	b.unprobe(&b.entries[i])
	b.entries = slices.Delete(b.entries, i, i+1)
	b.keys = slices.Delete(b.keys, i, i+1)
	return c
}

func (b *bucket) unprobe(e *Entry) {
	if e.probed {
		e.probed, b.probing = false, false
	}
}

// keepSpare files e as the newest spare; the oldest makes way.
//
// KAD-TABLE-004, KAD-BUCKET-011 (Kademlia §2.4, §4.1).
func (b *bucket) keepSpare(e Entry, limit int) {
	if limit == 0 {
		return
	}
	if len(b.spares) == limit {
		b.spares = slices.Delete(b.spares, 0, 1)
	}
	b.spares = append(grow(b.spares, limit), e)
}

func (b *bucket) dropSpare(id *ID) {
	if i := index(b.spares, id); i >= 0 {
		b.spares = slices.Delete(b.spares, i, i+1)
	}
}

// grow makes room for one more entry. It doubles but never past limit: with
// thousands of nodes in one process the slack of append is what counts.
func grow[T any](list []T, limit int) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, min(max(2*len(list), 1), limit)), list...)
}
