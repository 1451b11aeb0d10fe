package hyparview

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// link is one stream.
type link struct {
	conn     spec.Conn
	peer     netip.AddrPort // who was dialled, or has introduced itself; else zero
	state    linkState
	walked   bool             // asking because a ForwardJoin has ended here
	op       spec.OpID        // joining: the command
	peers    []netip.AddrPort // replying: the sample
	deadline time.Duration    // of all but active links
}

// linkState is what a stream is for.
type linkState uint8

const (
	accepted  linkState = iota // its first message says so
	joining                    // dialled, to say Join, by command
	rejoining                  // the same, after all neighbours were lost
	asking                     // dialled, to say Neighbor
	asked                      // and it was said
	replying                   // dialled, to say ShuffleReply
	active                     // between two that have each other in the active view
)

// opened begins what a stream was dialled for, or waits for what the other side
// has dialled it for.
func (n *Node) opened(in spec.Opened, out []spec.Effect) []spec.Effect {
	if in.Conn < 0 {
		if n.crowded() {
			return append(out, spec.Close{Conn: in.Conn})
		}
		n.links = append(n.links, link{conn: in.Conn, state: accepted, deadline: n.now + n.cfg.Patience})
		return out
	}
	i := n.find(in.Conn)
	if i < 0 {
		return out
	}
	switch l := &n.links[i]; l.state {
	case joining, rejoining:
		out = append(out, spec.Write{Conn: l.conn, Msg: Join{n.cfg.Self}})
		if l.state == joining {
			out = append(out, spec.Done{Op: l.op})
		}
		return n.activate(in.Conn, n.introduce(in.Conn, l.peer, out))
	case asking:
		l.state, l.deadline = asked, n.now+n.cfg.Patience
		high := l.walked || n.activeCount() == 0
		return append(out, spec.Write{Conn: l.conn, Msg: Neighbor{n.cfg.Self, high}})
	case replying:
		out = append(out, spec.Write{Conn: l.conn, Msg: ShuffleReply{l.peers}}, spec.Close{Conn: l.conn})
		n.remove(i)
	}
	return out
}

// closed ends a link that the network has ended, or whose time is up.
//
// GO-PX-03 (HyParView §4.3).
func (n *Node) closed(conn spec.Conn, out []spec.Effect) []spec.Effect {
	i := n.find(conn)
	if i < 0 {
		return out
	}
	l := n.remove(i)
	switch l.state {
	case active:
		out = append(out, spec.Notify{Event: NeighborDown{l.peer}})
		return n.repair(netip.AddrPort{}, out)
	case joining:
		return append(out, spec.Done{Op: l.op, Err: ErrNoAnswer})
	case asking, asked, rejoining:
		n.forget(l.peer)
		if !l.walked {
			return n.fill(out)
		}
	}
	return out
}

// got hands a message to its handler.
func (n *Node) got(in spec.Got, out []spec.Effect) []spec.Effect {
	i := n.find(in.Conn)
	if i < 0 {
		return out
	}
	l := &n.links[i]
	switch m := in.Msg.(type) {
	case Join:
		return n.receiveJoin(l, m, out)
	case ForwardJoin:
		return n.receiveForwardJoin(l, m, out)
	case Neighbor:
		return n.receiveNeighbor(l, m, out)
	case NeighborReply:
		return n.receiveNeighborReply(l, m, out)
	case Disconnect:
		return n.receiveDisconnect(l, out)
	case Shuffle:
		return n.receiveShuffle(l, m, out)
	case ShuffleReply:
		return n.receiveShuffleReply(l, m, out)
	}
	return refuse(l, "GO-PX-01", errForeign, out)
}

// Why a message is refused.
var (
	errForeign = errors.New("hyparview: not a message of this protocol")
	errPeer    = errors.New("hyparview: it names the receiver, or nobody who can be dialled")
	errTTL     = errors.New("hyparview: more steps than the random walk has")
	errOrder   = errors.New("hyparview: out of place on this stream")
	errUnasked = errors.New("hyparview: a reply to no shuffle, or to one before the node left")
	errMany    = errors.New("hyparview: more peers than a shuffle has")
)

// refuse leaves the state as it is.
func refuse(l *link, clause string, reason error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Drop{From: l.peer, Clause: clause, Reason: reason})
}

// dial begins a link that is given without its number and deadline.
func (n *Node) dial(l link, out []spec.Effect) []spec.Effect {
	n.lastConn++
	l.conn, l.deadline = n.lastConn, n.now+n.cfg.Patience
	n.links = append(n.links, l)
	return append(out, spec.Dial{Conn: l.conn, To: l.peer})
}

// drop closes a link that is replaced. A neighbour's is over with it.
func (n *Node) drop(i int, out []spec.Effect) []spec.Effect {
	l := n.remove(i)
	out = append(out, spec.Close{Conn: l.conn})
	if l.state == active {
		out = append(out, spec.Notify{Event: NeighborDown{l.peer}})
	}
	return out
}

// remove takes link i out of the list.
func (n *Node) remove(i int) link {
	l := n.links[i]
	n.links = slices.Delete(n.links, i, i+1)
	return l
}

// find returns the index of the link of a stream, or -1.
func (n *Node) find(conn spec.Conn) int {
	return slices.IndexFunc(n.links, func(l link) bool { return l.conn == conn })
}

// neighbor returns the index of the link of a neighbour, or -1.
func (n *Node) neighbor(peer netip.AddrPort) int {
	return slices.IndexFunc(n.links, func(l link) bool { return l.state == active && l.peer == peer })
}

// request returns the index of the link on which peer is asked to become a
// neighbour, or -1.
func (n *Node) request(peer netip.AddrPort) int {
	return slices.IndexFunc(n.links, func(l link) bool {
		return (l.state == asking || l.state == asked) && l.peer == peer
	})
}

func (n *Node) has(s linkState) bool {
	return slices.ContainsFunc(n.links, func(l link) bool { return l.state == s })
}

func (n *Node) activeCount() (count int) {
	for i := range n.links {
		if n.links[i].state == active {
			count++
		}
	}
	return count
}

// crowded reports whether no more streams may be begun for others. What the
// node wants for itself, a contact and a neighbour, has two places.
func (n *Node) crowded() bool { return len(n.links)-n.activeCount() >= n.cfg.MaxPending-2 }

// dialable reports whether a stream can be dialled to an address. One host has
// one name: an IPv4 address is not written as one of IPv6.
func dialable(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.Is4In6() && ip.Zone() == "" && a.Port() != 0
}

// usable reports whether an address names another node.
func (n *Node) usable(a netip.AddrPort) bool { return dialable(a) && a != n.cfg.Self }
