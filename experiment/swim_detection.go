package experiment

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// detection is what a number of crashes gave.
type detection struct {
	first  spread // periods until somebody probes the crashed member
	failed spread // and until somebody declares it dead
	load   spread // packets that a member sends in a period while nobody crashes
	most   float64
	gap    int // periods between two probes of one member by one other, at most; 0: not measured
}

// SwimDetection measures how long a crash goes unnoticed, and what looking for it
// costs.
//
// GO-SW-01 (SWIM §3.2, §4.3).
func SwimDetection(o Options) (*Result, error) {
	o, err := o.gossipOptions(1000, 10_000, 300)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("SWIM: periods until a crash is noticed, up to %d members, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"period 1 s, ack within 0.5 s, k = 3; links of 1 to 5 ms without loss; no suspicion",
			fmt.Sprintf("a member crashes; each row is of %d crashes, each in a cluster of its own", o.Runs),
		},
		Figure: Figure{Title: "periods until the first probe", X: "log10 of members", Y: "periods", LegendRight: true},
		Notes: []string{
			"First: of its own periods since the crash, how many the member begins that is first to probe the dead one,",
			"that one included. Formula: 1/(1-(1-1/(n-1))^(n-1)), which goes to e/(e-1) = 1.582; in turn the sum of",
			"(1-i/(n-1))^(n-1) over i from 0. Dead: periods of one second until somebody says so; members are",
			"out of step, so that the first probe comes sooner than in its formula, and the verdict a period later.",
			"Gap: the longest time in periods between two probes of one member by another, and its bound 2n-1 when",
			"targets are taken in turn. Load: packets that a member sends in a period, and the most of any.",
		},
	}
	for _, turn := range []bool{false, true} {
		name, t := "random targets", Table{Header: []string{
			"members", "first", "±", "formula", "dead", "±", "gap", "2n-1", "load", "±", "most"}}
		if turn {
			name = "targets in turn"
		}
		t.Title = name
		ours, law := Line{Name: name}, Line{Name: "formula, " + name}
		for _, n := range swimSizes(o.Nodes) {
			d := measureDetection(n, turn, o)
			gap, bound := "-", "-"
			if d.gap > 0 {
				gap = fmt.Sprint(d.gap)
			}
			if turn {
				bound = fmt.Sprint(2*n - 1)
			}
			t.Rows = append(t.Rows, []string{
				fmt.Sprint(n), fmt.Sprintf("%.3f", d.first.mean()), fmt.Sprintf("%.2f", d.first.deviation()),
				fmt.Sprintf("%.3f", expectedPeriods(n, turn)),
				fmt.Sprintf("%.2f", d.failed.mean()), fmt.Sprintf("%.2f", d.failed.deviation()),
				gap, bound,
				fmt.Sprintf("%.3f", d.load.mean()), fmt.Sprintf("%.3f", d.load.deviation()), fmt.Sprintf("%.1f", d.most),
			})
			x := math.Log10(float64(n))
			ours.X, ours.Y = append(ours.X, x), append(ours.Y, d.first.mean())
			law.X, law.Y = append(law.X, x), append(law.Y, expectedPeriods(n, turn))
		}
		r.Tables = append(r.Tables, t)
		r.Figure.Lines = append(r.Figure.Lines, ours, law)
	}
	return r, nil
}

// swimSizes are powers of ten and their thirds, up to the largest cluster.
func swimSizes(largest int) (sizes []int) {
	for _, n := range []int{10, 30, 100, 300, 1000, 3000, 10_000} {
		if n < largest {
			sizes = append(sizes, n)
		}
	}
	return append(sizes, largest)
}

// expectedPeriods is when, in the mean, one of n-1 members probes the n-th for the
// first time: each of them picks one of n-1 in a period, or has it at some place
// of a round.
func expectedPeriods(n int, turn bool) float64 {
	others := float64(n - 1)
	if !turn {
		return 1 / (1 - math.Pow(1-1/others, others))
	}
	sum := 0.0
	for i := range n - 1 {
		sum += math.Pow(1-float64(i)/others, others)
	}
	return sum
}

func measureDetection(n int, turn bool, o Options) (d detection) {
	cfg := plainSwim()
	cfg.RandomTarget = !turn
	link := sim.Link{Latency: sim.Uniform(time.Millisecond, 5*time.Millisecond)}
	for run := range o.Runs {
		stream := uint64(run)<<32 | uint64(n)<<1
		if turn {
			stream |= 1
		}
		c := newSwimCluster(cfg, n, link, o.Seed, stream)
		d.crash(c, cfg)
	}
	if n <= 100 {
		c := newSwimCluster(cfg, n, link, o.Seed, uint64(n))
		d.gap = c.longestGap(time.Duration(8*n) * cfg.ProbeInterval)
	}
	return d
}

// crash lets a cluster run for some periods, which cost what they do in peace, and
// crashes a member.
func (d *detection) crash(c *swimCluster, cfg swim.Config) {
	const peace = 5
	c.RunFor(2 * cfg.ProbeInterval) // some have begun
	for _, m := range c.members {
		m.sent = 0
	}
	c.RunFor(peace * cfg.ProbeInterval)
	total := 0
	for _, m := range c.members {
		total += m.sent
		d.most = max(d.most, float64(m.sent)/peace)
	}
	d.load = append(d.load, float64(total)/peace/float64(len(c.members)))

	victim := int(c.Rand().Below(uint64(len(c.members))))
	crashed := c.Now()
	first, dead := 0, time.Duration(0)
	c.told = func(_ *swimMember, e spec.Event) {
		if _, ok := e.(swim.Failed); ok && dead == 0 {
			dead = c.Now() - crashed
		}
	}
	for _, m := range c.members {
		m.probes = 0
		m.probed = func(m *swimMember) {
			if m.target == victim && (first == 0 || m.probes < first) {
				first = m.probes
			}
		}
	}
	c.Crash(address(victim))
	for period := 1; dead == 0 || period <= first; period++ {
		c.RunFor(cfg.ProbeInterval) // who is first in its own counting may come after another
	}
	d.first = append(d.first, float64(first))
	d.failed = append(d.failed, dead.Seconds()/cfg.ProbeInterval.Seconds())
}

// longestGap is how many periods lie between two probes of one member by another,
// at most.
func (c *swimCluster) longestGap(span time.Duration) (gap int) {
	last := make(map[[2]int]int)
	for _, m := range c.members {
		m.probed = func(m *swimMember) {
			pair := [2]int{m.id, m.target}
			if before, ok := last[pair]; ok {
				gap = max(gap, m.probes-before)
			}
			last[pair] = m.probes
		}
	}
	c.RunFor(span)
	return gap
}
