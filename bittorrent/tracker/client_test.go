package tracker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

const (
	httpTracker = "http://192.0.2.1:80/announce?pk=1"
	udpTracker  = "udp://192.0.2.2:6969/announce"
	namedUDP    = "udp://tracker.example:6969"
)

func newTestClient(t *testing.T, tiers ...[]string) *Client {
	c, err := NewClient(ClientConfig{InfoHash: Hash{1}, PeerID: PeerID{2}, Port: 6881, Tiers: tiers}, 0)
	require.NoError(t, err)
	return c
}

func TestClientContract(t *testing.T) {
	check.Run(t, check.Subject{
		New: func(seed uint64, now time.Duration) spec.Machine {
			cfg := ClientConfig{
				InfoHash: Hash{1}, PeerID: PeerID{2}, Port: 6881,
				Tiers: [][]string{{httpTracker, udpTracker}, {namedUDP, "wss://192.0.2.9/"}},
			}
			binary.BigEndian.PutUint64(cfg.Seed[:], seed)
			c, err := NewClient(cfg, now)
			if err != nil {
				panic(err)
			}
			return c
		},
		Input:      clientInput,
		MaxEffects: func(spec.Input) int { return MaxClientEffects },
		Codec:      requestCodec{},
		Seeds:      8,
		Steps:      500,
		MaxGap:     40 * time.Minute,
		Golden:     "testdata/client.golden",
		NotState: map[string]string{
			"cfg":           "never changes after New",
			"now":           "instants are relative to it",
			"tiers[][].url": "follows from the announce URL",
		},
		Shared: map[string]string{"cfg": "never changes after New"},
	})
}

type requestCodec struct{}

func (requestCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return ClientCodec{}.AppendMessage(b, m)
}

func (requestCodec) ParseMessage(b []byte) (spec.Message, error) {
	return ServerCodec{}.ParseMessage(b)
}

func clientInput(g *check.Gen) spec.Input {
	p := Progress{Uploaded: int64(g.Below(9)), Downloaded: int64(g.Below(9)), Left: int64(g.Below(3)) - 1}
	switch g.Below(16) {
	case 0, 1:
		return Begin{g.Op, p}
	case 2, 3:
		return Report{g.Op, p}
	case 4:
		if g.Below(10) == 0 {
			return End{g.Op, p}
		}
	case 5, 6:
		return Fetched{Token: spec.Token(g.Below(40)), Status: 200, Body: []byte(drawBody(g))}
	case 7:
		return Fetched{Token: spec.Token(g.Below(40)), Status: 500, Err: errors.New("reset")}
	case 8:
		return Resolved{Token: spec.Token(g.Below(40)), Addr: netip.MustParseAddr("192.0.2.3")}
	case 9:
		return spec.Wake{}
	}
	if len(g.Sent) == 0 {
		return spec.Wake{}
	}
	s := g.Sent[len(g.Sent)-1]
	r := &Response{Action: s.Msg.(*Request).Action, Transaction: s.Msg.(*Request).Transaction, Connection: 7, Interval: 60}
	if g.Below(6) == 0 {
		r.Action = ActionError
	}
	from := s.To
	if g.Below(8) == 0 {
		from = netip.MustParseAddrPort("198.51.100.7:1")
	}
	return spec.Recv{From: from, Msg: r}
}

func drawBody(g *check.Gen) string {
	return []string{
		"d8:intervali60e5:peers0:e", "d14:failure reason2:noe", "d14:failure reason2:no8:retry in5:nevere",
		"d14:failure reason2:no8:retry ini9ee", "x", "d8:intervali5e10:tracker id1:z5:peers6:abcdefe",
	}[g.Below(6)]
}

// world answers a client's HTTP requests and shows them.
type world struct {
	t    *testing.T
	c    *Client
	now  time.Duration
	urls []string
	// answer gives the body for a URL; "" is no answer at all.
	answer func(url string) string
	events []spec.Event
}

func (w *world) step(in spec.Input) {
	for _, e := range w.c.Step(w.now, in, nil) {
		switch e := e.(type) {
		case Fetch:
			w.urls = append(w.urls, e.URL)
			if body := w.answer(e.URL); body != "" {
				defer w.step(Fetched{Token: e.Token, Status: 200, Body: []byte(body)})
			} else {
				defer w.step(Fetched{Token: e.Token, Err: errors.New("refused")})
			}
		case spec.Notify:
			w.events = append(w.events, e.Event)
		}
	}
	require.NoError(w.t, w.c.Check())
}

// until lets time pass.
func (w *world) until(now time.Duration) {
	for {
		at, ok := w.c.Deadline()
		if !ok || at > now {
			w.now = now
			return
		}
		w.now = at
		w.step(spec.Wake{})
	}
}

const fine = "d8:intervali60e5:peers0:e"

func event(url string) string {
	_, after, ok := strings.Cut(url, "event=")
	if !ok {
		return "none"
	}
	e, _, _ := strings.Cut(after, "&")
	return e
}

// BEP03-TRK-006, BEP03-TRK-007, BEP03-TRK-009, BEP03-TRK-010, BEP03-TRK-011
func TestEventsOfADownload(t *testing.T) {
	w := &world{t: t, c: newTestClient(t, []string{httpTracker}), answer: func(string) string { return fine }}
	w.step(Begin{1, Progress{Left: 100}})
	w.until(150 * time.Second)
	w.step(Report{2, Progress{Downloaded: 100}})
	w.until(200 * time.Second)
	w.step(End{3, Progress{Downloaded: 100}})
	w.until(time.Hour)
	var events []string
	for _, u := range w.urls {
		events = append(events, event(u))
	}
	assert.Equal(t, []string{"started", "none", "none", "completed", "stopped"}, events)
	assert.True(t, strings.HasPrefix(w.urls[0], httpTracker+"&"), "BEP03-TRK-003: %s", w.urls[0])
}

// BEP03-TRK-008
func TestASeedCompletesNothing(t *testing.T) {
	w := &world{t: t, c: newTestClient(t, []string{httpTracker}), answer: func(string) string { return fine }}
	w.step(Begin{1, Progress{}})
	w.step(Report{2, Progress{Uploaded: 5}})
	w.until(10 * time.Minute)
	for _, u := range w.urls {
		assert.NotEqual(t, "completed", event(u))
	}
}

// A completion that happens before anybody has answered is told afterwards.
func TestCompletedIsToldOnce(t *testing.T) {
	deaf := true
	w := &world{t: t, c: newTestClient(t, []string{httpTracker})}
	w.answer = func(string) string {
		if deaf {
			return ""
		}
		return fine
	}
	w.step(Begin{1, Progress{Left: 5}})
	w.step(Report{2, Progress{}})
	deaf = false
	w.until(time.Hour)
	n := 0
	for _, u := range w.urls {
		if event(u) == "completed" {
			n++
		}
	}
	assert.Equal(t, 1, n, "%v", w.urls)
}

// BEP12-MULTI-002, BEP12-MULTI-004
func TestTiers(t *testing.T) {
	a, b, c := "http://192.0.2.1/announce", "http://192.0.2.2/announce", "http://192.0.2.3/announce"
	w := &world{t: t, c: newTestClient(t, []string{a, b}, []string{c})}
	w.answer = func(url string) string {
		if strings.HasPrefix(url, b) || strings.HasPrefix(url, c) {
			return fine
		}
		return ""
	}
	w.step(Begin{1, Progress{Left: 5}})
	assert.True(t, strings.HasPrefix(w.urls[len(w.urls)-1], b), "tier one answers: %v", w.urls)
	w.urls = nil
	w.until(61 * time.Second)
	require.Len(t, w.urls, 1)
	assert.True(t, strings.HasPrefix(w.urls[0], b), "who answered comes first: %v", w.urls)

	w.answer = func(url string) string {
		if strings.HasPrefix(url, c) {
			return fine
		}
		return ""
	}
	w.urls = nil
	w.until(121 * time.Second)
	require.Len(t, w.urls, 3, "tier one, then tier two")
	assert.True(t, strings.HasPrefix(w.urls[2], c))
	last := w.events[len(w.events)-1].(Announced)
	assert.True(t, last.Switched, "BEP27-PRIV-005")
}

// BEP12-MULTI-003
func TestTiersAreShuffled(t *testing.T) {
	first := map[string]int{}
	for seed := range byte(60) {
		c, err := NewClient(ClientConfig{Seed: [32]byte{seed}, Tiers: [][]string{{"http://a/", "http://b/", "http://c/"}}}, 0)
		require.NoError(t, err)
		first[c.tiers[0][0].announce]++
	}
	for _, u := range []string{"http://a/", "http://b/", "http://c/"} {
		assert.Greater(t, first[u], 5, "%v", first)
	}
}

// BEP31-RETRY-001
func TestRetryIn(t *testing.T) {
	w := &world{t: t, c: newTestClient(t, []string{httpTracker})}
	w.answer = func(string) string { return "d14:failure reason4:full8:retry in2:10e" }
	w.step(Begin{1, Progress{Left: 5}})
	w.until(10*time.Minute - time.Second)
	assert.Len(t, w.urls, 1)
	w.answer = func(string) string { return "d14:failure reason4:full8:retry in5:nevere" }
	w.until(11 * time.Minute)
	assert.Len(t, w.urls, 2)
	w.until(20 * time.Hour)
	assert.Len(t, w.urls, 2, "never again")
}

// BEP15-UDP-018, BEP15-UDP-019: waits of 15·2^n seconds, and a new connection
// id when the first has expired.
func TestRetransmissions(t *testing.T) {
	c := newTestClient(t, []string{udpTracker})
	now, sent := time.Duration(0), []string{}
	at := func() string { return fmt.Sprint(int64(now / time.Second)) }
	hear := func(out []spec.Effect) (last *Request) {
		for _, e := range out {
			if s, ok := e.(spec.Send); ok {
				last = s.Msg.(*Request)
				sent = append(sent, at()+map[Action]string{ActionConnect: "c", ActionAnnounce: "a"}[last.Action])
			}
		}
		return last
	}
	r := hear(c.Step(now, Begin{1, Progress{Left: 5}}, nil))
	from := netip.MustParseAddrPort("192.0.2.2:6969")
	hear(c.Step(now, spec.Recv{From: from, Msg: &Response{Transaction: r.Transaction, Connection: 9}}, nil))
	for range 5 {
		now, _ = c.Deadline()
		hear(c.Step(now, spec.Wake{}, nil))
	}
	assert.Equal(t, []string{"0c", "0a", "15a", "45a", "105c", "225c", "465c"}, sent)
}

// BEP15-UDP-005, BEP15-UDP-023
func TestStrayAnswersAreDropped(t *testing.T) {
	c := newTestClient(t, []string{udpTracker})
	out := c.Step(0, Begin{1, Progress{}}, nil)
	r := out[1].(spec.Send).Msg.(*Request)
	before := string(c.AppendState(nil))
	for _, in := range []spec.Recv{
		{From: netip.MustParseAddrPort("192.0.2.2:6969"), Msg: &Response{Transaction: r.Transaction + 1}},
		{From: netip.MustParseAddrPort("192.0.2.3:6969"), Msg: &Response{Transaction: r.Transaction}},
		{From: netip.MustParseAddrPort("192.0.2.2:6969"), Msg: &Response{Transaction: r.Transaction, Action: ActionAnnounce}},
	} {
		out := c.Step(0, in, nil)
		require.Len(t, out, 1)
		assert.IsType(t, spec.Drop{}, out[0])
		assert.Equal(t, before, string(c.AppendState(nil)))
	}
}

// BEP15-UDP-006, BEP15-UDP-011, BEP15-UDP-014
func TestConnectionIDsAreUsedForAMinute(t *testing.T) {
	c := newTestClient(t, []string{udpTracker})
	from := netip.MustParseAddrPort("192.0.2.2:6969")
	var actions []Action
	now := time.Duration(0)
	run := func(out []spec.Effect) {
		for len(out) > 0 {
			e := out[0]
			out = out[1:]
			s, ok := e.(spec.Send)
			if !ok {
				continue
			}
			r := s.Msg.(*Request)
			actions = append(actions, r.Action)
			answer := &Response{
				Action: r.Action, Transaction: r.Transaction, Connection: 9, Interval: 40, Peers: []byte("abcdef"),
			}
			out = append(out, c.Step(now, spec.Recv{From: from, Msg: answer}, nil)...)
		}
	}
	run(c.Step(now, Begin{1, Progress{Left: 5}}, nil))
	for range 2 {
		now, _ = c.Deadline()
		run(c.Step(now, spec.Wake{}, nil))
	}
	assert.Equal(t, []Action{ActionConnect, ActionAnnounce, ActionAnnounce, ActionConnect, ActionAnnounce}, actions)
}

func TestClientConfigIsChecked(t *testing.T) {
	for _, cfg := range []ClientConfig{
		{}, {Tiers: [][]string{{"gopher://x"}}}, {Tiers: [][]string{{httpTracker}}, Retransmits: 9},
		{Tiers: [][]string{{httpTracker}}, Timeout: time.Millisecond},
	} {
		_, err := NewClient(cfg, 0)
		assert.Error(t, err, "%+v", cfg)
	}
}
