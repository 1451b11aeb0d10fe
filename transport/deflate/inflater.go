package deflate

import (
	"bytes"
	"errors"
	"iter"
	"runtime"
)

// MaxChunk is the most that [Inflater.Next] returns at once, in bytes: however much a
// few bytes inflate to, their reader sees it in pieces, and can stop after each.
const MaxChunk = 4 << 10

// Inflater undoes the compression of one stream, whose bytes are pushed in as they
// arrive. It keeps 70 kB beside the bytes that it has yet to inflate. Its methods
// are called by one goroutine at a time.
type Inflater struct {
	in   *source
	next func() (chunk, bool)
	stop func()
	err  error
}

// chunk is what one step of inflating gives: bytes, or nothing, which asks for more
// input, or the end.
type chunk struct {
	b   []byte
	err error
}

// NewInflater returns an Inflater at the beginning of a stream. One that is dropped
// without [Inflater.Stop] goes when the garbage is collected.
func NewInflater() *Inflater {
	in := &source{}
	z := &Inflater{in: in}
	z.next, z.stop = iter.Pull(in.chunks)
	runtime.AddCleanup(z, func(stop func()) { stop() }, z.stop)
	return z
}

// Push adds bytes that arrived. It does not keep b.
func (z *Inflater) Push(b []byte) {
	if z.err == nil {
		z.in.pushed.Write(b)
	}
}

// Next returns what comes next of the inflated stream, at most [MaxChunk] bytes, good
// until the next call. It is empty when more must be pushed first. The error is
// io.EOF at the end that the sender gave the stream, and else what is wrong with it,
// for its header and its sum in the words of compress/zlib. No bytes come with it,
// nor after it.
func (z *Inflater) Next() ([]byte, error) {
	if z.err != nil {
		return nil, z.err
	}
	c, ok := z.next()
	if !ok {
		c.err = errStopped
	}
	if c.err != nil {
		z.err, z.in.pushed = c.err, bytes.Buffer{}
	}
	return c.b, c.err
}

// Stop frees what the Inflater holds. It may be called twice.
func (z *Inflater) Stop() {
	z.stop()
	z.in.pushed = bytes.Buffer{}
	if z.err == nil {
		z.err = errStopped
	}
}

var errStopped = errors.New("deflate: the inflater was stopped")

// source is where the bytes come from that [inflate] decodes, on the coroutine that
// chunks runs in. Where it would wait for more, the coroutine yields.
type source struct {
	pushed  bytes.Buffer
	yield   func(chunk) bool
	stopped bool
}

// chunks is the coroutine.
func (s *source) chunks(yield func(chunk) bool) {
	s.yield = yield
	if err := newInflate(s).run(); !s.stopped {
		yield(chunk{err: err})
	}
}

// give hands out what was inflated.
func (s *source) give(b []byte) {
	if !s.stopped {
		s.stopped = !s.yield(chunk{b: b})
	}
}

// read is the next byte that was pushed. It waits for one, in vain when the inflater
// was stopped.
func (s *source) read() (b byte, ok bool) {
	for s.pushed.Len() == 0 && !s.stopped {
		s.stopped = !s.yield(chunk{})
	}
	if s.stopped {
		return 0, false
	}
	b, err := s.pushed.ReadByte()
	return b, err == nil
}
