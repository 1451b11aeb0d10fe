package explore

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// World is one reachable state: the nodes, what is under way between them, and
// what has come of the commands. It is valid during the call that it is shown
// to.
type World struct {
	Nodes  []*Node   // in the order of Config.Nodes
	Flight []*Packet // in a canonical order, not that of sending
	View   any       // what Config.Overview made of it

	matter *matter
	at     compact
}

// Node is a machine at an address. Its clock is its own: no node knows how
// late another one is.
type Node struct {
	Addr    netip.AddrPort
	Machine spec.Machine  // nil when the node is down
	Now     time.Duration // in one of the runs that lead to this state of the node
	Done    []spec.Done   // so far, in order; none with Config.Forget
	View    any           // what Config.View made of it
}

// Packet is a message under way.
type Packet struct {
	From, To netip.AddrPort
	Msg      spec.Message
}

// Node returns the node at addr, or nil.
func (w *World) Node(addr netip.AddrPort) *Node {
	for _, n := range w.Nodes {
		if n.Addr == addr {
			return n
		}
	}
	return nil
}

// After returns the node that message i of Flight is for as it will be when it
// has got it: for abstractions that count what is under way as arrived.
func (w *World) After(i int) *Node {
	id := w.matter.flight(w.at)[i]
	f := w.matter.packet.at(id)
	if w.Nodes[f.to].Machine == nil {
		return w.Nodes[f.to]
	}
	t := w.matter.step(w.matter.nodes(w.at)[f.to], w.matter.packetInput(id), f.input)
	if t.err != nil {
		return w.Nodes[f.to]
	}
	return &w.matter.local.at(t.to).Node
}

// Action is one way to go on from a world.
type Action struct {
	Kind  Kind
	Node  int        // index of the node that steps, crashes, or misses a message
	Index int        // of Config.Commands or World.Flight
	Input spec.Input // what the node is given; nil when it crashes or misses a message
}

// Kind is what an action does.
type Kind uint8

// The kinds of actions, in the order in which they are tried.
const (
	Give Kind = iota
	Deliver
	Duplicate // deliver and keep
	Lose
	Timeout
	Crash
)

func (k Kind) String() string {
	return [...]string{"command", "deliver", "duplicate", "lose", "timeout", "crash"}[k]
}

// Transition is an action with the worlds before and after it.
type Transition struct {
	Before, After *World
	Action        Action
	Effects       []spec.Effect
}

// ledger is what is left of the budgets: losses, duplicates and crashes in a
// byte each, and above them one bit for each command that was given and may be
// given only once.
type ledger uint64

const (
	lossUnit      ledger = 1
	duplicateUnit ledger = 1 << 8
	crashUnit     ledger = 1 << 16
	givenUnit     ledger = 1 << 24
	unlimited            = 255
)

func newLedger(c *Config) ledger {
	crashes := ledger(c.Crashes)
	if c.Crashes == Unlimited {
		crashes = unlimited
	}
	return ledger(c.Losses)*lossUnit + ledger(c.Duplicates)*duplicateUnit + crashes*crashUnit
}

func (l ledger) left(unit ledger) int { return int(l / unit % 256) }

func (l ledger) spend(unit ledger) ledger {
	if l.left(unit) == unlimited {
		return l
	}
	return l - unit
}

func (l ledger) given(once int) bool { return l&(givenUnit<<once) != 0 }

func (l ledger) give(once int) ledger { return l | givenUnit<<once }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// show prints a value with its type, without the package of its fields.
func show(v any) string { return fmt.Sprintf("%T%+v", v, v) }
