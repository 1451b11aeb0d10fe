package experiment

import (
	"fmt"
	"math"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
)

// tireless is a rule by which nobody loses interest within an experiment.
func tireless(e epidemic.Exchange) epidemic.Mongering {
	return epidemic.Mongering{Exchange: e, Interest: epidemic.BlindCounter, K: 254}
}

// medianCounter is Karp's rule for a network of n nodes: ln ln n states B, and as
// many cycles in C.
func medianCounter(n int) epidemic.Mongering {
	k := int(math.Ceil(math.Log(math.Log(float64(n)))))
	return epidemic.Mongering{
		Exchange: epidemic.PushPull, Interest: epidemic.MedianCounter, K: k, Cool: k,
		Rounds: int(math.Ceil(4 * math.Log(float64(n)))),
	}
}

// rounds is what the theorems say of the rounds until all know.
type rounds struct {
	name     string
	exchange epidemic.Exchange
	law      string
	formula  func(n float64) float64
}

func roundLaws() [3]rounds {
	return [3]rounds{
		{"push", epidemic.Push, "log2 n + ln n", func(n float64) float64 { return math.Log2(n) + math.Log(n) }},
		{"pull", epidemic.Pull, "log2 n + log2 ln n", func(n float64) float64 {
			return math.Log2(n) + math.Log2(math.Log(n))
		}},
		{"push-pull", epidemic.PushPull, "log3 n + log2 ln n", func(n float64) float64 {
			return math.Log(n)/math.Log(3) + math.Log2(math.Log(n))
		}},
	}
}

// epidemics runs epidemics of one kind; with all, each until everybody knows.
func epidemics(m epidemic.Mongering, n, runs int, seed uint64, all bool) (rounds, transmissions, residue spread) {
	cfg := epidemic.Config{Peers: peers(n), Mongering: m}
	for run := range runs {
		c := newCycles(cfg, seed, uint64(run)<<8|uint64(m.Exchange))
		c.run(all)
		rounds = append(rounds, float64(c.last))
		transmissions = append(transmissions, float64(c.rumors)/float64(n))
		residue = append(residue, 1-float64(c.knows)/float64(n))
	}
	return rounds, transmissions, residue
}

// Karp measures the rounds and transmissions of a rumor until all know it, by
// push, pull and both, and with the median-counter rule.
//
// GO-EP-02 (Karp et al. 2000; Frieze and Grimmett 1985; Doerr and Kostrygin 2017).
func Karp(o Options) (*Result, error) {
	o, err := o.gossipOptions(100_000, 1_000_000, 3)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Rounds until all know a rumor, up to %d nodes, seed %d", o.Nodes, o.Seed),
		Setup: []string{
			"one rumor; synchronous cycles, in each of which every node calls another one",
			fmt.Sprintf("means of %d epidemics at the largest n, ten times as many below it", o.Runs),
			"± is the standard deviation of one",
		},
		Figure: Figure{Title: "rounds until all know", X: "log10 n", Y: "rounds", LegendRight: true},
		Notes: []string{
			"The laws hold up to a constant, which is about +1.1 for push, +1.0 for pull and 0 for push-pull.",
			"Transmissions: rumors sent by push or answer. Without a rule nobody knows when to stop, and each further",
			"round costs 2 a node. The median-counter rule, here with ⌈ln ln n⌉ states B and cycles in C, stops by",
			"itself: all know, after as many rounds and O(n ln ln n) transmissions (Karp et al. 2000).",
		},
	}
	t := Table{Title: "Rounds", Header: []string{"n", "by", "rounds", "±", "law", "formula", "difference"}}
	median := Table{Title: "Transmissions a node", Header: []string{
		"n", "ln ln n", "push-pull, until all know", "median counter", "±", "by ln ln n", "rounds", "residue"}}
	lines := make([]Line, 0, 6)
	for _, law := range roundLaws() {
		lines = append(lines, Line{Name: law.name}, Line{Name: law.law})
	}
	for n := min(1000, o.Nodes); n <= o.Nodes; n *= 10 {
		var both spread
		runs := o.Runs * min(10, o.Nodes/n)
		for i, law := range roundLaws() {
			rounds, sent, _ := epidemics(tireless(law.exchange), n, runs, o.Seed, true)
			both = sent
			want := law.formula(float64(n))
			t.Rows = append(t.Rows, []string{
				fmt.Sprint(n), law.name, fmt.Sprintf("%.2f", rounds.mean()), fmt.Sprintf("%.2f", rounds.deviation()),
				law.law, fmt.Sprintf("%.2f", want), fmt.Sprintf("%+.2f", rounds.mean()-want)})
			for j, y := range []float64{rounds.mean(), want} {
				l := &lines[2*i+j]
				l.X, l.Y = append(l.X, math.Log10(float64(n))), append(l.Y, y)
			}
		}
		rounds, sent, residue := epidemics(medianCounter(n), n, runs, o.Seed, false)
		lnln := math.Log(math.Log(float64(n)))
		median.Rows = append(median.Rows, []string{
			fmt.Sprint(n), fmt.Sprintf("%.2f", lnln), fmt.Sprintf("%.2f", both.mean()),
			fmt.Sprintf("%.2f", sent.mean()), fmt.Sprintf("%.2f", sent.deviation()),
			fmt.Sprintf("%.2f", sent.mean()/lnln), fmt.Sprintf("%.2f", rounds.mean()),
			fmt.Sprintf("%.1g", residue.mean())})
	}
	r.Tables = []Table{t, median}
	r.Figure.Lines = lines
	return r, nil
}
