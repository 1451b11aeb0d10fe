package conformance

import (
	"encoding/binary"
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

// Near reports whether any address of the target's network can be bound:
// [NeedNeighbours].
func (s *Sources) Near() (ok bool, why string) {
	return s.prefix.IsValid() && s.prefix.Addr().IsLoopback(),
		"the harness cannot choose its source address toward this target"
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
