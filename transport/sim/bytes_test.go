package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// note is a message that borrows from the buffer it was parsed from.
type note []byte

func (note) IsMessage() {}

type noteCodec struct{}

func (noteCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return append(b, m.(note)...), nil
}

func (noteCodec) ParseMessage(b []byte) (spec.Message, error) { return note(b), nil }

// album sends a numbered note a second and keeps copies of what it gets.
type album struct {
	now  time.Duration
	sent int
	got  []string
}

func (m *album) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	m.now = now
	switch in := in.(type) {
	case spec.Wake:
		m.sent++
		out = append(out, spec.Send{To: addr(1), Msg: note(fmt.Sprint("note ", m.sent))})
	case spec.Recv:
		m.got = append(m.got, string(in.Msg.(note)))
	}
	return out
}

func (m *album) Deadline() (time.Duration, bool) { return m.now + time.Second, true }
func (m *album) Clone() spec.Machine             { c := *m; return &c }
func (m *album) AppendState(b []byte) []byte     { return b }
func (m *album) Check() error                    { return nil }

// TestBuffersAreNotMixedUp sends bytes that overtake each other, twice each:
// every copy must arrive as it was sent, and a trace must keep it.
func TestBuffersAreNotMixedUp(t *testing.T) {
	for _, record := range []bool{false, true} {
		n := sim.New(sim.Config{
			Codec: noteCodec{},
			Link:  sim.Link{Latency: sim.Uniform(0, 10*time.Second), Duplicate: sim.Percent(100)},
		})
		var trace sim.Trace
		if record {
			n.Record(&trace)
		}
		m := &album{}
		n.Add(addr(1), m)
		for m.sent < 100 {
			n.Step()
		}
		n.RunIdle(n.Now() + time.Minute)
		copies := make(map[string]int)
		for _, s := range m.got {
			copies[s]++
		}
		for i := range 100 {
			if s := fmt.Sprint("note ", i+1); copies[s] != 2 {
				t.Fatalf("recorded %v: %d copies of %q arrived", record, copies[s], s)
			}
		}
		i := 0
		for _, r := range trace.Records {
			if in, ok := r.Input.(spec.Recv); ok {
				if got := string(in.Msg.(note)); got != m.got[i] {
					t.Fatalf("the trace has %q where %q arrived", got, m.got[i])
				}
				i++
			}
		}
	}
}
