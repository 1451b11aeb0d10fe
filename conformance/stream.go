package conformance

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Stream is one connection between the harness and its target for the length
// of a case.
type Stream struct {
	// Handle is called when bytes have arrived, when the other side has ended
	// and when the stream broke; nil leaves all to the case.
	Handle func(*Stream)

	t             *T
	conn          spec.Conn
	local, remote netip.AddrPort
	opened        bool
	ended         bool
	closed        bool // by us
	err           error
	buf           []byte // arrived and not consumed
	shown         int    // of buf, in the transcript
	read, written int64  // offsets of buf[0] and of the next byte to write
	encrypt       func(b []byte)
	decrypt       func(b []byte)
}

// Dial connects to the target from a source address of its own. A target that
// does not accept ends the case as inconclusive.
func (t *T) Dial() *Stream {
	s := t.DialTo(t.Target())
	if !s.opened {
		t.end(Inconclusive, &Failure{
			Message: "the target cannot be reached: " + s.err.Error(), Whose: EnvironmentFault,
		})
	}
	return s
}

// DialTo connects to any address and waits for the outcome: [Stream.Opened], or
// [Stream.Err].
func (t *T) DialTo(to netip.AddrPort) *Stream { return t.DialFrom(netip.AddrPort{}, to) }

// DialFrom is [T.DialTo] from a given source address, as that of another stream;
// a zero port asks for any.
func (t *T) DialFrom(local, to netip.AddrPort) *Stream {
	c, err := t.net.Dial(local, to)
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "no stream for the harness: " + err.Error(), Whose: EnvironmentFault})
	}
	s := &Stream{t: t, conn: c, remote: to}
	t.streams[c] = s
	if !t.Until(func() bool { return s.opened || s.ended }, DialTimeout+time.Second) {
		s.fail(ErrRefused)
	}
	return s
}

// Listener is an address at which the harness accepts streams.
type Listener struct {
	// Accept is called with each stream that was accepted; nil resets it.
	Accept func(*Stream)

	t     *T
	local netip.AddrPort
}

// Listen accepts streams at an address of its own.
func (t *T) Listen(accept func(*Stream)) *Listener { return t.ListenAt(netip.AddrPort{}, accept) }

// ListenAt accepts streams at the given address; a zero port asks for any. The
// address of a [Socket] will do: a port is free for each of the two kinds.
func (t *T) ListenAt(local netip.AddrPort, accept func(*Stream)) *Listener {
	at, err := t.net.Listen(local)
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "no listener for the harness: " + err.Error(), Whose: EnvironmentFault})
	}
	l := &Listener{t: t, local: at, Accept: accept}
	t.accepts[at] = l
	return l
}

// Addr is the address that the target sees.
func (l *Listener) Addr() netip.AddrPort { return l.local }

// Close stops accepting; streams that were accepted go on.
func (l *Listener) Close() {
	l.t.net.Unlisten(l.local)
	delete(l.t.accepts, l.local)
}

// Local is the address of the harness's side.
func (s *Stream) Local() netip.AddrPort { return s.local }

// Remote is the address of the other side.
func (s *Stream) Remote() netip.AddrPort { return s.remote }

// Opened reports that the connection was made, whatever became of it.
func (s *Stream) Opened() bool { return s.opened }

// Ended reports that nothing more will arrive: the other side has ended in good
// order, or the stream was refused, reset or aborted. What arrived before may
// still be buffered.
func (s *Stream) Ended() bool { return s.ended }

// Err is nil unless the stream ended otherwise than in good order: [ErrRefused],
// [ErrReset], [ErrClogged], or the system's own.
func (s *Stream) Err() error { return s.err }

// Buffered returns the bytes that arrived and were not discarded. They are good
// until the next call of Discard or of a method that pumps. When there are
// [StreamWindow] of them, no more arrive.
func (s *Stream) Buffered() []byte { return s.buf }

// Discard consumes the first n bytes of Buffered.
func (s *Stream) Discard(n int) {
	if n > s.shown {
		s.show(n - s.shown)
	}
	s.buf = s.buf[n:]
	s.shown -= n
	s.read += int64(n)
	s.t.net.Consume(s.conn, n)
}

// Write sends well-formed bytes. Those that the suite's linter refuses are the
// harness's own fault and end the case as an error.
func (s *Stream) Write(b []byte, note string) {
	if lint := s.t.suite.LintStream; lint != nil {
		if err := lint(s, s.written, b); err != nil {
			s.t.Harnessf("the harness was about to send a malformed message: %v: %x", err,
				b[:min(len(b), TranscriptPayload)])
		}
	}
	s.WriteMalformed(b, note)
}

// WriteMalformed sends bytes that are wrong on purpose, or a part of a message;
// the note says how. What is written to a stream that has broken is lost.
func (s *Stream) WriteMalformed(b []byte, note string) {
	if s.closed || s.err != nil {
		s.t.Notef("not sent, for the stream is gone: %d bytes %s", len(b), note)
		return
	}
	s.logWritten(b, note)
	s.written += int64(len(b))
	if s.encrypt != nil {
		b = append([]byte(nil), b...)
		s.encrypt(b)
	}
	if err := s.t.net.Write(s.conn, b); err != nil {
		s.t.net.Abort(s.conn)
		s.fail(err)
	}
}

// Encrypt has everything that is written and read from now on pass through the
// two functions, which change bytes in place; what is buffered and not yet
// discarded is decrypted at once. Linter and transcript see the plain bytes, at
// offsets that begin again at 0. Either may be nil.
func (s *Stream) Encrypt(encrypt, decrypt func(b []byte)) {
	s.encrypt, s.decrypt = encrypt, decrypt
	s.read, s.written, s.shown = 0, 0, 0
	if decrypt != nil {
		decrypt(s.buf)
	}
	s.frame()
}

// CloseWrite ends the harness's direction in good order; the other goes on.
func (s *Stream) CloseWrite() {
	s.event("we send no more")
	s.t.net.CloseWrite(s.conn)
}

// Close ends the stream in good order.
func (s *Stream) Close() { s.leave("closed by us", s.t.net.CloseStream) }

// Abort resets the stream.
func (s *Stream) Abort() { s.leave("reset by us", s.t.net.Abort) }

func (s *Stream) leave(how string, end func(spec.Conn)) {
	if !s.closed && s.err == nil {
		s.event(how)
		end(s.conn)
	}
	s.closed, s.ended = true, true
	delete(s.t.streams, s.conn)
}

// fail ends a stream that broke.
func (s *Stream) fail(err error) {
	s.show(len(s.buf) - s.shown)
	s.event(err.Error())
	s.ended, s.err = true, err
	delete(s.t.streams, s.conn)
}

// stream hands an event to its stream.
func (t *T) stream(e StreamEvent) {
	s := t.streams[e.Conn]
	if e.Kind == StreamAccepted {
		t.accept(e)
		return
	}
	if s == nil || e.Kind == StreamDrained {
		return // it was closed, or belonged to an earlier case
	}
	switch e.Kind {
	case StreamOpened:
		s.opened, s.local, s.remote = true, e.Local, e.Remote
		s.event("connected")
		return
	case StreamData:
		s.arrived(e.Data)
	case StreamEnded:
		s.show(len(s.buf) - s.shown)
		s.event("ended by the other side")
		s.ended = true
	case StreamBroken:
		s.fail(e.Err)
	}
	if s.Handle != nil {
		s.Handle(s)
	}
}

func (t *T) accept(e StreamEvent) {
	l := t.accepts[e.Local]
	if l == nil || l.Accept == nil {
		t.net.Abort(e.Conn)
		return
	}
	s := &Stream{t: t, conn: e.Conn, local: e.Local, remote: e.Remote, opened: true}
	t.streams[e.Conn] = s
	s.event("accepted")
	l.Accept(s)
}

func (s *Stream) arrived(b []byte) {
	if s.decrypt != nil {
		s.decrypt(b)
	}
	s.buf = append(s.buf, b...)
	s.frame()
}

// frame shows the messages that are complete. A beginning that fills the
// window is shown as it is.
func (s *Stream) frame() {
	frame := s.t.suite.Frame
	for s.shown < len(s.buf) {
		rest, n := s.buf[s.shown:], 0
		var decoded any
		if frame == nil {
			n = len(rest)
		} else {
			n, decoded = frame(s, s.read+int64(s.shown), rest)
		}
		if n == 0 && len(s.buf) < StreamWindow {
			return
		}
		if n <= 0 || n > len(rest) {
			n = len(rest)
		}
		s.t.log.add(s.entry("<", rest[:n], "", decoded))
		s.shown += n
	}
}

// show puts n bytes that are no whole message into the transcript.
func (s *Stream) show(n int) {
	if n > 0 {
		s.t.log.add(s.entry("<", s.buf[s.shown:s.shown+n], "", nil))
		s.shown += n
	}
}

// logWritten shows each message of b. The note belongs to the first.
func (s *Stream) logWritten(b []byte, note string) {
	for at := s.written; len(b) > 0; note = "" {
		n, decoded := 0, any(nil)
		if frame := s.t.suite.Frame; frame != nil {
			n, decoded = frame(s, at, b)
		}
		if n <= 0 || n > len(b) {
			n = len(b)
		}
		s.t.log.add(s.entry(">", b[:n], note, decoded))
		b, at = b[n:], at+int64(n)
	}
}

func (s *Stream) entry(dir string, b []byte, note string, decoded any) Entry {
	from, to := s.local, s.remote
	if dir == "<" {
		from, to = to, from
	}
	return s.t.entry(dir, from, to, b, decoded, note)
}

// event shows what became of the connection.
func (s *Stream) event(what string) {
	local := "…"
	if s.local.IsValid() {
		local = s.local.String()
	}
	s.t.log.add(Entry{At: s.t.Now() - s.t.began, Dir: "!", Via: local + " ⇄ " + s.remote.String(), Note: what})
}

// closeAll ends what the case has open, in an order that repeats.
func (t *T) closeAll() {
	for _, addr := range slices.SortedFunc(maps.Keys(t.sockets), netip.AddrPort.Compare) {
		t.net.Close(addr)
	}
	for _, addr := range slices.SortedFunc(maps.Keys(t.accepts), netip.AddrPort.Compare) {
		t.net.Unlisten(addr)
	}
	for _, c := range slices.Sorted(maps.Keys(t.streams)) {
		t.net.CloseStream(c)
	}
}
