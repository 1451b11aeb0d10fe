package gnutella

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// seenKey names a descriptor: two of different types may have one GUID (GN-HD-18).
type seenKey struct {
	Type wire.Type
	GUID wire.GUID
}

// route is where a descriptor came from, and so where answers to it go.
type route struct {
	key  seenKey
	from spec.Conn // own: the servent itself
}

// own is the connection of what the servent asks itself: streams have other
// numbers.
const own spec.Conn = 0

// routes remembers the latest descriptors, a bounded number of them: the oldest
// makes room.
type routes struct {
	list  []route
	next  int32     // the oldest, once the list is full
	key   [2]uint64 // of the hash; it never changes
	slots []uint64  // open addressing, at most half full: a hash, and below it a place in list + 1; 0: nothing
}

// newRoutes takes the key of the hash from a seed: others choose the GUIDs, and
// could otherwise choose them so that all fall together.
func newRoutes(seed [32]byte) routes {
	random := spec.NewRand(sha256.Sum256(seed[:]))
	return routes{key: [2]uint64{random.Uint64() | 1, random.Uint64() | 1}}
}

func (r *routes) find(k seenKey) (from spec.Conn, ok bool) {
	at, ok := r.lookup(k)
	if !ok {
		return 0, false
	}
	return r.list[r.place(at)].from, true
}

// put remembers a route; of one key the latest counts.
func (r *routes) put(k seenKey, from spec.Conn, limit int) {
	if at, known := r.lookup(k); known {
		r.list[r.place(at)].from = from
		return
	}
	place := r.next
	if len(r.list) < limit {
		place = int32(len(r.list))
		r.list = append(r.list, route{})
		r.grow()
	} else {
		r.remove(r.list[place].key)
		r.next = (r.next + 1) % int32(limit)
	}
	r.list[place] = route{k, from}
	r.insert(r.hash(k), place)
}

// hash folds the product of the halves of a GUID, each mixed with half of the key.
func (r *routes) hash(k seenKey) uint64 {
	high, low := bits.Mul64(
		binary.LittleEndian.Uint64(k.GUID[:])^r.key[0], binary.LittleEndian.Uint64(k.GUID[8:])^r.key[1])
	high, low = bits.Mul64(high^low^uint64(k.Type), r.key[0])
	return (high ^ low) >> placeBits
}

const (
	placeBits = 32 // of a slot
	minSlots  = 8
)

// place is that of the route in a slot.
func (r *routes) place(at uint64) int32 { return int32(uint32(r.slots[at]) - 1) }

// lookup finds the slot of a route. There always is an empty one where it ends.
func (r *routes) lookup(k seenKey) (at uint64, ok bool) {
	if len(r.slots) == 0 {
		return 0, false
	}
	hash, mask := r.hash(k), uint64(len(r.slots)-1)
	for at = hash & mask; r.slots[at] != 0; at = (at + 1) & mask {
		if r.slots[at]>>placeBits == hash && r.list[r.place(at)].key == k {
			return at, true
		}
	}
	return 0, false
}

func (r *routes) insert(hash uint64, place int32) {
	mask := uint64(len(r.slots) - 1)
	at := hash & mask
	for r.slots[at] != 0 {
		at = (at + 1) & mask
	}
	r.slots[at] = hash<<placeBits | uint64(place+1)
}

// remove empties the slot of a route, and moves those behind it that would not be
// found any more.
func (r *routes) remove(k seenKey) {
	hole, _ := r.lookup(k)
	mask := uint64(len(r.slots) - 1)
	for at := (hole + 1) & mask; r.slots[at] != 0; at = (at + 1) & mask {
		if home := r.slots[at] >> placeBits; (at-home)&mask >= (at-hole)&mask {
			r.slots[hole], hole = r.slots[at], at
		}
	}
	r.slots[hole] = 0
}

// grow keeps the slots at most half full.
func (r *routes) grow() {
	if 2*len(r.list) <= len(r.slots) {
		return
	}
	old := r.slots
	r.slots = make([]uint64, max(minSlots, 2*len(old)))
	for _, s := range old {
		if s != 0 {
			r.insert(s>>placeBits, int32(uint32(s)-1))
		}
	}
}

func (r *routes) clone() routes {
	c := *r
	c.list, c.slots = slices.Clone(r.list), slices.Clone(r.slots)
	return c
}
