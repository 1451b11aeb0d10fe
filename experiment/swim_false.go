package experiment

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// falsePositives are what members said of others that were up all the time.
type falsePositives struct {
	failed float64 // of all probes, those that led to a verdict
	dead   float64 // verdicts a member and hour
}

// falseSpan is how long a cluster is watched.
const falseSpan = 10 * time.Minute

// SwimFalsePositives measures how often members that are up are declared dead when
// the network loses packets: without suspicion, with it, and with all that
// memberlist adds.
//
// GO-SW-01, GO-FD-07, GO-FD-12 (SWIM §3.1, §4.2).
func SwimFalsePositives(o Options) (*Result, error) {
	o, err := o.gossipOptions(64, 1000, 5)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("SWIM: false positives by loss, %d members, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"period 1 s, ack within 0.5 s, k = 3; links of 1 to 5 ms; nobody crashes, no pings over streams",
			fmt.Sprintf("%v a run, %d runs a row", falseSpan, o.Runs),
		},
		Figure: Figure{Title: "members declared dead", X: "packets lost, %", Y: "a member and hour"},
		Notes: []string{
			"Failed: of all probes without suspicion those that nobody answered, each a verdict. Formula: with q the share",
			"of packets that arrive, (1-q^2)(1-q^4)^3: the ping or its ack is lost, and so is one of the four packets of",
			"each of the three ways through others. Dead: verdicts on members that are up, by a member and hour:",
			"without suspicion (SWIM §3); with it, in which a member has time to refute (§4.2); and with what memberlist",
			"adds: Lifeguard, and rounds of gossip, with which accusations and refutations travel faster. Where a fifth",
			"is lost the plain protocol has so many of its members dead that fewer are probed than the formula thinks.",
		},
	}
	t := Table{Title: "Members that are up, declared dead", Header: []string{
		"loss", "failed", "±", "formula", "dead: none", "±", "suspicion", "±", "memberlist", "±"}}
	variants := []swim.Config{plainSwim(), suspectingSwim(), memberlistWithoutStreams()}
	lines := []Line{{Name: "no suspicion"}, {Name: "suspicion"}, {Name: "memberlist"}}
	for _, percent := range []int{2, 5, 10, 15, 20} {
		link := sim.Link{Latency: sim.Uniform(time.Millisecond, 5*time.Millisecond), Loss: sim.Percent(uint32(percent))}
		q := 1 - float64(percent)/100
		cells := []string{fmt.Sprintf("%d%%", percent)}
		for i, cfg := range variants {
			var failed, dead spread
			for run := range o.Runs {
				f := measureFalse(newSwimCluster(cfg, o.Nodes, link, o.Seed, uint64(run)<<16|uint64(percent)<<4|uint64(i)))
				failed, dead = append(failed, 100*f.failed), append(dead, f.dead)
			}
			if i == 0 {
				cells = append(cells, fmt.Sprintf("%.3f%%", failed.mean()), fmt.Sprintf("%.3f", failed.deviation()),
					fmt.Sprintf("%.3f%%", 100*(1-math.Pow(q, 2))*math.Pow(1-math.Pow(q, 4), 3)))
			}
			cells = append(cells, fmt.Sprintf("%.2f", dead.mean()), fmt.Sprintf("%.2f", dead.deviation()))
			lines[i].X, lines[i].Y = append(lines[i].X, float64(percent)), append(lines[i].Y, dead.mean())
		}
		t.Rows = append(t.Rows, cells)
	}
	r.Tables, r.Figure.Lines = []Table{t}, lines
	return r, nil
}

// suspectingSwim is the paper's protocol with its chapter 4: suspicion, targets in
// turn, and no more.
func suspectingSwim() swim.Config {
	c := plainSwim()
	c.NoSuspicion, c.RandomTarget = false, false
	return c
}

func memberlistWithoutStreams() swim.Config {
	c := swim.LAN()
	c.PushPullInterval, c.TCPPing = 0, false
	return c
}

// measureFalse counts the verdicts of those who say so first: who passes one on
// does not count.
func measureFalse(c *swimCluster) (f falsePositives) {
	dead := 0
	c.told = func(m *swimMember, e spec.Event) {
		if e, ok := e.(swim.Failed); ok && e.From == m.Name() {
			dead++
		}
	}
	c.RunFor(falseSpan)
	f.dead = float64(dead) / float64(len(c.members)) / falseSpan.Hours()
	f.failed = float64(dead) / float64(len(c.members)) / falseSpan.Seconds() // a probe a second
	return f
}
