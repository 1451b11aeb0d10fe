package experiment

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
)

// What the largest network is like.
const (
	scaleLeaves = 9   // for each ultrapeer
	scaleDegree = 10  // of ultrapeers among themselves
	scaleSlots  = 512 // of a routing table: 256 bytes, which are sent as they are
)

// GnutellaScale lets leaves search in a large network of real servents.
//
// GN-UQ-01 to GN-UQ-05, GN-UQ-18 to GN-UQ-23.
func GnutellaScale(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(100_000, 300)
	if err != nil {
		return nil, err
	}
	s := newServents(o.Seed, 0)
	c := newContent(s.Rand(), o.Nodes, o.Nodes)
	n := o.Nodes / (1 + scaleLeaves)
	s.buildTiers(tiers{
		ultra:  regular(s.Rand(), n, min(scaleDegree, n-1)),
		under:  underRandom(s.Rand(), o.Nodes-n, leafDegree, n),
		config: calm(gnutella.Config{QRPSlots: scaleSlots}),
		shares: func(id int32) *gnutella.Library { return c.libs[id] },
	})
	s.tables()
	built := s.StreamStats()
	r := &Result{
		Title: fmt.Sprintf("Gnutella: searches among %s servents, seed %d", thousands(o.Nodes), o.Seed),
		Setup: []string{
			fmt.Sprintf("%s ultrapeers of degree %d and %s leaves with %d each, all of them real servents",
				thousands(n), min(scaleDegree, n-1), thousands(o.Nodes-n), leafDegree),
			fmt.Sprintf("%s streams, on which %s messages set the network up, tables included",
				thousands(int(built.Opened)), thousands(int(built.Arrived))),
			fmt.Sprintf("%d leaves search one after another, each by dynamic queries of its ultrapeers; 50 ms a hop", o.Runs),
		},
		Figure: Figure{Title: "searches answered", X: "seconds", Y: "searches answered, %", LegendRight: true},
		Notes: []string{
			"The horizon of a search is what its ultrapeers reach with TTL 3, not the network: what one servent has is",
			"found by some of the searches only, and popular files by all, at a cost that does not grow with the network.",
			fmt.Sprintf("By hosts() %.0f%% of the searches for what one has should find it, if ways meet as in a random graph.",
				100*withinHorizon(n)),
		},
	}
	t := Table{Title: "Searches", Header: []string{
		"asked for", "found", "messages", "±", "hits", "hops", "time to the first"}}
	for _, d := range c.demands() {
		var asked []*queried
		for range (o.Runs + 2) / 3 {
			leaf := int32(n) + int32(s.Rand().Below(uint64(o.Nodes-n)))
			file := c.wanted(s.Rand(), d, leaf)
			asked = append(asked, s.search(leaf, gnutella.Search{Text: word(file)}, time.Second))
		}
		s.RunFor(dynamicWait)
		all := &outcomes{}
		for _, q := range asked {
			all.add(q.outcome())
		}
		row := all.row(d.name, 1)
		t.Rows = append(t.Rows, row[:len(row)-1])
		r.Figure.Lines = append(r.Figure.Lines, all.line(d.name))
	}
	r.Tables = []Table{t}
	end := s.StreamStats()
	r.Notes = append(r.Notes, fmt.Sprintf("In all %s messages, %s of them after the network was set up.",
		thousands(int(end.Arrived)), thousands(int(end.Arrived-built.Arrived))))
	return r, nil
}

// withinHorizon is the chance that a search reaches one of the ultrapeers of a leaf
// that has what is looked for, or the ultrapeer that has it: each of those that ask
// sends a probe with TTL 2 through three of its links, and TTL 3 through the rest;
// where ways meet is left to chance.
//
// GN-UQ-20, GN-UQ-21.
func withinHorizon(ultrapeers int) float64 {
	const probes = 3
	asked := probes*fisk(scaleDegree, 2) + (scaleDegree-probes)*fisk(scaleDegree, 3)
	missed := math.Exp(-float64(leafDegree*asked) / float64(ultrapeers))
	leaf, ultrapeer := 1-math.Pow(missed, leafDegree), 1-missed // by who has it
	return (scaleLeaves*leaf + ultrapeer) / (scaleLeaves + 1)
}

// line is the share of searches that were answered after some time.
func (o *outcomes) line(name string) Line {
	l := Line{Name: name}
	for at := 0; at <= 20; at++ {
		n := 0
		for _, took := range o.took {
			if time.Duration(took*float64(time.Second)) <= time.Duration(at)*time.Second {
				n++
			}
		}
		l.X, l.Y = append(l.X, float64(at)), append(l.Y, 100*float64(n)/float64(len(o.found)))
	}
	return l
}
