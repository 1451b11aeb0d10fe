package kademlia

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// search is a lookup of the node with what it is for. It ends when its lookup
// is done, or, when it goes on to store a value, when the last STORE is
// answered or lost.
type search struct {
	serial  uint32
	purpose purpose
	op      spec.OpID // of the command, if purpose is one
	lookup  Lookup

	failed  int32 // requests of the lookup that timed out
	farther int32 // join: bits shared with the next bucket to refresh, -1: the own ID

	data       []byte        // value to store
	expireAt   time.Duration // the end of its life, or Never
	storing    bool          // the lookup is done and STOREs are out
	pending    int32         // STOREs not yet answered
	copies     int32         // nodes that took the value
	neighbours []Contact     // join: what the self-lookup found
}

type purpose uint8

const (
	forNodes     purpose = iota // the command FindNode
	forValue                    // the command FindValue
	forStore                    // the command Store
	forJoin                     // the command Join
	forRefresh                  // upkeep of a bucket
	forRepublish                // upkeep of an own value
	forReplicate                // upkeep of a held value
)

func (n *Node) roomForLookup() bool { return len(n.searches) < n.cfg.MaxLookups }

// join executes the command Join.
func (n *Node) join(in Join, out []spec.Effect) []spec.Effect {
	seeds := slices.DeleteFunc(slices.Clone(in.Seeds), func(c Contact) bool {
		return c.ID == n.cfg.ID || !c.ID.Fits(n.cfg.IDBits) || !usable(c.Addr)
	})
	switch {
	case len(seeds) == 0:
		return fail(in.Op, ErrNoContacts, out)
	case !n.roomForLookup():
		return fail(in.Op, ErrBusy, out)
	}
	for _, c := range seeds[:min(len(seeds), n.cfg.K)] {
		out = n.filed(n.table.Offer(c, n.now), out) // KAD-JOIN-001
	}
	return n.begin(search{purpose: forJoin, expireAt: Never, op: in.Op, farther: -1}, n.cfg.ID, out)
}

// findNode executes the command FindNode.
func (n *Node) findNode(in FindNode, out []spec.Effect) []spec.Effect {
	if err := n.refuseLookup(in.Target); err != nil {
		return fail(in.Op, err, out)
	}
	return n.begin(search{purpose: forNodes, expireAt: Never, op: in.Op}, in.Target, out)
}

// findValue executes the command FindValue.
func (n *Node) findValue(in FindValue, out []spec.Effect) []spec.Effect {
	if v := n.value(in.Key); v != nil {
		found := Value{Key: in.Key, Value: v.data, TTL: v.expireAt - n.now}
		return append(out, spec.Done{Op: in.Op, Result: found})
	}
	if err := n.refuseLookup(in.Key); err != nil {
		return fail(in.Op, err, out)
	}
	return n.begin(search{purpose: forValue, expireAt: Never, op: in.Op}, in.Key, out)
}

func (n *Node) refuseLookup(target ID) error {
	switch {
	case !target.Fits(n.cfg.IDBits):
		return ErrBadID
	case n.table.Len() == 0:
		return ErrNoContacts
	case !n.roomForLookup():
		return ErrBusy
	}
	return nil
}

// begin starts a lookup for target with what the table knows.
//
// KAD-REFRESH-003: any lookup counts as a refresh of the bucket it falls in.
func (n *Node) begin(s search, target ID, out []spec.Effect) []spec.Effect {
	n.aim(&s, target)
	return n.pump(n.enlist(s), out)
}

// enlist gives s a serial and a slot.
func (n *Node) enlist(s search) int {
	n.lastSearch++
	s.serial = n.lastSearch
	n.searches = append(n.searches, s)
	return len(n.searches) - 1
}

// aim gives s a fresh lookup for target.
func (n *Node) aim(s *search, target ID) {
	n.table.Touch(target, n.now)
	s.lookup = n.newLookup(target)
	awake := func(e *Entry) bool { return s.purpose == forJoin || !e.Resting(n.now, backOff) }
	var seeds [MaxK]Contact
	s.lookup.Add(n.table.Closest(target, n.cfg.K, awake, seeds[:0]))
}

// pump lets lookup i send what it may and ends it when it is done.
func (n *Node) pump(i int, out []spec.Effect) []spec.Effect {
	s := &n.searches[i]
	for !s.storing {
		if s.lookup.Done() {
			return n.arrive(i, out)
		}
		var room [MaxAlpha]Contact
		ask := s.lookup.Next(room[:0])
		if len(ask) == 0 {
			return out
		}
		for _, c := range ask {
			if e, ok := n.table.Get(c.ID); ok && s.purpose != forJoin && e.Resting(n.now, backOff) {
				s.lookup.Failed(c.ID) // KAD-BUCKET-016
				continue
			}
			out = n.ask(s, c, out)
		}
	}
	if s.pending == 0 {
		return n.finish(i, out)
	}
	return out
}

// ask sends FIND_VALUE or FIND_NODE.
func (n *Node) ask(s *search, c Contact, out []spec.Effect) []spec.Effect {
	r := rpc{to: c, kind: nodesRPC, search: s.serial}
	target := s.lookup.Target()
	if s.purpose == forValue { // KAD-LOOKUP-009
		r.kind = valueRPC
		return n.request(r, func(h Header) spec.Message { return FindValueRequest{h, target} }, out)
	}
	return n.request(r, func(h Header) spec.Message { return FindNodeRequest{h, target} }, out)
}

// advance tells the lookup behind r what came of it: the reply, or nil when the
// time was up.
func (n *Node) advance(r *rpc, reply spec.Message, out []spec.Effect) []spec.Effect {
	i := 0
	for i < len(n.searches) && n.searches[i].serial != r.search {
		i++
	}
	if i == len(n.searches) {
		return out
	}
	s := &n.searches[i]
	switch m := reply.(type) {
	case nil:
		if r.kind == storeRPC {
			s.pending--
		} else if s.lookup.Failed(r.to.ID) {
			s.failed++
		}
	case StoreReply:
		s.pending--
		s.copies++
	case NodesReply:
		s.lookup.Answered(r.to.ID, m.Contacts)
	case ValueReply:
		return n.valueFound(i, r.to, m, out)
	}
	return n.pump(i, out)
}

// valueFound ends value lookup i and caches the value at the closest node that
// answered without it.
//
// KAD-LOOKUP-009, KAD-LOOKUP-010 (Kademlia §2.3).
func (n *Node) valueFound(i int, from Contact, m ValueReply, out []spec.Effect) []spec.Effect {
	s := &n.searches[i]
	found := Value{
		Key:   s.lookup.Target(),
		Value: slices.Clone(m.Value),
		TTL:   min(m.TTL, n.cfg.Expire),
		Hops:  int32(s.lookup.Hops(from.ID)),
		Asked: int32(s.lookup.Asked()),
	}
	var room [MaxK]Contact
	missed := s.lookup.Closest(room[:0])
	out = append(out, spec.Done{Op: s.op, Result: found})
	n.release(i)
	if len(missed) > 0 && found.TTL > 0 && n.freePings() > 0 {
		out = n.sendStore(missed[0], 0, found.Key, found.Value, found.TTL, out)
	}
	return out
}

// arrive acts on the end of lookup i.
func (n *Node) arrive(i int, out []spec.Effect) []spec.Effect {
	s := &n.searches[i]
	switch s.purpose {
	case forStore, forRepublish, forReplicate:
		var room [MaxK]Contact
		return n.storeAt(i, s.lookup.Closest(room[:0]), out)
	case forJoin:
		return n.joinFarther(i, out)
	}
	return n.finish(i, out)
}

// joinFarther goes on to the next bucket that a joining node refreshes: from
// the one just farther than its closest neighbour to the farthest.
//
// KAD-JOIN-003 (Kademlia §2.3).
func (n *Node) joinFarther(i int, out []spec.Effect) []spec.Effect {
	s := &n.searches[i]
	if s.farther < 0 {
		s.neighbours = s.lookup.Closest(nil)
		if len(s.neighbours) == 0 {
			return n.finish(i, out)
		}
		s.farther = int32(prefixLen(&s.neighbours[0].ID, &n.cfg.ID))
	}
	if s.farther == 0 {
		return n.finish(i, out)
	}
	s.farther--
	n.orphan(s.serial)
	n.lastSearch++
	s.serial = n.lastSearch
	sibling := n.cfg.ID.Flip(int(s.farther))
	n.aim(s, RandomWithPrefix(&n.rng, sibling, int(s.farther)+1, n.cfg.IDBits))
	return n.pump(i, out)
}

// finish ends search i and reports to the command behind it.
func (n *Node) finish(i int, out []spec.Effect) []spec.Effect {
	s := n.searches[i]
	n.release(i)
	switch s.purpose {
	case forNodes, forValue:
		found := n.found(&s)
		switch {
		case s.purpose == forValue:
			return append(out, spec.Done{Op: s.op, Result: found, Err: ErrNotFound})
		case len(found.Contacts) == 0:
			return fail(s.op, ErrNoAnswer, out)
		}
		return append(out, spec.Done{Op: s.op, Result: found})
	case forStore:
		if s.copies == 0 {
			return fail(s.op, ErrNoAnswer, out)
		}
		stored := Stored{s.lookup.Target(), s.copies}
		return append(out, spec.Done{Op: s.op, Result: stored})
	case forJoin:
		if len(s.neighbours) == 0 {
			return fail(s.op, ErrNoAnswer, out)
		}
		return append(out, spec.Done{Op: s.op, Result: Joined{s.neighbours}})
	}
	return out
}

func (n *Node) found(s *search) Found {
	f := Found{
		Target:   s.lookup.Target(),
		Contacts: s.lookup.Closest(nil),
		Asked:    int32(s.lookup.Asked()),
		Failed:   s.failed,
	}
	if len(f.Contacts) > 0 {
		f.Hops = int32(s.lookup.Hops(f.Contacts[0].ID))
	}
	return f
}

// release frees the slot of search i.
func (n *Node) release(i int) {
	n.orphan(n.searches[i].serial)
	n.searches = slices.Delete(n.searches, i, i+1)
}

// orphan takes the requests still under way from a search. They count as pings
// from now on, because the table wants to know what becomes of them; those past
// the limit are forgotten.
func (n *Node) orphan(serial uint32) {
	free := n.freePings()
	rest := n.rpcs[:0]
	for _, r := range n.rpcs {
		if r.search == serial {
			if free == 0 {
				continue
			}
			r.search = 0
			free--
		}
		rest = append(rest, r)
	}
	clear(n.rpcs[len(rest):])
	n.rpcs = rest
}

// newLookup is a lookup without seeds.
func (n *Node) newLookup(target ID) Lookup {
	l, err := NewLookup(LookupConfig{
		Target: target, Self: n.cfg.ID, K: n.cfg.K, Alpha: n.cfg.Alpha,
	})
	if err != nil {
		panic(err) // New checked the same limits
	}
	return l
}
