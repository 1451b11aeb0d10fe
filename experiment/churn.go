package experiment

import (
	"cmp"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// What the churn experiment does, the same for every half-life.
const (
	churnTime     = 2 * time.Hour
	churnInterval = 10 * time.Minute // one point of the curve
	churnValues   = 100              // published once before the churn, never again
	churnProbes   = 100              // lookups of each kind in an interval
)

// halfLives of the nodes, from a file-sharing network's to hostile.
func halfLives() []time.Duration {
	return []time.Duration{
		60 * time.Minute, 30 * time.Minute, 15 * time.Minute, 10 * time.Minute, 5 * time.Minute,
	}
}

// churnSample is what one half-life did to the network.
type churnSample struct {
	halfLife time.Duration
	joins    int
	failed   int // joins that no seed answered
	lookups  int // node lookups
	closest  int // of these, how many found the globally closest node first
	asked    int // nodes that they asked
	dead     int // of these, how many let the time out pass
	hops     int // of all node lookups
	took     time.Duration
	found    []float64 // percent of value lookups that found the value, by interval
	messages uint64
}

// KademliaChurn measures lookups and the survival of values while nodes with
// exponential lifetimes are replaced by newcomers under new identifiers. Values
// are published once; what keeps them is hourly replication, and the handing of
// values to newcomers.
//
// KAD-STORE-005, KAD-STORE-008 (Kademlia §2.5).
func KademliaChurn(o Options) (*Result, error) {
	o.Nodes = cmp.Or(o.Nodes, 200)
	cfg, err := o.kademliaConfig(8)
	if err != nil {
		return nil, err
	}
	var samples []churnSample
	for _, h := range halfLives() {
		samples = append(samples, measureChurn(cfg, h, o))
	}
	return churnResult(o, cfg, samples), nil
}

func measureChurn(cfg kademlia.Config, halfLife time.Duration, opts Options) churnSample {
	o := newOverlay(cfg, opts.Nodes, opts.Seed)
	if opts.Join {
		o.buildByJoining()
	} else {
		o.buildBySeeding()
	}
	keys := o.publish()
	s := churnSample{halfLife: halfLife}
	began, sent := o.Now(), o.Stats().Sent
	o.churn(&s, began+churnTime)
	for range churnTime / churnInterval {
		found := 0
		for i := range churnProbes {
			o.probeNode(&s)
			o.probeValue(keys[i%len(keys)], &found)
			o.RunFor(churnInterval / churnProbes)
		}
		s.found = append(s.found, 100*float64(found)/churnProbes)
	}
	s.messages = o.Stats().Sent - sent
	return s
}

// publish stores the values. The publisher withdraws each at once: the
// republication of a day later is not what this experiment is about.
func (o *overlay) publish() []kademlia.ID {
	keys := make([]kademlia.ID, churnValues)
	for i := range keys {
		key, at := kademlia.RandomID(o.Rand(), kademlia.MaxBits), o.someone()
		keys[i] = key
		o.command(at, func(op spec.OpID) spec.Input {
			return kademlia.Store{Op: op, Key: key, Value: key[:]}
		}, func(spec.Done) {})
		o.RunFor(5 * time.Second)
		o.command(at, func(op spec.OpID) spec.Input {
			return kademlia.Withdraw{Op: op, Key: key}
		}, func(spec.Done) {})
	}
	return keys
}

// churn ends and replaces nodes until the given time.
func (o *overlay) churn(s *churnSample, until time.Duration) {
	o.network.churn(len(o.members), s.halfLife, until, func(i int) {
		o.Crash(address(i))
		o.members[i] = kademlia.Contact{}
	}, func(i int) { o.replace(i, s) })
}

// replace starts a newcomer in the place of member i.
func (o *overlay) replace(i int, s *churnSample) {
	sponsor := o.members[o.someone()]
	o.name(i)
	o.Restart(address(i), func(now time.Duration) spec.Machine { return o.machine(i, nil, now) })
	s.joins++
	o.enter(i, sponsor, func(d spec.Done) {
		if d.Err == nil {
			return
		}
		s.failed++
		if o.members[i].Addr.IsValid() { // try again through somebody else
			o.enter(i, o.members[o.someone()], func(spec.Done) {})
		}
	})
}

func (o *overlay) probeNode(s *churnSample) {
	from, target := o.someone(), kademlia.RandomID(o.Rand(), kademlia.MaxBits)
	began := o.Now()
	o.command(from, func(op spec.OpID) spec.Input {
		return kademlia.FindNode{Op: op, Target: target}
	}, func(d spec.Done) {
		s.lookups++
		s.took += o.Now() - began
		if f, ok := d.Result.(kademlia.Found); ok {
			s.hops += int(f.Hops)
			s.asked += int(f.Asked)
			s.dead += int(f.Failed)
			if f.Contacts[0] == o.closest(target, 1, from)[0] {
				s.closest++
			}
		}
	})
}

func (o *overlay) probeValue(key kademlia.ID, found *int) {
	o.command(o.someone(), func(op spec.OpID) spec.Input {
		return kademlia.FindValue{Op: op, Key: key}
	}, func(d spec.Done) {
		if d.Err == nil {
			*found++
		}
	})
}

func churnResult(o Options, cfg kademlia.Config, samples []churnSample) *Result {
	r := &Result{
		Title: fmt.Sprintf("Kademlia under churn, %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			fmt.Sprintf("k = %d, alpha = %d; one-way latency 10 to 100 ms, no loss; time out 2 s",
				cfg.K, cfg.Alpha),
			fmt.Sprintf("exponential lifetimes; a newcomer replaces each dead node after %v", churnDowntime),
			fmt.Sprintf("%d values, published once; %d lookups of each kind in %v, for %v",
				churnValues, churnProbes, churnInterval, churnTime),
		},
		Figure: Figure{Title: "values found, %", X: "minutes of churn", Y: "values found, %"},
		Notes: []string{
			"closest found: node lookups whose first answer was the globally closest live node;",
			"dead asked: share of the nodes asked that had left; values: found by value lookups,",
			"over all and in the last interval.",
		},
	}
	t := Table{Title: "By half-life", Header: []string{"half-life", "newcomers", "failed joins",
		"closest found", "asked", "dead asked", "values", "values at end", "messages/node/min"}}
	for i := range samples {
		s := &samples[i]
		line := Line{Name: fmt.Sprintf("%v min", s.halfLife.Minutes())}
		sum := 0.0
		for j, percent := range s.found {
			line.X = append(line.X, float64(j+1)*churnInterval.Minutes())
			line.Y = append(line.Y, percent)
			sum += percent
		}
		r.Figure.Lines = append(r.Figure.Lines, line)
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%v min", s.halfLife.Minutes()), fmt.Sprint(s.joins), fmt.Sprint(s.failed),
			fmt.Sprintf("%.1f%%", 100*float64(s.closest)/float64(s.lookups)),
			fmt.Sprintf("%.1f", float64(s.asked)/float64(s.lookups)),
			fmt.Sprintf("%.1f%%", 100*float64(s.dead)/float64(s.asked)),
			fmt.Sprintf("%.1f%%", sum/float64(len(s.found))),
			fmt.Sprintf("%.1f%%", s.found[len(s.found)-1]),
			fmt.Sprintf("%.1f", float64(s.messages)/float64(o.Nodes)/churnTime.Minutes()),
		})
	}
	r.Tables = []Table{t}
	return r
}
