package experiment

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// The set-up of Lifeguard's experiments: members are slow for a time, and well
// for a while, again and again.
const (
	slowFor      = 16 * time.Second
	wellFor      = 16 * time.Second
	slowRounds   = 8
	afterTheSlow = 40 * time.Second // for suspicions to end
)

// lifeguardVariant is the protocol with some of Lifeguard.
type lifeguardVariant struct {
	name string
	cfg  swim.Config
}

// lifeguardVariants has Lifeguard's parts one by one and all together, with the
// paper's alpha = 5, beta = 6 and K = 3.
func lifeguardVariants() []lifeguardVariant {
	part := func(change func(*swim.Config)) swim.Config {
		c := swim.LAN()
		c.PushPullInterval, c.TCPPing = 0, false
		c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.AwarenessMax = 5, 1, 1
		c.NoNack, c.NoBuddy = true, true
		change(&c)
		return c
	}
	health := func(c *swim.Config) { c.AwarenessMax, c.NoNack = 8, false }
	suspicion := func(c *swim.Config) { c.SuspicionMaxTimeoutMult = 6 }
	buddy := func(c *swim.Config) { c.NoBuddy = false }
	return []lifeguardVariant{
		{"SWIM", part(func(*swim.Config) {})},
		{"LHA-Probe", part(health)},
		{"LHA-Suspicion", part(suspicion)},
		{"Buddy System", part(buddy)},
		{"Lifeguard", part(func(c *swim.Config) { health(c); suspicion(c); buddy(c) })},
	}
}

// Lifeguard measures how many healthy members are declared dead while some are so
// slow that they take others for silent, with and without Lifeguard.
//
// GO-LH-01, GO-LH-02, GO-LH-03, GO-FD-10, GO-FD-19 (Lifeguard §V).
func Lifeguard(o Options) (*Result, error) {
	o, err := o.gossipOptions(64, 512, 3)
	if err != nil {
		return nil, err
	}
	if o.Nodes < 32 {
		return nil, fmt.Errorf("experiment: %d nodes, want at least 32", o.Nodes)
	}
	r := &Result{
		Title: fmt.Sprintf("Lifeguard: false positives by slow members, %d members, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"memberlist's LAN configuration with alpha 5, beta 6; links of 1 to 5 ms without loss",
			fmt.Sprintf("so many members at a time neither hear nor speak for %v, then are well for %v, %d times; %d runs a row",
				slowFor, wellFor, slowRounds, o.Runs),
		},
		Figure: Figure{Title: "healthy members declared dead", X: "slow members", Y: "% of SWIM's"},
		Notes: []string{
			"A slow member's timers run, but what it says and hears waits until it is well: it takes all others for",
			"silent. Counted is each time that a member is told that a healthy one has died. Healthy: not slow then.",
			"SWIM has suspicion with alpha 5 and no more; each part of Lifeguard is added by itself, then all of them.",
			"Paper: Dadgar, Phillips and Currey 2017, as it is cited: 10 to 100 times fewer false positives with all",
			"of it, over 50 times in the mean. Its table by parts was not at hand.",
		},
	}
	t := Table{Title: "Healthy members declared dead, a run", Header: []string{
		"slow", "protocol", "dead", "±", "of SWIM's", "times fewer"}}
	lines := make([]Line, len(lifeguardVariants()))
	for _, slow := range []int{1, 4, 8, 16} {
		var base float64
		for i, v := range lifeguardVariants() {
			var dead spread
			for run := range o.Runs {
				dead = append(dead, float64(measureSlow(v.cfg, slow, run, o)))
			}
			if i == 0 {
				base = dead.mean()
			}
			t.Rows = append(t.Rows, []string{fmt.Sprint(slow), v.name, fmt.Sprintf("%.1f", dead.mean()),
				fmt.Sprintf("%.1f", dead.deviation()), share(dead.mean(), base), fewer(dead.mean(), base)})
			lines[i].Name = v.name
			lines[i].X = append(lines[i].X, float64(slow))
			lines[i].Y = append(lines[i].Y, 100*dead.mean()/max(base, 1e-9))
		}
	}
	r.Tables, r.Figure.Lines = []Table{t}, lines
	return r, nil
}

func share(part, whole float64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*part/whole)
}

func fewer(part, whole float64) string {
	if part == 0 {
		return "all"
	}
	return fmt.Sprintf("%.1f", whole/part)
}

// measureSlow returns how often members were told that a healthy one has died.
func measureSlow(cfg swim.Config, slow, run int, o Options) (dead int) {
	link := sim.Link{Latency: sim.Uniform(time.Millisecond, 5*time.Millisecond)}
	c := newSwimCluster(cfg, o.Nodes, link, o.Seed, uint64(run)<<8|uint64(slow)) // the same for all variants
	c.told = func(_ *swimMember, e spec.Event) {
		if e, ok := e.(swim.Failed); ok && c.members[numberOf(e.Member.Addr)].slowUntil <= c.Now() {
			dead++
		}
	}
	order := make([]int, o.Nodes)
	for i := range order {
		order[i] = i
	}
	c.Rand().Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	c.RunFor(5 * time.Second)
	for range slowRounds {
		for _, i := range order[:slow] {
			c.members[i].slowUntil = c.Now() + slowFor
		}
		c.RunFor(slowFor + wellFor)
	}
	c.RunFor(afterTheSlow)
	return dead
}
