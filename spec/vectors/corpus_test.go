package vectors

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the derived files instead of comparing them")

// A corpus is a file of vectors that is written by a test, from the documents
// and with the standard library alone.
type corpus struct {
	file    File
	vectors []derived
	group   string // the beginning of the names that follow
	clauses []string
}

// derived is a Vector with values as JSON has them.
type derived struct {
	name, operation string
	clauses         []string
	source          string
	input, expect   any
	note            string
}

// in begins a group: all vectors of one behaviour.
func (c *corpus) in(group string, clauses ...string) { c.group, c.clauses = group, clauses }

func (c *corpus) add(slug, operation, source string, input, expect any, note string) {
	c.vectors = append(c.vectors, derived{
		c.group + "/" + slug, operation, c.clauses, source, input, expect, note,
	})
}

// hold compares the file with what is derived, or writes it.
func (c *corpus) hold(t *testing.T) {
	t.Helper()
	out := jsonWriter{t: t}
	out.WriteString("{\n")
	out.field("  ", "format", Format, ",")
	out.field("  ", "protocol", c.file.Protocol, ",")
	out.field("  ", "documents", c.file.Documents, ",")
	out.field("  ", "about", c.file.About, ",")
	out.field("  ", "operations", c.file.Operations, ",")
	out.field("  ", "fields", c.file.Fields, ",")
	out.WriteString("  \"vectors\": [\n")
	for i, v := range c.vectors {
		const indent = "      "
		out.WriteString("    {\n")
		out.field(indent, "name", v.name, ",")
		out.field(indent, "operation", v.operation, ",")
		out.field(indent, "clauses", v.clauses, ",")
		out.field(indent, "source", v.source, ",")
		out.field(indent, "input", v.input, ",")
		if v.note == "" {
			out.field(indent, "expect", v.expect, "")
		} else {
			out.field(indent, "expect", v.expect, ",")
			out.field(indent, "note", v.note, "")
		}
		out.WriteString("    }" + strings.Repeat(",", min(1, len(c.vectors)-1-i)) + "\n")
	}
	out.WriteString("  ]\n}\n")
	name := c.file.Protocol + ".json"
	if *update {
		if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, out.Bytes()) {
		t.Errorf("%s is not what the documents give; write it with go test ./spec/vectors -update", name)
	}
}

// jsonWriter writes one field a line, in the order of the calls.
type jsonWriter struct {
	bytes.Buffer
	t *testing.T
}

func (w *jsonWriter) field(indent, key string, value any, behind string) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(w, "%s%q: %s%s\n", indent, key, bytes.TrimSpace(text.Bytes()), behind)
}

// values are the fields of an input or an expectation, as JSON has them.
type values = map[string]any

// dict is a dictionary that is encoded with its keys in order, and pairs one
// with keys and values in turn as they stand. A raw is spliced.
type (
	dict  map[string]any
	pairs []any
	list  []any
	raw   string
)

// benc is the bencoding of a value, right or wrong as it stands.
func benc(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Itoa(len(v)) + ":" + v
	case int:
		return "i" + strconv.Itoa(v) + "e"
	case int64:
		return "i" + strconv.FormatInt(v, 10) + "e"
	case raw:
		return string(v)
	case list:
		s := "l"
		for _, item := range v {
			s += benc(item)
		}
		return s + "e"
	case pairs:
		s := "d"
		for _, item := range v {
			s += benc(item)
		}
		return s + "e"
	case dict:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		s := "d"
		for _, key := range keys {
			s += benc(key) + benc(v[key])
		}
		return s + "e"
	default:
		panic(fmt.Sprintf("no bencoding for %T", v))
	}
}

// with is a copy of the dictionary with keys and values changed in turn; a nil
// value removes its key.
func (d dict) with(changes ...any) dict {
	out := dict{}
	for key, value := range d {
		out[key] = value
	}
	for i := 0; i < len(changes); i += 2 {
		if key := changes[i].(string); changes[i+1] == nil {
			delete(out, key)
		} else {
			out[key] = changes[i+1]
		}
	}
	return out
}

// content is n bytes that differ from block to block.
func content(n int) string { return pattern(n, 1) }

// pattern is n bytes as the field data of metainfo.json has them.
func pattern(n, factor int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(factor * (7*i + 13*(i>>8) + i>>14))
	}
	return string(b)
}

// sha1Pieces is the value of pieces for the content.
func sha1Pieces(content string, length int) string {
	var pieces string
	for ; len(content) > 0; content = content[min(length, len(content)):] {
		hash := sha1.Sum([]byte(content[:min(length, len(content))]))
		pieces += string(hash[:])
	}
	return pieces
}

const block = 16 << 10

// merkle is the layer of a file's hash tree that covers span bytes with each
// hash, without what lies beyond the end, and the root. BEP 52 §pieces root
func merkle(content string, span int) (layer []string, root string) {
	var hashes []string
	for rest := content; len(rest) > 0; rest = rest[min(block, len(rest)):] {
		sum := sha256.Sum256([]byte(rest[:min(block, len(rest))]))
		hashes = append(hashes, string(sum[:]))
	}
	for len(hashes)&(len(hashes)-1) != 0 {
		hashes = append(hashes, string(make([]byte, 32)))
	}
	for covers := block; ; covers *= 2 {
		if covers == span {
			layer = hashes[:(len(content)+span-1)/span]
		}
		if len(hashes) == 1 {
			return layer, hashes[0]
		}
		above := make([]string, len(hashes)/2)
		for i := range above {
			sum := sha256.Sum256([]byte(hashes[2*i] + hashes[2*i+1]))
			above[i] = string(sum[:])
		}
		hashes = above
	}
}

func hexed(s string) string { return hex.EncodeToString([]byte(s)) }

// field is a value of an expectation: a list is of type [Tree].
func field(v any) any {
	if l, ok := v.(list); ok {
		return treeOf(l)
	}
	return v
}

// treeOf writes strings and lists in the notation of the type [Tree].
func treeOf(v any) any {
	switch v := v.(type) {
	case string:
		if strings.IndexFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
			return values{"hex": hexed(v)}
		}
		return v
	case list:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = treeOf(item)
		}
		return out
	default:
		return v
	}
}
