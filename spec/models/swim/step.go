package swim

import (
	"fmt"
	"iter"
)

// Kind names an event, as swim.pml does.
type Kind uint8

// The events.
const (
	Accuse  Kind = iota // Suspect in swim.pml: a probe fails
	Condemn             // the time under suspicion is over
	Hear
	Refute
	Crash
)

// String returns the name of the event in swim.pml.
func (k Kind) String() string { return [...]string{"Suspect", "Condemn", "Hear", "Refute", "Crash"}[k] }

// An Event is one step of Member, with what it believes of Subject, which is None
// for Refute and Crash, or with a Claim that it hears, else NoClaim.
type Event struct {
	Kind            Kind
	Member, Subject ID
	Claim           Claim
}

// String writes the event as Spin's transitions are printed.
func (e Event) String() string {
	s := fmt.Sprintf("%v %d", e.Kind, e.Member)
	if e.Subject != None {
		s += fmt.Sprintf(" %d", e.Subject)
	}
	if e.Claim != NoClaim {
		s += " " + e.Claim.String()
	}
	return s
}

// Next yields each event that is possible in s, and the state after it.
func (m Model) Next(s State) iter.Seq2[Event, State] {
	return func(yield func(Event, State) bool) {
		for _, e := range m.events() {
			if t, ok := m.Step(s, e); ok && !yield(e, t) {
				return
			}
		}
	}
}

// events are all that there are, possible or not.
func (m Model) events() (all []Event) {
	for a := range ID(m.N) {
		all = append(all, Event{Crash, a, None, NoClaim})
		for b := range ID(m.Subjects) {
			if a != b {
				all = append(all, Event{Accuse, a, b, NoClaim}, Event{Condemn, a, b, NoClaim})
			}
			for c := range m.claims() {
				if a == b {
					all = append(all, Event{Refute, a, None, c})
				} else {
					all = append(all, Event{Hear, a, b, c})
				}
			}
		}
	}
	return all
}

// claims is how many there are.
func (m Model) claims() Claim { return statuses * Claim(m.Max+1) }

// Step returns the state after e, false where e is not possible in s.
func (m Model) Step(s State, e Event) (State, bool) {
	if s.Dead[e.Member] {
		return s, false
	}
	a, b := e.Member, e.Subject
	switch e.Kind {
	case Accuse:
		v := s.View[a][b]
		if v.Status() != Alive || !s.Dead[b] && int(v.Incarnation()) == m.Max {
			return s, false // of the last incarnation nobody is suspected wrongly
		}
		s.View[a][b]++
		s.say(b, s.View[a][b])
	case Condemn:
		if s.View[a][b].Status() != Suspect {
			return s, false
		}
		s.View[a][b]++
		s.say(b, s.View[a][b])
	case Hear:
		if !s.Said(b, e.Claim) || !m.Adopts(s.View[a][b], e.Claim) {
			return s, false
		}
		s.View[a][b] = e.Claim
	case Refute:
		if !s.Said(a, e.Claim) || !m.accuses(s.Own[a], e.Claim) {
			return s, false
		}
		s.Own[a] = e.Claim.Incarnation()
		if m.Flaw != NoIncrement {
			s.Own[a]++
		}
		if m.Flaw != InSilence {
			s.say(a, NewClaim(Alive, s.Own[a]))
		}
	case Crash:
		s.Dead[a], s.View[a] = true, [MaxMembers]Claim{}
	}
	return s, true
}

// Adopts reports whether a member that believes v of another believes c once it
// has heard that (GO-FD-08, GO-FD-13, GO-FD-17).
func (m Model) Adopts(v, c Claim) bool {
	newer, notOlder := c.Incarnation() > v.Incarnation(), c.Incarnation() >= v.Incarnation()
	switch {
	case c.Status() == Alive && m.Flaw == DeadForever:
		return newer && v.Status() != Dead
	case c.Status() == Alive && m.Flaw == AliveNotOlder:
		return newer || notOlder && v.Status() == Suspect
	case c.Status() == Alive:
		return newer
	case c.Status() == Suspect && m.Flaw == SuspectNewer, c.Status() == Dead && m.Flaw == DeadNewer:
		return newer && v.Status() < c.Status()
	case c.Status() == Suspect:
		return notOlder && v.Status() == Alive
	}
	return notOlder && v.Status() != Dead
}

// accuses reports whether a member has to answer a claim about itself (GO-FD-12).
func (m Model) accuses(own uint8, c Claim) bool {
	return m.Flaw != NoRefutation && c.Status() != Alive && c.Incarnation() >= own
}

// A Flaw is a deliberate mistake: the mutants that each check has to find.
type Flaw uint8

// The flaws.
const (
	NoRefutation  Flaw = 1 + iota // who is accused says nothing
	NoIncrement                   // it answers with the incarnation that it has
	InSilence                     // it goes on to the next, and does not say so
	SuspectNewer                  // a suspicion is heard only of a larger incarnation
	DeadNewer                     // a death is heard only of a larger incarnation
	AliveNotOlder                 // a suspect is cleared by an alive of the same incarnation
	DeadForever                   // no incarnation brings the dead back, as in the SWIM paper
)
