package sim

import "time"

// Kinds of event, and what the slot is.
const (
	kindPacket  uint8 = iota // a packet arrives
	kindWake                 // a node
	kindCall                 // a call
	kindArrive               // a flight, at the receiver's downlink
	kindDeliver              // a flight, through it
	kindUplink               // a host
	kindAnswer               // an answer of a disk
)

// event is what the queue orders: small, because a heap moves it about. What
// it carries lies in a slab.
type event struct {
	at   time.Duration
	seq  uint64 // order of pushing: the tie-break that makes runs repeat
	slot uint32
	kind uint8
}

func (e event) before(f event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// queue is a 4-ary min-heap: half the depth of a binary one, and the four
// children lie within two cache lines.
type queue []event

const arity = 4

func (q *queue) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / arity
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	*q = h
}

func (q *queue) pop() (event, bool) {
	if len(*q) == 0 {
		return event{}, false
	}
	return q.mustPop(), true
}

// mustPop removes the first event of a queue that is not empty.
func (q *queue) mustPop() event {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		first := i*arity + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(h)); c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if !h[least].before(last) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = last
	return top
}

// slab holds values at stable numbers and reuses the released ones.
type slab[T any] struct {
	items []T
	free  []uint32
}

// take returns a slot; its content is what was last left there. The pointer is
// valid until the next take.
func (s *slab[T]) take() (uint32, *T) {
	if k := len(s.free); k > 0 {
		slot := s.free[k-1]
		s.free = s.free[:k-1]
		return slot, &s.items[slot]
	}
	var zero T
	s.items = append(s.items, zero)
	slot := uint32(len(s.items) - 1)
	return slot, &s.items[slot]
}

// used is how many slots are taken.
func (s *slab[T]) used() int { return len(s.items) - len(s.free) }

func (s *slab[T]) at(slot uint32) *T { return &s.items[slot] }

func (s *slab[T]) release(slot uint32) { s.free = append(s.free, slot) }
