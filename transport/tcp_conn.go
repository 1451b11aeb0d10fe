package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

const (
	// A reader begins with minRead bytes of memory, for streams on which little
	// happens, and goes up to maxRead where reads fill it.
	minRead = 4 << 10
	maxRead = 256 << 10
	// writeChunk is what one write deadline covers.
	writeChunk = 256 << 10
	// maxSpare is the memory that an idle writer keeps.
	maxSpare = 1 << 20
)

// tcpConn is one stream. Its fields are the owner's unless said otherwise.
type tcpConn struct {
	id      spec.Conn // zero until an accepted stream is opened
	remote  netip.AddrPort
	socket  net.Conn // nil while it is dialled
	decoder spec.Decoder
	cancel  func() // ends a dial
	gone    bool   // the machine hears no more of it
	owed    bool   // a Drained, once the writer has nothing left
	unsent  []byte // encoded since the last flush

	deflater *deflate.Deflater // nil: what is written is plain
	spare    []byte            // memory for it
	inflate  inflation

	source  io.Reader     // of bytes: the reader's and the owner's in turns
	memory  *arrival      // where they arrive, in turns, too
	arrived []byte        // those to decode
	resume  chan struct{} // gives arrived, with what is left of it, to the reader
	stop    chan struct{} // closed when nobody decodes any more
	read    chan struct{} // closed when the reader has ended

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	queued  []byte    // for the writer
	writing int       // bytes that the writer has in hand
	closeBy time.Time // when set, the writer ends after the queue, or then
	lost    bool      // the writer ends at once
}

// inflation is where one direction stands.
type inflation uint8

const (
	plain inflation = iota
	due             // from what is still undecoded on
	inflating
)

func newTCPConn(id spec.Conn, remote netip.AddrPort) *tcpConn {
	c := &tcpConn{
		id: id, remote: remote, memory: &arrival{b: make([]byte, minRead), own: true, reader: true},
		resume: make(chan struct{}, 1), stop: make(chan struct{}), read: make(chan struct{}),
	}
	c.changed.L = &c.mu
	return c
}

// opened starts the goroutines of a stream and tells the machine.
func (t *TCP) opened(c *tcpConn, socket net.Conn) {
	if c.gone {
		_ = socket.Close() // it was never used
		return
	}
	if c.id == 0 {
		t.accepted--
		c.id = t.accepted
		t.conns[c.id] = c
		t.stats.accepted.Add(1)
	} else {
		t.stats.dialled.Add(1)
	}
	c.socket, c.decoder = socket, t.cfg.Codec.Decoder()
	c.source = counted{socket, &t.stats.receivedBytes}
	t.workers.Go(func() { t.reader(c) })
	t.workers.Go(func() { t.writer(c) })
	t.step(spec.Opened{Conn: c.id, Remote: c.remote})
}

// counted counts what is read.
type counted struct {
	io.Reader
	bytes *atomic.Uint64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.bytes.Add(uint64(n))
	return n, err
}

// compress performs Deflate.
func (t *TCP) compress(d spec.Deflate) {
	c := t.conns[d.Conn]
	if c == nil {
		return // lost, and the machine will hear of it
	}
	if d.Out && c.deflater == nil {
		c.submit(t.cfg.MaxSendQueue) // the next flush finds out if that is too much
		c.deflater = &deflate.Deflater{}
	}
	if d.In && c.inflate == plain {
		c.inflate = due
	}
}

// inflateFrom lets the reader inflate from undecoded bytes on.
func (c *tcpConn) inflateFrom(b []byte) {
	c.inflate = inflating
	c.source = deflate.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(b)), c.source))
}

// lose tells the machine that a stream has ended without its asking.
func (t *TCP) lose(c *tcpConn, err error) {
	if c.gone {
		return
	}
	t.forget(c)
	if c.socket != nil {
		close(c.stop)
		c.mu.Lock()
		c.lost = true
		c.changed.Broadcast()
		c.mu.Unlock()
		_ = c.socket.Close() // wakes the reader and the writer
	}
	t.step(spec.Closed{Conn: c.id, Err: err})
}

// end performs Close: what was written is flushed.
func (t *TCP) end(id spec.Conn) {
	c := t.conns[id]
	if c == nil {
		return // lost, and the machine will not hear of it
	}
	t.forget(c)
	if c.socket == nil {
		return
	}
	close(c.stop)
	c.submit(t.cfg.MaxSendQueue)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeBy = time.Now().Add(t.cfg.CloseTimeout)
	_ = c.socket.SetWriteDeadline(c.closeBy) // fails when the write will
	c.changed.Broadcast()
}

func (t *TCP) forget(c *tcpConn) {
	c.gone = true
	delete(t.conns, c.id)
	if c.socket == nil {
		c.cancel()
		t.open.Add(-1) // else its writer does so in the end
	}
}

// submit hands what was encoded to the writer. It reports false when the
// stream has more than limit bytes waiting.
func (c *tcpConn) submit(limit int) bool {
	if c.deflater != nil {
		c.unsent, c.spare = c.deflater.Append(c.spare[:0], c.unsent), c.unsent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queued) == 0 {
		c.queued, c.unsent = c.unsent, c.queued
	} else {
		c.queued, c.unsent = append(c.queued, c.unsent...), c.unsent[:0]
	}
	c.owed = c.owed || len(c.queued) > 0
	c.changed.Signal()
	return len(c.queued)+c.writing <= limit
}

// drained reports whether the machine should hear that all was taken.
func (c *tcpConn) drained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owed || len(c.queued)+c.writing+len(c.unsent) > 0 {
		return false
	}
	c.owed = false
	return true
}

// reader hands what arrives to the owner, and reads on when that has been
// decoded: a machine that lags holds up the remote party, not our memory.
func (t *TCP) reader(c *tcpConn) {
	defer close(c.read)
	defer func() {
		if r, ok := c.source.(*deflate.Reader); ok {
			r.Stop()
		}
	}()
	kept := 0
	for {
		t.pool.wait()
		n, err := c.source.Read(c.memory.b[kept:])
		if n > 0 {
			c.arrived = c.memory.b[:kept+n]
			t.post(tcpEvent{kind: connArrived, conn: c})
			select {
			case <-c.resume:
			case <-c.stop:
				_, _ = io.Copy(io.Discard, c.socket) // until the writer has flushed
				return
			}
			c.memory.b, kept = roomFor(c.memory.b, kept+n, c.arrived)
		}
		if err != nil {
			switch {
			case errors.Is(err, io.EOF) && kept > 0:
				err = io.ErrUnexpectedEOF
			case errors.Is(err, io.EOF):
				err = nil
			}
			t.post(tcpEvent{kind: connLost, conn: c, err: err})
			return
		}
	}
}

// roomFor moves the beginning of a message to the front of buf, or of a larger
// one when a read has filled it. The decoder bounds messages, and so buf.
func roomFor(buf []byte, filled int, rest []byte) ([]byte, int) {
	if filled < len(buf) || len(buf) >= maxRead && len(rest) < len(buf)/2 {
		return buf, copy(buf, rest)
	}
	larger := make([]byte, 2*len(buf))
	return larger, copy(larger, rest)
}

// writer sends what is queued, until the stream is lost or closed.
func (t *TCP) writer(c *tcpConn) {
	defer t.open.Add(-1)
	defer func() {
		<-c.read
		_ = c.socket.Close() // it may be closed
	}()
	var b []byte
	for {
		var more bool
		if b, more = c.take(b); !more {
			break
		}
		if err := t.send(c, b); err != nil {
			c.finish(time.Time{})
			t.post(tcpEvent{kind: connLost, conn: c, err: err})
			return
		}
		if c.sent() {
			t.post(tcpEvent{kind: connDrained, conn: c})
		}
	}
	c.finish(time.Now().Add(t.cfg.LingerDuration))
}

// take waits for something to write and swaps it for the memory of the last.
// more is false when the stream has come to its end.
func (c *tcpConn) take(spare []byte) (b []byte, more bool) {
	if cap(spare) > maxSpare {
		spare = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queued) == 0 && !c.lost && c.closeBy.IsZero() {
		c.changed.Wait()
	}
	if c.lost || len(c.queued) == 0 {
		return nil, false
	}
	b, c.queued = c.queued, spare[:0]
	c.writing = len(b)
	return b, true
}

// sent reports whether nothing is left.
func (c *tcpConn) sent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = 0
	return len(c.queued) == 0
}

// send writes b. Each chunk has to be taken within the write timeout.
func (t *TCP) send(c *tcpConn, b []byte) error {
	for len(b) > 0 {
		c.mu.Lock()
		deadline := time.Now().Add(t.cfg.WriteTimeout)
		if !c.closeBy.IsZero() && c.closeBy.Before(deadline) {
			deadline = c.closeBy
		}
		err := c.socket.SetWriteDeadline(deadline)
		c.mu.Unlock()
		if err != nil {
			return err
		}
		n, err := c.socket.Write(b[:min(len(b), writeChunk)])
		t.stats.sentBytes.Add(uint64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// finish ends our direction, and the other one at the given time: closing a
// socket with unread bytes would take back what the remote party has not read.
func (c *tcpConn) finish(readUntil time.Time) {
	if half, ok := c.socket.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a lost stream has no direction to end
	}
	if readUntil.IsZero() {
		readUntil = time.Now()
	}
	_ = c.socket.SetReadDeadline(readUntil) // fails when the read will
}
