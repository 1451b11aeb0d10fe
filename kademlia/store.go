package kademlia

import (
	"bytes"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// value is a pair held for the network. Its data never changes in place, so
// that messages may share it.
type value struct {
	key         ID
	data        []byte
	expireAt    time.Duration
	replicateAt time.Duration
}

// publication is a pair that this node keeps alive.
type publication struct {
	key         ID
	data        []byte
	republishAt time.Duration
}

// store executes the command Store.
//
// KAD-STORE-001 (Kademlia §2.3).
func (n *Node) store(in Store, out []spec.Effect) []spec.Effect {
	i, known := slices.BinarySearchFunc(n.published, in.Key, publication.compare)
	switch {
	case !in.Key.Fits(n.cfg.IDBits):
		return fail(in.Op, ErrBadID, out)
	case len(in.Value) > n.cfg.MaxValueBytes:
		return fail(in.Op, ErrTooLarge, out)
	case !known && len(n.published) >= n.cfg.MaxPublished:
		return fail(in.Op, ErrFull, out)
	case !n.roomForLookup():
		return fail(in.Op, ErrBusy, out)
	}
	p := publication{in.Key, slices.Clone(in.Value), n.now + n.cfg.Republish}
	if known {
		n.published[i] = p
	} else {
		n.published = slices.Insert(n.published, i, p)
	}
	s := search{purpose: forStore, op: in.Op, data: p.data, expireAt: n.now + n.cfg.Expire}
	return n.begin(s, in.Key, out)
}

// withdraw executes the command Withdraw.
func (n *Node) withdraw(in Withdraw, out []spec.Effect) []spec.Effect {
	i, known := slices.BinarySearchFunc(n.published, in.Key, publication.compare)
	if !known {
		return fail(in.Op, ErrNotFound, out)
	}
	n.published = slices.Delete(n.published, i, i+1)
	return append(out, spec.Done{Op: in.Op})
}

// republish publishes an own value again.
//
// KAD-STORE-002 (Kademlia §2.3).
func (n *Node) republish(i int, out []spec.Effect) []spec.Effect {
	if !n.roomForLookup() {
		return n.postpone(out)
	}
	p := &n.published[i]
	p.republishAt = n.now + n.cfg.Republish
	s := search{purpose: forRepublish, data: p.data, expireAt: n.now + n.cfg.Expire}
	return n.begin(s, p.key, out)
}

// replicate stores a held value again at the K nodes closest to its key. Inside
// its own neighbourhood, all of which it knows, the node needs no lookup to
// find them.
//
// KAD-STORE-005, KAD-STORE-007 (Kademlia §2.5).
func (n *Node) replicate(i int, out []spec.Effect) []spec.Effect {
	if !n.roomForLookup() {
		return n.postpone(out)
	}
	v := &n.values[i]
	v.replicateAt = n.nextReplication()
	s := search{purpose: forReplicate, data: v.data, expireAt: v.expireAt}
	if prefixLen(&v.key, &n.cfg.ID) < n.table.Neighbourhood() {
		return n.begin(s, v.key, out)
	}
	s.lookup = n.newLookup(v.key)
	awake := func(e *Entry) bool { return !e.Resting(n.now, backOff) }
	var room [MaxK]Contact
	return n.storeAt(n.enlist(s), n.table.Closest(v.key, n.cfg.K, awake, room[:0]), out)
}

// nextReplication is one interval ahead, less up to an eighth: a STORE puts off
// the replication of all who receive it, and unless their next ones differ they
// would all replicate at once (Kademlia §2.5 asks that intervals be "not
// exactly synchronized").
func (n *Node) nextReplication() time.Duration {
	return n.now + n.cfg.Replicate - time.Duration(n.rng.Below(uint64(n.cfg.Replicate/8)))
}

// storeAt sends the value of search i to the closest nodes. The own node counts
// as one of them, and keeps the value, when fewer than K are closer.
func (n *Node) storeAt(i int, closest []Contact, out []spec.Effect) []spec.Effect {
	s := &n.searches[i]
	s.storing = true
	ttl := s.expireAt - n.now
	if ttl <= 0 { // the lookup outlived it
		return n.finish(i, out)
	}
	key := s.lookup.Target()
	closer := 0
	for closer < len(closest) && compare(&key, &closest[closer].ID, &n.cfg.ID) < 0 {
		closer++
	}
	if closer < n.cfg.K {
		if n.value(key) != nil || len(n.values) < n.cfg.MaxValues {
			n.keep(key, s.data, ttl)
			s.copies++
		}
		closest = closest[:min(len(closest), n.cfg.K-1)]
	}
	s.pending = int32(len(closest))
	for _, c := range closest {
		out = n.sendStore(c, s.serial, key, s.data, ttl, out)
	}
	return n.pump(i, out)
}

func (n *Node) sendStore(
	to Contact, search uint32, key ID, data []byte, ttl time.Duration, out []spec.Effect,
) []spec.Effect {
	r := rpc{to: to, kind: storeRPC, search: search}
	return n.request(r, func(h Header) spec.Message { return StoreRequest{h, key, ttl, data} }, out)
}

// handOver sends a newcomer every value that it should hold from now on: it is
// among the K closest to the key, and no other node that we know is closer to
// the key than we are, so that one of us does it.
//
// KAD-STORE-008, KAD-STORE-009 (Kademlia §2.5).
func (n *Node) handOver(c Contact, out []spec.Effect) []spec.Effect {
	if len(n.values) == 0 {
		return out
	}
	free := n.freePings()
	others := func(e *Entry) bool { return e.ID != c.ID }
	var room [MaxK]Contact
	for i := range n.values {
		v := &n.values[i]
		ttl := v.expireAt - n.now
		near := n.table.Closest(v.key, n.cfg.K, others, room[:0])
		if free == 0 || ttl <= 0 || len(near) > 0 && compare(&v.key, &near[0].ID, &n.cfg.ID) < 0 {
			continue
		}
		rank := int(boolByte(compare(&v.key, &n.cfg.ID, &c.ID) < 0))
		for j := range near {
			rank += int(boolByte(compare(&v.key, &near[j].ID, &c.ID) < 0))
		}
		if rank < n.cfg.K {
			out = n.sendStore(c, 0, v.key, v.data, ttl, out)
			free--
		}
	}
	return out
}

// keep files a value received in a STORE, or publishes it here. The copy that
// lives longer is the later publication and wins; either way nobody needs to
// replicate the key for an interval.
//
// KAD-RPC-009, KAD-STORE-003, KAD-STORE-006 (Kademlia §2.3, §2.5).
func (n *Node) keep(key ID, data []byte, ttl time.Duration) {
	ttl = min(ttl, n.lifetime(key))
	if ttl <= 0 {
		return
	}
	i, known := slices.BinarySearchFunc(n.values, key, value.compare)
	if !known {
		n.values = slices.Insert(n.values, i, value{key: key, data: slices.Clone(data)})
	}
	v := &n.values[i]
	v.replicateAt = n.nextReplication()
	if expireAt := n.now + ttl; !known || expireAt >= v.expireAt {
		v.expireAt = expireAt
		if !bytes.Equal(v.data, data) {
			v.data = slices.Clone(data)
		}
	}
}

// lifetime is how long a value may stay here. Among the K closest to its key it
// is Config.Expire; farther out it halves with every K nodes in between, so
// that the caches which popular keys leave behind do not linger.
//
// KAD-STORE-004 (Kademlia §2.3).
func (n *Node) lifetime(key ID) time.Duration {
	return n.cfg.Expire >> min(n.table.Between(key)/int64(n.cfg.K), 63)
}

// Keys are those of the pairs that the node holds, in their order.
func (n *Node) Keys() []ID {
	keys := make([]ID, len(n.values))
	for i := range n.values {
		keys[i] = n.values[i].key
	}
	return keys
}

// value returns the pair held under key, nil if there is none.
func (n *Node) value(key ID) *value {
	if i, known := slices.BinarySearchFunc(n.values, key, value.compare); known {
		return &n.values[i]
	}
	return nil
}

func (v value) compare(key ID) int { return v.key.Cmp(key) }

func (p publication) compare(key ID) int { return p.key.Cmp(key) }
