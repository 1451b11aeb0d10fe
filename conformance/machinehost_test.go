package conformance

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// line is the message of the toy machine, on streams and in datagrams.
type line string

func (line) IsMessage() {}

// lines is its codec: a line ends at '\n', and one of 9 bytes is an error.
type lines struct{}

func (lines) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return append(b, m.(line)...), nil
}
func (lines) ParseMessage(b []byte) (spec.Message, error) { return line(b), nil }
func (lines) Decoder() spec.Decoder                       { return lines{} }
func (lines) Decode(b []byte) (spec.Message, int, error) {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 && len(b) > 8 {
		return nil, 0, errors.New("the line is too long")
	}
	return line(b[:n]), n, nil
}

// librarian keeps one piece: "store\n", "load\n" and "verify\n" work on it, and
// each answer is a line. "deflate\n" compresses what follows. It dials whom a
// datagram names, says when all it wrote is gone, and reports how its streams end.
type librarian struct {
	conn   spec.Conn
	dialed spec.Conn
}

func (*librarian) Deadline() (time.Duration, bool) { return 0, false }
func (l *librarian) Clone() spec.Machine           { c := *l; return &c }
func (*librarian) AppendState(b []byte) []byte     { return b }
func (*librarian) Check() error                    { return nil }

func (l *librarian) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	say := func(s string) []spec.Effect { return append(out, spec.Write{Conn: l.conn, Msg: line(s)}) }
	switch in := in.(type) {
	case spec.Recv:
		l.dialed++
		return append(out, spec.Dial{Conn: l.dialed, To: netip.MustParseAddrPort(string(in.Msg.(line)))})
	case spec.Opened:
		l.conn = in.Conn
		if in.Conn > 0 {
			return say("dialled\n")
		}
	case spec.Got:
		l.conn = in.Conn
		switch in.Msg.(line) {
		case "store\n":
			return append(out, spec.Store{Token: 1, Piece: 1, Begin: 2, Data: []byte("content")})
		case "load\n":
			return append(out, spec.Load{Token: 2, Piece: 1, Begin: 2, Length: 7})
		case "verify\n":
			return append(out, spec.Verify{Token: 3, Piece: 1})
		case "deflate\n":
			return append(say("from now on\n"), spec.Deflate{Conn: in.Conn, In: true, Out: true})
		case "bye\n":
			return append(say("farewell\n"), spec.Close{Conn: in.Conn})
		}
	case spec.Stored:
		return say("stored\n")
	case spec.Loaded:
		return say(string(in.Data) + "\n")
	case spec.Verified:
		if in.OK {
			return say("verified\n")
		}
	case spec.Drained:
		return append(out, spec.Notify{Event: happened("drained")})
	case spec.Closed:
		what := happened("closed")
		if in.Err != nil {
			what = happened(in.Err.Error())
		}
		return append(out, spec.Notify{Event: what})
	}
	return out
}

type happened string

func (happened) IsEvent() {}

// shelf is a storage of one piece.
type shelf struct{ kept []byte }

func (s *shelf) Load(_, begin int32, b []byte) error {
	copy(b, s.kept[begin:])
	return nil
}
func (s *shelf) Store(_, begin int32, data []byte) error {
	s.kept = append(make([]byte, begin), data...)
	return nil
}
func (s *shelf) Verify(piece int32) (bool, error) { return piece == 1 && len(s.kept) == 9, nil }

// libraryTarget plays the librarian on virtual time or on real sockets.
type libraryTarget struct {
	toyTarget
	virtual bool
	events  chan happened
}

func (l *libraryTarget) Network() (Network, error) {
	if l.virtual {
		return NewVirtualNetwork(), nil
	}
	return NewSocketNetwork(LoopbackSources()), nil
}

func (l *libraryTarget) Start(_ context.Context, n Network, _ StartOptions) (Instance, error) {
	h := &MachineHost{Machine: &librarian{}, Codec: lines{}, Streams: lines{}, Storage: &shelf{}}
	h.OnEffect = func(_ time.Duration, e spec.Effect) { l.events <- e.(spec.Notify).Event.(happened) }
	if l.virtual {
		n.(*VirtualNetwork).Attach(h, toyAddr)
		return toyInstance{&toyTarget{}}, nil
	}
	s, err := Serve(h, netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	return servedInstance{liveInstance{s.Addr()}, s}, nil
}

type servedInstance struct {
	liveInstance
	server *Server
}

func (s servedInstance) Stop() error { s.server.Close(); return nil }

// asks exchanges one line.
func asks(t *T, s *Stream, question, answer string) {
	if question != "" {
		s.Write([]byte(question), "")
	}
	if !t.Until(func() bool { return len(s.Buffered()) >= len(answer) || s.Ended() }, 5*time.Second) ||
		string(s.Buffered()) != answer {
		t.Harnessf("%q was answered with %q", question, s.Buffered())
	}
	s.Discard(len(answer))
}

// A machine sees the same inputs and gives the same bytes on both paths.
func TestMachineHostIsTheSameOnBothPaths(t *testing.T) {
	for _, virtual := range []bool{true, false} {
		target := &libraryTarget{virtual: virtual, events: make(chan happened, 100)}
		suite := lineSuite(func(t *T) {
			s := t.Dial()
			asks(t, s, "store\n", "stored\n")
			asks(t, s, "load\nver", "content\n")
			asks(t, s, "ify\n", "verified\n")
			asks(t, s, "bye\n", "farewell\n")
			until(t, "the end", s.Ended)

			var back *Stream
			l := t.Listen(func(s *Stream) { back = s })
			t.Open().SendTo(t.Target(), []byte(l.Addr().String()), "")
			until(t, "the machine's own stream", func() bool { return back != nil })
			asks(t, back, "", "dialled\n")
			back.WriteMalformed([]byte("much too long"), "")
			until(t, "the end", back.Ended)
			if back.Err() != nil {
				t.Harnessf("a machine ends in good order what its codec refuses, not with %v", back.Err())
			}
			t.Dial().Abort()
			t.Dial().Close()
			t.Wait(100 * time.Millisecond)
			nobody := t.Listen(nil)
			nobody.Close()
			t.Open().SendTo(t.Target(), []byte(nobody.Addr().String()), "")
			t.Wait(100 * time.Millisecond)
		})
		r, err := Run(t.Context(), target, Options{Suites: []Suite{suite}})
		require.NoError(t, err)
		require.Equal(t, Pass, r.Results[0].Verdict, "%+v", r.Results[0].Failure)
		close(target.events)
		var saw []happened
		for e := range target.events {
			if e != "drained" {
				saw = append(saw, e)
			}
		}
		assert.ElementsMatch(t, []happened{
			"the line is too long", happened(ErrReset.Error()), "closed", happened(ErrRefused.Error()),
		}, saw, "virtual: %v", virtual)
	}
}

// What a stream carries is compressed from where the machine says, however it is
// cut: the bytes that come with the message before, too.
func TestMachineHostDeflates(t *testing.T) {
	var deflater deflate.Deflater
	in := deflater.Append([]byte("store\ndeflate\n"), []byte("load\nverify\nload\n"))
	for cut := range in {
		h := &MachineHost{Machine: &librarian{}, Codec: lines{}, Streams: lines{}, Storage: &shelf{}}
		out := h.Stream(0, StreamEvent{Kind: StreamAccepted, Conn: -1}, nil)
		for _, part := range [][]byte{in[:cut], in[cut:]} {
			out = h.Stream(0, StreamEvent{Kind: StreamData, Conn: -1, Data: part}, out)
		}
		var said []byte
		for _, o := range out {
			said = append(said, o.Payload...)
		}
		rest, ok := bytes.CutPrefix(said, []byte("stored\nfrom now on\n"))
		require.True(t, ok, "%q", said)
		z := deflate.NewInflater()
		z.Push(rest)
		var got []byte
		for more, err := z.Next(); len(more) > 0; more, err = z.Next() {
			require.NoError(t, err)
			got = append(got, more...)
		}
		require.Equal(t, "content\nverified\ncontent\n", string(got), "cut at %d", cut)
		z.Stop()
		h.Stream(0, StreamEvent{Kind: StreamEnded, Conn: -1}, nil)
	}
}

// What is no zlib stream, and what inflates to what the codec refuses, ends a
// stream as what the codec refuses does; the end of the zlib stream is the end.
func TestMachineHostRefusesWhatDoesNotInflate(t *testing.T) {
	var bomb bytes.Buffer
	w := zlib.NewWriter(&bomb)
	_, err := w.Write(make([]byte, 64<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, c := range []struct{ in, want string }{
		{"no zlib stream", zlib.ErrHeader.Error()},
		{bomb.String(), "the line is too long"},
		{"\x78\x9c\x03\x00\x00\x00\x00\x01", "closed"},
	} {
		var saw []happened
		h := &MachineHost{Machine: &librarian{}, Streams: lines{}, OnEffect: func(_ time.Duration, e spec.Effect) {
			saw = append(saw, e.(spec.Notify).Event.(happened))
		}}
		h.Stream(0, StreamEvent{Kind: StreamAccepted, Conn: -1}, nil)
		out := h.Stream(0, StreamEvent{Kind: StreamData, Conn: -1, Data: []byte("deflate\n" + c.in)}, nil)
		assert.Equal(t, []happened{happened(c.want)}, saw)
		assert.Equal(t, CloseStream, out[len(out)-1].Op)
	}
}

func TestServerDoesWhatItIsTold(t *testing.T) {
	s, err := Serve(toyHost{pong}, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	n := NewSocketNetwork(LoopbackSources())
	defer n.Shut()
	at, err := n.Open(netip.AddrPort{})
	require.NoError(t, err)
	require.True(t, s.Do(func(_ time.Duration, out []Outgoing) []Outgoing {
		return append(out, Outgoing{To: at, Payload: []byte("unasked")})
	}))
	d, ok := n.Recv(n.Now() + 5*time.Second)
	require.True(t, ok)
	assert.Equal(t, "unasked", string(d.(Datagram).Data))
	s.Close()
	assert.False(t, s.Do(func(_ time.Duration, out []Outgoing) []Outgoing { return out }))
}
