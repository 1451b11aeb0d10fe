package kademlia

import (
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// paperTable is the table of node 0000… with k = 3, as the paper runs it.
func paperTable(t *testing.T) *Table {
	return newTable(t, TableConfig{IDBits: 8, K: 3, Spare: 2})
}

// far is contact i of the half that lacks the own node: its bucket never splits.
func far(i uint64) Contact { return small(0x80+i, 8) }

func ids(list []Entry) (out []ID) {
	for i := range list {
		out = append(out, list[i].ID)
	}
	return out
}

// halves fills both halves of the space, so that the far one is a bucket of its
// own, holding far(1), far(2), far(3) in that order.
func halves(t *testing.T, table *Table) *bucket {
	for i := range uint64(3) {
		require.Equal(t, Added, table.Heard(far(i+1), time.Second).Change)
	}
	require.Equal(t, Added, table.Heard(small(1, 8), time.Second).Change) // splits
	return &table.buckets[len(table.buckets)-1]
}

// KAD-TABLE-001, KAD-TABLE-003.
func TestSplitAroundSelf(t *testing.T) {
	table := paperTable(t)
	var ranges []Range
	for r := range table.Buckets() {
		ranges = append(ranges, r)
	}
	require.Equal(t, []Range{{}}, ranges, "one bucket for the whole space")
	halves(t, table)
	require.NoError(t, table.Check())
	require.Len(t, table.buckets, 2)
	require.Equal(t, FromUint(0x80, 8), table.buckets[1].prefix)
	require.Equal(t, 1, len(table.buckets[0].entries))
	require.Equal(t, 3, len(table.buckets[1].entries))
}

// KAD-BUCKET-001: contact 2^i ≤ d < 2^(i+1) shares a bucket with its like.
func TestBucketByDistance(t *testing.T) {
	table := newTable(t, TableConfig{IDBits: 8, K: 1})
	for v := range uint64(255) {
		table.Heard(small(255-v, 8), 0) // the nearer half enters last and splits
	}
	require.NoError(t, table.Check())
	for i := range uint64(8) {
		b := table.bucketOf(FromUint(1<<i, 8))
		shared := min(prefixLen(&b.prefix, &table.self), int(b.depth))
		require.EqualValues(t, 7-i, shared, "bucket of distance 2^%d", i)
		require.Same(t, b, table.bucketOf(FromUint(2<<i-1, 8)))
	}
}

// KAD-BUCKET-002, KAD-BUCKET-004, KAD-BUCKET-005.
func TestLeastRecentlySeenFirst(t *testing.T) {
	table := paperTable(t)
	b := halves(t, table)
	require.Equal(t, []ID{far(1).ID, far(2).ID, far(3).ID}, ids(b.entries))
	require.Equal(t, Refreshed, table.Heard(far(1), 2*time.Second).Change)
	require.Equal(t, Refreshed, table.Replied(far(3), 3*time.Second).Change)
	require.Equal(t, []ID{far(2).ID, far(1).ID, far(3).ID}, ids(b.entries))
}

// A full bucket whose head is dead: ping, silence, eviction, newcomer at the
// tail.
//
// KAD-BUCKET-006, KAD-BUCKET-007, KAD-TABLE-004.
func TestDeadHeadIsEvicted(t *testing.T) {
	table := paperTable(t)
	b := halves(t, table)
	r := table.Heard(far(9), 2*time.Second)
	require.Equal(t, Result{Change: Spared, Probe: far(1)}, r)
	require.Equal(t, []ID{far(1).ID, far(2).ID, far(3).ID}, ids(b.entries), "nothing changed yet")
	require.Equal(t, Result{Change: Spared}, table.Heard(far(10), 2*time.Second), "one ping at a time")
	r = table.Failed(far(1).ID, 3*time.Second)
	require.Equal(t, Result{Change: Replaced, Gone: far(1), New: far(10)}, r, "newest first")
	require.Equal(t, []ID{far(2).ID, far(3).ID, far(10).ID}, ids(b.entries))
	require.NoError(t, table.Check())
}

// A full bucket whose head lives: it moves to the tail, the newcomer waits.
//
// KAD-BUCKET-008.
func TestLiveHeadStays(t *testing.T) {
	table := paperTable(t)
	b := halves(t, table)
	table.Heard(far(9), 2*time.Second)
	require.Equal(t, Result{Change: Refreshed}, table.Replied(far(1), 3*time.Second))
	require.Equal(t, []ID{far(2).ID, far(3).ID, far(1).ID}, ids(b.entries))
	require.Equal(t, []ID{far(9).ID}, ids(b.spares))
}

// KAD-BUCKET-009: newcomers cannot flush contacts that answer.
func TestFloodCannotFlush(t *testing.T) {
	table := paperTable(t)
	b := halves(t, table)
	for i := range uint64(100) {
		if r := table.Heard(far(4+i), time.Minute); r.Probes() {
			table.Replied(r.Probe, time.Minute)
		}
		require.NoError(t, table.Check())
	}
	require.ElementsMatch(t, []ID{far(1).ID, far(2).ID, far(3).ID}, ids(b.entries))
}

// KAD-BUCKET-011, KAD-BUCKET-012: the cache keeps the latest, latest last.
func TestReplacementCache(t *testing.T) {
	table := paperTable(t)
	b := halves(t, table)
	for _, i := range []uint64{4, 5, 4, 6} {
		require.Equal(t, Spared, table.Heard(far(i), 0).Change)
	}
	require.Equal(t, []ID{far(4).ID, far(6).ID}, ids(b.spares))
	table.Remove(far(6).ID)
	table.Remove(far(2).ID)
	require.Equal(t, []ID{far(4).ID}, ids(b.spares))
	require.Equal(t, Added, table.Heard(far(4), 0).Change, "there is room again")
	require.Empty(t, b.spares)
}

// KAD-BUCKET-013, KAD-BUCKET-014, KAD-BUCKET-015: stale after five in a row,
// replaced if anybody waits, only flagged if not.
func TestStaleContacts(t *testing.T) {
	table := paperTable(t)
	halves(t, table)
	fail := func(c Contact) Change { return table.Failed(c.ID, time.Minute).Change }
	status := func(c Contact) Status {
		e, _ := table.Get(c.ID)
		return table.Status(&e, time.Minute)
	}
	for range 4 {
		require.Equal(t, Flagged, fail(far(2)))
	}
	table.Replied(far(2), time.Minute) // an answer starts the count again
	for range 4 {
		require.Equal(t, Flagged, fail(far(2)))
	}
	require.Equal(t, Questionable, status(far(2)))
	require.Equal(t, Flagged, fail(far(2)), "nobody waits")
	require.Equal(t, Bad, status(far(2)))
	require.Equal(t, Replaced, table.Heard(far(9), time.Minute).Change, "stale makes way")

	for range 4 {
		require.Equal(t, Flagged, fail(far(3)))
	}
	r := table.Heard(far(10), time.Minute)
	require.Equal(t, far(1), r.Probe)
	table.Unprobe(far(1).ID)
	require.Equal(t, Replaced, fail(far(3)), "somebody waits")
	require.Equal(t, Change(Refused), fail(far(77)), "a stranger")
}

// KAD-BUCKET-016.
func TestBackOffDoubles(t *testing.T) {
	table := paperTable(t)
	table.Heard(far(1), 0)
	resting := func(at time.Duration) bool {
		e, _ := table.Get(far(1).ID)
		return e.Resting(at, time.Minute)
	}
	require.False(t, resting(0))
	now := time.Hour
	for i := range 5 {
		table.Failed(far(1).ID, now)
		until := now + time.Minute<<i
		require.True(t, resting(until-1), "failure %d", i+1)
		require.False(t, resting(until))
		now = until
	}
	table.Replied(far(1), now)
	require.False(t, resting(now))
	for range 300 { // no overflow
		table.Failed(far(1).ID, now)
	}
	require.True(t, resting(now+time.Hour))
}

// KAD-BUCKET-017, KAD-METRIC-001: what no bucket takes.
func TestNeverHeld(t *testing.T) {
	table := paperTable(t)
	outside := small(1, 8)
	outside.ID[19] = 1
	hijack := Contact{far(1).ID, far(2).Addr}
	table.Heard(far(1), 0)
	before := table.AppendState(nil, 0)
	for _, c := range []Contact{contact(table.Self()), outside, {ID: far(3).ID}, hijack} {
		require.Equal(t, Result{}, table.Heard(c, time.Second))
		require.Equal(t, Result{}, table.Replied(c, time.Second))
		require.Equal(t, before, table.AppendState(nil, 0))
	}
	require.Equal(t, Result{}, table.Offer(far(1), time.Second))
	require.Equal(t, Result{}, table.Queried(far(9), time.Second), "a stranger's query")
	require.Equal(t, before, table.AppendState(nil, 0))
	for range 5 {
		table.Failed(far(1).ID, 0)
	}
	require.Equal(t, Replaced, table.Heard(hijack, 0).Change, "the old address is bad")
}

// KAD-TABLE-005: with KeepNearest the K contacts closest to the own node are
// always known, whatever order they came in.
func TestKeepsItsNeighbourhood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]int{4, 8, 160}).Draw(t, "bits")
		self := drawID(t, bits, "self")
		k := rapid.IntRange(1, 5).Draw(t, "k")
		table := newTable(t, TableConfig{Self: self, IDBits: bits, K: k, KeepNearest: true})
		all := []Contact{}
		for range rapid.IntRange(1, 60).Draw(t, "contacts") {
			c := contact(drawID(t, bits, "id"))
			known := func(o Contact) bool { return o.ID == c.ID }
			if c.ID != self && !slices.ContainsFunc(all, known) {
				all = append(all, c)
				table.Heard(c, 0)
			}
		}
		require.NoError(t, table.Check())
		got := table.Closest(self, k, nil, []Contact{})
		require.Equal(t, nearest(self, k, all), got)
	})
}

// KAD-TABLE-006: b = 2 splits a full bucket without the own node at odd depths.
func TestSplitBits(t *testing.T) {
	for b, want := range map[int]int{1: 1, 2: 2, 3: 4} {
		table := newTable(t, TableConfig{IDBits: 8, K: 3, SplitBits: b})
		halves(t, table)
		for i := range uint64(0x80) {
			table.Heard(small(0x80+i, 8), 0)
		}
		require.NoError(t, table.Check())
		count := 0
		for r := range table.Buckets() {
			if r.Prefix.Bit(0) == 1 {
				count++
			}
		}
		require.Equal(t, want, count, "b = %d", b)
	}
}

// A flood of chosen identifiers ends at maxBuckets, but for the own bucket.
func TestTableIsBounded(t *testing.T) {
	table := newTable(t, TableConfig{K: 1, SplitBits: 8})
	for at := range len(ID{}) { // fill every level of 8 bits under the own prefix
		for v := 1; v < 256; v++ {
			var id ID
			id[at] = byte(v)
			table.Heard(contact(id), 0)
		}
	}
	require.NoError(t, table.Check())
	require.GreaterOrEqual(t, len(table.buckets), maxBuckets, "the flood fell short")
	require.LessOrEqual(t, len(table.buckets), maxBuckets+MaxBits)
}

// When the neighbourhood thins out, a bucket with spares may split after all:
// they move up, latest first, and the ping under way stays with its contact.
func TestSplitPromotesSpares(t *testing.T) {
	table := newTable(t, TableConfig{IDBits: 8, K: 3, Spare: 3, KeepNearest: true})
	for _, v := range []uint64{0x81, 0x82, 0xc1, 1, 2, 3} {
		table.Heard(small(v, 8), 0)
	}
	for _, v := range []uint64{0xc2, 0xc3, 0xc4} {
		require.Equal(t, Spared, table.Heard(small(v, 8), 0).Change)
	}
	table.Remove(small(1, 8).ID)
	require.Equal(t, Added, table.Heard(small(0x83, 8), 0).Change)
	require.NoError(t, table.Check())
	low, high := table.bucketOf(FromUint(0x81, 8)), table.bucketOf(FromUint(0xc1, 8))
	require.Equal(t, []ID{small(0x81, 8).ID, small(0x82, 8).ID, small(0x83, 8).ID}, ids(low.entries))
	require.Equal(t, []ID{small(0xc3, 8).ID, small(0xc4, 8).ID, small(0xc1, 8).ID}, ids(high.entries))
	require.Equal(t, []ID{small(0xc2, 8).ID}, ids(high.spares))
	require.True(t, low.probing && low.entries[0].probed && !high.probing)
}

// Contacts that agree in more bits than a sorting word holds are ordered, too.
func TestClosestTellsTwinsApart(t *testing.T) {
	rng := spec.NewRand([32]byte{1})
	twins := RandomID(&rng, MaxBits)
	var all []Contact
	table := newTable(t, TableConfig{K: MaxK})
	for range 40 {
		all = append(all, contact(RandomWithPrefix(&rng, twins, 100, MaxBits)))
		table.Heard(all[len(all)-1], 0)
	}
	for range 20 {
		target := RandomID(&rng, MaxBits)
		require.Equal(t, nearest(target, 30, all), table.Closest(target, 30, nil, nil))
	}
}

// mainlineTable holds far(1), far(2), far(3), all of which answered at 0.
func mainlineTable(t *testing.T) *Table {
	table := newTable(t, TableConfig{
		IDBits: 8, K: 3, GoodFor: 15 * time.Minute, StaleAfter: 3, EvictAfter: 2,
	})
	for i := range uint64(3) {
		table.Replied(far(i+1), 0)
	}
	table.Replied(small(1, 8), 0)
	return table
}

// BEP05-TBL-003.
func TestGoodQuestionableBad(t *testing.T) {
	table := mainlineTable(t)
	status := func(now time.Duration) Status {
		e, ok := table.Get(far(1).ID)
		require.True(t, ok)
		return table.Status(&e, now)
	}
	require.Equal(t, Good, status(15*time.Minute-1))
	require.Equal(t, Questionable, status(15*time.Minute))
	table.Queried(far(1), 14*time.Minute)
	require.Equal(t, Good, status(29*time.Minute-1), "answered once and queried lately")
	require.Equal(t, Questionable, status(29*time.Minute))
	for range 3 {
		table.Failed(far(1).ID, 29*time.Minute)
	}
	require.Equal(t, Bad, status(29*time.Minute))
	table.Heard(small(2, 8), 0)
	e, _ := table.Get(small(2, 8).ID)
	require.Equal(t, Questionable, table.Status(&e, 0), "a query alone does not make it good")
}

// BEP05-TBL-004, BEP05-TBL-006: the least recently seen questionable contact is
// pinged, then the next, until one fails twice or all are good.
func TestQuestionableArePingedInOrder(t *testing.T) {
	table := mainlineTable(t)
	now := 20 * time.Minute
	require.Equal(t, Result{Change: Spared}, table.Replied(far(8), time.Minute), "all are good")
	table.Queried(far(1), now) // good again
	require.Equal(t, Result{Change: Spared, Probe: far(2)}, table.Replied(far(9), now))
	require.Equal(t, Result{Change: Refreshed, Probe: far(3)}, table.Replied(far(2), now))
	require.Equal(t, Result{Change: Flagged, Probe: far(3)}, table.Failed(far(3).ID, now), "one retry")
	require.Equal(t, Result{Change: Replaced, Gone: far(3), New: far(9)}, table.Failed(far(3).ID, now))
	require.NoError(t, table.Check())
}

// BEP05-TBL-004: a bad contact makes way at once.
func TestBadIsReplacedAtOnce(t *testing.T) {
	table := mainlineTable(t)
	for range 3 {
		table.Failed(far(2).ID, time.Minute)
	}
	want := Result{Change: Replaced, Gone: far(2), New: far(9)}
	require.Equal(t, want, table.Replied(far(9), time.Minute))
}

// KAD-REFRESH-003: a touched bucket is quiet no more.
func TestQuietest(t *testing.T) {
	table := paperTable(t)
	halves(t, table)
	require.Equal(t, Range{Depth: 1, Len: 1}, table.Quietest())
	table.Touch(FromUint(7, 8), time.Minute)
	require.Equal(t, Range{Prefix: FromUint(0x80, 8), Depth: 1, Len: 3}, table.Quietest())
	table.Touch(far(5).ID, 2*time.Minute)
	require.Equal(t, time.Minute, table.Quietest().Touched)
	table.Touch(FromUint(7, 8), 0)
	require.Equal(t, time.Minute, table.Quietest().Touched, "time does not move back")
	require.NoError(t, table.Check())
}

func TestTableConfigRefused(t *testing.T) {
	for name, cfg := range map[string]TableConfig{
		"IDBits":     {IDBits: 2},
		"K":          {K: MaxK + 1},
		"SplitBits":  {SplitBits: 9},
		"Spare":      {Spare: MaxK + 1},
		"StaleAfter": {StaleAfter: -1},
		"EvictAfter": {EvictAfter: 6},
		"GoodFor":    {GoodFor: -1},
		"own ID":     {IDBits: 8, Self: ID{19: 1}},
	} {
		_, err := NewTable(cfg, 0)
		require.ErrorContains(t, err, name)
	}
}
