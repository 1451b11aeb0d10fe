package hyparview

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// receiveJoin takes a new node into the active view, whatever it costs, and
// sends it on its random walks.
//
// GO-PX-02 (HyParView §4.2, Join).
func (n *Node) receiveJoin(l *link, m Join, out []spec.Effect) []spec.Effect {
	switch {
	case l.state != accepted:
		return refuse(l, "GO-PX-02", errOrder, out)
	case !n.usable(m.Peer):
		return refuse(l, "GO-PX-02", errPeer, out)
	}
	conn := l.conn
	out = n.introduce(conn, m.Peer, out)
	out = n.activate(conn, out)
	for i := range n.links {
		if other := &n.links[i]; other.state == active && other.peer != m.Peer {
			out = append(out, spec.Write{Conn: other.conn, Msg: ForwardJoin{m.Peer, uint8(n.cfg.ARWL)}})
		}
	}
	return out
}

// receiveForwardJoin passes the new node on, or asks it to be a neighbour where
// its walk ends. A walk that is not that of the sender alone avoids the new
// node itself, which could not take part.
//
// GO-PX-02 (HyParView §4.2, ForwardJoin).
func (n *Node) receiveForwardJoin(l *link, m ForwardJoin, out []spec.Effect) []spec.Effect {
	switch {
	case l.state != active:
		return refuse(l, "GO-PX-02", errOrder, out)
	case !n.usable(m.Peer):
		return refuse(l, "GO-PX-02", errPeer, out)
	case int(m.TTL) > n.cfg.ARWL:
		return refuse(l, "GO-PX-02", errTTL, out)
	}
	if m.TTL > 0 {
		if int(m.TTL) == n.cfg.PRWL {
			n.remember(m.Peer, nil)
		}
		if next := n.randomNeighbor(l.peer, m.Peer); next >= 0 {
			return append(out, spec.Write{Conn: n.links[next].conn, Msg: ForwardJoin{m.Peer, m.TTL - 1}})
		}
	}
	if n.neighbor(m.Peer) >= 0 || n.request(m.Peer) >= 0 {
		return out
	}
	if n.crowded() {
		n.remember(m.Peer, nil)
		return out
	}
	return n.dial(link{peer: m.Peer, state: asking, walked: true}, out)
}

// receiveNeighbor answers who asks to become a neighbour: with high priority it
// cannot be refused. Two nodes that ask each other at once keep the stream that
// the lower address has dialled.
//
// GO-PX-03 (HyParView §4.3, Neighbor).
func (n *Node) receiveNeighbor(l *link, m Neighbor, out []spec.Effect) []spec.Effect {
	switch {
	case l.state != accepted:
		return refuse(l, "GO-PX-03", errOrder, out)
	case !n.usable(m.Peer):
		return refuse(l, "GO-PX-03", errPeer, out)
	}
	conn := l.conn
	mine := n.request(m.Peer) >= 0 && n.cfg.Self.Compare(m.Peer) < 0
	if mine || !m.High && n.activeCount() >= n.cfg.Active && n.neighbor(m.Peer) < 0 {
		n.remove(n.find(conn))
		return append(out, spec.Write{Conn: conn, Msg: NeighborReply{false}}, spec.Close{Conn: conn})
	}
	out = n.introduce(conn, m.Peer, out)
	out = append(out, spec.Write{Conn: conn, Msg: NeighborReply{true}})
	return n.fill(n.activate(conn, out))
}

// receiveNeighborReply ends a request. A place that was asked for with low
// priority may have been taken meanwhile; then the new neighbour is the one that
// has to go.
//
// GO-PX-03 (HyParView §4.3).
func (n *Node) receiveNeighborReply(l *link, m NeighborReply, out []spec.Effect) []spec.Effect {
	if l.state != asked {
		return refuse(l, "GO-PX-03", errOrder, out)
	}
	conn, peer, walked := l.conn, l.peer, l.walked
	switch full := n.activeCount() >= n.cfg.Active; {
	case m.Accepted && (walked || !full):
		out = n.activate(conn, out)
	case m.Accepted:
		n.remove(n.find(conn))
		out = append(out, spec.Write{Conn: conn, Msg: Disconnect{}}, spec.Close{Conn: conn})
		n.remember(peer, nil)
	default:
		n.remove(n.find(conn))
		out = append(out, spec.Close{Conn: conn})
	}
	if walked {
		return out
	}
	return n.fill(out)
}

// receiveDisconnect moves a neighbour into the passive view.
//
// GO-PX-02 (HyParView §4.2, Disconnect).
func (n *Node) receiveDisconnect(l *link, out []spec.Effect) []spec.Effect {
	if l.state != active {
		return refuse(l, "GO-PX-02", errOrder, out)
	}
	peer := l.peer
	out = n.drop(n.find(l.conn), out)
	n.remember(peer, nil)
	return n.repair(peer, out)
}

// introduce gives an accepted stream the name of its peer. Whatever the node had
// with that peer is over: who dials anew has forgotten it, or will not have it.
func (n *Node) introduce(conn spec.Conn, peer netip.AddrPort, out []spec.Effect) []spec.Effect {
	if i := n.neighbor(peer); i >= 0 {
		out = n.drop(i, out)
	}
	if i := n.request(peer); i >= 0 {
		out = n.drop(i, out)
	}
	n.links[n.find(conn)].peer = peer
	return out
}

// activate makes the peer of a link a neighbour, in the place of a random one if
// the active view is full.
//
// GO-PX-02 (HyParView §4.2, dropRandomElementFromActiveView).
func (n *Node) activate(conn spec.Conn, out []spec.Effect) []spec.Effect {
	if n.activeCount() >= n.cfg.Active {
		i := n.randomNeighbor()
		peer := n.links[i].peer
		out = append(out, spec.Write{Conn: n.links[i].conn, Msg: Disconnect{}})
		out = n.drop(i, out)
		n.remember(peer, nil)
	}
	l := &n.links[n.find(conn)]
	l.state, l.deadline, l.walked, l.op = active, never, false, 0
	n.forget(l.peer)
	n.isolated = false
	return append(out, spec.Notify{Event: NeighborUp{l.peer}})
}

// repair begins to look for a neighbour in the passive view, if one is wanted.
// The one in except, if any, is not asked this time.
//
// GO-PX-03 (HyParView §4.3).
func (n *Node) repair(except netip.AddrPort, out []spec.Effect) []spec.Effect {
	n.tried = n.tried[:0]
	if except.IsValid() {
		n.tried = append(n.tried, except)
	}
	return n.fill(out)
}

// fill asks one more of the passive view to become a neighbour: one after
// another, each once in a repair. A node that is left alone with those who have
// just disconnected it joins anew by one of them.
func (n *Node) fill(out []spec.Effect) []spec.Effect {
	busy := slices.ContainsFunc(n.links, func(l link) bool {
		return (l.state == asking || l.state == asked) && !l.walked || l.state == rejoining
	})
	if busy || n.activeCount() >= n.cfg.Active {
		return out
	}
	n.tried = slices.DeleteFunc(n.tried, func(p netip.AddrPort) bool { return !slices.Contains(n.passive, p) })
	i := n.pick(len(n.passive), func(i int) bool {
		p := n.passive[i]
		return !slices.Contains(n.tried, p) && n.request(p) < 0
	})
	alone := !slices.ContainsFunc(n.links, func(l link) bool { return l.state != accepted && l.state != replying })
	switch {
	case i >= 0:
		n.tried = append(n.tried, n.passive[i])
		return n.dial(link{peer: n.passive[i], state: asking}, out)
	case alone && len(n.passive) > 0:
		i := n.rng.Below(uint64(len(n.passive)))
		return n.dial(link{peer: n.passive[i], state: rejoining}, out)
	case alone && !n.isolated:
		n.isolated = true
		return append(out, spec.Notify{Event: Isolated{}})
	}
	return out
}

// remember puts a peer into the passive view. In a full one it takes the place
// of one that was just sent away, or of a random one.
//
// GO-PX-01, GO-PX-02 (HyParView §4.2, addNodePassiveView; §4.4).
func (n *Node) remember(peer netip.AddrPort, sentAway []netip.AddrPort) {
	if !n.usable(peer) || n.neighbor(peer) >= 0 || slices.Contains(n.passive, peer) {
		return
	}
	if len(n.passive) >= n.cfg.Passive {
		i := slices.IndexFunc(n.passive, func(p netip.AddrPort) bool { return slices.Contains(sentAway, p) })
		if i < 0 {
			i = int(n.rng.Below(uint64(len(n.passive))))
		}
		n.passive = slices.Delete(n.passive, i, i+1)
	}
	n.passive = append(n.passive, peer)
}

// forget takes a peer out of the passive view: it is a neighbour, or dead.
func (n *Node) forget(peer netip.AddrPort) {
	if i := slices.Index(n.passive, peer); i >= 0 {
		n.passive = slices.Delete(n.passive, i, i+1)
	}
}

// randomNeighbor returns the index of a random active link to none of the
// given peers, or -1.
func (n *Node) randomNeighbor(except ...netip.AddrPort) int {
	return n.pick(len(n.links), func(i int) bool {
		return n.links[i].state == active && !slices.Contains(except, n.links[i].peer)
	})
}

// pick returns a random index below count that is eligible, or -1.
func (n *Node) pick(count int, eligible func(i int) bool) int {
	found := uint64(0)
	for i := range count {
		if eligible(i) {
			found++
		}
	}
	if found == 0 {
		return -1
	}
	skip := n.rng.Below(found)
	for i := range count {
		if eligible(i) {
			if skip == 0 {
				return i
			}
			skip--
		}
	}
	return -1
}
