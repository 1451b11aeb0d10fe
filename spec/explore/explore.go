// Package explore visits every state that a few real machines can reach: all
// orders of delivery, all timeouts, crashes and commands, all losses up to a
// budget. It is a model checker whose model is the code.
//
// The search is breadth first, so a counterexample is a shortest one. It comes
// as a [Script] that a reader can follow and that [Script.Replay] repeats on
// fresh machines. States are merged by [spec.Machine.AppendState], hence small
// configurations are exhausted: think of five nodes. A small scope is no proof
// for a larger one.
//
// Every node has a clock of its own, which moves by Config.Tick a step and
// jumps to the deadline when the node times out. So the search covers every
// network delay and every difference of speed between nodes; Config.May
// excludes what the protocol's assumptions exclude.
//
// What makes it fast: a machine is a function of its state and its input, so
// each is stepped once for each pair of them, however many worlds that pair is
// part of. A world is then a few numbers, and what is kept of it once it has
// been expanded is a fingerprint of 128 bits and the action that led there.
package explore

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config is what to explore and what must hold. Its functions are called from
// several goroutines at once, and must not change what they are shown.
type Config struct {
	Nodes []Start
	// Commands may be given at any moment that May allows.
	Commands []Command
	// Losses, Duplicates and Crashes are how many messages a run may lose or
	// repeat and how many nodes may crash, at most 255; Unlimited crashes is as
	// many as May allows.
	Losses, Duplicates, Crashes int
	// May says which of the possible actions are to be explored; nil: all.
	May func(w *World, a Action) bool

	// Tick is the time that a step takes on the node's clock. With zero all
	// that is sent between two timeouts times out at one instant.
	Tick time.Duration
	// Horizon keeps timers from firing that lie farther ahead of the node's
	// clock: between the timeouts of the commands and those of the upkeep.
	Horizon time.Duration
	// Forget leaves the results of commands out of the state, which recurs then
	// although commands are given for ever.
	Forget bool
	// Symmetry merges states that are images of each other.
	Symmetry *Symmetry
	// View computes what the properties want to know of a node: once for each
	// state of it, where a property is evaluated once for each world.
	View func(n *Node) any
	// Overview computes what May and the properties want to know of a world.
	Overview func(w *World) any

	// Always must hold in every state, next to Machine.Check.
	Always []Invariant
	// Steps must hold of every action.
	Steps []StepInvariant
	// Finally must hold in every state from which nothing can happen.
	Finally []Invariant
	// Sometimes must each be seen: proof that the search reaches what it is
	// meant to.
	Sometimes []Witness
	// LeadsTo must hold of the quiet runs from every state.
	LeadsTo []LeadsTo
	// Endless allows a run to return to a state it has been in, and so to go
	// on for ever.
	Endless bool

	// MaxStates ends a search that does not end, with ErrTruncated; 0 means a
	// million.
	MaxStates int
	// Workers share the work; 0: one for each processor. The result does not
	// depend on their number.
	Workers int
}

// Unlimited is a number of crashes.
const Unlimited = -1

// Start is a node at an address.
type Start struct {
	Addr netip.AddrPort
	// Machine is the node in the first state, nil when it is down there.
	Machine spec.Machine
	// Fresh is what a command to the node starts when it is down; nil: once
	// down it stays so.
	Fresh spec.Machine
}

// Command is a local input for the node at an address.
type Command struct {
	Node  netip.AddrPort
	Input spec.Input
	Once  bool // at most once in a run; else whenever Config.May allows it
}

// Invariant is a named property of states.
type Invariant struct {
	Name string
	Hold func(w *World) error
}

// StepInvariant is a named property of steps.
type StepInvariant struct {
	Name string
	Hold func(t *Transition) error
}

// Witness is a named state or step that the search must meet: one of the
// functions is set.
type Witness struct {
	Name  string
	Seen  func(w *World) bool
	Taken func(t *Transition) bool
}

// Counts describe what was explored. They are the same on every machine and
// for every number of workers.
type Counts struct {
	States, Edges int
	Terminal      int // states from which nothing can happen
	Depth         int // of the last state
}

// Result describes a search.
type Result struct {
	Counts
	Rounds []int    // by Config.LeadsTo: as many were needed from the worst state
	Unseen []string // of Config.Sometimes

	Locals  int // different states of single nodes
	Packets int // different messages
	Elapsed time.Duration
	Heap    uint64 // bytes allocated at the worst moment seen, garbage included
}

// String is what a person wants to know of a search, with its cost.
func (r Result) String() string {
	n, seconds := max(r.States, 1), max(r.Elapsed.Seconds(), 1e-6)
	return fmt.Sprintf("%d states, %d edges, depth %d in %.1f s: %.0f states/s, %d B/state "+
		"(of one node %d, messages %d)", r.States, r.Edges, r.Depth, seconds, float64(r.States)/seconds,
		r.Heap/uint64(n), r.Locals, r.Packets)
}

// ErrTruncated says that Config.MaxStates came first. Everything up to the
// depth before Result.Depth has been explored.
var ErrTruncated = errors.New("explore: too many states: make the configuration smaller")

// Run explores everything. A broken property is a [*Violation], the first one
// in the order of the search.
func Run(cfg Config) (Result, error) {
	if cfg.MaxStates == 0 {
		cfg.MaxStates = 1_000_000
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if err := cfg.validate(); err != nil {
		return Result{}, err
	}
	began := time.Now()
	s := newSearch(&cfg)
	result, err := s.run()
	result.Elapsed = time.Since(began)
	return result, err
}

// The limits of a ledger and of an action in 32 bits.
const (
	maxBudget   = 254
	maxOnce     = 40
	maxNodes    = 64
	maxCommands = 1 << 16
)

// validate finds what would make the search mean something else.
func (c *Config) validate() error {
	if max(c.Crashes, c.Losses, c.Duplicates) > maxBudget ||
		min(c.Losses, c.Duplicates) < 0 || c.Crashes < Unlimited {
		return fmt.Errorf("explore: at most %d losses, duplicates and crashes", maxBudget)
	}
	if len(c.Nodes) > maxNodes || len(c.Commands) > maxCommands {
		return fmt.Errorf("explore: at most %d nodes and %d commands", maxNodes, maxCommands)
	}
	once := 0
	for _, cmd := range c.Commands {
		if c.place(cmd.Node) < 0 {
			return fmt.Errorf("explore: a command for %v, where no node is", cmd.Node)
		}
		if cmd.Once {
			once++
		}
	}
	if once > maxOnce {
		return fmt.Errorf("explore: at most %d commands that are given once", maxOnce)
	}
	if c.Symmetry != nil && c.Symmetry.Counter != nil && len(c.Nodes) > 64/counterBits {
		return fmt.Errorf("explore: at most %d nodes that count", 64/counterBits)
	}
	if c.Symmetry != nil && (once > 0 || !c.Forget) {
		return errors.New("explore: with a symmetry, forget results and give no command only once")
	}
	if c.turns() > 1 && slices.ContainsFunc(c.LeadsTo, func(l LeadsTo) bool { return l.Fair }) {
		return errors.New("explore: fair runs tell nodes apart, which turns of a symmetry do not")
	}
	return nil
}

// place is the index of the node at addr, or -1.
func (c *Config) place(addr netip.AddrPort) int {
	for i := range c.Nodes {
		if c.Nodes[i].Addr == addr {
			return i
		}
	}
	return -1
}
