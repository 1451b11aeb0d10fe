package crdt

import (
	"cmp"
	"slices"
)

// GSet is a set that only grows. The zero value is empty.
type GSet struct {
	elements []string // in order
}

// Add adds an element and says whether it is new.
func (s *GSet) Add(element string) bool {
	i, found := slices.BinarySearch(s.elements, element)
	if !found {
		s.elements = slices.Insert(s.elements, i, element)
	}
	return !found
}

// Has says whether an element is in the set.
func (s *GSet) Has(element string) bool {
	_, found := slices.BinarySearch(s.elements, element)
	return found
}

// Elements returns all elements in order. The slice is the caller's.
func (s *GSet) Elements() []string { return slices.Clone(s.elements) }

// Len is the number of elements.
func (s *GSet) Len() int { return len(s.elements) }

// Merge adds all elements of the other set. It says whether one was new.
func (s *GSet) Merge(other *GSet) (changed bool) {
	s.elements, changed = join(s.elements, other.elements,
		func(a, b *string) int { return cmp.Compare(*a, *b) },
		func(_, _ *string) bool { return false })
	return changed
}

// Clone returns an equal set that shares nothing mutable.
func (s *GSet) Clone() GSet { return GSet{slices.Clone(s.elements)} }
