package crdt

import (
	"cmp"
	"math"
	"slices"
)

// Stamp is the Lamport time of a write: a number beyond all that the site had seen,
// and the site, which puts concurrent writes in order.
type Stamp struct {
	Counter uint64
	Site    string
}

// Compare puts stamps in order.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Counter, t.Counter), cmp.Compare(s.Site, t.Site))
}

// Entry is the last write of a key. A deletion is a write that leaves a tombstone,
// so that an older write which comes late does not bring the key back.
type Entry struct {
	Key     string
	Value   string // empty in a tombstone
	Stamp   Stamp
	Deleted bool
}

// beats says whether e is the later write of a key. With one stamp a deletion is,
// or else the larger value.
func (e *Entry) beats(f *Entry) bool {
	if c := e.Stamp.Compare(f.Stamp); c != 0 {
		return c > 0
	}
	if e.Deleted != f.Deleted {
		return e.Deleted
	}
	return e.Value > f.Value
}

// LWWMap is a map in which, of each key, the write with the largest stamp wins. The
// zero value is empty.
type LWWMap struct {
	entries []Entry // by key
}

// Set writes a key at a site, after everything that the map has seen. The error is
// [ErrOverflow].
func (m *LWWMap) Set(site, key, value string) error {
	return m.write(site, Entry{Key: key, Value: value})
}

// Delete writes a tombstone, whether or not the map knows the key. The error is
// [ErrOverflow].
func (m *LWWMap) Delete(site, key string) error {
	return m.write(site, Entry{Key: key, Deleted: true})
}

func (m *LWWMap) write(site string, e Entry) error {
	var seen uint64
	for i := range m.entries {
		seen = max(seen, m.entries[i].Stamp.Counter)
	}
	if seen == math.MaxUint64 {
		return ErrOverflow
	}
	e.Stamp = Stamp{seen + 1, site}
	m.Put(e)
	return nil
}

// Put takes over one write that was made elsewhere, if it wins. It says whether it
// does. What a tombstone has for a value is dropped.
func (m *LWWMap) Put(e Entry) bool {
	if e.Deleted {
		e.Value = ""
	}
	i, found := m.find(e.Key)
	switch {
	case !found:
		m.entries = slices.Insert(m.entries, i, e)
	case e.beats(&m.entries[i]):
		m.entries[i] = e
	default:
		return false
	}
	return true
}

// Get is the value of a key; ok is false if it was never written, or deleted.
func (m *LWWMap) Get(key string) (value string, ok bool) {
	i, found := m.find(key)
	if !found || m.entries[i].Deleted {
		return "", false
	}
	return m.entries[i].Value, true
}

func (m *LWWMap) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m.entries, key, func(e Entry, key string) int {
		return cmp.Compare(e.Key, key)
	})
}

// Entries returns the last write of every key in order, tombstones with them. The
// slice is the caller's.
func (m *LWWMap) Entries() []Entry { return slices.Clone(m.entries) }

// Len is the number of keys that have a value.
func (m *LWWMap) Len() (n int) {
	for i := range m.entries {
		if !m.entries[i].Deleted {
			n++
		}
	}
	return n
}

// Merge takes over every write of the other map that wins. It says whether one did.
func (m *LWWMap) Merge(other *LWWMap) (changed bool) {
	m.entries, changed = join(m.entries, other.entries,
		func(a, b *Entry) int { return cmp.Compare(a.Key, b.Key) }, (*Entry).beats)
	return changed
}

// Clone returns an equal map that shares nothing mutable.
func (m *LWWMap) Clone() LWWMap { return LWWMap{slices.Clone(m.entries)} }
