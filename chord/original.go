package chord

import "github.com/p2pspec/p2pspec/spec"

// The tasks of the original protocol, of which each period does one in turn.
const (
	stabilizeTask = iota // stabilize, and update if the successor is dead
	reconcileTask        // take over the successor's list
	flushTask            // forget a dead predecessor
	originalTasks
)

// maintain is the periodic work of the original protocol. Nothing of it waits
// for anything: lists are told while they change, heads adopted that nobody has
// asked, and lists patched. That is how it loses its ring.
//
// CHORD-INV-007, CHORD-INV-010 (Chord §4.4, figure 7; broken, Zave 2012).
func (n *Node) maintain(out []spec.Effect) []spec.Effect {
	task := n.task
	n.task = (n.task + 1) % originalTasks
	head, ok := n.head()
	switch {
	case task == flushTask && n.predecessor.known():
		return n.ask(flushPredecessor, n.predecessor, out)
	case task == reconcileTask && ok:
		return n.ask(reconcileSuccessor, head, out)
	case task == stabilizeTask && ok:
		return n.ask(askSuccessor, head, out)
	case task == stabilizeTask:
		return n.believe(n.predecessor, out)
	}
	return n.rest(n.cfg.Stabilize, out)
}

// originalJoin knows its successor and nothing else.
//
// CHORD-JOIN-001 (Chord §4.4, join).
func (n *Node) originalJoin(i int, out []spec.Effect) []spec.Effect {
	l := &n.lookups[i]
	if len(l.owners) == 0 {
		return n.end(i, nil, ErrNoAnswer, out)
	}
	n.enter()
	out = n.setSuccessors(l.owners[:1], out)
	out = n.doubtMembers(out)
	return n.end(i, Joined{n.successors[0]}, nil, out)
}

// originalAnswered takes the answer of m's sender, the successor.
func (n *Node) originalAnswered(m *Neighbors, out []spec.Effect) []spec.Effect {
	if n.query.kind == askSuccessor {
		return n.believe(m.Predecessor, out)
	}
	list := append(make([]Peer, 0, n.cfg.Successors), n.query.to)
	for _, p := range m.Successors[:min(len(m.Successors), n.cfg.Successors-1)] {
		if p = p.from(n.query.to); p.ID == n.cfg.ID {
			p.Addr = Peer{}.Addr // the node itself
		}
		list = append(list, p)
	}
	return n.rest(n.cfg.Stabilize, n.setSuccessors(list, out))
}

// believe makes x the successor if it lies between, without asking it.
//
// CHORD-STAB-008 (Chord §4.4, stabilize; broken).
func (n *Node) believe(x Peer, out []spec.Effect) []spec.Effect {
	head, ok := n.head()
	if !ok {
		head.ID = n.cfg.ID
	}
	if x.known() && Between(n.cfg.ID, x.ID, head.ID) {
		tail := n.successors[min(1, len(n.successors)):]
		out = n.setSuccessors(append([]Peer{x}, tail...), out)
	}
	return n.endStabilize(n.cfg.Stabilize, out)
}

// originalDied drops a dead head, if there is another, or a dead predecessor.
//
// CHORD-FAIL-002 (Chord §5.3).
func (n *Node) originalDied(out []spec.Effect) []spec.Effect {
	switch {
	case n.query.kind == flushPredecessor:
		out = n.setPredecessor(Peer{}, out)
	case len(n.successors) > 1:
		out = n.setSuccessors(n.successors[1:], out)
	}
	return n.rest(n.soon(), out)
}
