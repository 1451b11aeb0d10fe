package explore

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// counter is a stop-and-wait client or its server: the client sends each tick
// until it is acknowledged, gives up after three tries, and the server counts.
type counter struct {
	bug   string
	peer  netip.AddrPort
	now   time.Duration
	due   time.Duration
	tries int
	op    spec.OpID // 0: nothing to do
	count int       // ticks that the server has counted
	last  spec.OpID // the last of them, to know a repeated one
}

type (
	tick  struct{ op spec.OpID }
	ack   struct{ op spec.OpID }
	start struct{ op spec.OpID }
)

func (tick) IsMessage() {}
func (ack) IsMessage()  {}
func (start) IsInput()  {}

const (
	timeoutAfter = time.Second
	maxTries     = 3
)

var errGaveUp = errors.New("gave up")

func (m *counter) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	m.now = max(m.now, now)
	if m.op != 0 && m.due <= m.now {
		if m.tries == maxTries && m.bug != "stubborn" {
			out = append(out, spec.Done{Op: m.op, Err: errGaveUp})
			m.op = 0
		} else {
			out = m.send(out)
		}
	}
	switch in := in.(type) {
	case start:
		m.op, m.tries = in.op, 0
		out = m.send(out)
	case spec.Recv:
		switch msg := in.Msg.(type) {
		case tick:
			if m.last != msg.op || m.bug == "forgetful" {
				m.count++
				m.last = msg.op
			}
			out = append(out, spec.Send{To: in.From, Msg: ack{msg.op}})
		case ack:
			if m.bug == "polite" {
				return append(out, spec.Send{To: in.From, Msg: msg})
			}
			if m.op == msg.op {
				if m.bug == "crash" && m.tries > 1 {
					panic("late")
				}
				m.op = 0
				out = append(out, spec.Done{Op: msg.op})
			}
		}
	}
	return out
}

func (m *counter) send(out []spec.Effect) []spec.Effect {
	m.tries++
	if m.bug == "stubborn" {
		m.tries = 1
	}
	m.due = m.now + timeoutAfter
	return append(out, spec.Send{To: m.peer, Msg: tick{m.op}})
}

func (m *counter) Deadline() (time.Duration, bool) { return m.due, m.op != 0 }
func (m *counter) Clone() spec.Machine             { c := *m; return &c }

func (m *counter) AppendState(b []byte) []byte {
	if m.op == 0 {
		return fmt.Appendf(b, "%d %d", m.count, m.last)
	}
	return fmt.Appendf(b, "%d %d %d %d %d", m.count, m.last, m.op, m.tries, m.due-m.now)
}

func (m *counter) Check() error {
	if m.count > 1 && m.bug == "lawless" {
		return errors.New("more than one")
	}
	return nil
}

var (
	client = netip.MustParseAddrPort("10.0.0.1:1")
	server = netip.MustParseAddrPort("10.0.0.2:1")
)

// config is two commands for a client over a bad network.
func config(bug string) Config {
	return Config{
		Nodes: []Start{
			{Addr: client, Machine: &counter{bug: bug, peer: server}},
			{Addr: server, Machine: &counter{bug: bug}},
		},
		Commands: []Command{{Node: client, Input: start{1}, Once: true}},
		Losses:   2, Duplicates: 1,
		Horizon: 5 * time.Second, // three tries take 3 s
		Always: []Invariant{{"counted at most once", func(w *World) error {
			if n := w.Node(server).Machine.(*counter).count; n > 1 {
				return fmt.Errorf("counted %d times", n)
			}
			return nil
		}}},
		Finally: []Invariant{{"done once", func(w *World) error {
			if n := len(w.Node(client).Done); n != 1 {
				return fmt.Errorf("%d times done", n)
			}
			return nil
		}}},
		Sometimes: []Witness{
			{Name: "success", Seen: func(w *World) bool { d := w.Nodes[0].Done; return len(d) > 0 && d[0].Err == nil }},
			{Name: "gave up though counted", Seen: func(w *World) bool {
				d := w.Nodes[0].Done
				return len(d) > 0 && d[0].Err != nil && w.Nodes[1].Machine.(*counter).count == 1
			}},
		},
	}
}

func TestHonestCounterHolds(t *testing.T) {
	result, err := Run(config(""))
	if err != nil {
		t.Fatal(err)
	}
	want := Counts{States: 128, Edges: 367, Terminal: 12, Depth: 11}
	if result.Counts != want {
		t.Errorf("explored %+v, want %+v", result.Counts, want)
	}
}

// With a clock that ticks, how long a timer has still to run depends on what has
// happened since it was set.
func TestTickSetsTimersApart(t *testing.T) {
	c := config("")
	c.Commands = append(c.Commands, Command{Node: client, Input: start{2}, Once: true})
	c.Always, c.Finally, c.Sometimes, c.Losses = nil, nil, nil, 0
	still, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Tick = time.Millisecond
	ticking, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	if still.States >= ticking.States {
		t.Errorf("%d states while time stands still, %d while it ticks", still.States, ticking.States)
	}
}

// reporter forgets everything but reports what it hears: on start it sends
// itself a tick and an ack, and its Done says which of them came.
type reporter struct{ counter }

func (m *reporter) Clone() spec.Machine { c := *m; return &c }

func (m *reporter) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case start:
		out = append(out, spec.Done{Op: 1}, spec.Done{Op: 2}, spec.Done{Op: 3})
		out = append(out, spec.Send{To: client, Msg: tick{}}, spec.Send{To: client, Msg: ack{}})
	case spec.Recv:
		if _, ok := in.Msg.(ack); ok {
			return append(out, spec.Done{Op: 4, Err: errGaveUp})
		}
		out = append(out, spec.Done{Op: 4})
	}
	return out
}

// TestResultsArePartOfTheState explores two orders that differ in nothing but
// what was reported, and that share the reports before.
func TestResultsArePartOfTheState(t *testing.T) {
	result, err := Run(Config{
		Nodes:    []Start{{Addr: client, Machine: &reporter{}}},
		Commands: []Command{{Node: client, Input: start{}, Once: true}},
		Always: []Invariant{{"the report names what came", func(w *World) error {
			if d := w.Nodes[0].Done; len(d) == 4 {
				_, tickLeft := w.Flight[0].Msg.(tick)
				if (d[3].Err != nil) != tickLeft {
					return fmt.Errorf("reported %v, under way %v", d[3], w.Flight)
				}
			}
			return nil
		}}},
	})
	want := Counts{States: 6, Edges: 5, Terminal: 2, Depth: 3}
	if err != nil || result.Counts != want {
		t.Errorf("explored %+v, %v, want %+v", result.Counts, err, want)
	}
}

func TestPropertiesBite(t *testing.T) {
	for _, bite := range []struct {
		bug, says string
		script    int // actions in the shortest counterexample
	}{
		{"forgetful", "counted at most once: counted 2 times", 3},
		{"crash", "panic: late", 4},
		{"stubborn", "termination: a run can come back to this state", 1},
		{"polite", "termination", 2},
	} {
		c := config(bite.bug)
		if bite.bug == "stubborn" { // and nobody hears it
			c.Nodes[0].Machine.(*counter).peer = netip.AddrPort{}
		}
		_, err := Run(c)
		var v *Violation
		if !errors.As(err, &v) || !strings.Contains(err.Error(), bite.says) {
			t.Errorf("%s: %v; want %q", bite.bug, err, bite.says)
			continue
		}
		if bite.script > 0 && len(v.Script) != bite.script {
			t.Errorf("%s: the script has %d actions, want %d:\n%v", bite.bug, len(v.Script), bite.script, err)
		}
	}
}

func TestCheckAndFinallyBite(t *testing.T) {
	c := config("lawless")
	c.Always = nil
	c.Nodes[1].Machine.(*counter).count = 1 // one more breaks the law
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "Check of 10.0.0.2:1: more than one") {
		t.Errorf("Check: %v", err)
	}
	c = config("")
	c.Finally = []Invariant{{"success", func(w *World) error { return w.Node(client).Done[0].Err }}}
	if _, err := Run(c); !errors.Is(err, errGaveUp) {
		t.Errorf("Finally: %v", err)
	}
}

func TestScriptReads(t *testing.T) {
	_, err := Run(config("forgetful"))
	want := `explore: counted at most once: counted 2 times, after
command 10.0.0.1:1 explore.start{op:1}
	spec.Send{To:10.0.0.2:1 Msg:{op:1}}
duplicate 10.0.0.1:1 -> 10.0.0.2:1 explore.tick{op:1}
	spec.Send{To:10.0.0.1:1 Msg:{op:1}}
deliver 10.0.0.1:1 -> 10.0.0.2:1 explore.tick{op:1}
	spec.Send{To:10.0.0.1:1 Msg:{op:1}}`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestUnseenWitnessFails(t *testing.T) {
	c := config("")
	c.Losses, c.Duplicates = 0, 0
	c.Sometimes = append(c.Sometimes, Witness{
		Name: "two done", Seen: func(w *World) bool { return len(w.Nodes[0].Done) == 2 },
	})
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "two done: none of") {
		t.Errorf("got %v", err)
	}
}

func TestLimits(t *testing.T) {
	c := config("")
	c.MaxStates = 10
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "more than 10") {
		t.Errorf("got %v", err)
	}
	c = config("")
	c.Losses = 255
	if _, err := Run(c); err == nil {
		t.Error("256 losses were taken")
	}
	c = config("")
	c.Commands[0].Node = netip.AddrPort{}
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "no node") {
		t.Errorf("got %v", err)
	}
}
