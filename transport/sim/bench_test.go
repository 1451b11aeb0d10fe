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

// BenchmarkStreams passes one message an iteration along a stream, large enough
// to share the uplink with 9 others, or small enough to go between them.
func BenchmarkStreams(b *testing.B) {
	for _, bench := range []struct {
		name string
		size int
	}{{"pieces", 1 << 20}, {"packets", 17}} {
		b.Run(bench.name, func(b *testing.B) {
			n := sim.New(sim.Config{
				Host:       sim.Host{Up: 1e9, Down: 1e9},
				Link:       sim.Link{Latency: sim.Uniform(time.Millisecond, 2*time.Millisecond)},
				StreamSize: func(spec.Message) int { return bench.size },
			})
			const nodes, degree = 1000, 10
			for i := range nodes {
				n.Add(addr(i), &bouncer{})
			}
			for i := range nodes {
				for k := range degree {
					n.Input(addr(i), do{spec.Dial{Conn: spec.Conn(k + 1), To: addr((i + 1 + k*k) % nodes)}})
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n.StreamStats().Arrived < uint64(b.N) {
				n.Step()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// bouncer sends a message back and forth on every stream that it dialled.
type bouncer struct{ relay }

func (m *bouncer) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	m.now = now
	switch in := in.(type) {
	case do:
		return append(out, in...)
	case spec.Opened:
		if in.Conn > 0 {
			return append(out, spec.Write{Conn: in.Conn, Msg: hello(1)})
		}
	case spec.Got:
		return append(out, spec.Write{Conn: in.Conn, Msg: in.Msg})
	}
	return out
}
