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

// ringer is one of n nodes on a circle that looks, at each tick of its timer,
// for the next one after itself that answers.
type ringer struct {
	n, self, next int
	asked         int // who may be the next, self: nobody is asked
	bug           string
	now, due      time.Duration
}

type (
	probe  struct{}
	answer struct{}
)

func (probe) IsMessage()  {}
func (answer) IsMessage() {}

func ringAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
}

func (m *ringer) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	m.now = now
	for m.due <= m.now {
		m.due += time.Second
		if m.asked == m.self && m.bug == "stuck" && m.next != m.self {
			m.asked = (m.next + m.n - 1) % m.n
		}
		if m.asked = (m.asked + 1) % m.n; m.asked == m.self {
			m.next = m.self
		} else {
			out = append(out, spec.Send{To: ringAddr(m.asked), Msg: probe{}})
		}
	}
	if in, ok := in.(spec.Recv); ok {
		switch in.Msg.(type) {
		case probe:
			out = append(out, spec.Send{To: in.From, Msg: answer{}})
		case answer:
			if m.asked != m.self && in.From == ringAddr(m.asked) {
				m.next, m.asked = m.asked, m.self
			}
		}
	}
	return out
}

func (m *ringer) Deadline() (time.Duration, bool) { return m.due, true }
func (m *ringer) Clone() spec.Machine             { c := *m; return &c }
func (m *ringer) Check() error                    { return nil }

func (m *ringer) AppendState(b []byte) []byte {
	return fmt.Appendf(b, "%d %d %d %v", m.self, m.next, m.asked, m.due-m.now)
}

// ring is n nodes that crash and come back, while nothing from or to them is
// under way. A node waits as long as an answer may come.
func ring(n int, bug string) Config {
	c := Config{Crashes: Unlimited, Forget: true, Endless: true}
	for i := range n {
		m := &ringer{n: n, self: i, next: (i + 1) % n, asked: i, bug: bug, due: time.Second}
		c.Nodes = append(c.Nodes, Start{Addr: ringAddr(i), Machine: m, Fresh: m.Clone()})
		c.Commands = append(c.Commands, Command{Node: ringAddr(i), Input: spec.Wake{}})
	}
	c.May = func(w *World, a Action) bool {
		if a.Kind == Deliver {
			return true
		}
		for _, p := range w.Flight {
			if p.From == ringAddr(a.Node) || p.To == ringAddr(a.Node) {
				return false
			}
		}
		return a.Kind != Give || w.Nodes[a.Node].Machine == nil
	}
	c.LeadsTo = []LeadsTo{{Name: "the ring closes", Period: time.Duration(n) * time.Second, Rounds: 1, Goal: closed}}
	c.Sometimes = []Witness{
		{Name: "a node is down", Seen: func(w *World) bool { return w.Nodes[n-1].Machine == nil }},
		{Name: "one is passed over", Taken: func(t *Transition) bool {
			before, ok := t.Before.Nodes[t.Action.Node].Machine.(*ringer)
			return ok && t.Action.Kind == Timeout && before.asked != before.self && len(t.Effects) == 1
		}},
	}
	return c
}

// closed: everybody who is up knows the next one that is up.
func closed(w *World) error {
	for i, n := range w.Nodes {
		if n.Machine == nil {
			continue
		}
		m := n.Machine.(*ringer)
		want := (i + 1) % m.n
		for w.Nodes[want].Machine == nil {
			want = (want + 1) % m.n
		}
		if m.next != want {
			return fmt.Errorf("%d has %d after it, want %d", i, m.next, want)
		}
	}
	return nil
}

func TestQuietLeadsToAClosedRing(t *testing.T) {
	r, err := Run(ring(3, ""))
	if err != nil || r.Rounds[0] != 1 {
		t.Errorf("%v, rounds %v", err, r.Rounds)
	}
	t.Log(r)
}

func TestLeadsToBites(t *testing.T) {
	c := ring(3, "stuck")
	_, err := Run(c)
	var v *Violation
	if !errors.As(err, &v) || !strings.Contains(err.Error(), "no number of rounds suffices") {
		t.Fatalf("got %v", err)
	}
	if last := v.Script[len(v.Script)-1]; !last.Quiet || !strings.Contains(err.Error(), "from here on it is quiet") {
		t.Errorf("the script does not end in a quiet run: %v", err)
	}
	if _, err := v.Script.Replay(c.Nodes); err != nil {
		t.Error(err)
	}
	c = ring(3, "")
	c.LeadsTo[0].Period = time.Second // a node may have to wait for two others
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "2 rounds are needed") {
		t.Errorf("got %v", err)
	}
}

// turnRing rotates the circle of n nodes.
func turnRing(n int) *Symmetry {
	return &Symmetry{
		Turns: n,
		Place: func(k, i int) int { return (i + k) % n },
		Machine: func(r *Renaming, m spec.Machine) spec.Machine {
			c, k := *m.(*ringer), r.Turn
			c.self, c.next, c.asked = (c.self+k)%n, (c.next+k)%n, (c.asked+k)%n
			return &c
		},
		Message: func(_ *Renaming, p *Packet) spec.Message { return p.Msg },
	}
}

// With rotations merged, the orbits of the states are left: at least a third of
// them, and a few more, which have fewer images.
func TestSymmetry(t *testing.T) {
	c := ring(3, "")
	c.Sometimes = nil
	whole, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Symmetry = turnRing(3)
	merged, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	if n := merged.States; 3*n < whole.States || 3*n > whole.States+whole.States/10 {
		t.Errorf("%d states, merged %d", whole.States, n)
	}
	if merged.Depth != whole.Depth {
		t.Errorf("depth %d, merged %d", whole.Depth, merged.Depth)
	}
}

// The same reachable states are found with the same bug.
func TestSymmetryKeepsTheCounterexample(t *testing.T) {
	length := func(s *Symmetry) int {
		c := ring(3, "stuck")
		c.Symmetry = s
		_, err := Run(c)
		var v *Violation
		if !errors.As(err, &v) {
			t.Fatal(err)
		}
		return len(v.Script)
	}
	if whole, merged := length(nil), length(turnRing(3)); whole != merged {
		t.Errorf("the script has %d steps, and %d with the symmetry", whole, merged)
	}
}

func BenchmarkRun(b *testing.B) {
	var r Result
	for b.Loop() {
		var err error
		if r, err = Run(ring(4, "")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.States)/r.Elapsed.Seconds(), "states/s")
	b.ReportMetric(float64(r.Heap)/float64(r.States), "B/state")
	b.Log(r)
}
