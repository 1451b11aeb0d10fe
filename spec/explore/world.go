package explore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// World is one reachable state: the machines, what is under way between them,
// and what has come of the commands. Properties look at it and change nothing.
type World struct {
	Nodes  []Node
	Flight []Packet // in a canonical order, not that of sending

	commands   int // of Config.Commands that were given
	losses     int // left of the budget
	duplicates int
}

// Node is a machine at an address. Its clock is its own: no node knows how
// late another one is.
type Node struct {
	Addr    netip.AddrPort
	Machine spec.Machine
	Now     time.Duration
	Done    []spec.Done // so far, in order

	digest [sha256.Size]byte
}

// Packet is a message under way.
type Packet struct {
	From, To netip.AddrPort
	Msg      spec.Message

	key []byte // From, To and Msg, for the canonical order
}

// Node returns the node at addr, or nil.
func (w *World) Node(addr netip.AddrPort) *Node {
	for i := range w.Nodes {
		if w.Nodes[i].Addr == addr {
			return &w.Nodes[i]
		}
	}
	return nil
}

// action is one way to go on from a world.
type action struct {
	kind actionKind
	i    int32 // of a packet or node
}

type actionKind uint8

const (
	command actionKind = iota
	deliver
	duplicate // deliver and keep
	lose
	timeout
)

// actions lists the ways to go on from w. Equal packets are one choice.
func (c *Config) actions(w *World, out []action) []action {
	if w.commands < len(c.Commands) {
		out = append(out, action{command, 0})
	}
	for i, p := range w.Flight {
		if i > 0 && bytes.Equal(p.key, w.Flight[i-1].key) {
			continue
		}
		out = append(out, action{deliver, int32(i)})
		if w.duplicates > 0 {
			out = append(out, action{duplicate, int32(i)})
		}
		if w.losses > 0 {
			out = append(out, action{lose, int32(i)})
		}
	}
	for i := range w.Nodes {
		if at, ok := w.Nodes[i].Machine.Deadline(); ok && at <= c.Horizon {
			out = append(out, action{timeout, int32(i)})
		}
	}
	return out
}

// apply returns the world after a, sharing with w what a leaves alone, and the
// effects of the step.
func (c *Config) apply(w *World, a action) (*World, []spec.Effect) {
	next := *w
	next.Nodes, next.Flight = slices.Clone(w.Nodes), slices.Clone(w.Flight)
	switch a.kind {
	case command:
		next.commands++
		cmd := c.Commands[w.commands]
		return &next, next.step(cmd.Node, c.Tick, cmd.Input)
	case timeout:
		nd := &next.Nodes[a.i]
		at, _ := nd.Machine.Deadline()
		return &next, next.step(nd.Addr, at-nd.Now, spec.Wake{})
	}
	p := w.Flight[a.i]
	if a.kind == duplicate {
		next.duplicates--
	} else {
		next.Flight = slices.Delete(next.Flight, int(a.i), int(a.i)+1)
	}
	if a.kind == lose {
		next.losses--
		return &next, nil
	}
	return &next, next.step(p.To, c.Tick, spec.Recv{From: p.From, Msg: p.Msg})
}

// describe says in a line what a does in w.
func (c *Config) describe(w *World, a action) string {
	switch a.kind {
	case command:
		cmd := c.Commands[w.commands]
		return fmt.Sprintf("command %v %s", cmd.Node, show(cmd.Input))
	case timeout:
		return fmt.Sprintf("timeout %v", w.Nodes[a.i].Addr)
	}
	p := w.Flight[a.i]
	verb := [...]string{deliver: "deliver", duplicate: "duplicate", lose: "lose"}[a.kind]
	return fmt.Sprintf("%s %v -> %v %s", verb, p.From, p.To, show(p.Msg))
}

// step gives one input to a copy of the node's machine and performs the
// effects.
func (w *World) step(addr netip.AddrPort, pass time.Duration, in spec.Input) []spec.Effect {
	nd := w.Node(addr)
	nd.Machine = nd.Machine.Clone()
	nd.Now += pass
	effects := nd.Machine.Step(nd.Now, in, nil)
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Send:
			if w.Node(e.To) != nil {
				w.launch(Packet{From: addr, To: e.To, Msg: e.Msg})
			}
		case spec.Done:
			nd.Done = append(slices.Clip(nd.Done), e)
		}
	}
	nd.seal()
	return effects
}

// launch puts a packet at its place in the canonical order.
func (w *World) launch(p Packet) {
	p.key = fmt.Appendf(nil, "%v %v %T%+v", p.From, p.To, p.Msg, p.Msg)
	i, _ := slices.BinarySearchFunc(w.Flight, p.key, func(q Packet, key []byte) int {
		return bytes.Compare(q.key, key)
	})
	w.Flight = slices.Insert(w.Flight, i, p)
}

// seal computes the digest of a node that has changed.
func (n *Node) seal() {
	b := binary.BigEndian.AppendUint64(nil, uint64(n.Now))
	b = n.Machine.AppendState(b)
	for _, d := range n.Done {
		b = fmt.Appendf(b, "|%d %+v %v", d.Op, d.Result, d.Err)
	}
	n.digest = sha256.Sum256(b)
}

// digest names the state: equal worlds have equal digests.
func (w *World) digest(b []byte) ([sha256.Size]byte, []byte) {
	b = append(b[:0], byte(w.commands), byte(w.losses), byte(w.duplicates))
	for i := range w.Nodes {
		b = append(b, w.Nodes[i].digest[:]...)
	}
	for _, p := range w.Flight {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p.key)))
		b = append(b, p.key...)
	}
	return sha256.Sum256(b), b
}

func show(v any) string { return fmt.Sprintf("%T%+v", v, v) }
