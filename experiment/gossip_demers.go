package experiment

import (
	"fmt"
	"math"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
)

// demersRow is a row of the paper's tables: residue, traffic, mean time and time
// until the last.
type demersRow struct{ residue, traffic, average, last float64 }

// rare is a residue of which it takes five times the epidemics to see anything.
const rare = 1e-5

// demersTable is one of the tables of §1.4.
type demersTable struct {
	number    int
	title     string
	mongering epidemic.Mongering
	paper     []demersRow // for k = 1, 2, …
	runs      int         // as many as small residues need
}

func demersTables() [3]demersTable {
	return [3]demersTable{
		{1, "push, feedback and counter",
			epidemic.Mongering{Exchange: epidemic.Push, Interest: epidemic.FeedbackCounter},
			[]demersRow{
				{0.18, 1.7, 11.0, 16.8}, {0.037, 3.3, 12.1, 16.9}, {0.011, 4.5, 12.5, 17.4},
				{0.0036, 5.6, 12.7, 17.5}, {0.0012, 6.7, 12.8, 17.7},
			}, 100},
		{2, "push, blind and coin",
			epidemic.Mongering{Exchange: epidemic.Push, Interest: epidemic.BlindCoin},
			[]demersRow{
				{0.96, 0.04, 19, 38}, {0.20, 1.6, 17, 33}, {0.060, 2.8, 15, 32},
				{0.021, 3.9, 14.1, 32}, {0.008, 4.9, 13.8, 32},
			}, 200},
		{3, "pull, feedback and counter",
			epidemic.Mongering{Exchange: epidemic.Pull, Interest: epidemic.FeedbackCounter},
			[]demersRow{{0.031, 2.7, 9.97, 17.63}, {5.8e-4, 4.49, 10.07, 15.39}, {4.0e-6, 6.09, 10.08, 14.00}},
			200},
	}
}

// Demers1 repeats table 1 of the paper.
//
// GO-EP-02 (Demers et al. 1987, §1.4).
func Demers1(o Options) (*Result, error) { return demers(demersTables()[0], o) }

// Demers2 repeats table 2.
//
// GO-EP-02.
func Demers2(o Options) (*Result, error) { return demers(demersTables()[1], o) }

// Demers3 repeats table 3.
//
// GO-EP-02.
func Demers3(o Options) (*Result, error) { return demers(demersTables()[2], o) }

// demersFigures are those of several epidemics.
type demersFigures struct{ residue, traffic, average, last spread }

func (t *demersTable) measure(k int, o Options) (f demersFigures) {
	cfg := epidemic.Config{Peers: peers(o.Nodes), Mongering: t.mongering}
	cfg.Mongering.K = k
	runs := o.Runs
	if k <= len(t.paper) && t.paper[k-1].residue < rare {
		runs *= 5
	}
	for run := range runs {
		c := newCycles(cfg, o.Seed, uint64(run)<<8|uint64(k))
		c.run(false)
		n := float64(o.Nodes)
		f.residue = append(f.residue, 1-float64(c.knows)/n)
		f.traffic = append(f.traffic, float64(c.rumors)/n)
		f.average = append(f.average, float64(c.delays)/float64(c.knows))
		f.last = append(f.last, float64(c.last))
	}
	return f
}

func demers(t demersTable, o Options) (*Result, error) {
	o, err := o.gossipOptions(1000, 100_000, t.runs)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Demers et al. 1987, table %d: %s, %d nodes, seed %d", t.number, t.title, o.Nodes, o.Seed),
		Setup: []string{
			"one update; synchronous cycles, a contact of every infective node (push) or of every node (pull) in each",
			fmt.Sprintf("each row is the mean of %d epidemics, five times as many where s is below %.0e", o.Runs, rare),
			"± is the standard deviation of one",
		},
		Figure: Figure{Title: "residue against traffic", X: "traffic m, updates sent a node",
			Y: "-ln s", LegendRight: true},
		Notes: []string{
			"Residue: the share that the rumor never reached. Traffic: updates sent, useful or not, a node.",
			"Whether a contact was useful is judged by what the receiver knew when the cycle began; a useful contact",
			"resets the counter; of several requesters in a cycle one that did not know makes it useful. Residue and",
			"traffic then agree within 6 standard errors and the rounding of the paper, t_last within 1.5 cycles.",
		},
	}
	mark := "" // of the column that does not come out
	if t.number < 3 {
		mark = "*"
	}
	table := Table{Title: "Ours beside the paper", Header: []string{
		"k", "residue s", "±", "paper", "traffic m", "±", "paper", "t_last", "±", "paper",
		"t_ave" + mark, "paper" + mark}}
	ours, paper, law := Line{Name: "ours"}, Line{Name: "paper"}, Line{Name: "s = e^-m"}
	for i, p := range t.paper {
		f := t.measure(i+1, o)
		s, m := f.residue.mean(), f.traffic.mean()
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(i + 1),
			fmt.Sprintf("%.2g", s), fmt.Sprintf("%.1g", f.residue.deviation()), fmt.Sprintf("%.2g", p.residue),
			fmt.Sprintf("%.2f", m), fmt.Sprintf("%.2f", f.traffic.deviation()), fmt.Sprintf("%.4g", p.traffic),
			fmt.Sprintf("%.2f", f.last.mean()), fmt.Sprintf("%.2f", f.last.deviation()), fmt.Sprintf("%.4g", p.last),
			fmt.Sprintf("%.2f", f.average.mean()), fmt.Sprintf("%.4g", p.average),
		})
		if s > 0 {
			ours.X, ours.Y = append(ours.X, m), append(ours.Y, -math.Log(s))
		}
		paper.X, paper.Y = append(paper.X, p.traffic), append(paper.Y, -math.Log(p.residue))
		law.X, law.Y = append(law.X, p.traffic), append(law.Y, p.traffic)
	}
	if mark != "" {
		r.Notes = append(r.Notes,
			"* The mean time of tables 1 and 2 does not come out in any repetition that we know of; it is no criterion.")
	}
	r.Tables = []Table{table}
	r.Figure.Lines = []Line{paper, law}
	if len(ours.X) > 0 {
		r.Figure.Lines = []Line{ours, paper, law}
	}
	return r, nil
}
