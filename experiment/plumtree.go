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
	roams bool   // each broadcast has another origin
	drawn bool   // in the figure
	paper string // its redundancy after the first broadcasts
}

func treeVariants() []treeVariant {
	never := plumtree.Config{Threshold: -1}
	return []treeVariant{
		{"eager gossip", plumtree.Config{Flood: true}, false, true, "3 (fanout 4)"},
		{"Plumtree", plumtree.Config{}, false, false, "0"},
		{"Plumtree, no optimisation", never, false, false, "0"},
		{"Plumtree, any origin", plumtree.Config{}, true, true, "0"},
		{"Plumtree, any origin, no optimisation", never, true, false, "0"},
	}
}

const (
	// stableMessages are broadcast over stable links, then half of the nodes fail,
	// and failedMessages follow.
	stableMessages, failedMessages = 20, 10
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
				shuffleCycles, stableMessages, o.Runs),
		},
		Figure: Figure{
			Title: fmt.Sprintf("RMR of a broadcast; half of the nodes fail before the one after %d", stableMessages),
			X:     "broadcast", Y: "RMR",
		},
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

// growTrees is the table of broadcasts over stable links. The figure shows what
// follows them, too, for gossip and for trees of any origin.
func (o Options) growTrees(r *Result) Table {
	t := Table{Title: "Stable links", Header: []string{
		"variant", "RMR of 1st", "2nd", "5th", "last ten", "±", "paper", "LDH of 1st", "last ten", "±", "reliability"}}
	for _, v := range treeVariants() {
		line := Line{Name: v.name, Y: make([]float64, stableMessages+failedMessages)}
		var rmr, firstLDH, ldh, reliability spread
		for run := range o.Runs {
			overlay := newTreeOverlay(v.cfg, o.Nodes, shuffleCycles, o.treeSeed(run))
			for i := range line.Y {
				if i == stableMessages {
					overlay.failShare(0.5)
				}
				b := overlay.send(overlay.origin(v.roams), treeSettle)
				line.Y[i] += b.redundancy() / float64(o.Runs)
				switch {
				case i == 0:
					firstLDH = append(firstLDH, float64(b.hops))
				case i >= stableMessages-10 && i < stableMessages:
					rmr, ldh = append(rmr, b.redundancy()), append(ldh, float64(b.hops))
				}
				if i < stableMessages {
					reliability = append(reliability, 100*float64(b.delivered)/float64(o.Nodes-1))
				}
			}
		}
		t.Rows = append(t.Rows, []string{
			v.name, fmt.Sprintf("%.3f", line.Y[0]), fmt.Sprintf("%.3f", line.Y[1]), fmt.Sprintf("%.3f", line.Y[4]),
			fmt.Sprintf("%.4f", rmr.mean()), fmt.Sprintf("%.4f", rmr.deviation()), v.paper,
			fmt.Sprintf("%.1f", firstLDH.mean()), fmt.Sprintf("%.1f", ldh.mean()),
			fmt.Sprintf("%.1f", ldh.deviation()), fmt.Sprintf("%.2f%%", reliability.mean())})
		if v.drawn {
			for i := range line.Y {
				line.X = append(line.X, float64(i+1))
			}
			r.Figure.Lines = append(r.Figure.Lines, line)
		}
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
func (o *treeOverlay) origin(random bool) netip.AddrPort {
	if random {
		return o.randomLive()
	}
	return o.live[0]
}
