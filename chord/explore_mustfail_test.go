package chord

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// counterexample is a scope that must break its promises: a survivor would mean
// that the exploration is blind.
type counterexample struct {
	scope
	name, story string
}

func counterexamples() []counterexample {
	four, five := model.Model{N: 4, R: 2}, model.Model{N: 5, R: 1}
	one := scope{Model: four, active: 1, direct: true}
	with := func(change func(s *scope)) scope {
		s := one
		change(&s)
		return s
	}
	published := func(p model.Property) scope {
		return with(func(s *scope) { s.variant, s.reckless, s.breaks = Original, true, p })
	}
	return []counterexample{
		{name: "Ring lost", story: "the protocol of 2001 adopts a node that nobody has asked, and that is dead",
			scope: published(model.AtLeastOneRing)},
		{name: "Disconnected appendage", story: "who joins knows one successor, and that may be dead",
			scope: published(model.ConnectedAppendages)},
		{name: "Lists that answer while they change", story: "a node in the middle of a stabilization answers " +
			"with its old list instead of Busy",
			scope: with(func(s *scope) { s.flaw, s.active = neverBusy, 2 })},
		{name: "Lists that answer while they change, one successor", story: "the same where a list has one entry",
			scope: scope{Model: five, flaw: neverBusy, active: 2, direct: true, only: busyStory}},
		{name: "A candidate adopted unseen", story: "a node adopts the predecessor of its successor before it has asked it",
			scope: with(func(s *scope) { s.flaw = believesUnseen })},
		{name: "Padding with the last entry", story: "a list that has lost its head is filled up by repeating its last entry",
			scope: with(func(s *scope) { s.flaw = padsWithLast })},
	}
}

// busyStory is what the published run takes: 2, 4 and 3 join, 4 fails.
func busyStory(a explore.Action) bool {
	switch a.Kind {
	case explore.Give:
		return true
	case explore.Crash:
		return a.Node == 4
	}
	return a.Node != 2
}

func TestMustFail(t *testing.T) {
	for _, e := range counterexamples() {
		t.Run(e.name, func(t *testing.T) {
			c := e.config()
			c.MaxStates = 3_000_000
			r, err := explore.Run(c)
			var v *explore.Violation
			if !errors.As(err, &v) {
				t.Fatalf("not found: %v, %v", r, err)
			}
			t.Logf("%d steps, %v, after %v", len(v.Script), v.Err, r)
			replays(t, c.Nodes, v.Script)
			t.Log(e.trace(v))
		})
	}
}

// replays repeats a script as a trace of the simulator, which knows nothing of
// the explorer, and compares the machines.
func replays(t *testing.T, nodes []explore.Start, script explore.Script) {
	t.Helper()
	want, err := script.Replay(nodes)
	if err != nil {
		t.Fatal(err)
	}
	var trace sim.Trace
	next := make(map[netip.AddrPort]spec.Machine) // what starts at an address
	for _, n := range nodes {
		if next[n.Addr] = n.Fresh; n.Machine != nil {
			next[n.Addr] = n.Machine
			trace.Records = append(trace.Records, sim.Record{Node: n.Addr, Input: sim.Started{}})
		}
	}
	for _, step := range script {
		if step.Fresh {
			trace.Records = append(trace.Records, sim.Record{Node: step.Node, Input: sim.Started{}})
		}
		if step.Input != nil && !step.Down {
			trace.Records = append(trace.Records, sim.Record{Now: step.Now, Node: step.Node, Input: step.Input})
		}
	}
	got, err := trace.Replay(func(addr netip.AddrPort, _ time.Duration) spec.Machine {
		m := next[addr]
		next[addr] = nodes[place(addr)].Fresh
		return m.Clone()
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range want {
		if m != nil && !bytes.Equal(m.AppendState(nil), got[nodes[i].Addr].AppendState(nil)) {
			t.Errorf("node %d ends elsewhere in the simulator", i)
		}
	}
}

// trace prints a violation step by step, each with the ring if it has changed:
// of each member its list and after < its predecessor.
func (e *counterexample) trace(v *explore.Violation) string {
	c := e.config()
	var b strings.Builder
	last := ""
	ring := func(machines []spec.Machine) string {
		var state model.State
		for i, m := range machines {
			state[i] = view(&explore.Node{Machine: m}).(*seen).model
		}
		return state.String()
	}
	for i := range len(v.Script) + 1 {
		machines, err := v.Script[:i].Replay(c.Nodes)
		if err != nil {
			return err.Error()
		}
		line := "the beginning"
		if i > 0 {
			line = tell(&v.Script[i-1])
		}
		if now := ring(machines); now != last {
			last = now
			line = fmt.Sprintf("%-62s %s", line, now)
		}
		fmt.Fprintf(&b, "%2d  %s\n", i, strings.TrimSpace(line))
	}
	fmt.Fprintf(&b, "    %v\n", v.Err)
	return b.String()
}

// tell says in a line what a step does.
func tell(s *explore.Step) string {
	i := place(s.Node)
	var line string
	switch s.Kind {
	case explore.Give:
		line = fmt.Sprintf("%d joins through %v", i, s.Input.(Join).Via.ID)
	case explore.Crash:
		return fmt.Sprintf("%d crashes", i)
	case explore.Timeout:
		line = fmt.Sprintf("%d times out", i)
	default:
		line = fmt.Sprintf("%d gets %s", i, words(s.Packet.Msg, "from "+fmt.Sprint(place(s.Packet.From))))
		if s.Down {
			line += " in vain"
		}
	}
	var sends []string
	for _, e := range s.Effects {
		if e, ok := e.(spec.Send); ok {
			sends = append(sends, words(e.Msg, "to "+fmt.Sprint(place(e.To))))
		}
	}
	if len(sends) > 0 {
		line += ", sends " + strings.Join(sends, ", ")
	}
	return line
}

func words(m spec.Message, whom string) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "chord.")
	if m, ok := m.(Neighbors); ok {
		name += "("
		for i, p := range m.Successors {
			if i > 0 {
				name += " "
			}
			name += p.ID.String()
		}
		if m.Predecessor.known() {
			name += " < " + m.Predecessor.ID.String()
		}
		name += ")"
	}
	return name + " " + whom
}
