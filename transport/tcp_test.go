package transport_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// line is the toy message of streams: a length of two bytes, and the text. A
// text that begins with '?' is echoed, with '!' refused by the decoder, with
// '.' it closes the stream after an echo, with '#' it compresses what follows one.
type line string

func (line) IsMessage() {}

const maxLine = 60000

type lines struct{}

func (lines) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	t := m.(line)
	if t == "" {
		return b, errText
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(t))), t...), nil
}

func (lines) Decoder() spec.Decoder { return lines{} }

func (lines) Decode(b []byte) (spec.Message, int, error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	switch {
	case n > 2+maxLine:
		return nil, 0, errText
	case len(b) < n:
		return nil, 0, nil
	case b[2] == '!':
		return nil, 0, errText
	}
	return line(b[2:n]), n, nil
}

// do is the command that performs effects.
type do struct{ effects []spec.Effect }

func (do) IsInput() {}

// heard is an input of the toy machine, reported.
type heard struct{ in spec.Input }

func (heard) IsEvent() {}

// toy echoes lines and reports what it hears. With chatter set it writes that
// many bytes on every stream, a line at a time, each after Drained.
type toy struct {
	chatter, chatted int
}

func (m *toy) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case do:
		return append(out, in.effects...)
	case spec.Wake:
		return out
	case spec.Got:
		switch t := in.Msg.(line); t[0] {
		case '?':
			out = append(out, spec.Write{Conn: in.Conn, Msg: "=" + t})
		case '#':
			out = append(out, spec.Write{Conn: in.Conn, Msg: "=" + t}, spec.Deflate{Conn: in.Conn, In: true, Out: true})
		case '.':
			out = append(out, spec.Write{Conn: in.Conn, Msg: "=" + t}, spec.Close{Conn: in.Conn})
		}
	case spec.Opened:
		if m.chatter > 0 {
			out = append(out, spec.Write{Conn: in.Conn, Msg: line(strings.Repeat("x", maxLine))})
		}
	case spec.Drained:
		if m.chatted += maxLine; m.chatted < m.chatter {
			out = append(out, spec.Write{Conn: in.Conn, Msg: line(strings.Repeat("x", maxLine))})
		}
	case spec.Loaded:
		in.Data = bytes.Clone(in.Data) // borrowed
		return append(out, spec.Notify{Event: heard{in}})
	}
	return append(out, spec.Notify{Event: heard{in}})
}

func (*toy) Deadline() (time.Duration, bool) { return 0, false }
func (m *toy) Clone() spec.Machine           { c := *m; return &c }
func (*toy) AppendState(b []byte) []byte     { return b }
func (*toy) Check() error                    { return nil }

var anywhere = netip.MustParseAddrPort("127.0.0.1:0")

// serve runs a toy on a listener of its own; what it hears comes out of the
// channel. Its end leaves no goroutine.
func serve(t testing.TB, cfg transport.TCPConfig) (*transport.TCP, <-chan spec.Effect) {
	t.Helper()
	effects := make(chan spec.Effect, 1<<14)
	if cfg.Machine == nil {
		cfg.Machine = &toy{}
	}
	cfg.Codec = lines{}
	cfg.Observe = func(_ time.Duration, e spec.Effect) { effects <- e }
	if cfg.LingerDuration == 0 {
		cfg.LingerDuration = 100 * time.Millisecond
	}
	before := runtime.NumGoroutine()
	tcp, err := transport.ListenTCP(anywhere, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tcp.Close()
		for i := 0; runtime.NumGoroutine() > before; i++ {
			if i > 200 {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return tcp, effects
}

// hear returns the next input that the toy reports, or fails after a while.
func hear(t testing.TB, effects <-chan spec.Effect) spec.Input {
	t.Helper()
	e := next(t, effects)
	n, ok := e.(spec.Notify)
	if !ok {
		t.Fatalf("%v, want what the machine heard", e)
	}
	return n.Event.(heard).in
}

// hearPast is hear that passes over one input.
func hearPast(t testing.TB, effects <-chan spec.Effect, past spec.Input) spec.Input {
	t.Helper()
	for {
		if in := hear(t, effects); in != past {
			return in
		}
	}
}

func perform(t testing.TB, tcp *transport.TCP, effects ...spec.Effect) {
	t.Helper()
	if err := tcp.Do(do{effects}); err != nil {
		t.Fatal(err)
	}
}

// connected dials from a to b and returns what each hears the other as.
func connected(
	t testing.TB, a *transport.TCP, fromA <-chan spec.Effect, b *transport.TCP, fromB <-chan spec.Effect,
) {
	t.Helper()
	perform(t, a, spec.Dial{Conn: 1, To: b.LocalAddr()})
	if got := hear(t, fromA); got != (spec.Opened{Conn: 1, Remote: b.LocalAddr()}) {
		t.Fatalf("%v, want the stream opened", got)
	}
	if got, ok := hear(t, fromB).(spec.Opened); !ok || got.Conn != -1 || got.Remote.Addr() != b.LocalAddr().Addr() {
		t.Fatalf("%v, want the stream accepted", got)
	}
}

func TestStreamsEcho(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	b, fromB := serve(t, transport.TCPConfig{})
	connected(t, a, fromA, b, fromB)
	long := line("?" + strings.Repeat("y", maxLine-2))
	perform(t, a, spec.Write{Conn: 1, Msg: line("?hi")}, spec.Write{Conn: 1, Msg: long},
		spec.Write{Conn: 1, Msg: line("?ho")})
	for _, want := range []line{"?hi", long, "?ho"} {
		if got := hearPast(t, fromB, spec.Drained{Conn: -1}); got != (spec.Got{Conn: -1, Msg: want, Lent: true}) {
			t.Fatalf("%.40v, want %.10s", got, want)
		}
		if got := hearPast(t, fromA, spec.Drained{Conn: 1}); got != (spec.Got{Conn: 1, Msg: "=" + want, Lent: true}) {
			t.Fatalf("%.40v, want the echo of %.10s", got, want)
		}
	}
	if s := b.Stats(); s.Accepted != 1 || s.Received != 3 || s.ReceivedBytes != uint64(3*2+len(long)+6) {
		t.Errorf("%+v", s)
	}
}

func TestCloseFlushes(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	b, fromB := serve(t, transport.TCPConfig{})
	connected(t, a, fromA, b, fromB)
	var effects []spec.Effect
	for range 100 {
		effects = append(effects, spec.Write{Conn: 1, Msg: line(strings.Repeat("z", maxLine))})
	}
	// What B has under way when A closes must not cost what A wrote.
	perform(t, b, spec.Write{Conn: -1, Msg: line("unread")})
	perform(t, a, append(effects, spec.Close{Conn: 1})...)
	for got := 0; ; {
		switch in := hear(t, fromB).(type) {
		case spec.Got:
			got++
		case spec.Closed:
			if got != 100 || in != (spec.Closed{Conn: -1}) {
				t.Fatalf("%v after %d lines", in, got)
			}
			return
		}
	}
}

func TestShutdownFlushes(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	b, fromB := serve(t, transport.TCPConfig{})
	connected(t, a, fromA, b, fromB)
	perform(t, a, spec.Write{Conn: 1, Msg: line("last words")})
	a.Close()
	if got := hear(t, fromB); got != (spec.Got{Conn: -1, Msg: line("last words"), Lent: true}) {
		t.Errorf("%v", got)
	}
	if got := hear(t, fromB); got != (spec.Closed{Conn: -1}) {
		t.Errorf("%v", got)
	}
	if err := a.Do(do{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
}

func TestLosses(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{})
	for i, c := range []struct {
		name, bytes string
		reason      error
	}{
		{"good order", "\x00\x02hi", nil},
		{"within a message", "\x00\x09hi", io.ErrUnexpectedEOF},
		{"refused by the codec", "\x00\x02!x", errText},
		{"a length that is too large", "\xff\xff", errText},
	} {
		conn, err := net.Dial("tcp", b.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(c.bytes)); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		id := spec.Conn(-1 - i)
		for {
			got, ok := hear(t, fromB).(spec.Closed)
			if !ok {
				continue
			}
			if got.Conn != id || !errors.Is(got.Err, c.reason) {
				t.Errorf("%s: %v", c.name, got)
			}
			break
		}
		conn.Close()
	}
	perform(t, b, spec.Write{Conn: 99, Msg: line("to nobody")}, spec.Close{Conn: 99}) // no harm
}

func TestUnencodableIsReported(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	b, fromB := serve(t, transport.TCPConfig{})
	connected(t, a, fromA, b, fromB)
	perform(t, a, spec.Write{Conn: 1, Msg: line("")})
	if drop, ok := next(t, fromA).(spec.Drop); !ok || drop.From != b.LocalAddr() || !errors.Is(drop.Reason, errText) {
		t.Errorf("%v", drop)
	}
}
