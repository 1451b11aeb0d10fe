package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/transport/sim"
)

// The course of the comparison.
const (
	compareWarm   = 5 * time.Minute
	compareBefore = 10 * time.Minute // churn alone
	compareAfter  = 5 * time.Minute  // from a death on, until the dead are back
	compareRest   = 2 * time.Minute  // then
	comparePace   = 2 * time.Second  // between two searches
	compareLife   = 60 * time.Minute // half-life: an hour is the median session that Saroiu et al. (2002) are cited for
	compareShare  = 20               // one in so many of the best dies in the second act

	compareEnd = compareWarm + compareBefore + 2*(compareAfter+compareRest)
)

// The phases of searches that count.
const (
	phaseNone = iota - 1
	phaseBefore
	phaseOne  // after the best one died
	phaseMany // after the best of all did
	phases
)

// phaseAt says what counts at a time after the beginning.
func phaseAt(t time.Duration) int {
	for p, begin := range [phases]time.Duration{
		compareWarm, compareWarm + compareBefore, compareWarm + compareBefore + compareAfter + compareRest,
	} {
		long := compareAfter
		if p == phaseBefore {
			long = compareBefore
		}
		if t >= begin && t < begin+long {
			return p
		}
	}
	return phaseNone
}

// trial is what a network did under a script.
type trial struct {
	found    [phases]spread // percent
	cost     spread         // of those that were asked, before anybody of note died
	took     spread
	messages float64 // of all kinds, a place and minute, before
}

// try lets a script happen to a network.
func try(x contender, s script, places int) *trial {
	x.begin()
	begin := x.net().Now()
	up := make([]bool, places+1) // and a place for an index
	for i := range up {
		up[i] = true
	}
	fail := func(p int32) {
		if up[p] {
			up[p] = false
			x.fail(p)
		}
	}
	come := func(p int32) {
		if !up[p] {
			up[p] = true
			x.come(p)
		}
	}
	t, now, sent := &trial{}, phaseNone, uint64(0)
	var answers []*answer
	var dead []int32
	for _, h := range s {
		x.net().RunUntil(begin + h.at)
		if p := phaseAt(h.at); p != now {
			switch {
			case p == phaseBefore:
				sent = written(x.net())
			case now == phaseBefore:
				t.messages = float64(written(x.net())-sent) / float64(places) / compareBefore.Minutes()
			}
			for _, p := range dead {
				come(p)
			}
			dead = nil
			if p == phaseOne || p == phaseMany {
				dead = x.best(map[int]int{phaseOne: 1, phaseMany: places / compareShare}[p])
			}
			for _, p := range dead {
				fail(p)
			}
			now = p
		}
		switch {
		case h.kind == fails:
			fail(h.place)
		case h.kind == comes && !slices.Contains(dead, h.place):
			come(h.place)
		case h.kind == searches && now != phaseNone && up[h.place]:
			a := &answer{phase: now}
			answers = append(answers, a)
			x.search(h.place, h.file, a)
		}
	}
	x.net().RunFor(dynamicWait)
	x.end()
	t.judge(answers)
	return t
}

// written is how many messages there have been.
func written(n *sim.Network) uint64 { return n.Stats().Sent + n.StreamStats().Written }

func (t *trial) judge(answers []*answer) {
	for _, a := range answers {
		percent := 0.0
		if a.found {
			percent = 100
		}
		t.found[a.phase] = append(t.found[a.phase], percent)
		if a.phase == phaseBefore {
			if a.asked {
				t.cost = append(t.cost, float64(a.cost))
			}
			if a.found {
				t.took = append(t.took, a.took.Seconds())
			}
		}
	}
}

// GnutellaCompare lets the same happen to networks that flood, that have ultrapeers,
// that have a central index, and that are distributed hash tables.
//
// GN-UQ-01, GN-UQ-18, GN-HS-33, NP-SE-01, KAD-LOOKUP-008.
func GnutellaCompare(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(1000, 1)
	if err != nil {
		return nil, err
	}
	r := compareResult(o)
	cost := Table{Title: "Under churn", Header: []string{
		"network", "found", "messages a search", "±", "time to the first", "all messages/place/min"}}
	deaths := Table{Title: fmt.Sprintf("Searches that find, in the %v after deaths", compareAfter), Header: []string{
		"network", "under churn", "the best one dies", fmt.Sprintf("the best %d die", o.Nodes/compareShare), "who that is"}}
	for _, x := range contenders() {
		sum := &trial{}
		for run := range o.Runs {
			sum.add(x.try(o, uint64(run)))
		}
		cost.Rows = append(cost.Rows, []string{x.name, fmt.Sprintf("%.1f%%", sum.found[phaseBefore].mean()),
			fmt.Sprintf("%.0f", sum.cost.mean()), fmt.Sprintf("%.0f", sum.cost.deviation()),
			fmt.Sprintf("%.2f s", sum.took.mean()), fmt.Sprintf("%.1f", sum.messages/float64(o.Runs))})
		row, line := []string{x.name}, Line{Name: x.name}
		for p := range phases {
			row = append(row, fmt.Sprintf("%.1f%%", sum.found[p].mean()))
			line.X, line.Y = append(line.X, float64(p)), append(line.Y, sum.found[p].mean())
		}
		deaths.Rows, r.Figure.Lines = append(deaths.Rows, append(row, x.best)), append(r.Figure.Lines, line)
	}
	r.Tables = []Table{cost, deaths}
	return r, nil
}

// runSeed is the seed of one run, of the first the experiment's own.
func runSeed(seed, run uint64) uint64 { return seed + run<<32 }

func (t *trial) add(o *trial) {
	for p := range phases {
		t.found[p] = append(t.found[p], o.found[p]...)
	}
	t.cost, t.took = append(t.cost, o.cost...), append(t.took, o.took...)
	t.messages += o.messages
}

func compareResult(o Options) *Result {
	return &Result{
		Title: fmt.Sprintf("Flooding, ultrapeers, an index and a hash table, %s places, seed %d", thousands(o.Nodes), o.Seed),
		Setup: []string{
			fmt.Sprintf("the same files at the same places, %d each, asked for by Zipf's law, exponent %.1f, one in %v",
				filesEach, zipfExponent, comparePace),
			fmt.Sprintf("the same lives: half-life %v, the next one comes %v after; one-way latency 10 to 100 ms", compareLife,
				churnDowntime),
			"flooding: 0.4 servents, TTL 7, degrees by a power law; ultrapeers: a tenth, 0.6 servents, dynamic queries",
			"upkeep: flat servents every 10 minutes, ultrapeers, which want up to 16 links with each other, and leaves every 2",
			"index: a Napster server and its clients; hash table: Kademlia, k = 8, a key a file, of which one holder is kept",
			fmt.Sprintf("after %v the best-connected one dies, later a 20th of all at once: both are back after %v;",
				compareWarm+compareBefore, compareAfter),
			"of the central index it is the index alone that dies, both times: none of its clients does",
			"who cannot ask has not found, and is not in the mean of messages; each node of the hash table that is asked",
			"counts as a question and an answer, be it silent",
		},
		Figure: Figure{
			Title: "searches that find", X: "0 churn, 1 the best dies, 2 the best 5% die", Y: "searches that find, %",
		},
		Notes: []string{
			"found: another who has it and is there was named. All are real machines of this module; a host cache, which",
			"names 20 that are there to who comes or has lost a connection, is the experiment's, and 0.4 pings are cut to",
			"one hop, as they would cost many times what the queries do. Messages of handshakes and upkeep are in the last",
			"column; those of the hash table include storing again by who comes. It begins with the tables that long-lived",
			"nodes have, which is the experiment's, too; who comes later joins by one node.",
			"An index costs a question and its results, and is all that there is; the others lose what the dead had, and",
			"little else, until those who relied on them have found others.",
			"A hash table finds the name that was asked for, exactly; what it does for words is not part of it.",
		},
	}
}
