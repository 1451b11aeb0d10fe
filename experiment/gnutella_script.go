package experiment

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// script is what happens to a network, whichever it is: who fails, who comes in
// his place, who searches for what.
type script []happening

type happening struct {
	at    time.Duration
	kind  happeningKind
	place int32
	file  int32 // of a search
}

type happeningKind uint8

const (
	fails happeningKind = iota
	comes
	searches
)

// newScript gives each place lives that are drawn one by one, with a pause between,
// and lets somebody who is there search in turn, for a file that another place has.
func newScript(r *spec.Rand, c *content, life func(place int) sim.Dist, until, pace time.Duration) script {
	var s script
	for i := range c.shared {
		for at := life(i).Draw(r); at < until; at += churnDowntime + life(i).Draw(r) {
			s = append(s, happening{at, fails, int32(i), 0}, happening{at + churnDowntime, comes, int32(i), 0})
		}
	}
	for at := pace; at < until; at += pace {
		s = append(s, happening{at: at, kind: searches})
	}
	slices.SortStableFunc(s, func(a, b happening) int { return int(a.at - b.at) })
	up := make([]bool, len(c.shared))
	for i := range up {
		up[i] = true
	}
	for k := range s {
		h := &s[k]
		switch h.kind {
		case fails, comes:
			up[h.place] = h.kind == comes
		case searches:
			for h.place = int32(r.Below(uint64(len(up)))); !up[h.place]; {
				h.place = int32(r.Below(uint64(len(up))))
			}
			h.file = c.wanted(r, demand{draw: c.draw}, h.place)
		}
	}
	return s
}

// contender is a network that a script happens to.
type contender interface {
	net() *sim.Network
	begin()                              // all places are taken, and know what they need
	fail(place int32)                    // without a word
	come(place int32)                    // a newcomer, who shares what the place has
	search(place, file int32, a *answer) // by what its users do
	best(k int) []int32                  // the places that most others rely on
	end()                                // the last answers are in
}

// answer is what came of a search.
type answer struct {
	phase int  // in which it was asked
	asked bool // otherwise there is no cost
	found bool
	cost  int // messages
	took  time.Duration
}
