package broadcast

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// nothingLost wants that every value which was acknowledged or read is in the
// last read of each node. Jepsen's set-full is content with one node that has it,
// where the reads at the others began no later.
func (r *run) nothingLost() {
	r.settle(r.allThere)
	r.took()
	all := fates(r.events())
	r.observe(all)
	var lost []fate
	at := ""
	for _, f := range all {
		i := slices.IndexFunc(r.last, func(q *request) bool { return !slices.Contains(r.values(q), f.value) })
		if !f.known || i < 0 || f.since >= r.last[i].call.Sent {
			continue
		}
		if lost = append(lost, f); at == "" {
			at = r.last[i].call.Node
			r.witness(f.value, r.last[i].call)
		}
	}
	if len(lost) == 0 {
		r.sound()
		return
	}
	r.t.Fail(conformance.Failure{
		Message:  fmt.Sprintf("%d of %d values are lost, the first of them %s", len(lost), r.added, lost[0].value),
		Expected: []string{"a value that was acknowledged or read is in the last read of every node"},
		Got: fmt.Sprintf("%s was known at %v, and the last read of %s lacks it; lost are %s",
			lost[0].value, ms(lost[0].since), at, listed(lost)),
	})
}

// witness says that a failure is about one value, and that a read decides it.
func (r *run) witness(value string, by *cluster.Call) {
	token := regexp.MustCompile(`(^|[^0-9A-Za-z.-])` + regexp.QuoteMeta(value) + `($|[^0-9A-Za-z.])`)
	r.Witness(by.Answered, func(p cluster.Passed) bool {
		if p.Msg.Body.Type == "read" || p.Msg.Body.Type == "read_ok" {
			return p.At >= by.Sent && (p.Msg.Src == by.Node || p.Msg.Dest == by.Node)
		}
		return token.Match(p.Msg.Body.Raw)
	})
}

// observe puts the latencies into the report.
func (r *run) observe(all []fate) {
	q := spread(all)
	r.t.Observef("stable latency: at least %v, median %v, 95%% within %v, all within %v", q.none, q.median, q.most, q.all)
}

// noneTwice wants that no read has a value twice.
func (r *run) noneTwice() {
	r.took()
	if value, by, found := twice(r.events()); found {
		r.witness(value, by.call)
		r.t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("a read of %s at %v has %s twice", by.node, ms(by.sent), value),
			Expected: []string{"a set: each value once"}, Got: shown(by.values),
		})
	}
	r.sound()
}

// noneFromNowhere wants that no read has what nobody has added.
func (r *run) noneFromNowhere() {
	r.took()
	events := r.events()
	for _, f := range fates(events) {
		if f.added {
			continue
		}
		by := events[slices.IndexFunc(events, func(e event) bool { return slices.Contains(e.values, f.value) })]
		r.witness(f.value, by.call)
		r.t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("a read of %s at %v has %s, which nobody has added", by.node, ms(by.sent), f.value),
			Expected: []string{"values that a client has asked to add"}, Got: shown(by.values),
		})
	}
	r.sound()
}

// noneStale wants that all values are stable in time.
func (r *run) noneStale(within time.Duration) {
	r.took()
	all := fates(r.events())
	r.observe(all)
	for _, f := range all {
		if f.stable() && f.latency() > within {
			r.t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("%v after %s was known first, a read lacks it", ms(f.latency()), f.value),
				Expected: []string{fmt.Sprintf("each value in every read after %v", within)},
			})
		}
	}
	r.sound()
}

// neverShrunk wants that no node forgets a value that it has told.
func (r *run) neverShrunk() {
	r.took()
	if value, by, found := shrunk(r.events()); found {
		r.t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("a read of %s at %v lacks %s, which the read before it has", by.node, ms(by.sent), value),
			Expected: []string{"all values of the read before"}, Got: shown(by.values),
		})
	}
	r.sound()
}

// withinCost wants figures below those of a challenge.
func (r *run) withinCost(spent, messages float64, median, longest time.Duration) {
	q := spread(fates(r.events()))
	got := fmt.Sprintf("%.1f messages for each request; values stable after %v in the median, %v at most",
		spent, q.median, q.all)
	r.t.Observef("%s", got)
	if spent >= messages || q.median >= median || q.all >= longest {
		r.t.Fail(conformance.Failure{
			Message:  "the figures are not below those of the challenge",
			Expected: []string{fmt.Sprintf("less than %v messages, %v, %v", messages, median, longest)}, Got: got,
		})
	}
}

// agreed reports that what the nodes read is what they have to read in the end.
func (r *run) agreed(reads []*request) bool {
	if r.list {
		return r.allThere(reads)
	}
	return r.allRight(reads)
}

// allThere reports that each of the reads has all that was acknowledged.
func (r *run) allThere(reads []*request) bool {
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

// traffic counts what the nodes have said since it was asked last.
func (r *run) traffic() {
	services := cluster.Services()
	for _, p := range r.Log() {
		if slices.Contains(services, p.Msg.Src) || slices.Contains(services, p.Msg.Dest) {
			r.toServices++
		} else {
			r.between++
		}
	}
}

// touched ends the case as inconclusive when a fault between nodes hit nothing,
// though they talk to each other. Those that ask services alone, or nobody, are
// out of its reach, and are judged all the same.
func (r *run) touched(f *cluster.Fault) {
	r.traffic()
	if r.between > 0 {
		r.Touched(f)
	} else if f.Hits() == 0 {
		r.t.Observef("no fault can hit the nodes: they do not talk to each other")
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// mostShown is how many values an explanation lists.
const mostShown = 20

func shown(values []string) string {
	text := strings.Join(values[max(0, len(values)-mostShown):], " ")
	if len(values) > mostShown {
		text = "… " + text
	}
	return text
}

func listed(all []fate) string {
	var words []string
	for _, f := range all[:min(len(all), mostShown)] {
		words = append(words, f.value)
	}
	if len(all) > mostShown {
		words = append(words, "…")
	}
	return strings.Join(words, " ")
}
