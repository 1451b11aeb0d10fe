package transport

import (
	"errors"
	"slices"
	"sync"

	"github.com/p2pspec/p2pspec/spec"
)

// Storage keeps the pieces that a machine stores. Its methods are called from
// several goroutines at once, never for the same bytes.
type Storage interface {
	// Load fills b from begin of a piece.
	Load(piece, begin int32, b []byte) error
	// Store writes b, which it does not keep, at begin of a piece.
	Store(piece, begin int32, b []byte) error
	// Verify reports whether a piece has the hash promised for it.
	Verify(piece int32) (bool, error)
}

var errNoStorage = errors.New("transport: there is no storage")

// storagePool performs the storage effects of a machine on its goroutines, in
// the order in which they begin. The machine bounds how many wait.
type storagePool struct {
	storage Storage
	post    func(tcpEvent)
	limit   int // bytes in waiting Stores at which readers pause
	workers sync.WaitGroup
	memory  sync.Pool // of *[]byte, for Loads
	spare   sync.Pool // of *arrival, of maxRead bytes

	mu      sync.Mutex // guards what follows
	more    sync.Cond  // a job, or the end
	less    sync.Cond  // fewer bytes
	jobs    []storageJob
	busy    []int32 // pieces that are being stored to
	storing int     // bytes that Stores hold which have not ended
	closed  bool
}

func newStoragePool(s Storage, workers, limit int, post func(tcpEvent)) *storagePool {
	p := &storagePool{storage: s, post: post, limit: limit}
	p.more.L, p.less.L = &p.mu, &p.mu
	if s != nil {
		for range workers {
			p.workers.Go(p.work)
		}
	}
	return p
}

// storageJob is a Load, Store or Verify.
type storageJob struct {
	effect spec.Effect
	in     *arrival // where the data of a Store may lie; nil of others
}

// arrival is memory in which bytes arrive. The machine may have Stores share it;
// then the reader goes on in other memory. What follows is guarded by the pool.
type arrival struct {
	b      []byte
	stores int  // that have not ended
	reader bool // a reader has it
	own    bool // it is the driver's, for readers
}

// add queues a Load, Store or Verify. What is stored may share what is lent.
func (p *storagePool) add(e spec.Effect, lent *arrival) {
	if p.storage == nil {
		p.post(tcpEvent{kind: stored, in: refusal(e)})
		return
	}
	job := storageJob{effect: e}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := e.(spec.Store); ok {
		if job.in = lent; lent == nil {
			job.in = &arrival{b: s.Data}
		}
		if job.in.stores++; job.in.stores == 1 {
			p.storing += len(job.in.b)
		}
	}
	p.jobs = append(p.jobs, job)
	p.more.Signal()
}

// onward is where a reader goes on, with the beginning of a message that has to be
// kept.
func (p *storagePool) onward(a *arrival, rest []byte) (*arrival, []byte) {
	p.mu.Lock()
	shared := a.stores > 0
	a.reader = !shared
	p.mu.Unlock()
	if !shared {
		return a, rest
	}
	next, ok := p.spare.Get().(*arrival)
	if !ok || len(next.b) != len(a.b) {
		next = &arrival{b: make([]byte, len(a.b)), own: true}
	}
	next.reader = true
	return next, next.b[:copy(next.b, rest)]
}

// stored takes note that a Store of a job has ended. The caller holds p.mu.
func (p *storagePool) stored(a *arrival) {
	if a.stores--; a.stores > 0 {
		return
	}
	p.storing -= len(a.b)
	p.less.Broadcast()
	if a.own && !a.reader {
		p.spare.Put(a)
	}
}

func refusal(e spec.Effect) spec.Input {
	switch e := e.(type) {
	case spec.Load:
		return spec.Loaded{Token: e.Token, Err: errNoStorage}
	case spec.Store:
		return spec.Stored{Token: e.Token, Err: errNoStorage}
	default:
		return spec.Verified{Token: e.(spec.Verify).Token, Err: errNoStorage}
	}
}

// wait blocks a reader while the storage lags.
func (p *storagePool) wait() {
	p.mu.Lock()
	for p.storing > p.limit {
		p.less.Wait()
	}
	p.mu.Unlock()
}

// close waits for what was queued.
func (p *storagePool) close() {
	p.mu.Lock()
	p.closed = true
	p.more.Broadcast()
	p.mu.Unlock()
	p.workers.Wait()
}

func (p *storagePool) work() {
	for {
		p.mu.Lock()
		i := p.next()
		for ; i < 0 && (len(p.jobs) > 0 || !p.closed); i = p.next() {
			p.more.Wait()
		}
		if i < 0 {
			p.more.Signal() // the others may go as well
			p.mu.Unlock()
			return
		}
		job := p.jobs[i]
		if i == 0 { // as nearly always: then nothing moves
			p.jobs[0] = storageJob{}
			p.jobs = p.jobs[1:]
		} else {
			p.jobs = slices.Delete(p.jobs, i, i+1)
		}
		store, ok := job.effect.(spec.Store)
		if ok {
			p.busy = append(p.busy, store.Piece)
		}
		p.mu.Unlock()
		event := p.perform(job.effect)
		if ok {
			p.mu.Lock()
			i := slices.Index(p.busy, store.Piece)
			p.busy = slices.Delete(p.busy, i, i+1)
			p.stored(job.in)
			p.more.Signal() // what waited for the piece can begin
			p.mu.Unlock()
		}
		p.post(event)
	}
}

// next is the first job that can begin, or -1. What is stored to one piece is
// stored in its order, so that the storage can hash it as it comes.
func (p *storagePool) next() int {
	return slices.IndexFunc(p.jobs, func(j storageJob) bool {
		s, ok := j.effect.(spec.Store)
		return !ok || !slices.Contains(p.busy, s.Piece)
	})
}

func (p *storagePool) perform(job spec.Effect) tcpEvent {
	switch job := job.(type) {
	case spec.Load:
		buf := p.buffer(int(job.Length))
		err := p.storage.Load(job.Piece, job.Begin, *buf)
		in := spec.Loaded{Token: job.Token, Data: *buf, Err: err, Lent: true}
		if err != nil {
			in.Data = nil
		}
		return tcpEvent{kind: stored, in: in, buf: buf}
	case spec.Store:
		err := p.storage.Store(job.Piece, job.Begin, job.Data)
		return tcpEvent{kind: stored, in: spec.Stored{Token: job.Token, Err: err}}
	default:
		verify := job.(spec.Verify)
		ok, err := p.storage.Verify(verify.Piece)
		return tcpEvent{kind: stored, in: spec.Verified{Token: verify.Token, OK: ok, Err: err}}
	}
}

// buffer returns memory of the given length.
func (p *storagePool) buffer(n int) *[]byte {
	if buf, ok := p.memory.Get().(*[]byte); ok && cap(*buf) >= n {
		*buf = (*buf)[:n]
		return buf
	}
	buf := make([]byte, n)
	return &buf
}

// recycle takes memory back that the machine no longer borrows.
func (p *storagePool) recycle(buf *[]byte) {
	if buf != nil {
		p.memory.Put(buf)
	}
}
