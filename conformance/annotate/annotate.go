// Package annotate explains the bytes of a message: where each field lies,
// what it means, which clause says so, and what is wrong with it.
package annotate

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// Field is one span of the message. The spans of a message follow each other
// without a gap, so that their bytes in order are the message.
type Field struct {
	Offset  int    // of the first byte
	Bytes   []byte // borrowed from the message
	Depth   int    // 0 for the message itself
	Path    string // "a.id", "r.nodes[2]"; empty for the message itself
	Value   string // as a person writes it
	Meaning string // empty when no document gives the field one
	Clause  string // catalogue id; empty without one
	Problem string // what is wrong with the value; empty when nothing is
}

// rule is what a document says about the field at a path.
type rule struct {
	meaning, clause string
	// check returns what is wrong with the value; nil checks nothing.
	check func(bencode.Value) string
	// split is the size of the entries of a string that is a row of them, and
	// entry words one of them; 0 leaves the string whole.
	split int
	entry func([]byte) string
	each  string // what one entry is
}

// walker collects the fields of one message.
type walker struct {
	message []byte
	rules   func(path string) rule
	fields  []Field
}

// element appends the fields of the value that begins at value, under a head
// that begins at start and ends where the value begins: a key, or nothing.
// It returns the offset behind the value.
func (w *walker) element(start, value, depth int, path string, v bencode.Value) int {
	r := w.rules(path)
	problem := ""
	if r.check != nil {
		problem = r.check(v)
	}
	end := value + len(v.Raw())
	switch v.Kind() {
	case bencode.Dict:
		w.add(start, value+1, depth, path, fmt.Sprintf("dictionary of %d", v.Len()), r, problem)
		at := value + 1
		for key, inner := range v.Entries() {
			behindKey := bytes.IndexByte(w.message[at:], ':') + at + 1 + len(key)
			at = w.element(at, behindKey, depth+1, join(path, key), inner)
		}
		w.add(end-1, end, depth, path, "end of the dictionary", rule{}, "")
	case bencode.List:
		w.add(start, value+1, depth, path, fmt.Sprintf("list of %d", v.Len()), r, problem)
		at, i := value+1, 0
		for inner := range v.Items() {
			at = w.element(at, at, depth+1, fmt.Sprintf("%s[%d]", path, i), inner)
			i++
		}
		w.add(end-1, end, depth, path, "end of the list", rule{}, "")
	default:
		w.scalar(start, end, depth, path, v, r, problem)
	}
	return end
}

func (w *walker) scalar(start, end, depth int, path string, v bencode.Value, r rule,
	problem string) {
	content, isString := v.Bytes()
	if !isString {
		w.add(start, end, depth, path, strings.Trim(string(v.Raw()), "ie"), r, problem)
		return
	}
	if r.split == 0 || len(content) == 0 || len(content)%r.split != 0 {
		value := readable(content)
		if r.entry != nil && r.split == 0 && problem == "" {
			value = r.entry(content)
		}
		w.add(start, end, depth, path, value, r, problem)
		return
	}
	first := end - len(content)
	w.add(start, first, depth, path, fmt.Sprintf("%d bytes", len(content)), r, problem)
	for i := 0; i*r.split < len(content); i++ {
		at := first + i*r.split
		one := rule{meaning: r.each, clause: r.clause}
		value := r.entry(content[i*r.split : (i+1)*r.split])
		w.add(at, at+r.split, depth+1, fmt.Sprintf("%s[%d]", path, i), value, one, "")
	}
}

func (w *walker) add(start, end, depth int, path, value string, r rule, problem string) {
	w.fields = append(w.fields, Field{
		Offset: start, Bytes: w.message[start:end:end], Depth: depth, Path: path,
		Value: value, Meaning: r.meaning, Clause: r.clause, Problem: problem,
	})
}

// join extends a path by a key, which is quoted unless it is a plain word, so
// that no key can pass for a path.
func join(path string, key []byte) string {
	name := string(key)
	if plain := strings.Trim(name, wordBytes) == ""; !plain || name == "" || len(name) > longest {
		name = readable(key)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

const wordBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// longest is how many bytes of a string are shown.
const longest = 32

// readable shows text as text and other bytes in hexadecimal.
func readable(b []byte) string {
	shown, more := b, ""
	if len(b) > longest {
		shown, more = b[:longest], fmt.Sprintf("… (%d bytes)", len(b))
	}
	if utf8.Valid(shown) && !strings.ContainsFunc(string(shown), func(r rune) bool {
		return !strconv.IsPrint(r)
	}) {
		return strconv.Quote(string(shown)) + more
	}
	return fmt.Sprintf("%x%s", shown, more)
}
