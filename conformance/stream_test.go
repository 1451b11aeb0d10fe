package conformance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echoHost sends back what it reads, ends when the other side does, resets at
// the byte '!' and dials the address it is told by a datagram.
type echoHost struct{ toyHost }

func (echoHost) Stream(_ time.Duration, e StreamEvent, out []Outgoing) []Outgoing {
	switch {
	case e.Kind == StreamOpened:
		return append(out, Outgoing{Op: WriteStream, Conn: e.Conn, Payload: []byte("hello")})
	case e.Kind == StreamData && bytes.Contains(e.Data, []byte("!")):
		return append(out, Outgoing{Op: AbortStream, Conn: e.Conn})
	case e.Kind == StreamData:
		return append(out, Outgoing{Op: WriteStream, Conn: e.Conn, Payload: e.Data})
	case e.Kind == StreamEnded:
		return append(out, Outgoing{Op: CloseStream, Conn: e.Conn})
	}
	return out
}

func (echoHost) Deliver(_ time.Duration, d Datagram, out []Outgoing) []Outgoing {
	to, err := netip.ParseAddrPort(string(d.Data))
	if err != nil {
		panic(err)
	}
	return append(out, Outgoing{Op: DialStream, Conn: 1, To: to})
}

type virtualEcho struct{ toyTarget }

func (*virtualEcho) Start(_ context.Context, n Network, _ StartOptions) (Instance, error) {
	n.(*VirtualNetwork).Attach(echoHost{}, toyAddr)
	return toyInstance{&toyTarget{}}, nil
}

// socketEcho is the echo host on real sockets.
type socketEcho struct {
	toyTarget
	at netip.AddrPort
}

func (*socketEcho) Network() (Network, error) { return NewSocketNetwork(LoopbackSources()), nil }
func (s *socketEcho) Start(context.Context, Network, StartOptions) (Instance, error) {
	return liveInstance{s.at}, nil
}

func newSocketEcho(t *testing.T) *socketEcho {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().(*net.TCPAddr).AddrPort()
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	require.NoError(t, err)
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c.(*net.TCPConn))
		}
	}()
	go func() {
		buf := make([]byte, 100)
		for {
			n, _, err := u.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if c, err := net.Dial("tcp", string(buf[:n])); err == nil {
				c.Write([]byte("hello"))
				go echo(c.(*net.TCPConn))
			}
		}
	}()
	return &socketEcho{at: at}
}

func echo(c *net.TCPConn) {
	defer c.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("!")) {
			c.SetLinger(0)
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// line is a protocol of lines, none of which begins with "bad".
func lineSuite(run func(*T)) Suite {
	s := toySuite(Case{Run: func(t *T) { t.Earn(); run(t) }})
	s.Control = func(t *T) { t.Earn() }
	s.Frame = func(_ *Stream, _ int64, buf []byte) (int, any) {
		n := bytes.IndexByte(buf, '\n') + 1
		return n, string(buf[:n])
	}
	s.LintStream = func(_ *Stream, _ int64, b []byte) error {
		if bytes.HasPrefix(b, []byte("bad")) {
			return errors.New("bad")
		}
		return nil
	}
	return s
}

// onBoth plays a case over real sockets and on virtual time, which must not
// differ in anything that a case can see.
func onBoth(t *testing.T, run func(*T)) (results []Result) {
	t.Helper()
	for _, target := range []Target{newSocketEcho(t), &virtualEcho{}} {
		r, err := Run(t.Context(), target, Options{Suites: []Suite{lineSuite(run)}})
		require.NoError(t, err)
		results = append(results, r.Results[0])
	}
	return results
}

func passesOnBoth(t *testing.T, run func(*T)) []Result {
	t.Helper()
	results := onBoth(t, run)
	for _, res := range results {
		assert.Equal(t, Pass, res.Verdict, "%+v", res.Failure)
	}
	return results
}

// until waits for what must come.
func until(t *T, what string, cond func() bool) {
	if !t.Until(cond, 5*time.Second) {
		t.Harnessf("%s did not happen", what)
	}
}

func TestStreamCarriesBytesBothWays(t *testing.T) {
	results := passesOnBoth(t, func(t *T) {
		s := t.Dial()
		s.Write([]byte("one\ntwo\nthr"), "two lines and a half")
		until(t, "the echo", func() bool { return len(s.Buffered()) == 11 })
		s.Discard(5)
		s.Write([]byte("ee\n"), "")
		until(t, "the rest", func() bool { return string(s.Buffered()) == "wo\nthree\n" })
		s.CloseWrite()
		until(t, "the end", s.Ended)
		if s.Err() != nil {
			t.Harnessf("it ended with %v", s.Err())
		}
	})
	for _, res := range results {
		var got []string
		for _, e := range res.Transcript {
			switch e.Dir {
			case "<":
				got = append(got, e.Decoded.(string))
			case "!":
				got = append(got, e.Note)
			}
		}
		assert.Equal(t, []string{
			got[0], "connected", "one\n", "two\n", "three\n", "we send no more", "ended by the other side",
		}, got, "the transcript shows messages, not segments")
	}
}

func TestStreamEndsAreFacts(t *testing.T) {
	passesOnBoth(t, func(t *T) {
		if s := t.DialTo(netip.AddrPortFrom(t.Target().Addr(), 1)); s.Opened() || !errors.Is(s.Err(), ErrRefused) {
			t.Harnessf("a closed port: %v %v", s.Opened(), s.Err())
		}
		s := t.Dial()
		told := 0
		s.Handle = func(*Stream) { told++ }
		s.WriteMalformed([]byte("!"), "reset me")
		until(t, "the reset", s.Ended)
		if !errors.Is(s.Err(), ErrReset) || told != 1 {
			t.Harnessf("a reset: %v, told %d times", s.Err(), told)
		}
		s.Write([]byte("after the end"), "lost")
		s.Close()
	})
}

func TestStreamsAreAccepted(t *testing.T) {
	passesOnBoth(t, func(t *T) {
		var s *Stream
		l := t.Listen(func(accepted *Stream) { s = accepted })
		t.Open().SendTo(t.Target(), []byte(l.Addr().String()), "dial us")
		until(t, "hello", func() bool { return s != nil && string(s.Buffered()) == "hello" })
		if s.Local() != l.Addr() || s.Remote().Addr() != t.Target().Addr() {
			t.Harnessf("accepted at %v from %v", s.Local(), s.Remote())
		}
		s.Close()
	})
}

func TestStreamWindowHoldsUpTheOtherSide(t *testing.T) {
	served, err := Serve(echoHost{}, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	defer served.Close()
	for _, target := range []Target{newSocketEcho(t), &virtualEcho{}, &socketEcho{at: served.Addr()}} {
		r, err := Run(t.Context(), target, Options{Suites: []Suite{lineSuite(readsLate)}})
		require.NoError(t, err)
		assert.Equal(t, Pass, r.Results[0].Verdict, "%+v", r.Results[0].Failure)
	}
}

// readsLate has thrice as much come as the window holds.
func readsLate(t *T) {
	s := t.Dial()
	const size = 3 * StreamWindow
	s.Write(bytes.Repeat([]byte("x"), size), "")
	s.CloseWrite()
	until(t, "a full window", func() bool { return len(s.Buffered()) >= StreamWindow })
	t.Wait(100 * time.Millisecond)
	if n := len(s.Buffered()); n != StreamWindow {
		t.Harnessf("%d bytes are buffered", n)
	}
	got := 0
	until(t, "the rest", func() bool {
		got += len(s.Buffered())
		s.Discard(len(s.Buffered()))
		return s.Ended()
	})
	if got != size {
		t.Harnessf("%d of %d bytes came", got, size)
	}
}

func TestStreamThatNobodyReadsBreaks(t *testing.T) {
	passesOnBoth(t, func(t *T) {
		s := t.Dial() // the echo stands still when we do not read
		for range 2*StreamQueue/StreamWindow + 8 {
			s.Write(make([]byte, StreamWindow), "")
		}
		if !errors.Is(s.Err(), ErrClogged) {
			t.Harnessf("it ended with %v", s.Err())
		}
	})
}

func TestStreamIsDecrypted(t *testing.T) {
	var offsets []int64
	results := passesOnBoth(t, func(t *T) {
		offsets = nil
		t.suite.Frame = func(_ *Stream, at int64, buf []byte) (int, any) {
			n := bytes.IndexByte(buf, '\n') + 1
			if n > 0 {
				offsets = append(offsets, at)
			}
			return n, string(buf[:n])
		}
		s := t.Dial()
		s.Write([]byte("plain\n\x35\x34\x3e\x5e"), "the next bytes are already encrypted")
		until(t, "the echo", func() bool { return len(s.Buffered()) == 10 })
		s.Discard(6)
		flip := func(b []byte) {
			for i := range b {
				b[i] ^= 0x54
			}
		}
		s.Encrypt(flip, flip)
		s.Write([]byte("b\n"), "")
		until(t, "the echo", func() bool { return string(s.Buffered()) == "a`j\nb\n" })
		if want := []int64{0, 0, 0, 0, 4}; !slices.Equal(offsets, want) {
			t.Harnessf("the messages begin at %v, not at %v", offsets, want)
		}
	})
	for _, res := range results {
		last := res.Transcript[len(res.Transcript)-1]
		assert.Equal(t, "b\n", last.Decoded)
	}
}

func TestStreamLint(t *testing.T) {
	for _, res := range onBoth(t, func(t *T) { t.Dial().Write([]byte("bad"), "") }) {
		assert.Equal(t, Error, res.Verdict)
	}
	passesOnBoth(t, func(t *T) { t.Dial().WriteMalformed([]byte("bad"), "on purpose") })
}

// A target that opens streams without end is held off, and those that it has go on.
func TestSocketStreamsAreBounded(t *testing.T) {
	n := NewSocketNetwork(LoopbackSources())
	defer n.Shut()
	for range MaxStreams {
		n.dialled++
		n.streams[n.dialled] = newSocketStream(n, n.dialled)
	}
	at, err := n.Listen(netip.AddrPort{})
	require.NoError(t, err)
	_, err = n.Dial(netip.AddrPort{}, at)
	assert.ErrorContains(t, err, "1024 streams")
	far, err := net.Dial("tcp", at.String())
	if err == nil {
		defer far.Close()
		_, err = far.Read(make([]byte, 1))
	}
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	n.Abort(1)
	again, err := net.Dial("tcp", at.String())
	require.NoError(t, err)
	defer again.Close()
	a, ok := n.Recv(n.Now() + 5*time.Second)
	require.True(t, ok)
	assert.Equal(t, StreamAccepted, a.(StreamEvent).Kind)
}

// What is written before Close arrives; the other side sees an end in good order.
func TestSocketStreamCloseIsInGoodOrder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, abort := range []bool{false, true} {
		n := NewSocketNetwork(LoopbackSources())
		c, err := n.Dial(netip.AddrPort{}, l.Addr().(*net.TCPAddr).AddrPort())
		require.NoError(t, err)
		far, err := l.Accept()
		require.NoError(t, err)
		a, ok := n.Recv(n.Now() + 5*time.Second)
		require.True(t, ok)
		require.Equal(t, StreamOpened, a.(StreamEvent).Kind)
		_, err = far.Write([]byte("nobody reads this"))
		require.NoError(t, err)
		if abort {
			n.Abort(c)
		} else {
			require.NoError(t, n.Write(c, make([]byte, 8<<20)))
			n.CloseStream(c)
		}
		got, err := io.Copy(io.Discard, far)
		if abort {
			assert.Error(t, err)
		} else {
			assert.NoError(t, err)
			assert.EqualValues(t, 8<<20, got)
		}
		far.Close()
		n.Shut()
	}
}
