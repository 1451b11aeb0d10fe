package napster

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// entry is one shared file.
type entry struct {
	owner spec.Conn
	file  File
}

// index is the files of everybody who is there, by number, by word and by content.
type index struct {
	last    int64 // number that was given
	entries map[int64]entry
	words   map[string][]int64 // numbers ascending: of whom the name has the word
	same    map[string][]int64 // numbers ascending: of the files that were summed, by key
	bytes   uint64             // of all files
}

func newIndex() index {
	return index{entries: map[int64]entry{}, words: map[string][]int64{}, same: map[string][]int64{}}
}

// key is what the content of a file is listed by.
func (r Resume) key() string { return string(binary.BigEndian.AppendUint32(r.MD5[:], r.Size)) }

func (f File) key() string { return Resume{f.MD5, f.Size}.key() }

// summed reports that somebody computed the file's sum.
func (f File) summed() bool { return f.MD5 != MD5{} }

// add enters a file and returns its number.
func (x *index) add(owner spec.Conn, f File) int64 {
	x.last++
	x.entries[x.last] = entry{owner, f}
	x.bytes += uint64(f.Size)
	for _, w := range Words(f.Name) {
		x.words[w] = append(x.words[w], x.last)
	}
	if f.summed() {
		x.same[f.key()] = append(x.same[f.key()], x.last)
	}
	return x.last
}

// remove takes a file out, and what nothing else has.
func (x *index) remove(id int64) {
	f := x.entries[id].file
	delete(x.entries, id)
	x.bytes -= uint64(f.Size)
	for _, w := range Words(f.Name) {
		strike(x.words, w, id)
	}
	if f.summed() {
		strike(x.same, f.key(), id)
	}
}

// strike takes a number out of a list.
func strike(lists map[string][]int64, key string, id int64) {
	ids := lists[key]
	at, _ := slices.BinarySearch(ids, id)
	if ids = slices.Delete(ids, at, at+1); len(ids) == 0 {
		delete(lists, key)
	} else {
		lists[key] = ids
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
	c.words, c.same = cloneLists(x.words), cloneLists(x.same)
	return c
}

func cloneLists(lists map[string][]int64) map[string][]int64 {
	c := make(map[string][]int64, len(lists))
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		c[key] = slices.Clone(lists[key])
	}
	return c
}
