// Package search walks the transitions of a reference: to a state that is looked
// for, or through all, to be compared with those that Spin has found.
package search

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Transition is an event E and the state S that it leads to.
type Transition[E, S any] struct {
	Event E
	After S
}

// String writes a transition for a trace, one a line.
func (t Transition[E, S]) String() string { return fmt.Sprintf("\n\t%v: %v", t.Event, t.After) }

// Shortest visits the states that next leads to from the given one, those of few
// steps first, until one is found. It returns a shortest way there, nil where
// there is none, and how many states it has seen.
func Shortest[E any, S comparable](
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

// Relation is every transition between the states that can be reached, as pan
// prints them.
type Relation struct {
	Lines  []string // sorted, each with its end
	States int
}

// All finds the relation. A state is written as the model's edges.pml has it.
func All[E any, S comparable](from S, next func(S) iter.Seq2[E, S], write func(S) string) (r Relation) {
	_, r.States = Shortest(from, next, func(s S) bool {
		before := write(s)
		for e, t := range next(s) {
			r.Lines = append(r.Lines, fmt.Sprintf("%v: %s -> %s\n", e, before, write(t)))
		}
		return false
	})
	slices.Sort(r.Lines)
	return r
}

// String is the rest of a line of edges.sum, behind the scope.
func (r Relation) String() string {
	sum := sha256.Sum256([]byte(strings.Join(r.Lines, "")))
	return fmt.Sprintf("states %d edges %d sha256 %x", r.States, len(r.Lines), sum)
}
