package chord_test

import (
	"fmt"
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
)

// TestInductive looks at all states that satisfy the invariant, whether or not
// they can be reached: each has the consequences, and each event leads to
// another such state. Predecessors and candidates are arbitrary.
//
// States are taken up to rotation of the circle. Those whose lists are full are
// counted apart, because most enumerations know no others. Of eight identifiers
// the states are judged, and how many there are is printed.
func TestInductive(t *testing.T) {
	for _, c := range []struct {
		model        chord.Model
		states, full int
		long         bool
	}{
		{model: chord.Model{N: 7, R: 2}, states: 485_264, full: 38_031},
		{model: chord.Model{N: 6, R: 3}, states: 62_761, full: 685},
		{model: chord.Model{N: 7, R: 3}, states: 3_723_517, full: 30_574, long: true},
		{model: chord.Model{N: 8, R: 2}, long: true},
	} {
		if c.long && !*long {
			continue
		}
		t.Run(fmt.Sprintf("N=%d,r=%d", c.model.N, c.model.R), func(t *testing.T) {
			t.Parallel()
			e := enumeration{Model: c.model, judge: func(s *chord.State) { inductive(t, c.model, s) }}
			e.run()
			t.Logf("%d states, %d with full lists", e.states, e.full)
			if c.states > 0 && (e.states != c.states || e.full != c.full) {
				t.Errorf("%d states, %d with full lists, want %d and %d", e.states, e.full, c.states, c.full)
			}
		})
	}
}

// TestEnumeration compares the enumeration with one that tries everything.
func TestEnumeration(t *testing.T) {
	m := chord.Model{N: 4, R: 2}
	all := enumeration{Model: m, judge: func(*chord.State) {}}
	entries := []chord.ID{0, 1, 2, 3, chord.None}
	states := 0
	var try func(id int)
	try = func(id int) {
		switch {
		case id == m.N:
			if m.Invariant(all.state) == "" && all.canonical() {
				states++
			}
		case !all.state[id].Member:
			try(id + 1)
		default:
			for _, x := range entries[:m.N] {
				for _, y := range entries {
					all.state[id].Succ = [chord.MaxSuccessors]chord.ID{x, y, chord.None}
					try(id + 1)
				}
			}
		}
	}
	for members := range 1 << m.N {
		all.begin(chord.Set(members))
		try(0)
	}
	all.run()
	if states != all.states {
		t.Errorf("%d states, want %d", all.states, states)
	}
}

// inductive judges one state that satisfies the invariant.
func inductive(t *testing.T, m chord.Model, s *chord.State) {
	if p := m.Consequence(*s); p != "" {
		t.Fatalf("%v does not follow in %v", p, s)
	}
	keeps := func(from chord.State, e chord.Event) {
		if after, ok := m.Step(from, e); ok && m.Invariant(after) != "" {
			t.Fatalf("%v breaks %v: %v -> %v", e, m.Invariant(after), from, after)
		}
	}
	for id := range chord.ID(m.N) {
		if !s[id].Member {
			for via := range chord.ID(m.N) {
				keeps(*s, chord.Event{Kind: chord.Join, Node: id, Via: via})
			}
			continue
		}
		keeps(*s, chord.Event{Kind: chord.Fail, Node: id, Via: chord.None})
		keeps(*s, chord.Event{Kind: chord.StabilizeFromSuccessor, Node: id, Via: chord.None})
		for p := range chord.ID(m.N) {
			if chord.Between(id, p, s[id].Succ[0]) {
				with := *s
				with[id].Candidate = p
				keeps(with, chord.Event{Kind: chord.StabilizeFromPredecessor, Node: id, Via: chord.None})
			}
		}
	}
}

// An enumeration walks through the states of a model that satisfy the
// invariant, up to rotation.
type enumeration struct {
	chord.Model
	judge        func(*chord.State)
	states, full int

	state   chord.State
	base    chord.Set // the R+1 smallest principals
	members chord.Set
	lists   [chord.MaxNodes][][chord.MaxSuccessors]chord.ID // that skip nobody of the base
}

func (e *enumeration) run() {
	for members := range 1 << e.N {
		for base := range 1 << e.N {
			e.base = chord.Set(base)
			if e.base&^chord.Set(members) != 0 || e.base.Len() != e.R+1 {
				continue
			}
			e.begin(chord.Set(members))
			for id := range chord.ID(e.N) {
				e.lists[id] = e.lists[id][:0]
				if e.members.Has(id) {
					e.enumerate(id, id, 0)
				}
			}
			e.assign(0)
		}
	}
}

// begin makes the given nodes members, with empty lists.
func (e *enumeration) begin(members chord.Set) {
	e.members, e.state = members, chord.State{}
	for id := range chord.ID(e.N) {
		if members.Has(id) {
			e.state[id] = chord.Node{
				Member: true, Candidate: chord.None, RectifyWith: chord.None,
				Succ: [chord.MaxSuccessors]chord.ID{chord.None, chord.None, chord.None},
			}
		}
	}
}

// enumerate collects the lists of a member: place i of those that are begun in
// the state comes after x.
func (e *enumeration) enumerate(id, x chord.ID, i int) {
	n := &e.state[id]
	if e.Best(&e.state, id) != chord.None {
		e.lists[id] = append(e.lists[id], n.Succ)
	}
	if i == e.R {
		return
	}
	for y := range chord.ID(e.N) {
		if e.skips(x, y) {
			continue
		}
		n.Succ[i] = y
		e.enumerate(id, y, i+1)
		n.Succ[i] = chord.None
	}
}

func (e *enumeration) skips(x, y chord.ID) bool {
	for p := range chord.ID(e.N) {
		if e.base.Has(p) && chord.Between(x, p, y) {
			return true
		}
	}
	return false
}

// assign tries all lists of the members from id on.
func (e *enumeration) assign(id chord.ID) {
	for int(id) < e.N && !e.members.Has(id) {
		id++
	}
	if int(id) < e.N {
		for _, list := range e.lists[id] {
			e.state[id].Succ = list
			e.assign(id + 1)
		}
		return
	}
	if e.smallest() && e.canonical() {
		e.states++
		full := true
		for id := range chord.ID(e.N) {
			full = full && (!e.members.Has(id) || e.state[id].Succ[e.R-1] != chord.None)
		}
		if full {
			e.full++
		}
		e.judge(&e.state)
	}
}

// smallest reports whether the base is the R+1 smallest principals, so that no
// state is met twice.
func (e *enumeration) smallest() bool {
	principals := e.Principals(&e.state)
	for id := range chord.ID(e.N) {
		if e.base&^(1<<id-1) == 0 {
			return true // all of the base is smaller
		}
		if principals.Has(id) && !e.base.Has(id) {
			return false
		}
	}
	return true
}

// canonical reports whether no rotation of the state comes before it.
func (e *enumeration) canonical() bool {
	for by := 1; by < e.N; by++ {
		if e.compare(by) < 0 {
			return false
		}
	}
	return true
}

// compare compares the state, rotated, with itself.
func (e *enumeration) compare(by int) int {
	for id := range e.N {
		n, o := &e.state[id], &e.state[(id+by)%e.N]
		if n.Member != o.Member {
			if n.Member {
				return 1
			}
			return -1
		}
		if !n.Member {
			continue
		}
		for i := range e.R {
			x, y := n.Succ[i], o.Succ[i]
			if y != chord.None {
				y = chord.ID((int(y) + e.N - by) % e.N)
			}
			if x != y {
				return int(y) - int(x)
			}
		}
	}
	return 0
}
