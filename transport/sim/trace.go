package sim

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Trace is everything that happened to the machines of a run: enough to
// repeat any of them without the network.
type Trace struct{ Records []Record }

// Record is one input: the node's own time, the node, and what it was given.
type Record struct {
	Now   time.Duration
	Node  netip.AddrPort
	Input spec.Input
}

// Started stands in a trace for the start of a fresh machine. Machines never
// see it.
type Started struct{}

// IsInput makes Started a [spec.Input].
func (Started) IsInput() {}

// Record makes the network append to t every input from now on; nil stops it.
// It panics on a network with a stream codec, whose messages are good for one
// step only.
func (n *Network) Record(t *Trace) {
	if t != nil && n.cfg.StreamCodec != nil {
		panic("sim: Record: the messages of a stream codec cannot be kept")
	}
	n.trace = t
}

// Replay repeats the trace on machines made by start and shows each step's
// effects to each, which may be nil. The effects are valid during the call. It
// returns the machines as they are at the end.
func (t *Trace) Replay(
	start func(node netip.AddrPort, now time.Duration) spec.Machine,
	each func(r Record, effects []spec.Effect),
) (map[netip.AddrPort]spec.Machine, error) {
	machines := make(map[netip.AddrPort]spec.Machine)
	var out []spec.Effect
	for i, r := range t.Records {
		if _, ok := r.Input.(Started); ok {
			machines[r.Node] = start(r.Node, r.Now)
			continue
		}
		m := machines[r.Node]
		if m == nil {
			return nil, fmt.Errorf("sim: record %d: node %v was never started", i, r.Node)
		}
		out = m.Step(r.Now, r.Input, out[:0])
		if each != nil {
			each(r, out)
		}
	}
	return machines, nil
}

// WriteTo prints the trace, one record a line: time, node, input.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, r := range t.Records {
		k, err := fmt.Fprintln(w, r)
		total += int64(k)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// String is the record as one line of text.
func (r Record) String() string {
	switch in := r.Input.(type) {
	case spec.Recv:
		return fmt.Sprintf("%v %v recv from %v %T%+v", r.Now, r.Node, in.From, in.Msg, in.Msg)
	default:
		return fmt.Sprintf("%v %v %T%+v", r.Now, r.Node, in, in)
	}
}
