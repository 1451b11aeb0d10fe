package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/spec"
)

// content is which servents have which files. A file's name is one word, and what
// is asked for is a file.
type content struct {
	holders [][]int32 // of each file
	shared  [][]int32 // of each servent
	zipf    []float64 // of each file: how often one up to it is drawn
	libs    []*gnutella.Library
}

// What everybody shares, and asks for.
const (
	filesEach    = 5
	zipfExponent = 0.8 // of both: measurements of Gnutella have it between 0.6 and 1.2
	maxFiles     = 36 * 36 * 36
)

// word is the name of a file: three letters or digits, so that a routing table has
// it, and no beginnings of it.
func word(file int32) string { return fmt.Sprintf("%03s", strconv.FormatInt(int64(file), 36)) }

// newContent gives each of n servents some of the files: the most popular ones are
// drawn most often, as in [zipfExponent]; then each file that nobody got goes to
// one servent, so that every file can be found.
func newContent(r *spec.Rand, n, files int) *content {
	files = min(files, maxFiles)
	c := &content{
		holders: make([][]int32, files), shared: make([][]int32, n), zipf: make([]float64, files),
		libs: make([]*gnutella.Library, n),
	}
	total := 0.0
	for f := range files {
		total += math.Pow(float64(f+1), -zipfExponent)
		c.zipf[f] = total
	}
	for i := range n {
		for len(c.shared[i]) < min(filesEach, files) {
			c.give(int32(i), c.draw(r))
		}
	}
	for f, who := range c.holders {
		if len(who) == 0 {
			c.give(int32(r.Below(uint64(n))), int32(f))
		}
	}
	for i := range n {
		var names []string
		for _, f := range c.shared[i] {
			names = append(names, word(f))
		}
		c.libs[i] = mustLibrary(names...)
	}
	return c
}

func (c *content) give(servent, file int32) {
	if !slices.Contains(c.shared[servent], file) {
		c.shared[servent] = append(c.shared[servent], file)
		c.holders[file] = append(c.holders[file], servent)
	}
}

// draw is a file, as people ask for them.
func (c *content) draw(r *spec.Rand) int32 {
	at, _ := slices.BinarySearch(c.zipf, c.zipf[len(c.zipf)-1]*float64(r.Below(1<<53))/(1<<53))
	return int32(at)
}

// demand is what a set of queries asks for.
type demand struct {
	name string
	draw func(r *spec.Rand) int32
}

// demands are queries for files of many copies, of few and of one, and for what
// people ask for.
func (c *content) demands() []demand {
	n := len(c.shared)
	some := func(low, high int) func(r *spec.Rand) int32 {
		var list []int32
		for f, who := range c.holders {
			if len(who) >= low && len(who) <= high {
				list = append(list, int32(f))
			}
		}
		if len(list) < 2 { // in small networks: the most popular, which others surely have
			list = []int32{0}
		}
		return func(r *spec.Rand) int32 { return list[r.Below(uint64(len(list)))] }
	}
	return []demand{
		{"popular: 1% or more have it", some(max(2, n/100), n)},
		{"rare: one has it", some(1, 1)},
		{"Zipf", c.draw},
	}
}

// wanted is a file of a demand of which each of those who ask can get a copy of another.
func (c *content) wanted(r *spec.Rand, d demand, by ...int32) int32 {
	for {
		f := d.draw(r)
		if !slices.ContainsFunc(by, func(id int32) bool { return !c.canHave(f, id) }) {
			return f
		}
	}
}

// canHave says whether anybody but one servent has a file.
func (c *content) canHave(file, but int32) bool {
	return slices.ContainsFunc(c.holders[file], func(id int32) bool { return id != but })
}
