// Package original is the ring maintenance of Chord as it was published, in the
// same form as package chord: a small reference that shows how it loses its
// ring. Each counterexample is a shortest one, found by search.
//
// It follows the study of P. Zave (CCR 42(2), 2012): two successors, the second
// of which is copied by an event of its own, so that lists are patched; nobody
// counts principals; and, as published, whoever is adopted need not answer.
package original

import (
	"iter"

	"github.com/p2pspec/p2pspec/spec/models/chord"
)

// A Protocol is a scope: how many identifiers there are. Checked is the best
// version of the study: who is adopted has to answer, and one who joins copies
// the second successor at once.
type Protocol struct {
	N       int
	Checked bool
}

// Model is the scope of the properties: a list holds two successors.
func (p Protocol) Model() chord.Model { return chord.Model{N: p.N, R: 2} }

// An Event is one step of Node. A Join asks the member Via, which is
// [chord.None] for all others.
type Event struct {
	Name      Name
	Node, Via chord.ID
}

// Name names an event.
type Name string

// The events. Notify is part of Stabilize, with no step in between.
const (
	Join      Name = "join"
	Fail      Name = "fail"
	Stabilize Name = "stabilize" // adopt the successor's predecessor if it is closer, and notify
	Reconcile Name = "reconcile" // copy the successor's successor
	Update    Name = "update"    // the second successor takes the place of a dead first one
	Flush     Name = "flush"     // forget a dead predecessor
)

// Alone is the ring of one member.
func (p Protocol) Alone() chord.State {
	s := p.Model().Ring(0)
	s[0].Succ[1], s[0].Prdc = chord.None, chord.None
	return s
}

// Next yields each event that is possible in s, and the state after it.
func (p Protocol) Next(s chord.State) iter.Seq2[Event, chord.State] {
	return func(yield func(Event, chord.State) bool) {
		for e, t := range p.Repairs(s) {
			if !yield(e, t) {
				return
			}
		}
		for id := range chord.ID(p.N) {
			if s[id].Member {
				if t, ok := p.fail(s, id); ok && !yield(Event{Fail, id, chord.None}, t) {
					return
				}
				continue
			}
			for via := range chord.ID(p.N) {
				if t, ok := p.join(s, id, via); ok && !yield(Event{Join, id, via}, t) {
					return
				}
			}
		}
	}
}

// Repairs yields the events of Next that are neither Join nor Fail.
func (p Protocol) Repairs(s chord.State) iter.Seq2[Event, chord.State] {
	return func(yield func(Event, chord.State) bool) {
		for id := range chord.ID(p.N) {
			if !s[id].Member {
				continue
			}
			for _, name := range []Name{Stabilize, Reconcile, Update, Flush} {
				t := s
				p.repair(&t, name, id)
				if t != s && !yield(Event{name, id, chord.None}, t) {
					return
				}
			}
		}
	}
}

func (p Protocol) repair(s *chord.State, name Name, id chord.ID) {
	n := &s[id]
	head := n.Succ[0]
	switch {
	case name == Stabilize && s.Live(head):
		p.stabilize(s, id)
	case name == Reconcile && s.Live(head):
		n.Succ[1] = s[head].Succ[0]
	case name == Update && !s.Live(head) && n.Succ[1] != chord.None:
		n.Succ[0], n.Succ[1] = n.Succ[1], chord.None
	case name == Flush && n.Prdc != chord.None && !s.Live(n.Prdc):
		n.Prdc = chord.None
	}
}

// stabilize leaves the second successor as it is, unless the new first one is
// asked for it.
func (p Protocol) stabilize(s *chord.State, id chord.ID) {
	n := &s[id]
	closer := s[n.Succ[0]].Prdc
	if closer != chord.None && chord.Between(id, closer, n.Succ[0]) && (s.Live(closer) || !p.Checked) {
		n.Succ[0] = closer
		if p.Checked {
			n.Succ[1] = s[closer].Succ[0]
		}
	}
	if !s.Live(n.Succ[0]) {
		return
	}
	if head := &s[n.Succ[0]]; head.Prdc == chord.None || chord.Between(head.Prdc, id, n.Succ[0]) {
		head.Prdc = id
	}
}

func (p Protocol) join(s chord.State, id, via chord.ID) (chord.State, bool) {
	if !s.Live(via) || !chord.Between(via, id, s[via].Succ[0]) {
		return s, false
	}
	head := s[via].Succ[0]
	s[id] = chord.Node{
		Member: true, Succ: [chord.MaxSuccessors]chord.ID{head, chord.None, chord.None},
		Prdc: chord.None, Candidate: chord.None, RectifyWith: chord.None,
	}
	if p.Checked && s.Live(head) {
		s[id].Succ[1] = s[head].Succ[0]
	}
	return s, true
}

// fail leaves each other member with an entry that is live, if it had one.
func (p Protocol) fail(s chord.State, id chord.ID) (chord.State, bool) {
	m, before := p.Model(), s
	s[id] = chord.Node{}
	for other := range chord.ID(p.N) {
		if s[other].Member && m.Best(&before, other) != chord.None && m.Best(&s, other) == chord.None {
			return s, false
		}
	}
	return s, true
}
