package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Listen binds a listener and starts to accept.
func (n *SocketNetwork) Listen(local netip.AddrPort) (netip.AddrPort, error) {
	local, err := n.source(local)
	if err != nil {
		return netip.AddrPort{}, err
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(local))
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := unmapped(l.Addr().(*net.TCPAddr).AddrPort())
	n.mu.Lock()
	n.listeners[at] = l
	n.mu.Unlock()
	go n.accept(l)
	return at, nil
}

// acceptPause is how long a listener rests after the system had no descriptor
// for it.
const acceptPause = 10 * time.Millisecond

func (n *SocketNetwork) accept(l *net.TCPListener) {
	for {
		conn, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		n.mu.Lock()
		n.accepted--
		s := newSocketStream(n, n.accepted)
		full := len(n.streams) >= MaxStreams || n.isShut()
		if !full {
			n.streams[s.id] = s
		}
		n.mu.Unlock()
		if full {
			reset(conn)
			continue
		}
		n.tell(s.begin(conn, StreamAccepted))
		go s.read()
	}
}

// Unlisten stops accepting; streams that were accepted go on.
func (n *SocketNetwork) Unlisten(local netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.listeners[local]; l != nil {
		_ = l.Close() // nothing is lost but what nobody wants
		delete(n.listeners, local)
	}
}

// Dial connects in the background.
func (n *SocketNetwork) Dial(local, to netip.AddrPort) (spec.Conn, error) {
	d := net.Dialer{Timeout: DialTimeout, KeepAlive: -1}
	if local.Addr().IsValid() || to.Addr().Is4() {
		var err error
		if local, err = n.source(local); err != nil {
			return 0, err
		}
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.streams) >= MaxStreams {
		return 0, fmt.Errorf("the harness has %d streams open", MaxStreams)
	}
	n.dialled++
	s := newSocketStream(n, n.dialled)
	n.streams[s.id] = s
	go func() {
		conn, err := d.Dial("tcp", to.String())
		if errors.Is(err, syscall.ECONNRESET) { // it was accepted, and reset before we looked
			n.tell(StreamEvent{Kind: StreamOpened, Conn: s.id, Local: local, Remote: to})
		}
		if err != nil {
			s.broken(err)
			return
		}
		n.tell(s.begin(conn.(*net.TCPConn), StreamOpened))
		s.read()
	}()
	return s.id, nil
}

// Write queues bytes for the stream's writer.
func (n *SocketNetwork) Write(c spec.Conn, b []byte) error {
	s := n.stream(c)
	if s == nil {
		return ErrReset
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued+len(b) > StreamQueue {
		return ErrClogged
	}
	s.queue = append(s.queue, append([]byte(nil), b...))
	s.queued += len(b)
	s.changed.Broadcast()
	return nil
}

// Consume lets the reader go on.
func (n *SocketNetwork) Consume(c spec.Conn, size int) {
	if s := n.stream(c); s != nil {
		s.mu.Lock()
		s.unread -= size
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

// CloseWrite shuts this direction down.
func (n *SocketNetwork) CloseWrite(c spec.Conn) {
	if s := n.stream(c); s != nil {
		s.mu.Lock()
		s.finishing = true
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

// CloseStream ends the stream in good order.
func (n *SocketNetwork) CloseStream(c spec.Conn) {
	if s := n.forget(c); s != nil {
		s.mu.Lock()
		s.finishing, s.deaf = true, true
		s.release()
		s.changed.Broadcast()
		s.mu.Unlock()
		time.AfterFunc(closeLinger, s.abort)
	}
}

// closeLinger is how long a stream that was closed goes on to read, so that
// what the other side had under way does not reset what it has yet to read.
const closeLinger = time.Second

// Abort resets the stream.
func (n *SocketNetwork) Abort(c spec.Conn) {
	if s := n.forget(c); s != nil {
		s.abort()
	}
}

func (n *SocketNetwork) stream(c spec.Conn) *socketStream {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.streams[c]
}

func (n *SocketNetwork) forget(c spec.Conn) *socketStream {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.streams[c]
	delete(n.streams, c)
	return s
}

// tell waits for room, which holds up the stream and nobody else.
func (n *SocketNetwork) tell(e StreamEvent) {
	e.At = n.Now()
	select {
	case n.in <- e:
	case <-n.shut:
	}
}

func (n *SocketNetwork) isShut() bool {
	select {
	case <-n.shut:
		return true
	default:
		return false
	}
}

// socketStream is one TCP connection of the harness.
type socketStream struct {
	net *SocketNetwork
	id  spec.Conn

	mu        sync.Mutex
	changed   sync.Cond
	conn      *net.TCPConn // nil while it is being dialled
	queue     [][]byte     // to be written
	queued    int          // bytes of it
	unread    int          // bytes that the case has yet to consume
	finishing bool         // the write side ends after the queue
	deaf      bool         // the case wants to hear no more
	sent      bool         // all was written, and the write side has ended
	eof       bool         // the other side has ended
	dead      bool         // reset or failed
}

func newSocketStream(n *SocketNetwork, id spec.Conn) *socketStream {
	s := &socketStream{net: n, id: id}
	s.changed.L = &s.mu
	return s
}

// begin takes over the connection and starts its writer.
func (s *socketStream) begin(conn *net.TCPConn, kind StreamKind) StreamEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	if s.dead {
		reset(conn)
	}
	go s.write(conn)
	return StreamEvent{
		Kind: kind, Conn: s.id, Local: unmapped(conn.LocalAddr().(*net.TCPAddr).AddrPort()),
		Remote: unmapped(conn.RemoteAddr().(*net.TCPAddr).AddrPort()),
	}
}

// readSize is how much one read takes: a few blocks of a torrent.
const readSize = 64 << 10

func (s *socketStream) read() {
	buf := make([]byte, readSize)
	for {
		s.mu.Lock()
		for s.unread >= StreamWindow && !s.deaf && !s.dead {
			s.changed.Wait()
		}
		room := readSize
		if !s.deaf {
			room = min(room, StreamWindow-s.unread)
		}
		s.mu.Unlock()
		size, err := s.conn.Read(buf[:max(room, 1)])
		if size > 0 {
			s.arrived(buf[:size])
		}
		if errors.Is(err, io.EOF) {
			s.ended()
			return
		}
		if err != nil {
			s.broken(err)
			return
		}
	}
}

func (s *socketStream) arrived(b []byte) {
	s.mu.Lock()
	deaf := s.deaf
	if !deaf {
		s.unread += len(b)
	}
	s.mu.Unlock()
	if !deaf {
		s.net.tell(StreamEvent{Kind: StreamData, Conn: s.id, Data: append([]byte(nil), b...)})
	}
}

// ended is the other side's end in good order.
func (s *socketStream) ended() {
	s.mu.Lock()
	s.eof = true
	deaf := s.deaf
	s.release()
	s.mu.Unlock()
	if !deaf {
		s.net.tell(StreamEvent{Kind: StreamEnded, Conn: s.id})
	}
}

// release closes a connection that both sides have ended.
func (s *socketStream) release() {
	if s.eof && s.sent && s.deaf {
		_ = s.conn.Close()
	}
}

// broken tells, once, that the stream is of no more use.
func (s *socketStream) broken(err error) {
	s.mu.Lock()
	quiet := s.deaf || s.dead
	s.dead = true
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	if quiet {
		return
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		err = ErrRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		err = ErrReset
	}
	s.net.tell(StreamEvent{Kind: StreamBroken, Conn: s.id, Err: err})
}

func (s *socketStream) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf, s.dead = true, true
	if s.conn != nil {
		reset(s.conn)
	}
	s.changed.Broadcast()
}

// reset closes a connection so that the other side sees a reset.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails on a closed connection only
	_ = c.Close()
}

// write sends the queue until the stream ends.
func (s *socketStream) write(conn *net.TCPConn) {
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.finishing && !s.dead {
			s.changed.Wait()
		}
		queue, dead := s.queue, s.dead
		s.queue = nil
		s.mu.Unlock()
		if dead {
			return
		}
		if len(queue) == 0 {
			_ = conn.CloseWrite() // the reader learns of a failure
			s.mu.Lock()
			s.sent = true
			s.release()
			s.mu.Unlock()
			return
		}
		for _, b := range queue {
			if _, err := conn.Write(b); err != nil {
				s.broken(err)
				return
			}
			s.mu.Lock()
			s.queued -= len(b)
			drained := s.queued == 0 && !s.deaf && !s.dead
			s.mu.Unlock()
			if drained {
				s.net.tell(StreamEvent{Kind: StreamDrained, Conn: s.id})
			}
		}
	}
}
