package explore

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Violation is a property that does not hold, and the shortest run to where it
// does not.
type Violation struct {
	Name   string
	Err    error
	Script Script
}

// Error prints the violation with its script.
func (v *Violation) Error() string {
	return fmt.Sprintf("explore: %s: %v, after\n%v", v.Name, v.Err, v.Script)
}

// Unwrap returns what the property said.
func (v *Violation) Unwrap() error { return v.Err }

// Script is a run from the first state, step by step: a value that can be
// printed, repeated on other machines of the same configuration, and handed to
// a simulator as the inputs of a trace.
type Script []Step

// Step is one action of a script.
type Step struct {
	Kind    Kind
	Node    netip.AddrPort // that steps, crashes, or misses a message
	Now     time.Duration  // on the node's clock
	Input   spec.Input     // what the node is given; nil when it crashes or misses a message
	Fresh   bool           // the node was down: a machine starts before the input
	Down    bool           // the node is down, and the message is lost
	Packet  *Packet        // that is delivered, repeated or lost
	Effects []spec.Effect
	Quiet   bool // the step belongs to the quiet run at the end
}

// String prints a step a line, its effects below it.
func (s Script) String() string {
	var b strings.Builder
	for i, step := range s {
		if step.Quiet && (i == 0 || !s[i-1].Quiet) {
			b.WriteString("from here on it is quiet\n")
		}
		b.WriteString(step.String())
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (s Step) String() string {
	line := s.Kind.String()
	switch s.Kind {
	case Give:
		line = fmt.Sprintf("%s %v %s", line, s.Node, show(s.Input))
	case Timeout, Crash:
		line = fmt.Sprintf("%s %v", line, s.Node)
	default:
		line = fmt.Sprintf("%s %v -> %v %s", line, s.Packet.From, s.Packet.To, show(s.Packet.Msg))
	}
	for _, e := range s.Effects {
		line += "\n\t" + show(e)
	}
	return line
}

// Replay repeats the script on copies of the machines that nodes start with and
// returns the machines at its end, nil for those that are down. It is an error
// when a machine does something else than in the script.
func (s Script) Replay(nodes []Start) ([]spec.Machine, error) {
	cfg := Config{Nodes: nodes, Forget: true}
	machines := make([]Node, len(nodes))
	for i, n := range nodes {
		machines[i] = Node{Addr: n.Addr, Machine: n.Machine}
	}
	for i, step := range s {
		at := cfg.place(step.Node)
		if at < 0 {
			return nil, fmt.Errorf("explore: step %d: no node at %v", i, step.Node)
		}
		n := &machines[at]
		switch {
		case step.Kind == Crash:
			n.Machine = nil
		case step.Input == nil || step.Down:
		default:
			if step.Fresh {
				n.Machine = nodes[at].Fresh
			}
			if n.Machine == nil {
				return nil, fmt.Errorf("explore: step %d: %v is down", i, step.Node)
			}
			m, effects, err := stepped(n.Machine, step.Now, step.Input)
			if err != nil {
				return nil, fmt.Errorf("explore: step %d: %w", i, err)
			}
			n.Machine = m
			if got, want := showAll(effects), showAll(step.Effects); got != want {
				return nil, fmt.Errorf("explore: step %d: effects\n%s, in the script\n%s", i, got, want)
			}
		}
	}
	out := make([]spec.Machine, len(nodes))
	for i := range machines {
		out[i] = machines[i].Machine
	}
	return out, nil
}

func showAll(effects []spec.Effect) string {
	var b strings.Builder
	for _, e := range effects {
		b.WriteString(show(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// violation writes down the run to a flaw, on machines that have lived through
// all of it.
func (s *search) violation(f *flaw) error {
	v := &Violation{Name: f.name, Err: f.err}
	path := s.store.path(f.at)
	c := s.first()
	nodes := make([]Node, len(s.cfg.Nodes))
	for i, id := range s.nodes(c) {
		nodes[i] = s.local.at(id).Node
	}
	for i, p := range append(path, f.then...) {
		step := s.describe(c, p)
		next, t := s.apply(c, p, nil)
		step.Quiet = f.quiet && i >= len(path)
		if err := s.perform(&step, nodes, c, next, t); err != nil {
			return errors.Join(v, err)
		}
		v.Script = append(v.Script, step)
		c = next
	}
	return v
}

// describe is the step p in c, before it is taken.
func (s *search) describe(c compact, p packed) Step {
	a := s.action(c, p)
	id := s.nodes(c)[a.Node]
	down := s.local.at(id).Machine == nil
	step := Step{
		Kind: a.Kind, Node: s.cfg.Nodes[a.Node].Addr, Input: a.Input,
		Fresh: down && a.Kind == Give, Down: down && a.Kind != Give,
	}
	if a.Kind == Deliver || a.Kind == Duplicate || a.Kind == Lose {
		step.Packet = &s.packet.at(s.flight(c)[a.Index]).Packet
	}
	return step
}

// perform takes a step for real. The machine must end in the state that the
// search, where other runs had led to the state before, took it to be in.
func (s *search) perform(step *Step, nodes []Node, c, next compact, t *transition) error {
	place := s.cfg.place(step.Node)
	n := &nodes[place]
	step.Now = n.Now
	switch {
	case step.Kind == Crash:
		n.Machine = nil
		return nil
	case step.Input == nil || step.Down:
		return nil
	}
	effects, err := advance(s.cfg, place, n, n.Machine, step.Input)
	step.Now, step.Effects = n.Now, effects
	if err != nil || t == nil {
		return nil // the script ends with the panic
	}
	want := s.local.at(s.nodes(next)[place])
	if !bytes.Equal(appendNode(nil, place, n), appendNode(nil, place, &want.Node)) {
		return fmt.Errorf("explore: %v does not depend on its AppendState and input alone: %v",
			step.Node, show(step.Input))
	}
	return nil
}
