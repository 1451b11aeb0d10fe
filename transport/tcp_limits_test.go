package transport_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// dialRaw opens a plain connection to a toy.
func dialRaw(t testing.TB, tcp *transport.TCP) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", tcp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func raw(text string) []byte {
	b, err := lines{}.AppendMessage(nil, line(text))
	if err != nil {
		panic(err)
	}
	return b
}

// A peer that does not read gets no more than the socket's buffers hold: the
// machine is not told that anything was taken.
func TestDrainedHoldsTheMachineBack(t *testing.T) {
	const total = 64 << 20
	b, fromB := serve(t, transport.TCPConfig{Machine: &toy{chatter: total}, CloseTimeout: 50 * time.Millisecond})
	conn := dialRaw(t, b)
	hear(t, fromB) // Opened
	var before, after uint64
	for before = 1; before != after; {
		before = after
		time.Sleep(50 * time.Millisecond)
		after = b.Stats().SentBytes
	}
	if after >= total/2 {
		t.Fatalf("%d bytes were sent to a peer that reads nothing", after)
	}
	got, buf := 0, make([]byte, 1<<20)
	for got < total { // it goes on when the peer does
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		got += n
	}
}

// A peer that takes nothing while the machine writes on is lost, by the limit
// or by the clock.
func TestDeadPeers(t *testing.T) {
	flood := slices.Repeat([]spec.Effect{spec.Write{Conn: -1, Msg: line(strings.Repeat("x", maxLine))}}, 500)
	for _, c := range []struct {
		cfg  transport.TCPConfig
		want error
	}{
		{transport.TCPConfig{MaxSendQueue: 1 << 20}, transport.ErrSendQueue},
		{transport.TCPConfig{MaxSendQueue: 1 << 30, WriteTimeout: 50 * time.Millisecond}, os.ErrDeadlineExceeded},
	} {
		b, fromB := serve(t, c.cfg)
		dialRaw(t, b)
		hear(t, fromB) // Opened
		perform(t, b, flood...)
		if got, ok := hear(t, fromB).(spec.Closed); !ok || !errors.Is(got.Err, c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// A machine that lags holds up its peers: their bytes stay in the network.
func TestReadersWaitForTheMachine(t *testing.T) {
	block := make(chan struct{})
	var unblock sync.Once
	t.Cleanup(func() { unblock.Do(func() { close(block) }) })
	b, err := transport.ListenTCP(anywhere, transport.TCPConfig{
		Machine: &toy{}, Codec: lines{}, LingerDuration: time.Millisecond,
		Observe: func(time.Duration, spec.Effect) { <-block },
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := dialRaw(t, b)
	message, sent := raw(strings.Repeat("x", maxLine)), 0
	for err == nil {
		if err = conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var n int
		n, err = conn.Write(message)
		if sent += n; sent > 256<<20 {
			t.Fatal("a machine that does nothing takes any amount")
		}
	}
	if got := b.Stats().ReceivedBytes; got > 1<<20 {
		t.Errorf("%d bytes were read", got)
	}
	unblock.Do(func() { close(block) })
	b.Close()
}

func TestDialsThatFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	a, fromA := serve(t, transport.TCPConfig{})
	perform(t, a, spec.Dial{Conn: 1, To: closed})
	if got, ok := hear(t, fromA).(spec.Closed); !ok || got.Conn != 1 || got.Err == nil {
		t.Errorf("%v, want a refused dial", got)
	}
	if s := a.Stats(); s.Undialled != 1 {
		t.Errorf("%+v", s)
	}
}

// stall is a Wrap that waits for its context.
func stall(ctx context.Context, _ net.Conn, _ bool) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHalfOpenLimit(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{})
	var most, now atomic.Int32
	a, fromA := serve(t, transport.TCPConfig{
		MaxHalfOpen: 2,
		Wrap: func(_ context.Context, conn net.Conn, _ bool) (net.Conn, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(2 * time.Millisecond)
			now.Add(-1)
			return conn, nil
		},
	})
	for i := range 20 {
		perform(t, a, spec.Dial{Conn: spec.Conn(1 + i), To: b.LocalAddr()})
	}
	for range 20 {
		if got, ok := hear(t, fromA).(spec.Opened); !ok {
			t.Fatalf("%v", got)
		}
		hear(t, fromB)
	}
	if most.Load() != 2 {
		t.Errorf("%d were half open at once", most.Load())
	}
}

func TestStreamLimit(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{MaxConns: 2})
	first := dialRaw(t, b)
	dialRaw(t, b)
	hear(t, fromB)
	hear(t, fromB)
	third := dialRaw(t, b)
	if n, err := third.Read(make([]byte, 1)); err == nil {
		t.Fatalf("%d bytes from a stream beyond the limit", n)
	}
	perform(t, b, spec.Dial{Conn: 1, To: b.LocalAddr()})
	if got := hear(t, fromB); got != (spec.Closed{Conn: 1, Err: transport.ErrTooManyConns}) {
		t.Errorf("%v", got)
	}
	first.Close()
	if got, ok := hear(t, fromB).(spec.Closed); !ok {
		t.Errorf("%v", got)
	}
	for deadline := time.Now().Add(5 * time.Second); ; { // the place is free soon
		dialRaw(t, b)
		select {
		case <-fromB:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a closed stream stays taken")
		}
	}
}

func TestWrapsThatStall(t *testing.T) {
	b, _ := serve(t, transport.TCPConfig{Wrap: stall, OpenTimeout: 30 * time.Millisecond})
	if n, err := dialRaw(t, b).Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes", n)
	}
	a, fromA := serve(t, transport.TCPConfig{Wrap: stall, OpenTimeout: 30 * time.Millisecond})
	perform(t, a, spec.Dial{Conn: 1, To: b.LocalAddr()})
	if got, ok := hear(t, fromA).(spec.Closed); !ok || !errors.Is(got.Err, context.DeadlineExceeded) {
		t.Errorf("%v", got)
	}
	// An open that takes for ever does not hold up the end.
	c, _ := serve(t, transport.TCPConfig{Wrap: stall})
	dialRaw(t, c)
	perform(t, c, spec.Dial{Conn: 1, To: b.LocalAddr()})
}

// A machine that closes a stream it is still dialling hears nothing of it.
func TestCloseWhileDialling(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{})
	opening := make(chan struct{}, 2)
	a, fromA := serve(t, transport.TCPConfig{
		Wrap: func(ctx context.Context, conn net.Conn, _ bool) (net.Conn, error) {
			opening <- struct{}{}
			time.Sleep(10 * time.Millisecond)
			return conn, nil
		},
	})
	perform(t, a, spec.Dial{Conn: 1, To: b.LocalAddr()})
	<-opening
	perform(t, a, spec.Close{Conn: 1}, spec.Dial{Conn: 2, To: b.LocalAddr()})
	if got := hear(t, fromA); got != (spec.Opened{Conn: 2, Remote: b.LocalAddr()}) {
		t.Errorf("%v", got)
	}
	hear(t, fromB)
	for {
		if got, ok := hear(t, fromB).(spec.Closed); ok {
			if got.Err != nil {
				t.Errorf("%v", got)
			}
			return
		}
	}
}

func TestBind(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{})
	a, fromA := serve(t, transport.TCPConfig{Bind: netip.MustParseAddr("127.0.0.1")})
	connected(t, a, fromA, b, fromB)
	far, fromFar := serve(t, transport.TCPConfig{Bind: netip.MustParseAddr("203.0.113.1")})
	perform(t, far, spec.Dial{Conn: 1, To: b.LocalAddr()})
	if got, ok := hear(t, fromFar).(spec.Closed); !ok || got.Err == nil {
		t.Errorf("%v, want no such address", got)
	}
}
