package chord

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// query is the one request under way whose answer may change the pointers of
// the ring.
type query struct {
	kind     queryKind
	to       Peer
	rpc      uint32
	deadline time.Duration
	sent     uint8 // how often since anything came of it
	busy     bool  // Busy has come since it was last sent
}

type queryKind uint8

const (
	noQuery        queryKind = iota
	askPlace                 // GetNeighbors, to the node that a joining one comes behind
	askSuccessor             // GetNeighbors, the first step of stabilization
	askCandidate             // GetNeighbors, its second step
	tryPredecessor           // Ping, of a rectification

	// Of the original protocol, besides askSuccessor.
	reconcileSuccessor // GetNeighbors, for the list
	flushPredecessor   // Ping
)

// noneAsked is the query when there is none.
func noneAsked() query { return query{deadline: never} }

// pings reports whether the query is a Ping, not a GetNeighbors.
func (q *query) pings() bool { return q.kind == tryPredecessor || q.kind == flushPredecessor }

// undefined reports whether the successor list may change by the answer that is
// awaited: until it has come nobody is told the list.
//
// CHORD-BUSY-001 (Zave 2017, asynchronous form).
func (q *query) undefined() bool { return q.kind == askSuccessor || q.kind == askCandidate }

// waiter is a GetNeighbors that came while the own list was undefined.
type waiter struct {
	from netip.AddrPort
	rpc  uint32
}

// Pending tells what maintenance is under way.
type Pending struct {
	Activity Activity
	With     Peer // who is asked; for Paused the candidate
}

// Activity is a kind of maintenance.
type Activity uint8

// The kinds of maintenance.
const (
	Idle          Activity = iota
	Joining                // walking to the own place, or asking who is there for its list
	Stabilizing            // asking the first successor
	WithCandidate          // asking the predecessor of the first successor, which is closer
	Paused                 // as WithCandidate, but it is busy and is asked again later
	Rectifying             // asking the predecessor whether it is up
)

// Pending returns the maintenance under way.
func (n *Node) Pending() Pending {
	switch n.query.kind {
	case askPlace:
		return Pending{Joining, n.query.to}
	case askSuccessor, reconcileSuccessor:
		return Pending{Stabilizing, n.query.to}
	case askCandidate:
		return Pending{WithCandidate, n.query.to}
	case tryPredecessor, flushPredecessor:
		return Pending{Rectifying, n.query.to}
	}
	if n.candidate.known() {
		return Pending{Paused, n.candidate}
	}
	if n.busyJoining() {
		return Pending{Activity: Joining}
	}
	return Pending{}
}

// ask sends the query and waits for its answer.
func (n *Node) ask(kind queryKind, to Peer, out []spec.Effect) []spec.Effect {
	n.query = query{kind: kind, to: to, rpc: n.newRPC()}
	return n.sendQuery(out)
}

func (n *Node) sendQuery(out []spec.Effect) []spec.Effect {
	n.query.sent++
	n.query.busy = false
	n.query.deadline = n.now + n.cfg.RPCTimeout
	h := Header{n.query.rpc, n.cfg.ID}
	if n.query.pings() {
		return append(out, spec.Send{To: n.query.to.Addr, Msg: Ping{h}})
	}
	return append(out, spec.Send{To: n.query.to.Addr, Msg: GetNeighbors{h}})
}

// stabilize begins a stabilization, or goes on with one that was paused. With
// nobody behind it a node is its own successor, and its own predecessor the
// candidate: so a ring grows from one member.
//
// CHORD-STAB-001 (Zave 2017, StabilizeFromSuccessor).
func (n *Node) stabilize(out []spec.Effect) []spec.Effect {
	n.stabilizeAt = never
	if n.cfg.Variant == Original {
		return n.maintain(out)
	}
	head, ok := n.head()
	switch {
	case !ok && n.predecessor.known():
		n.candidate = n.predecessor
		return n.ask(askCandidate, n.candidate, out)
	case !ok:
		return n.endStabilize(n.cfg.Stabilize, out)
	case n.candidate.known():
		return n.ask(askCandidate, n.candidate, out)
	}
	return n.ask(askSuccessor, head, out)
}

// successorAnswered is the end of the first step: the list is adopted, and the
// predecessor of the successor asked next if it lies between.
//
// CHORD-STAB-002, CHORD-STAB-003 (Zave 2017, StabilizeFromSuccessor).
func (n *Node) successorAnswered(m *Neighbors, out []spec.Effect) []spec.Effect {
	s := n.query.to
	out = n.setSuccessors(n.adopt(s, m.Successors), out)
	if p := m.Predecessor; p.known() && Between(n.cfg.ID, p.ID, s.ID) {
		n.candidate = p
		return n.ask(askCandidate, p, out)
	}
	return n.endStabilize(n.cfg.Stabilize, out)
}

// successorDied is the other end of the first step: the next in the list takes
// over, and nothing else changes. The free place at the end of the list is
// filled by what is adopted later.
//
// CHORD-STAB-004, CHORD-ASSUME-004 (Zave 2017, StabilizeFromSuccessor).
func (n *Node) successorDied(out []spec.Effect) []spec.Effect {
	if n.cfg.Variant == Original {
		return n.originalDied(out)
	}
	out = n.setSuccessors(n.successors[1:], out)
	if len(n.successors) == 0 {
		out = append(out, spec.Notify{Event: AssumptionBroken{LiveSuccessor}})
	}
	return n.endStabilize(n.soon(), out)
}

// candidateAnswered is the end of the second step.
//
// CHORD-STAB-005 (Zave 2017, StabilizeFromPredecessor).
func (n *Node) candidateAnswered(m *Neighbors, out []spec.Effect) []spec.Effect {
	n.candidate = Peer{}
	out = n.setSuccessors(n.adopt(n.query.to, m.Successors), out)
	return n.endStabilize(n.cfg.Stabilize, out)
}

// candidateDied is its other end. Who was alone with it is alone for good.
//
// CHORD-STAB-006 (Zave 2017, StabilizeFromPredecessor).
func (n *Node) candidateDied(out []spec.Effect) []spec.Effect {
	if len(n.successors) == 0 && n.predecessor == n.candidate {
		out = n.setPredecessor(Peer{}, out)
	}
	n.candidate = Peer{}
	return n.endStabilize(n.cfg.Stabilize, out)
}

// endStabilize tells the successor, answers who waited and arms the timer.
//
// CHORD-STAB-007, CHORD-BUSY-003 (Zave 2017).
func (n *Node) endStabilize(pause time.Duration, out []spec.Effect) []spec.Effect {
	if head, ok := n.head(); ok {
		out = append(out, spec.Send{To: head.Addr, Msg: Notify{Header{0, n.cfg.ID}}})
	}
	return n.rest(pause, out)
}

// rest ends the query and is open for those of others.
func (n *Node) rest(pause time.Duration, out []spec.Effect) []spec.Effect {
	n.query = noneAsked()
	n.stabilizeAt = n.now + n.period(pause)
	for _, w := range n.waiting {
		out = append(out, n.neighbors(w.from, w.rpc))
	}
	n.waiting = nil
	return out
}

// soon is when to go on after something that should not last.
func (n *Node) soon() time.Duration { return min(n.cfg.Stabilize, n.cfg.RPCTimeout) }

// heardBusy is more patience: who says that it is busy is up. But a node does
// not wait for one with a lower identifier, because on a circle of nodes that
// wait for each other one always would, and so the circle is broken. It lets
// others ask it in the meantime.
//
// CHORD-BUSY-002, CHORD-BUSY-005.
func (n *Node) heardBusy(out []spec.Effect) []spec.Effect {
	if n.query.undefined() && n.query.to.ID.Cmp(n.cfg.ID) < 0 {
		return n.rest(n.soon(), out)
	}
	n.query.busy, n.query.sent = true, 0
	n.query.deadline = n.now + n.cfg.RPCTimeout
	return out
}

// queryTimedOut asks a busy node again, and takes one for dead that has not
// said anything to as many requests as it gets.
//
// CHORD-FAIL-001, CHORD-BUSY-002 (Zave 2017, failure detection).
func (n *Node) queryTimedOut(out []spec.Effect) []spec.Effect {
	if n.query.busy || int(n.query.sent) < n.cfg.Tries {
		return n.sendQuery(out)
	}
	n.gaveUp(n.query.rpc, n.query.to.ID)
	return n.queriedDied(out)
}

func (n *Node) queriedDied(out []spec.Effect) []spec.Effect {
	if n.cfg.Variant == Original {
		return n.originalDied(out)
	}
	switch n.query.kind {
	case askPlace:
		return n.walkAgain(out)
	case askSuccessor:
		return n.successorDied(out)
	case askCandidate:
		return n.candidateDied(out)
	}
	return n.predecessorDied(out)
}

// notified remembers who takes this node for its successor, until there is time
// to rectify. Of two it keeps the closer one: a slot that later news overwrite
// can keep a ring from ever becoming ideal. It never touches a stabilization.
//
// CHORD-RECT-002, CHORD-RECT-003 (Zave 2017, Notify).
func (n *Node) notified(p Peer, out []spec.Effect) []spec.Effect {
	if n.cfg.Variant == Original {
		if !n.predecessor.known() || Between(n.predecessor.ID, p.ID, n.cfg.ID) {
			out = n.setPredecessor(p, out)
		}
		return out
	}
	if !n.rectifyWith.known() || Between(n.rectifyWith.ID, p.ID, n.cfg.ID) {
		n.rectifyWith = p
	}
	return out
}

// rectify makes the notifier the predecessor if it is closer than the one so
// far, or if that one has died.
//
// CHORD-RECT-001, CHORD-RECT-004 (Zave 2017, Rectify).
func (n *Node) rectify(out []spec.Effect) []spec.Effect {
	p := &n.predecessor
	if !p.known() || p.ID == n.rectifyWith.ID || Between(p.ID, n.rectifyWith.ID, n.cfg.ID) {
		return n.endRectify(true, out)
	}
	return n.ask(tryPredecessor, *p, out)
}

// predecessorAnswered keeps the predecessor, unless a closer notifier than the
// one that it was tried for has come in the meantime.
//
// CHORD-RECT-006 (Zave 2017, Rectify).
func (n *Node) predecessorAnswered(out []spec.Effect) []spec.Effect {
	return n.endRectify(Between(n.predecessor.ID, n.rectifyWith.ID, n.cfg.ID), out)
}

// predecessorDied makes room for the notifier.
//
// CHORD-RECT-005 (Zave 2017, Rectify).
func (n *Node) predecessorDied(out []spec.Effect) []spec.Effect { return n.endRectify(true, out) }

func (n *Node) endRectify(replace bool, out []spec.Effect) []spec.Effect {
	if replace {
		out = n.setPredecessor(n.rectifyWith, out)
	}
	n.rectifyWith = Peer{}
	n.query = noneAsked()
	return out
}

// wait keeps a query for later: one of each node, since none has two under way.
//
// CHORD-BUSY-003, CHORD-BUSY-004 (Zave 2017, asynchronous form).
func (n *Node) wait(w waiter) {
	waiting := slices.DeleteFunc(slices.Clone(n.waiting), func(o waiter) bool { return o.from == w.from })
	if len(waiting) < n.cfg.MaxWaiting {
		waiting = append(waiting, w)
	}
	n.waiting = waiting
}
