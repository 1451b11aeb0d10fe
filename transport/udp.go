// Package transport drives the pure cores over real sockets: [UDP] for
// datagrams, [TCP] for streams, storage, and datagrams beside them. It holds the
// only goroutines of the module below the command. Its folder sim holds the other
// driver, a network on virtual time.
package transport

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// ErrBusy reports that maxPending commands already wait for the machine. The
// refused command had no effect.
var ErrBusy = errors.New("transport: too many commands are waiting")

const (
	// maxPending bounds the memory that Do can take while the socket is busy.
	maxPending = 1 << 14
	// maxReadErrors in a row mean that the socket is beyond use. Single ones
	// occur where the system reports an ICMP error of an earlier send.
	maxReadErrors = 16
)

// Read deadlines that are no instant of the machine's clock.
const (
	past  = time.Duration(math.MinInt64) // it has passed: reads fail until it is set anew
	never = time.Duration(math.MaxInt64)
)

// UDPConfig says what runs on a socket.
type UDPConfig struct {
	// Machine is driven from now on by the socket alone. Its clock reads Start
	// when the socket starts: zero for a new machine, the time of the snapshot
	// for a restored one.
	Machine spec.Machine
	Start   time.Duration
	Codec   spec.Codec

	// Observe, if set, is shown every effect other than Send, on the socket's
	// goroutine: it should return soon, may call Do and Snapshot, and must not
	// call Close. A datagram that the codec refuses and a message that could
	// not be sent appear as a [spec.Drop] without a clause.
	Observe func(now time.Duration, e spec.Effect)
}

// UDP is one machine on one socket. Its methods may be called from any
// goroutine.
type UDP struct {
	cfg UDPConfig
	datagrams
	epoch time.Time
	ended chan struct{}
	err   error // valid once ended is closed

	stepping sync.Mutex // guards cfg.Machine
	out      []spec.Effect

	queue   sync.Mutex // guards what follows
	pending []spec.Input
	spare   []spec.Input  // pending's buffer for the next round
	armedAt time.Duration // the socket's read deadline on the machine's clock
	closing bool
}

// ListenUDP binds addr, where port 0 picks a free one, and starts to drive
// cfg.Machine there. The unspecified IPv6 address takes IPv4 as well, where
// the system does that; the machine always sees plain IPv4 addresses.
func ListenUDP(addr netip.AddrPort, cfg UDPConfig) (*UDP, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	return ServeUDP(conn, cfg), nil
}

// ServeUDP starts to drive cfg.Machine on a bound socket, which it then owns.
func ServeUDP(conn *net.UDPConn, cfg UDPConfig) *UDP {
	u := &UDP{
		cfg:     cfg,
		epoch:   time.Now(),
		ended:   make(chan struct{}),
		armedAt: never,
	}
	u.bind(conn, cfg.Codec)
	go u.run()
	return u
}

// LocalAddr is the bound address.
func (u *UDP) LocalAddr() netip.AddrPort { return u.local }

// Now is what the machine's clock reads.
func (u *UDP) Now() time.Duration { return u.cfg.Start + time.Since(u.epoch) }

// Do queues a local command for the machine. Its Done reaches Observe. It
// fails with [ErrBusy], or [net.ErrClosed] after Close, and then the command
// has no effect.
func (u *UDP) Do(in spec.Input) error {
	u.queue.Lock()
	defer u.queue.Unlock()
	switch {
	case u.closing:
		return net.ErrClosed
	case len(u.pending) >= maxPending:
		return ErrBusy
	}
	u.pending = append(u.pending, in)
	if len(u.pending) == 1 {
		u.interrupt()
	}
	return nil
}

// Snapshot returns a copy of the machine as it is between two steps, also
// after Close, and the time its clock reads.
func (u *UDP) Snapshot() (spec.Machine, time.Duration) {
	u.stepping.Lock()
	defer u.stepping.Unlock()
	return u.cfg.Machine.Clone(), u.Now()
}

// Stats returns the counters.
func (u *UDP) Stats() UDPStats { return u.counted() }

// Ended is closed when the socket has stopped, by Close or by an error that
// Close then returns.
func (u *UDP) Ended() <-chan struct{} { return u.ended }

// Close performs the commands already queued, closes the socket, and waits
// until Observe will not be called again. It returns the error that stopped
// the socket before, if any, and may be called twice.
func (u *UDP) Close() error {
	u.queue.Lock()
	u.closing = true
	u.interrupt()
	u.queue.Unlock()
	<-u.ended
	return u.err
}

// interrupt makes a blocked read return. The caller holds u.queue.
func (u *UDP) interrupt() {
	u.armedAt = past
	_ = u.conn.SetReadDeadline(u.epoch) // fails on a closed socket, which does not block
}

// run is the socket's goroutine: commands, then a read until the machine's
// deadline, again and again.
func (u *UDP) run() {
	defer close(u.ended)
	defer u.conn.Close()
	buf := make([]byte, maxDatagram)
	failures := 0
	for {
		commands, closing := u.commands()
		for _, in := range commands {
			u.step(in)
		}
		clear(commands)
		if closing {
			return
		}
		if len(commands) > 0 {
			continue // they may have moved the deadline
		}
		k, from, err := u.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			failures = 0
			u.receive(unmap(from), buf[:k])
		case errors.Is(err, os.ErrDeadlineExceeded):
			u.queue.Lock()
			u.armedAt = past
			u.queue.Unlock()
			u.step(spec.Wake{})
		default:
			if failures++; failures >= maxReadErrors || errors.Is(err, net.ErrClosed) {
				u.queue.Lock()
				u.closing = true
				u.queue.Unlock()
				u.err = fmt.Errorf("transport: %v: %w", u.local, err)
				return
			}
		}
	}
}

// commands takes the queued commands. When there are none it sets the read
// deadline, under the same lock, so that no command slips in between unseen.
// A deadline that moved later is left alone: the read then ends early, which
// costs a spurious Wake, where moving it would cost every packet.
func (u *UDP) commands() (commands []spec.Input, closing bool) {
	u.queue.Lock()
	defer u.queue.Unlock()
	if len(u.pending) > 0 || u.closing {
		commands = u.pending
		u.pending, u.spare = u.spare[:0], commands
		return commands, u.closing
	}
	at, ok := u.cfg.Machine.Deadline() // only this goroutine changes the machine
	switch {
	case !ok && u.armedAt == past:
		u.armedAt = never
		_ = u.conn.SetReadDeadline(time.Time{}) // fails when the read will
	case ok && (u.armedAt == past || at < u.armedAt):
		u.armedAt = at
		_ = u.conn.SetReadDeadline(u.epoch.Add(at - u.cfg.Start))
	}
	return nil, false
}

// receive hands one datagram to the machine, which borrows b for the step.
func (u *UDP) receive(from netip.AddrPort, b []byte) {
	got, drop := u.parse(from, b)
	if drop != nil {
		u.observe(u.Now(), *drop)
		return
	}
	u.step(got)
}

// step hands one input to the machine and performs what comes back.
func (u *UDP) step(in spec.Input) {
	now := u.Now()
	u.stepping.Lock()
	u.out = u.cfg.Machine.Step(now, in, u.out[:0])
	u.stepping.Unlock()
	for _, e := range u.out {
		send, ok := e.(spec.Send)
		if !ok {
			u.observe(now, e)
		} else if drop := u.send(send); drop != nil {
			u.observe(now, *drop)
		}
	}
	clear(u.out)
}

func (u *UDP) observe(now time.Duration, e spec.Effect) {
	if u.cfg.Observe != nil {
		u.cfg.Observe(now, e)
	}
}
