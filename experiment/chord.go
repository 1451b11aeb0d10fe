package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/chord"
)

// chordConfig checks the options of a Chord experiment.
func (o Options) chordConfig(cfg chord.Config, minNodes int) (chord.Config, error) {
	if o.Nodes < minNodes || o.Nodes > MaxNodes {
		return cfg, fmt.Errorf("experiment: %d nodes, want %d to %d", o.Nodes, minNodes, MaxNodes)
	}
	if o.K != 0 || o.Alpha != 0 || o.Join {
		return cfg, fmt.Errorf("experiment: k, alpha and join are options of Kademlia's experiments")
	}
	_, err := chord.New(cfg, 0)
	return cfg, err
}

// still is a configuration for a ring in which nothing but lookups happens.
func still(successors int) chord.Config {
	return chord.Config{Successors: successors, MaxSteps: max(8, successors), Stabilize: never, FixFingers: -1}
}

// ChordPath measures the length of lookups in rings of 2^3 to 2^14 nodes, as
// figure 10 of the paper does.
//
// CHORD-LOOKUP-010 (Chord §6.3).
func ChordPath(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 1<<14)
	cfg, err := o.chordConfig(still(1), 8)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Chord: the length of a lookup, up to %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"ideal rings, complete fingers, successor lists of one; no churn; iterative lookups",
			"100 lookups a node, at most 100,000, of random keys by random nodes",
		},
		Figure: Figure{Title: "mean path length", X: "log2 N", Y: "nodes asked"},
		Notes: []string{
			"Path: nodes asked, the owner of the key included. To the predecessor: without that last step, and of",
			"keys that are not the asker's own, which it knows from its predecessor. That is what ½ log2 N counts",
			"(Stoica et al. 2001, figure 10); the paper gives p1 and p99 as bars.",
		},
	}
	t := Table{Title: "Path length", Header: []string{
		"nodes", "lookups", "½ log2 N", "to predecessor", "path", "p1", "p50", "p99", "max", "right"}}
	ours, paper := Line{Name: "ours"}, Line{Name: "paper: ½ log2 N"}
	var last hopSample
	for nodes := 8; nodes <= o.Nodes; nodes *= 2 {
		rg := newRing(cfg, nodes, o.Seed)
		count := min(100*nodes, 100_000)
		s := rg.lookUp(count, max(time.Millisecond, 100*time.Millisecond/time.Duration(nodes)))
		last = hopSample{nodes: nodes, hops: s.hops}
		log := math.Log2(float64(nodes))
		before := s.toPredecessor()
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(nodes), fmt.Sprint(s.begun), fmt.Sprintf("%.2f", log/2), fmt.Sprintf("%.2f", before),
			fmt.Sprintf("%.2f", s.mean()), fmt.Sprint(last.quantile(1)), fmt.Sprint(last.quantile(50)),
			fmt.Sprint(last.quantile(99)), fmt.Sprint(last.quantile(100)),
			fmt.Sprintf("%.1f%%", 100-s.wrong()),
		})
		ours.X, ours.Y = append(ours.X, log), append(ours.Y, before)
		paper.X, paper.Y = append(paper.X, log), append(paper.Y, log/2)
	}
	r.Tables = []Table{t, distribution(&last)}
	r.Figure.Lines = []Line{ours, paper}
	if len(ours.X) > 1 {
		slope, offset := fit(ours)
		r.Notes = append([]string{
			fmt.Sprintf("Least squares: hops to the predecessor = %.3f log2 N %+.2f.", slope, offset)}, r.Notes...)
	}
	return r, nil
}

// ChordBalance counts the keys of each node with 1 to 20 virtual nodes, as
// figures 8 and 9 of the paper do.
//
// CHORD-KEY-004 (Chord §6.2).
func ChordBalance(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 10_000)
	if _, err := o.chordConfig(still(1), 8); err != nil {
		return nil, err
	}
	const keysPerNode = 100
	r := &Result{
		Title: fmt.Sprintf("Chord: keys a node, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{fmt.Sprintf("%d keys; nodes and keys are placed by SHA-1 of their names", keysPerNode*o.Nodes)},
		Figure: Figure{Title: "keys a node beside the mean", X: "virtual nodes of a node", Y: "keys / mean",
			LegendRight: true},
		Notes: []string{
			"Paper: Stoica et al. 2001, figure 9, whose text gives the ends of the curve.",
		},
	}
	t := Table{Title: "Keys / mean", Header: []string{
		"virtual nodes", "p1", "paper", "p50", "p99", "paper", "max", "without keys"}}
	published := map[int][2]string{1: {"0", "4.8"}, 20: {"0.5", "1.6"}}
	low, high := Line{Name: "p1"}, Line{Name: "p99"}
	for _, virtual := range []int{1, 2, 5, 10, 20} {
		keys := keyCounts(o, virtual, keysPerNode)
		at := func(p int) float64 { return float64(keys[(len(keys)-1)*p/100]) / keysPerNode }
		empty, _ := slices.BinarySearch(keys, 1)
		paper := published[virtual]
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(virtual), fmt.Sprintf("%.2f", at(1)), paper[0], fmt.Sprintf("%.2f", at(50)),
			fmt.Sprintf("%.2f", at(99)), paper[1], fmt.Sprintf("%.2f", at(100)), fmt.Sprint(empty)})
		low.X, low.Y = append(low.X, float64(virtual)), append(low.Y, at(1))
		high.X, high.Y = append(high.X, float64(virtual)), append(high.Y, at(99))
	}
	r.Tables = []Table{t}
	r.Figure.Lines = []Line{high, low}
	return r, nil
}

// keyCounts places nodes and keys on the circle and returns the keys of each
// node, sorted.
func keyCounts(o Options, virtual, keysPerNode int) []int {
	type place struct {
		id   chord.ID
		node int
	}
	places := make([]place, 0, o.Nodes*virtual)
	for n := range o.Nodes {
		for v := range virtual {
			name := fmt.Sprintf("seed %d node %d.%d", o.Seed, n, v)
			places = append(places, place{chord.Hash([]byte(name), chord.MaxBits), n})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.id.Cmp(b.id) })
	counts := make([]int, o.Nodes)
	for k := range o.Nodes * keysPerNode {
		key := chord.Hash(fmt.Appendf(nil, "seed %d key %d", o.Seed, k), chord.MaxBits)
		i, _ := slices.BinarySearchFunc(places, key, func(p place, id chord.ID) int { return p.id.Cmp(id) })
		counts[places[i%len(places)].node]++
	}
	slices.Sort(counts)
	return counts
}
