package chord

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

// A stage plays single events of the model with real machines. It puts them
// into a state, lets one of them do its work with messages that take no time,
// and reads the state that comes out. A notification is handed over at the end,
// to a node that is busy, so that it waits in its slot as in the model.
type stage struct {
	model.Model
	// bend makes a mutant: it may change a node after each step.
	bend func(n *Node, before *Node, in spec.Input)

	state    model.State
	nodes    [model.MaxNodes]*Node
	now      time.Duration
	flight   []flying
	notified model.ID // to whom the actor has sent Notify
	joined   bool
}

type flying struct {
	from, to model.ID
	msg      spec.Message
}

func stagePeer(id model.ID) Peer {
	if id == model.None {
		return Peer{}
	}
	return Peer{FromUint(uint64(id)), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 1)}
}

func stagePlace(p Peer) model.ID {
	if !p.known() {
		return model.None
	}
	return model.ID(p.ID.Uint())
}

// node is the machine of id in the state, put there when it is first needed,
// with no work pending.
func (s *stage) node(id model.ID) *Node {
	if s.nodes[id] == nil && s.state[id].Member {
		s.restore(id, model.None, model.None)
	}
	return s.nodes[id]
}

func (s *stage) restore(id, candidate, rectifyWith model.ID) *Node {
	from := &s.state[id]
	snapshot := Snapshot{
		Predecessor: stagePeer(from.Prdc), Candidate: stagePeer(candidate), RectifyWith: stagePeer(rectifyWith),
	}
	for _, y := range from.Succ {
		if y != model.None {
			snapshot.Successors = append(snapshot.Successors, stagePeer(y))
		}
	}
	n, err := Restore(s.config(id), s.now, snapshot)
	if err != nil {
		panic(err)
	}
	s.nodes[id] = n
	return n
}

func (s *stage) config(id model.ID) Config {
	return Config{
		ID: FromUint(uint64(id)), IDBits: 3, Successors: s.R, FixFingers: -1,
		Stabilize: maxPeriod, Jitter: -1, // nobody works but the actor
	}
}

// set begins an event in the given state.
func (s *stage) set(state model.State) {
	s.state, s.nodes, s.now, s.flight = state, [model.MaxNodes]*Node{}, 0, s.flight[:0]
	s.notified, s.joined = model.None, false
}

// step hands one input to a node, and takes what it sends.
func (s *stage) step(id model.ID, in spec.Input) {
	n := s.node(id)
	if n == nil {
		return
	}
	before := n
	if s.bend != nil {
		before = n.Clone().(*Node)
	}
	effects := n.Step(s.now, in, nil)
	if s.bend != nil {
		s.bend(n, before, in)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Send:
			to := stagePlace(Peer{Addr: e.To, ID: FromUint(uint64(e.To.Addr().As4()[3]))})
			if _, ok := e.Msg.(Notify); ok {
				s.notified = to
				continue
			}
			s.flight = append(s.flight, flying{id, to, e.Msg})
		case spec.Done:
			s.joined = e.Err == nil
		}
	}
}

// settle lets the messages arrive until none is left.
func (s *stage) settle(until func() bool) {
	for len(s.flight) > 0 && !until() {
		f := s.flight[0]
		s.flight = s.flight[1:]
		s.step(f.to, spec.Recv{From: stagePeer(f.from).Addr, Msg: f.msg})
	}
}

// run lets the actor work until done, with all the time that it wants to wait.
func (s *stage) run(actor model.ID, done func() bool) {
	for range 100 {
		s.settle(done)
		at, armed := s.nodes[actor].Deadline()
		if done() || !armed {
			return
		}
		s.now = at
		s.step(actor, spec.Wake{})
	}
	panic(fmt.Sprintf("%d does not end in %v", actor, s.state))
}

// stabilize lets a member do the step of stabilization that is due.
func (s *stage) stabilize(id model.ID) (model.Event, model.State) {
	n := s.restore(id, s.state[id].Candidate, model.None)
	s.now, _ = n.Deadline()
	s.step(id, spec.Wake{})
	kind := model.StabilizeFromSuccessor
	if n.Pending().Activity == WithCandidate {
		kind = model.StabilizeFromPredecessor
	}
	s.run(id, func() bool {
		a := n.Pending().Activity
		return a == Idle || a == WithCandidate && kind == model.StabilizeFromSuccessor
	})
	after := s.state
	s.read(&after, id)
	if to := s.notified; to != model.None && s.state[to].Member {
		b := s.restore(to, model.None, model.None)
		b.ask(askSuccessor, stagePeer(s.state[to].Succ[0]), nil)
		b.rectifyWith = stagePeer(s.state[to].RectifyWith)
		s.step(to, spec.Recv{From: stagePeer(id).Addr, Msg: Notify{Header{0, n.cfg.ID}}})
		after[to].RectifyWith = stagePlace(b.rectifyWith)
	}
	return model.Event{Kind: kind, Node: id, Via: model.None}, after
}

// rectify lets a member act on its notification, false if it has none.
func (s *stage) rectify(id model.ID) (model.Event, model.State, bool) {
	n := s.restore(id, s.state[id].Candidate, s.state[id].RectifyWith)
	if !n.rectifyWith.known() {
		return model.Event{}, s.state, false
	}
	s.step(id, spec.Wake{})
	s.run(id, func() bool { return !n.rectifyWith.known() })
	after := s.state
	s.read(&after, id)
	after[id].RectifyWith = stagePlace(n.rectifyWith)
	return model.Event{Kind: model.Rectify, Node: id, Via: model.None}, after, true
}

// join lets a node join through via, false if it does not come to an end there.
func (s *stage) join(id, via model.ID) (model.Event, model.State, bool) {
	n, err := New(s.config(id), s.now)
	if err != nil {
		panic(err)
	}
	s.nodes[id] = n
	s.step(id, Join{Op: 1, Via: stagePeer(via)})
	s.run(id, func() bool { return n.Member() || n.Pending().Activity == Idle })
	if !s.joined {
		return model.Event{}, s.state, false
	}
	after := s.state
	after[id] = model.Node{Member: true, RectifyWith: model.None}
	s.read(&after, id)
	return model.Event{Kind: model.Join, Node: id, Via: after[id].Prdc}, after, true
}

// read takes what a member knows from its machine, but for its notification,
// which the state keeps until its turn comes.
func (s *stage) read(into *model.State, id model.ID) {
	n, to := s.nodes[id], &into[id]
	for i := range to.Succ {
		to.Succ[i] = model.None
		if i < len(n.successors) {
			to.Succ[i] = stagePlace(n.successors[i])
		}
	}
	to.Prdc, to.Candidate = stagePlace(n.predecessor), stagePlace(n.candidate)
}

// each calls f with all that the machines can do in a state. That a failure is
// within the assumptions is for the model to say.
func (s *stage) each(state model.State, f func(model.Event, model.State)) {
	joins := map[model.Event]bool{}
	for id := range model.ID(s.N) {
		if !state[id].Member {
			for via := range model.ID(s.N) {
				if !state[via].Member {
					continue
				}
				s.set(state)
				if e, after, ok := s.join(id, via); ok && !joins[e] {
					joins[e] = true
					f(e, after)
				}
			}
			continue
		}
		if after, ok := s.Step(state, model.Event{Kind: model.Fail, Node: id, Via: model.None}); ok {
			f(model.Event{Kind: model.Fail, Node: id, Via: model.None}, after)
		}
		s.set(state)
		f(s.stabilize(id))
		s.set(state)
		if e, after, ok := s.rectify(id); ok {
			f(e, after)
		}
	}
}

// relation explores what the machines do from the initial state, and returns
// each transition as Spin prints it, sorted. It ends early where stop says so.
func (s *stage) relation(
	stop func(before model.State, e model.Event, after model.State) bool,
) (lines []string, states int) {
	queue, seen := []model.State{s.Initial()}, map[model.State]bool{s.Initial(): true}
	stopped := false
	for len(queue) > 0 && !stopped {
		before := queue[0]
		queue = queue[1:]
		name := before.String()
		s.each(before, func(e model.Event, after model.State) {
			stopped = stopped || stop(before, e, after)
			lines = append(lines, fmt.Sprintf("%v: %s -> %v\n", e, name, after))
			if !seen[after] {
				seen[after] = true
				queue = append(queue, after)
			}
		})
	}
	slices.Sort(lines)
	return lines, len(seen)
}

// TestMachinesAreTheModel compares, both ways and byte for byte, all that real
// machines do in all states that they can reach with the transitions that Spin
// finds in the formal model.
func TestMachinesAreTheModel(t *testing.T) {
	sums, err := os.ReadFile("../spec/models/chord/edges.sum")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(sums)) {
		var s stage
		if _, err := fmt.Sscanf(line, "-DN=%d -DR=%d", &s.N, &s.R); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if s.N > 4 {
			continue // millions of transitions are for Spin and the reference
		}
		lines, states := s.relation(func(before model.State, e model.Event, after model.State) bool {
			want, ok := s.Step(before, e)
			if !ok || want != after {
				t.Errorf("%v: %v -> %v, the model has %v (%v)", e, before, after, want, ok)
			}
			return t.Failed()
		})
		sum := sha256.Sum256([]byte(strings.Join(lines, "")))
		got := fmt.Sprintf("-DN=%d -DR=%d states %d edges %d sha256 %x\n", s.N, s.R, states, len(lines), sum)
		if got != line {
			t.Errorf("the machines have\n\t%sand the model\n\t%s", got, line)
		}
		compared++
	}
	if compared == 0 {
		t.Error("edges.sum has no scope for the machines")
	}
}

// TestBentMachinesAreNotTheModel breaks a rule of the machines at a time: the
// comparison has to see each.
func TestBentMachinesAreNotTheModel(t *testing.T) {
	answered := func(in spec.Input) (m Neighbors, ok bool) {
		if r, isRecv := in.(spec.Recv); isRecv {
			m, ok = r.Msg.(Neighbors)
		}
		return m, ok
	}
	for _, mutant := range []struct {
		name string
		bend func(n, before *Node, in spec.Input)
		in   model.Kind
	}{
		{"the last notifier is kept", func(n, before *Node, in spec.Input) {
			if r, ok := in.(spec.Recv); ok && n.rectifyWith.known() {
				if m, ok := r.Msg.(Notify); ok {
					n.rectifyWith = Peer{m.Sender, r.From}
				}
			}
		}, model.StabilizeFromSuccessor},
		{"the own tail is kept", func(n, before *Node, in spec.Input) {
			if _, ok := answered(in); ok && before.member && len(before.successors) > 1 {
				n.successors = append([]Peer{n.successors[0]}, before.successors[1:]...)
			}
		}, model.StabilizeFromPredecessor},
		{"the predecessor of the successor need not lie between", func(n, before *Node, in spec.Input) {
			m, ok := answered(in)
			if p := m.Predecessor; ok && before.query.kind == askSuccessor && p.known() && p.ID != n.cfg.ID {
				n.candidate = p
				n.ask(askCandidate, p, nil)
			}
		}, model.StabilizeFromSuccessor},
		{"a dead candidate is adopted", func(n, before *Node, in spec.Input) {
			if _, ok := in.(spec.Wake); ok && before.query.kind == askCandidate && !n.candidate.known() {
				n.successors = n.adopt(before.candidate, before.successors)
			}
		}, model.StabilizeFromPredecessor},
		{"a dead predecessor stays", func(n, before *Node, in spec.Input) {
			if before.query.kind == tryPredecessor {
				n.predecessor = before.predecessor
			}
		}, model.Rectify},
		{"the list is taken over without the node that has it", func(n, before *Node, in spec.Input) {
			if n.member && !before.member {
				n.successors = n.adopt(before.query.to, n.successors)
			}
		}, model.Join},
	} {
		s := stage{Model: model.Model{N: 4, R: 2}, bend: mutant.bend}
		var found model.Event
		differs := func(before model.State, e model.Event, after model.State) bool {
			want, ok := s.Step(before, e)
			if ok && want == after {
				return false
			}
			found = e
			return true
		}
		if s.relation(differs); found.Kind != mutant.in || found == (model.Event{}) {
			t.Errorf("%s: found in %v, want a %v", mutant.name, found, mutant.in)
		}
	}
}
