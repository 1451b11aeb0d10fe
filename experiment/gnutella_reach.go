package experiment

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
)

// reachTTL is the largest TTL of the tables: the standard one (GN-HD-10).
const reachTTL = 7

// ritter is how many a query reaches in a tree in which all have the same degree:
// n·Σ(n-1)^i, i < TTL. It is Ritter's formula of 2001, whose tables have 4,372 for
// degree 4 and 1,098,056 for degree 8, TTL 7.
func ritter(degree, ttl int) int { return degree * fisk(degree, ttl) }

// fisk is how many it reaches through one of the links: Σ(n-1)^i, i < TTL, the
// estimate of dynamic queries.
//
// GN-UQ-21 (Fisk 2003, §2.5.2.1).
func fisk(degree, ttl int) int {
	total, layer := 0, 1
	for range ttl {
		total += layer
		layer *= degree - 1
	}
	return total
}

// reaches are what queries of several origins did, at each TTL.
type reaches struct {
	reached, messages, repeated [reachTTL + 1]spread // by TTL
	servents                    int
	degree                      float64
}

func (r *reaches) add(q *queried) {
	for ttl := 1; ttl <= reachTTL; ttl++ {
		r.reached[ttl] = append(r.reached[ttl], float64(q.within(ttl)))
		r.messages[ttl] = append(r.messages[ttl], float64(q.messages(ttl)))
		r.repeated[ttl] = append(r.repeated[ttl], float64(sum(q.repeated[:ttl])))
	}
}

// lastHop is the share of those reached by a TTL that is not by one less.
func (r *reaches) lastHop(ttl int) float64 {
	if ttl == 1 {
		return 1
	}
	return 1 - r.reached[ttl-1].mean()/r.reached[ttl].mean()
}

// flatReach lets origins of the largest component flood with a TTL of 7.
func flatReach(make func(s *servents) graph, o Options, stream uint64) *reaches {
	s := newServents(o.Seed, stream)
	g := make(s)
	s.build(g, func(int) gnutella.Config { return calm(gnutella.Config{QueryTTL: reachTTL}) })
	part := g.largest()
	r := &reaches{servents: len(part), degree: 2 * float64(g.links()) / float64(len(g))}
	for range o.Runs {
		origin := part[s.Rand().Below(uint64(len(part)))]
		r.add(s.search(origin, gnutella.Search{Text: "nobody has this"}, 2*time.Second))
	}
	return r
}

// GnutellaReach measures how far a flooded query gets, and at what cost.
//
// GN-HD-10, GN-HD-17, GN-QY-04, GN-UQ-21.
func GnutellaReach(o Options) (*Result, error) {
	o, err := o.gossipOptions(10_000, MaxNodes, 20)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Gnutella: servents that a query reaches, %s of them, seed %d", thousands(o.Nodes), o.Seed),
		Setup: []string{
			"real servents of version 0.4, all links of the same latency; a query floods with TTL 7",
			fmt.Sprintf("means of %d origins; ± is the standard deviation of one", o.Runs),
		},
		Figure: Figure{Title: "servents reached", X: "TTL", Y: "servents reached"},
	}
	for i, t := range []struct {
		name   string
		degree int // of the tree that bounds it; 0: none does
		make   func(s *servents) graph
	}{
		{"regular, degree 4", 4, func(s *servents) graph { return regular(s.Rand(), o.Nodes, 4) }},
		{"regular, degree 6", 6, func(s *servents) graph { return regular(s.Rand(), o.Nodes, 6) }},
		{"random, mean degree 4", 0, func(s *servents) graph { return randomGraph(s.Rand(), o.Nodes, 2*o.Nodes) }},
		{"power law, exponent 2.3", 0, func(s *servents) graph { return powerLaw(s.Rand(), o.Nodes, 2.3) }},
	} {
		m := flatReach(t.make, o, uint64(i))
		r.Tables = append(r.Tables, m.table(t.name, t.degree))
		r.Figure.Lines = append(r.Figure.Lines, m.line(t.name))
	}
	return r, nil
}

func (r *reaches) table(name string, degree int) Table {
	t := Table{
		Title:  fmt.Sprintf("%s; %s servents are connected, with %.2f links each", name, thousands(r.servents), r.degree),
		Header: []string{"TTL", "tree", "reached", "±", "messages", "duplicates", "messages/servent", "last hop"},
	}
	for ttl := 1; ttl <= reachTTL; ttl++ {
		tree := ""
		if degree > 0 {
			tree = thousands(ritter(degree, ttl))
		}
		reached, messages := r.reached[ttl].mean(), r.messages[ttl].mean()
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(ttl), tree, fmt.Sprintf("%.0f", reached), fmt.Sprintf("%.0f", r.reached[ttl].deviation()),
			fmt.Sprintf("%.0f", messages), fmt.Sprintf("%.1f%%", 100*r.repeated[ttl].mean()/messages),
			fmt.Sprintf("%.2f", messages/reached), fmt.Sprintf("%.0f%%", 100*r.lastHop(ttl))})
	}
	return t
}

func (r *reaches) line(name string) Line {
	l := Line{Name: name}
	for ttl := 1; ttl <= reachTTL; ttl++ {
		l.X, l.Y = append(l.X, float64(ttl)), append(l.Y, r.reached[ttl].mean())
	}
	return l
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}
