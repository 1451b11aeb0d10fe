package swim

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func frame(m wire.Message) wire.Frame { return wire.Frame{Msg: m, Opens: true} }

func nodeState(i int, incarnation uint32, s wire.State) wire.NodeState {
	return wire.NodeState{
		Name: contractName(i), Addr: contractAddr(i), Incarnation: incarnation, State: s, Versions: contractVersions,
	}
}

// say lets somebody say m over a new stream, and returns what comes of it.
func (d *desk) say(conn spec.Conn, m wire.Message) []spec.Effect {
	d.t.Helper()
	if out := d.input(spec.Opened{Conn: conn, Remote: contractAddr(9)}); len(out) > 0 {
		d.t.Fatalf("an accepted stream: %v", out)
	}
	return d.input(spec.Got{Conn: conn, Msg: frame(m)})
}

// written is the one message written first, and whether a Close comes last.
func written(out []spec.Effect) (m wire.Message, closed bool) {
	if len(out) > 0 {
		if w, ok := out[0].(spec.Write); ok {
			m = w.Msg.(wire.Frame).Msg
		}
		_, closed = out[len(out)-1].(spec.Close)
	}
	return m, closed
}

// The answer is the state before the merge.
//
// GO-AE-02, GO-FD-18.
func TestPushPullIsServed(t *testing.T) {
	d := quiet(t, 5)
	d.input(Share{Op: 1, State: []byte("mine")})
	state := wire.PushPull{Join: true, User: []byte("theirs"), Nodes: []wire.NodeState{
		nodeState(0, 1, wire.StateAlive), nodeState(1, 2, wire.StateAlive),
		nodeState(2, 1, wire.StateDead), nodeState(3, 1, wire.StateSuspect),
		nodeState(4, 1, wire.StateLeft), nodeState(8, 1, wire.StateAlive),
	}}
	out := d.say(-1, state)
	answer, closed := written(out)
	if p := answer.(wire.PushPull); len(p.Nodes) != 6 || !p.Join || string(p.User) != "mine" ||
		p.Nodes[2].State != wire.StateAlive || !closed {
		t.Errorf("%v, closed %v", answer, closed)
	}
	d.wantState(1, wire.StateAlive, 2)
	d.wantState(2, wire.StateSuspect, 1)
	d.wantState(3, wire.StateSuspect, 1)
	d.wantState(4, wire.StateLeft, 1)
	d.wantState(8, wire.StateAlive, 1)
	if s := told[Suspected](out); len(s) != 2 || s[0].From != "m00" {
		t.Errorf("the accuser of the dead of others: %v", s)
	}
	if m := told[Merged](out); len(m) != 1 || string(m[0].State) != "theirs" || !m[0].Join {
		t.Errorf("%v", m)
	}
}

// GO-AE-03.
func TestIncompatibleStateIsRefused(t *testing.T) {
	for i, spoil := range []func(*wire.Versions){
		func(v *wire.Versions) { v.Protocol = 9 },
		func(v *wire.Versions) { v.ProtocolMin = 3 }, // others speak 2
		func(v *wire.Versions) { v.ProtocolMax = 1 },
		func(v *wire.Versions) { v.Delegate = 1 },
		func(v *wire.Versions) { *v = wire.Versions{} },
	} {
		d := quiet(t, 3)
		bad := nodeState(8, 1, wire.StateAlive)
		spoil(&bad.Versions)
		out := d.say(-1, wire.PushPull{Nodes: []wire.NodeState{nodeState(7, 1, wire.StateAlive), bad}})
		if drop, ok := out[1].(spec.Drop); !ok || drop.Clause != "GO-AE-03" || len(d.Members()) != 4 {
			t.Errorf("case %d: %v, %d members", i, out, len(d.Members()))
		}
	}
}

// GO-AE-05, GO-AE-06, GO-FD-01.
func TestStreamsAreServed(t *testing.T) {
	d := quiet(t, 1)
	if m, closed := written(d.say(-1, wire.Ping{SeqNo: 7, Node: "m00"})); m == nil || m.(wire.Ack).SeqNo != 7 || !closed {
		t.Errorf("%v %v", m, closed)
	}
	if m, closed := written(d.say(-2, wire.Ping{SeqNo: 7, Node: "m01"})); m != nil || !closed {
		t.Errorf("a ping for another is answered: %v %v", m, closed)
	}
	if m := told[UserMessage](d.say(-3, wire.User{Payload: []byte("u")})); len(m) != 1 {
		t.Errorf("%v", m)
	}
	if m, closed := written(d.say(-4, wire.Nack{})); m != nil || !closed {
		t.Errorf("a nack has no place here: %v %v", m, closed)
	}
	d.input(spec.Opened{Conn: -5, Remote: contractAddr(9)})
	fault := &wire.Fault{Clause: "GO-WF-14", What: "stream", Reason: "no key"}
	m, closed := written(d.input(spec.Got{Conn: -5, Msg: wire.Frame{Fault: fault, Opens: true}}))
	if !closed || m.(wire.Error).Text != fault.Error() {
		t.Errorf("%v %v", m, closed)
	}
	d.input(spec.Opened{Conn: -6, Remote: contractAddr(9)}) // GO-WF-15: without the cluster's label
	out := d.input(spec.Got{Conn: -6, Msg: wire.Frame{Msg: wire.Ping{}}})
	if drop, ok := out[0].(spec.Drop); !ok || drop.Clause != "GO-WF-15" || len(out) != 2 {
		t.Errorf("%v", out)
	}
	if len(d.streams) > 0 {
		t.Errorf("%d streams left", len(d.streams))
	}
}

// GO-WF-18.
func TestStreamsAreBounded(t *testing.T) {
	d := quiet(t, 1)
	for i := range 129 {
		out := d.input(spec.Opened{Conn: -spec.Conn(i + 1), Remote: contractAddr(9)})
		if i == 128 && (len(out) != 2 || out[0] != (spec.Close{Conn: -129})) {
			t.Errorf("%v", out)
		}
	}
	d.pass(10*time.Second, nil)
	if len(d.streams) > 0 {
		t.Errorf("%d silent streams are open after the time limit", len(d.streams))
	}
}

// GO-AE-01.
func TestStateIsExchangedFromTimeToTime(t *testing.T) {
	for others, want := range map[int]time.Duration{3: 30 * time.Second, 40: time.Minute} {
		d := sit(t, others, func(c *Config) { c.NoProbe = true })
		var at []time.Duration
		d.pass(4*time.Minute, func(e spec.Effect) {
			if dial, ok := e.(spec.Dial); ok {
				at = append(at, d.now)
				out := d.input(spec.Opened{Conn: dial.Conn, Remote: dial.To})
				if m, _ := written(out); m.(wire.PushPull).Join {
					t.Error("an exchange says it is a join")
				}
				d.input(spec.Got{Conn: dial.Conn, Msg: frame(wire.PushPull{Nodes: []wire.NodeState{nodeState(1, 1, 0)}})})
			}
		})
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] != want {
				t.Errorf("%d others: %v between two exchanges, want %v", others, at[i]-at[i-1], want)
			}
		}
		if len(at) < 3 {
			t.Errorf("%d others: %d exchanges", others, len(at))
		}
	}
}

// GO-AE-04.
func TestJoin(t *testing.T) {
	d := sit(t, 0, func(c *Config) { c.NoProbe, c.Known = true, nil })
	out := d.input(Join{Op: 5, Addrs: addrs(1, 2, 3)})
	for i, e := range []func(c spec.Conn) []spec.Effect{
		func(c spec.Conn) []spec.Effect { return d.input(spec.Closed{Conn: c, Err: ErrNoAnswer}) },
		func(c spec.Conn) []spec.Effect {
			hello := d.input(spec.Opened{Conn: c, Remote: contractAddr(2)})
			if w := hello[0].(spec.Write).Msg.(wire.Frame); !w.Msg.(wire.PushPull).Join || !w.Opens {
				t.Errorf("%v", w)
			}
			return d.input(spec.Got{Conn: c, Msg: frame(wire.PushPull{Nodes: []wire.NodeState{nodeState(2, 1, 0)}})})
		},
		func(c spec.Conn) []spec.Effect {
			var all []spec.Effect
			d.pass(10*time.Second, func(e spec.Effect) { all = append(all, e) })
			return all
		},
	} {
		dial, ok := out[len(out)-1].(spec.Dial)
		if !ok || dial.Conn != spec.Conn(i+1) || dial.To != contractAddr(i+1) {
			t.Fatalf("step %d: %v", i, out)
		}
		out = e(dial.Conn)
	}
	if last := out[len(out)-1]; last != (spec.Done{Op: 5, Result: Contacted{1}}) {
		t.Errorf("%v", last)
	}
	d.wantState(2, wire.StateAlive, 1)
	for _, bad := range []Join{{}, {Addrs: make([]netip.AddrPort, 1)}, {Addrs: addrs(make([]int, MaxJoin+1)...)}} {
		if out := d.input(bad); out[0].(spec.Done).Err != ErrBadAddr {
			t.Errorf("%v: %v", bad, out)
		}
	}
	d.input(Join{Op: 6, Addrs: addrs(1)})
	out = d.input(spec.Closed{Conn: 4})
	if out[0] != (spec.Done{Op: 6, Err: ErrNoAnswer}) {
		t.Errorf("%v", out)
	}
}

// GO-AE-07, GO-FD-17.
func TestLeave(t *testing.T) {
	d := quiet(t, 3)
	if out := d.input(Leave{Op: 1}); len(out) > 0 {
		t.Fatalf("%v", out)
	}
	d.wantState(0, wire.StateLeft, 1)
	d.pass(2*time.Second, nil)
	farewells := sent[wire.Dead](d.since(0))
	if len(farewells) != 4 || farewells[0].Node != "m00" || farewells[0].From != "m00" {
		t.Errorf("%v", farewells)
	}
	if all := d.since(0); len(all) != 5 || !slices.ContainsFunc(all, func(e spec.Effect) bool {
		done, ok := e.(spec.Done)
		return ok && done == spec.Done{Op: 1}
	}) {
		t.Errorf("%v", all)
	}
	if out := d.hear(suspect(0, 5, 1), alive(0, 6), dead(0, 7, 2)); len(out) > 0 {
		t.Errorf("who has left does not come back: %v", out)
	}
	for _, in := range []spec.Input{Leave{Op: 2}, Join{Op: 3, Addrs: addrs(1)}, Update{Op: 4}, Broadcast{Op: 5}} {
		if out := d.input(in); out[0].(spec.Done).Err != ErrLeft {
			t.Errorf("%v: %v", in, out)
		}
	}
	alone := sit(t, 0, func(c *Config) { c.Known = nil })
	if out := alone.input(Leave{Op: 1}); len(out) != 1 || out[0] != (spec.Done{Op: 1}) {
		t.Errorf("nobody to tell: %v", out)
	}
	silent := sit(t, 2, func(c *Config) { c.NoProbe, c.GossipInterval, c.PushPullInterval = true, 0, 0 })
	silent.input(Leave{Op: 1})
	silent.pass(5*time.Second, nil)
	if all := silent.since(0); len(all) != 1 || all[0] != (spec.Done{Op: 1, Err: ErrTimeout}) {
		t.Errorf("no way to tell: %v", all)
	}
}

func TestUpdate(t *testing.T) {
	d := quiet(t, 3)
	d.input(Update{Op: 1, Meta: []byte("v2")})
	d.wantState(0, wire.StateAlive, 2)
	d.pass(2*time.Second, nil)
	if a := sent[wire.Alive](d.since(0)); len(a) != 4 || string(a[0].Meta) != "v2" || a[0].Incarnation != 2 {
		t.Errorf("%v", a)
	}
	if out := d.input(Update{Op: 2, Meta: make([]byte, 513)}); out[0].(spec.Done).Err != ErrTooLarge {
		t.Errorf("%v", out)
	}
	d.input(Update{Op: 3})
	out := d.hear(suspect(0, 3, 1)) // its news are replaced by newer ones
	if out[0] != (spec.Done{Op: 3}) {
		t.Errorf("%v", out)
	}
}

// GO-WF-08.
func TestSendUser(t *testing.T) {
	d := quiet(t, 1)
	d.hear(suspect(1, 1, 5)) // no rumor goes with it
	out := d.input(SendUser{Op: 1, To: contractAddr(1), Payload: []byte("x")})
	if parts := partsOf(out[0].(spec.Send)); len(parts) != 1 || out[1] != (spec.Done{Op: 1}) {
		t.Errorf("%v", out)
	}
	out = d.input(SendUser{Op: 2, To: contractAddr(1), Payload: make([]byte, 5000), Reliable: true})
	conn := out[0].(spec.Dial).Conn
	out = d.input(spec.Opened{Conn: conn})
	m, _ := written(out)
	if len(m.(wire.User).Payload) != 5000 || out[1] != (spec.Close{Conn: conn}) || out[2] != (spec.Done{Op: 2}) {
		t.Errorf("%v", out)
	}
	d.input(SendUser{Op: 3, To: contractAddr(1), Reliable: true})
	if out = d.input(spec.Closed{Conn: conn + 1}); out[0] != (spec.Done{Op: 3, Err: ErrNoAnswer}) {
		t.Errorf("%v", out)
	}
	out = d.input(SendUser{Op: 4, To: contractAddr(1), Payload: make([]byte, 1400)})
	if out[0].(spec.Done).Err != ErrTooLarge {
		t.Errorf("%v", out)
	}
}
