package chord

import "math/bits"

// A Property is what can be said of a state, by the name that it has in
// README.md.
type Property string

// The invariant, which is inductive.
//
// CHORD-INV-001, CHORD-INV-002 (Zave 2017).
const (
	OneLiveSuccessor     Property = "OneLiveSuccessor"
	SufficientPrincipals Property = "SufficientPrincipals"
)

// What follows from the invariant, and users rely on.
//
// CHORD-INV-003, CHORD-INV-004, CHORD-INV-006, CHORD-INV-007, CHORD-INV-008,
// CHORD-INV-009, CHORD-INV-010 (Zave 2017).
const (
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
	return m.broken(&s, OneLiveSuccessor, SufficientPrincipals)
}

// Consequence returns the consequence of the invariant that s breaks, "" if
// none.
func (m Model) Consequence(s State) Property {
	return m.broken(&s, OrderedSuccessorLists, NoDuplicates, PrincipalsInRing, AtLeastOneRing,
		AtMostOneRing, OrderedRing, ConnectedAppendages)
}

func (m Model) broken(s *State, all ...Property) Property {
	for _, p := range all {
		if !m.Holds(p, s) {
			return p
		}
	}
	return ""
}

// Holds reports whether s has the property.
func (m Model) Holds(p Property, s *State) bool {
	switch p {
	case OneLiveSuccessor:
		return m.each(s, func(id ID) bool { return m.Best(s, id) != None })
	case SufficientPrincipals:
		return m.Principals(s).Len() >= m.R+1
	case OrderedSuccessorLists:
		return m.each(s, func(id ID) bool { return m.ordered(s, id) })
	case NoDuplicates:
		return m.each(s, func(id ID) bool { return m.distinct(s, id) })
	case PrincipalsInRing:
		return m.Principals(s)&^m.InRing(s) == 0
	case AtLeastOneRing:
		return m.InRing(s) != 0
	case AtMostOneRing:
		ring := m.InRing(s)
		return m.each(s, func(id ID) bool { return !ring.Has(id) || m.from(s, id) == ring })
	case OrderedRing:
		ring := m.InRing(s)
		return m.each(s, func(id ID) bool { return !ring.Has(id) || m.arc(id, m.Best(s, id))&ring == 0 })
	case ConnectedAppendages:
		ring := m.InRing(s)
		return m.each(s, func(id ID) bool { return m.from(s, id)&ring != 0 })
	}
	panic("chord: no property " + string(p))
}

// each reports whether all members have a property.
func (m Model) each(s *State, has func(ID) bool) bool {
	for id := range ID(m.N) {
		if s[id].Member && !has(id) {
			return false
		}
	}
	return true
}

// Ideal reports whether the ring is as it should be: all members are in one, and
// all lists and predecessors are right.
func (m Model) Ideal(s State) bool {
	return m.InRing(&s) == m.Members(&s) && m.Holds(AtMostOneRing, &s) && m.each(&s, func(id ID) bool {
		n := &s[id]
		if !s.Live(n.Succ[0]) || s[n.Succ[0]].Prdc != id {
			return false
		}
		for i := 1; i < m.R; i++ {
			if !s.Live(n.Succ[i-1]) || s[n.Succ[i-1]].Succ[0] != n.Succ[i] {
				return false
			}
		}
		return true
	})
}

// A Set is a set of identifiers.
type Set uint8

// Has reports whether id is in the set.
func (s Set) Has(id ID) bool { return s>>id&1 != 0 }

// Len is how many identifiers are in the set.
func (s Set) Len() int { return bits.OnesCount8(uint8(s)) }

// arc is the set of identifiers strictly between a and b, see [Between].
func (m Model) arc(a, b ID) Set {
	afterA, beforeB := ^Set(0)<<a<<1, Set(1)<<b-1
	if a < b {
		return afterA & beforeB
	}
	return (afterA | beforeB) & (1<<m.N - 1)
}

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
func (m Model) Principals(s *State) Set { return m.Members(s) &^ m.skipped(s) }

// skipped is the set of identifiers between two neighbouring entries of a list,
// each member in front of its own.
func (m Model) skipped(s *State) (set Set) {
	for id := range ID(m.N) {
		if !s[id].Member {
			continue
		}
		x := id
		for _, y := range s[id].Succ[:m.R] {
			if y == None {
				break
			}
			set |= m.arc(x, y)
			x = y
		}
	}
	return set
}

// ordered reports whether a member and any two of its list, and any three of
// it, come in the order of the circle.
func (m Model) ordered(s *State, id ID) bool {
	list, n := m.extended(s, id)
	for i := range n {
		for j := i + 1; j < n; j++ {
			for k := j + 1; k < n; k++ {
				if !Between(list[i], list[j], list[k]) {
					return false
				}
			}
		}
	}
	return true
}

// distinct reports whether a member and the entries of its list are all
// different.
func (m Model) distinct(s *State, id ID) bool {
	list, n := m.extended(s, id)
	for i := range n {
		for j := range i {
			if list[i] == list[j] {
				return false
			}
		}
	}
	return true
}

// extended is the list of a member, with itself in front, and its length.
func (m Model) extended(s *State, id ID) (list [1 + MaxSuccessors]ID, n int) {
	list[0], n = id, 1
	for _, y := range s[id].Succ[:m.R] {
		if y != None {
			list[n] = y
			n++
		}
	}
	return list, n
}
