package epidemic

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
)

const second = time.Second

// quietConfig is a system of so many nodes in which nothing happens by itself.
func quietConfig(nodes int) Config {
	return Config{
		Peers:       testPeers(nodes),
		Mongering:   Mongering{Period: -1},
		AntiEntropy: AntiEntropy{Period: -1},
	}
}

// cyclesConfig is one that spreads rumors, a cycle a second.
func cyclesConfig(nodes int, m Mongering) Config {
	cfg := quietConfig(nodes)
	cfg.Mongering = m
	cfg.Mongering.Period = second
	return cfg
}

func newTestNode(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := New(cfg, 0)
	require.NoError(t, err)
	return n
}

// sent returns the messages among effects.
func sent(effects []spec.Effect) (list []spec.Message) {
	for _, e := range effects {
		if s, ok := e.(spec.Send); ok {
			list = append(list, s.Msg)
		}
	}
	return list
}

func recv(n *Node, from int, m spec.Message) spec.Recv {
	return spec.Recv{From: n.cfg.Peers[from], Msg: m}
}

func rumorOf(key string, s Stamp) Rumor { return Rumor{Update: Update{Key: key, Stamp: s}} }

// A push is useful to a receiver that did not know the rumor when its cycle
// began, even if another one has pushed it meanwhile; what it has just heard it
// tells from the next cycle on.
//
// GO-EP-02.
func TestNewsIsWhatTheCycleBeganWithout(t *testing.T) {
	n := newTestNode(t, cyclesConfig(3, Mongering{}))
	news, old := Stamp{1, 1}, []Verdict{{Stamp{1, 1}, false}}
	push := Contact{Rumors: []Rumor{rumorOf("k", news)}}
	first := n.Step(100, recv(n, 1, push), nil)
	require.Contains(t, first, spec.Notify{Event: Learned{push.Rumors[0].Update}})
	require.Equal(t, []spec.Message{Reply{Verdicts: []Verdict{{news, true}}}}, sent(first))
	require.Equal(t, sent(first), sent(n.Step(200, recv(n, 2, push), nil)), "still news in this cycle")
	told := sent(n.Step(second, spec.Wake{}, nil))
	require.Equal(t, []spec.Message{push}, told)
	require.Equal(t, []spec.Message{Reply{Verdicts: old}}, sent(n.Step(second+1, recv(n, 2, push), nil)))
}

// FeedbackCounter: K useless cycles in a row end the interest, and a useful
// contact begins the count anew, though another one was useless.
//
// GO-EP-02.
func TestCounterIsResetByAUsefulContact(t *testing.T) {
	n := newTestNode(t, cyclesConfig(3, Mongering{K: 2}))
	n.Step(0, Put{Key: "k"}, nil)
	mine := Stamp{1, 0}
	useless, useful := Verdict{mine, false}, Verdict{mine, true}
	now := second
	for i, c := range []struct {
		verdicts []Verdict
		hot      int
	}{
		{[]Verdict{useless}, 1}, // 1
		{[]Verdict{useful, useless}, 1},
		{[]Verdict{useless}, 1}, // 1
		{nil, 1},                // nobody was told anything, as far as one can tell
		{[]Verdict{useless}, 0}, // 2
	} {
		require.Len(t, sent(n.Step(now, spec.Wake{}, nil)), 1, "step %d", i)
		n.Step(now+1, recv(n, 1, Feedback{c.verdicts}), nil)
		now += second
		if c.hot == 0 {
			require.Empty(t, n.Step(now, spec.Wake{}, nil))
		} else {
			n.Step(now-1, spec.Wake{}, nil)
		}
	}
	require.Zero(t, n.Hot())
	require.Equal(t, 1, n.Len(), "the database keeps it")
}

// The other rules, over many nodes with one rumor each that is told K times or
// more.
//
// GO-EP-02.
func TestRulesOfInterest(t *testing.T) {
	const trials = 2000
	for _, c := range []struct {
		rule     Interest
		verdict  bool // which of the answers makes it count
		k        int
		low, top float64 // cycles in which the rumor is told, on average
	}{
		{BlindCounter, true, 3, 3, 3},
		{BlindCoin, true, 4, 3.7, 4.3},
		{BlindCoin, false, 1, 1, 1},
		{FeedbackCoin, false, 4, 3.7, 4.3},
		{FeedbackCounter, false, 3, 3, 3},
	} {
		told := 0
		first := newTestNode(t, cyclesConfig(3, Mongering{Interest: c.rule, K: c.k}))
		for i := range trials {
			n := first.Sibling(0, [32]byte{byte(i), byte(i >> 8)}, 0)
			n.Step(0, Put{Key: "k"}, nil)
			for now := second; n.Hot() > 0; now += second {
				if len(n.Step(now, spec.Wake{}, nil)) > 0 {
					told++
					n.Step(now, recv(n, 1, Feedback{[]Verdict{{Stamp{1, 0}, c.verdict}}}), nil)
				}
			}
		}
		mean := float64(told) / trials
		require.True(t, c.low <= mean && mean <= c.top, "%v, k = %d: told %.2f times", c.rule, c.k, mean)
	}
}

// A node takes so many contacts a cycle and refuses the others, who hunt for
// another partner, so often.
//
// GO-EP-02 (Demers et al. 1987, §1.4, connection limit and hunting).
func TestConnectionLimitAndHunting(t *testing.T) {
	n := newTestNode(t, cyclesConfig(4, Mongering{Connections: 1, Hunt: 2, Interest: BlindCounter, K: 9}))
	push := func(counter uint64) Contact { return Contact{Rumors: []Rumor{rumorOf("k", Stamp{counter, 1})}} }
	require.Len(t, n.Step(1, recv(n, 1, push(1)), nil), 1)
	require.Equal(t, []spec.Effect{spec.Send{To: n.cfg.Peers[2], Msg: Busy{}}}, n.Step(2, recv(n, 2, push(2)), nil))
	u, _ := n.Lookup("k")
	require.EqualValues(t, 1, u.Stamp.Counter, "a refused contact teaches nothing")

	now := second
	effects := n.Step(now, spec.Wake{}, nil)
	for range 2 {
		to := effects[0].(spec.Send).To
		effects = n.Step(now, spec.Recv{From: to, Msg: Busy{}}, nil)
		require.Len(t, sent(effects), 1, "it hunts")
	}
	to := effects[0].(spec.Send).To
	require.Empty(t, n.Step(now, spec.Recv{From: to, Msg: Busy{}}, nil), "and gives up")
	require.IsType(t, spec.Drop{}, n.Step(now, spec.Recv{From: to, Msg: Busy{}}, nil)[0], "who was not called")
	n.Step(now+second, spec.Wake{}, nil)
	require.Zero(t, n.rumors[0].count, "nobody was told in the last cycle")
	require.Len(t, n.Step(now+second, recv(n, 2, push(2)), nil), 1, "a new cycle, a new contact")
}

// The median-counter rule, state by state.
//
// GO-EP-02 (Karp et al. 2000).
func TestMedianCounter(t *testing.T) {
	n := newTestNode(t, cyclesConfig(6, Mongering{
		Exchange: PushPull, Interest: MedianCounter, K: 2, Cool: 2, Rounds: 100,
	}))
	at := func(level uint8) []Rumor { return []Rumor{{Update{Key: "k", Stamp: Stamp{1, 1}}, level}} }
	level := func() uint8 { return n.rumors[0].level }
	now := time.Duration(0)
	// cycle lets callers with these levels, and the partner called, meet the node.
	cycle := func(answer uint8, callers ...uint8) {
		for _, l := range callers {
			var list []Rumor
			if l > 0 {
				list = at(l)
			}
			n.Step(now, recv(n, 3, Contact{Pull: true, Rumors: list}), nil)
		}
		if answer > 0 && n.partner >= 0 {
			n.Step(now, recv(n, int(n.partner), Reply{Rumors: at(answer)}), nil)
		}
		now += second
		n.Step(now, spec.Wake{}, nil)
	}
	cycle(0, 1)
	require.EqualValues(t, 1, level(), "A to B-1")
	cycle(0, 1)
	require.EqualValues(t, 1, level(), "one at B-1 and one that has not answered: no majority")
	cycle(1, 1, 0)
	require.EqualValues(t, 2, level(), "two against one")
	cycle(1, 2)
	require.EqualValues(t, 2, level(), "B-1 is behind B-2")
	cycle(2)
	require.EqualValues(t, Cooling, level(), "past B-2 comes C")
	cycle(0)
	require.Equal(t, 1, n.Hot(), "one of two cycles in C")
	cycle(0)
	require.Zero(t, n.Hot(), "D")

	n.Step(now, recv(n, 1, Contact{Pull: true, Rumors: []Rumor{{Update{Key: "k", Stamp: Stamp{2, 1}}, Cooling}}}), nil)
	n.Step(now, recv(n, 1, Contact{Pull: true, Rumors: []Rumor{{Update{Key: "m", Stamp: Stamp{3, 1}}, 1}}}), nil)
	now += second
	n.Step(now, spec.Wake{}, nil)
	require.EqualValues(t, 1, n.rumors[1].level)
	require.EqualValues(t, Cooling, n.rumors[0].level, "from A to C, of somebody in C")
}

// Rumors that do not fit into one message take turns.
func TestRumorsTakeTurns(t *testing.T) {
	cfg := cyclesConfig(2, Mongering{Interest: BlindCounter, K: 200})
	cfg.MaxValueBytes, cfg.PacketSize = 8, 256
	n := newTestNode(t, cfg)
	for i := range 20 {
		n.Step(0, Put{Key: fmt.Sprintf("key%02d", i), Value: make([]byte, 8)}, nil)
	}
	told := map[string]int{}
	for now := second; now <= 4*second; now += second {
		for _, m := range sent(n.Step(now, spec.Wake{}, nil)) {
			b, err := Codec{}.AppendMessage(nil, m)
			require.NoError(t, err)
			require.LessOrEqual(t, len(b), 256)
			for _, r := range m.(Contact).Rumors {
				told[r.Key]++
			}
		}
	}
	require.Len(t, told, 20)
}

// The oldest rumor gives way when there are too many; a later version takes the
// place of the rumor before it.
func TestRumorsAreBounded(t *testing.T) {
	cfg := cyclesConfig(2, Mongering{})
	cfg.MaxRumors = 2
	n := newTestNode(t, cfg)
	for _, key := range []string{"a", "b", "b", "c"} {
		n.Step(0, Put{Key: key}, nil)
	}
	require.Equal(t, 2, n.Hot())
	require.Nil(t, n.hot(Stamp{1, 0}))
	require.Nil(t, n.hot(Stamp{2, 0}))
	require.NotNil(t, n.hot(Stamp{3, 0}))
}

// A late answer still brings rumors, and nobody is taken for the partner.
func TestLateReply(t *testing.T) {
	n := newTestNode(t, cyclesConfig(3, Mongering{Exchange: Pull}))
	effects := n.Step(second, spec.Wake{}, nil)
	require.Equal(t, []spec.Message{Contact{Pull: true}}, sent(effects))
	n.Step(2*second, spec.Wake{}, nil)
	reply := Reply{Rumors: []Rumor{rumorOf("k", Stamp{1, 1})}}
	effects = n.Step(2*second, recv(n, 1, reply), nil)
	require.Equal(t, []spec.Message{Feedback{[]Verdict{{Stamp{1, 1}, true}}}}, sent(effects))
}

// Nodes that are woken late skip cycles and stay in step.
func TestCyclesStayAligned(t *testing.T) {
	cfg := cyclesConfig(3, Mongering{Exchange: Pull})
	cfg.Mongering.Phase = second / 2
	n := newTestNode(t, cfg)
	require.Len(t, sent(n.Step(10*second, spec.Wake{}, nil)), 1)
	at, ok := n.Deadline()
	require.True(t, ok)
	require.Equal(t, 10*second+second/2, at)
}

func TestRefusals(t *testing.T) {
	good := rumorOf("k", Stamp{1, 1})
	with := func(change func(r *Rumor)) Contact {
		r := good
		change(&r)
		return Contact{Rumors: []Rumor{r}}
	}
	n := newTestNode(t, cyclesConfig(3, Mongering{}))
	for name, msg := range map[string]spec.Message{
		"pull of push":          Contact{Pull: true},
		"unasked rumors":        Reply{Rumors: []Rumor{good}},
		"empty key":             with(func(r *Rumor) { r.Key = "" }),
		"long key":              with(func(r *Rumor) { r.Key = string(make([]byte, MaxKeyBytes+1)) }),
		"long value":            with(func(r *Rumor) { r.Value = make([]byte, 1025) }),
		"value of certificate":  with(func(r *Rumor) { r.Deleted, r.Value = true, []byte("v") }),
		"age of value":          with(func(r *Rumor) { r.Age = 1 }),
		"negative age":          with(func(r *Rumor) { r.Deleted, r.Age = true, -1 }),
		"endless age":           with(func(r *Rumor) { r.Deleted, r.Age = true, 2*maxPeriod+1 }),
		"no counter":            with(func(r *Rumor) { r.Stamp.Counter = 0 }),
		"clock to its end":      with(func(r *Rumor) { r.Stamp.Counter = MaxCounter + 1 }),
		"no such site":          with(func(r *Rumor) { r.Stamp.Site = 3 }),
		"negative site":         with(func(r *Rumor) { r.Stamp.Site = -1 }),
		"level":                 with(func(r *Rumor) { r.Level = 1 }),
		"many rumors":           Contact{Rumors: make([]Rumor, maxBatch+1)},
		"many verdicts":         Feedback{make([]Verdict, maxBatch+1)},
		"uncalled busy":         Busy{},
		"key outside its range": Entries{From: "l", Updates: []Update{good.Update}},
		"keys out of order":     Entries{Updates: []Update{good.Update, good.Update}},
		"empty range":           Ask{From: "b", To: "b"},
		"ranges out of order":   Summary{[]Range{{From: "b", To: "c"}, {From: "a", To: "b"}}},
		"ranges past the end":   Summary{[]Range{{}, {From: "a"}}},
		"another comparison":    Peel{},
		"no kind at all":        nil,
	} {
		before := n.AppendState(nil)
		effects := n.Step(0, recv(n, 1, msg), nil)
		require.Len(t, effects, 1, name)
		drop, ok := effects[0].(spec.Drop)
		require.True(t, ok, name)
		require.Contains(t, []string{"GO-EP-01", "GO-EP-02"}, drop.Clause)
		require.Error(t, drop.Reason)
		require.Equal(t, before, n.AppendState(nil), name)
	}
	effects := n.Step(0, spec.Recv{From: netip.AddrPort{}, Msg: Contact{}}, nil)
	require.IsType(t, spec.Drop{}, effects[0])
}
