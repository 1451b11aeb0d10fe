package transport

import (
	"errors"
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

	mu      sync.Mutex // guards what follows
	more    sync.Cond  // a job, or the end
	less    sync.Cond  // fewer bytes
	jobs    []spec.Effect
	storing int // bytes in Stores that have not ended
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

// add queues a Load, Store or Verify.
func (p *storagePool) add(e spec.Effect) {
	if p.storage == nil {
		p.post(tcpEvent{kind: stored, in: refusal(e)})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := e.(spec.Store); ok {
		p.storing += len(s.Data)
	}
	p.jobs = append(p.jobs, e)
	p.more.Signal()
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
		for len(p.jobs) == 0 && !p.closed {
			p.more.Wait()
		}
		if len(p.jobs) == 0 {
			p.mu.Unlock()
			return
		}
		job := p.jobs[0]
		p.jobs[0] = nil
		p.jobs = p.jobs[1:]
		p.mu.Unlock()
		p.post(p.perform(job))
	}
}

func (p *storagePool) perform(job spec.Effect) tcpEvent {
	switch job := job.(type) {
	case spec.Load:
		buf := p.buffer(int(job.Length))
		err := p.storage.Load(job.Piece, job.Begin, *buf)
		in := spec.Loaded{Token: job.Token, Data: *buf, Err: err}
		if err != nil {
			in.Data = nil
		}
		return tcpEvent{kind: stored, in: in, buf: buf}
	case spec.Store:
		err := p.storage.Store(job.Piece, job.Begin, job.Data)
		p.mu.Lock()
		p.storing -= len(job.Data)
		p.less.Broadcast()
		p.mu.Unlock()
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
