package broadcast

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
)

// broadcasts are the words of Maelstrom's workload broadcast, gSets those of g-set.
func broadcasts() dialect {
	return dialect{suite: "broadcast", add: "broadcast", field: "message", reads: "messages", list: true, next: inOrder}
}

func gSets() dialect {
	return dialect{suite: "g-set", add: "add", field: "element", reads: "value", list: true, next: inOrder}
}

func inOrder(_ *spec.Rand, n int) int64 { return int64(n) }

func broadcastCases() []Case {
	return slices.Concat(setCases(broadcasts()), topologyCases(), faultCases(broadcasts()), costCases())
}

func gSetCases() []Case { return slices.Concat(setCases(gSets()), faultCases(gSets())) }

// words are the requirements of a set's workload beside those of its network.
func (d dialect) words(more ...string) []string {
	own := map[string]string{
		"broadcast": "GO-MS-03", "g-set": "GO-MS-08", "g-counter": "GO-MS-09", "pn-counter": "GO-MS-09",
	}
	return append([]string{own[d.suite]}, more...)
}

// setCases are those of a workload whose clients add to a set.
func setCases(d dialect) []Case {
	return slices.Concat(replyCases(d), spreadCases(d), valueCases(d))
}

// spreadCases are about values that spread over a network without a fault.
func spreadCases(d dialect) []Case {
	return []Case{
		{
			ID: d.suite + "/value/lost", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-04"),
			Explain: "Five nodes are asked to add values and to read, by one client each, a hundred times a second for two " +
				"seconds. No message is lost. A value that was acknowledged or read is in the last read of every node. " +
				"They have ten seconds for it.",
			Causes: []string{
				"a node sends what clients tell it, and not what other nodes tell it",
				"values are kept in a variable that two threads change at once",
			},
			Run: func(t *T) { undisturbed(t, d).nothingLost() },
		},
		{
			ID: d.suite + "/value/duplicate", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-06"),
			Explain: "The same requests, and no read has a value twice. Maelstrom does not look: its checker counts a value " +
				"once however often it is there.",
			Causes: []string{"values are kept in a list, to which each copy that arrives is added"},
			Run: func(t *T) {
				r := undisturbed(t, d)
				r.settle(r.allThere)
				r.noneTwice()
			},
		},
		{
			ID: d.suite + "/value/phantom", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-06"),
			Explain: "The same requests, and no read has a value that nobody has asked to add. Maelstrom overlooks such " +
				"values.",
			Causes: []string{"what nodes tell each other is taken for values: names, numbers of messages, whole lists"},
			Run: func(t *T) {
				r := undisturbed(t, d)
				r.settle(r.allThere)
				r.noneFromNowhere()
			},
		},
		{
			ID: d.suite + "/value/stale", Level: conformance.May, Kind: conformance.Behaviour,
			Requirements: d.words("GO-MS-04", "GO-MS-16"),
			Explain: "The same requests over a network without a fault, in which a message takes at most 10 ms. Two seconds " +
				"after a value was known first every read has it. Nobody has to be so quick, but the report has the " +
				"latencies: Maelstrom's stable latency, from when a value was known to when the last read began that lacks it.",
			Causes: []string{"nodes tell each other what they know too seldom"},
			Run: func(t *T) {
				r := undisturbed(t, d)
				r.settle(r.allThere)
				r.noneStale(2 * time.Second)
			},
		},
	}
}

// valueCases are about which values a set has.
func valueCases(d dialect) []Case {
	return []Case{
		{
			ID: d.suite + "/value/same-again", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-06"),
			Explain: "Each of two values is added at every node, and every other value at one. All nodes read each value, and " +
				"each once: a set has a value or has it not.",
			Causes: []string{"a value is told apart by who was asked to add it"},
			Run: func(t *T) {
				r := begin(t, d, few(3))
				for i, node := range r.Nodes() {
					r.answered(r.send(node, 1000), r.send(node, 2000+i), r.send(node, 1001))
				}
				r.settle(r.allThere)
				r.nothingLost()
				r.noneTwice()
			},
		},
		{
			ID: d.suite + "/value/any-json", Level: conformance.May, Kind: conformance.Reply,
			Requirements: d.words(),
			Explain: "Values that are no small numbers: texts, fractions, lists, objects. A read has " +
				"them as they were sent. Maelstrom itself sends whole numbers alone, and a node may be written for them.",
			Causes: []string{"values are kept as numbers of the language"},
			Run:    func(t *T) { runAnyJSON(t, d) },
		},
		{
			ID: d.suite + "/read/never-shrinks", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-06"),
			Explain: "The same requests while a fifth of the messages is lost. What one read of a node has, the next read of " +
				"that node has too: nothing is ever taken out of the set.",
			Causes: []string{"a node takes over another's set in place of its own", "a read is answered from an older copy"},
			Run: func(t *T) {
				r := begin(t, d, usual())
				f := r.Lose(0.2)
				r.work(time.Second)
				r.upset(f)
				r.Heal(f)
				r.settle(r.allThere)
				r.touched(f)
				r.neverShrunk()
			},
		},
	}
}

// undisturbed has clients work for two seconds on a network without a fault.
func undisturbed(t *T, d dialect) *run {
	r := begin(t, d, usual())
	r.work(2 * time.Second)
	return r
}

func runAnyJSON(t *T, d dialect) {
	r := begin(t, d, few(3))
	for i, value := range []any{
		"text", "", "Grüße, 世界 \U0001F310 \\ \" \u2028", 1.5, -7, true,
		[]any{1, []any{}}, map[string]any{"b": 2, "a": nil},
	} {
		r.answered(r.send(r.Nodes()[i%len(r.Nodes())], value))
	}
	r.settle(r.allThere)
	r.nothingLost()
	r.noneFromNowhere()
}

func topologyCases() []Case {
	shapes := []struct{ name, shape, explain string }{
		{"line", line, "a line, in which each value passes every node between"},
		{"total", total, "in which every node is beside every other"},
		{"tree", tree2, "a tree, in which each node but the leaves is above two others"},
	}
	var cases []Case
	for _, s := range shapes {
		cases = append(cases, Case{
			ID: "broadcast/topology/" + s.name, Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-03", "GO-MS-04", "GO-MS-07"},
			Explain: "Eight nodes are told a topology " + s.explain + ". They may keep to it or not. Every value is at every " +
				"node in the end.",
			Causes: []string{"the neighbours of the default topology are assumed", "a value goes one step and no further"},
			Run: func(t *T) {
				opt := usual()
				opt.Nodes = 8
				r := beginIn(t, broadcasts(), opt, s.shape)
				r.work(time.Second)
				r.nothingLost()
			},
		})
	}
	return cases
}

// costCases hold a broadcast against the figures that the challenges 3d and 3e of
// fly.io's Gossip Glomers ask for.
func costCases() []Case {
	return []Case{
		{
			ID: "broadcast/cost/low-latency", Level: conformance.May, Kind: conformance.Behaviour,
			Requirements: []string{"GO-MS-16"},
			Explain: "25 nodes, 100 requests a second for four seconds, each message takes 100 ms. With less than 30 messages " +
				"between nodes for each request, values are stable after less than 400 ms in the median and 600 ms at most: " +
				"the goals of Gossip Glomers 3d. The topology told is a tree with four children to a node. The report has " +
				"the figures; nobody has to reach them.",
			Causes: []string{"values take many steps", "every node sends a value to every neighbour, also to whom it is from"},
			Run:    func(t *T) { runCost(t, 30, 400*time.Millisecond, 600*time.Millisecond) },
		},
		{
			ID: "broadcast/cost/few-messages", Level: conformance.May, Kind: conformance.Behaviour,
			Requirements: []string{"GO-MS-16"},
			Explain: "The same, with less than 20 messages for each request, and values stable after less than 1 s in the " +
				"median and 2 s at most: the goals of Gossip Glomers 3e.",
			Causes: []string{"each value is sent by itself, and acknowledged by itself"},
			Run:    func(t *T) { runCost(t, 20, time.Second, 2*time.Second) },
		},
	}
}

func runCost(t *T, messages float64, median, longest time.Duration) {
	r := beginIn(t, broadcasts(), cluster.Options{
		Nodes: 25, Plain: true, Latency: cluster.Constant(100 * time.Millisecond), Timeout: time.Second,
	}, tree4)
	r.traffic()
	before := r.between + r.toServices
	r.work(4 * time.Second)
	r.traffic()
	spent := float64(r.between+r.toServices-before) / float64(len(r.asked))
	r.settle(r.allThere)
	r.nothingLost()
	r.withinCost(spent, messages, median, longest)
}
