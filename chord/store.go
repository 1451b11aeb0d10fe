package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// store is what a node holds for the ring, and what it does about it.
type store struct {
	records    []record    // ordered by key
	operations []operation // in the order of their beginnings
	transfers  []transfer  // in the order of their beginnings
	serial     uint64      // of the newest operation, transfer or request of these
	misplaced  bool        // the place on the ring has changed in this step

	// A pass looks at every record once, as fast as maxTransfers lets it.
	passAt  time.Duration // the next one; never while there are no records
	passing bool
	cursor  ID    // the record that the pass has come to
	target  int32 // and to which of its targets
}

// record is a value held. Its bytes never change in place, so that messages may
// share them.
type record struct {
	key     ID
	stamp   Stamp
	value   []byte
	owned   bool          // the key belonged to this node when its place last changed
	moved   bool          // it does no more, and the predecessor has not been asked yet
	copies  []ID          // if owned: replicas known to have this value or a later one; replaced
	checkAt time.Duration // if owned: doubt copies; otherwise: ask the owner
}

// How often holders make sure, in periods of stabilization. An owner asks all
// its replicas again, which finds those that have lost their memory; a replica
// that nobody has asked for longer than two such rounds looks for the owner, to
// learn whether it still is one.
const (
	refreshPeriods = 4
	releasePeriods = 2*refreshPeriods + 1
)

// newStore returns an empty store. The serials of this life must not meet those
// of an earlier one, whose writes and answers may still be under way
// (CHORD-QUORUM-005).
func newStore(rng *spec.Rand) store { return store{serial: rng.Uint64() >> 1, passAt: never} }

func (s *store) nextSerial() uint64 {
	s.serial++
	return s.serial
}

// nextRPC returns an identifier for a request of the storage, which has its own
// sequence: unlike those of the ring its answers must never be mixed up with
// those to an earlier life of the node.
func (s *store) nextRPC() uint32 { return uint32(s.nextSerial()) }

// Keys are those of which the node holds a value, as their owner, as a replica
// or on the way to where they belong, in their order.
func (n *Node) Keys() []ID {
	keys := make([]ID, len(n.store.records))
	for i := range n.store.records {
		keys[i] = n.store.records[i].key
	}
	return keys
}

// replicas are the nodes that should hold what this one owns: itself and the
// nearest of its successors.
//
// CHORD-STORE-004 (Chord §5.2).
func (n *Node) replicas() []Peer {
	group := make([]Peer, 1, n.cfg.Replicas)
	group[0] = Peer{ID: n.cfg.ID}
	return n.fillGroup(group, n.successors)
}

// fillGroup appends the nodes of a list to a group, each once, as far as it has
// room.
func (n *Node) fillGroup(group, nodes []Peer) []Peer {
	for _, p := range nodes {
		if len(group) == n.cfg.Replicas {
			break
		}
		if (p.known() || p.ID == n.cfg.ID) && !contains(group, p.ID) {
			group = append(group, p)
		}
	}
	return group
}

func contains(peers []Peer, id ID) bool {
	return slices.ContainsFunc(peers, func(p Peer) bool { return p.ID == id })
}

// record returns what is held under key, nil if nothing is.
func (n *Node) record(key ID) *record {
	if i, known := slices.BinarySearchFunc(n.store.records, key, record.compare); known {
		return &n.store.records[i]
	}
	return nil
}

func (r record) compare(key ID) int { return r.key.Cmp(key) }

// keep holds a value, unless the one that is held is as late, or there is no
// room for one more key.
//
// CHORD-STORE-008, CHORD-STORE-012.
func (n *Node) keep(key ID, stamp Stamp, value []byte) {
	s := &n.store
	i, known := slices.BinarySearchFunc(s.records, key, record.compare)
	if known && s.records[i].stamp.Cmp(stamp) >= 0 || n.full(key) {
		return
	}
	if !known {
		s.records = slices.Insert(s.records, i, record{key: key, owned: n.Owns(key)})
	}
	r := &s.records[i]
	r.stamp, r.value, r.copies = stamp, slices.Clone(value), nil
	r.checkAt = n.nextCheck(r)
	if s.passAt == never {
		s.passAt = n.now + n.cfg.Stabilize
	}
}

func (n *Node) nextCheck(r *record) time.Duration {
	if r.owned {
		return n.now + refreshPeriods*n.cfg.Stabilize
	}
	return n.now + releasePeriods*n.cfg.Stabilize
}

// full reports whether there is no room for one more key.
func (n *Node) full(key ID) bool {
	return len(n.store.records) >= n.cfg.MaxValues && n.record(key) == nil
}

// placeChanged looks at every record after the node's place on the ring has
// changed: what it owns no more goes to the new owner, and what it owns to new
// replicas.
//
// Answers to what it sent before count for nothing any more. Otherwise two
// nodes, each of which has taken the other for the owner at some time, could
// both drop their copies.
//
// CHORD-KEY-002, CHORD-KEY-005, CHORD-STORE-007 (Chord §4.4, §5.2).
func (n *Node) placeChanged(out []spec.Effect) []spec.Effect {
	s := &n.store
	s.misplaced = false
	replicas := n.replicas()
	for i := range s.records {
		r := &s.records[i]
		owned := n.Owns(r.key)
		switch {
		case r.owned && !owned:
			r.owned, r.moved, r.copies, r.checkAt = false, true, nil, n.now
		case !r.owned && owned:
			r.owned, r.moved = true, false
			r.checkAt = n.nextCheck(r)
		case owned:
			r.copies = slices.DeleteFunc(slices.Clone(r.copies), func(id ID) bool {
				return !contains(replicas, id)
			})
		}
	}
	s.transfers = nil
	return n.startPass(out)
}

// handOver executes the part of Leave that concerns the values: each goes to a
// successor, and handedOver is called when all are there.
//
// CHORD-KEY-003, CHORD-KEY-005 (Chord §4.4).
func (n *Node) handOver(out []spec.Effect) []spec.Effect {
	n.store.transfers = nil
	return n.startPass(out)
}

// startPass looks at every record from the first one on.
func (n *Node) startPass(out []spec.Effect) []spec.Effect {
	s := &n.store
	s.passAt = never
	if len(s.records) > 0 {
		s.passAt = n.now + n.cfg.Stabilize
		s.passing, s.cursor, s.target = true, s.records[0].key, 0
	}
	return n.pump(out)
}

// storeDeadline is when the storage has something to do, or never.
func (n *Node) storeDeadline() time.Duration {
	at := n.store.passAt
	for i := range n.store.operations {
		at = min(at, n.store.operations[i].deadline)
	}
	for i := range n.store.transfers {
		at = min(at, n.store.transfers[i].deadline)
	}
	return at
}

// storeTimer does what is due. It leaves nothing due behind.
func (n *Node) storeTimer(out []spec.Effect) []spec.Effect {
	s := &n.store
	for {
		i := slices.IndexFunc(s.operations, func(o operation) bool { return o.deadline <= n.now })
		if i < 0 {
			break
		}
		out = n.operationTimedOut(i, out)
	}
	for {
		i := slices.IndexFunc(s.transfers, func(t transfer) bool { return t.deadline <= n.now })
		if i < 0 {
			break
		}
		out = n.transferFailed(i, out)
	}
	switch {
	case s.passAt > n.now:
		return out
	case s.passing: // the last one is not over yet
		s.passAt = n.now + n.cfg.Stabilize
		return n.pump(out)
	}
	return n.startPass(out)
}

// abandonStore forgets everything, when the node has left the ring.
func (n *Node) abandonStore(out []spec.Effect) []spec.Effect {
	for i := range n.store.operations {
		out = fail(n.store.operations[i].op, ErrNotMember, out)
	}
	n.store = store{serial: n.store.serial, passAt: never}
	return out
}

// storageEffects bounds what the storage adds to one Step: of each operation a
// timer, an answer or a lookup's end may send a request to every replica, then
// the next phase begins and ends; of each transfer the end begins another one.
func (c *Config) storageEffects() int {
	return c.MaxOperations*(3*c.Replicas+2) + 4*maxTransfers
}
