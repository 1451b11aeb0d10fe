package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Host is what the streams and the pieces of a node have to share, each a rate
// in bytes a second without a limit when it is 0. Datagrams are free of it;
// [Link] is their affair.
//
// The streams that have something to send share Up equally, as connections of
// one machine do on average (processor sharing): k of them get Up/k each until
// one has sent its message. A message that fits into a packet goes between the
// packets of others and does not wait for them, unless something of its own
// stream is before it. Down takes messages in the order in which their last
// bytes arrive, each no faster than it was sent; a sender does not feel that
// the receiver is busy, so what is under way is bounded by what machines ask
// for. A message alone takes size/min(Up, Down) and the latency of the path.
type Host struct {
	Up, Down uint64
	Disk     uint64 // Load and Store, one after the other
	Hash     uint64 // Verify, one after the other
}

// packetSize is the size up to which a message never waits for those of other
// streams: what an Ethernet frame carries of a TCP stream.
const packetSize = 1448

// SetHost puts the nodes at the given addresses on one host: they share its
// links and its disk. Set it before they speak over streams; it panics later.
func (n *Network) SetHost(h Host, nodes ...netip.AddrPort) {
	shared := n.newHost(h)
	for _, addr := range nodes {
		i := n.slot(addr)
		if n.nodes[i].party != nil {
			panic(fmt.Sprintf("sim: SetHost: the node at %v is on a host already", addr))
		}
		n.nodes[i].party = &party{host: shared}
	}
}

// Traffic is how many bytes the streams of a host have sent and received: that
// of the node at addr, with all the nodes that share it.
func (n *Network) Traffic(addr netip.AddrPort) (sent, received uint64) {
	if i, ok := n.index[addr]; ok && n.nodes[i].party != nil {
		h := n.nodes[i].party.host
		return h.sent, h.received
	}
	return 0, 0
}

// host is the state of a Host.
type host struct {
	Host
	up                           uplink
	downFree, diskFree, hashFree time.Duration // when each is done with what it has
	sent, received               uint64
	number                       uint32
}

// party is what a node that speaks over streams or keeps pieces has besides.
type party struct {
	host     *host
	dialled  []*end // by number, nil once ended
	accepted []*end
}

// party returns what a node has for streams and pieces, made on first use.
func (n *Network) party(i int32) *party {
	nd := &n.nodes[i]
	if nd.party == nil {
		nd.party = &party{host: n.newHost(n.cfg.Host)}
	}
	return nd.party
}

func (n *Network) newHost(h Host) *host {
	s := &host{Host: h, number: uint32(len(n.hosts))}
	n.hosts = append(n.hosts, s)
	return s
}

func (p *party) end(c spec.Conn) *end {
	switch {
	case c > 0 && int(c) <= len(p.dialled):
		return p.dialled[c-1]
	case c < 0 && int(-c) <= len(p.accepted):
		return p.accepted[-c-1]
	}
	return nil
}

// forget makes the number of a stream unknown.
func (p *party) forget(e *end) {
	if e.conn > 0 {
		p.dialled[e.conn-1] = nil
	} else {
		p.accepted[-e.conn-1] = nil
	}
}

// service is how long a rate takes for a size, rounded up. Sizes are those of
// messages and pieces, far below the 2^33 at which the product overflows.
func service(size int64, rate uint64) time.Duration {
	return time.Duration((uint64(size)*uint64(time.Second) + rate - 1) / rate)
}

// receive passes a message whose last byte arrives now, and whose first came
// when it took so long before, through the downlink. It returns when the last
// byte is through.
func (h *host) receive(now time.Duration, size int64, took time.Duration) time.Duration {
	h.received += uint64(size)
	if h.Down == 0 {
		return now
	}
	need := service(size, h.Down)
	if size <= packetSize {
		h.downFree = max(h.downFree, now) + need
		return now
	}
	h.downFree = max(h.downFree, now-min(need, took)) + need
	return max(h.downFree, now)
}
