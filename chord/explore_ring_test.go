package chord

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/explore"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

var long = flag.Bool("long", false, "explore the large scopes too")

// ideal leads to the ring as it should be.
func (s *scope) ideal(rounds int) explore.LeadsTo {
	cfg, _ := Config{}.withDefaults()
	return explore.LeadsTo{
		Name: "quiet leads to the ideal ring", Rounds: rounds,
		// A stabilization, and time for all requests of it to time out.
		Period: cfg.Stabilize + 4*cfg.RPCTimeout,
		Goal: func(w *explore.World) error {
			if state := w.View.(*whole).state; !s.Ideal(state) {
				return fmt.Errorf("%v", state)
			}
			return nil
		},
	}
}

// witnesses show that what is explored is worth exploring. The first needs no
// churn.
func (s *scope) witnesses() []explore.Witness {
	all := []explore.Witness{s.allIdeal()}
	all = append(all, s.repairs()...)
	if s.active != 1 {
		all = append(all, concurrent()...)
	}
	return all
}

func (s *scope) allIdeal() explore.Witness {
	return explore.Witness{Name: "all nodes are in an ideal ring", Seen: func(w *explore.World) bool {
		state := w.View.(*whole).state
		return s.Ideal(state) && s.Members(&state) == 1<<s.N-1
	}}
}

func (s *scope) repairs() []explore.Witness {
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
		{Name: "an answer is under way when its node crashes", Taken: func(t *explore.Transition) bool {
			return t.Action.Kind == explore.Crash && underWay(t.Before, func(p *explore.Packet) bool {
				_, ok := p.Msg.(Neighbors)
				return ok && place(p.To) == t.Action.Node
			})
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

// concurrent are the witnesses that need two nodes at work at a time.
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
	rounds int  // of quiet that lead to the ideal ring
	fair   bool // and so does every fair run
	states int  // the first so many, where it is not explored to its end
	still  bool // nothing may fail or join
}

func ringScopes() []ringScope {
	of := func(n, r, active int) scope { return scope{Model: model.Model{N: n, R: r}, active: active} }
	scopes := []ringScope{
		{scope: of(3, 1, 0), rounds: 3},
		{scope: of(4, 1, 1), rounds: 3, fair: true},
		{scope: of(4, 2, 1), rounds: 3, fair: true},
		{scope: of(4, 3, 0), rounds: 0, still: true},
	}
	part := 40_000 // of what is explored in full, or for long, with -long
	if *long {
		part = 12_000_000
	}
	for _, s := range []scope{of(4, 1, 0), of(4, 2, 0), of(5, 1, 1), of(5, 2, 1), of(5, 3, 1)} {
		if !testing.Short() {
			scopes = append(scopes, ringScope{scope: s, states: part})
		}
	}
	return scopes
}

// run explores the scope.
func (s *ringScope) run() (explore.Result, error) {
	c := s.config()
	if c.MaxStates = s.states; s.states == 0 {
		quiet := s.ideal(s.rounds)
		quiet.Fair = s.fair
		c.LeadsTo = []explore.LeadsTo{quiet}
		c.Sometimes = s.witnesses()
		if s.still {
			c.Sometimes = c.Sometimes[:1]
		}
	}
	r, err := explore.Run(c)
	if s.states > 0 && errors.Is(err, explore.ErrTruncated) {
		err = nil
	}
	return r, err
}

// Every reachable state of small rings keeps the invariant, and quiet leads to
// the ideal ring.
//
// CHORD-INV-001, CHORD-INV-002, CHORD-INV-006 (Zave 2017).
func TestExploreRing(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| N | r | at work | states | steps | depth | rounds to the ideal ring |\n")
	table.WriteString("|--:|--:|--------:|-------:|------:|------:|:-------------------------|\n")
	for _, s := range ringScopes() {
		r, err := s.run()
		t.Logf("N=%d r=%d at work=%d: %v, rounds %v, unseen %v", s.N, s.R, s.active, r, r.Rounds, r.Unseen)
		if err != nil {
			t.Error(err)
		}
		if s.states > 0 {
			continue
		}
		rounds := fmt.Sprint(r.Rounds[0])
		if s.fair {
			rounds += "; in the end also in every fair run"
		}
		active := "all"
		if s.active > 0 {
			active = fmt.Sprint(s.active)
		}
		fmt.Fprintf(&table, "| %d | %d | %s | %d | %d | %d | %s |\n",
			s.N, s.R, active, r.States, r.Edges, r.Depth, rounds)
	}
	section(t, "scopes", table.String()+"\n")
}
