package conformance

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// MachineHost makes a host of a machine and its codecs.
type MachineHost struct {
	Machine spec.Machine
	Codec   spec.Codec        // of datagrams; nil drops them
	Streams spec.StreamCodec  // nil resets streams
	Storage transport.Storage // of a machine that keeps pieces
	// OnEffect sees what is not performed here: Done, Notify, Drop. It may be nil.
	OnEffect func(now time.Duration, e spec.Effect)

	effects []spec.Effect
	answers []spec.Input // of the storage, in the order of the questions
	open    map[spec.Conn]*machineStream
}

// machineStream is one of the machine's streams.
type machineStream struct {
	decoder  spec.Decoder
	buf      []byte // the beginning of a message
	written  bool   // Drained is due once the network has taken all
	inflate  bool   // what follows in buf, and what arrives, is compressed
	inflater *deflate.Inflater
	deflater *deflate.Deflater // nil: what is written is plain
}

// Apply steps the machine with one input, and then with the answers of its
// storage.
func (h *MachineHost) Apply(now time.Duration, in spec.Input, out []Outgoing) []Outgoing {
	out = h.step(now, in, out)
	for len(h.answers) > 0 {
		in, h.answers = h.answers[0], h.answers[1:]
		out = h.step(now, in, out)
	}
	return out
}

func (h *MachineHost) step(now time.Duration, in spec.Input, out []Outgoing) []Outgoing {
	h.effects = h.Machine.Step(now, in, h.effects[:0])
	for _, e := range h.effects {
		out = h.perform(now, e, out)
	}
	return out
}

func (h *MachineHost) perform(now time.Duration, e spec.Effect, out []Outgoing) []Outgoing {
	switch e := e.(type) {
	case spec.Send:
		return append(out, Outgoing{To: e.To, Payload: encoded(h.Codec.AppendMessage(nil, e.Msg))})
	case spec.Dial:
		h.track(e.Conn)
		return append(out, Outgoing{Op: DialStream, Conn: e.Conn, To: e.To})
	case spec.Write:
		s := h.open[e.Conn]
		if s == nil {
			return out // it has ended, and the machine does not know yet
		}
		s.written = true
		b := encoded(h.Streams.AppendMessage(nil, e.Msg))
		if s.deflater != nil {
			b = s.deflater.Append(nil, b)
		}
		return append(out, Outgoing{Op: WriteStream, Conn: e.Conn, Payload: b})
	case spec.Deflate:
		if s := h.open[e.Conn]; s != nil {
			s.compress(e)
		}
	case spec.Close:
		h.forget(e.Conn)
		return append(out, Outgoing{Op: CloseStream, Conn: e.Conn})
	case spec.Load:
		data := make([]byte, e.Length)
		err := h.Storage.Load(e.Piece, e.Begin, data)
		h.answers = append(h.answers, spec.Loaded{Token: e.Token, Data: data, Err: err})
	case spec.Store:
		err := h.Storage.Store(e.Piece, e.Begin, e.Data)
		h.answers = append(h.answers, spec.Stored{Token: e.Token, Err: err})
	case spec.Verify:
		ok, err := h.Storage.Verify(e.Piece)
		h.answers = append(h.answers, spec.Verified{Token: e.Token, OK: ok, Err: err})
	default:
		if h.OnEffect != nil {
			h.OnEffect(now, e)
		}
	}
	return out
}

func encoded(b []byte, err error) []byte {
	if err != nil {
		panic(fmt.Sprintf("conformance: the machine sent what its codec refuses: %v", err))
	}
	return b
}

func (h *MachineHost) track(c spec.Conn) *machineStream {
	if h.open == nil {
		h.open = map[spec.Conn]*machineStream{}
	}
	s := &machineStream{decoder: h.Streams.Decoder()}
	h.open[c] = s
	return s
}

// forget ends the reading side of a stream.
func (h *MachineHost) forget(c spec.Conn) {
	if s := h.open[c]; s != nil && s.inflater != nil {
		s.inflater.Stop()
	}
	delete(h.open, c)
}

// Deliver parses one datagram; what does not parse is dropped.
func (h *MachineHost) Deliver(now time.Duration, d Datagram, out []Outgoing) []Outgoing {
	if h.Codec == nil {
		return out
	}
	m, err := h.Codec.ParseMessage(d.Data)
	if err != nil {
		return out
	}
	return h.Apply(now, spec.Recv{From: d.From, Msg: m}, out)
}

// Stream translates what happened to a stream.
func (h *MachineHost) Stream(now time.Duration, e StreamEvent, out []Outgoing) []Outgoing {
	if e.Kind == StreamAccepted {
		if h.Streams == nil {
			return append(out, Outgoing{Op: AbortStream, Conn: e.Conn})
		}
		h.track(e.Conn)
	}
	s := h.open[e.Conn]
	switch {
	case s == nil: // the machine has closed it
	case e.Kind == StreamAccepted, e.Kind == StreamOpened:
		return h.Apply(now, spec.Opened{Conn: e.Conn, Remote: e.Remote}, out)
	case e.Kind == StreamData:
		return h.read(now, s, e, out)
	case e.Kind == StreamDrained && s.written:
		s.written = false
		return h.Apply(now, spec.Drained{Conn: e.Conn}, out)
	case e.Kind == StreamEnded, e.Kind == StreamBroken:
		return h.closed(now, e.Conn, e.Err, out)
	}
	return out
}

// read decodes what is complete. The machine may close the stream meanwhile.
func (h *MachineHost) read(now time.Duration, s *machineStream, e StreamEvent, out []Outgoing) []Outgoing {
	s.push(e.Data)
	for h.open[e.Conn] == s {
		m, n, err := s.next()
		if err != nil || n < 0 {
			return h.closed(now, e.Conn, err, out)
		}
		if n == 0 {
			break
		}
		out = h.Apply(now, spec.Got{Conn: e.Conn, Msg: m}, out)
		s.buf = s.buf[n:]
		s.push(nil)
	}
	return out
}

// compress takes note of what a machine wants. The message that it is being given
// still lies in buf.
func (s *machineStream) compress(e spec.Deflate) {
	s.inflate = s.inflate || e.In
	if e.Out {
		s.deflater = &deflate.Deflater{}
	}
}

// push adds what arrived.
func (s *machineStream) push(b []byte) {
	if s.inflate && s.inflater == nil {
		s.inflater = deflate.NewInflater()
		s.inflater.Push(s.buf)
		s.buf = nil
	}
	if s.inflater != nil {
		s.inflater.Push(b)
	} else {
		s.buf = append(s.buf, b...)
	}
}

// next returns the first message of buf and its length, which is 0 when more has to
// arrive, and -1 when the other side has ended what it compresses. A chunk is
// inflated when all before it has been decoded, so that the decoder's limits hold.
func (s *machineStream) next() (m spec.Message, n int, err error) {
	for {
		if len(s.buf) > 0 {
			if m, n, err = s.decoder.Decode(s.buf); n > 0 || err != nil {
				return m, n, err
			}
		}
		if s.inflater == nil {
			return nil, 0, nil
		}
		b, err := s.inflater.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, -1, nil
		case err != nil || len(b) == 0:
			return nil, 0, err
		}
		s.buf = append(s.buf, b...)
	}
}

// closed ends this side as well, and tells the machine.
func (h *MachineHost) closed(now time.Duration, c spec.Conn, err error, out []Outgoing) []Outgoing {
	h.forget(c)
	out = append(out, Outgoing{Op: CloseStream, Conn: c})
	return h.Apply(now, spec.Closed{Conn: c, Err: err}, out)
}

// Wake lets the machine's timers fire.
func (h *MachineHost) Wake(now time.Duration, out []Outgoing) []Outgoing {
	return h.Apply(now, spec.Wake{}, out)
}

// Deadline is the machine's.
func (h *MachineHost) Deadline() (time.Duration, bool) { return h.Machine.Deadline() }
