package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
)

// bentTracker is the announcer behind rules for what it asks trackers, and for
// their answers.
type bentTracker struct {
	spec.Machine
	bent *bent
}

// Step bends an answer, and the request that follows from it.
func (b *bentTracker) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch x := in.(type) {
	case tracker.Fetched:
		if b.bent.body != nil {
			x.Body = b.bent.body(x.Body)
			in = x
		}
	case spec.Recv:
		r, ok := x.Msg.(*tracker.Response)
		if ok && b.bent.heard != nil && b.bent.heard(r, &x) {
			if b.bent.again {
				b.bent.again = false
				out = append(out, b.bent.asked)
			}
			in = spec.Wake{}
			break
		}
		in = x
	}
	for _, e := range b.Machine.Step(now, in, nil) {
		out = b.perform(now, e, out)
	}
	return out
}

func (b *bentTracker) perform(now time.Duration, e spec.Effect, out []spec.Effect) []spec.Effect {
	switch x := e.(type) {
	case tracker.Fetch:
		if b.bent.also != nil {
			for _, f := range b.bent.also(x) {
				out = append(out, f)
			}
		}
		if b.bent.url != nil {
			x.URL = b.bent.url(x.URL)
		}
		if x.URL == "" {
			return out
		}
		return append(out, x)
	case spec.Send:
		b.bent.asked = x
		if r := x.Msg.(*tracker.Request); r.Action == tracker.ActionConnect && b.bent.connection != 0 {
			answer := &tracker.Response{Transaction: r.Transaction, Connection: b.bent.connection}
			for _, e := range b.Machine.Step(now, spec.Recv{From: x.To, Msg: answer}, nil) {
				out = b.perform(now, e, out)
			}
			return out
		}
	}
	return append(out, e)
}

// request is the last packet to a UDP tracker.
func (b *bent) request() *tracker.Request { return b.asked.Msg.(*tracker.Request) }

// bentPackets writes and reads packets as the mutant does. What is written as
// nothing has an empty payload, and no tracker answers it.
type bentPackets struct{ bent *bent }

func (c bentPackets) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	b, err := tracker.ClientCodec{}.AppendMessage(b, m)
	if err == nil && c.bent.sent != nil {
		b = c.bent.sent(b)
	}
	return b, err
}

func (c bentPackets) ParseMessage(b []byte) (spec.Message, error) {
	if c.bent.received != nil {
		b = c.bent.received(b)
	}
	return tracker.ClientCodec{}.ParseMessage(b)
}
