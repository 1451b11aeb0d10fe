package sim_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// gossip is the toy of these tests: it answers Hello(n) with Hello(n-1) until
// n is 0, remembers when it heard what, and says hello to its peer once every
// period.
type gossip struct {
	now, period, next time.Duration
	peer              netip.AddrPort
	heard             []heard
}

type heard struct {
	at time.Duration
	n  hello
}

type hello uint32

func (hello) IsMessage() {}

// say is the command that sends one hello; report is done before it sends.
type (
	say struct {
		to netip.AddrPort
		n  hello
	}
	report say
)

func (say) IsInput()    {}
func (report) IsInput() {}

func (g *gossip) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	g.now = max(g.now, now)
	for g.period > 0 && g.next <= g.now {
		g.next += g.period
		out = append(out, spec.Send{To: g.peer, Msg: hello(0)})
	}
	switch in := in.(type) {
	case say:
		out = append(out, spec.Send{To: in.to, Msg: in.n})
	case report:
		out = append(out, spec.Done{Op: 2}, spec.Send{To: in.to, Msg: in.n})
	case spec.Recv:
		n := in.Msg.(hello)
		g.heard = append(g.heard, heard{g.now, n})
		if n == 0 {
			return append(out, spec.Done{Op: 1})
		}
		out = append(out, spec.Send{To: in.From, Msg: n - 1})
	}
	return out
}

func (g *gossip) Deadline() (time.Duration, bool) { return g.next, g.period > 0 }

func (g *gossip) Clone() spec.Machine {
	c := *g
	c.heard = append([]heard(nil), g.heard...)
	return &c
}

func (g *gossip) AppendState(b []byte) []byte { return fmt.Appendf(b, "%v", *g) }
func (g *gossip) Check() error                { return nil }

// codec writes a hello as four bytes.
type codec struct{}

var (
	errShort = errors.New("a hello has four bytes")
	errLost  = errors.New("lost it")
)

func (codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return binary.BigEndian.AppendUint32(b, uint32(m.(hello))), nil
}

func (codec) ParseMessage(b []byte) (spec.Message, error) {
	if len(b) != 4 {
		return nil, errShort
	}
	return hello(binary.BigEndian.Uint32(b)), nil
}

func addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
}

func seed(i byte) [32]byte { return [32]byte{i} }

// noisy runs 20 nodes over a bad network and returns a hash of everything the
// observer saw, with the counters.
func noisy(cfg sim.Config) (uint64, sim.Stats) {
	cfg.Check = true
	cfg.Link = sim.Link{
		Latency: sim.LogNormal(40 * time.Millisecond), Bandwidth: 10_000,
		Loss: sim.Percent(10), Duplicate: sim.Percent(5), Reorder: sim.Percent(20),
	}
	n := sim.New(cfg)
	h := fnv.New64a()
	n.OnEffect(func(at time.Duration, addr netip.AddrPort, e spec.Effect) {
		fmt.Fprintln(h, at, addr, e)
	})
	for i := range 20 {
		n.SetClock(addr(i), sim.Clock{Offset: time.Duration(i) * time.Hour, Drift: int64(i-10) * 50})
		n.Restart(addr(i), func(now time.Duration) spec.Machine {
			return &gossip{now: now, next: now + 1, period: time.Second, peer: addr((i + 1) % 20)}
		})
	}
	n.Churn(sim.Churn{
		Session: sim.HalfLife(time.Minute), Downtime: sim.Exponential(10 * time.Second), Until: time.Hour,
		Start: func(a netip.AddrPort, now time.Duration) spec.Machine { return &gossip{now: now} },
	}, addr(3), addr(4))
	for i := range 100 {
		n.Input(addr(i%20), say{addr(i * 7 % 20), 20})
	}
	n.RunUntil(5 * time.Minute)
	return h.Sum64(), n.Stats()
}

func TestSameSeedSameRun(t *testing.T) {
	a, stats := noisy(sim.Config{Seed: seed(1)})
	b, again := noisy(sim.Config{Seed: seed(1)})
	if a != b || stats != again {
		t.Errorf("two runs of one seed: %x %+v and %x %+v", a, stats, b, again)
	}
	if c, _ := noisy(sim.Config{Seed: seed(2)}); a == c {
		t.Error("another seed gave the same run")
	}
	// The same on every architecture.
	if want := uint64(0x973e852322aa5b32); a != want {
		t.Errorf("run hash %#x, want %#x", a, want)
	}
	coded, _ := noisy(sim.Config{Seed: seed(1), Codec: codec{}})
	if coded == a {
		t.Error("the codec's smaller messages should have changed the bandwidth queues")
	}
}

func TestStatsAddUp(t *testing.T) {
	_, s := noisy(sim.Config{Seed: seed(1)})
	in := s.Sent + s.Duplicated
	out := s.Delivered + s.Lost + s.Cut + s.Unreachable + s.Malformed + s.InFlight
	if in != out {
		t.Errorf("%d copies in, %d out: %+v", in, out, s)
	}
	for name, v := range map[string]uint64{
		"sent": s.Sent, "duplicated": s.Duplicated, "lost": s.Lost, "unreachable": s.Unreachable,
	} {
		if v == 0 {
			t.Errorf("the noisy run has nothing %s: %+v", name, s)
		}
	}
}

func TestPerfectNetworkKeepsOrderAndTime(t *testing.T) {
	n := sim.New(sim.Config{Link: sim.Link{Latency: sim.Constant(time.Second)}})
	a, b := &gossip{}, &gossip{}
	n.Add(addr(1), a)
	n.Add(addr(2), b)
	for i := range hello(3) {
		n.Input(addr(1), say{addr(2), i})
	}
	if !n.RunIdle(time.Minute) {
		t.Fatal("three messages should die out")
	}
	want := []heard{{time.Second, 0}, {time.Second, 1}, {time.Second, 2}, {3 * time.Second, 0}}
	if !slices.Equal(b.heard, want) {
		t.Errorf("node 2 heard %v, want %v", b.heard, want)
	}
	if n.Now() != 3*time.Second {
		t.Errorf("ended at %v", n.Now())
	}
}

func TestTraceReplays(t *testing.T) {
	for _, c := range []spec.Codec{nil, codec{}} {
		n := sim.New(sim.Config{Codec: c, Link: sim.Link{Latency: sim.Uniform(1, time.Second)}})
		var trace sim.Trace
		n.Record(&trace)
		for i := range 4 {
			n.Add(addr(i), &gossip{})
		}
		for i := range 20 {
			n.Input(addr(i%4), say{addr(i * 3 % 4), hello(i)})
		}
		n.RunFor(time.Minute)
		got, err := trace.Replay(func(netip.AddrPort, time.Duration) spec.Machine { return &gossip{} }, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			want := string(n.Machine(addr(i)).AppendState(nil))
			if s := string(got[addr(i)].AppendState(nil)); s != want {
				t.Errorf("node %d replays to %s, was %s", i, s, want)
			}
		}
		var text strings.Builder
		_, err = trace.WriteTo(&text)
		if err != nil || !strings.Contains(text.String(), "recv from 10.0.0.1:1 ") {
			t.Errorf("trace text %q, %v", text.String(), err)
		}
	}
}
