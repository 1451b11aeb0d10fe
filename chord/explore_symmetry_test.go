package chord

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

// renaming merges states that differ in where the counters of request numbers
// stand, or in what only counts: attempts, hops, the time to a stabilization. A
// turn of the circle is no symmetry, because of two nodes that wait for each
// other the one with the higher identifier gives way.
func (s *scope) renaming() *explore.Symmetry {
	return &explore.Symmetry{
		Turns:   1,
		Counter: func(m spec.Machine) int { return int(unwrapped(m).lastRPC % 3) },
		Machine: func(r *explore.Renaming, m spec.Machine) spec.Machine {
			n := unwrapped(m).Clone().(*Node)
			(&turn{r, s.N}).node(n)
			return n
		},
		Message: func(r *explore.Renaming, p *explore.Packet) spec.Message {
			return (&turn{r, s.N}).message(p)
		},
	}
}

type turn struct {
	*explore.Renaming
	n int
}

func (t *turn) id(id ID) ID { return FromUint((id.Uint() + uint64(t.Turn)) % uint64(t.n)) }

func (t *turn) addr(a netip.AddrPort) netip.AddrPort {
	return exploreAddr((int(a.Addr().As4()[3]) + t.Turn) % t.n)
}

func (t *turn) peer(p Peer) Peer {
	if p == (Peer{}) {
		return p
	}
	turned := Peer{ID: t.id(p.ID)}
	if p.known() {
		turned.Addr = t.addr(p.Addr)
	}
	return turned
}

func (t *turn) peers(list []Peer) []Peer {
	list = slices.Clone(list)
	for i := range list {
		list[i] = t.peer(list[i])
	}
	return list
}

// rpc is the number of a request by the node with the identifier.
func (t *turn) rpc(v uint32, of ID) uint32 {
	if v == 0 {
		return 0
	}
	return (v+2-uint32(t.Counter(int(of.Uint()))))%3 + 1
}

func (t *turn) node(n *Node) {
	cfg, own := *n.cfg, n.cfg.ID
	cfg.ID = t.id(own)
	n.cfg = &cfg
	n.lastRPC = 0
	t.Counter(int(own.Uint()))
	n.query.rpc = t.rpc(n.query.rpc, own)
	n.query.to = t.peer(n.query.to)
	n.successors = t.peers(n.successors)
	n.predecessor, n.candidate, n.rectifyWith = t.peer(n.predecessor), t.peer(n.candidate), t.peer(n.rectifyWith)
	n.waiting = slices.Clone(n.waiting)
	for i, w := range n.waiting {
		n.waiting[i] = waiter{t.addr(w.from), t.rpc(w.rpc, FromUint(uint64(w.from.Addr().As4()[3])))}
	}
	if n.stabilizeAt != never && n.stabilizeAt > n.now {
		n.stabilizeAt = n.now + n.cfg.Stabilize
	}
	for i := range n.lookups {
		l := &n.lookups[i]
		l.key, l.rpc = t.id(l.key), t.rpc(l.rpc, own)
		l.via, l.best, l.asked = t.peer(l.via), t.peer(l.best), t.peer(l.asked)
		l.untried, l.owners = t.peers(l.untried), t.peers(l.owners)
		l.failed = slices.Clone(l.failed)
		for k := range l.failed {
			l.failed[k] = t.id(l.failed[k])
		}
		l.hops, l.timeouts, l.requests, l.attempt = 0, 0, 0, 0
	}
}

// header renames the number of a request, or in an answer that of who asked.
func (t *turn) header(h Header, of ID) Header { return Header{t.rpc(h.RPC, of), t.id(h.Sender)} }

func (t *turn) message(p *explore.Packet) spec.Message {
	asker := FromUint(uint64(p.To.Addr().As4()[3])) // in an answer
	switch m := p.Msg.(type) {
	case Ping:
		return Ping{t.header(m.Header, m.Sender)}
	case GetNeighbors:
		return GetNeighbors{t.header(m.Header, m.Sender)}
	case Notify:
		return Notify{t.header(m.Header, m.Sender)}
	case ClosestPreceding:
		return ClosestPreceding{t.header(m.Header, m.Sender), t.id(m.Key)}
	case Pong:
		return Pong{t.header(m.Header, asker)}
	case Busy:
		return Busy{t.header(m.Header, asker)}
	case Neighbors:
		return Neighbors{t.header(m.Header, asker), t.peer(m.Predecessor), t.peers(m.Successors)}
	case Step:
		return Step{t.header(m.Header, asker), t.peers(m.Preceding), t.peers(m.Owners)}
	}
	panic("not explored")
}
