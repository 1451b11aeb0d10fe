package deflate

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"iter"
	"runtime"
)

// MaxChunk is the most that [Inflater.Next] returns at once, in bytes: however much a
// few bytes inflate to, their reader sees it in pieces, and can stop after each.
const MaxChunk = 4 << 10

// Inflater undoes the compression of one stream, whose bytes are pushed in as they
// arrive. It keeps 50 kB beside the bytes that it has yet to inflate. Its methods
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
// [io.EOF] at the end that the sender gave the stream, and else of compress/zlib:
// what was pushed is no zlib stream. No bytes come with it, nor after it.
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

// source is what the reader of compress/zlib reads from, on the coroutine that
// chunks runs in. Where a reader would block, the coroutine yields.
type source struct {
	pushed  bytes.Buffer
	yield   func(chunk) bool
	stopped bool
}

// chunks is the coroutine.
func (s *source) chunks(yield func(chunk) bool) {
	s.yield = yield
	b := make([]byte, MaxChunk)
	z, err := zlib.NewReader(s)
	for n := 0; !s.stopped; {
		if err != nil {
			yield(chunk{err: err})
			return
		}
		if n, err = z.Read(b); n > 0 && !s.stopped {
			s.stopped = !yield(chunk{b: b[:n]})
		}
	}
}

// wait asks for more, and reports whether it has come.
func (s *source) wait() bool {
	for s.pushed.Len() == 0 && !s.stopped {
		s.stopped = !s.yield(chunk{})
	}
	return !s.stopped
}

// Read implements [io.Reader].
func (s *source) Read(b []byte) (int, error) {
	if !s.wait() {
		return 0, io.EOF
	}
	return s.pushed.Read(b)
}

// ReadByte implements [io.ByteReader]: compress/flate reads by the byte, and so no
// further than it must.
func (s *source) ReadByte() (byte, error) {
	if !s.wait() {
		return 0, io.EOF
	}
	return s.pushed.ReadByte()
}
