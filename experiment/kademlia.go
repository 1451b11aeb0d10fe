package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// MaxNodes is the largest network: address numbers have 24 bits, but memory
// ends before.
const MaxNodes = 200_000

// lookupsPerSize is enough for the mean to settle in the second decimal.
const lookupsPerSize = 1000

// hopSample is what the lookups in a network of one size showed.
type hopSample struct {
	nodes    int
	hops     []int32 // of each lookup, sorted
	asked    int
	exact    int // lookups that returned the K globally closest
	took     time.Duration
	contacts int // in all tables
}

// Kademlia measures node lookups in networks of growing size without churn: how
// many hops they take against log2 N, how many nodes they ask, and whether they
// find exactly the K closest.
//
// KAD-LOOKUP-008, KAD-LOOKUP-011 (Kademlia §3).
func Kademlia(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 10_000)
	cfg, err := o.kademliaConfig(8)
	if err != nil {
		return nil, err
	}
	var samples []hopSample
	for _, nodes := range sizes(o.Nodes) {
		samples = append(samples, measureHops(cfg, nodes, o))
	}
	return hopResult(o, cfg, samples), nil
}

// kademliaConfig checks the options.
func (o Options) kademliaConfig(minNodes int) (kademlia.Config, error) {
	cfg := kademlia.Config{K: cmp.Or(o.K, 20), Alpha: cmp.Or(o.Alpha, 3), Spare: 4}
	if o.Nodes < minNodes || o.Nodes > MaxNodes {
		return cfg, fmt.Errorf("experiment: %d nodes, want %d to %d", o.Nodes, minNodes, MaxNodes)
	}
	_, err := kademlia.New(cfg, 0)
	return cfg, err
}

// sizes are up to five networks, each about a third of the next.
func sizes(largest int) []int {
	list := []int{largest}
	for n := largest; n >= 300 && len(list) < 5; {
		n = (n + 1) / 3
		if n >= 1000 { // round figures read better
			n = n / 100 * 100
		}
		list = append(list, n)
	}
	slices.Reverse(list)
	return list
}

func measureHops(cfg kademlia.Config, nodes int, opts Options) hopSample {
	o := newOverlay(cfg, nodes, opts.Seed)
	if opts.Join {
		o.buildByJoining()
	} else {
		o.buildBySeeding()
	}
	s := hopSample{nodes: nodes}
	for i := range o.members {
		s.contacts += o.Machine(address(i)).(*kademlia.Node).Table().Len()
	}
	for range lookupsPerSize {
		from, target := o.someone(), kademlia.RandomID(o.Rand(), kademlia.MaxBits)
		began := o.Now()
		o.command(from, func(op spec.OpID) spec.Input {
			return kademlia.FindNode{Op: op, Target: target}
		}, func(d spec.Done) {
			f, ok := d.Result.(kademlia.Found)
			if !ok {
				return // counts as inexact
			}
			s.hops = append(s.hops, f.Hops)
			s.asked += int(f.Asked)
			s.took += o.Now() - began
			if slices.Equal(f.Contacts, o.closest(target, cfg.K, from)) {
				s.exact++
			}
		})
		o.RunFor(50 * time.Millisecond)
	}
	o.RunFor(time.Minute)
	slices.Sort(s.hops)
	return s
}

func (s *hopSample) mean() float64 {
	sum := int32(0)
	for _, h := range s.hops {
		sum += h
	}
	return float64(sum) / float64(len(s.hops))
}

// quantile returns the hops that a share of p percent does not exceed.
func (s *hopSample) quantile(p int) int32 { return s.hops[(len(s.hops)-1)*p/100] }

func hopResult(o Options, cfg kademlia.Config, samples []hopSample) *Result {
	r := &Result{
		Title: fmt.Sprintf("Kademlia lookups, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			fmt.Sprintf("k = %d, alpha = %d, b = 1; one-way latency 10 to 100 ms, no loss, no churn",
				cfg.K, cfg.Alpha),
			"tables: seeded with random members of each subtree, as a long-lived node has them",
			fmt.Sprintf("%d lookups of random identifiers by random nodes in each network",
				lookupsPerSize),
		},
		Figure: Figure{Title: "mean hops", X: "log2 N", Y: "hops"},
	}
	if o.Join {
		r.Setup[1] = "tables: every node joined through the protocol"
	}
	t := Table{Title: "Lookups", Header: []string{
		"nodes", "log2 N", "hops mean", "p1", "p50", "p99", "max", "asked", "exact", "time", "contacts"}}
	line := Line{Name: "hops"}
	for i := range samples {
		s := &samples[i]
		n, log := float64(len(s.hops)), math.Log2(float64(s.nodes))
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(s.nodes), fmt.Sprintf("%.2f", log), fmt.Sprintf("%.2f", s.mean()),
			fmt.Sprint(s.quantile(1)), fmt.Sprint(s.quantile(50)), fmt.Sprint(s.quantile(99)),
			fmt.Sprint(s.quantile(100)), fmt.Sprintf("%.1f", float64(s.asked)/n),
			fmt.Sprintf("%.1f%%", 100*float64(s.exact)/lookupsPerSize),
			fmt.Sprintf("%.0f ms", float64(s.took.Milliseconds())/n),
			fmt.Sprintf("%.1f", float64(s.contacts)/float64(s.nodes)),
		})
		line.X, line.Y = append(line.X, log), append(line.Y, s.mean())
	}
	r.Tables = []Table{t, distribution(&samples[len(samples)-1])}
	r.Figure.Lines = []Line{line}
	r.Notes = []string{
		"A hop is one link of the chain of answers that led to the closest node;",
		"exact means that the answer was the k globally closest, in order.",
	}
	if len(samples) > 1 {
		slope, offset := fit(line)
		r.Notes = append([]string{fmt.Sprintf("Least squares: hops = %.3f log2 N %+.2f.", slope, offset)},
			r.Notes...)
	}
	return r
}

// distribution is a histogram in a table.
func distribution(s *hopSample) Table {
	t := Table{
		Title:  fmt.Sprintf("Distribution of hops, %d nodes", s.nodes),
		Header: []string{"hops", "lookups", "share", "one # is 2%"},
	}
	for from := 0; from < len(s.hops); {
		to := from
		for to < len(s.hops) && s.hops[to] == s.hops[from] {
			to++
		}
		share := 100 * float64(to-from) / float64(len(s.hops))
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(s.hops[from]), fmt.Sprint(to - from), fmt.Sprintf("%.1f%%", share),
			fmt.Sprintf("%-50s", strings.Repeat("#", int(share/2+0.5))),
		})
		from = to
	}
	return t
}

// fit is the least-squares line through the points of l.
func fit(l Line) (slope, offset float64) {
	var sx, sy, sxx, sxy float64
	for i := range l.X {
		sx += l.X[i]
		sy += l.Y[i]
		sxx += l.X[i] * l.X[i]
		sxy += l.X[i] * l.Y[i]
	}
	n := float64(len(l.X))
	slope = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return slope, (sy - slope*sx) / n
}
