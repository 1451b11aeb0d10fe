package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// text is the toy message: any datagram but an empty one, or one that starts
// with '!'. A '?' asks for an echo, a '@' for a Done in a while.
type text string

func (text) IsMessage() {}

type codec struct{}

var errText = errors.New("not a text")

func (codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if t := m.(text); t != "" {
		return append(b, t...), nil
	}
	return nil, errText
}

func (codec) ParseMessage(b []byte) (spec.Message, error) {
	if len(b) == 0 || b[0] == '!' {
		return nil, errText
	}
	return text(b), nil
}

// send is the command to send a text; Done follows.
type send struct {
	op spec.OpID
	to netip.AddrPort
	t  text
}

// after is the command to report Done once the delay has passed.
type after struct {
	op    spec.OpID
	delay time.Duration
}

func (send) IsInput()  {}
func (after) IsInput() {}

// echo answers a text that starts with '?' and reports every text it gets.
type echo struct {
	due   time.Duration
	op    spec.OpID
	armed bool
	seen  int
}

// alarm is the Done that a '@' asks for.
const alarm spec.OpID = 99

type got struct {
	from netip.AddrPort
	t    text
}

func (got) IsEvent() {}

func (m *echo) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if m.armed && m.due <= now {
		m.armed = false
		out = append(out, spec.Done{Op: m.op})
	}
	switch in := in.(type) {
	case send:
		out = append(out, spec.Send{To: in.to, Msg: in.t}, spec.Done{Op: in.op})
	case after:
		m.due, m.op, m.armed = now+in.delay, in.op, true
	case spec.Recv:
		t := in.Msg.(text)
		m.seen++
		if t[0] == '@' {
			m.due, m.op, m.armed = now+20*time.Millisecond, alarm, true
		}
		if t[0] == '?' {
			out = append(out, spec.Send{To: in.From, Msg: "=" + t})
		}
		out = append(out, spec.Notify{Event: got{in.From, t}})
	}
	return out
}

func (m *echo) Deadline() (time.Duration, bool) { return m.due, m.armed }
func (m *echo) Clone() spec.Machine             { c := *m; return &c }
func (m *echo) AppendState(b []byte) []byte     { return append(b, byte(m.seen)) }
func (m *echo) Check() error                    { return nil }

// listen starts an echo at addr; its effects come out of the channel.
func listen(t testing.TB, addr string) (*transport.UDP, <-chan spec.Effect) {
	t.Helper()
	effects := make(chan spec.Effect, 1024)
	u, err := transport.ListenUDP(netip.MustParseAddrPort(addr), transport.UDPConfig{
		Machine: &echo{}, Codec: codec{},
		Observe: func(_ time.Duration, e spec.Effect) { effects <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u, effects
}

// next returns the next effect, or fails after a while.
func next(t testing.TB, effects <-chan spec.Effect) spec.Effect {
	t.Helper()
	select {
	case e := <-effects:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no effect within 10 s")
		return nil
	}
}

func TestEcho(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, fromA := listen(t, addr)
		b, fromB := listen(t, addr)
		if err := a.Do(send{7, b.LocalAddr(), "?hi"}); err != nil {
			t.Fatal(err)
		}
		if e := next(t, fromA); e != (spec.Done{Op: 7}) {
			t.Errorf("%s: %v, want Done 7", addr, e)
		}
		if e := next(t, fromB); e != (spec.Notify{Event: got{a.LocalAddr(), "?hi"}}) {
			t.Errorf("%s: %v, want a ?hi", addr, e)
		}
		if e := next(t, fromA); e != (spec.Notify{Event: got{b.LocalAddr(), "=?hi"}}) {
			t.Errorf("%s: %v, want the echo", addr, e)
		}
		if s := b.Stats(); s.Received != 1 || s.ReceivedBytes != 3 || s.Sent != 1 || s.SentBytes != 4 {
			t.Errorf("%s: %+v", addr, s)
		}
	}
}

func TestBothFamiliesOnOneSocketShowPlainIPv4(t *testing.T) {
	a, fromA := listen(t, "[::]:0")
	b, fromB := listen(t, "127.0.0.1:0")
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.LocalAddr().Port())
	if err := b.Do(send{1, to, "?4"}); err != nil {
		t.Fatal(err)
	}
	next(t, fromB) // Done
	if e := next(t, fromA); e != (spec.Notify{Event: got{b.LocalAddr(), "?4"}}) {
		t.Errorf("%v, want a plain IPv4 source", e)
	}
	if e := next(t, fromB); e != (spec.Notify{Event: got{to, "=?4"}}) {
		t.Errorf("%v, want the echo", e)
	}
}

func TestTimersFire(t *testing.T) {
	u, effects := listen(t, "127.0.0.1:0")
	for i, delay := range []time.Duration{time.Hour, 50 * time.Millisecond, 5 * time.Millisecond} {
		start := time.Now()
		if err := u.Do(after{spec.OpID(i), delay}); err != nil {
			t.Fatal(err)
		}
		if delay == time.Hour {
			continue // the next command brings the deadline forward
		}
		if e := next(t, effects); e != (spec.Done{Op: spec.OpID(i)}) {
			t.Errorf("%v, want Done %d", e, i)
		}
		if took := time.Since(start); took < delay {
			t.Errorf("fired after %v, want %v", took, delay)
		}
	}
}

func TestMessagesArmTimersToo(t *testing.T) {
	u, effects := listen(t, "127.0.0.1:0")
	if err := u.Do(after{1, time.Hour}); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", u.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if _, err := conn.Write([]byte("@")); err != nil {
			t.Fatal(err)
		}
		next(t, effects) // the Notify
		if e := next(t, effects); e != (spec.Done{Op: alarm}) {
			t.Errorf("%v, want the alarm", e)
		}
	}
}

func TestBadDatagramsAreDropped(t *testing.T) {
	u, effects := listen(t, "127.0.0.1:0")
	conn, err := net.Dial("udp", u.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	source := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, payload := range []string{"", "!", "!" + strings.Repeat("x", 65000)} {
		if _, err := conn.Write([]byte(payload)); err != nil {
			t.Fatal(err)
		}
		if e := next(t, effects); e != (spec.Drop{From: source, Reason: errText}) {
			t.Errorf("%d bytes: %v, want a drop", len(payload), e)
		}
	}
	largest := strings.Repeat("x", 65507)
	if _, err := conn.Write([]byte(largest)); err != nil {
		t.Fatal(err)
	}
	if e := next(t, effects); e != (spec.Notify{Event: got{source, text(largest)}}) {
		t.Error("the largest datagram did not arrive whole")
	}
	if s := u.Stats(); s.Malformed != 3 || s.Received != 4 {
		t.Errorf("%+v", s)
	}
}

func TestUnsentIsReported(t *testing.T) {
	u, effects := listen(t, "127.0.0.1:0")
	for _, bad := range []send{
		{1, u.LocalAddr(), ""}, // refused by the codec
		{1, u.LocalAddr(), text(strings.Repeat("x", 70000))},
		{1, netip.MustParseAddrPort("[::1]:9"), "other family"},
	} {
		if err := u.Do(bad); err != nil {
			t.Fatal(err)
		}
		if drop, ok := next(t, effects).(spec.Drop); !ok || drop.From != bad.to || drop.Reason == nil {
			t.Errorf("%.20s: %v, want a drop", bad.t, drop)
		}
		next(t, effects) // Done
	}
	if s := u.Stats(); s.Unsent != 3 || s.Sent != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCloseFinishesQueuedCommands(t *testing.T) {
	a, fromA := listen(t, "127.0.0.1:0")
	b, fromB := listen(t, "127.0.0.1:0")
	const n = 100
	for i := range n {
		if err := a.Do(send{spec.OpID(i), b.LocalAddr(), "x"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(fromA) != n {
		t.Errorf("%d commands done, want %d", len(fromA), n)
	}
	for range n {
		next(t, fromB)
	}
	if err := a.Do(send{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
	if m, _ := b.Snapshot(); m.(*echo).seen != n {
		t.Errorf("snapshot saw %d", m.(*echo).seen)
	}
}

func TestDoIsBounded(t *testing.T) {
	block := make(chan struct{})
	u, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"), transport.UDPConfig{
		Machine: &echo{}, Codec: codec{},
		Observe: func(time.Duration, spec.Effect) { <-block },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil; i++ {
		if i > 1<<16 {
			t.Fatal("a blocked socket takes commands for ever")
		}
		err = u.Do(send{1, u.LocalAddr(), "x"})
	}
	if !errors.Is(err, transport.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	close(block)
	u.Close()
}

func TestManyCallers(t *testing.T) {
	u, effects := listen(t, "127.0.0.1:0")
	var callers sync.WaitGroup
	const n, each = 8, 100
	for i := range n {
		callers.Go(func() {
			for j := range each {
				if err := u.Do(send{spec.OpID(i*each + j), u.LocalAddr(), "x"}); err != nil {
					t.Error(err)
				}
				u.Snapshot()
			}
		})
	}
	done := make(map[spec.OpID]bool)
	for len(done) < n*each {
		if d, ok := next(t, effects).(spec.Done); ok {
			done[d.Op] = true
		}
	}
	callers.Wait()
}

func TestBindLoopback(t *testing.T) {
	conns, err := transport.BindLoopback(netip.MustParseAddrPort("127.0.0.254:0"), 3)
	if err != nil {
		if !strings.Contains(err.Error(), "alias") {
			t.Fatalf("the error does not help: %v", err)
		}
		return // a system with 127.0.0.1 alone
	}
	for i, want := range []string{"127.0.0.254", "127.0.0.255", "127.0.1.0"} {
		if got := conns[i].LocalAddr().(*net.UDPAddr).IP.String(); got != want {
			t.Errorf("socket %d is at %s, want %s", i, got, want)
		}
		conns[i].Close()
	}
	for _, bad := range []string{"10.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		if conns, err := transport.BindLoopback(netip.MustParseAddrPort(bad), 2); err == nil || conns != nil {
			t.Errorf("%s: bound %v, %v", bad, conns, err)
		}
	}
}

// BenchmarkEcho measures queries a second over loopback sockets, with 64
// outstanding.
func BenchmarkEcho(b *testing.B) {
	u, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"),
		transport.UDPConfig{Machine: &echo{}, Codec: codec{}})
	if err != nil {
		b.Fatal(err)
	}
	defer u.Close()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(u.LocalAddr()))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	query, buf := []byte("?query"), make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	outstanding := 0
	for i := 0; i < b.N || outstanding > 0; {
		for ; i < b.N && outstanding < 64; i++ {
			if _, err := conn.Write(query); err != nil {
				b.Fatal(err)
			}
			outstanding++
		}
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
		outstanding--
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}
