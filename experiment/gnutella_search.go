package experiment

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/spec"
)

// outcome is what one search came to.
type outcome struct {
	found    bool
	messages int           // queries, on all links, and what walkers ask the origin
	answers  int           // messages with hits, on all links
	hops     int           // to the nearest that was found
	took     time.Duration // until the first hit
}

// outcomes are those of many searches.
type outcomes struct {
	found, messages, answers, hops, took spread // the last two of those that found
}

func (o *outcomes) add(x outcome) {
	hit := 0.0
	if x.found {
		hit = 100
		o.hops, o.took = append(o.hops, float64(x.hops)), append(o.took, x.took.Seconds())
	}
	o.found = append(o.found, hit)
	o.messages, o.answers = append(o.messages, float64(x.messages)), append(o.answers, float64(x.answers))
}

// outcome of a query of the core.
func (q *queried) outcome() (o outcome) {
	if q == nil {
		return o
	}
	o = outcome{found: len(q.found) > 0, messages: q.messages(hopsCounted), answers: q.hits}
	for i, f := range q.found {
		if i == 0 {
			o.hops, o.took = f.hops, f.took
		}
		o.hops = min(o.hops, f.hops)
	}
	return o
}

// flood asks once, with the standard TTL.
func (s *servents) flood(from, file int32) outcome {
	return s.search(from, gnutella.Search{Text: word(file), TTL: reachTTL}, floodWait).outcome()
}

// floodWait is longer than a query and its answers are under way.
const floodWait = 2 * (reachTTL + 1) * gnutellaHop

// ring asks again and again with a TTL that grows by one, until something is
// found: an expanding ring. Servents flood; the policy is the experiment's.
func (s *servents) ring(from, file int32) (all outcome) {
	began := s.Now()
	for ttl := 1; ttl <= reachTTL && !all.found; ttl++ {
		wait := 2 * time.Duration(ttl+1) * gnutellaHop
		asked := s.Now()
		o := s.search(from, gnutella.Search{Text: word(file), TTL: uint8(ttl)}, wait).outcome()
		all.messages, all.answers = all.messages+o.messages, all.answers+o.answers
		all.found, all.hops, all.took = o.found, o.hops, asked-began+o.took
	}
	return all
}

// Walkers, as Lv et al. propose them.
const (
	walkers    = 32
	walkChecks = 4    // a walker asks the origin whether to go on after so many steps
	walkSteps  = 1024 // after which it gives up
)

// walk lets walkers go from neighbour to neighbour, none of which goes back at
// once: k random walks with checking. The core has no such query; it is the
// experiment's, on the same graph and content.
func walk(r *spec.Rand, g graph, c *content, from, file int32) (o outcome) {
	at, last := make([]int32, walkers), make([]int32, walkers)
	for w := range at {
		at[w], last[w] = from, -1
	}
	for step := 1; step <= walkSteps; step++ {
		for w := range at {
			near := g[at[w]]
			next := near[r.Below(uint64(len(near)))]
			for next == last[w] && len(near) > 1 {
				next = near[r.Below(uint64(len(near)))]
			}
			at[w], last[w] = next, at[w]
			o.messages++
			if next != from && slices.Contains(c.holders[file], next) {
				o.answers++
				if !o.found {
					o.found, o.hops, o.took = true, step, walked(step)
				}
			}
		}
		if step%walkChecks == 0 {
			o.messages += 2 * walkers // question and answer
			if o.found {
				return o
			}
		}
	}
	return o
}

// walked is when the origin hears of what a walker has found after some steps. Behind
// each check it has waited for the answer; what it finds goes straight to the origin.
func walked(steps int) time.Duration {
	checks := (steps - 1) / walkChecks
	return time.Duration(steps+2*checks+1) * gnutellaHop
}

// GnutellaSearch compares ways to search for popular and rare files.
//
// GN-QY-04, GN-UQ-04, GN-UQ-18 to GN-UQ-23; Lv et al. 2002.
func GnutellaSearch(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(5000, 30)
	if err != nil {
		return nil, err
	}
	flat, tiered := newServents(o.Seed, 0), newServents(o.Seed, 0)
	c := newContent(flat.Rand(), o.Nodes, o.Nodes)
	g := randomGraph(flat.Rand(), o.Nodes, int(float64(o.Nodes)*crawlDegree/2))
	flat.build(g, func(v int) gnutella.Config { return calm(gnutella.Config{Library: c.libs[v]}) })
	ultrapeers := max(4, o.Nodes/10)
	tiered.buildTiers(tiers{
		ultra:  regular(tiered.Rand(), ultrapeers, min(ultraDegree, ultrapeers-1)),
		under:  underRandom(tiered.Rand(), o.Nodes-ultrapeers, leafDegree, ultrapeers),
		config: calm(gnutella.Config{QRPSlots: searchSlots}),
		shares: func(id int32) *gnutella.Library { return c.libs[id] },
	})
	tiered.tables()
	part := g.largest()
	r := searchResult(o, ultrapeers)
	lines := make([]Line, 0, 4)
	for x, d := range c.demands() {
		t := Table{Title: "Asked for: " + d.name, Header: []string{
			"by", "found", "messages", "±", "hits", "hops", "time to the first", "messages, of flooding's"}}
		var all []*outcomes
		names := []string{"flooding, TTL 7", "expanding ring", fmt.Sprintf("%d walkers", walkers), "ultrapeers with QRP"}
		for range names {
			all = append(all, &outcomes{})
		}
		for range o.Runs {
			from := part[flat.Rand().Below(uint64(len(part)))]
			leaf := int32(ultrapeers) + int32(tiered.Rand().Below(uint64(o.Nodes-ultrapeers)))
			file := c.wanted(flat.Rand(), d, from, leaf)
			all[0].add(flat.flood(from, file))
			all[1].add(flat.ring(from, file))
			all[2].add(walk(flat.Rand(), g, c, from, file))
			all[3].add(tiered.search(leaf, gnutella.Search{Text: word(file)}, dynamicWait).outcome())
		}
		for i, a := range all {
			t.Rows = append(t.Rows, a.row(names[i], all[0].messages.mean()))
			if x == 0 {
				lines = append(lines, Line{Name: names[i]})
			}
			lines[i].X, lines[i].Y = append(lines[i].X, float64(x+1)), append(lines[i].Y, math.Log10(a.messages.mean()))
		}
		r.Tables = append(r.Tables, t)
	}
	r.Figure.Lines = lines
	return r, nil
}

const (
	searchSlots = 1 << 13         // for a few hundred words at an ultrapeer
	dynamicWait = 5 * time.Minute // a dynamic query asks one link after another
)

func searchResult(o Options, ultrapeers int) *Result {
	return &Result{
		Title: fmt.Sprintf("Gnutella: what searches find, and at what cost, %s servents, seed %d",
			thousands(o.Nodes), o.Seed),
		Setup: []string{
			fmt.Sprintf("a random graph of mean degree %.2f; or %d ultrapeers of degree %d, and leaves with %d each",
				crawlDegree, ultrapeers, min(ultraDegree, ultrapeers-1), leafDegree),
			fmt.Sprintf("%s files, %d a servent by Zipf's law, exponent %.1f, and each somewhere; 50 ms a hop",
				thousands(o.Nodes), filesEach, zipfExponent),
			fmt.Sprintf("means of %d searches, each for a file of another; messages are queries, on all links", o.Runs),
			fmt.Sprintf("%d walkers check with the origin after every %d steps, and give up after %d:",
				walkers, walkChecks, walkSteps),
			fmt.Sprintf("the %d questions and answers of each check are among their messages, and its two hops in their",
				2*walkers),
			"time; what a walker finds is told the origin in one hop, where a servent's hit goes back hop by hop",
		},
		Figure: Figure{Title: "messages a search", X: "1 popular, 2 rare, 3 by Zipf's law", Y: "log10 messages"},
		Notes: []string{
			"Flooding and the queries of ultrapeers, dynamic ones by routing tables, are those of real servents; the",
			"expanding ring is real floods with a TTL that the experiment raises; walkers are the experiment's alone.",
			"Published (Lv et al. 2002, the abstract, as others quote it): walks find almost as quickly as flooding, with two",
			"orders of magnitude less traffic in many cases: so for what is popular; not for a file that one servent has,",
			"for which walkers need as many steps as there are servents, and more.",
		},
	}
}

func (o *outcomes) row(name string, flooding float64) []string {
	hops, took := "", ""
	if len(o.hops) > 0 {
		hops, took = fmt.Sprintf("%.1f", o.hops.mean()), fmt.Sprintf("%.2f s", o.took.mean())
	}
	return []string{
		name, fmt.Sprintf("%.0f%%", o.found.mean()), fmt.Sprintf("%.0f", o.messages.mean()),
		fmt.Sprintf("%.0f", o.messages.deviation()), fmt.Sprintf("%.0f", o.answers.mean()), hops, took,
		fmt.Sprintf("%.2f%%", 100*o.messages.mean()/flooding),
	}
}
