package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// acceptPause is how long a listener rests when the system has no descriptor
// for it.
const acceptPause = 20 * time.Millisecond

// accept is the listener's goroutine.
func (t *TCP) accept() {
	for {
		conn, err := t.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		if !t.admit() {
			t.stats.refused.Add(1)
			_ = conn.Close() // it was never used
			continue
		}
		t.workers.Go(func() {
			socket, err := t.wrap(t.ctx, conn, false)
			<-t.wrapping
			if err != nil {
				t.stats.refused.Add(1)
				t.open.Add(-1)
				return
			}
			c := newTCPConn(0, unmap(conn.RemoteAddr().(*net.TCPAddr).AddrPort()))
			t.post(tcpEvent{kind: connOpened, conn: c, socket: socket})
		})
	}
}

// admit reports whether there is room for an accepted stream, and takes it.
func (t *TCP) admit() bool {
	select {
	case t.wrapping <- struct{}{}:
	default:
		return false
	}
	if t.open.Add(1) > int64(t.cfg.MaxConns) {
		t.open.Add(-1)
		<-t.wrapping
		return false
	}
	return true
}

// dial opens a stream in the background.
func (t *TCP) dial(d spec.Dial) {
	c := newTCPConn(d.Conn, d.To)
	t.conns[c.id] = c
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(t.ctx)
	if t.open.Add(1) > int64(t.cfg.MaxConns) {
		t.post(tcpEvent{kind: connLost, conn: c, err: ErrTooManyConns})
		return
	}
	t.workers.Go(func() {
		defer c.cancel()
		socket, err := t.connect(ctx, d.To)
		if err != nil {
			t.stats.undialled.Add(1)
			t.post(tcpEvent{kind: connLost, conn: c, err: err})
			return
		}
		t.post(tcpEvent{kind: connOpened, conn: c, socket: socket})
	})
}

// connect dials and wraps, once fewer than MaxHalfOpen others do.
func (t *TCP) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	select {
	case t.dialling <- struct{}{}:
		defer func() { <-t.dialling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d := net.Dialer{Timeout: t.cfg.OpenTimeout}
	if t.cfg.Bind.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.cfg.Bind, 0))
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return t.wrap(ctx, conn, true)
}

// wrap puts the layer of the configuration around a connection, or closes it.
func (t *TCP) wrap(ctx context.Context, conn net.Conn, outbound bool) (net.Conn, error) {
	if t.cfg.Wrap == nil {
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.OpenTimeout)
	defer cancel()
	wrapped, err := t.cfg.Wrap(ctx, conn, outbound)
	if err != nil {
		_ = conn.Close() // Wrap may have closed it
	}
	return wrapped, err
}
