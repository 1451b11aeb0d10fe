package mainline

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
)

// familyOf is the index in Node.families of the DHT that addr belongs to.
func familyOf(addr netip.AddrPort) int {
	if addr.Addr().Is4() {
		return 0
	}
	return 1
}

// table returns the routing table for addr's family, nil when that is off.
func (n *Node) table(addr netip.AddrPort) *kademlia.Table {
	if f := &n.families[familyOf(addr)]; f.on {
		return &f.table
	}
	return nil
}

// usable reports whether c may be asked: it is somebody else at a unicast
// address of a family that is on, with an id that its address allows where
// BEP 42 is enforced (BEP42-SEC-005).
func (n *Node) usable(c kademlia.Contact) bool {
	return n.reachable(c.Addr) && n.table(c.Addr) != nil && c.ID != n.id &&
		c.ID.Fits(n.cfg.IDBits) && (!n.cfg.EnforceBEP42 || IsSecure(c.ID, c.Addr.Addr()))
}

// reachable reports whether a datagram can be sent to one node at addr.
func (n *Node) reachable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return addr.IsValid() && addr.Port() != 0 && !ip.Is4In6() && ip.Zone() == "" &&
		!ip.IsUnspecified() && !ip.IsMulticast()
}

// heard files a contact that has answered. BEP05-TBL-002, BEP05-TBL-007
func (n *step) heard(c kademlia.Contact) {
	if !n.usable(c) {
		return
	}
	table := n.table(c.Addr)
	r := table.Replied(c, n.now)
	if r.Change != kademlia.Refused && r.Change != kademlia.Spared {
		table.Touch(c.ID, n.now)
	}
	n.probe(table, r)
}

// queried notes a query from c. A stranger is pinged: only its answer, which
// proves its address, lets it into the table. BEP05-TBL-002, BEP05-TBL-003
func (n *step) queried(c kademlia.Contact) {
	if !n.usable(c) {
		return
	}
	table := n.table(c.Addr)
	if table.Queried(c, n.now).Change != kademlia.Refused {
		return
	}
	if _, known := table.Get(c.ID); known {
		return // at another address
	}
	if n.pings < maxPings && !n.pinging(c.Addr) {
		n.pings++
		n.ask(query{role: roleVerify, known: true, to: c.Addr, id: c.ID}, Message{Method: MethodPing})
	}
}

// pinging reports whether a stranger's answer is awaited from addr.
func (n *Node) pinging(addr netip.AddrPort) bool {
	for i := range n.queries {
		if q := &n.queries[i]; q.role == roleVerify && q.to == addr {
			return true
		}
	}
	return false
}

// probe pings the contact whose place the table may need. BEP05-TBL-006
func (n *step) probe(table *kademlia.Table, r kademlia.Result) {
	switch {
	case !r.Probes():
	case n.pings == maxPings:
		table.Unprobe(r.Probe.ID)
	default:
		n.pings++
		n.ask(query{role: roleProbe, known: true, to: r.Probe.Addr, id: r.Probe.ID},
			Message{Method: MethodPing})
	}
}

// closest returns the up to K contacts of a family to hand out: good ones,
// nearest to target first. Where too few are good, others that never failed
// fill the list, or a quiet network would forget itself. BEP05-RPC-002
func (n *Node) closest(f *family, target kademlia.ID) []kademlia.Contact {
	if f.table.Len() == 0 {
		return nil
	}
	out := make([]kademlia.Contact, 0, min(n.cfg.K, f.table.Len()))
	out = f.table.Closest(target, n.cfg.K, func(e *kademlia.Entry) bool {
		return f.table.Status(e, n.now) == kademlia.Good
	}, out)
	if missing := n.cfg.K - len(out); missing > 0 {
		out = f.table.Closest(target, missing, func(e *kademlia.Entry) bool {
			return f.table.Status(e, n.now) == kademlia.Questionable && e.Failures == 0
		}, out)
	}
	return out
}

// refresh looks up a random id in the range of the quietest bucket, if that
// has been quiet for long enough. BEP05-TBL-007
func (n *step) refresh(f *family) {
	if f.table.Len() == 0 {
		f.refreshAt = n.now + n.cfg.RefreshAfter
		return
	}
	quiet := f.table.Quietest()
	if quiet.Touched+n.cfg.RefreshAfter <= n.now {
		target := f.table.RandomID(quiet, &n.rng)
		f.table.Touch(target, n.now)
		n.startWalk(&op{kind: opRefresh, target: target})
		quiet = f.table.Quietest()
	}
	f.refreshAt = max(quiet.Touched+n.cfg.RefreshAfter, n.now+refreshPause)
}
