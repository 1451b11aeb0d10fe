package swim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Talk is a stream to the target.
type Talk struct {
	*conformance.Stream
	c       *Cluster
	decoder spec.Decoder
	buf     []byte // what has come and was not read
	begun   bool
}

// Talk opens a stream.
func (c *Cluster) Talk() *Talk {
	t := &Talk{Stream: c.Dial(), c: c, decoder: c.Format.Stream().Decoder()}
	t.Handle = func(s *conformance.Stream) {
		t.buf = append(t.buf, s.Buffered()...)
		s.Discard(len(s.Buffered()))
	}
	return t
}

// Write sends a message as the members do.
func (t *Talk) Write(msg wire.Message) {
	t.Stream.Write(t.c.frame(msg, !t.begun), "")
	t.begun = true
}

// frame is a message as the members write it; opens is for who has dialled.
func (c *Cluster) frame(msg wire.Message, opens bool) []byte {
	b, err := c.Format.Stream().AppendMessage(nil, wire.Frame{Msg: msg, Nonce: c.nonce(), Opens: opens})
	if err != nil {
		c.Harnessf("a frame cannot be written: %v", err)
	}
	return b
}

// Read waits for one message: nil if the stream ends before, or what comes is none.
func (t *Talk) Read(within time.Duration) (got wire.Message) {
	broken := false
	t.c.Until(func() bool {
		m, n, err := t.decoder.Decode(t.buf)
		if err == nil && n > 0 {
			got = m.(wire.Frame).Msg
			t.buf = t.buf[n:]
		}
		broken = err != nil || n == 0 && t.Ended() || n > 0 && got == nil
		return got != nil || broken
	}, within)
	return got
}

// Ends waits for the target to end the stream.
func (t *Talk) Ends(within time.Duration) bool { return t.c.Until(t.Ended, within) }

// Exchange is a push/pull with the target: what it tells, or nil.
func (c *Cluster) Exchange(p wire.PushPull) *wire.PushPull {
	t := c.Talk()
	defer t.Close()
	t.Write(p)
	answer, ok := t.Read(AnswerWithin).(wire.PushPull)
	if !ok {
		return nil
	}
	t.Ends(AnswerWithin) // it merges what it was told before that
	return &answer
}

// Push tells the target the states of members, as after a partition.
func (c *Cluster) Push(nodes ...wire.NodeState) *wire.PushPull {
	return c.Exchange(wire.PushPull{Nodes: nodes})
}

// Join has the target take the member in, and ends the case unless it then tells
// that the member is alive.
func (m *Member) Join() *wire.PushPull {
	m.known = true
	answer := m.c.Exchange(wire.PushPull{Join: true, Nodes: []wire.NodeState{m.State()}})
	if answer == nil {
		m.c.Inconclusivef("the target does not answer the push/pull of a member that joins")
	}
	if n, ok := m.c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation)); !ok {
		m.c.Inconclusivef("the target does not take in a member that joins: its entry is %v", n)
	}
	return answer
}

// accept serves a stream that the target opens.
func (m *Member) accept(s *conformance.Stream) {
	if m.Shut {
		s.Abort()
		return
	}
	s.Handle = m.serve
}

func (m *Member) serve(s *conformance.Stream) {
	msg, n, err := m.c.Format.Stream().Decoder().Decode(bytes.Clone(s.Buffered()))
	switch {
	case err != nil || n > 0 && msg.(wire.Frame).Fault != nil:
		m.c.Notef("the member %s cannot read the stream: %v %v", m.Name, err, msg)
		s.Abort()
	case n > 0:
		s.Discard(n)
		m.hear(&Heard{At: m.c.Now(), Msg: msg.(wire.Frame).Msg, From: s.Remote(), Stream: s})
	case s.Ended():
		s.Close()
	}
}

// unread is what came in the place of an answer, for the words of a failure.
func (t *Talk) unread(got wire.Message) any {
	switch {
	case got != nil:
		return readable(got)
	case len(t.buf) > 0:
		return fmt.Sprintf("%x", t.buf[:min(len(t.buf), 64)])
	case t.Ended():
		return "the end of the stream"
	default:
		return "nothing"
	}
}
