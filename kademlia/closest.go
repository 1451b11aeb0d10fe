package kademlia

import "slices"

// Closest appends to out the n contacts nearest to target, nearest first, and
// returns the extended slice. With a filter only contacts that it accepts
// count. It allocates only when out is too short.
//
// Every contact of a bucket lies closer to target than any contact of a
// subtree that shares fewer bits with it, so whole buckets are visited in the
// order of distance and only their contents are sorted.
//
// KAD-RPC-005, KAD-RPC-006 (Kademlia §2.3).
func (t *Table) Closest(target ID, n int, filter func(*Entry) bool, out []Contact) []Contact {
	if n <= 0 {
		return out
	}
	w := walk{table: t, target: target, filter: filter, out: out, want: len(out) + n}
	lo := t.bucketIndex(&target)
	w.bucket(lo)
	// Widen the subtree around target level by level; what each level adds is
	// the sibling of the subtree before.
	hi := lo + 1
	for depth := int(t.buckets[lo].depth) - 1; depth >= 0 && len(w.out) < w.want; depth-- {
		if target.Bit(depth) == 1 {
			end := lo
			for lo > 0 && prefixLen(&t.buckets[lo-1].prefix, &target) >= depth {
				lo--
			}
			w.subtree(lo, end, depth+1)
		} else {
			end := hi
			for hi < len(t.buckets) && prefixLen(&t.buckets[hi].prefix, &target) >= depth {
				hi++
			}
			w.subtree(end, hi, depth+1)
		}
	}
	return w.out
}

// Between estimates how many nodes of the network lie closer to key than the
// own node does. Where the table is complete it counts; beyond, it takes the
// subtree of key to be as dense as the own bucket. "This number can be inferred
// from the bucket structure" (Kademlia §2.3).
func (t *Table) Between(key ID) int64 {
	shared := prefixLen(&key, &t.self)
	if shared == MaxBits {
		return 0
	}
	own := &t.buckets[t.bucketIndex(&t.self)]
	count := int64(0)
	for i := range t.buckets {
		b := &t.buckets[i]
		if min(prefixLen(&b.prefix, &key), int(b.depth)) < min(shared, int(b.depth)) {
			continue // no identifier in b shares more bits with key than the own one
		}
		for j := range b.entries {
			count += int64(boolByte(compare(&key, &b.entries[j].ID, &t.self) < 0))
		}
	}
	if count < int64(t.k) || shared >= int(own.depth) {
		return count
	}
	levels := min(int(own.depth)-shared-1, 32) // 2³² times k is farther than any network
	return max(count, int64(len(own.entries))<<levels)
}

// walk is a traversal in the order of distance to target.
type walk struct {
	table  *Table
	target ID
	filter func(*Entry) bool
	out    []Contact
	want   int // length of out at which the walk is over
}

// subtree visits buckets lo … hi-1, which are all those below one node of the
// given depth, nearest first.
func (w *walk) subtree(lo, hi, depth int) {
	if len(w.out) == w.want {
		return
	}
	if hi-lo == 1 {
		w.bucket(lo)
		return
	}
	mid := lo + 1 // the first bucket of the upper half
	for w.table.buckets[mid].prefix.Bit(depth) == 0 {
		mid++
	}
	if w.target.Bit(depth) == 0 {
		w.subtree(lo, mid, depth+1)
		w.subtree(mid, hi, depth+1)
	} else {
		w.subtree(mid, hi, depth+1)
		w.subtree(lo, mid, depth+1)
	}
}

// bucket appends the accepted contacts of bucket i, nearest first. It sorts
// words that hold the top 58 bits of the distance and 6 of index; MaxK keeps the
// index in its bits. Only contacts that agree in all 58 need a second look.
func (w *walk) bucket(i int) {
	const indexBits = 6
	b := &w.table.buckets[i]
	var room [MaxK]uint64
	keys, top, twins := room[:len(b.keys)], high(&w.target), false
	for j, key := range b.keys {
		key = (key^top)>>indexBits<<indexBits | uint64(j)
		at := j
		for at > 0 && keys[at-1] > key {
			keys[at] = keys[at-1]
			at--
		}
		keys[at] = key
		twins = twins || at > 0 && keys[at-1]>>indexBits == key>>indexBits
	}
	if twins {
		slices.SortStableFunc(keys, func(x, y uint64) int {
			return compare(&w.target, &b.entries[x%MaxK].ID, &b.entries[y%MaxK].ID)
		})
	}
	for _, key := range keys {
		if len(w.out) == w.want {
			return
		}
		e := &b.entries[key%MaxK]
		if w.filter == nil || w.filter(e) {
			w.out = append(w.out, e.Contact())
		}
	}
}
