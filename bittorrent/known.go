package bittorrent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// maxFailures is how often an address is tried that is never reached:
// libtorrent's max_failcount.
const maxFailures = 3

// known holds the addresses that could be dialled, and those that are banned.
type known struct {
	addrs  []address        // sorted
	banned []netip.AddrPort // oldest first; without a port the whole address
}

// address is one that could be dialled.
type address struct {
	addr     netip.AddrPort
	source   Source
	inUse    bool          // there is a connection
	seed     bool          // the peer wants nothing
	failures int8          // in a row
	next     time.Duration // when it may be dialled
}

func (k *known) find(addr netip.AddrPort) (int, bool) {
	return slices.BinarySearchFunc(k.addrs, addr, func(a address, addr netip.AddrPort) int {
		return a.addr.Compare(addr)
	})
}

// idle says that nothing will ever be dialled.
func (k *known) idle() bool {
	return !slices.ContainsFunc(k.addrs, func(a address) bool { return !a.inUse })
}

// reached notes that the peer at an address answered.
func (k *known) reached(addr netip.AddrPort) {
	if i, ok := k.find(addr); ok {
		k.addrs[i].failures = 0
	}
}

// failed notes that there was no good peer at an address. It is tried again
// later each time, and then no more.
func (k *known) failed(addr netip.AddrPort) {
	i, ok := k.find(addr)
	if !ok {
		return
	}
	if k.addrs[i].failures++; k.addrs[i].failures >= maxFailures {
		k.addrs = slices.Delete(k.addrs, i, i+1)
	}
}

// taken notes that there is a connection to an address.
func (k *known) taken(addr netip.AddrPort) {
	if i, ok := k.find(addr); ok {
		k.addrs[i].inUse = true
	}
}

// isSeed notes that the peer at an address is of no use to a seed.
func (k *known) isSeed(addr netip.AddrPort) {
	if i, ok := k.find(addr); ok {
		k.addrs[i].seed = true
	}
}

// released notes that a connection to an address ended.
func (k *known) released(addr netip.AddrPort, now, retry time.Duration) {
	if i, ok := k.find(addr); ok {
		a := &k.addrs[i]
		a.inUse, a.next = false, now+retry<<max(0, a.failures-1)
	}
}

func (k *known) remove(addr netip.AddrPort) {
	if i, ok := k.find(addr); ok {
		k.addrs = slices.Delete(k.addrs, i, i+1)
	}
}

// addPeers makes addresses known and dials.
func (n *step) addPeers(in AddPeers) {
	added := int32(0)
	for _, addr := range in.Addrs[:min(len(in.Addrs), MaxAddrs)] {
		if n.learn(addr, in.Source) {
			added++
		}
	}
	n.dial()
	n.done(in.Op, Added{added})
}

// learn keeps an address that can be dialled, and says whether it is new. Of
// a private torrent only those of the tracker are. BEP27-PRIV-003
func (n *Node) learn(addr netip.AddrPort, from Source) bool {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if !addr.Addr().IsValid() || addr.Addr().IsUnspecified() || addr.Addr().IsMulticast() ||
		addr.Port() == 0 || n.stopped || n.isBanned(addr) ||
		n.layout.Private && from != FromTracker && from != FromUser {
		return false
	}
	i, ok := n.known.find(addr)
	if ok || len(n.known.addrs) >= n.cfg.MaxKnown {
		return false
	}
	n.known.addrs = slices.Insert(n.known.addrs, i, address{addr: addr, source: from, next: n.now})
	n.arm()
	return true
}

// dial connects to known addresses while there is room, to those of the
// highest priority first. BEP40-PRIO-001
func (n *step) dial() {
	for !n.stopped && int(n.live) < n.cfg.MaxConns && int(n.halfOpen) < n.cfg.MaxHalfOpen {
		a := n.best()
		if a == nil {
			return
		}
		a.inUse = true
		n.lastConn++
		n.halfOpen++
		n.newConn(n.lastConn, a.addr, dialing)
		n.emit(spec.Dial{Conn: n.lastConn, To: a.addr})
	}
}

// best is the address to dial next, or nil.
func (n *Node) best() (best *address) {
	var top uint32
	for i := range n.known.addrs {
		a := &n.known.addrs[i]
		if a.inUse || a.next > n.now || a.seed && n.wantsNothing() {
			continue
		}
		p := n.priority(a.addr)
		if best == nil || a.failures < best.failures || a.failures == best.failures && p > top {
			best, top = a, p
		}
	}
	return best
}

// priority is that of a connection to a peer. Without an own address it is
// the same for all.
func (n *Node) priority(addr netip.AddrPort) uint32 {
	if !n.cfg.ExternalIP.IsValid() {
		return 0
	}
	return PeerPriority(netip.AddrPortFrom(n.cfg.ExternalIP, n.cfg.ListenPort), addr)
}

// contributor is what is banned for bad data: an address. On the loopback
// network every peer has the same, so that there the port counts, too.
func contributor(addr netip.AddrPort) netip.AddrPort {
	if addr.Addr().IsLoopback() {
		return addr
	}
	return netip.AddrPortFrom(addr.Addr(), 0)
}

func (n *Node) isBanned(addr netip.AddrPort) bool {
	return slices.Contains(n.known.banned, contributor(addr))
}

// ban closes the connections of a contributor and lets it in no more.
// BEP03-PEER-043
func (n *step) ban(who netip.AddrPort, reason error) {
	k := &n.known
	if slices.Contains(k.banned, who) {
		return
	}
	if len(k.banned) == maxBanned {
		k.banned = slices.Delete(k.banned, 0, 1)
	}
	k.banned = append(k.banned, who)
	k.addrs = slices.DeleteFunc(k.addrs, func(a address) bool { return contributor(a.addr) == who })
	n.notify(PeerBanned{Addr: who, Reason: reason})
	for _, c := range slices.Clone(n.conns) {
		if c != nil && contributor(c.remote) == who {
			n.close(c)
		}
	}
}

// dropStrangers leaves those who no tracker named, once it is known that the
// torrent is private. BEP27-PRIV-006
func (n *step) dropStrangers() {
	stranger := func(a address) bool { return a.source != FromTracker && a.source != FromUser }
	for _, a := range slices.Clone(n.known.addrs) {
		if stranger(a) {
			for _, c := range slices.Clone(n.conns) {
				if c != nil && c.outgoing() && c.remote == a.addr {
					n.close(c)
				}
			}
		}
	}
	n.known.addrs = slices.DeleteFunc(n.known.addrs, stranger)
}

// dropPeers closes every connection and forgets the addresses.
func (n *step) dropPeers() {
	for _, c := range slices.Clone(n.conns) {
		if c != nil {
			n.close(c)
		}
	}
	n.known.addrs = nil
}
