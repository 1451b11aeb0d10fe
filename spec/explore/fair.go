package explore

import "slices"

// label names what a fair run must not put off for ever: the timer of a node,
// or the messages of one type, as far as 16 bits tell types apart, from one node
// to another.
type label uint32

// churn is the label of what quiet runs do not do.
const churn label = 1<<32 - 1

// label names the action p in c.
func (x *matter) label(c compact, p packed) label {
	switch p.kind() {
	case Timeout:
		return label(p.index())
	case Deliver:
		return x.packet.at(x.flight(c)[p.index()]).label
	}
	return churn
}

// livelock returns a set of states that a fair quiet run can visit again and
// again, one of which is bad; nil if there is none.
//
// Such a set lies within a strongly connected component. Of one in which
// something is possible but never happens, only the states are of use in which
// that is not possible.
func (g *graph) livelock(bad []bool) []uint32 {
	t := newTarjan(g)
	all := make([]uint32, len(g.ends))
	for i := range all {
		all[i] = uint32(i)
	}
	for regions := [][]uint32{all}; len(regions) > 0; {
		region := regions[len(regions)-1]
		regions = regions[:len(regions)-1]
		for _, c := range t.components(region) {
			if !slices.ContainsFunc(c, func(i uint32) bool { return bad[i] }) {
				continue
			}
			happens := g.inside(c, t.mark(c))
			of := slices.DeleteFunc(slices.Clone(c), func(i uint32) bool {
				return slices.ContainsFunc(g.quiet(i), func(e quietEdge) bool { return !happens[e.label] })
			})
			if len(of) == len(c) && len(happens) > 0 {
				return c
			}
			if len(of) < len(c) {
				regions = append(regions, of)
			}
		}
	}
	return nil
}

// quietEdge is an edge of quiet runs.
type quietEdge struct {
	to    uint32
	label label
}

func (g *graph) quiet(from uint32) []quietEdge {
	var edges []quietEdge
	begin := g.begin(from)
	for k := begin; k < g.ends[from]; k++ {
		if g.labels[k] != churn {
			edges = append(edges, quietEdge{g.to[k], g.labels[k]})
		}
	}
	return edges
}

// inside is what happens between the states of a marked component.
func (g *graph) inside(c []uint32, marked func(uint32) bool) map[label]bool {
	happens := make(map[label]bool)
	for _, i := range c {
		for _, e := range g.quiet(i) {
			if marked(e.to) {
				happens[e.label] = true
			}
		}
	}
	return happens
}

// tarjan finds strongly connected components of quiet edges within regions.
type tarjan struct {
	*graph
	region     []uint32 // that a state was last marked as part of
	last       uint32   // region
	order, low []uint32 // order is 0 for a state not met
	stack      []uint32
	onStack    []bool
}

func newTarjan(g *graph) *tarjan {
	n := len(g.ends)
	return &tarjan{
		graph: g, region: make([]uint32, n), order: make([]uint32, n), low: make([]uint32, n),
		onStack: make([]bool, n),
	}
}

func (t *tarjan) mark(states []uint32) (marked func(uint32) bool) {
	t.last++
	region := t.last
	for _, i := range states {
		t.region[i] = region
	}
	return func(i uint32) bool { return t.region[i] == region }
}

// components returns those of a region, by Tarjan's algorithm without recursion.
func (t *tarjan) components(region []uint32) (found [][]uint32) {
	type visit struct {
		at   uint32
		left []quietEdge
	}
	marked := t.mark(region)
	for _, i := range region {
		t.order[i] = 0
	}
	var met uint32
	var path []visit
	enter := func(i uint32) {
		met++
		t.order[i], t.low[i], t.onStack[i] = met, met, true
		t.stack = append(t.stack, i)
		path = append(path, visit{i, t.quiet(i)})
	}
	for _, root := range region {
		if t.order[root] == 0 {
			enter(root)
		}
		for len(path) > 0 {
			v := &path[len(path)-1]
			if len(v.left) > 0 {
				to := v.left[0].to
				v.left = v.left[1:]
				switch {
				case !marked(to):
				case t.order[to] == 0:
					enter(to)
				case t.onStack[to]:
					t.low[v.at] = min(t.low[v.at], t.order[to])
				}
				continue
			}
			at := v.at
			path = path[:len(path)-1]
			if len(path) > 0 {
				parent := path[len(path)-1].at
				t.low[parent] = min(t.low[parent], t.low[at])
			}
			if t.low[at] == t.order[at] {
				found = append(found, t.pop(at))
			}
		}
	}
	return found
}

// pop takes the component that is complete with at from the stack.
func (t *tarjan) pop(at uint32) []uint32 {
	first := len(t.stack) - 1
	for t.stack[first] != at {
		first--
	}
	c := slices.Clone(t.stack[first:])
	t.stack = t.stack[:first]
	for _, i := range c {
		t.onStack[i] = false
	}
	slices.Sort(c)
	return c
}

// tour is a run round a component from its first bad state, on which everything
// happens that happens inside, back to that state.
func (s *search) tour(c []uint32, bad []bool) (from uint32, run []packed) {
	first := slices.IndexFunc(c, func(i uint32) bool { return bad[i] })
	from = c[first]
	in := make(map[uint32]bool, len(c))
	for _, i := range c {
		in[i] = true
	}
	happens := s.graph.inside(c, func(i uint32) bool { return in[i] })
	var labels []label
	for l := range happens {
		labels = append(labels, l)
	}
	slices.Sort(labels)
	at := from
	var edges []quietEdge
	for _, l := range labels {
		way := s.graph.way(at, in, func(e quietEdge) bool { return e.label == l })
		edges = append(edges, way...)
		at = way[len(way)-1].to
	}
	if at != from {
		edges = append(edges, s.graph.way(at, in, func(e quietEdge) bool { return e.to == from })...)
	}
	world := s.first()
	for _, p := range s.store.path(from) {
		world, _ = s.apply(world, p, nil)
	}
	for _, e := range edges {
		p := s.along(world, e)
		run = append(run, p)
		world, _ = s.apply(world, p, nil)
	}
	return from, run
}

// way is a shortest way within a set of states that ends with such an edge.
func (g *graph) way(from uint32, in map[uint32]bool, last func(e quietEdge) bool) []quietEdge {
	type came struct {
		from uint32
		by   quietEdge
	}
	back := map[uint32]came{}
	for queue := []uint32{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, e := range g.quiet(at) {
			if !in[e.to] {
				continue
			}
			if last(e) {
				way := []quietEdge{e}
				for at != from {
					way = append(way, back[at].by)
					at = back[at].from
				}
				slices.Reverse(way)
				return way
			}
			if _, met := back[e.to]; !met && e.to != from {
				back[e.to] = came{at, e}
				queue = append(queue, e.to)
			}
		}
	}
	panic("explore: the component falls apart")
}

// along is the action in c, an image of the state that e starts from, that e
// stands for.
func (s *search) along(c compact, e quietEdge) packed {
	var w World
	s.show(c, &w)
	for _, p := range s.actions(c, &w, nil) {
		next, _ := s.apply(c, p, nil)
		if to, ok := s.store.find(s.fingerprint(next)); ok && to == e.to && s.label(c, p) == e.label {
			return p
		}
	}
	panic("explore: an edge is no action")
}
