package chord

import (
	"errors"
	"testing"

	"github.com/p2pspec/p2pspec/spec/explore"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

// BenchmarkExploreRing explores the first million states of a ring, with the
// invariant judged in each.
func BenchmarkExploreRing(b *testing.B) {
	var states, bytes float64
	for b.Loop() {
		s := scope{Model: model.Model{N: 4, R: 2}}
		c := s.config()
		c.MaxStates = 400_000
		r, err := explore.Run(c)
		if !errors.Is(err, explore.ErrTruncated) {
			b.Fatal(err)
		}
		states += float64(r.States)
		bytes = float64(r.Heap) / float64(r.States)
		b.Log(r)
	}
	b.ReportMetric(states/b.Elapsed().Seconds(), "states/s")
	b.ReportMetric(bytes, "B/state")
}
