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
)

var seeds = []string{
	// BEP 3 §bencoding and the creator script of BEP 52.
	"4:spam", "i3e", "i-3e", "i0e", "i-0e", "i03e", "l4:spam4:eggse",
	"d3:cow3:moo4:spam4:eggse", "d4:spaml1:a1:bee", "0:", "l1:ai42eli13ei14eee",
	"d3:bar4:spam3:fooi42e4:messli1e1:cee",
	// Deployed decoders.
	"", "e", "d1:ai1e1:be", "di5e1:ae", "d2:abi1e2:aai2ee", "d2:aai1e2:aai2ee", "-10:foobar",
	"18446744073709551615:foobar", "06:foobar", "ie", "i-e", "i35412-5633e", "df00:", "i-", "i10",
	"l2:..0", "d1000:..e", "i01e", "i-9223372036854775808e", "i18446744073709551615e",
	"i604919719469385652980544193299329427705624352086e", "d3:a\x00bi1ee", "ld0:i1ee0:e",
	"d1:rd6:\xd4/\xe2F\x00\x01i42ee1:t3:\x9a\x87\x011:v4:TR%=1:y1:re",
	// BEP 5, and one packet seen in the wild.
	"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
	"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
	"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
	"d1:ad2:id20:abcdefghij01234567894:porti6881e5:tokene1:q13:announce_peer1:t2:aa1:y1:qe",
	// Leniency and repeated keys at several levels, a payload behind, depth.
	"d1:b0:2:ba0:1:a0:e", "d1:b0:1:a0:1:b0:e", "d1:bd1:a0:1:a0:e1:a0:e", "d02:aai-00e01:b0:e",
	"d8:msg_typei1e5:piecei0eexyz", "de\n",
	strings.Repeat("l", 101) + strings.Repeat("e", 101), strings.Repeat("d1:a", 101),
}

func fuzz(f *testing.F, check func(*testing.T, []byte)) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(check)
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
