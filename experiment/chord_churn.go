package experiment

import (
	"cmp"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// replace starts a newcomer in the place of member i.
func (r *ring) replace(i int) {
	via := r.someone()
	r.name(i)
	r.Restart(address(i), func(now time.Duration) spec.Machine { return r.machine(i, now) })
	r.enter(i, via, 0)
}

// enter lets member i join, through somebody else when that fails. It is live
// from the moment at which it has joined.
func (r *ring) enter(i int, via chord.Peer, tries int) {
	me := r.members[i]
	r.command(me.Addr, func(op spec.OpID) spec.Input { return chord.Join{Op: op, Via: via} }, func(d spec.Done) {
		if r.members[i] != me {
			return // failed meanwhile
		}
		if d.Err != nil {
			if tries < 10 {
				r.enter(i, r.someone(), tries+1)
			}
			return
		}
		r.admit(me)
	})
}

// ChordChurn measures lookups while nodes join and fail at the same rate, as
// figure 12 of the paper does.
//
// CHORD-FAIL-001 (Chord §6.5).
func ChordChurn(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 500)
	const period = 20 * time.Minute
	cfg, err := o.chordConfig(chord.Config{Successors: 16, FixFingers: 3 * time.Second}, 50)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Chord: lookups while nodes come and go, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"stabilization every 30 s, a finger repaired every 3 s; successor lists of 16",
			fmt.Sprintf("nodes join and fail at the given rates (Poisson); a lookup a second for %v", period),
		},
		Figure: Figure{Title: "lookups that met a dead node", X: "failures a second", Y: "lookups, %"},
		Notes: []string{
			"Paper: Stoica et al. 2001, figure 12, has one point in words: 500 nodes lose about 3% of lookups when 3",
			"fail between two stabilizations. Its lookups do not try again, so the first dead node fails them: compare",
			"with those that met one. Ours go on; misled are those that did not end at the live owner.",
		},
	}
	t := Table{Title: "Lookups", Header: []string{
		"rate /s", "failures in 30 s", "lookups", "met a dead node", "paper", "misled", "path", "time outs"}}
	ours, misled := Line{Name: "met a dead node"}, Line{Name: "misled"}
	for _, rate := range []float64{0.01, 0.03, 0.05, 0.07, 0.10} {
		s := churnRing(newRing(cfg, o.Nodes, o.Seed), rate, period)
		met := 100 * float64(s.delayed) / float64(s.begun)
		paper := ""
		if rate == 0.10 {
			paper = "about 3%"
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%.2f", rate), fmt.Sprintf("%.1f", 30*rate), fmt.Sprint(s.begun), fmt.Sprintf("%.2f%%", met),
			paper, fmt.Sprintf("%.2f%%", s.wrong()), fmt.Sprintf("%.2f", s.mean()),
			fmt.Sprintf("%.2f", float64(s.timeouts)/float64(s.begun))})
		ours.X, ours.Y = append(ours.X, rate), append(ours.Y, met)
		misled.X, misled.Y = append(misled.X, rate), append(misled.Y, s.wrong())
	}
	r.Tables = []Table{t}
	r.Figure.Lines = []Line{ours, misled}
	return r, nil
}

// churnRing lets nodes fail and join at a rate a second, and looks up a key a
// second on average.
func churnRing(r *ring, rate float64, period time.Duration) *lookups {
	s := &lookups{}
	until := r.Now() + period
	r.poisson(rate, until, func() {
		r.fail(r.number(r.someone()))
	})
	r.poisson(rate, until, func() {
		r.newcomer()
	})
	r.poisson(1, until, func() { r.lookup(s, r.randomKey()) })
	r.RunUntil(until)
	r.RunFor(time.Minute)
	return s
}

// poisson calls f at a rate a second until a time.
func (r *ring) poisson(rate float64, until time.Duration, f func()) {
	pause := sim.Exponential(time.Duration(float64(time.Second) / rate))
	var next func()
	next = func() {
		at := r.Now() + pause.Draw(r.Rand())
		if at > until {
			return
		}
		r.At(at, func() { f(); next() })
	}
	next()
}

// number is that of a member's address.
func (r *ring) number(p chord.Peer) int {
	b := p.Addr.Addr().As4()
	return int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

// newcomer joins at an address that nobody had.
func (r *ring) newcomer() {
	r.members = append(r.members, chord.Peer{})
	r.replace(len(r.members) - 1)
}

// overlayFigures are what one overlay did under one churn.
type overlayFigures struct {
	lookups, right int
	hops, timeouts float64 // a lookup
	took           time.Duration
	messages       float64 // a node and minute
}

// ChordKademlia compares lookups of Chord and Kademlia on the same network and
// under the same churn.
func ChordKademlia(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 500)
	ringConfig, err := o.chordConfig(chord.Config{Successors: 16, FixFingers: 5 * time.Second}, 50)
	if err != nil {
		return nil, err
	}
	kad := kademlia.Config{K: 20, Alpha: 3, Spare: 4}
	r := &Result{
		Title: fmt.Sprintf("Chord and Kademlia under the same churn, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"one-way latency 10 to 100 ms; time out 2 s; exponential lifetimes, each dead node replaced after 10 s",
			"Chord: stabilization every 30 s, a finger every 5 s, successor lists of 16; Kademlia: k = 20, alpha = 3",
			fmt.Sprintf("a lookup a second for %v", versusTime),
		},
		Figure: Figure{Title: "lookups that found the right node", X: "half-life, minutes", Y: "%", LegendRight: true},
		Notes: []string{
			"right: the live node that the key belongs to, by each overlay's own order. Messages: all that the nodes",
			"sent, upkeep and lookups. Kademlia's hops are the chain of answers; it asks alpha nodes at once.",
		},
	}
	t := Table{Title: "By half-life", Header: []string{
		"half-life", "overlay", "right", "hops", "time outs", "time", "messages/node/min"}}
	lines := []Line{{Name: "Chord"}, {Name: "Kademlia"}}
	for _, h := range []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour} {
		for i, f := range []overlayFigures{versusChord(ringConfig, h, o), versusKademlia(kad, h, o)} {
			right := 100 * float64(f.right) / float64(f.lookups)
			t.Rows = append(t.Rows, []string{
				fmt.Sprintf("%.0f min", h.Minutes()), lines[i].Name, fmt.Sprintf("%.1f%%", right),
				fmt.Sprintf("%.2f", f.hops), fmt.Sprintf("%.2f", f.timeouts),
				fmt.Sprintf("%.0f ms", float64(f.took.Milliseconds())), fmt.Sprintf("%.1f", f.messages)})
			lines[i].X, lines[i].Y = append(lines[i].X, h.Minutes()), append(lines[i].Y, right)
		}
	}
	r.Tables = []Table{t}
	r.Figure.Lines = lines
	return r, nil
}

// versusTime is how long each overlay of the comparison runs.
const versusTime = 30 * time.Minute

func versusChord(cfg chord.Config, halfLife time.Duration, o Options) overlayFigures {
	r := newRing(cfg, o.Nodes, o.Seed)
	until, sent := r.Now()+versusTime, r.Stats().Sent
	r.churn(len(r.members), halfLife, until, r.fail, r.replace)
	s := &lookups{}
	r.poisson(1, until, func() { r.lookup(s, r.randomKey()) })
	r.RunUntil(until)
	messages := r.Stats().Sent - sent
	r.RunFor(time.Minute)
	return overlayFigures{
		lookups: s.begun, right: s.right, hops: s.mean(), timeouts: float64(s.timeouts) / float64(s.begun),
		took:     s.took / time.Duration(max(1, len(s.hops))),
		messages: float64(messages) / float64(o.Nodes) / versusTime.Minutes(),
	}
}

func versusKademlia(cfg kademlia.Config, halfLife time.Duration, opts Options) overlayFigures {
	o := newOverlay(cfg, opts.Nodes, opts.Seed)
	o.buildBySeeding()
	var s churnSample
	s.halfLife = halfLife
	until, sent := o.Now()+versusTime, o.Stats().Sent
	o.churn(&s, until)
	for o.Now() < until {
		o.probeNode(&s)
		o.RunFor(time.Second)
	}
	messages := o.Stats().Sent - sent
	o.RunFor(time.Minute)
	return overlayFigures{
		lookups: s.lookups, right: s.closest, hops: float64(s.hops) / float64(s.lookups),
		timeouts: float64(s.dead) / float64(s.lookups), took: s.took / time.Duration(max(1, s.lookups)),
		messages: float64(messages) / float64(opts.Nodes) / versusTime.Minutes(),
	}
}
