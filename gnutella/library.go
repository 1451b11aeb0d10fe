package gnutella

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/urn"
)

// File is one that is shared.
type File struct {
	Index uint32   // by which hits and pushes name it; no two have one
	Size  uint32   // in bytes
	Name  string   // without NUL
	SHA1  urn.SHA1 // zero: not known
}

// Library is what a servent shares, with an index of the words in the names. It
// never changes, and any number of servents can use it. The zero value is empty.
type Library struct {
	files     []File
	words     []string  // sorted
	holders   [][]int32 // of each word: places in files, in order
	byHash    []int32   // places of those with a hash, in the order of hashes
	kilobytes uint32
}

// maxName bounds a name, in bytes: file systems have this limit, and hits have to
// be small.
const maxName = 255

// NewLibrary makes the index. The error names the file that cannot be shared.
func NewLibrary(files []File) (*Library, error) {
	l := &Library{files: slices.Clone(files)}
	slices.SortStableFunc(l.files, func(a, b File) int { return cmp.Compare(a.Index, b.Index) })
	holders := make(map[string][]int32)
	var size uint64
	for i, f := range l.files {
		switch {
		case f.Name == "" || len(f.Name) > maxName || strings.ContainsRune(f.Name, 0):
			return nil, fmt.Errorf("gnutella: file %d: the name %.40q, want 1 to %d bytes without NUL", f.Index, f.Name, maxName)
		case i > 0 && l.files[i-1].Index == f.Index:
			return nil, fmt.Errorf("gnutella: two files have the index %d", f.Index)
		}
		size += uint64(f.Size)
		for _, w := range words(f.Name) {
			holders[w] = append(holders[w], int32(i))
		}
		if f.SHA1 != (urn.SHA1{}) {
			l.byHash = append(l.byHash, int32(i))
		}
	}
	for w := range holders {
		l.words = append(l.words, w)
	}
	slices.Sort(l.words)
	for _, w := range l.words {
		l.holders = append(l.holders, holders[w])
	}
	slices.SortStableFunc(l.byHash, func(a, b int32) int { return bytes.Compare(l.files[a].SHA1[:], l.files[b].SHA1[:]) })
	l.kilobytes = uint32(min(size/bytesPerKB, 1<<32-1))
	return l, nil
}

// Files returns what is shared, in the order of the indexes. It is not to be
// changed.
func (l *Library) Files() []File { return l.files }

// File returns the file of an index.
func (l *Library) File(index uint32) (File, bool) {
	at, ok := slices.BinarySearchFunc(l.files, index, func(f File, i uint32) int { return cmp.Compare(f.Index, i) })
	if !ok {
		return File{}, false
	}
	return l.files[at], true
}

// Search returns at most limit files whose names have all words of a text, in the
// order of their indexes. A text without a word of two letters matches nothing.
//
// GN-QY-06, GN-QY-07.
func (l *Library) Search(text string, limit int) (found []File) {
	wanted := words(text)
	if len(wanted) == 0 {
		return nil
	}
	rest := make([][]int32, 0, len(wanted))
	for _, w := range wanted {
		at, ok := slices.BinarySearch(l.words, w)
		if !ok {
			return nil
		}
		rest = append(rest, l.holders[at])
	}
	for _, place := range rest[0] {
		if len(found) == limit {
			break
		}
		if !slices.ContainsFunc(rest[1:], func(holders []int32) bool {
			_, ok := slices.BinarySearch(holders, place)
			return !ok
		}) {
			found = append(found, l.files[place])
		}
	}
	return found
}

// ByHash returns a file of that content.
//
// GN-QY-16.
func (l *Library) ByHash(hash urn.SHA1) (File, bool) {
	at, ok := slices.BinarySearchFunc(l.byHash, hash, func(place int32, h urn.SHA1) int {
		return bytes.Compare(l.files[place].SHA1[:], h[:])
	})
	if !ok {
		return File{}, false
	}
	return l.files[l.byHash[at]], true
}

// AddTo puts the words and the hashes of all files into a table.
//
// GN-UQ-16.
func (l *Library) AddTo(t *qrp.Table) {
	for i := range l.files {
		f := &l.files[i]
		t.Add(decoded([]byte(f.Name)))
		if f.SHA1 != (urn.SHA1{}) {
			t.AddWhole(f.SHA1.String())
		}
	}
}

// minWord is how many letters a word needs to be asked for (GN-QY-07).
const minWord = 2

// words splits a text at what is neither letter nor digit, and returns each word
// of enough letters once, in lower case and in order.
func words(text string) []string {
	list := strings.FieldsFunc(strings.ToLower(decoded([]byte(text))), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	list = slices.DeleteFunc(list, func(w string) bool { return utf8.RuneCountInString(w) < minWord })
	slices.Sort(list)
	return slices.Compact(list)
}

// decoded guesses the encoding of a text: UTF-8 if it can be, ISO-8859-1 otherwise.
//
// GN-QY-09.
func decoded(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return string(runes)
}
