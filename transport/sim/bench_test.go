package sim_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// BenchmarkMessages delivers one message an iteration among nodes that pass
// tokens on; the metric is messages a second on one core.
func BenchmarkMessages(b *testing.B) {
	for _, bench := range []struct {
		name  string
		nodes int
		codec spec.Codec
	}{
		{"100 nodes", 100, nil},
		{"100 nodes with codec", 100, codec{}},
		{"100000 nodes", 100_000, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			n := sim.New(sim.Config{
				Codec: bench.codec, Link: sim.Link{Latency: sim.LogNormal(50 * time.Millisecond)},
			})
			for i := range bench.nodes {
				n.Add(addr(i), &relay{})
			}
			for i := range bench.nodes {
				n.Input(addr(i), say{addr((i*7919 + 1) % bench.nodes), 1})
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n.Stats().Delivered < uint64(b.N) {
				n.Step()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkNodes adds nodes with a pending timer each; the metric is what the
// network itself keeps for one.
func BenchmarkNodes(b *testing.B) {
	const nodes = 100_000
	machines := make([]relay, nodes)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := sim.New(sim.Config{})
		for i := range machines {
			n.Add(addr(i), &machines[i])
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(n)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/nodes, "B/node")
}

// relay answers every message with itself and moves its deadline each time.
type relay struct{ now time.Duration }

func (r *relay) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	r.now = now
	switch in := in.(type) {
	case say:
		out = append(out, spec.Send{To: in.to, Msg: in.n})
	case spec.Recv:
		out = append(out, spec.Send{To: in.From, Msg: in.Msg})
	}
	return out
}

func (r *relay) Deadline() (time.Duration, bool) { return r.now + time.Minute, true }
func (r *relay) Clone() spec.Machine             { c := *r; return &c }
func (r *relay) AppendState(b []byte) []byte     { return b }
func (r *relay) Check() error                    { return nil }
