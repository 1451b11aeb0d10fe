package explore

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/p2pspec/p2pspec/spec"
)

// search is a running exploration. It takes blocks of worlds from the queue,
// expands some side by side and files what comes of them in the order of the
// queue, so that the workers leave no trace.
type search struct {
	*matter
	store  *store
	queue  []*block
	graph  graph    // without Config.Endless, and for LeadsTo.Fair
	bad    [][]bool // by Config.LeadsTo that are Fair: the states without the goal
	quiet  []*quiet
	seen   []bool // by Config.Sometimes
	result Result
}

// block is some worlds of the queue.
type block struct {
	words []uint32
	ends  []uint32 // of each world in words
}

const (
	blockStates = 256 // worlds in a block
	batchBlocks = 64  // blocks that are expanded before anything is filed
)

// harvest is what comes of a block.
type harvest struct {
	edges    []edge
	words    []uint32 // of the worlds of the edges that may be new
	terminal int
	seen     []bool
	rounds   []int
	bad      [][]bool // by Config.LeadsTo, of each state of the block
	flaw     *flaw
}

// edge is one action of a state and where it leads.
type edge struct {
	print  fingerprint
	step   stored
	known  bool // to was in the store before the batch
	to     uint32
	length uint32 // of the world in harvest.words
	label  label
}

// flaw is a broken property, with the way there: to state at, and on.
type flaw struct {
	name  string
	err   error
	at    uint32
	then  []packed
	quiet bool // then is a quiet run
}

func newSearch(cfg *Config) *search {
	s := &search{matter: newMatter(cfg), store: newStore(), seen: make([]bool, len(cfg.Sometimes))}
	for i := range cfg.LeadsTo {
		s.quiet = append(s.quiet, newQuiet(s.matter, &cfg.LeadsTo[i]))
	}
	s.result.Rounds, s.bad = make([]int, len(cfg.LeadsTo)), make([][]bool, len(cfg.LeadsTo))
	return s
}

func (s *search) run() (Result, error) {
	first := s.first()
	s.store.add(s.fingerprint(first), stored{})
	s.queue = []*block{{words: first, ends: []uint32{uint32(len(first))}}}
	for at := uint32(0); len(s.queue) > 0; {
		batch := s.queue[:min(len(s.queue), batchBlocks)]
		s.queue = s.queue[len(batch):]
		yield := s.expandAll(batch, at)
		for i, h := range yield {
			if h.flaw != nil {
				return s.summary(), s.violation(h.flaw)
			}
			at += uint32(len(batch[i].ends))
			s.file(h)
			s.result.Depth = s.store.depth(at - 1)
			if s.store.len() > s.cfg.MaxStates {
				return s.summary(), fmt.Errorf("%w: more than %d", ErrTruncated, s.cfg.MaxStates)
			}
		}
		clear(batch)
		s.weigh()
	}
	r := s.summary()
	if f := s.judgeRuns(); f != nil {
		return r, s.violation(f)
	}
	if len(r.Unseen) > 0 {
		return r, fmt.Errorf("explore: %s: none of %d states shows it", r.Unseen[0], r.States)
	}
	return r, nil
}

// expandAll expands the blocks of a batch whose first state has the number at.
func (s *search) expandAll(batch []*block, at uint32) []*harvest {
	yield := make([]*harvest, len(batch))
	starts := make([]uint32, len(batch))
	for i, b := range batch {
		starts[i] = at
		at += uint32(len(b.ends))
	}
	var next atomic.Int32
	var workers sync.WaitGroup
	for range min(s.cfg.Workers, len(batch)) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			w := &worker{search: s, todo: make([]bool, len(s.seen))}
			for i := int(next.Add(1)) - 1; i < len(batch); i = int(next.Add(1)) - 1 {
				yield[i] = w.expand(batch[i], starts[i])
			}
		}()
	}
	workers.Wait()
	return yield
}

// file adds what is new of a harvest to the store and to the queue.
func (s *search) file(h *harvest) {
	words := h.words
	for i := range h.edges {
		e := &h.edges[i]
		to, fresh := e.to, false
		if !e.known {
			to, fresh = s.store.add(e.print, e.step)
		}
		if s.keepsEdges() {
			s.graph.add(e.step.parent, to, e.label)
		}
		if fresh {
			s.enqueue(words[:e.length])
		}
		words = words[e.length:]
	}
	s.result.Edges += len(h.edges)
	s.result.Terminal += h.terminal
	for i, seen := range h.seen {
		s.seen[i] = s.seen[i] || seen
	}
	for i := range h.bad {
		s.bad[i] = append(s.bad[i], h.bad[i]...)
	}
	for i, n := range h.rounds {
		s.result.Rounds[i] = max(s.result.Rounds[i], n)
	}
}

// judgeRuns applies the properties of whole runs.
func (s *search) judgeRuns() *flaw {
	s.graph.close(s.store.len())
	if !s.cfg.Endless {
		if at, ok := s.graph.cycle(); ok {
			return &flaw{name: "termination", err: errors.New("a run can come back to this state"), at: at}
		}
	}
	for i, what := range s.cfg.LeadsTo {
		if !what.Fair {
			continue
		}
		if c := s.graph.livelock(s.bad[i]); c != nil {
			from, run := s.tour(c, s.bad[i])
			err := fmt.Errorf("a fair run can come back to where it was, %d steps before", len(run))
			return &flaw{name: what.Name, err: err, at: from, then: run, quiet: true}
		}
	}
	return nil
}

func (s *search) keepsEdges() bool {
	return !s.cfg.Endless || slices.ContainsFunc(s.cfg.LeadsTo, func(l LeadsTo) bool { return l.Fair })
}

func (s *search) enqueue(c compact) {
	if n := len(s.queue); n == 0 || len(s.queue[n-1].ends) == blockStates {
		s.queue = append(s.queue, &block{})
	}
	b := s.queue[len(s.queue)-1]
	b.words = append(b.words, c...)
	b.ends = append(b.ends, uint32(len(b.words)))
}

func (s *search) summary() Result {
	r := s.result
	r.States, r.Locals, r.Packets = s.store.len(), int(s.local.length), int(s.packet.length)
	for i, seen := range s.seen {
		if !seen {
			r.Unseen = append(r.Unseen, s.cfg.Sometimes[i].Name)
		}
	}
	s.weigh()
	r.Heap = s.result.Heap
	return r
}

func (s *search) weigh() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.result.Heap = max(s.result.Heap, m.HeapAlloc)
}

// worker expands worlds. Its buffers are its own.
type worker struct {
	*search
	world, after World
	choices      []packed
	next         compact
	todo         []bool // by Config.Sometimes: already seen by this worker
}

// expand judges every world of a block, of which the first has the number at,
// and tries its actions. It stops at the first flaw.
func (w *worker) expand(b *block, at uint32) *harvest {
	h := &harvest{
		edges:  make([]edge, 0, 4*len(b.ends)),
		seen:   make([]bool, len(w.seen)),
		rounds: make([]int, len(w.quiet)),
		bad:    make([][]bool, len(w.quiet)),
	}
	begin := uint32(0)
	for i, end := range b.ends {
		if h.flaw = w.visit(compact(b.words[begin:end]), at+uint32(i), h); h.flaw != nil {
			break
		}
		begin = end
	}
	return h
}

func (w *worker) visit(c compact, at uint32, h *harvest) *flaw {
	w.show(c, &w.world)
	w.choices = w.actions(c, &w.world, w.choices[:0])
	if f := w.judge(c, at, len(w.choices) == 0, h); f != nil {
		return f
	}
	if len(w.choices) == 0 {
		h.terminal++
	}
	for _, p := range w.choices {
		var t *transition
		w.next, t = w.apply(c, p, w.next[:0])
		if t != nil && t.err != nil {
			return &flaw{name: "panic", err: t.err, at: at, then: []packed{p}}
		}
		if f := w.judgeStep(c, p, t, at, h); f != nil {
			return f
		}
		e := edge{print: w.fingerprint(w.next), step: stored{at, p}, label: w.label(c, p)}
		if e.to, e.known = w.store.find(e.print); !e.known {
			h.words = append(h.words, w.next...)
			e.length = uint32(len(w.next))
		}
		h.edges = append(h.edges, e)
	}
	return nil
}

// judge applies the properties to a state.
func (w *worker) judge(c compact, at uint32, terminal bool, h *harvest) *flaw {
	for _, id := range w.nodes(c) {
		if l := w.local.at(id); l.flaw != nil {
			return &flaw{name: fmt.Sprintf("Check of %v", l.Addr), err: l.flaw, at: at}
		}
	}
	for i := range w.cfg.Always {
		if err := w.cfg.Always[i].Hold(&w.world); err != nil {
			return &flaw{name: w.cfg.Always[i].Name, err: err, at: at}
		}
	}
	for i := range w.cfg.Finally {
		if !terminal {
			break
		}
		if err := w.cfg.Finally[i].Hold(&w.world); err != nil {
			return &flaw{name: w.cfg.Finally[i].Name, err: err, at: at}
		}
	}
	for i := range w.cfg.Sometimes {
		if s := &w.cfg.Sometimes[i]; s.Seen != nil && !w.seen[i] && !h.seen[i] {
			h.seen[i] = s.Seen(&w.world)
		}
	}
	for i, q := range w.quiet {
		if q.what.Fair {
			h.bad[i] = append(h.bad[i], q.what.Goal(&w.world) != nil)
		}
		rounds, run, err := q.judge(c)
		if err != nil {
			return &flaw{name: q.what.Name, err: err, at: at, then: run, quiet: true}
		}
		h.rounds[i] = max(h.rounds[i], rounds)
	}
	return nil
}

// judgeStep applies the properties of steps to the one from c to w.next.
func (w *worker) judgeStep(c compact, p packed, t *transition, at uint32, h *harvest) *flaw {
	var tr *Transition
	see := func() *Transition {
		if tr == nil {
			w.show(w.next, &w.after)
			tr = &Transition{Before: &w.world, After: &w.after, Action: w.action(c, p)}
			if t != nil {
				tr.Effects = t.effects
			}
		}
		return tr
	}
	for i := range w.cfg.Steps {
		if err := w.cfg.Steps[i].Hold(see()); err != nil {
			return &flaw{name: w.cfg.Steps[i].Name, err: err, at: at, then: []packed{p}}
		}
	}
	for i := range w.cfg.Sometimes {
		if s := &w.cfg.Sometimes[i]; s.Taken != nil && !w.seen[i] && !h.seen[i] {
			h.seen[i] = s.Taken(see())
		}
	}
	return nil
}

// wake is the input of a timeout.
var wake spec.Input = spec.Wake{}
