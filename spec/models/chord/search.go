package chord

import (
	"fmt"
	"iter"
)

// A Transition is an event E and the state S that it leads to.
type Transition[E, S any] struct {
	Event E
	After S
}

// String writes a transition for a trace, one a line.
func (t Transition[E, S]) String() string { return fmt.Sprintf("\n\t%v: %v", t.Event, t.After) }

// Search visits the states that next leads to from the given one, those of few
// steps first, until one is found. It returns a shortest way there, nil where
// there is none, and how many states it has seen.
func Search[E any, S comparable](
	from S, next func(S) iter.Seq2[E, S], found func(S) bool,
) (way []Transition[E, S], states int) {
	type origin struct {
		event E
		from  int
	}
	all, origins, seen := []S{from}, []origin{{}}, map[S]bool{from: true}
	for at := 0; at < len(all); at++ {
		if found(all[at]) {
			way := make([]Transition[E, S], 0)
			for ; at > 0; at = origins[at].from {
				way = append(way, Transition[E, S]{origins[at].event, all[at]})
			}
			for i, j := 0, len(way)-1; i < j; i, j = i+1, j-1 {
				way[i], way[j] = way[j], way[i]
			}
			return way, len(all)
		}
		for e, s := range next(all[at]) {
			if !seen[s] {
				seen[s] = true
				all, origins = append(all, s), append(origins, origin{e, at})
			}
		}
	}
	return nil, len(all)
}
