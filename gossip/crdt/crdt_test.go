package crdt

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// lattice is how the laws see one of the types.
type lattice[T any] struct {
	merge func(a, b *T) bool
	clone func(a *T) T
	bytes func(a *T) []byte
	parse func(b []byte) (T, error)
}

func counters() lattice[GCounter] {
	return lattice[GCounter]{(*GCounter).Merge, (*GCounter).Clone,
		func(c *GCounter) []byte { return c.AppendState(nil) }, ParseGCounter}
}

func differences() lattice[PNCounter] {
	return lattice[PNCounter]{(*PNCounter).Merge, (*PNCounter).Clone,
		func(c *PNCounter) []byte { return c.AppendState(nil) }, ParsePNCounter}
}

func sets() lattice[GSet] {
	return lattice[GSet]{(*GSet).Merge, (*GSet).Clone,
		func(s *GSet) []byte { return s.AppendState(nil) }, ParseGSet}
}

func maps() lattice[LWWMap] {
	return lattice[LWWMap]{(*LWWMap).Merge, (*LWWMap).Clone,
		func(m *LWWMap) []byte { return m.AppendState(nil) }, ParseLWWMap}
}

// join is the least upper bound, leaving both as they are.
func (l lattice[T]) join(a, b T) T {
	joined := l.clone(&a)
	l.merge(&joined, &b)
	return joined
}

// laws are those of a join, of canonical bytes and of what Merge returns.
func (l lattice[T]) laws(t require.TestingT, a, b, c T) {
	is := func(want, got T, law string) {
		if !bytes.Equal(l.bytes(&want), l.bytes(&got)) {
			require.Equal(t, want, got, law)
			require.Fail(t, "equal states with different bytes", law)
		}
	}
	before := l.bytes(&b)
	ab := l.join(a, b)
	is(ab, l.join(b, a), "commutative")
	is(l.join(ab, c), l.join(a, l.join(b, c)), "associative")
	is(a, l.join(a, a), "idempotent")
	is(ab, l.join(ab, b), "an upper bound")
	require.Equal(t, before, l.bytes(&b), "the other side is left as it was")

	changed := l.clone(&a)
	require.Equal(t, l.merge(&changed, &b), !bytes.Equal(l.bytes(&a), l.bytes(&ab)), "what Merge says")

	read, err := l.parse(l.bytes(&ab))
	require.NoError(t, err)
	is(ab, read, "read again")
}

// exhaust holds the laws over every triple of a domain.
func (l lattice[T]) exhaust(t *testing.T, domain []T) {
	seen := make(map[string]bool)
	for _, a := range domain {
		require.False(t, seen[string(l.bytes(&a))], "two states of the domain have the same bytes")
		seen[string(l.bytes(&a))] = true
		for _, b := range domain {
			for _, c := range domain {
				l.laws(t, a, b, c)
			}
		}
	}
	t.Logf("%d states, %d triples", len(domain), len(domain)*len(domain)*len(domain))
}

func TestLawsOnSmallDomains(t *testing.T) {
	var gcounters []GCounter
	for a := range uint64(3) {
		for b := range uint64(3) {
			var c GCounter
			require.NoError(t, c.Add("a", a))
			require.NoError(t, c.Add("b", b))
			gcounters = append(gcounters, c)
		}
	}
	var pncounters []PNCounter
	for _, added := range gcounters[:5] {
		for _, removed := range gcounters[2:6] {
			pncounters = append(pncounters, PNCounter{added, removed})
		}
	}
	var gsets []GSet
	for subset := range 16 {
		var s GSet
		for i, e := range []string{"d", "", "b", "a"} {
			if subset>>i&1 == 1 {
				s.Add(e)
			}
		}
		gsets = append(gsets, s)
	}
	counters().exhaust(t, gcounters)
	differences().exhaust(t, pncounters)
	sets().exhaust(t, gsets)
	maps().exhaust(t, smallMaps())
}

// smallMaps are all maps of one key over two stamps a site and two sites, with a
// tombstone or one of two values, and some of a second key, too.
func smallMaps() []LWWMap {
	domain := []LWWMap{{}}
	for counter := range uint64(2) {
		for _, site := range []string{"a", "b"} {
			for _, e := range []Entry{{Deleted: true}, {Value: "x"}, {Value: "y"}} {
				e.Key, e.Stamp = "k", Stamp{counter + 1, site}
				var one, two LWWMap
				one.Put(e)
				domain = append(domain, one)
				two.Put(e)
				e.Key = "j"
				two.Put(e)
				domain = append(domain, two)
			}
		}
	}
	return domain
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site := rapid.StringN(0, 2, -1)
		gcounter := rapid.Custom(func(t *rapid.T) (c GCounter) {
			for range rapid.IntRange(0, 5).Draw(t, "adds") {
				_ = c.Add(site.Draw(t, "site"), rapid.Uint64().Draw(t, "n"))
			}
			return c
		})
		gset := rapid.Custom(func(t *rapid.T) (s GSet) {
			for _, e := range rapid.SliceOfN(site, 0, 6).Draw(t, "elements") {
				s.Add(e)
			}
			return s
		})
		lwwmap := rapid.Custom(func(t *rapid.T) (m LWWMap) {
			for range rapid.IntRange(0, 5).Draw(t, "writes") {
				m.Put(Entry{
					rapid.SampledFrom([]string{"", "j", "k"}).Draw(t, "key"), site.Draw(t, "value"),
					Stamp{rapid.Uint64Range(0, 3).Draw(t, "counter"), site.Draw(t, "site")},
					rapid.Bool().Draw(t, "deleted"),
				})
			}
			return m
		})
		g := func(label string) GCounter { return gcounter.Draw(t, label) }
		p := func(label string) PNCounter { return PNCounter{g(label), g(label)} }
		counters().laws(t, g("a"), g("b"), g("c"))
		differences().laws(t, p("a"), p("b"), p("c"))
		sets().laws(t, gset.Draw(t, "a"), gset.Draw(t, "b"), gset.Draw(t, "c"))
		maps().laws(t, lwwmap.Draw(t, "a"), lwwmap.Draw(t, "b"), lwwmap.Draw(t, "c"))
	})
}

// replica has one of each type; history is what a single place would have seen.
type replica struct {
	g GCounter
	p PNCounter
	s GSet
	m LWWMap
}

func (r *replica) merge(o *replica) {
	r.g.Merge(&o.g)
	r.p.Merge(&o.p)
	r.s.Merge(&o.s)
	r.m.Merge(&o.m)
}

// Whatever the replicas did and merged on the way, once each has had every other's
// state they agree on the sums, the union and the writes with the largest stamps.
func TestReplicasConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sites := []string{"n1", "n2", "n3"}
		replicas := make([]replica, len(sites))
		var sum uint64
		var difference int64
		elements := []string{}
		last := make(map[string]Entry)
		for range rapid.IntRange(0, 25).Draw(t, "steps") {
			i := rapid.IntRange(0, len(sites)-1).Draw(t, "replica")
			r, site := &replicas[i], sites[i]
			n := rapid.Int64Range(-9, 9).Draw(t, "n")
			key := rapid.SampledFrom([]string{"j", "k"}).Draw(t, "key")
			switch rapid.SampledFrom([]string{"count", "set", "delete", "merge"}).Draw(t, "step") {
			case "count":
				require.NoError(t, r.g.Add(site, uint64(n+9)))
				require.NoError(t, r.p.Add(site, n))
				sum, difference = sum+uint64(n+9), difference+n
				r.s.Add(key + site)
				elements = append(elements, key+site)
			case "set":
				require.NoError(t, r.m.Set(site, key, site))
				record(t, last, r.m, key)
			case "delete":
				require.NoError(t, r.m.Delete(site, key))
				record(t, last, r.m, key)
			case "merge":
				r.merge(&replicas[rapid.IntRange(0, len(sites)-1).Draw(t, "other")])
			}
		}
		for range 2 {
			for i := range replicas {
				for j := range replicas {
					replicas[i].merge(&replicas[j])
				}
			}
		}
		slices.Sort(elements)
		elements = slices.Compact(elements)
		for i := range replicas {
			r := &replicas[i]
			require.Equal(t, sum, r.g.Value())
			require.Equal(t, difference, r.p.Value())
			require.Equal(t, elements, append([]string{}, r.s.Elements()...))
			require.Equal(t, len(last), len(r.m.Entries()))
			for _, e := range r.m.Entries() {
				require.Equal(t, last[e.Key], e)
				value, ok := r.m.Get(e.Key)
				require.Equal(t, e.Value, value)
				require.Equal(t, e.Deleted, !ok)
			}
			require.Equal(t, replicas[0], *r)
		}
	})
}

// record keeps the write with the largest stamp. A write is always the last where
// it was made.
func record(t *rapid.T, last map[string]Entry, m LWWMap, key string) {
	i, found := m.find(key)
	require.True(t, found)
	e := m.entries[i]
	for _, other := range m.entries {
		require.True(t, other.Key == key || e.Stamp.Counter > other.Stamp.Counter)
	}
	if old, known := last[key]; !known || e.beats(&old) {
		last[key] = e
	}
}

func TestDeletionOutlivesOlderWrites(t *testing.T) {
	var a, b LWWMap
	require.NoError(t, a.Set("a", "k", "old"))
	b.Merge(&a)
	require.NoError(t, b.Delete("b", "k"))
	stale := a.Clone()
	a.Merge(&b)
	require.False(t, a.Merge(&stale), "an older write brings the key back")
	_, ok := a.Get("k")
	require.False(t, ok)
	require.Zero(t, a.Len())
	require.NoError(t, a.Set("a", "k", "new"))
	b.Merge(&a)
	value, ok := b.Get("k")
	require.True(t, ok)
	require.Equal(t, "new", value)
	require.Equal(t, 1, b.Len())
}

func TestNumbersEnd(t *testing.T) {
	var g GCounter
	require.NoError(t, g.Add("a", math.MaxUint64))
	require.ErrorIs(t, g.Add("a", 1), ErrOverflow)
	require.NoError(t, g.Add("b", 1))
	require.Equal(t, uint64(math.MaxUint64), g.Value())

	var p PNCounter
	require.NoError(t, p.Add("a", math.MinInt64))
	require.Equal(t, int64(math.MinInt64), p.Value())
	require.NoError(t, p.Add("b", -1))
	require.Equal(t, int64(math.MinInt64), p.Value())
	require.NoError(t, p.Add("a", 2))
	require.Equal(t, int64(math.MinInt64+1), p.Value())
	p = PNCounter{}
	require.NoError(t, p.added.Add("c", math.MaxUint64))
	require.Equal(t, int64(math.MaxInt64), p.Value())

	var m LWWMap
	m.Put(Entry{Key: "k", Stamp: Stamp{math.MaxUint64, "b"}, Value: "last"})
	require.ErrorIs(t, m.Set("a", "k", "more"), ErrOverflow)
	require.ErrorIs(t, m.Delete("a", "k"), ErrOverflow)
	value, _ := m.Get("k")
	require.Equal(t, "last", value)
}

func TestClonesShareNothing(t *testing.T) {
	var g GCounter
	require.NoError(t, g.Add("a", 1))
	h := g.Clone()
	require.NoError(t, h.Add("a", 1))
	require.Equal(t, uint64(1), g.Value())
	var m LWWMap
	require.NoError(t, m.Set("a", "k", "v"))
	n := m.Clone()
	require.NoError(t, n.Set("a", "k", "w"))
	value, _ := m.Get("k")
	require.Equal(t, "v", value)
}

func TestOnlyCanonicalBytesAreRead(t *testing.T) {
	for _, c := range []struct{ name, counter string }{
		{"empty", ""},
		{"fewer than it says", "\x02\x01a\x01"},
		{"a count of zero", "\x01\x01a\x00"},
		{"a site twice", "\x02\x01a\x01\x01a\x01"},
		{"out of order", "\x02\x01b\x01\x01a\x01"},
		{"a longer form", "\x01\x01a\x81\x00"},
		{"beyond 64 bits", "\x01\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"},
		{"a site that is cut off", "\x01\x05abc"},
		{"a lying count", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"more than it says", "\x00\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseGCounter([]byte(c.counter))
			require.Error(t, err)
			require.Zero(t, got)
		})
	}
	_, err := ParsePNCounter([]byte("\x00"))
	require.Error(t, err)
	_, err = ParseGSet([]byte("\x02\x01b\x01a"))
	require.EqualError(t, err, "crdt: set, byte 5: out of order")
	for _, b := range []string{
		"\x01\x01k\x01\x01a\x02", "\x02\x01k\x01\x01a\x00\x01k\x01\x01a\x00", "\x01\x01k\x01\x01a\x00\x01v",
	} {
		_, err = ParseLWWMap([]byte(b))
		require.Error(t, err, "%x", b)
	}
}
