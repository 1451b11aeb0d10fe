package sim_test

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// pair returns a network with two nodes, at addr(1) and addr(2).
func pair(link sim.Link) (n *sim.Network, a, b *gossip) {
	n = sim.New(sim.Config{Link: link})
	a, b = &gossip{}, &gossip{}
	n.Add(addr(1), a)
	n.Add(addr(2), b)
	return n, a, b
}

// tell sends k hellos from one node to the other and lets them arrive.
func tell(n *sim.Network, from, to, k int) {
	for range k {
		n.Input(addr(from), say{addr(to), 0})
	}
	n.RunIdle(n.Now() + time.Hour)
}

func TestPartition(t *testing.T) {
	n, a, b := pair(sim.Link{})
	n.Partition(addr(1))
	c := &gossip{}
	n.Add(addr(3), c) // later, on the other side
	tell(n, 1, 2, 1)
	tell(n, 2, 1, 1)
	tell(n, 1, 3, 1)
	tell(n, 2, 3, 1)
	if len(a.heard) != 0 || len(b.heard) != 0 || len(c.heard) != 1 {
		t.Errorf("parted, node 1 heard %v, 2 %v, 3 %v", a.heard, b.heard, c.heard)
	}
	n.Heal()
	tell(n, 1, 2, 1)
	if len(b.heard) != 1 {
		t.Errorf("healed, node 2 heard %v", b.heard)
	}
	if s := n.Stats(); s.Cut != 3 {
		t.Errorf("%d cut, want 3", s.Cut)
	}
}

func TestCutIsOneWay(t *testing.T) {
	n, a, b := pair(sim.Link{})
	n.Cut([]netip.AddrPort{addr(1)}, []netip.AddrPort{addr(2)})
	tell(n, 1, 2, 1)
	tell(n, 2, 1, 1)
	if len(a.heard) != 1 || len(b.heard) != 0 {
		t.Errorf("node 1 heard %v, 2 %v", a.heard, b.heard)
	}
}

func TestLossAndDuplication(t *testing.T) {
	const sent = 10_000
	for _, x := range []struct {
		link sim.Link
		want float64 // share of the messages that arrive
	}{
		{sim.Link{}, 1},
		{sim.Link{Loss: sim.Percent(10)}, 0.9},
		{sim.Link{Loss: 1_000_000}, 0},
		{sim.Link{Duplicate: sim.Percent(20)}, 1.2},
		{sim.Link{Loss: sim.Percent(50), Duplicate: sim.Percent(100)}, 1},
	} {
		n, _, b := pair(x.link)
		tell(n, 1, 2, sent)
		if got := float64(len(b.heard)) / sent; math.Abs(got-x.want) > 0.02 {
			t.Errorf("%+v: %.3f arrive, want %.3f", x.link, got, x.want)
		}
	}
}

func TestReorderHoldsBack(t *testing.T) {
	n, _, b := pair(sim.Link{Latency: sim.Constant(time.Second), Reorder: sim.Percent(30)})
	for i := range hello(1000) {
		n.Input(addr(1), say{addr(2), i * 1_000_000}) // the tag; answers are beside the point
		n.RunFor(time.Millisecond)
	}
	n.RunFor(1500 * time.Millisecond)
	late := 0
	for i, h := range b.heard[1:] {
		if h.n < b.heard[i].n {
			late++
		}
	}
	if late == 0 || slices.IsSortedFunc(b.heard, func(x, y heard) int { return int(x.n) - int(y.n) }) {
		t.Error("nothing was reordered")
	}
}

func TestBandwidthQueues(t *testing.T) {
	n, _, b := pair(sim.Link{})
	n.SetLink(addr(1), addr(2), sim.Link{Bandwidth: sim.TypedSize, Latency: sim.Constant(10 * time.Second)})
	tell(n, 1, 2, 3)
	tell(n, 2, 1, 1) // the other way is free
	want := []time.Duration{11 * time.Second, 12 * time.Second, 13 * time.Second}
	for i, h := range b.heard {
		if h.at != want[i] {
			t.Errorf("message %d arrived at %v, want %v", i, h.at, want[i])
		}
	}
	if n.Now() != 13*time.Second || len(b.heard) != 3 {
		t.Errorf("ended at %v with %d messages", n.Now(), len(b.heard))
	}
	if s := n.Stats(); s.Bytes != 4*sim.TypedSize {
		t.Errorf("%d bytes, want %d", s.Bytes, 4*sim.TypedSize)
	}
}

func TestCrashLosesStateAndMessages(t *testing.T) {
	n, a, b := pair(sim.Link{Latency: sim.Constant(time.Second)})
	n.Input(addr(1), say{addr(2), 0})
	n.Input(addr(2), say{addr(1), 0}) // under way when its sender goes
	n.Crash(addr(2))
	n.RunFor(time.Minute)
	if len(a.heard) != 1 || len(b.heard) != 0 {
		t.Errorf("node 1 heard %v, 2 %v", a.heard, b.heard)
	}
	if n.Input(addr(2), say{}) || n.Machine(addr(2)) != nil {
		t.Error("a crashed node takes commands")
	}
	fresh := &gossip{}
	n.Restart(addr(2), func(now time.Duration) spec.Machine {
		if now != time.Minute {
			t.Errorf("restarted at %v", now)
		}
		return fresh
	})
	tell(n, 1, 2, 1)
	if len(fresh.heard) != 1 {
		t.Error("the restarted node hears nothing")
	}
	n.Remove(addr(2))
	tell(n, 1, 2, 1)
	if s := n.Stats(); s.Unreachable != 2 {
		t.Errorf("%d unreachable, want 2", s.Unreachable)
	}
}

func TestTimersFireOnTheNodesClock(t *testing.T) {
	for _, x := range []struct {
		clock sim.Clock
		want  time.Duration // of the first hello, on the network's clock
	}{
		{sim.Clock{}, time.Hour},
		{sim.Clock{Offset: 5 * time.Hour}, time.Hour},
		{sim.Clock{Drift: 250_000}, time.Hour * 4 / 5},
		{sim.Clock{Drift: -500_000}, 2 * time.Hour},
	} {
		n := sim.New(sim.Config{})
		b := &gossip{}
		n.Add(addr(2), b)
		n.SetClock(addr(1), x.clock)
		n.Restart(addr(1), func(now time.Duration) spec.Machine {
			return &gossip{now: now, next: now + time.Hour, period: time.Hour, peer: addr(2)}
		})
		for len(b.heard) == 0 && n.Step() {
		}
		if n.Now() != x.want {
			t.Errorf("%+v: the hourly hello came at %v, want %v", x.clock, n.Now(), x.want)
		}
	}
}

func TestSetClockMovesAnArmedTimer(t *testing.T) {
	n := sim.New(sim.Config{})
	b := &gossip{}
	n.Add(addr(2), b)
	n.Add(addr(1), &gossip{next: time.Hour, period: time.Hour, peer: addr(2)})
	n.SetClock(addr(1), sim.Clock{Offset: 50 * time.Minute})
	n.RunUntil(10 * time.Minute)
	if len(b.heard) != 1 {
		t.Errorf("heard %v after the clock was put forward", b.heard)
	}
}

func TestChurnHalvesThePopulation(t *testing.T) {
	const nodes = 2000
	n := sim.New(sim.Config{Seed: seed(3)})
	var addrs []netip.AddrPort
	for i := range nodes {
		addrs = append(addrs, addr(i))
		n.Add(addr(i), &gossip{})
	}
	started := 0
	n.Churn(sim.Churn{
		Session: sim.HalfLife(time.Hour), Downtime: sim.Constant(2 * time.Hour), Until: 2 * time.Hour,
		Start:   func(netip.AddrPort, time.Duration) spec.Machine { return &gossip{} },
		Started: func(netip.AddrPort) { started++ },
	}, addrs...)
	up := func() (k int) {
		for _, a := range addrs {
			if n.Machine(a) != nil {
				k++
			}
		}
		return k
	}
	n.RunUntil(time.Hour)
	if k := up(); k < nodes*45/100 || k > nodes*55/100 {
		t.Errorf("%d of %d up after the half-life", k, nodes)
	}
	n.RunUntil(2 * time.Hour)
	gone := nodes - up()
	n.RunUntil(100 * time.Hour)
	if up() != nodes || started != gone {
		t.Errorf("%d up in the end, %d started; %d had gone", up(), started, gone)
	}
}

func TestObserverMayReenter(t *testing.T) {
	n, _, b := pair(sim.Link{Latency: sim.Constant(time.Second)})
	rounds := 0
	n.OnEffect(func(at time.Duration, a netip.AddrPort, e spec.Effect) {
		if _, ok := e.(spec.Done); ok && rounds < 10 {
			rounds++
			n.Input(addr(1), say{addr(2), 0})
			n.Input(addr(1), say{addr(2), 7})
		}
	})
	tell(n, 1, 2, 1)
	if rounds != 10 || len(b.heard) < 10 {
		t.Errorf("%d rounds, heard %d", rounds, len(b.heard))
	}
}

func TestReenteringLeavesTheOtherEffectsAlone(t *testing.T) {
	n, _, b := pair(sim.Link{Latency: sim.Constant(time.Second)})
	n.Input(addr(1), report{addr(2), 0}) // leaves a buffer to be reused
	inner := true
	n.OnEffect(func(_ time.Duration, a netip.AddrPort, e spec.Effect) {
		if e == (spec.Done{Op: 2}) && inner {
			inner = false
			n.Input(addr(1), report{addr(2), 5})
		}
	})
	n.Input(addr(1), report{addr(2), 9})
	n.RunUntil(time.Second)
	want := []heard{{time.Second, 0}, {time.Second, 5}, {time.Second, 9}}
	if !slices.Equal(b.heard, want) {
		t.Errorf("heard %v, want %v", b.heard, want)
	}
}

// TestStepSkipsASupersededWake moves a deadline from 60 s to 90 s.
func TestStepSkipsASupersededWake(t *testing.T) {
	n := sim.New(sim.Config{})
	n.Add(addr(1), &relay{})
	n.RunUntil(30 * time.Second)
	n.Input(addr(1), spec.Wake{})
	if !n.Step() || n.Now() != 90*time.Second {
		t.Errorf("a step went to %v, want 90 s", n.Now())
	}
}

func TestAtRunsInOrder(t *testing.T) {
	n := sim.New(sim.Config{})
	var order []int
	note := func(i int) func() { return func() { order = append(order, i) } }
	n.At(2*time.Second, note(3))
	n.At(time.Second, func() { note(1)(); n.At(0, note(2)) })
	n.At(time.Minute, note(4))
	n.RunUntil(30 * time.Second)
	if !slices.Equal(order, []int{1, 2, 3}) || n.Now() != 30*time.Second {
		t.Errorf("ran %v by %v", order, n.Now())
	}
}

func TestCodecRefusalsAreCounted(t *testing.T) {
	n := sim.New(sim.Config{Codec: liar{}})
	n.Add(addr(1), &gossip{})
	n.Add(addr(2), &gossip{})
	var drops []spec.Effect
	n.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) { drops = append(drops, e) })
	tell(n, 1, 2, 1)
	n.Input(addr(1), say{addr(2), 13}) // refused on the way out
	want := []spec.Effect{
		spec.Drop{From: addr(1), Reason: errShort},
		spec.Drop{From: addr(1), Reason: errShort},
	}
	if s := n.Stats(); !slices.Equal(drops, want) || s.Malformed != 2 || s.Delivered != 0 {
		t.Errorf("%v, %+v", drops, s)
	}
}

// liar writes what it does not read, and does not write 13.
type liar struct{ codec }

func (liar) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if m == hello(13) {
		return nil, errShort
	}
	return append(b, "five!"...), nil
}

// TestBrokenContractStopsTheRun shows that a machine which would spin, or which
// has lost its invariant, ends the run with the seed.
func TestBrokenContractStopsTheRun(t *testing.T) {
	for what, m := range map[string]spec.Machine{
		"is not after": &spinner{},
		"lost it":      &lawless{},
	} {
		func() {
			defer func() {
				p, _ := recover().(string)
				if !strings.Contains(p, what) || !strings.Contains(p, "seed 07") {
					t.Errorf("panic %q, want %q", p, what)
				}
			}()
			n := sim.New(sim.Config{Seed: seed(7), Check: true})
			n.Add(addr(1), m)
			n.Input(addr(1), spec.Wake{})
		}()
	}
}

type spinner struct{ gossip }

func (*spinner) Deadline() (time.Duration, bool) { return 0, true }

type lawless struct{ gossip }

func (*lawless) Check() error { return errLost }
