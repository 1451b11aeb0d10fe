package gnutella

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func routeKey(i int) (k seenKey) {
	k.Type = wire.TypeQuery
	binary.LittleEndian.PutUint64(k.GUID[:], uint64(i))
	return k
}

// The memory of GUIDs is a first-in first-out memory of bounded size: what a slow
// one with a plain list remembers, it remembers. GUIDs that differ little are the
// worst that others can choose, as long as the key is not known.
//
// GN-HD-17, GN-HD-18.
func TestRoutesForgetTheOldest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		r := newRoutes([32]byte{rapid.Byte().Draw(t, "seed")})
		var slow []route
		for i := range rapid.IntRange(0, 200).Draw(t, "puts") {
			k := routeKey(rapid.IntRange(0, 60).Draw(t, "guid"))
			k.Type = wire.Type(rapid.IntRange(0, 1).Draw(t, "type"))
			known := false
			for j := range slow {
				if slow[j].key == k {
					slow[j].from, known = spec.Conn(i), true
				}
			}
			if !known {
				slow = append(slow, route{k, spec.Conn(i)})
				slow = slow[max(0, len(slow)-limit):]
			}
			r.put(k, spec.Conn(i), limit)
			if err := r.check(limit); err != nil {
				t.Fatal(err)
			}
		}
		for guid := range 61 {
			for typ := range 2 {
				k, want, known := routeKey(guid), spec.Conn(0), false
				k.Type = wire.Type(typ)
				for _, e := range slow {
					if e.key == k {
						want, known = e.from, true
					}
				}
				if from, ok := r.find(k); ok != known || from != want {
					t.Fatalf("%v: %v, %v; want %v, %v", k, from, ok, want, known)
				}
			}
		}
	})
}

// Nobody who does not know the key can make routes fall together: the longest way
// to one of a hundred thousand is short, whatever bytes of the GUIDs differ.
func TestRoutesDoNotCollide(t *testing.T) {
	for shift := range 12 {
		r := newRoutes([32]byte{7})
		for i := range 100_000 {
			var k seenKey
			binary.BigEndian.PutUint32(k.GUID[shift:], uint32(i))
			r.put(k, 1, 1<<17)
		}
		longest, run := 0, 0
		for _, s := range r.slots {
			if run++; s == 0 {
				run = 0
			}
			longest = max(longest, run)
		}
		if longest > 100 {
			t.Errorf("bytes from %d on: %d slots in a row are taken", shift, longest)
		}
	}
}

// Operations on the routes of a million descriptors: of a new one, which makes the
// oldest go, and of one that is known.
func BenchmarkRoutesOfAMillion(b *testing.B) {
	const million = 1 << 20
	full := newRoutes([32]byte{1})
	for i := range million {
		full.put(routeKey(i), 1, million)
	}
	random := spec.NewRand([32]byte{2})
	b.Run("new", func(b *testing.B) {
		r := full.clone()
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			if k := routeKey(million + i); !known(&r, k) {
				r.put(k, 1, million)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if !known(&full, routeKey(int(random.Uint64()%million))) {
				b.Fatal("forgotten")
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if known(&full, routeKey(million+i)) {
				b.Fatal("made up")
			}
		}
	})
}

func known(r *routes, k seenKey) bool {
	_, ok := r.find(k)
	return ok
}
