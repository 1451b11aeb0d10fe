package chord

import (
	"github.com/p2pspec/p2pspec/spec"
)

// join executes Join.
//
// CHORD-JOIN-001 (Zave 2017, Join; Chord §4.4).
func (n *Node) join(in Join, out []spec.Effect) []spec.Effect {
	switch {
	case n.member || n.busyJoining():
		return fail(in.Op, ErrMember, out)
	case !n.usable(&in.Via):
		return fail(in.Op, ErrBadPeer, out)
	case in.Via.ID == n.cfg.ID:
		return fail(in.Op, ErrTaken, out)
	}
	n.lookups = append(n.lookups, lookup{purpose: forJoin, op: in.Op, key: n.cfg.ID, via: in.Via})
	return n.walk(len(n.lookups)-1, out)
}

func (n *Node) busyJoining() bool { return n.joining() >= 0 }

// joining is which lookup is that of Join, or -1.
func (n *Node) joining() int {
	for i := range n.lookups {
		if n.lookups[i].purpose == forJoin {
			return i
		}
	}
	return -1
}

// walk begins, or begins again, the way to the own place: from node to node
// until one names nobody that is closer.
//
// CHORD-JOIN-002 (Zave 2017, Join).
func (n *Node) walk(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	l.best, l.failed, l.owners = Peer{}, nil, nil
	l.untried = []Peer{l.via}
	return n.advance(i, out)
}

// askPlace asks the closest node for its list. Who knows that another node has
// the own identifier ends it.
//
// CHORD-JOIN-003, CHORD-JOIN-004 (Zave 2017, Join).
func (n *Node) askPlace(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	switch {
	case !l.best.known():
		return n.end(i, nil, ErrNoAnswer, out)
	case len(l.owners) > 0 && l.owners[0].ID == n.cfg.ID:
		return n.end(i, nil, ErrTaken, out)
	case n.cfg.Variant == Original:
		return n.originalJoin(i, out)
	}
	l.phase, l.deadline = arrived, never
	l.requests++
	return n.ask(askPlace, l.best, out)
}

// placeAnswered takes over the list if the place is still the right one.
//
// CHORD-JOIN-003, CHORD-JOIN-005 (Zave 2017, Join).
func (n *Node) placeAnswered(m *Neighbors, out []spec.Effect) []spec.Effect {
	i, p := n.joining(), n.query.to
	if len(m.Successors) > 0 && !Between(p.ID, n.cfg.ID, m.Successors[0].ID) {
		return n.walkAgain(out)
	}
	n.query = noneAsked()
	n.enter()
	out = n.setSuccessors(adoptBehind(p, m.Successors), out)
	out = n.setPredecessor(p, out)
	out = n.doubtMembers(out)
	return n.end(i, Joined{n.successors[0]}, nil, out)
}

// walkAgain gives the ring time before the next try.
func (n *Node) walkAgain(out []spec.Effect) []spec.Effect {
	i := n.joining()
	n.query = noneAsked()
	l := &n.lookups[i]
	if l.attempt++; l.attempt >= maxPlaces {
		return n.end(i, nil, ErrNoAnswer, out)
	}
	l.phase, l.deadline = resting, n.now+n.soon()
	return out
}

// leave executes Leave.
//
// CHORD-LEAVE-001 (Chord §6).
func (n *Node) leave(in Leave, out []spec.Effect) []spec.Effect {
	switch {
	case !n.member:
		return fail(in.Op, ErrNotMember, out)
	case n.leaving:
		return fail(in.Op, ErrBusy, out)
	}
	n.leaving, n.leaveOp = true, in.Op
	n.leaveBy = n.now + leavePeriods*n.cfg.Stabilize
	return n.handOver(out)
}

// leavePeriods is how many periods of stabilization a node that leaves has for
// finding a successor that takes its keys.
const leavePeriods = 8

// handedOver ends Leave once the keys are in other hands.
func (n *Node) handedOver(out []spec.Effect) []spec.Effect { return n.depart(nil, out) }

// depart says farewell.
//
// CHORD-LEAVE-002 (Chord §6).
func (n *Node) depart(err error, out []spec.Effect) []spec.Effect {
	m := Leaving{Header{0, n.cfg.ID}, n.predecessor}
	head, ok := n.head()
	if ok {
		out = append(out, spec.Send{To: head.Addr, Msg: m})
	}
	if p := n.predecessor; p.known() && p != head {
		out = append(out, spec.Send{To: p.Addr, Msg: m})
	}
	for i := range n.lookups {
		if l := &n.lookups[i]; l.purpose == forCommand {
			out = fail(l.op, ErrNotMember, out)
		}
	}
	out = n.abandonStore(out)
	out = append(out, spec.Done{Op: n.leaveOp, Err: err})
	n.reset()
	return out
}

// reset makes the node as new, except that RPC identifiers go on.
func (n *Node) reset() {
	*n = Node{
		cfg: n.cfg, now: n.now, rng: n.rng, lastRPC: n.lastRPC,
		leaveBy: never, query: noneAsked(), stabilizeAt: never, fixAt: never, store: n.store,
	}
}

// left acts on a neighbour's farewell as on its failure, found out at no cost:
// what it says of others is not built on, but for the predecessor, on which
// nothing depends.
//
// CHORD-LEAVE-003, CHORD-LEAVE-004 (Chord §6; Zave 2017, Fail).
func (n *Node) left(m *Leaving, out []spec.Effect) []spec.Effect {
	id := m.Sender
	if n.predecessor.known() && n.predecessor.ID == id {
		p := m.Predecessor
		if p.ID == n.cfg.ID {
			p = Peer{}
		}
		out = n.setPredecessor(p, out)
	}
	if n.rectifyWith.known() && n.rectifyWith.ID == id {
		n.rectifyWith = Peer{}
		if n.query.kind == tryPredecessor { // for the one that has left
			n.query = noneAsked()
		}
	}
	n.forget(id)
	if n.query.kind != noQuery && n.query.to.ID == id {
		return n.queriedDied(out)
	}
	if n.candidate.ID == id {
		n.candidate = Peer{}
	}
	if head, ok := n.head(); ok && head.ID == id && n.query.kind == noQuery {
		return n.successorDied(out)
	}
	return out
}
