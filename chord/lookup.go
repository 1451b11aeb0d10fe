package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// lookup is a search for the node that a key belongs to. One request is under
// way at a time.
type lookup struct {
	purpose purpose
	op      spec.OpID // of the command it serves
	serial  uint64    // of what in the storage it serves
	finger  uint8     // that it serves
	key     ID
	via     Peer // of a Join: where it begins

	phase    phase
	best     Peer   // the closest before the key that has answered; at first the node itself, or nobody
	untried  []Peer // between it and the key, the closest to the key first
	owners   []Peer // whom best takes for the owner, and who comes after it
	failed   []ID   // that did not answer
	asked    Peer
	rpc      uint32
	sent     uint8 // how often
	deadline time.Duration

	hops, timeouts, requests int32
	attempt                  uint8
}

// purpose is what a lookup is for.
type purpose uint8

const (
	forCommand purpose = iota // Lookup
	forFinger
	forJoin
	forStorage // a Put, a Get or a transfer
)

// phase is what the request under way asks.
type phase uint8

const (
	walking   phase = iota // ClosestPreceding, to the best of untried
	verifying              // Ping, to the first of owners
	passing                // FindSuccessor, to whom it may concern
	arrived                // nothing: the query askPlace is under way
	resting                // nothing: a Join that begins again later
)

const (
	// maxUntried bounds the nodes that a lookup keeps in reserve.
	maxUntried = 64
	// recursivePatience is how many RPC timeouts a recursive lookup may take.
	recursivePatience = 8
	// maxRecursions is how often it is begun, each time with the next best node.
	maxRecursions = 3
	// maxPlaces is how often a Join begins again, because the ring changed
	// under way or has not yet noticed who died.
	maxPlaces = 32
)

// lookUp executes Lookup.
func (n *Node) lookUp(in Lookup, out []spec.Effect) []spec.Effect {
	switch {
	case !n.member:
		return fail(in.Op, ErrNotMember, out)
	case !in.Key.Fits(n.cfg.IDBits):
		return fail(in.Op, ErrBadID, out)
	case len(n.lookups) >= n.cfg.MaxLookups:
		return fail(in.Op, ErrBusy, out)
	}
	return n.begin(lookup{purpose: forCommand, op: in.Op, key: in.Key}, in.Mode, out)
}

// begin starts a lookup from what the node itself knows. Callers make sure that
// there is room.
//
// CHORD-LOOKUP-001 (Chord §4.3, find_successor).
func (n *Node) begin(l lookup, mode Mode, out []spec.Effect) []spec.Effect {
	l.best = Peer{ID: n.cfg.ID}
	if n.Owns(l.key) {
		l.owners = append([]Peer{l.best}, n.successors...)
		return n.found(&l, l.best, out)
	}
	if l.owners = n.ownersOf(l.key); mode == Recursive {
		l.phase = passing
	} else {
		l.untried = n.preceding(l.key, maxUntried)
	}
	n.lookups = append(n.lookups, l)
	return n.advance(len(n.lookups)-1, out)
}

// locate begins the lookup of an operation or transfer, which located ends.
func (n *Node) locate(serial uint64, key ID, out []spec.Effect) []spec.Effect {
	if len(n.lookups) >= n.cfg.MaxLookups {
		return n.located(serial, nil, 0, ErrBusy, out)
	}
	return n.begin(lookup{purpose: forStorage, serial: serial, key: key}, Iterative, out)
}

// Owns reports whether the node takes itself for the owner of key.
//
// CHORD-KEY-001 (Chord §4.2).
func (n *Node) Owns(key ID) bool {
	switch {
	case !n.member:
		return false
	case len(n.successors) == 0 || key == n.cfg.ID:
		return true
	}
	return n.predecessor.known() && Owns(n.predecessor.ID, key, n.cfg.ID)
}

// advance takes the next step of lookup i.
//
// CHORD-LOOKUP-002, CHORD-LOOKUP-004, CHORD-LOOKUP-006 (Chord §4.3, §5.3).
func (n *Node) advance(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	switch {
	case l.requests >= int32(n.cfg.MaxRequests):
		return n.end(i, nil, ErrNoAnswer, out)
	case l.phase == passing:
		return n.pass(i, out)
	case len(l.untried) > 0:
		l.phase = walking
		c := l.untried[0]
		l.untried = l.untried[1:]
		return n.request(l, c, out)
	case l.purpose == forJoin:
		return n.askPlace(i, out)
	case l.purpose == forStorage && len(l.owners) > 0: // dead or not, the owner leads the replica group
		if l.owners[0].ID != n.cfg.ID && l.owners[0] != l.best {
			l.hops++
		}
		return n.finish(i, l.owners[0], out)
	case len(l.owners) == 0:
		return n.end(i, nil, ErrNoAnswer, out)
	}
	owner := l.owners[0]
	l.owners = l.owners[1:]
	if owner.ID == n.cfg.ID || owner == l.best { // who was alone and has just answered
		return n.finish(i, owner, out)
	}
	l.phase = verifying
	return n.request(l, owner, out)
}

func (n *Node) request(l *lookup, to Peer, out []spec.Effect) []spec.Effect {
	l.asked, l.rpc, l.sent = to, n.newRPC(), 0
	l.requests++
	return n.send(l, out)
}

func (n *Node) send(l *lookup, out []spec.Effect) []spec.Effect {
	l.sent++
	l.deadline = n.now + n.cfg.RPCTimeout
	var m spec.Message
	switch h := (Header{l.rpc, n.cfg.ID}); l.phase {
	case walking:
		m = ClosestPreceding{h, l.key}
	case verifying:
		m = Ping{h}
	case passing:
		l.deadline = n.now + recursivePatience*n.cfg.RPCTimeout
		m = FindSuccessor{h, Peer{ID: n.cfg.ID}, l.key, 1}
	}
	return append(out, spec.Send{To: l.asked.Addr, Msg: m})
}

// pass begins a recursive lookup: with the owner if it is known already, or the
// best node to pass the question to; after a failure with the next best.
//
// CHORD-LOOKUP-007, CHORD-LOOKUP-008 (Chord §4.3).
func (n *Node) pass(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	candidates := n.preceding(l.key, int(l.attempt)+1)
	if len(candidates) == 0 {
		if len(l.owners) == 0 || l.attempt > 0 {
			return n.end(i, nil, ErrNoAnswer, out)
		}
		l.hops = 1
		return n.finish(i, l.owners[0], out)
	}
	return n.request(l, candidates[len(candidates)-1], out)
}

// stepAnswered takes what a node on the way knows. Only who is closer to the
// key than it is of use, so that the walk ends.
//
// CHORD-LOOKUP-002, CHORD-LOOKUP-005.
func (n *Node) stepAnswered(i int, m *Step, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	l.hops++
	l.best = l.asked
	l.owners = make([]Peer, 0, len(m.Owners))
	for _, p := range m.Owners {
		l.owners = append(l.owners, p.from(l.asked))
	}
	l.untried = slices.DeleteFunc(slices.Clone(l.untried), func(p Peer) bool {
		return !Between(l.best.ID, p.ID, l.key)
	})
	for _, p := range m.Preceding {
		if p.ID != n.cfg.ID && !slices.Contains(l.failed, p.ID) {
			l.untried = insert(l.untried, p, l.key, maxUntried)
		}
	}
	return n.advance(i, out)
}

// from fills in the address of a peer that is the sender of its description.
func (p Peer) from(sender Peer) Peer {
	if p.ID == sender.ID {
		return sender
	}
	return p
}

// ownerAnswered ends an iterative lookup.
//
// CHORD-LOOKUP-003.
func (n *Node) ownerAnswered(i int, out []spec.Effect) []spec.Effect {
	n.lookups[i].hops++
	return n.finish(i, n.lookups[i].asked, out)
}

// lookupTimedOut goes on with the next best node.
//
// CHORD-FAIL-003, CHORD-LOOKUP-006 (Chord §5.3).
func (n *Node) lookupTimedOut(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	switch l.phase {
	case resting:
		return n.walk(i, out)
	case passing:
		if l.attempt++; l.attempt >= maxRecursions {
			return n.end(i, nil, ErrNoAnswer, out)
		}
		return n.advance(i, out)
	}
	if int(l.sent) < n.cfg.Tries {
		return n.send(l, out)
	}
	l.timeouts++
	l.failed = append(slices.Clip(l.failed), l.asked.ID)
	n.gaveUp(l.rpc, l.asked.ID)
	n.forget(l.asked.ID)
	return n.advance(i, out)
}

// finish ends lookup i well.
func (n *Node) finish(i int, owner Peer, out []spec.Effect) []spec.Effect {
	l := n.lookups[i]
	n.lookups = slices.Delete(n.lookups, i, i+1)
	return n.found(&l, owner, out)
}

// found does what the lookup was for.
func (n *Node) found(l *lookup, owner Peer, out []spec.Effect) []spec.Effect {
	switch l.purpose {
	case forFinger:
		n.fingerFound(l.finger, owner)
		return out
	case forStorage:
		return n.located(l.serial, l.owners, l.hops, nil, out)
	}
	return append(out, spec.Done{Op: l.op, Result: Found{l.key, owner, l.hops, l.timeouts}})
}

// end ends lookup i with the result of its command.
func (n *Node) end(i int, result spec.Event, err error, out []spec.Effect) []spec.Effect {
	l := n.lookups[i]
	n.lookups = slices.Delete(n.lookups, i, i+1)
	switch l.purpose {
	case forFinger:
		n.nextFinger = l.finger + 1
		return out
	case forStorage:
		return n.located(l.serial, nil, l.hops, err, out)
	}
	return append(out, spec.Done{Op: l.op, Result: result, Err: err})
}

// preceding returns at most limit nodes between the node and key, the closest
// to key first: closest_preceding_finger, over the successor list as well.
//
// CHORD-LOOKUP-004 (Chord §4.3; ToN 2003 §IV-E).
func (n *Node) preceding(key ID, limit int) []Peer {
	list := make([]Peer, 0, min(limit, len(n.fingers)+len(n.successors)))
	consider := func(p *Peer) {
		if p.known() && Between(n.cfg.ID, p.ID, key) {
			list = insert(list, *p, key, limit)
		}
	}
	for i := len(n.fingers) - 1; i >= 0; i-- {
		consider(&n.fingers[i].to)
	}
	for i := len(n.successors) - 1; i >= 0; i-- {
		consider(&n.successors[i])
	}
	return list
}

// insert keeps list ordered, the closest before key first, without repetition
// and at most limit long.
func insert(list []Peer, p Peer, key ID, limit int) []Peer {
	at := len(list)
	for at > 0 && Between(list[at-1].ID, p.ID, key) {
		at--
	}
	if at == limit || at > 0 && list[at-1].ID == p.ID {
		return list
	}
	if len(list) == limit {
		list = list[:limit-1]
	}
	return slices.Insert(list, at, p)
}

// ownersOf returns the successors from key on, in their order. Where the list
// reaches round to the predecessor, the node itself follows.
//
// CHORD-LOOKUP-003, CHORD-FAIL-002 (Chord §5.3).
func (n *Node) ownersOf(key ID) []Peer {
	owners := make([]Peer, 0, len(n.successors)+1)
	for _, p := range n.successors {
		if p.known() && !Between(n.cfg.ID, p.ID, key) {
			owners = append(owners, p)
		}
	}
	if k := len(n.successors); k == 0 || n.successors[k-1] == n.predecessor || !n.successors[k-1].known() {
		owners = append(owners, Peer{ID: n.cfg.ID})
	}
	return owners
}
