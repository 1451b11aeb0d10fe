package chord

import "math/bits"

// A Property is what can be said of a state, by the name that it has in
// README.md.
type Property string

// The invariant, which is inductive, and what follows from it.
const (
	OneLiveSuccessor     Property = "OneLiveSuccessor"
	SufficientPrincipals Property = "SufficientPrincipals"

	OrderedSuccessorLists Property = "OrderedSuccessorLists"
	NoDuplicates          Property = "NoDuplicates"
	PrincipalsInRing      Property = "PrincipalsInRing"
	AtLeastOneRing        Property = "AtLeastOneRing"
	AtMostOneRing         Property = "AtMostOneRing"
	OrderedRing           Property = "OrderedRing"
	ConnectedAppendages   Property = "ConnectedAppendages"
)

// Invariant returns the part of the invariant that s breaks, "" if none.
func (m Model) Invariant(s State) Property {
	for id := range ID(m.N) {
		if s[id].Member && m.Best(&s, id) == None {
			return OneLiveSuccessor
		}
	}
	if m.principals(&s) < m.R+1 {
		return SufficientPrincipals
	}
	return ""
}

// Consequence returns the consequence of the invariant that s breaks, "" if
// none. They are what the users of a ring rely on.
func (m Model) Consequence(s State) Property {
	ring := m.InRing(&s)
	switch {
	case ring == 0:
		return AtLeastOneRing
	case !m.oneRing(&s, ring):
		return AtMostOneRing
	}
	for id := range ID(m.N) {
		if !s[id].Member {
			continue
		}
		if p := m.lists(&s, id); p != "" {
			return p
		}
		switch inRing := ring.Has(id); {
		case inRing && !m.orderedAt(&s, ring, id):
			return OrderedRing
		case !inRing && !m.skipped(&s, id):
			return PrincipalsInRing
		case !inRing && !m.connected(&s, ring, id):
			return ConnectedAppendages
		}
	}
	return ""
}

// Ideal reports whether the ring is as it should be: all members are in it, and
// all lists and predecessors are right.
func (m Model) Ideal(s State) bool {
	for id := range ID(m.N) {
		n := &s[id]
		if !n.Member {
			continue
		}
		if !s.Live(n.Succ[0]) || s[n.Succ[0]].Prdc != id {
			return false
		}
		for i := 1; i < m.R; i++ {
			if s[n.Succ[i-1]].Succ[0] != n.Succ[i] {
				return false
			}
		}
	}
	return m.InRing(&s) == m.Members(&s)
}

// A Set is a set of identifiers.
type Set uint8

// Has reports whether id is in the set.
func (s Set) Has(id ID) bool { return s>>id&1 != 0 }

// Members is the set of members.
func (m Model) Members(s *State) (set Set) {
	for id := range ID(m.N) {
		if s[id].Member {
			set |= 1 << id
		}
	}
	return set
}

// Best is the first live entry of a member's list, None if there is none.
func (m Model) Best(s *State, id ID) ID {
	for _, y := range s[id].Succ[:m.R] {
		if s.Live(y) {
			return y
		}
	}
	return None
}

// InRing is the set of members that come back to themselves along Best.
func (m Model) InRing(s *State) (ring Set) {
	for id := range ID(m.N) {
		if s[id].Member && m.from(s, id).Has(id) {
			ring |= 1 << id
		}
	}
	return ring
}

// from is the set of members that id leads to along Best.
func (m Model) from(s *State, id ID) (set Set) {
	for at := m.Best(s, id); at != None && !set.Has(at); at = m.Best(s, at) {
		set |= 1 << at
	}
	return set
}

// Principals is the set of members that no member's list skips.
func (m Model) Principals(s *State) (set Set) {
	for id := range ID(m.N) {
		if s[id].Member && !m.skipped(s, id) {
			set |= 1 << id
		}
	}
	return set
}

func (m Model) principals(s *State) int { return bits.OnesCount8(uint8(m.Principals(s))) }

// skipped reports whether p lies between two neighbouring entries of a member's
// list, the member itself in front of it.
func (m Model) skipped(s *State, p ID) bool {
	for id := range ID(m.N) {
		if !s[id].Member {
			continue
		}
		x := id
		for _, y := range s[id].Succ[:m.R] {
			if y == None {
				break
			}
			if Between(x, p, y) {
				return true
			}
			x = y
		}
	}
	return false
}

// lists returns what is wrong with the list of one member.
func (m Model) lists(s *State, id ID) Property {
	extended := [1 + MaxSuccessors]ID{id}
	n := 1
	for _, y := range s[id].Succ[:m.R] {
		if y != None {
			extended[n] = y
			n++
		}
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if extended[i] == extended[j] {
				return NoDuplicates
			}
			for k := j + 1; k < n; k++ {
				if !Between(extended[i], extended[j], extended[k]) {
					return OrderedSuccessorLists
				}
			}
		}
	}
	return ""
}

// oneRing reports whether the members of the ring reach each other.
func (m Model) oneRing(s *State, ring Set) bool {
	return m.from(s, ID(bits.TrailingZeros8(uint8(ring)))) == ring
}

// orderedAt reports whether no member of the ring lies between id and the next.
func (m Model) orderedAt(s *State, ring Set, id ID) bool {
	best := m.Best(s, id)
	for p := range ID(m.N) {
		if ring.Has(p) && Between(id, p, best) {
			return false
		}
	}
	return true
}

// connected reports whether id leads into the ring.
func (m Model) connected(s *State, ring Set, id ID) bool { return m.from(s, id)&ring != 0 }
