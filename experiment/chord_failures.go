package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/chord"
)

// ChordFailures measures the lookups that fail after a share of the nodes has
// failed at once and the ring has repaired itself, as figure 11 of the paper
// does: those of keys whose node is gone, and no more.
//
// CHORD-FAIL-003 (Chord §6.4).
func ChordFailures(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 10_000)
	const count, repair = 10_000, 5 * time.Minute
	cfg, err := o.chordConfig(chord.Config{Successors: 20, MaxSteps: 20}, 100)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Chord: lookups after simultaneous failures, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"a share of the nodes crashes at one moment; successor lists of 20; stabilization every 30 s",
			fmt.Sprintf("after %v of repair, %d lookups of random keys by random nodes", repair, count),
		},
		Figure: Figure{Title: "failed lookups", X: "failed nodes, %", Y: "failed lookups, %"},
		Notes: []string{
			"Failed: the node that had the key before the failures is gone; the paper finds that share of lookups",
			"to fail, almost exactly (Stoica et al. 2001, figure 11). Misled: lookups that did not end at the live",
			"node that the key belongs to now.",
		},
	}
	t := Table{Title: "Failed lookups", Header: []string{"failed nodes", "paper", "failed", "misled", "path"}}
	ours, paper := Line{Name: "ours"}, Line{Name: "paper"}
	for _, percent := range []float64{5, 10, 20, 30, 40, 50} {
		rg := newRing(cfg, o.Nodes, o.Seed)
		before := &ring{live: slices.Clone(rg.live)}
		rg.failShare(percent / 100)
		rg.RunFor(repair)
		s, lost := &lookups{}, 0
		for range count {
			key := rg.randomKey()
			if before.owner(key) != rg.owner(key) {
				lost++
			}
			rg.lookup(s, key)
			rg.RunFor(time.Millisecond)
		}
		rg.RunFor(time.Minute)
		// A lookup reaches the old owner where it is right and that one lives.
		failed := 100*float64(lost)/count + s.wrong()
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%.0f%%", percent), fmt.Sprintf("%.0f%%", percent), fmt.Sprintf("%.1f%%", failed),
			fmt.Sprintf("%.2f%%", s.wrong()), fmt.Sprintf("%.2f", s.mean())})
		ours.X, ours.Y = append(ours.X, percent), append(ours.Y, failed)
		paper.X, paper.Y = append(paper.X, percent), append(paper.Y, percent)
	}
	r.Tables = []Table{t}
	r.Figure.Lines = []Line{ours, paper}
	return r, nil
}

// ChordTimeouts measures the path and the time outs of lookups after a share of
// the nodes has failed and before anything is repaired, as table II of the
// journal version does.
//
// CHORD-LOOKUP-012 (Chord, ToN 2003 §V-E).
func ChordTimeouts(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 1000)
	const rings, count = 5, 2000
	cfg, err := o.chordConfig(still(20), 100)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Chord: lookups among failed nodes, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"a share of the nodes crashes at one moment; successor lists of 20; no stabilization",
			fmt.Sprintf("%d lookups of random keys by random nodes in each of %d rings", count, rings),
		},
		Figure: Figure{Title: "time outs on the way", X: "failed nodes, %", Y: "time outs"},
		Notes: []string{
			"On the way: to the predecessor of the key, where the paper's lookup ends. Ours also makes sure that the",
			"owner lives, and so finds each dead node between the key and it: these are counted in all.",
			"Paper: Stoica et al. 2003, table II, as it is remembered: no copy of the table was at hand.",
		},
	}
	t := Table{Title: "Path and time outs", Header: []string{"failed nodes", "path on the way", "paper",
		"time outs on the way", "paper", "path in all", "time outs in all", "misled"}}
	ours, paper := Line{Name: "ours"}, Line{Name: "paper"}
	for _, p := range []struct{ percent, path, timeouts float64 }{
		{0, 3.84, 0}, {10, 4.03, 0.60}, {20, 4.22, 1.17}, {30, 4.44, 2.02}, {40, 4.69, 3.23}, {50, 5.09, 5.10},
	} {
		s, dead := &lookups{}, 0
		for i := range uint64(rings) {
			dead += lookUpAmongDead(newRing(cfg, o.Nodes, o.Seed*rings+i), p.percent/100, count, s)
		}
		all := float64(s.timeouts) / float64(s.begun)
		way, path := all-float64(dead)/float64(s.begun), s.mean()-1
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%.0f%%", p.percent), fmt.Sprintf("%.2f", path), fmt.Sprintf("%.2f", p.path),
			fmt.Sprintf("%.2f", way), fmt.Sprintf("%.2f", p.timeouts),
			fmt.Sprintf("%.2f", s.mean()), fmt.Sprintf("%.2f", all), fmt.Sprintf("%.2f%%", s.wrong())})
		ours.X, ours.Y = append(ours.X, p.percent), append(ours.Y, way)
		paper.X, paper.Y = append(paper.X, p.percent), append(paper.Y, p.timeouts)
	}
	r.Tables = []Table{t}
	r.Figure.Lines = []Line{ours, paper}
	return r, nil
}

// lookUpAmongDead crashes a share of a ring and begins lookups in it. It returns
// how many dead nodes were between their keys and the owners.
func lookUpAmongDead(r *ring, share float64, count int, s *lookups) (dead int) {
	before := &ring{live: slices.Clone(r.live)}
	r.failShare(share)
	for range count {
		key := r.randomKey()
		dead += r.deadOwners(before, key)
		r.lookup(s, key)
		r.RunFor(10 * time.Millisecond)
	}
	r.RunFor(time.Minute)
	return dead
}
