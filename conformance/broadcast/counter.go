package broadcast

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// gCounters are the words of Maelstrom's workload g-counter, with its deltas of 0
// to 4; pnCounters those of pn-counter, with -5 to 4.
func gCounters() dialect {
	return dialect{suite: "g-counter", add: "add", field: "delta", reads: "value", next: func(r *spec.Rand, _ int) int64 {
		return int64(r.Below(5))
	}}
}

func pnCounters() dialect {
	return dialect{suite: "pn-counter", add: "add", field: "delta", reads: "value", next: func(r *spec.Rand, _ int) int64 {
		return int64(r.Below(10)) - 5
	}}
}

func gCounterCases() []Case {
	return slices.Concat(counterCases(gCounters()), []Case{{
		ID: "g-counter/read/never-falls", Level: conformance.Should, Kind: conformance.State,
		Requirements: []string{"GO-MS-09"},
		Explain: "While a fifth of the messages is lost, no read of a node has less than a read of the same node that had " +
			"ended before: the counter only grows.",
		Causes: []string{"a node takes over another's number in place of its own"},
		Run: func(t *T) {
			r := begin(t, gCounters(), usual())
			f := r.Lose(0.2)
			r.work(time.Second)
			r.upset(f)
			r.Heal(f)
			r.settle(r.allRight)
			r.touched(f)
			r.neverFell()
		},
	}}, faultCases(gCounters()))
}

func pnCounterCases() []Case {
	return slices.Concat(counterCases(pnCounters()), faultCases(pnCounters()))
}

func counterCases(d dialect) []Case {
	return append(replyCases(d), []Case{
		{
			ID: d.suite + "/value/sum", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words(),
			Explain: "Five nodes are asked to add and to read, by one client each, a hundred times a second for two seconds. " +
				"In the end every node reads the sum of all that was acknowledged, and of any part of what was left open. " +
				"They have ten seconds for it.",
			Causes: []string{
				"two nodes read the total, add and write it back, and one of them is lost",
				"a node counts what its own clients add, and nothing else",
			},
			Run: func(t *T) { undisturbed(t, d).rightSum() },
		},
		{
			ID: d.suite + "/value/phantom", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words(),
			Explain: "The same requests, and no read on the way has more than everything that clients had asked to add until " +
				"then, nor less than everything that they had asked to take away.",
			Causes: []string{"what another node says is added, and not merged: it counts as often as it is heard"},
			Run: func(t *T) {
				r := undisturbed(t, d)
				r.settle(r.allRight)
				r.inBounds()
			},
		},
		{
			ID: d.suite + "/value/large", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words(),
			Explain:      "Each node is asked to add 3,000,000,000 twice, more than 32 bits hold, and 0. All read the sum.",
			Causes:       []string{"the counter has 32 bits", "a delta of zero is taken for none"},
			Run: func(t *T) {
				r := begin(t, d, few(3))
				for _, node := range r.Nodes() {
					for _, delta := range []int64{3e9, 0, 3e9} {
						r.answered(r.send(node, delta))
					}
				}
				r.rightSum()
			},
		},
	}...)
}

// acceptable are the sums that a counter may have in the end.
func (r *run) acceptable() map[int64]bool {
	sums := map[int64]bool{}
	var sure int64
	var open []int64
	for _, q := range r.asked {
		if q.read {
			continue
		}
		delta, _ := strconv.ParseInt(q.value, 10, 64) // it is ours
		switch outcomeOf(q.call) {
		case ok:
			sure += delta
		case unknown:
			open = append(open, delta)
		}
	}
	sums[sure] = true
	for _, delta := range open {
		for sum := range maps.Clone(sums) {
			sums[sum+delta] = true
		}
	}
	return sums
}

// number is what a read of a counter returned.
func (r *run) number(q *request) int64 {
	n, _ := strconv.ParseInt(r.values(q)[0], 10, 64) // values has read it
	return n
}

// allRight reports that all reads have the same sum, which may be.
func (r *run) allRight(reads []*request) bool {
	sums := r.acceptable()
	for _, read := range reads {
		if n := r.number(read); !sums[n] || n != r.number(reads[0]) {
			return false
		}
	}
	return true
}

// rightSum wants that every node reads a sum that may be, in the end.
func (r *run) rightSum() {
	reads := r.settle(r.allRight)
	r.took()
	sums := r.acceptable()
	for _, read := range reads {
		if n := r.number(read); !sums[n] {
			r.t.Fail(conformance.Failure{
				Message: fmt.Sprintf("%s reads %d in the end, after %d acknowledged additions",
					read.call.Node, n, r.acknowledged()),
				Expected: []string{sumsInWords(sums)},
				Got:      fmt.Sprintf("%s; the nodes read %s", read.call.Reply.Raw, r.numbers(reads)),
			})
		}
	}
	r.sound()
}

func sumsInWords(sums map[int64]bool) string {
	sorted := slices.Sorted(maps.Keys(sums))
	if len(sorted) == 1 {
		return fmt.Sprintf("%d, the sum of what was acknowledged", sorted[0])
	}
	return fmt.Sprintf("one of %d sums from %d to %d: what was acknowledged, and any part of what was left open",
		len(sorted), sorted[0], sorted[len(sorted)-1])
}

func (r *run) numbers(reads []*request) string {
	var words []string
	for _, read := range reads {
		words = append(words, fmt.Sprintf("%s %d", read.call.Node, r.number(read)))
	}
	return strings.Join(words, ", ")
}

// inBounds wants that no read has more or less than clients had asked for.
func (r *run) inBounds() {
	r.took()
	events := r.events()
	for _, e := range events {
		if !e.read || e.outcome != ok {
			continue
		}
		var low, high int64
		for _, other := range events {
			if delta, err := strconv.ParseInt(other.value, 10, 64); err == nil && other.sent <= e.done {
				low, high = low+min(delta, 0), high+max(delta, 0)
			}
		}
		if n, _ := strconv.ParseInt(e.values[0], 10, 64); n < low || n > high {
			r.t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("a read of %s at %v has a sum that nobody can have made", e.node, ms(e.sent)),
				Expected: []string{fmt.Sprintf("%d to %d", low, high)}, Got: e.values[0],
			})
		}
	}
	r.sound()
}

// neverFell wants that no node reads less than before.
func (r *run) neverFell() {
	r.took()
	last := map[string]event{}
	for _, e := range r.events() {
		if !e.read || e.outcome != ok {
			continue
		}
		before, has := last[e.node]
		last[e.node] = e
		if !has || before.done > e.sent {
			continue
		}
		was, _ := strconv.ParseInt(before.values[0], 10, 64)
		if is, _ := strconv.ParseInt(e.values[0], 10, 64); is < was {
			r.t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("a read of %s at %v has less than the one before", e.node, ms(e.sent)),
				Expected: []string{fmt.Sprintf("at least %d", was)}, Got: e.values[0],
			})
		}
	}
	r.sound()
}
