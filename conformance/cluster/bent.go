package cluster

import (
	"errors"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Bent is a reference node behind rules that make it wrong on purpose: the
// mutants of a family are made of it. A rule that is nil changes nothing.
type Bent struct {
	Tongue       // of the reference node
	spec.Machine // the node, once it has started; what it does goes through the rules

	OnStart func() // once the machine is there
	// OnCommand may take a client's request from the node.
	OnCommand func(op spec.OpID, body stdio.Body) (taken bool, in spec.Input, fields map[string]any, failed *stdio.Error)
	// OnOutcome bends the answer to a request.
	OnOutcome func(typ string, done spec.Done, fields map[string]any, failed *stdio.Error) (map[string]any, *stdio.Error)
	// Deaf reports that the node does not hear a peer's message.
	Deaf func(from string, body stdio.Body) bool
	// OnInput and OnEffects bend what the machine is told and what it does.
	OnInput   func(in spec.Input) spec.Input
	OnEffects func(in spec.Input, effects []spec.Effect) []spec.Effect

	Dead error         // when set, the node ends
	Now  time.Duration // of the line or the step under way
}

// NewBent returns the node of a mutant.
func NewBent(b *Bent) stdio.Node { return &bentNode{NewMember(b), b} }

// bentNode may die.
type bentNode struct {
	*Member
	bent *Bent
}

func (n *bentNode) Ended() error { return n.bent.Dead }

func (n *bentNode) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	n.bent.Now = now
	return n.Member.Line(now, line, out)
}

// Start makes the machine and puts the rules before it.
func (b *Bent) Start(now time.Duration, p *Place) (spec.Machine, []string, error) {
	m, able, err := b.Tongue.Start(now, p)
	b.Machine = m
	if b.OnStart != nil && err == nil {
		b.OnStart()
	}
	return b, able, err
}

// Command consults the rule first.
func (b *Bent) Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	if b.OnCommand != nil {
		if taken, in, fields, failed := b.OnCommand(op, body); taken {
			return in, fields, failed
		}
	}
	return b.Tongue.Command(op, body)
}

// Outcome bends what the node answers.
func (b *Bent) Outcome(typ string, done spec.Done) (map[string]any, *stdio.Error) {
	fields, failed := b.Tongue.Outcome(typ, done)
	if b.OnOutcome != nil {
		return b.OnOutcome(typ, done, fields, failed)
	}
	return fields, failed
}

// Decode consults the rule first.
func (b *Bent) Decode(from string, body stdio.Body) (spec.Message, error) {
	if b.Deaf != nil && b.Deaf(from, body) {
		return nil, errNotHeard
	}
	return b.Tongue.Decode(from, body)
}

var errNotHeard = errors.New("cluster: not heard")

// Step lets the node act, between the rules.
func (b *Bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.Now = now
	if b.OnInput != nil {
		in = b.OnInput(in)
	}
	effects := b.Machine.Step(now, in, nil)
	if b.OnEffects != nil {
		effects = b.OnEffects(in, effects)
	}
	return append(out, effects...)
}

// OnSend bends each message that the node sends; no result swallows it.
func (b *Bent) OnSend(change func(spec.Send) []spec.Effect) {
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
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
