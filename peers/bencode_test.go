package peers

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	anacrolix "github.com/anacrolix/torrent/bencode"
	"github.com/google/go-cmp/cmp"
	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// FuzzBencodeAgrees holds two decoders to each other. What ours takes strictly
// the other must take too, and read the same; what the other takes and writes
// back unchanged is canonical, so ours must take it.
func FuzzBencodeAgrees(f *testing.F) {
	for _, seed := range []string{
		"i0e", "i-1e", "i9223372036854775808e", "0:", "4:spam", "le", "de", "l4:spami7ee",
		"d3:cow3:moo4:spaml1:a1:bee", "i-0e", "i03e", "d1:b0:1:a0:e", "d1:a0:1:a0:e", "5:spam", "i1ee",
		pingQuery, findNodeResponse(),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, err := bencode.Parse(b, bencode.Options{})
		var theirs any
		otherErr := unmarshal(b, &theirs)
		if err == nil && otherErr != nil && !knownRefusal(otherErr) {
			t.Fatalf("ours takes %q, the other does not: %v", b, otherErr)
		}
		if err == nil && otherErr == nil {
			if d := cmp.Diff(ours.Any(), theirs, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); d != "" {
				t.Fatalf("%q is read differently:\n%s", b, d)
			}
		}
		if err != nil && otherErr == nil {
			if back, e := anacrolix.Marshal(theirs); e == nil && bytes.Equal(back, b) && len(b) > 0 {
				t.Fatalf("%q is canonical, but ours refuses it: %v", b, err)
			}
		}
	})
}

// unmarshal turns the other decoder's panics into errors: they are its own affair.
func unmarshal(b []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return anacrolix.Unmarshal(b, v)
}

// knownRefusal names what the other decoder leaves out of the language.
func knownRefusal(err error) bool {
	return strings.Contains(err.Error(), "panic:")
}

const pingQuery = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"

const findNodeQuery = "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"

// findNodeResponse is what a healthy node answers: eight compact contacts.
func findNodeResponse() string {
	return "d1:rd2:id20:0123456789abcdefghij5:nodes208:" + strings.Repeat("abcdefghij0123456789\x7f\x00\x00\x01\x1a\xe1", 8) +
		"e1:t2:aa1:y1:re"
}

// metainfo is a torrent of the given number of files.
func metainfo(files int) []byte {
	list := make([]any, files)
	for i := range list {
		list[i] = map[string]any{"length": 1 << 20, "path": []any{"folder", fmt.Sprintf("file-%04d.bin", i)}}
	}
	return bencode.MustAppend(nil, map[string]any{
		"announce": "udp://tracker.example:6969/announce", "creation date": 1700000000,
		"info": map[string]any{"name": "a torrent", "piece length": 1 << 18, "files": list,
			"pieces": strings.Repeat("01234567890123456789", 4*files)},
	})
}

func bencodeInputs() map[string][]byte {
	return map[string][]byte{
		"ping": []byte(pingQuery), "find_node": []byte(findNodeQuery), "nodes": []byte(findNodeResponse()),
		"torrent": metainfo(100),
	}
}

// BenchmarkBencodeDecode reads a whole message into a form whose every part
// can be reached: a tree of values for the other, a validated view for ours.
// "any" builds the same tree on both sides.
func BenchmarkBencodeDecode(b *testing.B) {
	for name, in := range bencodeInputs() {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bencode.Parse(in, bencode.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/p2pspec-any", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				v, err := bencode.Parse(in, bencode.Options{})
				if err != nil || v.Any() == nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/anacrolix-any", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := anacrolix.Unmarshal(in, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBencodeEncode writes the same tree on both sides.
func BenchmarkBencodeEncode(b *testing.B) {
	for name, in := range bencodeInputs() {
		v, err := bencode.Parse(in, bencode.Options{})
		if err != nil {
			b.Fatal(err)
		}
		tree := v.Any()
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				if out, err = bencode.Append(out[:0], tree); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/anacrolix", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := anacrolix.Marshal(tree); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
