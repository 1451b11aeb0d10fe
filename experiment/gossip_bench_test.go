package experiment

import (
	"testing"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
)

// BenchmarkMillion lets a million machines tell each other one rumor by push and
// pull until all know it. Run it once:
//
//	go test -run - -bench Million -benchtime 1x -benchmem -cpu 1 ./experiment
func BenchmarkMillion(b *testing.B) {
	cfg := epidemic.Config{Peers: peers(1_000_000), Mongering: tireless(epidemic.PushPull)}
	for b.Loop() {
		c := newCycles(cfg, 1, 0)
		c.run(true)
		if c.knows != len(c.nodes) {
			b.Fatalf("%d know", c.knows)
		}
		b.ReportMetric(float64(c.cycle), "cycles")
		b.ReportMetric(float64(c.rumors)/float64(len(c.nodes)), "transmissions/node")
	}
}
