package broadcast

import (
	"cmp"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// event is one request of a client about a set, with what came of it.
type event struct {
	call    *cluster.Call
	node    string
	read    bool
	value   string   // that was to be added, as canonical JSON
	values  []string // that a read has returned
	sent    time.Duration
	done    time.Duration // when it was answered, if it was
	outcome outcome
}

// outcome is what is known of a request.
type outcome int8

const (
	unknown outcome = iota // it was not answered, or with an error that leaves it open
	ok
	failed // it surely has not happened
)

// fate is what has become of one value, as Jepsen's set-full has it.
type fate struct {
	value       string
	added       bool          // its addition was asked for, and not refused
	known       bool          // it was acknowledged or read
	since       time.Duration // when it was known first
	lastPresent time.Duration // when the last read began that has it, or never
	lastAbsent  time.Duration // when the last one began that has it not
}

const never = time.Duration(-1)

// stable reports that a read has the value and no later one lacks it.
func (f fate) stable() bool { return f.lastPresent != never && f.lastAbsent < f.lastPresent }

// latency is how long a stable value was known and not yet read everywhere.
func (f fate) latency() time.Duration { return max(0, f.lastAbsent-f.since) }

// fates are those of all values that somebody has added or read, in the order in
// which they were added; those that came from nowhere last. Events are in the
// order of their beginnings.
func fates(events []event) []fate {
	var all []fate
	at := map[string]int{}
	of := func(value string) *fate {
		i, ok := at[value]
		if !ok {
			i = len(all)
			at[value] = i
			all = append(all, fate{value: value, lastPresent: never, lastAbsent: never})
		}
		return &all[i]
	}
	know := func(f *fate, when time.Duration) {
		if !f.known || when < f.since {
			f.known, f.since = true, when
		}
	}
	for _, e := range events {
		if e.read || e.outcome == failed {
			continue
		}
		f := of(e.value)
		f.added = true
		if e.outcome == ok {
			know(f, e.done)
		}
	}
	for _, e := range events {
		if !e.read || e.outcome != ok {
			continue
		}
		has := make(map[string]bool, len(e.values))
		for _, value := range e.values {
			has[value] = true
			f := of(value)
			know(f, e.done)
			f.lastPresent = max(f.lastPresent, e.sent)
		}
		for j := range all {
			if f := &all[j]; !has[f.value] {
				f.lastAbsent = max(f.lastAbsent, e.sent)
			}
		}
	}
	return all
}

// quantiles are some of the latencies of stable values.
type quantiles struct{ none, median, most, all time.Duration }

// spread sums up how long values took. None of them stable gives zeros.
func spread(all []fate) quantiles {
	var took []time.Duration
	for _, f := range all {
		if f.stable() {
			took = append(took, f.latency())
		}
	}
	if len(took) == 0 {
		return quantiles{}
	}
	slices.SortFunc(took, cmp.Compare[time.Duration])
	at := func(q float64) time.Duration {
		return took[min(len(took)-1, int(q*float64(len(took))))].Round(time.Millisecond)
	}
	return quantiles{none: at(0), median: at(0.5), most: at(0.95), all: at(1)}
}

// twice is a value that one read has more than once.
func twice(events []event) (value string, by event, found bool) {
	for _, e := range events {
		seen := map[string]bool{}
		for _, value := range e.values {
			if seen[value] {
				return value, e, true
			}
			seen[value] = true
		}
	}
	return "", event{}, false
}

// shrunk is a value that a node's read has and its next one lacks.
func shrunk(events []event) (value string, by event, found bool) {
	had := map[string]event{}
	for _, e := range events {
		if !e.read || e.outcome != ok {
			continue
		}
		before, has := had[e.node]
		if had[e.node] = e; !has || before.done > e.sent {
			continue
		}
		for _, value := range before.values {
			if !slices.Contains(e.values, value) {
				return value, e, true
			}
		}
	}
	return "", event{}, false
}
