package experiment

import (
	"math"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// graph is who is connected with whom: of each vertex its neighbours.
type graph [][]int32

func (g graph) links() (n int) {
	for _, list := range g {
		n += len(list)
	}
	return n / 2
}

// join adds a link, if it is a new one between two.
func (g graph) join(a, b int32) bool {
	if len(g[b]) < len(g[a]) {
		a, b = b, a // the shorter list is searched
	}
	if a == b || slices.Contains(g[a], b) {
		return false
	}
	g[a], g[b] = append(g[a], b), append(g[b], a)
	return true
}

// part removes a link.
func (g graph) part(a, b int32) {
	for _, end := range [][2]int32{{a, b}, {b, a}} {
		at := slices.Index(g[end[0]], end[1])
		g[end[0]] = slices.Delete(g[end[0]], at, at+1)
	}
}

// randomGraph has that many links, each between two vertices drawn at random.
func randomGraph(r *spec.Rand, n, links int) graph {
	g := make(graph, n)
	for links > 0 {
		if g.join(int32(r.Below(uint64(n))), int32(r.Below(uint64(n)))) {
			links--
		}
	}
	return g
}

// paired is a random graph in which each vertex has the degree that is given, or
// one more for the first if the sum is odd: ends of links are paired at random, and
// what would be a loop or a second link takes the place of half of another link.
// Where no graph has such degrees some are smaller.
func paired(r *spec.Rand, degrees []int) graph {
	var ends []int32
	for v, d := range degrees {
		for range d {
			ends = append(ends, int32(v))
		}
	}
	if len(ends)%2 == 1 {
		ends = append(ends, 0)
	}
	r.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
	g := make(graph, len(degrees))
	for i := 0; i < len(ends); i += 2 {
		for a, b, tries := ends[i], ends[i+1], 0; !g.join(a, b) && tries < pairTries; tries++ {
			c := ends[r.Below(uint64(len(ends)))]
			if len(g[c]) == 0 {
				continue
			}
			d := g[c][r.Below(uint64(len(g[c])))]
			if c == a || d == b || c == b && d == a || slices.Contains(g[a], c) {
				continue
			}
			g.part(c, d)
			g.join(a, c)
			a = d // which has lost a link, as b lacks one
		}
	}
	return g
}

// pairTries bounds the search for a link that can make place.
const pairTries = 1000

// regular has the same degree everywhere.
func regular(r *spec.Rand, n, degree int) graph {
	degrees := make([]int, n)
	for i := range degrees {
		degrees[i] = degree
	}
	return paired(r, degrees)
}

// maxHub bounds the degree of a hub: the largest that crawls of 2000 and 2001 saw
// are of this order.
const maxHub = 200

// powerLaw draws degrees k with a probability in proportion to k^-exponent.
func powerLaw(r *spec.Rand, n int, exponent float64) graph {
	var weight [maxHub + 1]float64 // of all degrees up to it
	for k := 1; k <= maxHub; k++ {
		weight[k] = weight[k-1] + math.Pow(float64(k), -exponent)
	}
	degrees := make([]int, n)
	for i := range degrees {
		draw := weight[maxHub] * float64(r.Below(1<<53)) / (1 << 53)
		degrees[i], _ = slices.BinarySearch(weight[1:], draw)
		degrees[i]++
	}
	return paired(r, degrees)
}

// distances are the hops from one vertex to all; -1: there is no way.
func (g graph) distances(from int32) []int {
	d := make([]int, len(g))
	for i := range d {
		d[i] = -1
	}
	d[from] = 0
	for queue := []int32{from}; len(queue) > 0; queue = queue[1:] {
		for _, v := range g[queue[0]] {
			if d[v] < 0 {
				d[v] = d[queue[0]] + 1
				queue = append(queue, v)
			}
		}
	}
	return d
}

// largest is the component of most vertices, in their order.
func (g graph) largest() (best []int32) {
	seen := make([]bool, len(g))
	for v := range g {
		if seen[v] {
			continue
		}
		var part []int32
		for u, d := range g.distances(int32(v)) {
			if d >= 0 {
				part, seen[u] = append(part, int32(u)), true
			}
		}
		if len(part) > len(best) {
			best = part
		}
		if 2*len(best) > len(g) {
			break
		}
	}
	return best
}
