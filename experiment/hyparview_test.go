package experiment

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gossip/plumtree"
)

// Near 100 % until most have failed, as the paper is cited for: 99 % at half, 95 %
// at seven tenths of 400 nodes, in the first cycle. At 80 % the overlay is whole
// again after a few cycles, and at 90 % at least nearly so.
//
// GO-PX-01, GO-PX-03.
func TestHyParViewSurvivesFailures(t *testing.T) {
	for _, c := range []struct{ share, mean, after float64 }{
		{0.5, 0.99, 0.999}, {0.7, 0.95, 0.999}, {0.8, 0.80, 0.999}, {0.9, 0.5, 0.9},
	} {
		s := newTreeOverlay(plumtree.Config{Flood: true}, 400, 5, 1).measureFailure(c.share)
		require.GreaterOrEqual(t, s.mean, c.mean, "%v failed", c.share)
		require.GreaterOrEqual(t, s.after, c.after, "%v failed", c.share)
		require.LessOrEqual(t, s.first, s.after)
	}
}

// Active views are full, but for a few.
//
// GO-PX-01.
func TestHyParViewFillsViews(t *testing.T) {
	o := newTreeOverlay(plumtree.Config{Flood: true}, 400, 5, 2)
	full := 0
	for _, a := range o.live {
		if len(o.node(a).View().Active(nil)) == 5 {
			full++
		}
	}
	require.Greater(t, full, 380)
}

// Eager gossip sends a payload on four links a node, a tree on one.
//
// GO-PX-06.
func TestPlumtreeRedundancy(t *testing.T) {
	for _, v := range treeVariants() {
		o := newTreeOverlay(v.cfg, 300, 5, 3)
		first := o.send(o.origin(v.roams), treeSettle)
		require.InDelta(t, 3, first.redundancy(), 0.1, "%s: fanout 4", v.name)
		require.Equal(t, 299, first.delivered)
		for range 3 {
			o.send(o.origin(v.roams), treeSettle)
		}
		last := o.send(o.origin(v.roams), treeSettle)
		require.Equal(t, 299, last.delivered)
		if v.cfg.Flood {
			require.InDelta(t, 3, last.redundancy(), 0.1, v.name)
		} else {
			require.InDelta(t, 0, last.redundancy(), 0.01, v.name)
		}
		require.LessOrEqual(t, first.hops, last.hops+2, "%s: a flood finds nearly the shortest ways", v.name)
	}
}

func TestGossipOverlayRunsRepeat(t *testing.T) {
	for _, e := range []struct {
		name  string
		nodes int
	}{{"hyparview", 200}, {"plumtree", 100}} {
		run := func(seed uint64) (text, svg string) {
			found, err := FindGossip(e.name)
			require.NoError(t, err)
			r, err := found.Run(Options{Nodes: e.nodes, Runs: 1, Seed: seed})
			require.NoError(t, err)
			var b, s strings.Builder
			require.NoError(t, r.WriteText(&b))
			require.NoError(t, r.WriteSVG(&s))
			return b.String(), s.String()
		}
		text, svg := run(1)
		again, svgAgain := run(1)
		require.Equal(t, text, again)
		require.Equal(t, svg, svgAgain)
		other, _ := run(2)
		require.NotEqual(t, text, other)
		found, err := FindGossip(e.name)
		require.NoError(t, err)
		for _, o := range []Options{{Nodes: 99}, {Nodes: 20_001}, {Runs: -1}} {
			_, err = found.Run(o)
			require.Error(t, err)
		}
	}
}
