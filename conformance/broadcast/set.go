package broadcast

import (
	"fmt"
	"strings"
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

func broadcastCases() []Case { return setCases(broadcasts()) }
func gSetCases() []Case      { return setCases(gSets()) }

// setCases are those of a workload whose clients add to a set.
func setCases(d dialect) []Case {
	return []Case{
		{
			ID: d.suite + "/value/lost", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-03", "GO-MS-04"},
			Explain:      "",
			Run: func(t *T) {
				r := begin(t, d, usual())
				r.work(2 * time.Second)
				r.nothingLost()
			},
		},
	}
}

// nothingLost wants that every value which was acknowledged or read is in the
// reads of all nodes in the end.
func (r *run) nothingLost() {
	r.settle(r.allThere)
	r.took()
	var lost []fate
	events := r.events()
	for _, f := range fates(events) {
		if f.lost() {
			lost = append(lost, f)
		}
	}
	if len(lost) == 0 {
		return
	}
	missed := events[lost[0].missedBy]
	r.t.Fail(conformance.Failure{
		Message:  fmt.Sprintf("%d of %d values are lost, the first of them %s", len(lost), r.added, lost[0].value),
		Expected: []string{"a value that was acknowledged or read is in all later reads, in the end"},
		Got: fmt.Sprintf("%s was known at %v; the read of %s at %v lacks it, and no later one has it: %s",
			lost[0].value, ms(lost[0].since), missed.node, ms(missed.sent), values(lost)),
	})
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// values lists some.
func values(all []fate) string {
	const shown = 20
	var words []string
	for _, f := range all[:min(len(all), shown)] {
		words = append(words, f.value)
	}
	if len(all) > shown {
		words = append(words, "…")
	}
	return "lost are " + strings.Join(words, " ")
}

// allThere reports that each of the reads has all that was acknowledged.
func (r *run) allThere(reads []*cluster.Call) bool {
	for _, read := range reads {
		has := map[string]bool{}
		for _, value := range r.values(read) {
			has[value] = true
		}
		for _, q := range r.asked {
			if !q.read && q.call.OK() && !has[q.value] {
				return false
			}
		}
	}
	return true
}
