package epidemic

// The median-counter rule (R. Karp, C. Schindelhauer, S. Shenker, B. Vöcking,
// "Randomized Rumor Spreading", FOCS 2000): a node that knows a rumor is in one
// of the states B-1 … B-K, C and D. In B and C it tells the rumor in every
// contact, in D no more. It goes on from B-m when it has met, in one cycle, more
// partners that are at least at m than others; after B-K comes C. Meeting C leads
// to C at once, so that all stop soon after the first.

// medianBored draws the consequences of a cycle, and reports whether the state
// of r is D now.
func (n *Node) medianBored(r *rumor) bool {
	m := &n.cfg.Mongering
	if r.age++; int(r.age) >= m.Rounds {
		return true
	}
	switch {
	case r.level == Cooling:
		r.count++
		return int(r.count) >= m.Cool
	case r.cooling:
		r.level = Cooling
	case r.ahead > r.behind:
		r.level++
		if int(r.level) > m.K {
			r.level = Cooling
		}
	}
	return false
}

// compare counts who called among the partners of each rumor.
func (n *Node) compare(list []Rumor) {
	for i := range n.rumors {
		r := &n.rumors[i]
		switch level := levelOf(r.stamp, list); {
		case r.fresh:
		case level >= r.level:
			r.ahead = min(r.ahead, 1<<15) + 1
			r.cooling = r.cooling || level == Cooling
		default:
			r.behind = min(r.behind, 1<<15) + 1
		}
	}
}

// compareAnswer counts who was called, who was taken to know nothing before.
func (n *Node) compareAnswer(list []Rumor) {
	for i := range n.rumors {
		r := &n.rumors[i]
		if level := levelOf(r.stamp, list); r.pushed && level >= r.level {
			r.ahead++
			r.behind--
			r.cooling = r.cooling || level == Cooling
		}
	}
}

// levelOf is the level of a version among rumors, 0 where it is missing.
func levelOf(s Stamp, list []Rumor) uint8 {
	for i := range list {
		if list[i].Stamp == s {
			return list[i].Level
		}
	}
	return 0
}
