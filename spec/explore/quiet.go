package explore

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// LeadsTo says that quiet leads to a goal: from every reachable state, when no
// more commands are given and nothing crashes or is lost, the goal holds after
// a number of rounds, and from then on for ever.
//
// In a round every node in turn fires the timers that lie within Period of its
// clock, and what is under way is delivered after each of them; or all nodes
// fire one, before anything is delivered, until none has one left in the
// period. Each is done in the order of the nodes and of the messages, and in
// the reverse order: four schedules, from each state. Config.May has its say.
type LeadsTo struct {
	Name   string
	Goal   func(w *World) error // nil where it is reached
	Period time.Duration
	Rounds int // at most so many may be needed
	// Fair asks for more: that every fair quiet run reaches the goal for good,
	// not only the four schedules. A run is fair if every timer fires, and some
	// of the messages of each type between two nodes arrive, that can do so again
	// and again. The search keeps its edges for it. With more than one turn of a
	// symmetry it means nothing.
	Fair bool
}

// maxDeliveries bounds what a round delivers: machines that answer each other
// for ever never fall quiet.
const maxDeliveries = 10_000

// quiet judges the quiet runs of one property. What a world between two rounds
// needs is kept, so that most runs are short.
type quiet struct {
	*matter
	what *LeadsTo

	mu    sync.RWMutex
	known [schedules]map[fingerprint]int
}

// schedule is the way in which a round is run.
type schedule uint8

const (
	reverse   schedule = 1 << iota // last node and last message first
	together                       // all timers before any message
	schedules = 4
)

func (s schedule) String() string {
	return [schedules]string{
		"one node after another", "one node after another in reverse",
		"all nodes at once", "all nodes at once in reverse",
	}[s]
}

// never is the number of rounds to a goal that is not reached.
const never = 1 << 30

func newQuiet(x *matter, what *LeadsTo) *quiet {
	q := &quiet{matter: x, what: what}
	for i := range q.known {
		q.known[i] = make(map[fingerprint]int)
	}
	return q
}

// judge returns the rounds that the slowest schedule needs from c. A run that
// needs too many is returned as well.
func (q *quiet) judge(c compact) (rounds int, run []packed, err error) {
	for s := range schedule(schedules) {
		n, err := q.need(s, c)
		if err == nil && n == never {
			err = fmt.Errorf("no number of rounds suffices, %v", s)
		} else if err == nil && n > q.what.Rounds {
			err = fmt.Errorf("%d rounds are needed, %v", n, s)
		}
		if err != nil {
			return n, q.example(s, c), err
		}
		rounds = max(rounds, n)
	}
	return rounds, nil, nil
}

// need is the least number of rounds after which the goal holds for ever. A
// round is a function of worlds, so that the run ends in a cycle.
func (q *quiet) need(s schedule, c compact) (int, error) {
	r := &round{quiet: q, schedule: s, at: slices.Clone(c)}
	r.settle()
	var chain []fingerprint
	var reached []bool
	after := 0 // the need of what follows the chain
	place := map[fingerprint]int{}
	for r.err == nil {
		f := q.plainPrint(r.at)
		if n, ok := q.get(s, f); ok {
			after = n
			break
		}
		if i, ok := place[f]; ok {
			if slices.Contains(reached[i:], false) {
				after = never
			}
			break
		}
		place[f] = len(chain)
		chain = append(chain, f)
		r.show(r.at, &r.world)
		reached = append(reached, q.what.Goal(&r.world) == nil)
		r.turn()
	}
	if r.err != nil {
		return never, r.err
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if after != never && (after > 0 || !reached[i]) {
			after++
		}
		q.put(s, chain[i], after)
	}
	return after, nil
}

func (q *quiet) get(s schedule, f fingerprint) (int, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	n, ok := q.known[s][f]
	return n, ok
}

func (q *quiet) put(s schedule, f fingerprint, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.known[s][f] = n
}

// example is the quiet run from c for as many rounds as are allowed.
func (q *quiet) example(s schedule, c compact) []packed {
	r := &round{quiet: q, schedule: s, at: slices.Clone(c), record: true}
	r.settle()
	for range q.what.Rounds {
		r.turn()
	}
	return r.run
}

// round is a quiet run under way.
type round struct {
	*quiet
	schedule schedule
	at, next compact
	world    World
	record   bool
	run      []packed
	err      error
}

// settle delivers what is under way, and what that brings about.
func (r *round) settle() {
	for range maxDeliveries {
		flight := len(r.flight(r.at))
		done := true
		for i := range flight {
			if r.schedule&reverse != 0 {
				i = flight - 1 - i
			}
			if r.try(pack(Deliver, i)) {
				done = false
				break
			}
		}
		if done || r.err != nil {
			return
		}
	}
	r.err = fmt.Errorf("%d deliveries leave messages under way", maxDeliveries)
}

// turn performs a round.
func (r *round) turn() {
	nodes := len(r.nodes(r.at))
	left := make([]time.Duration, nodes)
	for i := range left {
		left[i] = r.what.Period
	}
	for again := true; again && r.err == nil; {
		again = false
		for i := range nodes {
			if r.schedule&reverse != 0 {
				i = nodes - 1 - i
			}
			for r.fire(i, &left[i]) {
				if again = true; r.schedule&together != 0 {
					break
				}
				r.settle()
			}
		}
		r.settle()
	}
}

// fire lets node i time out if that is within what is left of its period.
func (r *round) fire(i int, left *time.Duration) bool {
	l := r.local.at(r.nodes(r.at)[i])
	if !l.armed || l.due-l.Now > *left || !r.try(pack(Timeout, i)) {
		return false
	}
	*left -= l.due - l.Now
	return true
}

// try performs an action that Config.May allows.
func (r *round) try(p packed) bool {
	if r.err != nil {
		return false
	}
	if r.cfg.May != nil {
		r.show(r.at, &r.world)
		if !r.cfg.May(&r.world, r.action(r.at, p)) {
			return false
		}
	}
	var t *transition
	if r.next, t = r.apply(r.at, p, r.next[:0]); t != nil && t.err != nil {
		r.err = t.err
	}
	r.at, r.next = r.next, r.at
	if r.record {
		r.run = append(r.run, p)
	}
	return true
}
