package swarm

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/experiment"
	"github.com/p2pspec/p2pspec/spec"
)

// outcome is what a run showed.
type outcome struct {
	members  []member
	times    []time.Duration // of the downloads that ended, sorted
	missing  int             // of those that did not
	end      time.Duration   // of the run
	copies   float64         // of the content, sent by those who had it at the start
	use      float64         // of all uplinks together, until the end
	messages uint64
	bytes    uint64
	odd      uint64
	lastOdd  spec.Effect
}

// outcome runs the plan.
func (p plan) outcome() outcome { return p.start().finish() }

// finish runs to the end and looks at what there is.
func (s *swarm) finish() outcome {
	s.run()
	o := outcome{
		members: s.members, missing: s.left, end: s.Now(), odd: s.odd, lastOdd: s.lastOdd,
		messages: s.StreamStats().Written, bytes: s.StreamStats().Bytes,
	}
	for _, m := range s.members {
		if m.took > 0 {
			o.times = append(o.times, m.took)
		}
	}
	slices.Sort(o.times)
	var size, capacity float64
	seeds := make(map[int]bool)
	for _, t := range s.torrents {
		size += float64(t.size)
		for _, h := range t.seeds {
			seeds[h] = true
		}
	}
	for h, rates := range s.hosts {
		sent := s.sent(h)
		if seeds[h] {
			o.copies += float64(sent) / size
		}
		o.use += float64(sent)
		capacity += float64(rates.Up) * s.Now().Seconds()
	}
	o.use /= capacity
	return o
}

// sent is what a host has sent over streams, in bytes.
func (s *swarm) sent(host int) uint64 {
	for t := range s.torrents {
		if sent, _ := s.Traffic(address(host, t)); sent > 0 {
			return sent
		}
	}
	return 0
}

// quantile is the time by which the share q of the downloads had ended.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
}

// bound is the least time in which content of a size reaches n hosts that send
// as fast as one that has it, in pieces: (F/u)(1 + ⌊log2 n⌋/M) (Mundinger,
// Weber and Weiss, 2008).
func bound(t *torrent, n int, rate uint64) time.Duration {
	whole := float64(t.size) / float64(rate)
	levels := float64(bits.Len(uint(n)) - 1)
	return seconds(whole * (1 + levels/float64(t.pieces())))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// quantiles heads and fills the columns that every table of times has.
func quantiles() []string { return []string{"p50", "p90", "p99", "p99.9", "max"} }

func (o *outcome) quantiles() []string {
	var cells []string
	for _, q := range [...]float64{0.5, 0.9, 0.99, 0.999, 1} {
		if float64(len(o.times)) < q*float64(len(o.times)+o.missing) {
			cells = append(cells, "never")
			continue
		}
		cells = append(cells, show(quantile(o.times, q)))
	}
	return cells
}

// show is a time in seconds.
func show(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// costs is the table of what a run took.
func (o *outcome) costs() experiment.Table {
	return experiment.Table{
		Title:  "What it took",
		Header: []string{"seed copies", "upload used", "messages", "bytes sent"},
		Rows: [][]string{{
			fmt.Sprintf("%.2f", o.copies), fmt.Sprintf("%.1f%%", 100*o.use),
			fmt.Sprint(o.messages), fmt.Sprintf("%.4g TB", float64(o.bytes)/1e12),
		}},
	}
}

// notes explain the tables, and say what should not have happened.
func (o *outcome) notes() []string {
	notes := []string{
		"Seed copies: what those sent who had the content at the start, in contents; upload used: share of",
		"all uplinks until the last download ended, with the seeds'.",
	}
	if o.odd > 0 {
		notes = append(notes, fmt.Sprintf("Machines refused %d messages, the last as %v.", o.odd, o.lastOdd))
	}
	if o.missing > 0 {
		notes = append(notes, fmt.Sprintf("%d downloads had not ended after %v.", o.missing, o.end))
	}
	return notes
}

// line is the share of downloads that had ended, over time.
func (o *outcome) line(name string) experiment.Line {
	l := experiment.Line{Name: name, X: []float64{0}, Y: []float64{0}}
	all := float64(len(o.times) + o.missing)
	for i := 0; i <= curvePoints; i++ {
		k := i * (len(o.times) - 1) / curvePoints
		if k < 0 {
			break
		}
		at := o.times[k].Seconds()
		if n := len(l.X); l.X[n-1] == at {
			l.Y[n-1] = 100 * float64(k+1) / all
			continue
		}
		l.X = append(l.X, at)
		l.Y = append(l.Y, 100*float64(k+1)/all)
	}
	return l
}

// curvePoints is how many points a curve has at most, less one.
const curvePoints = 40

// choices states what the experiment chose for the machines.
func (p *plan) choices() string {
	choking := "nobody is choked"
	if p.node.UploadSlots < openHouse {
		choking = fmt.Sprintf("%d slots", p.node.UploadSlots)
	}
	return fmt.Sprintf("%d connections a machine, %s, %d at a time from a peer",
		2*p.told, choking, p.node.MaxRequestsOut)
}
