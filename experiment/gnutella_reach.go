package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/spec"
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
func flatReach(make func(r *spec.Rand) graph, o Options, stream uint64) *reaches {
	s := newServents(o.Seed, stream)
	g := make(s.Rand())
	s.build(g, func(int) gnutella.Config { return calm(gnutella.Config{QueryTTL: reachTTL}) })
	part := g.largest()
	ends := 0
	for _, v := range part {
		ends += len(g[v])
	}
	r := &reaches{servents: len(part), degree: float64(ends) / float64(len(part))}
	for range o.Runs {
		origin := part[s.Rand().Below(uint64(len(part)))]
		r.add(s.search(origin, gnutella.Search{Text: "nobody has this"}, 2*time.Second))
	}
	return r
}

// Ultrapeers of the tables, as Fisk's document has them.
const (
	ultraDegree = 32
	ultraTTL    = 4 // of X-Max-TTL (GN-HS-36)
	leafDegree  = 3
)

// ultraReach lets ultrapeers flood: one of them, and those that have a single
// link, which shows what goes through one. Half of the servents are leaves.
func ultraReach(o Options, stream uint64) (one, all *reaches, leaves [reachTTL + 1]spread) {
	s := newServents(o.Seed, stream)
	n := o.Nodes / 2
	degrees := make([]int, n+o.Runs)
	for i := range degrees {
		degrees[i] = min(ultraDegree, n/2)
		if i >= n {
			degrees[i] = 1
		}
	}
	has, none := mustLibrary("common.txt"), mustLibrary()
	t := tiers{
		ultra: paired(s.Rand(), degrees), under: underRandom(s.Rand(), n, min(leafDegree, n), n),
		config: calm(gnutella.Config{NoDynamic: true, QueryTTL: ultraTTL, QRPSlots: 64}),
		shares: func(id int32) *gnutella.Library {
			if int(id) < n+o.Runs {
				return has // so that no table keeps the query from its last hop
			}
			return none
		},
	}
	t.config.Window, t.config.QueueBytes = 1<<24, 1<<24 // all answer at once
	s.buildTiers(t)
	one, all = &reaches{servents: n}, &reaches{servents: n}
	for i := range o.Runs {
		in := gnutella.Search{Text: "common"}
		one.add(s.search(int32(n+i), in, 2*time.Second))
		seen := make([]int, len(t.ultra)) // 1 and the hops
		q := s.asked(int32(s.Rand().Below(uint64(n))), in)
		q.by = func(id int32, hops int) { seen[id] = 1 + hops }
		s.RunFor(2 * time.Second)
		all.add(q)
		for ttl := 1; ttl <= ultraTTL; ttl++ {
			leaves[ttl] = append(leaves[ttl], covered(t.under, seen, ttl))
		}
	}
	return one, all, leaves
}

// covered counts the leaves of which an ultrapeer was seen within some hops.
func covered(under [][]int32, seen []int, ttl int) (n float64) {
	for _, list := range under {
		if slices.ContainsFunc(list, func(u int32) bool { return seen[u] > 0 && seen[u] <= ttl+1 }) {
			n++
		}
	}
	return n
}

// GnutellaReach measures how far a flooded query gets, and at what cost.
//
// GN-HD-10, GN-HD-17, GN-QY-04, GN-UQ-21.
func GnutellaReach(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(10_000, 20)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Gnutella: servents that a query reaches, %s of them, seed %d", thousands(o.Nodes), o.Seed),
		Setup: []string{
			"real servents, links of one latency; a query of version 0.4 floods with TTL 7, one of 0.6 among ultrapeers",
			fmt.Sprintf("means of %d origins; ± is the standard deviation of one", o.Runs),
			"tree: Ritter's bound, what the TTL would reach if no two ways met; last hop: the share that it adds",
		},
		Figure: Figure{Title: "servents reached", X: "TTL", Y: "servents reached", LegendRight: true},
		Notes: []string{
			"Duplicates are messages that reach who has had the query: a tree has none. They and the end of the network",
			"are what the published tables leave out; where neither matters, at low TTL, ours are theirs.",
			"Second-hand: the documents of Ritter and Ripeanu were not at hand, only their formula and what is cited.",
		},
	}
	flat := flatTopologies(o.Nodes)
	found := make([]*reaches, len(flat))
	for i, t := range flat {
		found[i] = flatReach(t.make, o, uint64(i))
		r.Tables = append(r.Tables, found[i].table(t.name, t.degree))
		r.Figure.Lines = append(r.Figure.Lines, found[i].line(t.name, reachTTL))
	}
	one, all, leaves := ultraReach(o, uint64(len(flat)))
	r.Tables = append(r.Tables, ultraTable(one, all, leaves), publishedReach(found, one))
	r.Figure.Lines = append(r.Figure.Lines, all.line("ultrapeers", ultraTTL))
	return r, nil
}

// topology is one of those that are flooded.
type topology struct {
	name   string
	degree int // of the tree that bounds it; 0: none does
	make   func(r *spec.Rand) graph
}

// crawlDegree is that of the crawl of 4 August 2002: 39,994 links of 10,876.
const crawlDegree = 2 * 39_994.0 / 10_876

func flatTopologies(n int) []topology {
	return []topology{
		{"regular, degree 4", 4, func(r *spec.Rand) graph { return regular(r, n, 4) }},
		{"regular, degree 6", 6, func(r *spec.Rand) graph { return regular(r, n, 6) }},
		{"random", 0, func(r *spec.Rand) graph { return randomGraph(r, n, int(float64(n)*crawlDegree/2)) }},
		{"power law, exponent 2.3", 0, func(r *spec.Rand) graph { return powerLaw(r, n, 2.3) }},
	}
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

func ultraTable(one, all *reaches, leaves [reachTTL + 1]spread) Table {
	t := Table{
		Title: fmt.Sprintf("ultrapeers with %d links: %s of them, and as many leaves with %d each",
			ultraDegree, thousands(all.servents), leafDegree),
		Header: []string{"TTL", "hosts()", "through one link", "±", "tree", "through all", "±", "messages", "duplicates",
			"leaves stood for"},
	}
	for ttl := 1; ttl <= ultraTTL; ttl++ {
		messages := all.messages[ttl].mean()
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(ttl), thousands(fisk(ultraDegree, ttl)),
			fmt.Sprintf("%.0f", one.reached[ttl].mean()), fmt.Sprintf("%.0f", one.reached[ttl].deviation()),
			thousands(ritter(ultraDegree, ttl)),
			fmt.Sprintf("%.0f", all.reached[ttl].mean()), fmt.Sprintf("%.0f", all.reached[ttl].deviation()),
			fmt.Sprintf("%.0f", messages), fmt.Sprintf("%.1f%%", 100*all.repeated[ttl].mean()/messages),
			fmt.Sprintf("%.0f", leaves[ttl].mean())})
	}
	return t
}

// publishedReach sets published figures beside ours.
func publishedReach(flat []*reaches, ultra *reaches) Table {
	last := func(degree, ttl int) float64 {
		return 100 - 100*float64(fisk(degree, ttl-1))/float64(fisk(degree, ttl))
	}
	within := func(i int) string {
		r := flat[i]
		return fmt.Sprintf("%.1f%%", 100*r.reached[reachTTL].mean()/float64(r.servents-1))
	}
	return Table{
		Title:  "Published beside ours",
		Header: []string{"figure", "published", "formula", "ours", "standing"},
		Rows: [][]string{
			{"degree 4, TTL 7 (Ritter 2001)", "4,372", thousands(ritter(4, 7)),
				fmt.Sprintf("%.0f", flat[0].reached[7].mean()), "second-hand; the formula gives it"},
			{"degree 8, TTL 7 (Ritter 2001)", "1,098,056", thousands(ritter(8, 7)), "", "second-hand; the formula gives it"},
			{"one link, degree 6, TTL 7 (Fisk 2003)", "23,436", thousands(fisk(6, 7)), "",
				"read; its prose has all links at TTL 6"},
			{"one link, degree 32, TTL 3 (Fisk 2003)", "1,024", thousands(fisk(32, 3)),
				fmt.Sprintf("%.0f", ultra.reached[3].mean()), "read; its prose has 32²"},
			{"last hop, degree 6, TTL 7 (Fisk 2003)", "about 80%", fmt.Sprintf("%.0f%%", last(6, 7)),
				fmt.Sprintf("%.0f%% at TTL 4", 100*flat[1].lastHop(4)), "read; the network ends before TTL 7"},
			{"last hop, degree 32, TTL 3 (Fisk 2003)", "about 97%", fmt.Sprintf("%.0f%%", last(32, 3)),
				fmt.Sprintf("%.0f%%", 100*ultra.lastHop(3)), "read"},
			{"hops to 90% of others, crawl of 2002 (SNAP)", "5.4", "",
				fmt.Sprintf("%.1f", flat[2].quantile(0.9)), "read; 10,876 hosts, ours random with its degree"},
			{"others within 7 hops (Ripeanu 2002)", "over 95%", "",
				within(3) + " power law, " + within(2) + " random, of those connected", "from memory"},
		},
	}
}

// quantile is how many hops lead to a share of the others, between two whole numbers
// where that lies between them, as effective diameters are counted.
func (r *reaches) quantile(share float64) float64 {
	want, last := share*float64(r.servents-1), 0.0
	for ttl := 1; ttl <= reachTTL; ttl++ {
		reached := r.reached[ttl].mean()
		if reached >= want {
			return float64(ttl-1) + (want-last)/(reached-last)
		}
		last = reached
	}
	return math.NaN()
}

func (r *reaches) line(name string, top int) Line {
	l := Line{Name: name}
	for ttl := 1; ttl <= top; ttl++ {
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
