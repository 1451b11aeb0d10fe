package chord

import (
	"slices"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Mutant is a node that is wrong in one way on purpose: the reference node with
// another configuration, or behind rules that bend what it does. Each case names
// the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*chord.Config)
	bend      func(*bent)
}

// Mutants are all mutants.
func Mutants() []Mutant {
	return slices.Concat(clientMutants(), ringMutants(), storeMutants())
}

// Target is nodes of this kind on virtual time.
func (m Mutant) Target() conformance.Target {
	return cluster.Machines{Name: m.Name, New: func(string) stdio.Node {
		t := &tongue{seed: 1, bend: m.configure}
		b := &bent{Bent: &cluster.Bent{Tongue: t}, tongue: t}
		if m.bend != nil {
			m.bend(b)
		}
		return cluster.NewBent(b.Bent)
	}}
}

// bent is what a rule sees: the node and how to bend it.
type bent struct {
	*cluster.Bent
	tongue *tongue
}

func (b *bent) member() bool { return b.tongue.node != nil && b.tongue.node.Member() }

// answering takes one type of request from the node.
func (b *bent) answering(typ string, answer func(body stdio.Body) (args, *stdio.Error)) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if body.Type != typ {
			return false, nil, nil, nil
		}
		fields, failed := answer(body)
		return true, nil, fields, failed
	}
}

// changing bends the fields of the answers to one type of request.
func (b *bent) changing(typ string, change func(fields args)) {
	b.OnOutcome = func(t string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		if t == typ && failed == nil {
			change(fields)
		}
		return fields, failed
	}
}

// telling bends what state answers, which no command of the node is behind.
func (b *bent) telling(change func(s args)) {
	b.answering("state", func(stdio.Body) (args, *stdio.Error) {
		s := b.tongue.state()
		change(s)
		return s, nil
	})
}
