package gnutella

import (
	"maps"
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
	next  int32             // the oldest, once the list is full
	index map[seenKey]int32 // places in the list
}

func (r *routes) find(k seenKey) (from spec.Conn, ok bool) {
	at, ok := r.index[k]
	if !ok {
		return 0, false
	}
	return r.list[at].from, true
}

// put remembers a route; of one key the latest counts.
func (r *routes) put(k seenKey, from spec.Conn, limit int) {
	if r.index == nil {
		r.index = make(map[seenKey]int32)
	}
	at, known := r.index[k]
	switch {
	case known:
	case len(r.list) < limit:
		at = int32(len(r.list))
		r.list = append(r.list, route{})
	default:
		at = r.next
		delete(r.index, r.list[at].key)
		r.next = (r.next + 1) % int32(limit)
	}
	r.list[at] = route{k, from}
	r.index[k] = at
}

func (r *routes) clone() routes {
	return routes{slices.Clone(r.list), r.next, maps.Clone(r.index)}
}
