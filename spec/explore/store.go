package explore

// store is the set of the states that were met, in the order of meeting, with
// the way to each.
type store struct {
	prints []fingerprint
	steps  []stored
	slots  []uint32 // open addressing: number of a state plus one, 0: free
	levels []uint32 // number of the first state of each depth
}

// stored is the step that first led to a state.
type stored struct {
	parent uint32
	by     packed
}

func newStore() *store { return &store{slots: make([]uint32, 1<<10)} }

func (s *store) len() int { return len(s.prints) }

// find returns the number of a state.
func (s *store) find(f fingerprint) (uint32, bool) {
	mask := uint64(len(s.slots) - 1)
	for i := f.a & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if at := s.slots[i] - 1; s.prints[at] == f {
			return at, true
		}
	}
	return 0, false
}

// add returns the number of a state, and whether it is new.
func (s *store) add(f fingerprint, step stored) (at uint32, fresh bool) {
	if at, ok := s.find(f); ok {
		return at, false
	}
	if 4*len(s.prints) >= 3*len(s.slots) {
		s.grow()
	}
	at = uint32(len(s.prints))
	s.prints, s.steps = append(s.prints, f), append(s.steps, step)
	s.occupy(f, at)
	if last := len(s.levels) - 1; last < 0 || step.parent >= s.levels[last] {
		s.levels = append(s.levels, at)
	}
	return at, true
}

func (s *store) grow() {
	s.slots = make([]uint32, 2*len(s.slots))
	for i, f := range s.prints {
		s.occupy(f, uint32(i))
	}
}

func (s *store) occupy(f fingerprint, at uint32) {
	mask := uint64(len(s.slots) - 1)
	i := f.a & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = at + 1
}

// depth is the number of steps that lead to a state.
func (s *store) depth(at uint32) int {
	d := len(s.levels) - 1
	for d > 0 && s.levels[d] > at {
		d--
	}
	return d
}

// path lists the steps that lead to a state.
func (s *store) path(at uint32) []packed {
	path := make([]packed, s.depth(at))
	for i := len(path) - 1; i >= 0; i-- {
		path[i] = s.steps[at].by
		at = s.steps[at].parent
	}
	return path
}
