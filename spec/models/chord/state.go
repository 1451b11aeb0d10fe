// Package chord is the reference of Chord's ring maintenance: the transitions
// of chord.pml in Go, small enough to be read beside it, and fast enough to
// judge each step of a simulation. A query, its answer and all that follows are
// one step here; README.md has the rules in words.
package chord

import "strings"

// MaxNodes and MaxSuccessors bound a [Model], so that a [State] is a value that
// can be compared.
const (
	MaxNodes      = 8
	MaxSuccessors = 3
)

// An ID is an identifier, 0 … N-1, clockwise on the circle.
type ID uint8

// None is no identifier.
const None ID = 0xff

// A Node is what a member knows. That of who is no member is zero.
type Node struct {
	Member      bool
	Succ        [MaxSuccessors]ID // nearest first; some may be dead, and at the end some None
	Prdc        ID                // may be dead
	Candidate   ID                // a better successor to ask next; None: no stabilization is under way
	RectifyWith ID                // the best of those that have notified; None: nobody has
}

// A State is what all nodes know.
type State [MaxNodes]Node

// A Model is a scope: how many identifiers there are, and how many entries a
// successor list has. Flaw is 0 in the protocol itself.
type Model struct {
	N, R int
	Flaw Flaw
}

// Ring is the ideal ring of the given members, in the order of the circle.
func (m Model) Ring(members ...ID) State {
	var s State
	for i, id := range members {
		n := Node{Member: true, Candidate: None, RectifyWith: None}
		for k := range n.Succ {
			n.Succ[k] = None
			if k < m.R {
				n.Succ[k] = members[(i+1+k)%len(members)]
			}
		}
		n.Prdc = members[(i+len(members)-1)%len(members)]
		s[id] = n
	}
	return s
}

// Initial is the ideal ring of the first R+1 identifiers: the fewest that the
// protocol may start with.
func (m Model) Initial() State {
	var members []ID
	for id := range ID(m.R + 1) {
		members = append(members, id)
	}
	return m.Ring(members...)
}

// Between reports whether x lies strictly between a and b, going clockwise from
// a: where they are equal, that is everything but a itself.
func Between(a, x, b ID) bool {
	if a < b {
		return a < x && x < b
	}
	return a < x || x < b
}

// Live reports whether id is a member.
func (s *State) Live(id ID) bool { return id != None && s[id].Member }

// String lists the members as "0:12<3?1!2": the successors 1 and 2 of member 0,
// its predecessor 3, the candidate 1 and the notifier 2 if there are such.
func (s State) String() string {
	var b strings.Builder
	for id := range s {
		n := &s[id]
		if !n.Member {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.Write([]byte{digit(ID(id)), ':'})
		for _, y := range n.Succ {
			if y != None {
				b.WriteByte(digit(y))
			}
		}
		b.Write([]byte{'<', digit(n.Prdc)})
		if n.Candidate != None {
			b.Write([]byte{'?', digit(n.Candidate)})
		}
		if n.RectifyWith != None {
			b.Write([]byte{'!', digit(n.RectifyWith)})
		}
	}
	return b.String()
}

func digit(id ID) byte {
	if id == None {
		return '-'
	}
	return '0' + byte(id)
}
