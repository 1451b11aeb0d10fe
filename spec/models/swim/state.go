// Package swim is the reference of SWIM's suspicion and refutation: the
// transitions of swim.pml in Go, small enough to be read beside it. The network
// is a set of claims that only grows; README.md has the rules in words.
package swim

import (
	"fmt"
	"strings"
)

// MaxMembers and MaxIncarnation bound a [Model], so that a [State] is a value
// that can be compared.
const (
	MaxMembers     = 4
	MaxIncarnation = 2
)

// An ID is a member, 0 … N-1.
type ID uint8

// None is no member.
const None ID = 0xff

// A Claim is an incarnation and a status, as one number in the order in which
// claims overrule each other: alive 0, suspect 0, dead 0, alive 1 and so on.
type Claim uint8

// Status is what a claim says of a member in one incarnation.
type Status uint8

// The statuses.
const (
	Alive Status = iota
	Suspect
	Dead
)

// statuses is how many there are.
const statuses = 3

// NoClaim is none.
const NoClaim Claim = 0xff

// NewClaim returns the claim of a status in an incarnation.
func NewClaim(s Status, incarnation uint8) Claim { return Claim(statuses*incarnation + uint8(s)) }

// Status is what the claim says.
func (c Claim) Status() Status { return Status(c % statuses) }

// Incarnation is the one of which the claim is.
func (c Claim) Incarnation() uint8 { return uint8(c / statuses) }

// String is "s1" for suspect in incarnation 1.
func (c Claim) String() string { return string([]byte{"asd"[c.Status()], '0' + c.Incarnation()}) }

// A State is what all members believe and have said.
type State struct {
	View   [MaxMembers][MaxMembers]Claim // View[a][b]: what a believes of b; 0 of the dead, and of itself
	Own    [MaxMembers]uint8             // a member's incarnation
	Claims [MaxMembers]uint16            // what was said about it, a mask
	Dead   [MaxMembers]bool              // who has crashed
}

// A Model is a scope: how many members there are, of how many of them something
// is said, and the last incarnation. Flaw is 0 in the protocol itself.
type Model struct {
	N, Subjects, Max int
	Flaw             Flaw
}

// Initial is where everybody has heard that everybody is alive, in incarnation 0.
func (m Model) Initial() State {
	var s State
	for b := range m.Subjects {
		s.say(ID(b), NewClaim(Alive, 0))
	}
	return s
}

// Said reports whether a claim about b was made.
func (s *State) Said(b ID, c Claim) bool { return s.Claims[b]>>c&1 == 1 }

func (s *State) say(b ID, c Claim) { s.Claims[b] |= 1 << c }

// Write writes a state as Spin's transitions have it: for each subject its
// incarnation, what each other member believes of it, and what was said about it.
// Who has crashed is an x. So "0,s0,a0,003" is of member 0, which 1 suspects.
func (m Model) Write(s State) string {
	var b strings.Builder
	for subject := range m.Subjects {
		if subject > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('0' + s.Own[subject])
		for a := range m.N {
			switch {
			case s.Dead[a]:
				b.WriteString(",x")
			case a != subject:
				b.WriteString("," + s.View[a][subject].String())
			}
		}
		fmt.Fprintf(&b, ",%03x", s.Claims[subject])
	}
	return b.String()
}
