package swim

// A Property is what has to hold in every state, or of every step.
type Property uint8

// The properties.
const (
	NoInvention Property = 1 + iota // nobody believes in an incarnation that its member has not reached
	Justified                       // what is believed was said
	Agreement                       // once all is delivered, all believe the same status
	Cleared                         // and of who lives, that it is alive
	Precedence                      // what is believed is only ever overruled
	Progress                        // each event raises something: every run ends
)

// String is the name that README.md has.
func (p Property) String() string {
	return [...]string{"", "NoInvention", "Justified", "Agreement", "Cleared", "Precedence", "Progress"}[p]
}

// Broken returns the first property that does not hold in s, 0 if all do.
func (m Model) Broken(s State) Property {
	for b := range ID(m.Subjects) {
		var first Claim
		delivered, seen := m.Delivered(s, b), false
		for a := range ID(m.N) {
			v := s.View[a][b]
			switch {
			case a == b || s.Dead[a]:
				continue
			case v.Incarnation() > s.Own[b]:
				return NoInvention
			case !s.Said(b, v):
				return Justified
			case !delivered:
				continue
			case seen && v.Status() != first.Status():
				return Agreement
			case !s.Dead[b] && v.Status() != Alive:
				return Cleared
			}
			first, seen = v, true
		}
	}
	return 0
}

// Delivered reports whether nobody would learn anything by hearing any claim
// about b, b itself included.
func (m Model) Delivered(s State, b ID) bool {
	for c := range m.claims() {
		if !s.Said(b, c) {
			continue
		}
		for a := range ID(m.N) {
			if !s.Dead[a] && (a == b && m.accuses(s.Own[b], c) || a != b && m.Adopts(s.View[a][b], c)) {
				return false
			}
		}
	}
	return true
}

// BrokenBy returns the property that a step breaks, 0 if none.
func (m Model) BrokenBy(before, after State) Property {
	progress := false
	for a := range m.N {
		if after.Dead[a] {
			progress = progress || !before.Dead[a]
			continue
		}
		for b := range m.Subjects {
			if after.View[a][b] < before.View[a][b] {
				return Precedence
			}
			progress = progress || after.View[a][b] > before.View[a][b]
		}
	}
	for b := range m.Subjects {
		progress = progress || after.Own[b] > before.Own[b] || after.Claims[b] > before.Claims[b]
	}
	if !progress {
		return Progress
	}
	return 0
}
