package conformance

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// SocketNetwork is the harness's side of real sockets. Each socket has a
// goroutine that reads, each stream one that writes as well; the case's own
// goroutine does all else.
type SocketNetwork struct {
	sources *Sources
	began   time.Time
	in      chan Arrival
	wake    chan struct{}
	shut    chan struct{}

	mu        sync.Mutex
	conns     map[netip.AddrPort]*net.UDPConn
	listeners map[netip.AddrPort]*net.TCPListener
	streams   map[spec.Conn]*socketStream
	dialled   spec.Conn // the last number of each kind
	accepted  spec.Conn
}

// inboxSize bounds what waits for the case to pump it; beyond it a flooding
// target loses its own datagrams, as on any socket, and its streams stand still.
const inboxSize = 4096

// maxDatagram is the largest UDP payload.
const maxDatagram = 65535

// NewSocketNetwork returns a network that binds addresses of the pool.
func NewSocketNetwork(sources *Sources) *SocketNetwork {
	return &SocketNetwork{
		sources: sources, began: time.Now(), in: make(chan Arrival, inboxSize),
		wake: make(chan struct{}, 1), shut: make(chan struct{}),
		conns: map[netip.AddrPort]*net.UDPConn{}, listeners: map[netip.AddrPort]*net.TCPListener{},
		streams: map[spec.Conn]*socketStream{},
	}
}

// Now is real time.
func (n *SocketNetwork) Now() time.Duration { return time.Since(n.began) }

// Virtual is false.
func (n *SocketNetwork) Virtual() bool { return false }

// Open binds a socket and starts its reader.
func (n *SocketNetwork) Open(local netip.AddrPort) (netip.AddrPort, error) {
	local, err := n.source(local)
	if err != nil {
		return netip.AddrPort{}, err
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := unmapped(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	n.mu.Lock()
	n.conns[at] = conn
	n.mu.Unlock()
	go n.read(conn, at)
	return at, nil
}

// source gives an address of the pool to a local one that leaves it open.
func (n *SocketNetwork) source(local netip.AddrPort) (netip.AddrPort, error) {
	if local.Addr().IsValid() {
		return local, nil
	}
	a, err := n.sources.take()
	return netip.AddrPortFrom(a, local.Port()), err
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (n *SocketNetwork) read(conn *net.UDPConn, at netip.AddrPort) {
	buf := make([]byte, maxDatagram)
	for {
		size, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as an ICMP refusal of an earlier send
		}
		d := Datagram{At: n.Now(), To: at, From: unmapped(from), Data: append([]byte(nil), buf[:size]...)}
		select {
		case n.in <- d:
		default:
		}
	}
}

// Close releases a socket.
func (n *SocketNetwork) Close(local netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.conns[local]; c != nil {
		_ = c.Close() // an unbound UDP socket has nothing to flush
		delete(n.conns, local)
	}
}

// Shut releases every socket and resets every stream.
func (n *SocketNetwork) Shut() {
	close(n.shut)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	for _, l := range n.listeners {
		_ = l.Close()
	}
	for _, s := range n.streams {
		s.abort()
	}
	clear(n.conns)
	clear(n.listeners)
	clear(n.streams)
}

// Send transmits one payload, after a pause if its source has sent too much.
func (n *SocketNetwork) Send(from, to netip.AddrPort, payload []byte) error {
	n.mu.Lock()
	c := n.conns[from]
	n.mu.Unlock()
	if c == nil {
		return fmt.Errorf("no socket at %v", from)
	}
	for pause := n.sources.wait(from.Addr(), time.Now()); pause > 0; {
		time.Sleep(pause)
		pause = n.sources.wait(from.Addr(), time.Now())
	}
	_, err := c.WriteToUDPAddrPort(payload, to)
	return err
}

// Wake makes Recv return.
func (n *SocketNetwork) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Recv waits for the next arrival.
func (n *SocketNetwork) Recv(until time.Duration) (Arrival, bool) {
	timer := time.NewTimer(until - n.Now())
	defer timer.Stop()
	select {
	case a := <-n.in:
		return a, true
	case <-n.wake:
	case <-timer.C:
	}
	return nil, false
}
