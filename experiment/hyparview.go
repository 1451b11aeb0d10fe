package experiment

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/gossip/plumtree"
)

// shuffleCycles is how long overlays shuffle before anything is measured, after
// the joins, which take a hundredth of a second each.
const shuffleCycles = 10

// overlayOptions are those of the experiments on overlays: fewer runs of large ones.
func (o Options) overlayOptions(nodes, minNodes int) (Options, error) {
	runs := 3
	if o.Nodes > 5000 {
		runs = 1
	}
	o, err := o.gossipOptions(nodes, 20_000, runs)
	if err == nil && o.Nodes < minNodes {
		err = fmt.Errorf("experiment: %d nodes, want at least %d", o.Nodes, minNodes)
	}
	return o, err
}

// failureSample is what one overlay was like after its failures.
type failureSample struct {
	first  float64 // share of the live nodes that a broadcast at that moment reaches
	mean   float64 // the same of those in the cycle after it
	second float64 // share that the first one after it reaches
	cycles int     // until one reaches nearly all, maxRecovery if none does
	after  float64 // share that the last one reached
}

const (
	// recovered is the reliability at which an overlay has: all of a thousand but one.
	recovered = 0.999
	// maxRecovery bounds the cycles that a recovery is waited for.
	maxRecovery = 10
	// firstCycle broadcasts are sent in the cycle that begins with the failures.
	firstCycle = 20
)

// HyParView measures whom broadcasts reach when a share of the nodes has failed at
// once, as figures 2 and 4 of the paper do, and the sizes of the active views.
//
// GO-PX-01, GO-PX-03 (HyParView §5).
func HyParView(o Options) (*Result, error) {
	o, err := o.overlayOptions(2000, 200)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("HyParView: broadcasts after simultaneous failures, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"active view 5, passive view 30, ARWL 6, PRWL 3, shuffles of 3 and 4 once a cycle of 10 s; links of 10 to 100 ms",
			fmt.Sprintf("joins one after the other, %d cycles, then a share crashes at one moment; %d overlays a row",
				shuffleCycles, o.Runs),
			"a broadcast floods the active views; reliability: the share of the live nodes that it reaches",
		},
		Figure: Figure{Title: "reliability in the first cycle, %", X: "failed nodes, %", Y: "reliability, %"},
		Notes: []string{
			"At once: sent at the moment of the failures, which no node has noticed yet. First cycle: the mean of",
			fmt.Sprintf("that and %d more in the next 10 s. Second: a broadcast after that cycle. Cycles: until one",
				firstCycle-1),
			fmt.Sprintf("reaches %.1f%% of the live nodes; an overlay that does not in %d counts as %d, and a lonely node",
				100*recovered, maxRecovery, maxRecovery),
			"suffices for that. After: what the last broadcast reached.",
			"Paper: Leitão, Pereira and Rodrigues 2007, at N = 10,000, as it is cited: near 100 % until 80 % have",
			"failed, and back within a few cycles at 90 %. No copy of its figures was at hand. In its cycles failures",
			"are noticed and mended in no time; here it takes the latency of a link to notice one, and some round trips",
			"to replace a neighbour, in which the first broadcasts are lost.",
		},
	}
	t := Table{Title: "Reliability", Header: []string{
		"failed nodes", "paper", "at once", "first cycle", "±", "second", "cycles", "after", "±"}}
	published := map[int]string{10: "~100%", 20: "~100%", 40: "~100%", 60: "~100%", 80: "~100%", 90: "recovers"}
	ours, paper := Line{Name: "ours"}, Line{Name: "paper, as cited"}
	for i, percent := range []int{10, 20, 40, 60, 70, 80, 90, 95} {
		var first, mean, second, cycles, after spread
		for run := range o.Runs {
			overlay := newTreeOverlay(plumtree.Config{Flood: true}, o.Nodes, shuffleCycles, o.treeSeed(run))
			if i == 0 && run == 0 {
				r.Tables = []Table{overlay.degrees()}
			}
			s := overlay.measureFailure(float64(percent) / 100)
			first, mean = append(first, 100*s.first), append(mean, 100*s.mean)
			second = append(second, 100*s.second)
			cycles, after = append(cycles, float64(s.cycles)), append(after, 100*s.after)
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%d%%", percent), published[percent], fmt.Sprintf("%.2f%%", first.mean()),
			fmt.Sprintf("%.2f%%", mean.mean()), fmt.Sprintf("%.2f", mean.deviation()),
			fmt.Sprintf("%.2f%%", second.mean()), fmt.Sprintf("%.1f", cycles.mean()),
			fmt.Sprintf("%.2f%%", after.mean()), fmt.Sprintf("%.2f", after.deviation())})
		ours.X, ours.Y = append(ours.X, float64(percent)), append(ours.Y, mean.mean())
		if percent <= 80 {
			paper.X, paper.Y = append(paper.X, float64(percent)), append(paper.Y, 100)
		}
	}
	r.Tables = append([]Table{t}, r.Tables...)
	r.Figure.Lines = []Line{ours, paper}
	return r, nil
}

// treeSeed is that of a run's overlay, which the rows share.
func (o Options) treeSeed(run int) uint64 { return o.Seed<<16 + uint64(run) }

// measureFailure crashes a share of the nodes and broadcasts until the overlay has
// recovered.
func (o *treeOverlay) measureFailure(share float64) (s failureSample) {
	o.failShare(share)
	reach := func(b *broadcast) float64 { return float64(b.delivered) / float64(len(o.live)-1) }
	var begun []*broadcast
	for range firstCycle {
		begun = append(begun, o.send(o.randomLive(), overlayCycle/firstCycle))
	}
	const settle = 3 * time.Second // for a broadcast to reach whom it can
	for s.cycles = 1; ; s.cycles++ {
		b := o.send(o.randomLive(), settle)
		s.after = reach(b)
		if s.cycles == 1 {
			s.second = s.after
		}
		if s.after >= recovered || s.cycles == maxRecovery {
			break
		}
		o.RunFor(overlayCycle - settle)
	}
	s.first = reach(begun[0])
	for _, b := range begun {
		s.mean += reach(b) / firstCycle
	}
	return s
}

// degrees counts the sizes of active views: as many have a node as it has.
func (o *treeOverlay) degrees() Table {
	counts := make([]int, 6)
	for _, a := range o.live {
		counts[len(o.node(a).View().Active(nil))]++
	}
	t := Table{Title: "Sizes of active views before the failures", Header: []string{"neighbours", "nodes", "share"}}
	for size, count := range counts {
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(size), fmt.Sprint(count), fmt.Sprintf("%.2f%%", 100*float64(count)/float64(len(o.live)))})
	}
	return t
}
