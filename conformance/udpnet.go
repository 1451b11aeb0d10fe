package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Sources hands out source addresses, each at most once a run, so that a
// target which counts packets by address sees a stranger in every case.
//
// Successive addresses lie in different /24 networks as far as the pool goes:
// many clients keep one contact of each in a lookup or a bucket.
type Sources struct {
	// Pace is how many packets one address sends within [PaceWindow]; a further
	// one waits. Zero is no limit.
	Pace int

	mu     sync.Mutex
	prefix netip.Prefix // zero: the one address by which the system reaches the target
	single netip.Addr
	taken  uint32
	sent   map[netip.Addr][]time.Time
}

// DefaultPace stays below the 50 packets in 10 seconds for which libtorrent
// mutes an address, the strictest limit known among common clients.
const (
	DefaultPace = 40
	PaceWindow  = 10 * time.Second
)

// LoopbackSources is the default pool: far from the addresses that programs
// pick for themselves, and large enough for a thousand runs of every case.
func LoopbackSources() *Sources { return SourcesIn(netip.MustParsePrefix("127.64.0.0/10")) }

// SourcesIn hands out the addresses of an IPv4 prefix of at most 24 bits. The
// system must be able to bind each of them.
func SourcesIn(p netip.Prefix) *Sources {
	return &Sources{Pace: DefaultPace, prefix: p.Masked(), sent: map[netip.Addr][]time.Time{}}
}

// OneSource hands out one address again and again; the ports differ.
func OneSource(a netip.Addr) *Sources {
	return &Sources{Pace: DefaultPace, single: a, sent: map[netip.Addr][]time.Time{}}
}

// SourcesToward picks the pool that suits a target: many addresses for a
// loopback IPv4 target where the system can bind them, one for any other.
func SourcesToward(target netip.Addr) (*Sources, error) {
	if target.Is4() && target.IsLoopback() && canBind(netip.MustParseAddr("127.64.0.1")) {
		return LoopbackSources(), nil
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(target, 9).String()) // sends nothing
	if err != nil {
		return nil, fmt.Errorf("no route to %v: %w", target, err)
	}
	defer c.Close()
	return OneSource(c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()), nil
}

// Many reports whether the pool has more than one address: [NeedAddresses].
func (s *Sources) Many() (ok bool, why string) {
	return s.prefix.IsValid(), "the harness has one source address toward this target"
}

// take goes through the /24 networks of the prefix, one host number at a time.
func (s *Sources) take() (netip.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.prefix.IsValid() {
		return s.single, nil
	}
	networks := uint32(1) << max(24-s.prefix.Bits(), 0)
	host := s.taken/networks + 1
	if host > 254 {
		return netip.Addr{}, fmt.Errorf("the source addresses of %v are used up", s.prefix)
	}
	base := s.prefix.Addr().As4()
	at := binary.BigEndian.Uint32(base[:]) + s.taken%networks<<8 + host
	s.taken++
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, at))), nil
}

// wait is how long the next packet of an address has to wait; zero books it.
func (s *Sources) wait(from netip.Addr, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Pace == 0 {
		return 0
	}
	sent := s.sent[from]
	for len(sent) > 0 && now.Sub(sent[0]) >= PaceWindow {
		sent = sent[1:]
	}
	if len(sent) >= s.Pace {
		s.sent[from] = sent
		return PaceWindow - now.Sub(sent[0])
	}
	s.sent[from] = append(sent, now)
	return 0
}

func canBind(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// UDPNetwork is the harness's side of real sockets. Each socket has one
// goroutine that reads; the case's own goroutine does all else.
type UDPNetwork struct {
	sources *Sources
	began   time.Time
	in      chan Datagram
	wake    chan struct{}
	mu      sync.Mutex
	conns   map[netip.AddrPort]*net.UDPConn
}

// inboxSize bounds the datagrams that wait for the case to pump them; beyond
// it a flooding target loses its own packets, as on any socket.
const inboxSize = 4096

// maxDatagram is the largest UDP payload.
const maxDatagram = 65535

// NewUDPNetwork returns a network that binds addresses of the pool.
func NewUDPNetwork(sources *Sources) *UDPNetwork {
	return &UDPNetwork{
		sources: sources, began: time.Now(), in: make(chan Datagram, inboxSize),
		wake: make(chan struct{}, 1), conns: map[netip.AddrPort]*net.UDPConn{},
	}
}

// Now is real time.
func (n *UDPNetwork) Now() time.Duration { return time.Since(n.began) }

// Virtual is false.
func (n *UDPNetwork) Virtual() bool { return false }

// Open binds a socket and starts its reader.
func (n *UDPNetwork) Open(local netip.AddrPort) (netip.AddrPort, error) {
	if !local.Addr().IsValid() {
		a, err := n.sources.take()
		if err != nil {
			return netip.AddrPort{}, err
		}
		local = netip.AddrPortFrom(a, local.Port())
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	n.mu.Lock()
	n.conns[at] = conn
	n.mu.Unlock()
	go n.read(conn, at)
	return at, nil
}

func (n *UDPNetwork) read(conn *net.UDPConn, at netip.AddrPort) {
	buf := make([]byte, maxDatagram)
	for {
		size, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as an ICMP refusal of an earlier send
		}
		d := Datagram{
			At: n.Now(), To: at, From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
			Data: append([]byte(nil), buf[:size]...),
		}
		select {
		case n.in <- d:
		default:
		}
	}
}

// Close releases a socket.
func (n *UDPNetwork) Close(local netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.conns[local]; c != nil {
		_ = c.Close() // an unbound UDP socket has nothing to flush
		delete(n.conns, local)
	}
}

// Shut releases every socket.
func (n *UDPNetwork) Shut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	clear(n.conns)
}

// Send transmits one payload, after a pause if its source has sent too much.
func (n *UDPNetwork) Send(from, to netip.AddrPort, payload []byte) error {
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
func (n *UDPNetwork) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Recv waits for the next datagram of any socket.
func (n *UDPNetwork) Recv(until time.Duration) (Datagram, bool) {
	timer := time.NewTimer(until - n.Now())
	defer timer.Stop()
	select {
	case d := <-n.in:
		return d, true
	case <-n.wake:
	case <-timer.C:
	}
	return Datagram{}, false
}
