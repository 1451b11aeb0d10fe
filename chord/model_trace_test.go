package chord

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

// A history is what a simulated ring did, in the order in which it did it.
type history struct {
	model.Model
	records []moment
}

// A moment is one step of a node, or its failure.
type moment struct {
	node          model.ID
	failed        bool
	before, after *Node
	input         spec.Input
	answers       []flying // Neighbors that it sent
	notified      []model.ID
}

// traced is a node that keeps its history.
type traced struct {
	*Node
	id   model.ID
	h    *history
	bend bending
}

func (m *traced) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	r := moment{node: m.id, before: m.Node.Clone().(*Node), input: in}
	first := len(out)
	out = m.Node.Step(now, in, out)
	if m.bend != nil {
		out = m.bend(m.Node, in, out)
	}
	for _, e := range out[first:] {
		if s, ok := e.(spec.Send); ok {
			to := model.ID(s.To.Addr().As4()[3])
			switch msg := s.Msg.(type) {
			case Neighbors:
				r.answers = append(r.answers, flying{m.id, to, msg})
			case Notify:
				r.notified = append(r.notified, to)
			}
		}
	}
	r.after = m.Node.Clone().(*Node)
	m.h.records = append(m.h.records, r)
	return out
}

func (m *traced) Clone() spec.Machine {
	c := *m
	c.Node = m.Node.Clone().(*Node)
	return &c
}

// A happening is an event of the model in a history. One that rests on an
// answer took place when that was sent, though its node did not know yet: known
// is the record in which it got the answer.
type happening struct {
	event model.Event
	at    int // record, and place in it
	known int
	by    model.ID // of Rectify: the notifier
}

// The places in a record: a node changes its list, answers with the old
// predecessor, changes that, answers with the new one.
const (
	atList = iota
	atOldAnswer
	atPredecessor
	atNewAnswer
	places
)

// happenings finds the events of the model in the history.
func (h *history) happenings() (found []happening, err error) {
	for i := range h.records {
		r := &h.records[i]
		if r.failed {
			e := model.Event{Kind: model.Fail, Node: r.node, Via: model.None}
			found = append(found, happening{e, i * places, i, 0})
			continue
		}
		x, err := h.listEvent(i)
		if err != nil {
			return nil, err
		}
		if x != nil {
			found = append(found, *x)
		}
		if r.before.member && r.before.predecessor != r.after.predecessor {
			e := model.Event{Kind: model.Rectify, Node: r.node, Via: model.None}
			found = append(found, happening{e, i*places + atPredecessor, i, stagePlace(r.after.predecessor)})
		}
	}
	slices.SortStableFunc(found, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	return found, nil
}

// listEvent returns the event that ended the query of a node in a record, nil if
// none did.
func (h *history) listEvent(i int) (*happening, error) {
	r := &h.records[i]
	q := &r.before.query
	e := model.Event{Node: r.node, Via: model.None}
	switch {
	case r.before.member != r.after.member:
		e.Kind, e.Via = model.Join, stagePlace(q.to)
	case q.rpc == r.after.query.rpc:
		return nil, nil
	case q.kind == askSuccessor:
		e.Kind = model.StabilizeFromSuccessor
	case q.kind == askCandidate:
		e.Kind = model.StabilizeFromPredecessor
	default:
		return nil, nil
	}
	if recv, ok := r.input.(spec.Recv); ok && answerTo(recv.Msg) == q.rpc {
		m, ok := recv.Msg.(Neighbors)
		if !ok {
			return nil, nil // Busy: put off
		}
		at, err := h.sent(i, &m, stagePlace(q.to))
		return &happening{e, at, i, 0}, err
	}
	return &happening{e, i * places, i, 0}, nil
}

// resurrection is the first record in which a node takes another for dead that
// has come back since it was asked; without one the number of records. The
// assumption of timely answers does not hold then.
//
// CHORD-ASSUME-003 (Zave 2017, failure detection).
func (h *history) resurrection() int {
	for i := range h.records {
		r := &h.records[i]
		if r.failed || r.before.query.kind == noQuery || r.before.query.rpc == r.after.query.rpc {
			continue
		}
		q := &r.before.query
		if recv, ok := r.input.(spec.Recv); ok && recv.From == q.to.Addr && answerTo(recv.Msg) == q.rpc {
			continue
		}
		for j := i - 1; j >= 0 && (h.records[j].node != r.node || h.records[j].before.query.rpc == q.rpc); j-- {
			if o := &h.records[j]; o.node == stagePlace(q.to) && !o.failed && !o.before.member && o.after.member {
				return i
			}
		}
	}
	return len(h.records)
}

// answerTo is the request that a message answers, 0 if none.
func answerTo(m spec.Message) uint32 {
	switch m := m.(type) {
	case Neighbors:
		return m.RPC
	case Pong:
		return m.RPC
	case Busy:
		return m.RPC
	}
	return 0
}

// sent is when the answer that a node got in a record was given.
func (h *history) sent(i int, m *Neighbors, from model.ID) (at int, err error) {
	to := h.records[i].node
	for i--; i >= 0; i-- {
		r := &h.records[i]
		if r.node != from || r.failed {
			continue
		}
		for _, a := range r.answers {
			if n := a.msg.(Neighbors); a.to == to && n.RPC == m.RPC && n.Predecessor == m.Predecessor &&
				slices.Equal(n.Successors, m.Successors) {
				if n.Predecessor == r.before.predecessor {
					return i*places + atOldAnswer, nil
				}
				return i*places + atNewAnswer, nil
			}
		}
	}
	return 0, fmt.Errorf("%d never gave %d the answer %+v", from, to, m)
}

// validate takes the model through the history: each event has to be one of its
// steps, each state keep the invariant and its consequences, and each node know
// what the model says, unless an answer to it is under way. It returns how many
// events there were, and the last state.
func (h *history) validate() (events int, state model.State, err error) {
	todo, err := h.happenings()
	if err != nil {
		return 0, state, err
	}
	state = h.Initial()
	var ahead [model.MaxNodes]int // the record in which a node learns of its last event
	var told [model.MaxNodes]model.Set
	for i := range h.records {
		r := &h.records[i]
		for ; len(todo) > 0 && todo[0].at < (i+1)*places; todo = todo[1:] {
			x := todo[0]
			if state, err = h.perform(state, x, told[x.event.Node]); err != nil {
				return events, state, fmt.Errorf("record %d: %w", i, err)
			}
			events++
			ahead[x.event.Node] = max(ahead[x.event.Node], x.known)
		}
		for _, to := range r.notified {
			told[to] |= 1 << r.node
		}
		if !r.failed && ahead[r.node] <= i {
			if got, want := known(r.after), state[r.node]; got != want {
				return events, state, fmt.Errorf("record %d, %T: %d knows %+v, the model says %+v in %v",
					i, r.input, r.node, got, want, state)
			}
		}
	}
	return events, state, nil
}

// perform takes one step of the model. A notification that was given may arrive
// late, twice or never: which one was acted on is read from the machine.
func (h *history) perform(s model.State, x happening, told model.Set) (model.State, error) {
	if x.event.Kind == model.Rectify {
		if x.by == model.None || !told.Has(x.by) {
			return s, fmt.Errorf("%d takes %d for its predecessor, who has not notified it", x.event.Node, x.by)
		}
		s[x.event.Node].RectifyWith = x.by
	}
	after, ok := h.Step(s, x.event)
	for id := range after {
		if after[id].Member {
			after[id].RectifyWith = model.None
		}
	}
	switch {
	case !ok:
		return s, fmt.Errorf("%v is not possible in %v", x.event, s)
	case x.event.Kind == model.Rectify && after[x.event.Node].Prdc != x.by:
		return s, fmt.Errorf("%v with %d changes nothing in %v", x.event, x.by, s)
	case h.Invariant(after) != "" || h.Consequence(after) != "":
		return s, fmt.Errorf("%v breaks %v%v: %v -> %v", x.event, h.Invariant(after), h.Consequence(after), s, after)
	}
	return after, nil
}

// known is what a node knows, in the terms of the model.
func known(n *Node) model.Node {
	if !n.member {
		return model.Node{}
	}
	var s stage
	var state model.State
	state[0] = model.Node{Member: true, RectifyWith: model.None}
	s.nodes[0] = n
	s.read(&state, 0)
	return state[0]
}
