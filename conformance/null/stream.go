package null

import (
	"bytes"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// Stream lists the null targets of protocols over TCP. First gives the answer
// of a healthy target to the beginning of a stream, or nil as long as that has
// too little to answer: those that go as far as that give it, and no more.
func Stream(first func(got []byte) []byte) []Kind {
	return []Kind{
		{"closed", nil},
		{"hang", talks(func(event, []byte) []conformance.Outgoing { return nil })},
		{"accept-then-close", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamAccepted, end(conformance.CloseStream))
		})},
		{"accept-then-reset", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamAccepted, end(conformance.AbortStream))
		})},
		{"close-when-told", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamData, end(conformance.CloseStream))
		})},
		{"reset-after-bytes", talks(func(_ event, got []byte) []conformance.Outgoing {
			return when(len(got) >= resetAfter, end(conformance.AbortStream))
		})},
		{"first-answer-then-close", answers(first, end(conformance.CloseStream))},
		{"first-answer-then-reset", talks(func(e event, got []byte) []conformance.Outgoing {
			if e.Kind == conformance.StreamDrained {
				return when(true, end(conformance.AbortStream)) // not sooner: a reset may overtake the answer
			}
			answer := first(got)
			return when(e.Kind == conformance.StreamData && answer != nil, write(answer))
		})},
		{"first-answer-then-hang", answers(first)},
		{"first-answer-then-huge-length", answers(first, write(hugeLength))},
		{"huge-length", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamAccepted, write(hugeLength))
		})},
		{"echo", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamData, write(e.Data))
		})},
		{"random", func() conformance.Host { return newNoise() }},
		{"text", talks(func(e event, _ []byte) []conformance.Outgoing {
			return when(e.Kind == conformance.StreamData,
				write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), end(conformance.CloseStream))
		})},
		{"slow-drip", func() conformance.Host { return &streamDripper{first: first} }},
	}
}

// resetAfter is less than any request and any handshake has.
const resetAfter = 20

// hugeLength announces more than any message may have, and begins it.
var hugeLength = append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 1<<10)...)

type event = conformance.StreamEvent

func write(b []byte) conformance.Outgoing {
	return conformance.Outgoing{Op: conformance.WriteStream, Payload: b}
}

func end(how conformance.StreamOp) conformance.Outgoing { return conformance.Outgoing{Op: how} }

func when(cond bool, does ...conformance.Outgoing) []conformance.Outgoing {
	if !cond {
		return nil
	}
	return does
}

// talker treats each stream by a function of what happens and of what arrived.
type talker struct {
	answering
	does func(e event, got []byte) []conformance.Outgoing
	got  map[spec.Conn][]byte
}

func talks(does func(event, []byte) []conformance.Outgoing) func() conformance.Host {
	return func() conformance.Host { return &talker{does: does, got: map[spec.Conn][]byte{}} }
}

// answers gives the first answer once, and then does the rest.
func answers(first func([]byte) []byte, rest ...conformance.Outgoing) func() conformance.Host {
	return talks(func(e event, got []byte) []conformance.Outgoing {
		if e.Kind != conformance.StreamData || first(got[:len(got)-len(e.Data)]) != nil {
			return nil
		}
		answer := first(got)
		return when(answer != nil, slices.Concat([]conformance.Outgoing{write(answer)}, rest)...)
	})
}

// gotLimit bounds what a talker remembers of a stream.
const gotLimit = 64 << 10

func (t *talker) Stream(_ time.Duration, e event, out []conformance.Outgoing) []conformance.Outgoing {
	switch e.Kind {
	case conformance.StreamBroken:
		delete(t.got, e.Conn)
		return out
	case conformance.StreamData:
		if len(t.got[e.Conn])+len(e.Data) > gotLimit {
			t.got[e.Conn] = nil
		}
		t.got[e.Conn] = append(t.got[e.Conn], e.Data...)
	}
	does := t.does(e, t.got[e.Conn])
	if e.Kind == conformance.StreamEnded {
		does = append(does, end(conformance.CloseStream))
	}
	for _, o := range does {
		o.Conn = e.Conn
		out = append(out, o)
		if o.Op == conformance.CloseStream || o.Op == conformance.AbortStream {
			delete(t.got, e.Conn)
		}
	}
	return out
}

// newNoise answers with as many random bytes as it was sent.
func newNoise() *talker {
	var b babbler
	t := &talker{got: map[spec.Conn][]byte{}}
	t.does = func(e event, _ []byte) []conformance.Outgoing {
		return when(e.Kind == conformance.StreamData, write(b.noise(len(e.Data))))
	}
	return t
}

// streamDripper sends its first answer to each stream byte by byte, over and
// over again.
type streamDripper struct {
	answering
	first func([]byte) []byte
	drips []drip
	at    time.Duration
}

type drip struct {
	conn        spec.Conn
	got, answer []byte
	sent        int
}

func (d *streamDripper) Stream(now time.Duration, e event, out []conformance.Outgoing) []conformance.Outgoing {
	i := slices.IndexFunc(d.drips, func(p drip) bool { return p.conn == e.Conn })
	switch {
	case e.Kind == conformance.StreamAccepted:
		if len(d.drips) == 0 {
			d.at = now + dripInterval
		}
		d.drips = append(d.drips, drip{conn: e.Conn})
	case i < 0:
	case e.Kind == conformance.StreamData && d.drips[i].answer == nil && len(d.drips[i].got) < gotLimit:
		d.drips[i].got = append(d.drips[i].got, e.Data...)
		d.drips[i].answer = bytes.Clone(d.first(d.drips[i].got))
	case e.Kind == conformance.StreamEnded, e.Kind == conformance.StreamBroken:
		d.drips = slices.Delete(d.drips, i, i+1)
		out = append(out, conformance.Outgoing{Op: conformance.CloseStream, Conn: e.Conn})
	}
	return out
}

func (d *streamDripper) Wake(now time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	if len(d.drips) == 0 || now < d.at {
		return out
	}
	d.at = now + dripInterval
	for i := range d.drips {
		if p := &d.drips[i]; len(p.answer) > 0 {
			b := p.answer[p.sent%len(p.answer)]
			p.sent++
			out = append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: p.conn, Payload: []byte{b}})
		}
	}
	return out
}

func (d *streamDripper) Deadline() (time.Duration, bool) { return d.at, len(d.drips) > 0 }
