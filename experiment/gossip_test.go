package experiment

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// The figures of Demers's tables come out within the stated tolerance: residue
// and traffic within 6 standard errors of ours, and the rounding of the paper's;
// t_last within 1.5 cycles, for which the paper's runs were few. The mean times of
// tables 1 and 2 do not, in any repetition.
//
// GO-EP-02 (Demers et al. 1987, tables 1 to 3).
func TestDemersTables(t *testing.T) {
	o := Options{Nodes: 1000, Seed: 1, Runs: 30}
	for _, table := range demersTables() {
		for i, p := range table.paper {
			if table.number == 3 && i == 2 {
				continue // four in a million: not in thirty runs
			}
			f := table.measure(i+1, o)
			within := func(what string, ours spread, paper, rounding float64) {
				t.Helper()
				bound := 6*ours.deviation()/math.Sqrt(float64(o.Runs)) + rounding
				require.InDelta(t, paper, ours.mean(), bound, "table %d, k = %d: %s", table.number, i+1, what)
			}
			within("residue", f.residue, p.residue, rounding(p.residue))
			within("traffic", f.traffic, p.traffic, rounding(p.traffic))
			within("t_last", f.last, p.last, 1.5)
		}
	}
}

// rounding is half a unit of the second digit.
func rounding(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))-1) / 2 }

// The rules that make the tables: with a counter that is never reset the first
// one does not come out.
//
// GO-EP-02.
func TestTablesTellRulesApart(t *testing.T) {
	o := Options{Nodes: 1000, Seed: 1, Runs: 10}
	table := demersTables()[0]
	table.mongering.Interest = epidemic.BlindCounter
	f := table.measure(2, o)
	require.Greater(t, math.Abs(f.residue.mean()-table.paper[1].residue), 0.05)
}

// With push, s = e^-m, whatever the rule; where a node accepts one contact a
// cycle, and refused ones cost nothing, push does better than that: s = e^-λm,
// λ = 1/(1 - 1/e).
//
// GO-EP-02 (Demers et al. 1987, §1.4, equation and connection limit).
func TestResidueFollowsTraffic(t *testing.T) {
	for _, rule := range []epidemic.Interest{epidemic.FeedbackCounter, epidemic.FeedbackCoin, epidemic.BlindCoin} {
		for _, limit := range []int{0, 1} {
			table := demersTable{mongering: epidemic.Mongering{Interest: rule, Connections: limit}}
			f := table.measure(3, Options{Nodes: 1000, Seed: 1, Runs: 20})
			exponent := -math.Log(f.residue.mean()) / f.traffic.mean()
			if limit == 0 {
				require.InDelta(t, 1, exponent, 0.05, "rule %v", rule)
			} else {
				require.Greater(t, exponent, 1.1, "rule %v", rule)
			}
		}
	}
}

// Rounds until all know are what the theorems say, plus at most about one, and
// the median-counter rule stops after O(n ln ln n) transmissions, having reached
// everybody.
//
// GO-EP-02 (Karp et al. 2000).
func TestKarp(t *testing.T) {
	const n = 1000
	for i, want := range []float64{18.08, 13.76, 9.13} {
		law := roundLaws()[i]
		rounds, _, _ := epidemics(tireless(law.exchange), n, 20, 1, true)
		require.InDelta(t, want, rounds.mean(), 0.8, law.name)
		require.InDelta(t, law.formula(n)+[]float64{1.1, 1, 0}[i], rounds.mean(), 0.8, law.name)
	}
	for _, n := range []int{1000, 10_000} {
		_, sent, residue := epidemics(medianCounter(n), n, 2, 1, false)
		require.Zero(t, residue.mean())
		require.Less(t, sent.mean(), 8*math.Log(math.Log(float64(n))))
	}
}

// The synchronous cycles are what the simulated network does without latency: in
// the end every machine is in the same state, to the last draw.
func TestCyclesAreThoseOfTheNetwork(t *testing.T) {
	for _, m := range []epidemic.Mongering{
		demersTables()[0].mongering, demersTables()[1].mongering, demersTables()[2].mongering, medianCounter(100),
	} {
		cfg := epidemic.Config{Peers: peers(100), Mongering: m}
		fast, slow := newCycles(cfg, 1, 0), newCycles(cfg, 1, 0)
		n := sim.New(sim.Config{})
		for i, node := range slow.nodes {
			n.Add(address(i), node)
		}
		for range 30 {
			fast.step()
			n.RunFor(cyclePeriod)
		}
		for i := range fast.nodes {
			require.Equal(t, fast.nodes[i].AppendState(nil), slow.nodes[i].AppendState(nil), "node %d", i)
		}
		require.EqualValues(t, fast.messages, n.Stats().Sent)
		require.Greater(t, fast.knows, 1)
	}
}

// Every experiment of gossip prints the same bytes for a seed, others for another
// one, and a figure.
func TestGossipRepeats(t *testing.T) {
	for _, e := range Gossip() {
		if e.Name != "karp" && e.Name[:len(e.Name)-1] != "demers-" {
			continue // has a test of its own
		}
		t.Run(e.Name, func(t *testing.T) {
			run := func(seed uint64) string {
				r, err := e.Run(Options{Nodes: 100, Runs: 4, Seed: seed})
				require.NoError(t, err)
				var text, svg bytes.Buffer
				require.NoError(t, r.WriteText(&text))
				require.NoError(t, r.WriteSVG(&svg))
				require.Contains(t, svg.String(), "</svg>")
				return text.String() + svg.String()
			}
			require.Equal(t, run(1), run(1))
			require.NotEqual(t, run(1), run(2))
		})
	}
}

func TestGossipOptions(t *testing.T) {
	_, err := FindGossip("nosuch")
	require.ErrorContains(t, err, "there are ")
	for _, name := range []string{"demers-1", "karp"} {
		e, err := FindGossip(name)
		require.NoError(t, err)
		for _, o := range []Options{{Nodes: 1}, {Nodes: 1 << 30}, {Runs: -1}, {Runs: maxRuns + 1}} {
			_, err := e.Run(o)
			require.Error(t, err)
		}
	}
}

// In one cycle of anti-entropy the share p that does not know becomes p² by pull,
// p·e^-(1-p) by push, and the product of both when updates go both ways.
//
// GO-EP-01 (Demers et al. 1987, §1.3).
func TestAntiEntropyLaws(t *testing.T) {
	const n = 4000
	push := func(p float64) float64 { return p * math.Exp(p-1) }
	pull := func(p float64) float64 { return p * p }
	for e, law := range []func(float64) float64{
		epidemic.Push: push, epidemic.Pull: pull,
		epidemic.PushPull: func(p float64) float64 { return pull(p) * math.Exp(p-1) },
	} {
		cfg := epidemic.Config{Peers: peers(n), Mongering: epidemic.Mongering{Interest: epidemic.BlindCounter, K: 1}}
		c := newCycles(cfg, 1, 0)
		cfg.Mongering.Period = -1
		cfg.AntiEntropy = epidemic.AntiEntropy{
			Period: cyclePeriod, Compare: epidemic.Checksum, Exchange: epidemic.Exchange(e),
		}
		first, err := epidemic.New(cfg, 0)
		require.NoError(t, err)
		for i := range c.nodes {
			c.nodes[i] = first.Sibling(int32(i), seedBytes(1, uint64(i)), 0)
			if i%2 == 0 { // every other one knows
				u := epidemic.Update{Key: "rumor", Stamp: epidemic.Stamp{Counter: 1}}
				in := spec.Recv{From: address(n - 1 - i), Msg: epidemic.Entries{Updates: []epidemic.Update{u}}}
				c.nodes[i].Step(0, in, nil)
			}
		}
		c.knows = n / 2
		c.step()
		p := 1 - float64(c.knows)/n
		require.InDelta(t, law(0.5), p, 0.03, "exchange %d", e)
	}
}
