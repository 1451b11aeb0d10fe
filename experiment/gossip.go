package experiment

import (
	"cmp"
	"fmt"
	"math"
)

// Gossip returns the experiments of `p2pspec sim gossip`, in the order of their
// names. Each knows its published table and the tolerance to it.
func Gossip() []Experiment {
	return []Experiment{
		{"demers-1", "push, feedback and counter (table 1 of Demers et al. 1987)", Demers1},
		{"demers-2", "push, blind and coin (table 2)", Demers2},
		{"demers-3", "pull, feedback and counter (table 3)", Demers3},
		{"hyparview", "broadcasts after a share of the nodes has failed (Leitão et al. 2007, DSN)", HyParView},
		{"karp", "rounds and transmissions until all know (Karp et al. 2000)", Karp},
		{"lifeguard", "healthy members declared dead by slow ones (Dadgar et al. 2017)", Lifeguard},
		{"plumtree", "redundancy and longest way of broadcasts along a tree (the same, SRDS)", Plumtree},
		{"swim-detection", "periods until a crash is noticed, and their cost (Das et al. 2002, §3, §4.3)", SwimDetection},
		{"swim-false-positives", "members that are up, declared dead by loss (the same, §3, §4.2)", SwimFalsePositives},
	}
}

// FindGossip returns the experiment of gossip with the given name; the error
// lists the names.
func FindGossip(name string) (Experiment, error) { return find(Gossip(), name) }

// gossipOptions checks the options of an experiment of gossip and fills in the
// defaults.
func (o Options) gossipOptions(nodes, maxNodes, runs int) (Options, error) {
	o.Nodes, o.Runs = cmp.Or(o.Nodes, nodes), cmp.Or(o.Runs, runs)
	switch {
	case o.Nodes < 2 || o.Nodes > maxNodes:
		return o, fmt.Errorf("experiment: %d nodes, want 2 to %d", o.Nodes, maxNodes)
	case o.Runs < 1 || o.Runs > maxRuns:
		return o, fmt.Errorf("experiment: %d runs, want 1 to %d", o.Runs, maxRuns)
	}
	return o, nil
}

// maxRuns bounds the networks of one row.
const maxRuns = 100_000

// spread is a set of measurements of one figure.
type spread []float64

func (s spread) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

// deviation is the standard deviation of one measurement.
func (s spread) deviation() float64 {
	if len(s) < 2 {
		return 0
	}
	mean, sum := s.mean(), 0.0
	for _, v := range s {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(s)-1))
}
