// Package explore visits every state that a few real machines can reach: all
// orders of delivery, all losses up to a budget, all timeouts. It is a model
// checker whose model is the code.
//
// The search is breadth first, so a counterexample is a shortest one; it is
// printed as a script of commands, deliveries, losses and timeouts. States are
// merged by [spec.Machine.AppendState], hence small configurations are
// exhausted: think of six nodes and one operation.
//
// Every node has a clock of its own, which moves by Config.Tick a step and
// jumps to the deadline when the node times out. A timeout may fire while the
// answer is under way. So the search covers every network delay and every
// difference of speed between nodes.
package explore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config is what to explore and what must hold.
type Config struct {
	// Nodes are the machines, created at time zero.
	Nodes []Node
	// Commands are given in this order, each at any moment.
	Commands []Command

	// Losses and Duplicates are how many messages a run may lose or repeat, at
	// most 255.
	Losses, Duplicates int
	// Tick is the time that a step takes on the node's clock. With zero all
	// that is sent between two timeouts times out at one instant.
	Tick time.Duration
	// Horizon keeps timers beyond it on the node's clock from firing: between
	// the last timeout of the commands and the first of the upkeep.
	Horizon time.Duration

	// Always must hold in every state, next to Machine.Check.
	Always []Invariant
	// Finally must hold in every state from which nothing can happen.
	Finally []Invariant
	// Sometimes must each be seen in some state: proof that the search reaches
	// what it is meant to.
	Sometimes []Witness
	// Endless allows a run to return to a state it has been in, and so to go
	// on for ever.
	Endless bool

	// MaxStates stops a search that does not end; 0 means a million.
	MaxStates int
}

// Command is a local input for the node at an address.
type Command struct {
	Node  netip.AddrPort
	Input spec.Input
}

// Invariant is a named property of states.
type Invariant struct {
	Name string
	Hold func(w *World) error
}

// Witness is a named state that the search must meet.
type Witness struct {
	Name string
	Seen func(w *World) bool
}

// Result describes a search.
type Result struct {
	States, Edges, Terminal, Depth int
}

// Violation is a property that does not hold, and the shortest run to where it
// does not.
type Violation struct {
	Name   string
	Err    error
	Script []string // one action each, with its effects below it
}

// Error prints the violation with its script.
func (v *Violation) Error() string {
	return fmt.Sprintf("explore: %s: %v, after\n%s", v.Name, v.Err, strings.Join(v.Script, "\n"))
}

// Unwrap returns what the property said.
func (v *Violation) Unwrap() error { return v.Err }

// state is what the search keeps of a world: how it got there, for the script,
// and where it leads, to find cycles.
type state struct {
	parent int32
	by     action
	depth  int32
	next   []int32
}

// search is a running exploration.
type search struct {
	cfg     *Config
	initial *World
	states  []state
	index   map[[sha256.Size]byte]int32
	queue   []*World // of the states from len(states)-len(queue) on
	seen    []bool   // by Config.Sometimes
	buf     []byte
}

// Run explores everything. A broken property is a [*Violation].
func Run(cfg Config) (Result, error) {
	if cfg.MaxStates == 0 {
		cfg.MaxStates = 1_000_000
	}
	if err := cfg.validate(); err != nil {
		return Result{}, err
	}
	s := &search{
		cfg: &cfg, index: make(map[[sha256.Size]byte]int32), seen: make([]bool, len(cfg.Sometimes)),
	}
	s.initial = &World{Nodes: make([]Node, len(cfg.Nodes)), losses: cfg.Losses, duplicates: cfg.Duplicates}
	copy(s.initial.Nodes, cfg.Nodes)
	for i := range s.initial.Nodes {
		s.initial.Nodes[i].seal()
	}
	return s.run()
}

// validate finds what would make the search mean something else.
func (c *Config) validate() error {
	if max(len(c.Commands), c.Losses, c.Duplicates) > 255 || min(c.Losses, c.Duplicates) < 0 {
		return errors.New("explore: at most 255 commands, losses and duplicates")
	}
	w := World{Nodes: c.Nodes}
	for _, cmd := range c.Commands {
		if w.Node(cmd.Node) == nil {
			return fmt.Errorf("explore: a command for %v, where no node is", cmd.Node)
		}
	}
	return nil
}

func (s *search) run() (result Result, err error) {
	s.visit(s.initial, -1, action{})
	var actions []action
	for at := int32(0); len(s.queue) > 0; at++ {
		w := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		result.States, result.Depth = len(s.states), int(s.states[at].depth)
		if len(s.states) > s.cfg.MaxStates {
			return result, fmt.Errorf("explore: more than %d states: make the configuration smaller",
				s.cfg.MaxStates)
		}
		actions = s.cfg.actions(w, actions[:0])
		if err := s.judge(w, at, len(actions) == 0); err != nil {
			return result, err
		}
		if len(actions) == 0 {
			result.Terminal++
		}
		for _, a := range actions {
			next, err := s.try(w, a)
			if err != nil {
				return result, s.violation(s.cfg.describe(w, a), at, err)
			}
			s.states[at].next = append(s.states[at].next, s.visit(next, at, a))
			result.Edges++
		}
	}
	result.States = len(s.states)
	if i, ok := s.cycle(); ok && !s.cfg.Endless {
		return result, s.violation("termination", i, errors.New("a run can come back to this state"))
	}
	for i, seen := range s.seen {
		if !seen {
			return result, fmt.Errorf("explore: %s: none of %d states shows it",
				s.cfg.Sometimes[i].Name, len(s.states))
		}
	}
	return result, nil
}

// visit returns the number of the state w, queueing it when it is new.
func (s *search) visit(w *World, parent int32, by action) int32 {
	var digest [sha256.Size]byte
	digest, s.buf = w.digest(s.buf)
	if i, ok := s.index[digest]; ok {
		return i
	}
	i := int32(len(s.states))
	s.index[digest] = i
	depth := int32(0)
	if parent >= 0 {
		depth = s.states[parent].depth + 1
	}
	s.states = append(s.states, state{parent: parent, by: by, depth: depth})
	s.queue = append(s.queue, w)
	return i
}

// try applies an action; a panic of the machine becomes an error.
func (s *search) try(w *World, a action) (next *World, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	next, _ = s.cfg.apply(w, a)
	return next, nil
}

// judge applies the properties to a state.
func (s *search) judge(w *World, at int32, terminal bool) error {
	for i := range w.Nodes {
		if err := w.Nodes[i].Machine.Check(); err != nil {
			return s.violation(fmt.Sprintf("Check of %v", w.Nodes[i].Addr), at, err)
		}
	}
	for i, witness := range s.cfg.Sometimes {
		s.seen[i] = s.seen[i] || witness.Seen(w)
	}
	for _, p := range s.cfg.Always {
		if err := p.Hold(w); err != nil {
			return s.violation(p.Name, at, err)
		}
	}
	if terminal {
		for _, p := range s.cfg.Finally {
			if err := p.Hold(w); err != nil {
				return s.violation(p.Name, at, err)
			}
		}
	}
	return nil
}

// cycle returns a state on a cycle, if there is one: after taking away, again
// and again, the states that no other leads to, only cycles and what follows
// them are left.
func (s *search) cycle() (int32, bool) {
	incoming := make([]int32, len(s.states))
	for i := range s.states {
		for _, j := range s.states[i].next {
			incoming[j]++
		}
	}
	free := []int32{}
	if incoming[0] == 0 {
		free = append(free, 0) // every other state has a parent
	}
	for left := 0; left < len(free); left++ {
		for _, j := range s.states[free[left]].next {
			if incoming[j]--; incoming[j] == 0 {
				free = append(free, j)
			}
		}
	}
	if len(free) == len(s.states) {
		return 0, false
	}
	// A state that was not freed has a predecessor that was not either, so going
	// back must come round. Prefer early states: their scripts are short.
	back := make([]int32, len(s.states))
	at := int32(-1)
	for i := len(s.states) - 1; i >= 0; i-- {
		if incoming[i] > 0 {
			at = int32(i)
			for _, j := range s.states[i].next {
				back[j] = at
			}
		}
	}
	for range s.states {
		at = back[at]
	}
	first := at
	for i := back[at]; i != at; i = back[i] {
		first = min(first, i)
	}
	return first, true
}

// violation repeats the run to a state and writes it down.
func (s *search) violation(name string, at int32, err error) error {
	var actions []action
	for ; at > 0; at = s.states[at].parent {
		actions = append(actions, s.states[at].by)
	}
	v := &Violation{Name: name, Err: err}
	w := s.initial
	for i := len(actions) - 1; i >= 0; i-- {
		line := s.cfg.describe(w, actions[i])
		next, effects := s.cfg.apply(w, actions[i])
		for _, e := range effects {
			line += "\n\t" + show(e)
		}
		v.Script = append(v.Script, line)
		w = next
	}
	return v
}
