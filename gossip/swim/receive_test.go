package swim

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// quiet is a member that begins nothing by itself.
func quiet(t *testing.T, others int) *desk {
	return sit(t, others, func(c *Config) { c.NoProbe, c.PushPullInterval = true, 0 })
}

// GO-FD-08, GO-FD-13.
func TestSuspicionAndItsEnd(t *testing.T) {
	d := quiet(t, 5)
	d.refused("GO-FD-08", d.hear(suspect(8, 1, 2)))
	d.refused("GO-FD-08", d.hear(suspect(1, 0, 2)))
	if s := told[Suspected](d.hear(suspect(1, 1, 2))); len(s) != 1 || s[0].From != "m02" {
		t.Errorf("events %v", s)
	}
	d.wantState(1, wire.StateSuspect, 1)
	if out := d.hear(alive(1, 1)); len(out) > 0 {
		t.Errorf("alive at the incarnation of the suspicion: %v", out)
	}
	d.wantState(1, wire.StateSuspect, 1)
	d.hear(alive(1, 2))
	d.wantState(1, wire.StateAlive, 2)
	d.pass(time.Minute, nil)
	d.wantState(1, wire.StateAlive, 2)
	d.refused("GO-FD-13", d.hear(alive(1, 1)))
}

// Distinct voices shorten a suspicion, and each that does is passed on.
//
// GO-FD-10, GO-FD-11, GO-FD-07.
func TestConfirmationsShortenSuspicion(t *testing.T) {
	for _, tt := range []struct {
		voices []int
		want   time.Duration
	}{
		{nil, 24 * time.Second},
		{[]int{2, 2}, 24 * time.Second}, // the accuser again
		{[]int{3}, 11381 * time.Millisecond},
		{[]int{3, 3}, 11381 * time.Millisecond},
		{[]int{3, 4}, 4 * time.Second},
		{[]int{3, 4, 5}, 4 * time.Second},
	} {
		d := quiet(t, 6)
		d.hear(suspect(1, 1, 2))
		for _, v := range tt.voices {
			d.hear(suspect(1, 1, v))
		}
		at := time.Duration(0)
		d.pass(time.Minute, func(e spec.Effect) {
			if f := told[Failed]([]spec.Effect{e}); len(f) > 0 {
				at = d.now
			}
		})
		if at != tt.want {
			t.Errorf("voices %v: dead after %v, want %v", tt.voices, at, tt.want)
		}
	}
	d := quiet(t, 6)
	d.hear(suspect(1, 1, 2), suspect(1, 1, 3), suspect(1, 1, 3))
	d.pass(200*time.Millisecond, nil)
	if s := sent[wire.Suspect](d.since(0)); len(s) == 0 || s[0].From != "m03" {
		t.Errorf("a confirmation is not passed on: %v", s)
	}
	d = quiet(t, 6)
	d.hear(suspect(1, 1, 2))
	d.now += 5 * time.Second
	d.hear(suspect(1, 1, 3))
	if f := told[Failed](d.hear(suspect(1, 1, 4))); len(f) != 1 || f[0].From != "m00" {
		t.Errorf("a last confirmation after the shortest time: %v", f)
	}
}

// GO-FD-12, GO-FD-14.
func TestRefutation(t *testing.T) {
	d := quiet(t, 3)
	other := alive(0, 12)
	other.Meta = []byte("x")
	for _, tt := range []struct {
		claim wire.Message
		want  uint32
	}{
		{suspect(0, 1, 2), 2}, {dead(0, 10, 2), 11}, {dead(0, 11, 0), 12},
		{other, 13}, {alive(0, 13), 13}, {alive(0, 14), 15}, {suspect(0, 14, 1), 15},
	} {
		d.hear(tt.claim)
		d.wantState(0, wire.StateAlive, tt.want)
	}
	if d.Health() != 5 {
		t.Errorf("health %d after five refutations", d.Health())
	}
	d.pass(200*time.Millisecond, nil)
	gossip := sent[wire.Alive](d.since(0))
	if len(gossip) == 0 || gossip[0].Incarnation != 15 || gossip[0].Node != "m00" {
		t.Errorf("gossip %v", gossip)
	}
	d.hear(suspect(0, math.MaxUint32-1, 1))
	d.wantState(0, wire.StateAlive, math.MaxUint32)
	d.refused("GO-FD-12", d.hear(suspect(0, math.MaxUint32, 1)))
	d.wantState(0, wire.StateAlive, math.MaxUint32)
}

// GO-FD-15.
func TestNameBelongsToItsAddress(t *testing.T) {
	d := sit(t, 3, func(c *Config) { c.NoProbe, c.PushPullInterval, c.DeadNodeReclaim = true, 0, 10*time.Second })
	moved := alive(1, 7)
	moved.Addr = contractAddr(21)
	refuses := func() {
		t.Helper()
		out := d.hear(moved)
		if c := told[Conflict](out); len(c) != 1 || c[0].Addr != moved.Addr || c[0].Member.Addr != contractAddr(1) {
			t.Errorf("events %v", out)
		}
		d.refused("GO-FD-15", out[1:])
	}
	refuses()
	d.hear(suspect(1, 1, 2))
	refuses()
	d.hear(dead(1, 1, 2))
	refuses()
	d.now += 10*time.Second + 1
	if j := told[Joined](d.hear(moved)); len(j) != 1 || j[0].Member.Addr != moved.Addr {
		t.Errorf("after the time of reclaim: %v", j)
	}
	d.hear(dead(2, 1, 2))
	back := alive(2, 0)
	back.Addr = contractAddr(22)
	if j := told[Joined](d.hear(back)); len(j) != 1 {
		t.Errorf("a name whose member has left: %v", j)
	}
	d = quiet(t, 3) // without a time of reclaim
	d.hear(dead(1, 1, 2))
	d.pass(time.Hour, nil)
	refuses()
}

// GO-FD-16, GO-WF-18, GO-WF-06.
func TestUnusableNewsAreRefused(t *testing.T) {
	d := quiet(t, 1)
	for _, tt := range []struct {
		clause string
		spoil  func(*wire.Alive)
	}{
		{"GO-FD-16", func(a *wire.Alive) { a.Versions = wire.Versions{} }},
		{"GO-FD-16", func(a *wire.Alive) { a.Versions.ProtocolMin = 6 }},
		{"GO-WF-18", func(a *wire.Alive) { a.Meta = make([]byte, 513) }},
		{"GO-WF-06", func(a *wire.Alive) { a.Node = "" }},
		{"GO-WF-06", func(a *wire.Alive) { a.Addr = netip.AddrPortFrom(a.Addr.Addr(), 0) }},
		{"GO-FD-13", func(a *wire.Alive) { a.Incarnation = 0 }},
	} {
		a := alive(4, 1)
		tt.spoil(&a)
		d.refused(tt.clause, d.hear(a))
	}
	d.refused("GO-WF-11", d.hear())
	d.refused("GO-WF-01", d.hear(wire.PushPull{}))
	d.refused("GO-WF-01", d.input(spec.Recv{From: contractAddr(1), Msg: wire.Frame{}}))
}

// GO-FD-17.
func TestDeathAndFarewell(t *testing.T) {
	d := quiet(t, 3)
	d.refused("GO-FD-17", d.hear(dead(8, 1, 2)))
	d.refused("GO-FD-17", d.hear(dead(1, 0, 2)))
	if f := told[Failed](d.hear(dead(1, 2, 3))); len(f) != 1 || f[0].From != "m03" {
		t.Errorf("%v", f)
	}
	d.wantState(1, wire.StateDead, 2)
	if out := d.hear(dead(1, 3, 1)); len(out) > 0 {
		t.Errorf("the dead cannot leave: %v", out)
	}
	if l := told[Left](d.hear(dead(2, 1, 2))); len(l) != 1 {
		t.Errorf("%v", l)
	}
	d.wantState(2, wire.StateLeft, 1)
	if j := told[Joined](d.hear(alive(1, 3))); len(j) != 1 {
		t.Errorf("a higher incarnation revives: %v", j)
	}
}

// The dead are told for a time, those that left are not, and both are forgotten.
//
// GO-FD-20, GO-GS-01.
func TestTheDeadAreForgotten(t *testing.T) {
	d := sit(t, 3, func(c *Config) { c.PushPullInterval = 0 })
	d.hear(dead(1, 1, 3), dead(2, 1, 2))
	to := make(map[netip.AddrPort]int)
	d.pass(29*time.Second, func(e spec.Effect) {
		if s, ok := e.(spec.Send); ok && len(sent[wire.Dead]([]spec.Effect{e})) > 0 {
			to[s.To]++
		}
		d.answering()(e)
	})
	if to[contractAddr(1)] == 0 || to[contractAddr(2)] != 0 {
		t.Errorf("news of death went to %v", to)
	}
	d.wantState(1, wire.StateDead, 1)
	d.pass(6*time.Second, d.answering())
	if len(d.Members()) != 2 {
		t.Errorf("%d members are known", len(d.Members()))
	}
}

// News that somebody lives come before what a packet says of him.
//
// GO-GS-05.
func TestNewsOfLifeComeFirst(t *testing.T) {
	d := quiet(t, 1)
	d.hear(dead(4, 1, 2), alive(4, 1))
	d.wantState(4, wire.StateDead, 1)
}

func TestUserMessageIsTheApplications(t *testing.T) {
	d := quiet(t, 1)
	payload := []byte("hello")
	out := d.hear(wire.User{Payload: payload})
	payload[0] = 'j'
	if m := told[UserMessage](out); len(m) != 1 || string(m[0].Payload) != "hello" || m[0].From != contractAddr(9) {
		t.Errorf("%v", out)
	}
}

// A hundred thousand forged members cost bounded memory and time.
//
// GO-WF-18.
func TestForgedMembers(t *testing.T) {
	const forged = 100_000
	d := quiet(t, 1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	var drop spec.Drop
	for i := range forged {
		a := alive(4, 1)
		a.Node, a.Meta = fmt.Sprintf("x%d", i), make([]byte, 10)
		for _, e := range d.Step(d.now, spec.Recv{From: a.Addr, Msg: wire.Packet{Parts: []wire.Message{a}}}, nil) {
			if e, ok := e.(spec.Drop); ok {
				drop = e
			}
		}
	}
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	if len(d.Members()) != 1<<14 || drop.Clause != "GO-WF-18" {
		t.Errorf("%d members, the last is refused by %v", len(d.Members()), drop)
	}
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 64<<20 {
		t.Errorf("%d bytes for the forged", used)
	}
	if took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	huge := wire.PushPull{Nodes: make([]wire.NodeState, forged)}
	d.input(spec.Opened{Conn: -1, Remote: contractAddr(9)})
	for _, e := range d.input(spec.Got{Conn: -1, Msg: wire.Frame{Msg: huge, Opens: true}}) {
		if drop, ok := e.(spec.Drop); ok && drop.Clause != "GO-WF-18" {
			t.Errorf("%v", drop)
		}
	}
}

func TestMetadataIsNews(t *testing.T) {
	d := quiet(t, 2)
	a := alive(1, 2)
	a.Meta = []byte("v2")
	if u := told[Updated](d.hear(a)); len(u) != 1 || !bytes.Equal(u[0].Member.Meta, a.Meta) {
		t.Errorf("%v", u)
	}
	a.Incarnation++
	if out := d.hear(a); len(out) > 0 {
		t.Errorf("the same metadata again: %v", out)
	}
}
