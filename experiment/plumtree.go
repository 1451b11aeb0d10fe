package experiment

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/plumtree"
)

// treeVariant is a way to broadcast.
type treeVariant struct {
	name  string
	cfg   plumtree.Config
	any   bool   // each broadcast has another origin
	paper string // its redundancy after the first broadcasts
}

func treeVariants() []treeVariant {
	never := plumtree.Config{Threshold: -1}
	return []treeVariant{
		{"eager gossip", plumtree.Config{Flood: true}, false, "3 (fanout 4)"},
		{"Plumtree", plumtree.Config{}, false, "0"},
		{"Plumtree, no optimisation", never, false, "0"},
		{"Plumtree, any origin", plumtree.Config{}, true, "0"},
		{"Plumtree, any origin, no optimisation", never, true, "0"},
	}
}

const (
	// treeMessages are broadcast by each variant.
	treeMessages = 30
	// treeSettle is how long one takes, its repair included.
	treeSettle = 5 * time.Second
)

// Plumtree measures the redundancy of broadcasts (RMR) and their longest way (LDH)
// as a tree grows, and after a share of the nodes has failed.
//
// GO-PX-04, GO-PX-05, GO-PX-06 (Plumtree, evaluation).
func Plumtree(o Options) (*Result, error) {
	o, err := o.overlayOptions(1000, 100)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Plumtree: redundancy and last delivery hop, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"HyParView beneath: active view 5, hence fanout 4; links of 10 to 100 ms; optimisation threshold 7",
			fmt.Sprintf("joins one after the other, %d cycles, then %d broadcasts; %d overlays a row",
				shuffleCycles, treeMessages, o.Runs),
		},
		Figure: Figure{Title: "RMR of a broadcast", X: "broadcast", Y: "RMR"},
		Notes: []string{
			"RMR: m/(n-1) - 1 for m payloads and n nodes that have it: 0 for a tree, fanout - 1 for eager gossip",
			"(Leitão, Pereira and Rodrigues 2007). LDH: the hops of the longest way to a delivery; the paper's own",
			"figures of it were not at hand.",
			"After failures: the broadcast at that moment, and the fifth one after it. Reliability is the share of the",
			"live nodes that it reaches.",
		},
	}
	r.Tables = []Table{o.growTrees(r), o.failTrees()}
	return r, nil
}

// growTrees is the table of broadcasts over stable links.
func (o Options) growTrees(r *Result) Table {
	t := Table{Title: "Stable links", Header: []string{
		"variant", "RMR of 1st", "2nd", "5th", "last ten", "±", "paper", "LDH of 1st", "last ten", "±", "reliability"}}
	for _, v := range treeVariants() {
		line := Line{Name: v.name, X: make([]float64, treeMessages), Y: make([]float64, treeMessages)}
		var lateRMR, firstLDH, lateLDH, reliability spread
		for run := range o.Runs {
			overlay := newTreeOverlay(v.cfg, o.Nodes, shuffleCycles, o.treeSeed(run))
			for i := range treeMessages {
				b := overlay.send(overlay.origin(v.any), treeSettle)
				line.X[i] = float64(i + 1)
				line.Y[i] += b.redundancy() / float64(o.Runs)
				reliability = append(reliability, 100*float64(b.delivered)/float64(o.Nodes-1))
				switch {
				case i == 0:
					firstLDH = append(firstLDH, float64(b.hops))
				case i >= treeMessages-10:
					lateRMR, lateLDH = append(lateRMR, b.redundancy()), append(lateLDH, float64(b.hops))
				}
			}
		}
		t.Rows = append(t.Rows, []string{
			v.name, fmt.Sprintf("%.3f", line.Y[0]), fmt.Sprintf("%.3f", line.Y[1]), fmt.Sprintf("%.3f", line.Y[4]),
			fmt.Sprintf("%.4f", lateRMR.mean()), fmt.Sprintf("%.4f", lateRMR.deviation()), v.paper,
			fmt.Sprintf("%.1f", firstLDH.mean()), fmt.Sprintf("%.1f", lateLDH.mean()),
			fmt.Sprintf("%.1f", lateLDH.deviation()), fmt.Sprintf("%.2f%%", reliability.mean())})
		r.Figure.Lines = append(r.Figure.Lines, line)
	}
	return t
}

// failTrees is the table of broadcasts after failures.
func (o Options) failTrees() Table {
	t := Table{Title: "After failures, one origin", Header: []string{
		"failed nodes", "optimisation", "reliability at once", "RMR", "LDH", "of the 5th: reliability", "RMR", "LDH"}}
	for _, percent := range []int{20, 50, 80} {
		for _, v := range treeVariants()[1:3] {
			var atOnce, later [3]spread
			for run := range o.Runs {
				overlay := newTreeOverlay(v.cfg, o.Nodes, shuffleCycles, o.treeSeed(run))
				for range 5 {
					overlay.send(overlay.live[0], treeSettle)
				}
				overlay.failShare(float64(percent) / 100)
				for i := range 6 {
					b := overlay.send(overlay.live[0], 2*treeSettle)
					into := &later
					if i == 0 {
						into = &atOnce
					} else if i < 5 {
						continue
					}
					into[0] = append(into[0], 100*float64(b.delivered)/float64(len(overlay.live)-1))
					into[1] = append(into[1], b.redundancy())
					into[2] = append(into[2], float64(b.hops))
				}
			}
			optimised := "yes"
			if v.cfg.Threshold < 0 {
				optimised = "no"
			}
			row := []string{fmt.Sprintf("%d%%", percent), optimised}
			for _, s := range [][3]spread{atOnce, later} {
				row = append(row, fmt.Sprintf("%.2f%%", s[0].mean()), fmt.Sprintf("%.3f", s[1].mean()),
					fmt.Sprintf("%.1f", s[2].mean()))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// origin is where the next broadcast begins.
func (o *treeOverlay) origin(any bool) netip.AddrPort {
	if any {
		return o.randomLive()
	}
	return o.live[0]
}
