package swim

import (
	"fmt"
	"iter"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/models/search"
	model "github.com/p2pspec/p2pspec/spec/models/swim"
)

// A stage plays single events of the model with real members. It puts one into
// what it believes in a state, hands it a claim or lets it probe, and reads what it
// believes then, and what it tells others.
type stage struct {
	model.Model
	// bend makes a mutant: it may change a member after each step.
	bend func(n, before *Node, in spec.Input)

	state model.State
	now   time.Duration
	node  *Node
	told  []wire.Message
}

// stageAfter is how long a member has to find out that another is silent, and to
// declare it dead: some rounds of probes, and a suspicion.
const stageAfter = 30 * time.Second

func stageName(id model.ID) string { return string([]byte{'m', '0' + byte(id)}) }

func stageAddr(id model.ID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1 + byte(id)}), 7946)
}

// stageMessage is the claim about a member, as one who heard it passes it on.
func stageMessage(about model.ID, c model.Claim, from model.ID) wire.Message {
	incarnation := uint32(c.Incarnation()) + 1 // members begin with 1
	switch c.Status() {
	case model.Suspect:
		return wire.Suspect{Incarnation: incarnation, Node: stageName(about), From: stageName(from)}
	case model.Dead:
		return wire.Dead{Incarnation: incarnation, Node: stageName(about), From: stageName(from)}
	}
	return wire.Alive{
		Incarnation: incarnation, Node: stageName(about), Addr: stageAddr(about), Versions: stageVersions(),
	}
}

func stageVersions() wire.Versions { return wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2} }

// stageClaim is the claim in a message; false if it is none.
func stageClaim(m wire.Message) (about model.ID, c model.Claim, ok bool) {
	of := func(name string, s model.Status, incarnation uint32) (model.ID, model.Claim, bool) {
		return model.ID(name[1] - '0'), model.NewClaim(s, uint8(incarnation-1)), true
	}
	switch m := m.(type) {
	case wire.Alive:
		return of(m.Node, model.Alive, m.Incarnation)
	case wire.Suspect:
		return of(m.Node, model.Suspect, m.Incarnation)
	case wire.Dead:
		return of(m.Node, model.Dead, m.Incarnation)
	}
	return 0, 0, false
}

// other is a member but for two.
func (s *stage) other(a, b model.ID) model.ID {
	for id := range model.ID(s.N) {
		if id != a && id != b {
			return id
		}
	}
	return model.None
}

// set puts a member into the state. Whom it suspects, but for one, it suspects
// for ever: the model lets time pass for one at a time.
func (s *stage) set(state model.State, id, but model.ID) {
	s.state, s.now = state, 0
	cfg := LAN()
	cfg.Name, cfg.Addr = stageName(id), stageAddr(id)
	cfg.PushPullInterval, cfg.GossipInterval, cfg.TCPPing = 0, 0, false
	for b := range model.ID(s.N) {
		incarnation := state.View[id][b].Incarnation()
		if b == id {
			incarnation = state.Own[id]
		}
		cfg.Known = append(cfg.Known, &Member{
			Name: stageName(b), Addr: stageAddr(b), Versions: stageVersions(),
			State: wire.StateAlive, Incarnation: uint32(incarnation) + 1,
		})
	}
	var err error
	if s.node, err = New(cfg, 0); err != nil {
		panic(err)
	}
	for b := range model.ID(s.N) {
		if v := state.View[id][b]; b != id && v.Status() != model.Alive {
			from := s.other(id, b)
			s.node.Step(0, spec.Recv{From: stageAddr(from), Msg: wire.Packet{
				Parts: []wire.Message{stageMessage(b, v, from)},
			}}, nil)
			if i, _ := s.node.doubtAt(stageName(b)); b != but {
				s.node.doubts[i].due = never
			}
		}
	}
	s.node.findDoubtDue()
	s.node.rumors, s.told = queue{}, nil
}

// step hands one input to the member and takes what it tells.
func (s *stage) step(in spec.Input) []spec.Effect {
	before := s.node
	if s.bend != nil {
		before = s.node.Clone().(*Node)
	}
	effects := s.node.Step(s.now, in, nil)
	if s.bend != nil {
		s.bend(s.node, before, in)
	}
	for _, e := range effects {
		if send, ok := e.(spec.Send); ok {
			s.told = append(s.told, partsOf(send)...)
		}
	}
	return effects
}

// hear hands a claim to a member: to the one that it is about, or another.
func (s *stage) hear(state model.State, id, about model.ID, c model.Claim) (model.Event, model.State) {
	s.set(state, id, model.None)
	from := s.other(id, about)
	m := stageMessage(about, c, from)
	s.step(spec.Recv{From: stageAddr(from), Msg: wire.Packet{Parts: []wire.Message{m}}})
	if id == about {
		return model.Event{Kind: model.Refute, Member: id, Subject: model.None, Claim: c}, s.read(id)
	}
	return model.Event{Kind: model.Hear, Member: id, Subject: about, Claim: c}, s.read(id)
}

// probe lets time pass for a member while another one is silent, until it thinks
// differently of that one.
func (s *stage) probe(state model.State, id, silent model.ID) (model.Event, model.State) {
	s.set(state, id, silent)
	before := state.View[id][silent]
	e := model.Event{Kind: model.Accuse, Member: id, Subject: silent, Claim: model.NoClaim}
	if before.Status() != model.Alive {
		e.Kind = model.Condemn
	}
	for {
		at, _ := s.node.Deadline()
		after := s.read(id)
		if at > stageAfter || after.View[id][silent] != before {
			return e, after
		}
		s.now = at
		for _, effect := range s.step(spec.Wake{}) {
			s.answer(effect, silent)
		}
	}
}

// answer has a ping acknowledged by whoever is not silent.
func (s *stage) answer(e spec.Effect, silent model.ID) {
	send, ok := e.(spec.Send)
	if !ok || send.To == stageAddr(silent) {
		return
	}
	if ping, ok := partsOf(send)[0].(wire.Ping); ok {
		s.step(spec.Recv{From: send.To, Msg: wire.Packet{Parts: []wire.Message{wire.Ack{SeqNo: ping.SeqNo}}}})
	}
}

// read is the state, with what the member believes and has told.
func (s *stage) read(id model.ID) model.State {
	after := s.state
	for b := range model.ID(s.Subjects) {
		m, _ := s.node.Member(stageName(b))
		status := [...]model.Status{model.Alive, model.Suspect, model.Dead, model.Dead}[m.State]
		if c := model.NewClaim(status, uint8(m.Incarnation-1)); b == id {
			after.Own[b] = c.Incarnation()
		} else {
			after.View[id][b] = c
		}
	}
	told := s.told
	for _, q := range s.node.rumors.list {
		told = append(told, q.rumor.message())
	}
	for _, m := range told {
		if about, c, ok := stageClaim(m); ok {
			after.Claims[about] |= 1 << c
		}
	}
	return after
}

// each calls f with all that members can do in a state and that changes it. That a
// crash is possible, and a failure of a probe within the assumptions, is for the
// model to say: a member has no part in these.
func (s *stage) each(state model.State, f func(model.Event, model.State)) {
	changes := func(e model.Event, after model.State) {
		if after != state {
			f(e, after)
		}
	}
	for id := range model.ID(s.N) {
		if state.Dead[id] {
			continue
		}
		crash := model.Event{Kind: model.Crash, Member: id, Subject: model.None, Claim: model.NoClaim}
		if after, ok := s.Step(state, crash); ok {
			f(crash, after)
		}
		for b := range model.ID(s.Subjects) {
			for c := range model.Claim(16) {
				if state.Said(b, c) {
					changes(s.hear(state, id, b, c))
				}
			}
			v := state.View[id][b]
			wrongly := v.Status() == model.Alive && !state.Dead[b]
			if id != b && (!wrongly || int(v.Incarnation()) < s.Max) {
				changes(s.probe(state, id, b))
			}
		}
	}
}

// members are the transitions of the real members.
func (s *stage) members(state model.State) iter.Seq2[model.Event, model.State] {
	return func(yield func(model.Event, model.State) bool) {
		s.each(state, func(e model.Event, after model.State) { yield(e, after) })
	}
}

// differences are the transitions that only the members have, or only the model.
func (s *stage) differences() (members, formal []string) {
	members = search.All(s.Initial(), s.members, s.Write).Lines
	formal = search.All(s.Initial(), s.Next, s.Write).Lines
	without := func(lines, others []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			_, found := slices.BinarySearch(others, line)
			return found
		})
	}
	return without(members, formal), without(formal, members)
}

// TestMembersAreTheModel compares, both ways and byte for byte, all that real
// members do in all states that they can reach with the transitions that Spin
// finds in the formal model.
//
// GO-FD-07, GO-FD-08, GO-FD-12, GO-FD-13, GO-FD-17
func TestMembersAreTheModel(t *testing.T) {
	sums, err := os.ReadFile("../../spec/models/swim/edges.sum")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(sums)) {
		var s stage
		if _, err := fmt.Sscanf(line, "-DN=%d -DSUBJECTS=%d -DMAX=%d", &s.N, &s.Subjects, &s.Max); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if s.Subjects == s.N && !*long {
			continue
		}
		got := fmt.Sprintf("-DN=%d -DSUBJECTS=%d -DMAX=%d %v\n",
			s.N, s.Subjects, s.Max, search.All(s.Initial(), s.members, s.Write))
		if got != line {
			members, formal := s.differences()
			t.Errorf("the members have\n\t%sand the model\n\t%sonly the members %d, as %q; only the model %d, as %q",
				got, line, len(members), members[:min(3, len(members))], len(formal), formal[:min(3, len(formal))])
		}
		compared++
	}
	if compared == 0 {
		t.Error("edges.sum has no scope for the members")
	}
}

// TestBentMembersAreNotTheModel breaks a rule of the members at a time: the
// comparison has to see each.
func TestBentMembersAreNotTheModel(t *testing.T) {
	// heard is the claim that a member was handed, with what it believed before.
	heard := func(before *Node, in spec.Input) (self bool, was View, c Claim) {
		r, ok := in.(spec.Recv)
		if !ok {
			return false, View{}, Claim{}
		}
		about, claim, ok := stageClaim(r.Msg.(wire.Packet).Parts[0])
		if !ok {
			return false, View{}, Claim{}
		}
		m, _ := before.Member(stageName(about))
		states := [...]wire.State{wire.StateAlive, wire.StateSuspect, wire.StateDead}
		return m.Name == before.Name(), m.view(), Claim{
			State: states[claim.Status()], Incarnation: uint32(claim.Incarnation()) + 1,
		}
	}
	revert := func(n, before *Node) {
		n.nodes, n.doubts, n.rumors = before.nodes, before.doubts, before.rumors
		n.findDoubtDue()
	}
	for _, mutant := range []struct {
		name string
		bend func(n, before *Node, in spec.Input)
		in   model.Kind
	}{
		{"who is accused says nothing", func(n, before *Node, in spec.Input) {
			if self, _, c := heard(before, in); self && c.State != wire.StateAlive {
				revert(n, before)
			}
		}, model.Refute},
		{"it says that it is alive in the incarnation that it has", func(n, before *Node, in spec.Input) {
			if self, was, c := heard(before, in); self && c.State != wire.StateAlive {
				at, _ := n.find(n.Name())
				n.refute(at, was, nil)
			}
		}, model.Refute},
		{"a suspicion is heard only of a newer incarnation", func(n, before *Node, in spec.Input) {
			self, was, c := heard(before, in)
			if !self && c.State == wire.StateSuspect && c.Incarnation == was.Incarnation {
				revert(n, before)
			}
		}, model.Hear},
		{"the dead stay dead", func(n, before *Node, in spec.Input) {
			if _, was, c := heard(before, in); was.State == wire.StateDead && c.State == wire.StateAlive {
				revert(n, before)
			}
		}, model.Hear},
		{"an alive of the same incarnation ends a suspicion", func(n, before *Node, in spec.Input) {
			self, was, c := heard(before, in)
			same := c == Claim{State: wire.StateAlive, Incarnation: was.Incarnation}
			if !self && was.State == wire.StateSuspect && same {
				for _, d := range before.doubts {
					n.clearDoubt(d.name)
					at, _ := n.find(d.name)
					n.believe(at, View{wire.StateAlive, was.Incarnation})
				}
			}
		}, model.Hear},
		{"a suspicion ends in silence", func(n, before *Node, in spec.Input) {
			if _, ok := in.(spec.Wake); ok && n.Queued() > before.Queued() {
				n.rumors = queue{}
			}
		}, model.Condemn},
	} {
		s := stage{Model: model.Model{N: 3, Subjects: 1, Max: 1}, bend: mutant.bend}
		found := slices.Concat(s.differences())
		in := func(line string) bool { return strings.HasPrefix(line, mutant.in.String()) }
		if !slices.ContainsFunc(found, in) {
			t.Errorf("%s: found in %d transitions, want a %v among them", mutant.name, len(found), mutant.in)
		}
	}
}
