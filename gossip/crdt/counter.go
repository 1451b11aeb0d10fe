package crdt

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// ErrOverflow says that a count or a stamp would leave its 64 bits.
var ErrOverflow = errors.New("crdt: the number is exhausted")

// GCounter is a counter that only grows: how much each site has added. The zero
// value is empty.
type GCounter struct {
	counts []count // by site, without zeros
}

type count struct {
	site string
	n    uint64
}

// Add counts n more at a site. The error is [ErrOverflow].
func (c *GCounter) Add(site string, n uint64) error {
	i, found := slices.BinarySearchFunc(c.counts, site, func(e count, site string) int {
		return cmp.Compare(e.site, site)
	})
	switch {
	case n == 0:
	case !found:
		c.counts = slices.Insert(c.counts, i, count{site, n})
	case c.counts[i].n > math.MaxUint64-n:
		return ErrOverflow
	default:
		c.counts[i].n += n
	}
	return nil
}

// Value is the sum over all sites, or the largest number if it is beyond that.
func (c *GCounter) Value() (sum uint64) {
	for _, e := range c.counts {
		if e.n > math.MaxUint64-sum {
			return math.MaxUint64
		}
		sum += e.n
	}
	return sum
}

// Merge takes over, of each site, the larger count. It says whether that changed
// anything.
func (c *GCounter) Merge(other *GCounter) (changed bool) {
	c.counts, changed = join(c.counts, other.counts,
		func(a, b *count) int { return cmp.Compare(a.site, b.site) },
		func(theirs, mine *count) bool { return theirs.n > mine.n })
	return changed
}

// Clone returns an equal counter that shares nothing mutable.
func (c *GCounter) Clone() GCounter { return GCounter{slices.Clone(c.counts)} }

// PNCounter is a counter that grows and falls: the difference of two that grow. The
// zero value is empty.
type PNCounter struct {
	added, removed GCounter
}

// Add counts delta, which may be negative, at a site. The error is [ErrOverflow].
func (c *PNCounter) Add(site string, delta int64) error {
	if delta < 0 {
		return c.removed.Add(site, -uint64(delta))
	}
	return c.added.Add(site, uint64(delta))
}

// Value is what was added less what was removed, or the number of 64 bits with a
// sign that is closest to it.
func (c *PNCounter) Value() int64 {
	added, removed := c.added.Value(), c.removed.Value()
	if added >= removed {
		return int64(min(added-removed, math.MaxInt64))
	}
	return -int64(min(removed-added-1, math.MaxInt64)) - 1
}

// Merge joins what was added and what was removed. It says whether that changed
// anything.
func (c *PNCounter) Merge(other *PNCounter) (changed bool) {
	added, removed := c.added.Merge(&other.added), c.removed.Merge(&other.removed)
	return added || removed
}

// Clone returns an equal counter that shares nothing mutable.
func (c *PNCounter) Clone() PNCounter { return PNCounter{c.added.Clone(), c.removed.Clone()} }
