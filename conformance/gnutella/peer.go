package gnutella

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// How long a case waits.
const (
	AnswerWithin = 3 * time.Second
	// PingPause is between two pings of one link: a servent may leave faster ones
	// unanswered (GN-PG-07).
	PingPause = 1100 * time.Millisecond
	// A target that is full is asked again: it may not have seen yet that the links
	// of the case before are closed.
	busyTries = 3
	busyPause = time.Second
)

// Received is one descriptor of the target.
type Received struct {
	At time.Duration
	wire.Descriptor
}

func (r *Received) String() string {
	return fmt.Sprintf("%v with TTL %d and hops %d, %d bytes", r.Type, r.TTL, r.Hops, len(r.Payload))
}

// Peer is one link between a servent of the harness and the target. It reads what
// the target says; of itself it only answers pings, unless it is Quiet.
type Peer struct {
	*conformance.Stream
	// Mine is what we said of ourselves.
	Mine Offer
	// Greeting is the first step of a target that dialled us; nil before it came.
	Greeting *wire.Connect
	// Answer is the target's status: the second step if we dialled, the third if it
	// did. It is nil before it came.
	Answer *wire.Status
	// Log holds every descriptor of the target, in order.
	Log []*Received
	// On is shown each descriptor as it arrives. It must not wait.
	On func(*Received)
	// OnHandshake is called when the target's greeting or status has come.
	OnHandshake func()
	// Fault is why the target's bytes stopped making sense.
	Fault error
	// Quiet leaves the target's pings unanswered.
	Quiet bool
	// Files and Kilobytes are told in pongs.
	Files, Kilobytes uint32

	t       *T
	decode  func(b []byte) (any, int, error)
	inflate *deflate.Inflater // of what the target compresses; nil if it does not
	plain   []byte            // inflated, and not yet a whole message
	deflate *zlib.Writer
	packed  bytes.Buffer // what deflate has written
	cursor  int          // in Log: what Await has gone past
	pinged  time.Duration
}

// NewPeer makes a peer of a stream on which nothing has been said.
func NewPeer(t *T, s *conformance.Stream) *Peer {
	d := wire.Codec{}.Decoder()
	p := &Peer{Stream: s, t: t, pinged: -PingPause, decode: func(b []byte) (any, int, error) { return d.Decode(b) }}
	s.Handle = func(*conformance.Stream) { p.read() }
	p.read()
	return p
}

// Dial connects to the target, from a source address of its own, and says nothing.
func Dial(t *T) *Peer { return NewPeer(t, t.Dial()) }

// Try dials and makes an offer, and waits for the answer: Answer is nil if none
// came.
func Try(t *T, o Offer) *Peer {
	p := Dial(t)
	p.Greet(o)
	p.Answered()
	return p
}

// Greet sends the first step of a handshake.
func (p *Peer) Greet(o Offer) {
	p.Mine = o
	p.Write(encode(wire.Connect{Version: wire.V06(), Headers: wire.Headers(o)}), "")
}

// Answered waits for the target's status.
func (p *Peer) Answered() bool {
	p.t.Until(func() bool { return p.Answer != nil || p.Gone() }, 2*AnswerWithin)
	return p.Answer != nil
}

// Meet dials and shakes hands as offered. A target that does not take the offer
// leaves nothing to judge.
func Meet(t *T, o Offer) *Peer {
	p := again(func() *Peer { return Try(t, o) }, func(p *Peer) bool {
		return p.Answer != nil && p.Answer.Code == wire.Busy
	})
	p.Met()
	return p
}

// again tries until the target is not busy, a few times at most.
func again(try func() *Peer, busy func(*Peer) bool) *Peer {
	p := try()
	for range busyTries - 1 {
		if !busy(p) {
			break
		}
		p.Close()
		p.t.Wait(busyPause)
		p = try()
	}
	return p
}

// Met takes the target's answer and sends the third step, or ends the case. It is
// unsupported if the target has another role than the case is about.
func (p *Peer) Met() {
	switch {
	case p.Answer == nil:
		p.t.Inconclusivef("the target did not answer a handshake: %s", p.Last())
	case p.Answer.Code != wire.Accepted:
		p.t.Inconclusivef("the target refused a handshake: %d %s", p.Answer.Code, p.Answer.Phrase)
	}
	inRole(p.t, p.Answer.Headers)
	p.Conclude(nil)
}

// Conclude sends the third step: that the answer is accepted, with these headers,
// and that we compress if the target takes that and we offer it.
func (p *Peer) Conclude(o Offer) {
	p.Write(encode(wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: wire.Headers(o)}), "")
	if wire.Headers(o).Lists("Content-Encoding", "deflate") {
		p.Deflate()
	}
}

// Deflate compresses what is sent from now on.
func (p *Peer) Deflate() { p.deflate = zlib.NewWriter(&p.packed) }

// inRole ends the case as unsupported if the target's headers say that it has
// another role.
func inRole(t *T, h wire.Headers) {
	v, said := h.Get("X-Ultrapeer")
	ultra := h.Lists("X-Ultrapeer", "true")
	switch r := t.Case().Role; {
	case r == conformance.Ultrapeer && said && !ultra, r == conformance.Leaf && ultra:
		t.Unsupportedf("the target is no %s: it says X-Ultrapeer: %s", r, v)
	}
}

// Send sends well-formed descriptors, in one segment.
func (p *Peer) Send(list ...wire.Descriptor) {
	var b []byte
	for _, d := range list {
		if d.Type == wire.TypePing {
			p.pinged = p.t.Now()
		}
		b = append(b, encode(d)...)
	}
	if p.deflate == nil {
		p.Write(b, "")
		return
	}
	if err := LintStream(p.Stream, 1, b); err != nil {
		p.t.Harnessf("the harness was about to send a malformed message: %v", err)
	}
	p.SendBytes(b, "")
}

// SendBytes sends bytes that may be wrong on purpose, after the handshake; the
// note says how.
func (p *Peer) SendBytes(b []byte, note string) {
	if p.deflate == nil {
		p.WriteMalformed(b, note)
		return
	}
	p.t.Record(">", p.via(">"), b, "compressed: "+note)
	if _, err := p.deflate.Write(b); err == nil {
		_ = p.deflate.Flush() // neither fails into memory
	}
	p.WriteMalformed(p.packed.Bytes(), "what was compressed")
	p.packed.Reset()
}

// Control is the well-behaved exchange of a link: a ping of TTL 1 that the target
// has to answer (GN-PG-04). It returns the round trip, or ends the case.
func (p *Peer) Control() time.Duration {
	if pause := p.pinged + PingPause - p.t.Now(); pause > 0 {
		p.t.Wait(pause)
	}
	began := p.t.Now()
	ping := NewPing(p.t, 1, 0)
	p.Send(ping)
	pong := p.Await(2*AnswerWithin, func(r *Received) bool { return r.Type == wire.TypePong && r.GUID == ping.GUID })
	if pong == nil {
		p.t.Inconclusivef("the target did not answer a ping of TTL 1: %s", p.Last())
	}
	if _, err := wire.ParsePong(pong.Payload); err != nil {
		p.t.Inconclusivef("the target's pong is none: %v", err)
	}
	p.t.Earn()
	return p.t.Now() - began
}

// Alive is the control after something hostile: another peer meets the target and
// is answered.
func (p *Peer) Alive() time.Duration {
	q := Meet(p.t, Equal())
	defer q.Close()
	return q.Control()
}

// match finds the first descriptor that the case has not gone past.
func (p *Peer) match(want func(*Received) bool) *Received {
	for i := p.cursor; i < len(p.Log); i++ {
		if want(p.Log[i]) {
			p.cursor = i + 1
			return p.Log[i]
		}
	}
	return nil
}

// Await waits for a descriptor and goes past it, so that the next Await looks at
// later ones. It returns nil when none came in time, or can come any more.
func (p *Peer) Await(within time.Duration, want func(*Received) bool) *Received {
	var found *Received
	p.t.Until(func() bool {
		found = p.match(want)
		return found != nil || p.Gone()
	}, within)
	return found
}

// AwaitType is [Peer.Await] for a descriptor of one of the types.
func (p *Peer) AwaitType(within time.Duration, types ...wire.Type) *Received {
	return p.Await(within, func(r *Received) bool { return slices.Contains(types, r.Type) })
}

// AwaitGUID is [Peer.Await] for a descriptor of a type and a GUID.
func (p *Peer) AwaitGUID(within time.Duration, typ wire.Type, guid wire.GUID) *Received {
	return p.Await(within, func(r *Received) bool { return r.Type == typ && r.GUID == guid })
}

// Count is how many descriptors so far satisfy the condition.
func (p *Peer) Count(want func(*Received) bool) (n int) {
	for _, r := range p.Log {
		if want(r) {
			n++
		}
	}
	return n
}

// Saw is how many descriptors of a type and a GUID have come.
func (p *Peer) Saw(typ wire.Type, guid wire.GUID) int {
	return p.Count(func(r *Received) bool { return r.Type == typ && r.GUID == guid })
}

// Gone reports that nothing more can come of the target on this link.
func (p *Peer) Gone() bool { return p.Ended() || p.Fault != nil }

// Dropped waits for the target to end the link.
func (p *Peer) Dropped(within time.Duration) bool { return p.t.Until(p.Ended, within) }

// Last says what came last, for the words of a failure.
func (p *Peer) Last() string {
	switch {
	case p.Fault != nil:
		return "bytes that make no message: " + p.Fault.Error()
	case p.Err() != nil:
		return "the link ended: " + p.Err().Error()
	case p.Ended():
		return "the target closed the link"
	case len(p.Log) > 0:
		return "last came " + p.Log[len(p.Log)-1].String()
	case p.Answer != nil:
		return fmt.Sprintf("last came the status %d %s", p.Answer.Code, p.Answer.Phrase)
	default:
		return "silence"
	}
}
