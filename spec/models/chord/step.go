package chord

import (
	"fmt"
	"iter"
)

// Kind names an event, as chord.pml does.
type Kind uint8

// The events.
const (
	Join Kind = iota
	Fail
	StabilizeFromSuccessor
	StabilizeFromPredecessor
	Rectify
)

// String returns the name of the event in chord.pml.
func (k Kind) String() string {
	return [...]string{
		"Join", "Fail", "StabilizeFromSuccessor", "StabilizeFromPredecessor", "Rectify",
	}[k]
}

// An Event is one step of Node. A Join comes behind the member Via, which is
// None for all others.
type Event struct {
	Kind      Kind
	Node, Via ID
}

// String writes the event as Spin's transitions are printed.
func (e Event) String() string {
	if e.Via == None {
		return fmt.Sprintf("%v %d", e.Kind, e.Node)
	}
	return fmt.Sprintf("%v %d %d", e.Kind, e.Node, e.Via)
}

// Next yields each event that is possible in s, and the state after it.
func (m Model) Next(s State) iter.Seq2[Event, State] {
	return func(yield func(Event, State) bool) {
		for id := range ID(m.N) {
			for kind := Join; kind <= Rectify; kind++ {
				if kind != Join {
					if t, ok := m.Step(s, Event{kind, id, None}); ok && !yield(Event{kind, id, None}, t) {
						return
					}
					continue
				}
				for via := range ID(m.N) {
					if t, ok := m.Step(s, Event{kind, id, via}); ok && !yield(Event{kind, id, via}, t) {
						return
					}
				}
			}
			if t, ok := m.falseTimeout(s, id); ok && !yield(Event{StabilizeFromSuccessor, id, None}, t) {
				return
			}
		}
	}
}

// Step returns the state after e, false where e is not possible in s.
func (m Model) Step(s State, e Event) (State, bool) {
	n := &s[e.Node]
	switch e.Kind {
	case Join:
		if n.Member || !s.Live(e.Via) || !Between(e.Via, e.Node, s[e.Via].Succ[0]) {
			return s, false
		}
		*n = Node{Member: true, Succ: s[e.Via].Succ, Prdc: e.Via, Candidate: None, RectifyWith: None}
	case Fail:
		if !n.Member || !m.MayFail(&s, e.Node) {
			return s, false
		}
		*n = Node{}
	case StabilizeFromSuccessor:
		if !n.Member || n.Candidate != None {
			return s, false
		}
		m.stabilizeFromSuccessor(&s, e.Node)
	case StabilizeFromPredecessor:
		if !n.Member || n.Candidate == None {
			return s, false
		}
		m.stabilizeFromPredecessor(&s, e.Node)
	case Rectify:
		if !n.Member || n.RectifyWith == None {
			return s, false
		}
		if Between(n.Prdc, n.RectifyWith, e.Node) || !s.Live(n.Prdc) {
			n.Prdc = n.RectifyWith
		}
		n.RectifyWith = None
	}
	return s, true
}

// MayFail reports whether the assumptions allow a member to fail: (a) each other
// member keeps a live successor, and (b) R+1 principals stay.
func (m Model) MayFail(s *State, f ID) bool {
	for id := range ID(m.N) {
		if !s[id].Member || id == f {
			continue
		}
		listed, others := false, false
		for _, y := range s[id].Succ[:m.R] {
			listed = listed || y == f
			others = others || y != f && s.Live(y)
		}
		if listed && !others {
			return false
		}
	}
	return m.Flaw == FailAnyPrincipal || m.skipped(s).Has(f) || m.Principals(s).Len() > m.R+1
}

func (m Model) stabilizeFromSuccessor(s *State, t ID) {
	n := &s[t]
	head := n.Succ[0]
	if !s.Live(head) {
		m.dropHead(s, t)
		m.notify(s, t, n.Succ[0])
		return
	}
	m.adopt(s, t, head)
	if p := s[head].Prdc; Between(t, p, head) {
		n.Candidate = p
		return
	}
	m.notify(s, t, head)
}

func (m Model) stabilizeFromPredecessor(s *State, t ID) {
	n := &s[t]
	if p := n.Candidate; s.Live(p) {
		m.adopt(s, t, p)
	} else if m.Flaw == AdoptDeadCandidate {
		n.Succ = m.behind(p, n.Succ)
	}
	n.Candidate = None
	m.notify(s, t, n.Succ[0])
}

// adopt makes t take over the list of the live node b, behind b itself.
func (m Model) adopt(s *State, t, b ID) {
	list := s[b].Succ
	if m.Flaw == KeepOwnTail {
		list = s[t].Succ
		copy(list[:], list[1:])
	}
	s[t].Succ = m.behind(b, list)
}

// behind returns the list of b and the entries after it, without the last one.
func (m Model) behind(b ID, list [MaxSuccessors]ID) [MaxSuccessors]ID {
	copy(list[1:m.R], list[:])
	list[0] = b
	return list
}

// dropHead moves the list up when its head has not answered.
func (m Model) dropHead(s *State, t ID) {
	list := &s[t].Succ
	last := list[m.R-1]
	copy(list[:m.R], list[1:m.R])
	list[m.R-1] = None
	switch m.Flaw {
	case PadWithSelf:
		list[m.R-1] = t
	case PadWithLast:
		list[m.R-1] = last
	}
}

// notify tells b that t takes it for its successor. b keeps the best notifier.
func (m Model) notify(s *State, t, b ID) {
	if !s.Live(b) {
		return
	}
	n := &s[b]
	switch {
	case m.Flaw == OverwriteNotifier:
		n.RectifyWith, n.Candidate = t, None
	case n.RectifyWith == None || Between(n.RectifyWith, t, b):
		n.RectifyWith = t
		if m.Flaw == DisplaceCandidate {
			n.Candidate = None
		}
	}
}

// A Flaw is a deliberate mistake: the mutants that each check has to find.
type Flaw uint8

// The flaws.
const (
	FailAnyPrincipal   Flaw = 1 + iota // Fail without its condition (b)
	AdoptDeadCandidate                 // the candidate becomes the head without an answer
	KeepOwnTail                        // the new head in front of the own list, not of its
	PadWithSelf                        // the place that a dead head leaves is filled with the own identifier
	PadWithLast                        // … or with the last entry once more
	OverwriteNotifier                  // one slot for all pending work, which the last notifier takes
	DisplaceCandidate                  // the best notifier ends a stabilization that is under way
	FalseTimeout                       // a live successor may be taken for dead
)

// falseTimeout is the step of the flaw of that name.
func (m Model) falseTimeout(s State, t ID) (State, bool) {
	n := &s[t]
	if m.Flaw != FalseTimeout || !n.Member || n.Candidate != None || !s.Live(n.Succ[0]) {
		return s, false
	}
	m.dropHead(&s, t)
	m.notify(&s, t, n.Succ[0])
	return s, true
}
