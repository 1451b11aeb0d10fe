package explore

// graph is every edge of the search, by the state it comes from.
type graph struct {
	ends   []uint32 // of the edges of each state in to
	to     []uint32
	labels []label
}

// add appends an edge. The states that edges come from must not decrease.
func (g *graph) add(from, to uint32, l label) {
	for len(g.ends) <= int(from) {
		g.ends = append(g.ends, uint32(len(g.to)))
	}
	g.to, g.labels = append(g.to, to), append(g.labels, l)
	g.ends[from] = uint32(len(g.to))
}

// close adds states at the end that no edge comes from, up to so many.
func (g *graph) close(states int) {
	for len(g.ends) < states {
		g.ends = append(g.ends, uint32(len(g.to)))
	}
}

func (g *graph) begin(from uint32) uint32 {
	if from == 0 {
		return 0
	}
	return g.ends[from-1]
}

func (g *graph) next(from int) []uint32 { return g.to[g.begin(uint32(from)):g.ends[from]] }

// cycle returns a state on a cycle, if there is one: after taking away, again
// and again, the states that no other leads to, only cycles and what follows
// them are left.
func (g *graph) cycle() (uint32, bool) {
	incoming := make([]uint32, len(g.ends))
	for _, to := range g.to {
		incoming[to]++
	}
	free := []uint32{}
	if incoming[0] == 0 {
		free = append(free, 0) // every other state has a parent
	}
	for left := 0; left < len(free); left++ {
		for _, to := range g.next(int(free[left])) {
			if incoming[to]--; incoming[to] == 0 {
				free = append(free, to)
			}
		}
	}
	if len(free) == len(g.ends) {
		return 0, false
	}
	return g.firstOnCycle(incoming), true
}

// firstOnCycle finds a cycle among the states that were not freed. Each of them
// has a predecessor that was not freed either, so going back must come round.
// Early states are preferred: their scripts are short.
func (g *graph) firstOnCycle(incoming []uint32) uint32 {
	back := make([]uint32, len(g.ends))
	var at uint32
	for i := len(g.ends) - 1; i >= 0; i-- {
		if incoming[i] > 0 {
			at = uint32(i)
			for _, to := range g.next(i) {
				back[to] = at
			}
		}
	}
	for range g.ends {
		at = back[at]
	}
	first := at
	for i := back[at]; i != at; i = back[i] {
		first = min(first, i)
	}
	return first
}
