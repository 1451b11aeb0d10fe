package experiment

import (
	"slices"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// entrant is a network of the comparison.
type entrant struct {
	name, best string
	make       func(c *content, seed, stream uint64) contender
}

func contenders() []entrant {
	return []entrant{
		{"flooding", "the servents of most links", func(c *content, seed, stream uint64) contender {
			return newUnstructured(c, seed, stream, nil)
		}},
		{"ultrapeers", "the ultrapeers of most links", func(c *content, seed, stream uint64) contender {
			return newUnstructured(c, seed, stream, firstTenth(len(c.shared)))
		}},
		{"central index", "the index alone, both times", newIndexed},
		{"hash table", "those in most tables", newHashed},
	}
}

// try makes one network, and lets the script of a run happen to it.
func (e *entrant) try(o Options, run uint64) *trial {
	r := spec.NewRand(seedBytes(o.Seed, 1000+run))
	c := newContent(&r, o.Nodes, o.Nodes)
	s := newScript(&r, c, func(int) sim.Dist { return sim.HalfLife(compareLife) }, compareEnd, comparePace)
	return try(e.make(c, o.Seed, run), s, o.Nodes)
}

// most lists the k places with the highest figures.
func most(k, places int, figure func(i int) int) []int32 {
	list := make([]int32, places)
	figures := make([]int, places)
	for i := range list {
		list[i], figures[i] = int32(i), figure(i)
	}
	slices.SortStableFunc(list, func(a, b int32) int { return figures[b] - figures[a] })
	return list[:k]
}
