// Package bencode holds the fuzz targets of bittorrent/bencode:
//
//	go test -fuzz FuzzStrictWithinLenient ./fuzz/bencode
//
// Without -fuzz, go test runs the seeds: the published vectors and the inputs
// on which deployed decoders have tests of their own.
package bencode

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// seeds adds to the vectors what they lack: lenient forms and repeated keys
// inside one another, a payload behind the element, depth.
var seeds = []string{
	"d1:b0:2:ba0:1:a0:e", "d1:b0:1:a0:1:b0:e", "d1:bd1:a0:1:a0:e1:a0:e", "d02:aai-00e01:b0:e",
	"d8:msg_typei1e5:piecei0eexyz",
	strings.Repeat("l", 101) + strings.Repeat("e", 101), strings.Repeat("d1:a", 101),
}

func fuzz(f *testing.F, check func(*testing.T, []byte)) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	addVectors(f, "bencode", "data")
	addVectors(f, "krpc", "packet")
	f.Fuzz(check)
}

// addVectors seeds f with one input field of a file of vectors.
func addVectors(f *testing.F, protocol, field string) {
	file, err := vectors.Load(protocol)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		if !v.Input.Has(field) {
			f.Fatalf("%s: %s has no %s", protocol, v.Name, field)
		}
		f.Add(v.Input.Bytes(field))
	}
}

// FuzzStrictWithinLenient: strict mode accepts only canonical bytes, and
// lenient mode reads them alike.
func FuzzStrictWithinLenient(f *testing.F) {
	fuzz(f, func(t *testing.T, b []byte) {
		v, err := bencode.Parse(b, bencode.Options{})
		if err != nil {
			return
		}
		w, err := bencode.Parse(b, bencode.Options{Lenient: true})
		if err != nil || !bytes.Equal(v.Raw(), w.Raw()) {
			t.Fatalf("lenient mode reads %q otherwise: %v", b, err)
		}
		if again := bencode.MustAppend(nil, v.Any()); !bytes.Equal(again, b) {
			t.Fatalf("accepted %q, whose canonical form is %q", b, again)
		}
	})
}

// FuzzRoundTrip: what lenient mode accepts has a canonical form that strict
// mode reads as the same value.
func FuzzRoundTrip(f *testing.F) {
	fuzz(f, func(t *testing.T, b []byte) {
		v, err := bencode.Parse(b, bencode.Options{Lenient: true})
		if err != nil {
			return
		}
		canonical := bencode.MustAppend(nil, v.Any())
		w, err := bencode.Parse(canonical, bencode.Options{})
		if err != nil {
			t.Fatalf("strict mode refuses %q, the canonical form of %q: %v", canonical, b, err)
		}
		if diff := cmp.Diff(v.Any(), w.Any(), cmp.Comparer(sameBig)); diff != "" {
			t.Fatalf("%q changed its meaning:\n%s", b, diff)
		}
	})
}

func sameBig(x, y *big.Int) bool { return x.Cmp(y) == 0 }

// FuzzSpans: the spans of all elements lie within the input, tile their
// container and are well-formed by themselves; Get finds every entry.
func FuzzSpans(f *testing.F) {
	fuzz(f, func(t *testing.T, b []byte) {
		v, rest, err := bencode.ParsePrefix(b, bencode.Options{Lenient: true})
		if err != nil {
			return
		}
		if string(v.Raw())+string(rest) != string(b) {
			t.Fatalf("%q splits into %q and %q", b, v.Raw(), rest)
		}
		checkSpans(t, v)
	})
}

func checkSpans(t *testing.T, v bencode.Value) {
	again, err := bencode.Parse(v.Raw(), bencode.Options{Lenient: true})
	if err != nil || again.Kind() != v.Kind() || len(again.Raw()) != len(v.Raw()) {
		t.Fatalf("%q is not well-formed by itself: %v", v.Raw(), err)
	}
	count, inside := 0, 0
	for item := range v.Items() {
		checkSpans(t, item)
		count++
		inside += len(item.Raw())
	}
	for key, value := range v.Entries() {
		checkSpans(t, value)
		count++
		if got, ok := v.Get(string(key)); !ok || !bytes.Equal(got.Raw(), value.Raw()) {
			t.Fatalf("Get(%q) of %q gives %q", key, v.Raw(), got.Raw())
		}
	}
	switch v.Kind() {
	case bencode.List:
		if inside+len("le") != len(v.Raw()) || count != v.Len() {
			t.Fatalf("%d items of %d bytes in %q", count, inside, v.Raw())
		}
	case bencode.Dict:
		if count != v.Len() {
			t.Fatalf("%d entries in %q, Len is %d", count, v.Raw(), v.Len())
		}
	}
}
