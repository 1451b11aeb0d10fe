package napster

import (
	"maps"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// entry is one shared file.
type entry struct {
	owner spec.Conn
	file  File
}

// index is the files of everybody who is there, by number and by word.
type index struct {
	last    int64 // number that was given
	entries map[int64]entry
	words   map[string][]int64 // numbers ascending: of whom the name has the word
	bytes   uint64             // of all files
}

func newIndex() index { return index{entries: map[int64]entry{}, words: map[string][]int64{}} }

// add enters a file and returns its number.
func (x *index) add(owner spec.Conn, f File) int64 {
	x.last++
	x.entries[x.last] = entry{owner, f}
	x.bytes += uint64(f.Size)
	for _, w := range Words(f.Name) {
		x.words[w] = append(x.words[w], x.last)
	}
	return x.last
}

// remove takes a file out, and the words that nothing else has.
func (x *index) remove(id int64) {
	f := x.entries[id].file
	delete(x.entries, id)
	x.bytes -= uint64(f.Size)
	for _, w := range Words(f.Name) {
		ids := x.words[w]
		at, _ := slices.BinarySearch(ids, id)
		if ids = slices.Delete(ids, at, at+1); len(ids) == 0 {
			delete(x.words, w)
		} else {
			x.words[w] = ids
		}
	}
}

// find calls found with the files whose names have all words, oldest first, until
// it returns false. No word finds nothing.
//
// NP-SE-03.
func (x *index) find(words []string, found func(entry) bool) {
	if len(words) == 0 {
		return
	}
	rarest := x.words[words[0]]
	for _, w := range words[1:] {
		if ids := x.words[w]; len(ids) < len(rarest) {
			rarest = ids
		}
	}
	for _, id := range rarest {
		if x.hasAll(id, words) && !found(x.entries[id]) {
			return
		}
	}
}

func (x *index) hasAll(id int64, words []string) bool {
	for _, w := range words {
		if _, ok := slices.BinarySearch(x.words[w], id); !ok {
			return false
		}
	}
	return true
}

func (x *index) clone() index {
	c := *x
	c.entries = maps.Clone(x.entries)
	c.words = make(map[string][]int64, len(x.words))
	for _, w := range slices.Sorted(maps.Keys(x.words)) {
		c.words[w] = slices.Clone(x.words[w])
	}
	return c
}
