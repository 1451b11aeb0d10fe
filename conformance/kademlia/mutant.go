package kademlia

import (
	"errors"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Mutant is a node that is wrong in one way on purpose: the reference node with
// another configuration, or behind rules that bend what it does. Each case names
// the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*kademlia.Config)
	bend      func(*bent)
}

// Mutants are all mutants.
func Mutants() []Mutant {
	return slices.Concat(clientMutants(), lookupMutants(), storeMutants(), tableMutants())
}

// Target is nodes of this kind on virtual time.
func (m Mutant) Target() conformance.Target {
	return cluster.Machines{Name: m.Name, New: func(string) stdio.Node {
		b := &bent{tongue: &tongue{seed: 1, bend: m.configure}}
		if m.bend != nil {
			m.bend(b)
		}
		return &bentNode{cluster.NewMember(b), b}
	}}
}

// bentNode may die.
type bentNode struct {
	*cluster.Member
	bent *bent
}

func (n *bentNode) Ended() error { return n.bent.dead }

var errCrash = errors.New("exit status 2")

// bent is the tongue of the reference node behind rules. One that is nil changes
// nothing.
type bent struct {
	*tongue
	spec.Machine // the node; what it does goes through the rules

	started func()
	command func(op spec.OpID, body stdio.Body) (handled bool, in spec.Input, fields args, failed *stdio.Error)
	outcome func(typ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error)
	hear    func(from string, body stdio.Body) (deaf bool)
	input   func(in spec.Input) spec.Input
	effects func(in spec.Input, effects []spec.Effect) []spec.Effect

	dead error
	now  time.Duration
}

func (b *bent) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	m, able, err := b.tongue.Start(now, p)
	b.Machine = m
	if b.started != nil && err == nil {
		b.started()
	}
	return b, able, err
}

func (b *bent) Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	if b.command != nil {
		if handled, in, fields, failed := b.command(op, body); handled {
			return in, fields, failed
		}
	}
	return b.tongue.Command(op, body)
}

func (b *bent) Outcome(typ string, done spec.Done) (map[string]any, *stdio.Error) {
	fields, failed := b.tongue.Outcome(typ, done)
	if b.outcome != nil {
		return b.outcome(typ, done, fields, failed)
	}
	return fields, failed
}

func (b *bent) Decode(from string, body stdio.Body) (spec.Message, error) {
	if b.hear != nil && b.hear(from, body) {
		return nil, errBody
	}
	return b.tongue.Decode(from, body)
}

// Step lets the node act, between the rules.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = now
	if b.input != nil {
		in = b.input(in)
	}
	effects := b.Machine.Step(now, in, nil)
	if b.effects != nil {
		effects = b.effects(in, effects)
	}
	return append(out, effects...)
}

// nodes bends the names in the answer to a find_node.
func (b *bent) nodes(change func(target kademlia.ID, names []string) []string) {
	b.outcome = func(_ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		names, ok := fields["nodes"].([]string)
		found, is := done.Result.(kademlia.Found)
		if ok && is {
			fields["nodes"] = change(found.Target, names)
		}
		return fields, failed
	}
}

// sends bends each message that the node sends: nil swallows it.
func (b *bent) sends(change func(spec.Send) []spec.Effect) {
	b.effects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		var out []spec.Effect
		for _, e := range effects {
			if send, ok := e.(spec.Send); ok {
				out = append(out, change(send)...)
			} else {
				out = append(out, e)
			}
		}
		return out
	}
}

func isStore(e spec.Effect) bool {
	send, ok := e.(spec.Send)
	if !ok {
		return false
	}
	_, ok = send.Msg.(kademlia.StoreRequest)
	return ok
}

// never is a period that no case lives to see.
const never = 365 * 24 * time.Hour
