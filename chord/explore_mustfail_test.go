package chord

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	quiet       bool // what fails is that quiet leads to the ideal ring
}

func counterexamples() []counterexample {
	one := scope{Model: model.Model{N: 4, R: 2}, active: 1, direct: true}
	with := func(change func(s *scope)) scope {
		s := one
		change(&s)
		return s
	}
	published := func(p model.Property, only func(explore.Action) bool) scope {
		return with(func(s *scope) { s.variant, s.reckless, s.breaks, s.only = Original, true, p, only })
	}
	return []counterexample{
		{name: "Ring lost", scope: published(model.AtLeastOneRing, nil), story: `
The protocol of 2001 makes the predecessor of its successor its own successor without asking it. That may be dead.`},
		{name: "Disconnected appendage", scope: published(model.ConnectedAppendages, nil), story: `
In the protocol of 2001 a node joins with one successor, and that may be dead.`},
		{name: "Two rings", scope: published(model.AtMostOneRing, crashes(1, 3)), story: `
In the protocol of 2001 lists are patched from several sources, until two nodes take themselves for alone.`},
		{name: "Disordered ring", scope: published(model.OrderedRing, crashes(0, 1)), story: `
The same, with one ring left, which goes round in the wrong order.`},
		{name: "Lists told while they change", scope: with(func(s *scope) { s.flaw, s.active = neverBusy, 2 }), story: `
A node in the middle of a stabilization answers with its old list instead of Busy.`},
		{
			name: "Lists told while they change, with one successor", story: `
The run that is published for it: 1 has an answer on its way when 4 crashes, and tells 3 the dead 4.`,
			scope: scope{
				Model: model.Model{N: 5, R: 1}, flaw: neverBusy, active: 2, direct: true, only: published14,
			},
		},
		{
			name: "An answer to who has given up", story: `
Of two nodes that wait for each other one gives way. An answer that it gets all the same counts as applied, and is
not. This was a bug of ours, found by the exploration.`,
			scope: with(func(s *scope) { s.flaw, s.active, s.only = answersAll, 2, crashes(0, 2) }),
		},
		{name: "A candidate adopted unseen", scope: with(func(s *scope) { s.flaw = believesUnseen }), story: `
A node makes the predecessor of its successor its own successor before it has asked it.`},
		{name: "Padding with the last entry", scope: with(func(s *scope) { s.flaw = padsWithLast }), story: `
A list that has lost its head is filled up by repeating its last entry.`},
		{
			name: "An overwritten notification", quiet: true, story: `
A node that is busy forgets one notifier for the next, though that is farther away. A fair run goes round in a circle
for ever: what happens again and again is below the line.`,
			scope: scope{Model: model.Model{N: 3, R: 1}, active: 1, flaw: overwrites},
		},
		{
			name: "A dead predecessor", quiet: true, story: `
A predecessor that does not answer stays, and who comes before it is never heard.`,
			scope: scope{Model: model.Model{N: 3, R: 1}, active: 1, flaw: keepsDead},
		},
		{
			name: "False timeouts", story: `
Without perfect failure detection nothing holds: answers are late, and live nodes are taken for dead.`,
			scope: scope{Model: model.Model{N: 3, R: 2}, active: 1, hasty: true, breaks: model.AtMostOneRing},
		},
		{
			name: "Too few members", story: `
A ring that begins with two members where lists have two entries, in which any node may crash that leaves the others
a live successor.`,
			scope: with(func(s *scope) { s.first, s.reckless, s.breaks, s.only = 2, true, model.OrderedRing, crashes(0, 1) }),
		},
	}
}

// published14 leaves out what the published run of 14 events does not need.
func published14(a explore.Action) bool {
	switch a.Kind {
	case explore.Crash:
		return a.Node == 4
	case explore.Timeout:
		return a.Node != 2
	}
	return true
}

// crashes lets these nodes crash and no other.
func crashes(nodes ...int) func(explore.Action) bool {
	return func(a explore.Action) bool { return a.Kind != explore.Crash || slices.Contains(nodes, a.Node) }
}

// find explores until the counterexample is there.
func (e *counterexample) find() (explore.Result, []explore.Start, *explore.Violation, error) {
	c := e.config()
	if e.quiet {
		c.Always, c.LeadsTo = nil, []explore.LeadsTo{e.ideal(2)}
		c.LeadsTo[0].Fair = true
	}
	r, err := explore.Run(c)
	var v *explore.Violation
	if !errors.As(err, &v) {
		return r, nil, nil, fmt.Errorf("%s: not found: %v, %w", e.name, r, err)
	}
	return r, c.Nodes, v, nil
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
		if i > 0 && v.Script[i-1].Quiet && (i == 1 || !v.Script[i-2].Quiet) {
			b.WriteString("    ---- from here on it is quiet\n")
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
