package kademlia

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newLookup(t require.TestingT, cfg LookupConfig) *Lookup {
	l, err := NewLookup(cfg)
	require.NoError(t, err)
	return &l
}

// world is a network without time: who exists, and what each would answer.
type world struct {
	contacts []Contact
	k        int
	silent   map[ID]bool
	knows    map[ID][]Contact // nil: everybody
}

// answer is FIND_NODE at c.
func (w *world) answer(c, target ID) []Contact {
	known := w.contacts
	if w.knows != nil {
		known = w.knows[c]
	}
	others := slices.DeleteFunc(slices.Clone(known), func(o Contact) bool { return o.ID == c })
	return nearest(target, w.k, others)
}

// run drives l to its end. pick chooses which outstanding request is settled
// next. It checks in each step what must always hold.
func (w *world) run(t require.TestingT, l *Lookup, alpha int, pick func(n int) int) {
	var waiting []Contact
	asked := map[ID]bool{}
	for steps := 0; !l.Done(); steps++ {
		require.Less(t, steps, 10_000, "the lookup does not end")
		for _, c := range l.Next(nil) {
			require.False(t, asked[c.ID], "%v is asked twice", c.ID)
			require.NotEqual(t, l.self, c.ID, "asks itself")
			asked[c.ID] = true
			waiting = append(waiting, c)
		}
		require.NoError(t, l.Check())
		require.LessOrEqual(t, len(waiting), alpha)
		require.NotEmpty(t, waiting, "neither done nor waiting")
		i := pick(len(waiting))
		c := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		if w.silent[c.ID] {
			require.True(t, l.Failed(c.ID))
		} else {
			require.True(t, l.Answered(c.ID, w.answer(c.ID, l.Target())))
		}
	}
	require.Equal(t, len(asked), l.Asked())
}

// With complete knowledge and no failures every lookup in every network of a
// 3-bit space, from every node to every target, finds exactly the k closest.
//
// KAD-LOOKUP-008.
func TestLookupExhaustively(t *testing.T) {
	const bits, k, alpha = 3, 2, 2
	for members := 1; members < 1<<(1<<bits); members++ {
		w := world{k: k}
		for v := range uint64(1 << bits) {
			if members>>v&1 == 1 {
				w.contacts = append(w.contacts, small(v, bits))
			}
		}
		for _, self := range w.contacts {
			others := slices.DeleteFunc(slices.Clone(w.contacts), func(c Contact) bool { return c == self })
			for v := range uint64(1 << bits) {
				target := FromUint(v, bits)
				l := newLookup(t, LookupConfig{Target: target, Self: self.ID, K: k, Alpha: alpha})
				l.Add(nearest(target.Flip(0), 1, others)) // the farthest there is
				w.run(t, l, alpha, func(n int) int { return n - 1 })
				require.Equal(t, nearest(target, k, others), l.Closest([]Contact{}))
			}
		}
	}
}

// Any network, any partial knowledge, any order, any failures: the lookup asks
// nobody twice, stays within alpha, ends, and returns in order the k closest of
// those that answered; nobody it heard of that is closer went unasked.
//
// KAD-LOOKUP-001, KAD-LOOKUP-002, KAD-LOOKUP-003, KAD-LOOKUP-004, KAD-LOOKUP-006,
// KAD-LOOKUP-007.
func TestLookupAlwaysEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]int{4, 10, 160}).Draw(t, "bits")
		k, alpha := rapid.IntRange(1, 5).Draw(t, "k"), rapid.IntRange(1, 4).Draw(t, "alpha")
		w := world{k: k, silent: map[ID]bool{}, knows: map[ID][]Contact{}}
		for range rapid.IntRange(1, 40).Draw(t, "nodes") {
			if c := contact(drawID(t, bits, "id")); !slices.Contains(w.contacts, c) {
				w.contacts = append(w.contacts, c)
			}
		}
		share := rapid.IntRange(1, 4).Draw(t, "silent one in")
		for i, c := range w.contacts {
			w.silent[c.ID] = share < 4 && rapid.IntRange(0, share).Draw(t, "silent") == 0
			for range rapid.IntRange(0, 6).Draw(t, "knows") {
				w.knows[c.ID] = append(w.knows[c.ID], rapid.SampledFrom(w.contacts).Draw(t, "whom"))
			}
			if i > 0 { // connected, if nobody is silent
				w.knows[c.ID] = append(w.knows[c.ID], w.contacts[i-1])
			}
		}
		target := drawID(t, bits, "target")
		limit := rapid.IntRange(k, 30).Draw(t, "limit")
		l := newLookup(t, LookupConfig{Target: target, Self: w.contacts[0].ID, K: k, Alpha: alpha,
			Limit: limit})
		l.Add(w.contacts[len(w.contacts)-1:])
		l.Add(w.contacts[:1])
		w.run(t, l, alpha, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "settle") })

		got := l.Closest([]Contact{})
		var answeredAll []Contact
		for i := range l.list {
			switch c := &l.list[i]; c.state {
			case answered:
				answeredAll = append(answeredAll, c.Contact)
				require.False(t, w.silent[c.ID])
			case unasked, asked:
				require.Equal(t, k, len(got), "%v was left out", c.ID)
				require.True(t, Closer(target, got[k-1].ID, c.ID), "%v is closer", c.ID)
			}
		}
		require.Equal(t, nearest(target, k, answeredAll), append([]Contact(nil), got...))
		require.LessOrEqual(t, l.Asked(), limit)
	})
}

// KAD-LOOKUP-001: the first asked are the alpha closest of the seeds.
func TestLookupBeginsWithTheClosest(t *testing.T) {
	l := newLookup(t, LookupConfig{K: 4, Alpha: 2})
	l.Add([]Contact{small(9, 8), small(3, 8), small(7, 8), small(5, 8)})
	require.Equal(t, []Contact{small(3, 8), small(5, 8)}, l.Next(nil))
	require.Empty(t, l.Next(nil), "alpha are under way")
	require.True(t, l.Answered(small(5, 8).ID, nil))
	require.Equal(t, []Contact{small(7, 8)}, l.Next(nil), "KAD-LOOKUP-003: no rounds")
}

// KAD-LOOKUP-005: silence takes a contact out, a late answer brings it back.
func TestLookupTakesLateAnswers(t *testing.T) {
	l := newLookup(t, LookupConfig{K: 1, Alpha: 1})
	l.Add([]Contact{small(1, 8), small(2, 8)})
	l.Next(nil)
	require.True(t, l.Failed(small(1, 8).ID))
	require.False(t, l.Failed(small(1, 8).ID), "once")
	require.Equal(t, []Contact{small(2, 8)}, l.Next(nil))
	require.True(t, l.Answered(small(1, 8).ID, []Contact{small(3, 8)}))
	require.False(t, l.Answered(small(1, 8).ID, nil), "once")
	require.False(t, l.Answered(small(3, 8).ID, nil), "not asked")
	require.False(t, l.Answered(small(99, 8).ID, nil), "unknown")
	require.True(t, l.Done())
	require.Equal(t, []Contact{small(1, 8)}, l.Closest(nil))
}

// The chain of answers that led to a contact is its hops.
func TestLookupCountsHops(t *testing.T) {
	l := newLookup(t, LookupConfig{K: 2, Alpha: 1})
	l.Add([]Contact{small(64, 8)})
	l.Next(nil)
	l.Answered(small(64, 8).ID, []Contact{small(8, 8), small(64, 8)})
	l.Next(nil)
	l.Answered(small(8, 8).ID, []Contact{small(1, 8)})
	for v, hops := range map[uint64]int{64: 1, 8: 2, 1: 3, 77: 0} {
		require.Equal(t, hops, l.Hops(FromUint(v, 8)))
	}
}

// A full shortlist keeps the closest but never forgets whom it asked.
func TestShortlistIsBounded(t *testing.T) {
	l := newLookup(t, LookupConfig{K: 2, Alpha: 1, Limit: 3})
	l.Add([]Contact{small(200, 8)})
	l.Next(nil)
	flood := []Contact{small(100, 8), small(90, 8), small(80, 8), small(70, 8), small(120, 8)}
	l.Answered(small(200, 8).ID, flood)
	require.NoError(t, l.Check())
	var have []Contact
	for i := range l.list {
		have = append(have, l.list[i].Contact)
	}
	require.Equal(t, []Contact{small(70, 8), small(80, 8), small(200, 8)}, have)
	l.Add([]Contact{{ID: FromUint(1, 8)}, {FromUint(2, 8), small(2, 8).Addr}})
	require.Equal(t, FromUint(2, 8), l.list[0].ID, "contacts without an address are left out")
}

func TestLookupConfigRefused(t *testing.T) {
	for name, cfg := range map[string]LookupConfig{
		"K":         {K: -1},
		"Alpha":     {Alpha: MaxAlpha + 1},
		"shortlist": {K: 20, Limit: 19},
	} {
		_, err := NewLookup(cfg)
		require.ErrorContains(t, err, name)
	}
}
