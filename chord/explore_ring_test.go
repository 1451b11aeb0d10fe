package chord

import (
	"flag"
	"fmt"
	"testing"

	"github.com/p2pspec/p2pspec/spec/explore"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

var long = flag.Bool("long", false, "explore the large scopes too")

// ideal leads to the ring as it should be, with nothing left to do.
func (s *scope) ideal(rounds int) explore.LeadsTo {
	cfg, _ := Config{}.withDefaults()
	return explore.LeadsTo{
		Name: "quiet leads to the ideal ring", Rounds: rounds,
		// A stabilization, and time for all requests of it to time out.
		Period: cfg.Stabilize + 4*cfg.RPCTimeout,
		Goal: func(w *explore.World) error {
			o := w.View.(*whole)
			if o.busy > 0 || !s.Ideal(o.state) {
				return fmt.Errorf("%v", o.state)
			}
			return nil
		},
	}
}

// witnesses show that what is explored is worth exploring.
func (s *scope) witnesses() []explore.Witness {
	happens := func(name string, taken func(before, after *seen, t *explore.Transition) bool) explore.Witness {
		return explore.Witness{Name: name, Taken: func(t *explore.Transition) bool {
			i := t.Action.Node
			return taken(seenIn(t.Before, i), seenIn(t.After, i), t)
		}}
	}
	return []explore.Witness{
		{Name: "an appendage exists", Seen: func(w *explore.World) bool {
			state := w.View.(*whole).state
			return s.InRing(&state) != s.Members(&state)
		}},
		{Name: "all nodes are in an ideal ring", Seen: func(w *explore.World) bool {
			state := w.View.(*whole).state
			return s.Ideal(state) && s.Members(&state) == 1<<s.N-1
		}},
		{Name: "an answer is under way when its node crashes", Taken: func(t *explore.Transition) bool {
			_, answered := func() (int, bool) {
				for i, p := range t.Before.Flight {
					if _, ok := p.Msg.(Neighbors); ok && place(p.To) == t.Action.Node {
						return i, true
					}
				}
				return 0, false
			}()
			return t.Action.Kind == explore.Crash && answered
		}},
		happens("a dead successor is dropped", func(before, after *seen, t *explore.Transition) bool {
			return s.R == 1 || // a list of one entry must not lose it
				t.Action.Kind == explore.Timeout && before.model.Member && before.model.Succ != after.model.Succ
		}),
		happens("a dead predecessor is replaced", func(before, after *seen, t *explore.Transition) bool {
			return t.Action.Kind == explore.Timeout && before.model.Member && before.model.Prdc != after.model.Prdc
		}),
		happens("a candidate is adopted", func(before, after *seen, _ *explore.Transition) bool {
			return before.model.Member && before.model.Candidate != model.None &&
				after.model.Succ[0] == before.model.Candidate
		}),
	}
}

// concurrent are those that need two nodes at work at a time.
func concurrent() []explore.Witness {
	return []explore.Witness{
		{Name: "Busy is sent", Seen: func(w *explore.World) bool {
			return underWay(w, func(p *explore.Packet) bool { _, ok := p.Msg.(Busy); return ok })
		}},
		{Name: "a query is stored", Seen: func(w *explore.World) bool {
			for i := range w.Nodes {
				if n := seenIn(w, i).node; n != nil && len(n.waiting) > 0 {
					return true
				}
			}
			return false
		}},
		{Name: "a notifier has to wait", Seen: func(w *explore.World) bool {
			for i := range w.Nodes {
				if n := seenIn(w, i).node; n != nil && n.query.undefined() && n.rectifyWith.known() {
					return true
				}
			}
			return false
		}},
	}
}

// ringScope is a scope that keeps its promises.
type ringScope struct {
	scope
	rounds int
	long   bool
	states int // at least so many, where it is not exhausted
}

func ringScopes() []ringScope {
	return []ringScope{
		{scope: scope{Model: model.Model{N: 3, R: 1}}, rounds: 4},
		{scope: scope{Model: model.Model{N: 4, R: 1}, active: 1}, rounds: 5},
		{scope: scope{Model: model.Model{N: 4, R: 2}, active: 1}, rounds: 5},
	}
}

// Every reachable state of small rings keeps the invariant.
//
// CHORD-INV-001, CHORD-INV-002, CHORD-INV-006 (Zave 2017).
func TestExploreRing(t *testing.T) {
	for _, s := range ringScopes() {
		c := s.config()
		c.LeadsTo = []explore.LeadsTo{s.ideal(s.rounds)}
		c.Sometimes = s.witnesses()
		if s.active != 1 {
			c.Sometimes = append(c.Sometimes, concurrent()...)
		}
		r, err := explore.Run(c)
		t.Logf("N=%d r=%d active=%d: %v, rounds %v, unseen %v", s.N, s.R, s.active, r, r.Rounds, r.Unseen)
		if err != nil {
			t.Error(err)
		}
	}
}

func TestExploreLivelock(t *testing.T) {
	for _, f := range []flaw{overwrites, keepsDead} {
		s := scope{Model: model.Model{N: 4, R: 2}, active: 1, flaw: f}
		c := s.config()
		c.LeadsTo = []explore.LeadsTo{s.ideal(10)}
		r, err := explore.Run(c)
		t.Logf("%s: %v, %v", f, r, err)
	}
}
