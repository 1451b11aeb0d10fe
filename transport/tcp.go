package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// TCP is one machine on the streams of one listener, and on those it dials, and
// on a socket for datagrams if it is given one. One goroutine owns the machine;
// each stream has one that reads and one that writes, and the datagrams have one
// that reads. Its methods may be called from any goroutine.
type TCP struct {
	cfg      TCPConfig
	listener *net.TCPListener // nil: only dials
	local    netip.AddrPort
	packets  *datagrams // nil: streams only
	epoch    time.Time
	ctx      context.Context // of dials and wraps
	cancel   context.CancelFunc
	ended    chan struct{}
	workers  sync.WaitGroup // all goroutines but the owner's and the storage's
	dialling chan struct{}  // holds one for each dial under way
	wrapping chan struct{}  // and for each accepted stream that is being wrapped
	open     atomic.Int64   // streams, those being opened and closed included

	stepping sync.Mutex // guards cfg.Machine
	out      []spec.Effect

	// These are the owner's alone.
	conns    map[spec.Conn]*tcpConn
	accepted spec.Conn
	unsent   []*tcpConn // with writes that their writers have not been told of
	pool     *storagePool
	lending  *arrival // whose bytes the machine may share now; nil: it may not

	queue   sync.Mutex // guards what follows
	events  []tcpEvent
	pending []spec.Input
	closing bool
	wake    chan struct{} // holds one when the queue is not empty
	resume  chan struct{} // gives its memory back to the reader of datagrams

	stats struct {
		accepted, dialled, refused, undialled, receivedBytes, sentBytes, received atomic.Uint64
	}
}

// ListenTCP binds addr, where port 0 picks a free one, and starts to drive
// cfg.Machine. The zero addr listens nowhere: the machine only dials. The
// unspecified IPv6 address takes IPv4 as well, where the system does that; the
// machine always sees plain IPv4 addresses.
func ListenTCP(addr netip.AddrPort, cfg TCPConfig) (*TCP, error) {
	var l *net.TCPListener
	if addr.IsValid() {
		var err error
		if l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr)); err != nil {
			return nil, fmt.Errorf("transport: %w", err)
		}
	}
	return ServeTCP(l, cfg), nil
}

// ServeTCP starts to drive cfg.Machine on a listener, which it then owns, or
// on none.
func ServeTCP(l *net.TCPListener, cfg TCPConfig) *TCP {
	cfg = cfg.withDefaults()
	t := &TCP{
		cfg:      cfg,
		listener: l,
		epoch:    time.Now(),
		ended:    make(chan struct{}),
		dialling: make(chan struct{}, cfg.MaxHalfOpen),
		wrapping: make(chan struct{}, cfg.MaxHalfOpen),
		conns:    make(map[spec.Conn]*tcpConn),
		wake:     make(chan struct{}, 1),
		resume:   make(chan struct{}, 1),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.pool = newStoragePool(cfg.Storage, cfg.Workers, cfg.MaxStoring, t.post)
	if cfg.Datagrams != nil {
		t.packets = &datagrams{}
		t.packets.bind(cfg.Datagrams, cfg.DatagramCodec)
		t.workers.Go(t.listen)
	}
	if l != nil {
		t.local = unmap(l.Addr().(*net.TCPAddr).AddrPort())
		t.workers.Go(t.accept)
	}
	go t.run()
	return t
}

// LocalAddr is the address of the listener; zero without one.
func (t *TCP) LocalAddr() netip.AddrPort { return t.local }

// Now is what the machine's clock reads.
func (t *TCP) Now() time.Duration { return t.cfg.Start + time.Since(t.epoch) }

// Do queues a local command for the machine. Its Done reaches Observe. It
// fails with [ErrBusy], or [net.ErrClosed] after Close, and then the command
// has no effect.
func (t *TCP) Do(in spec.Input) error {
	t.queue.Lock()
	defer t.queue.Unlock()
	switch {
	case t.closing:
		return net.ErrClosed
	case len(t.pending) >= maxPending:
		return ErrBusy
	}
	t.pending = append(t.pending, in)
	t.rouse()
	return nil
}

// Snapshot returns a copy of the machine as it is between two steps, also
// after Close, and the time its clock reads.
func (t *TCP) Snapshot() (spec.Machine, time.Duration) {
	t.stepping.Lock()
	defer t.stepping.Unlock()
	return t.cfg.Machine.Clone(), t.Now()
}

// Stats returns the counters.
func (t *TCP) Stats() TCPStats {
	s := &t.stats
	stats := TCPStats{
		Accepted: s.accepted.Load(), Dialled: s.dialled.Load(),
		Refused: s.refused.Load(), Undialled: s.undialled.Load(),
		ReceivedBytes: s.receivedBytes.Load(), SentBytes: s.sentBytes.Load(),
		Received: s.received.Load(), Open: int(t.open.Load()),
	}
	if t.packets != nil {
		stats.Datagrams = t.packets.counted()
	}
	return stats
}

// Ended is closed when Close has done its work.
func (t *TCP) Ended() <-chan struct{} { return t.ended }

// Close performs the commands already queued, flushes and closes all streams,
// lets the storage finish what it was given, and waits until no goroutine is
// left and Observe will not be called again. It takes CloseTimeout and
// LingerDuration at most, and may be called twice.
func (t *TCP) Close() {
	t.queue.Lock()
	t.closing = true
	t.rouse()
	t.queue.Unlock()
	<-t.ended
}

// rouse wakes the owner. The caller holds t.queue.
func (t *TCP) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// post queues an event for the owner. It never blocks: streams, the storage and
// the reader of datagrams wait for what they posted before they post more.
func (t *TCP) post(e tcpEvent) {
	t.queue.Lock()
	t.events = append(t.events, e)
	t.rouse()
	t.queue.Unlock()
}

// tcpEvent is what other goroutines tell the owner.
type tcpEvent struct {
	kind   tcpEventKind
	conn   *tcpConn
	socket net.Conn   // of connOpened
	err    error      // of connLost
	in     spec.Input // of stored and datagram
	buf    *[]byte    // of stored: the pooled memory that in borrows
	drop   *spec.Drop // of datagram: what there is instead of in
}

type tcpEventKind uint8

const (
	connOpened  tcpEventKind = iota
	connArrived              // conn.arrived has bytes
	connDrained              // the writer has nothing left
	connLost
	stored   // the storage has answered
	datagram // one has arrived, and its reader waits
)

// run is the goroutine that owns the machine.
func (t *TCP) run() {
	defer close(t.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var events []tcpEvent
	var commands []spec.Input
	armed := never
	for {
		t.queue.Lock()
		events, t.events = t.events, events[:0]
		commands, t.pending = t.pending, commands[:0]
		closing := t.closing
		t.queue.Unlock()

		for _, e := range events {
			t.handle(e)
		}
		for _, in := range commands {
			t.step(in)
		}
		idle := len(events)+len(commands) == 0
		clear(events)
		clear(commands)
		t.flush()
		if closing {
			t.shutdown()
			return
		}
		if !idle {
			continue
		}
		armed = t.arm(timer, armed)
		select {
		case <-t.wake:
		case <-timer.C:
			armed = never
			t.step(spec.Wake{})
			t.flush()
		}
	}
}

// arm sets the timer for the machine's deadline, if it moved.
func (t *TCP) arm(timer *time.Timer, armed time.Duration) time.Duration {
	at, ok := t.cfg.Machine.Deadline() // only this goroutine changes the machine
	switch {
	case !ok:
		timer.Stop()
		return never
	case at != armed:
		timer.Reset(time.Until(t.epoch.Add(at - t.cfg.Start)))
	}
	return at
}

func (t *TCP) handle(e tcpEvent) {
	c := e.conn
	switch e.kind {
	case connOpened:
		t.opened(c, e.socket)
	case connArrived:
		if !c.gone {
			t.receive(c)
		}
	case connDrained:
		if !c.gone && c.drained() {
			t.step(spec.Drained{Conn: c.id})
		}
	case connLost:
		t.lose(c, e.err)
	case stored:
		t.step(e.in)
		t.pool.recycle(e.buf)
	case datagram:
		if e.drop != nil {
			t.observe(t.Now(), *e.drop)
		} else {
			t.step(e.in)
		}
		t.resume <- struct{}{}
	}
}

// receive hands the messages that arrived to the machine, which borrows them
// for its steps, and lets the reader go on, in other memory if a Store has them.
func (t *TCP) receive(c *tcpConn) {
	b := c.arrived
	t.lending = c.memory
	defer func() { t.lending = nil }()
	for !c.gone && c.inflate != due {
		m, n, err := c.decoder.Decode(b)
		if err != nil {
			t.lose(c, err)
			return
		}
		if n == 0 {
			break
		}
		b = b[n:]
		t.stats.received.Add(1)
		t.step(spec.Got{Conn: c.id, Msg: m, Lent: true})
	}
	if c.inflate == due && !c.gone { // else its reader uses the source, until the end
		c.inflateFrom(b)
		b = nil
	}
	if !c.gone {
		c.memory, c.arrived = t.pool.onward(c.memory, b)
		c.resume <- struct{}{}
	}
}

// step hands one input to the machine and performs what comes back.
func (t *TCP) step(in spec.Input) {
	now := t.Now()
	t.stepping.Lock()
	t.out = t.cfg.Machine.Step(now, in, t.out[:0])
	t.stepping.Unlock()
	for _, e := range t.out {
		switch e := e.(type) {
		case spec.Write:
			t.write(now, e)
		case spec.Dial:
			t.dial(e)
		case spec.Close:
			t.end(e.Conn)
		case spec.Deflate:
			t.compress(e)
		case spec.Load, spec.Store, spec.Verify:
			t.pool.add(e, t.lending)
		case spec.Send:
			t.sendTo(now, e)
		default:
			t.observe(now, e)
		}
	}
	clear(t.out)
}

func (t *TCP) write(now time.Duration, w spec.Write) {
	c := t.conns[w.Conn]
	if c == nil || c.socket == nil {
		return // lost, and the machine will hear of it
	}
	if len(c.unsent) == 0 {
		t.unsent = append(t.unsent, c)
	}
	b, err := t.cfg.Codec.AppendMessage(c.unsent, w.Msg)
	if err != nil {
		t.observe(now, spec.Drop{From: c.remote, Reason: fmt.Errorf("transport: not sent: %w", err)})
		return
	}
	c.unsent = b
}

// flush tells the writers what the machine wrote since the last time, in one
// go: small messages share a packet.
func (t *TCP) flush() {
	for i := 0; i < len(t.unsent); i++ { // what a loss makes the machine write comes behind
		if c := t.unsent[i]; !c.gone && !c.submit(t.cfg.MaxSendQueue) {
			t.lose(c, ErrSendQueue)
		}
	}
	clear(t.unsent)
	t.unsent = t.unsent[:0]
}

func (t *TCP) observe(now time.Duration, e spec.Effect) {
	if t.cfg.Observe != nil {
		t.cfg.Observe(now, e)
	}
}

// shutdown ends everything that the owner started.
func (t *TCP) shutdown() {
	t.cancel()
	if t.listener != nil {
		_ = t.listener.Close() // nobody would do anything about an error
	}
	if t.packets != nil {
		_ = t.packets.conn.Close() // nor about this one
	}
	for id := range t.conns {
		t.end(id)
	}
	t.workers.Wait()
	t.pool.close()
	for _, e := range t.events { // no other goroutine is left
		if e.kind == connOpened {
			_ = e.socket.Close() // it was never used
		}
	}
}
