package cluster

import (
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Latency is how long messages between nodes take. Each is drawn by itself, so
// that they overtake each other, except with [Constant].
type Latency struct {
	min, span time.Duration // uniform in [min, min+span]
	mean      time.Duration // of an exponential tail
}

// Constant is the same latency for all.
func Constant(d time.Duration) Latency { return Latency{min: d} }

// Uniform lies between two bounds.
func Uniform(low, high time.Duration) Latency { return Latency{min: low, span: high - low} }

// Exponential has the given mean, and is cut off at eight times that.
func Exponential(mean time.Duration) Latency { return Latency{mean: mean} }

// tailCut is where an exponential latency is cut off, in means: a round trip
// then has a bound that a time out can be above.
const tailCut = 8

// Max is the longest that a message may take.
func (l Latency) Max() time.Duration { return l.min + l.span + tailCut*l.mean }

// leastLatency keeps nodes that answer each other from standing in one instant.
const leastLatency = 10 * time.Microsecond

func (l Latency) draw(r *spec.Rand) time.Duration {
	d := l.min
	if l.span > 0 {
		d += time.Duration(r.Below(uint64(l.span) + 1))
	}
	if l.mean > 0 {
		u := (float64(r.Uint64()>>11) + 0.5) / (1 << 53)
		d += min(time.Duration(-math.Log(u)*float64(l.mean)), tailCut*l.mean)
	}
	return max(d, leastLatency)
}

// Fault is something that befalls messages between nodes. It counts those that
// it hit: one that hit none has shown nothing.
type Fault struct {
	what string // "lost", "a partition", …
	hits int

	loss, double float64 // probabilities
	cuts         func(from, to string) bool
	counts       func(Passed) bool
}

// Hits is how many messages it has hit.
func (f *Fault) Hits() int { return f.hits }

func (f *Fault) dropsAtSend(_ stdio.Message, r *spec.Rand) bool {
	return f.loss > 0 && f.hit(chance(r, f.loss))
}

func (f *Fault) duplicates(_ stdio.Message, r *spec.Rand) bool {
	return f.double > 0 && f.hit(chance(r, f.double))
}

// dropsAtArrival is how a partition works: what is under way when it begins is
// lost, and what is under way when it ends arrives.
func (f *Fault) dropsAtArrival(m stdio.Message) bool {
	return f.cuts != nil && f.hit(f.cuts(m.Src, m.Dest))
}

// count is told of what is handed over.
func (f *Fault) count(p Passed) { f.hit(f.counts != nil && f.counts(p)) }

func (f *Fault) hit(yes bool) bool {
	if yes {
		f.hits++
	}
	return yes
}

func chance(r *spec.Rand, p float64) bool { return float64(r.Uint64()>>11)/(1<<53) < p }

// Lose loses each message between nodes with the given probability.
func (c *Cluster) Lose(p float64) *Fault { return c.inflict(&Fault{what: "lost", loss: p}) }

// Duplicate delivers each message between nodes twice with the given probability.
func (c *Cluster) Duplicate(p float64) *Fault { return c.inflict(&Fault{what: "doubled", double: p}) }

// Partition cuts the nodes of one side off from all others, in both directions.
func (c *Cluster) Partition(side ...string) *Fault {
	return c.inflict(&Fault{what: "a partition", cuts: func(from, to string) bool {
		return slices.Contains(side, from) != slices.Contains(side, to)
	}})
}

// Cut loses what some nodes send to some others, and not the other way.
func (c *Cluster) Cut(from, to []string) *Fault {
	return c.inflict(&Fault{what: "a cut", cuts: func(src, dest string) bool {
		return slices.Contains(from, src) && slices.Contains(to, dest)
	}})
}

func (c *Cluster) inflict(f *Fault) *Fault {
	c.note("from now on: %s", f.what)
	c.router.faults = append(c.router.faults, f)
	return f
}

// Heal ends a fault. What it has hit is kept.
func (c *Cluster) Heal(f *Fault) {
	c.note("healed: %s, which hit %d messages", f.what, f.hits)
	c.router.faults = slices.DeleteFunc(c.router.faults, func(g *Fault) bool { return g == f })
}

// Touched ends the case as inconclusive when a fault hit nothing: it has then
// shown nothing.
func (c *Cluster) Touched(f *Fault) {
	if f.hits == 0 {
		c.t.Inconclusivef("the fault (%s) hit no message: there is nothing to judge", f.what)
	}
}

// Pause stops a node where it stands. Messages to it wait.
func (c *Cluster) Pause(node string) *Fault {
	s := c.seatOf(node)
	c.note("%s is paused", node)
	if err := s.link.pause(); err != nil {
		c.t.Inconclusivef("%s cannot be paused: %v", node, err)
	}
	s.paused = true
	return c.inflict(&Fault{what: node + " paused", counts: func(p Passed) bool { return p.Msg.Dest == node }})
}

// Resume lets a paused node go on, with what has come meanwhile.
func (c *Cluster) Resume(node string, f *Fault) {
	s := c.seatOf(node)
	c.Heal(f)
	if err := s.link.resume(); err != nil {
		c.t.Inconclusivef("%s cannot go on: %v", node, err)
	}
	s.paused = false
	c.router.release(s)
}

// MayEnd says that a node which ends by itself from now on is dead, and that this
// is no failure by itself: [Cluster.Odd] tells of it.
func (c *Cluster) MayEnd() { c.router.mayEnd = true }

// Kill ends nodes without a word, as a kill -9 does. Messages to them are lost.
func (c *Cluster) Kill(nodes ...string) *Fault {
	for _, node := range nodes {
		s := c.seatOf(node)
		c.note("%s is killed", node)
		s.link.kill()
		s.link, s.down = nil, true
		c.members = slices.DeleteFunc(c.members, func(m string) bool { return m == node })
	}
	return c.inflict(&Fault{what: "killed", counts: func(p Passed) bool {
		return slices.Contains(nodes, p.Msg.Dest)
	}})
}
