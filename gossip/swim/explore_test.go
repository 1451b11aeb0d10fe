package swim

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

var long = flag.Bool("long", false, "explore the large scopes too")

// The explored machine is a member reduced to what [Hear] decides. The network is
// the set of all claims that were ever made, of which anybody may hear any at any
// time, again and in any order: so it loses, delays, repeats and reorders as it
// likes. Suspicions begin and end when they like, whether the accused lives or not.

// fact is a claim about a member.
type fact struct {
	about int
	claim Claim
}

// facts is a set of them.
type facts uint64

// mostIncarnations is how many a set of facts has room for, of three members.
const mostIncarnations = 5

func (f fact) bit() facts {
	return 1 << (uint32(f.about)*4*mostIncarnations + (f.claim.Incarnation-1)*4 + uint32(f.claim.State))
}

func factOf(bit int) fact {
	return fact{bit / (4 * mostIncarnations), Claim{
		State: wire.State(bit % 4), Incarnation: uint32(bit/4%mostIncarnations) + 1,
	}}
}

// What happens to a member, by its index.
type (
	hears struct {
		who int
		fact
	}
	accuses struct{ who, about int } // a probe has failed
	condemn struct{ who, about int } // a suspicion has ended
	leaves  struct{ who int }
)

func (hears) IsInput()   {}
func (accuses) IsInput() {}
func (condemn) IsInput() {}
func (leaves) IsInput()  {}

// gossips is three members and what is said among them: one machine, so that what
// is said is one set.
type gossips struct {
	views [3][3]View // what each believes of each
	said  facts
	hear  func(v View, c Claim, self bool) (View, Outcome) // Hear, or a mutant of it
}

func (m *gossips) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case hears:
		m.apply(in.who, in.fact)
	case accuses:
		m.claim(in.who, in.about, wire.StateSuspect)
	case condemn:
		m.claim(in.who, in.about, wire.StateDead)
	case leaves:
		own := &m.views[in.who][in.who]
		own.State = wire.StateLeft
		m.said |= fact{in.who, Claim{State: wire.StateLeft, Incarnation: own.Incarnation}}.bit()
	}
	return out
}

func (m *gossips) claim(who, about int, state wire.State) {
	f := fact{about, Claim{State: state, Incarnation: m.views[who][about].Incarnation}}
	if m.apply(who, f) == Adopted {
		m.said |= f.bit()
	}
}

func (m *gossips) apply(who int, f fact) (outcome Outcome) {
	v := &m.views[who][f.about]
	if *v, outcome = m.hear(*v, f.claim, f.about == who); outcome == Rebutted {
		m.said |= fact{who, Claim{State: wire.StateAlive, Incarnation: v.Incarnation}}.bit()
	}
	return outcome
}

func (m *gossips) Deadline() (time.Duration, bool) { return 0, false }
func (m *gossips) Clone() spec.Machine             { c := *m; return &c }
func (m *gossips) Check() error                    { return nil }

func (m *gossips) AppendState(b []byte) []byte {
	for i := range m.views {
		for _, v := range m.views[i] {
			b = append(b, byte(v.Incarnation), byte(v.State))
		}
	}
	return binary.BigEndian.AppendUint64(b, uint64(m.said))
}

// suspicionScope is what to explore: of three members the first accused ones are
// suspected, condemned and may leave, and reach so many incarnations.
type suspicionScope struct {
	accused      int
	incarnations uint32
	mayLeave     bool
	hear         func(v View, c Claim, self bool) (View, Outcome)
}

func (s *suspicionScope) config() explore.Config {
	m := &gossips{hear: s.hear}
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 1)
	c := explore.Config{
		Nodes:  []explore.Start{{Addr: at, Machine: m}},
		Forget: true, Endless: true, May: s.may, MaxStates: 20_000_000,
		Always: []explore.Invariant{
			{Name: "nobody believes in an incarnation that has not begun", Hold: noneInvented},
			{Name: "when all is heard, members agree, and who has not left lives", Hold: agreed},
		},
		Steps: []explore.StepInvariant{
			{Name: "beliefs only get newer", Hold: newer},
			{Name: "a failed probe of a member that seemed alive makes a suspect", Hold: suspected},
		},
	}
	if s.accused == 3 {
		c.Symmetry = renameMembers()
	}
	give := func(in spec.Input) { c.Commands = append(c.Commands, explore.Command{Node: at, Input: in}) }
	for i := range 3 {
		for j := range 3 {
			m.views[i][j] = View{wire.StateAlive, 1}
		}
		for j := range s.accused {
			for k := range s.incarnations {
				for state := range wire.StateLeft + 1 {
					give(hears{i, fact{j, Claim{State: state, Incarnation: k + 1}}})
				}
			}
			if j != i {
				give(accuses{i, j})
				give(condemn{i, j})
			}
		}
		if s.mayLeave && i < s.accused {
			give(leaves{i})
		}
	}
	return c
}

// may leaves out what cannot happen: to hear what nobody has said, to condemn who
// is not suspected; what would exceed the scope; and what changes nothing.
func (s *suspicionScope) may(w *explore.World, a explore.Action) bool {
	m := members(w)
	switch in := a.Input.(type) {
	case hears:
		v := m.views[in.who][in.about]
		after, _ := m.hear(v, in.claim, in.about == in.who)
		return m.said&in.bit() != 0 && after != v && after.Incarnation <= s.incarnations
	case accuses:
		return m.views[in.who][in.about].State == wire.StateAlive
	case condemn:
		return m.views[in.who][in.about].State == wire.StateSuspect
	case leaves:
		return m.views[in.who][in.who].State != wire.StateLeft
	}
	return false
}

func members(w *explore.World) *gossips { return w.Nodes[0].Machine.(*gossips) }

func noneInvented(w *explore.World) error {
	m := members(w)
	for i := range m.views {
		for j, v := range m.views[i] {
			if own := m.views[j][j]; v.Incarnation > own.Incarnation {
				return fmt.Errorf("%d believes %v of %d, which is at %v", i, v, j, own)
			}
		}
	}
	return nil
}

// agreed lets everybody hear everything, until nothing is new.
func agreed(w *explore.World) error {
	m := *members(w)
	for before := ^m.said; m.said != before; {
		before = m.said
		for i := range m.views {
			for rest := m.said; rest != 0; rest &= rest - 1 {
				m.apply(i, factOf(bits.TrailingZeros64(uint64(rest))))
			}
		}
	}
	for i := range m.views {
		for j, v := range m.views[i] {
			own := m.views[j][j]
			if gone(own.State) != gone(v.State) || !gone(own.State) && v != own {
				return fmt.Errorf("%d believes %v of %d, which is %v", i, v, j, own)
			}
		}
	}
	return nil
}

// newer wants each view to go up in the order of incarnations, of the same one
// from alive to suspected to gone; and the own one never to be worse than alive.
func newer(t *explore.Transition) error {
	before, after := members(t.Before), members(t.After)
	rank := func(v View) uint32 { return 4*v.Incarnation + uint32(v.State) }
	for i := range after.views {
		for j, v := range after.views[i] {
			if b := before.views[i][j]; rank(v) < rank(b) {
				return fmt.Errorf("of %d it believes %v after %v", j, v, b)
			}
			if j == i && v.State != wire.StateAlive && v.State != wire.StateLeft {
				return fmt.Errorf("of itself it believes %v", v)
			}
		}
	}
	return nil
}

func suspected(t *explore.Transition) error {
	if in, ok := t.Action.Input.(accuses); ok {
		if v := members(t.After).views[in.who][in.about]; v.State != wire.StateSuspect {
			return fmt.Errorf("%d is %v", in.about, v)
		}
	}
	return nil
}

// renameMembers: with all members accused none differs from another.
func renameMembers() *explore.Symmetry {
	turns := [6][3]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {2, 1, 0}, {1, 0, 2}}
	return &explore.Symmetry{
		Turns: len(turns),
		Place: func(int, int) int { return 0 },
		Machine: func(r *explore.Renaming, machine spec.Machine) spec.Machine {
			m, turn := machine.(*gossips), turns[r.Turn]
			c := &gossips{hear: m.hear}
			for i := range m.views {
				for j, v := range m.views[i] {
					c.views[turn[i]][turn[j]] = v
				}
			}
			for rest := m.said; rest != 0; rest &= rest - 1 {
				f := factOf(bits.TrailingZeros64(uint64(rest)))
				f.about = turn[f.about]
				c.said |= f.bit()
			}
			return c
		},
	}
}

// Whatever is suspected, lost, late, repeated or out of order: nobody invents an
// incarnation, beliefs only get newer, and when all has been heard everybody who
// has not left is alive to all, with the incarnation that it is at. What is said of
// one member changes nothing for another, so that few need to be accused for many
// incarnations.
//
// GO-FD-08, GO-FD-12, GO-FD-13, GO-FD-17.
func TestExploreSuspicion(t *testing.T) {
	scopes := []suspicionScope{
		{accused: 1, incarnations: 4, mayLeave: true},
		{accused: 3, incarnations: 2},
	}
	if *long { // the second is a million states, in four gigabytes
		scopes = append(scopes, suspicionScope{accused: 2, incarnations: 3},
			suspicionScope{accused: 3, incarnations: 2, mayLeave: true})
	}
	for _, s := range scopes {
		s.hear = Hear
		r, err := explore.Run(s.config())
		t.Logf("%d accused, %d incarnations, leaving %v: %v", s.accused, s.incarnations, s.mayLeave, r)
		if err != nil {
			t.Error(err)
		}
	}
}

// A survivor would mean that the exploration is blind.
func TestExploreFindsMutants(t *testing.T) {
	for name, hear := range map[string]func(v View, c Claim, self bool) (View, Outcome){
		"no refutation": func(v View, c Claim, self bool) (View, Outcome) {
			if self {
				return v, Repeated
			}
			return Hear(v, c, self)
		},
		"no increment": func(v View, c Claim, self bool) (View, Outcome) {
			after, outcome := Hear(v, c, self)
			if outcome == Rebutted {
				after.Incarnation = c.Incarnation
			}
			return after, outcome
		},
		"a suspicion needs a larger incarnation": func(v View, c Claim, self bool) (View, Outcome) {
			if !self && c.State == wire.StateSuspect && c.Incarnation == v.Incarnation {
				return v, Repeated
			}
			return Hear(v, c, self)
		},
		"alive is believed at the incarnation of the suspicion": func(v View, c Claim, self bool) (View, Outcome) {
			if !self && c.State == wire.StateAlive && c.Incarnation == v.Incarnation {
				return View{c.State, c.Incarnation}, Adopted
			}
			return Hear(v, c, self)
		},
		"an old suspicion is believed": func(v View, c Claim, self bool) (View, Outcome) {
			if !self && c.State == wire.StateSuspect && v.State == wire.StateAlive {
				return View{c.State, c.Incarnation}, Adopted
			}
			return Hear(v, c, self)
		},
		"the dead stay dead": func(v View, c Claim, self bool) (View, Outcome) {
			if !self && v.State == wire.StateDead {
				return v, Repeated
			}
			return Hear(v, c, self)
		},
		"who has left refutes": func(v View, c Claim, self bool) (View, Outcome) {
			if self && v.State == wire.StateLeft {
				v.State = wire.StateAlive
			}
			return Hear(v, c, self)
		},
		"a member believes that it is suspected": func(v View, c Claim, self bool) (View, Outcome) {
			return Hear(v, c, self && c.State != wire.StateSuspect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := suspicionScope{accused: 1, incarnations: 3, mayLeave: true, hear: hear}
			r, err := explore.Run(s.config())
			var v *explore.Violation
			if !errors.As(err, &v) {
				t.Fatalf("it survives: %v, %v", r, err)
			}
			t.Logf("%v", err)
		})
	}
}
