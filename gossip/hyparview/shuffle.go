package hyparview

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// cycle sends a sample of both views to a random neighbour, and looks for
// neighbours while some are wanted.
//
// GO-PX-01 (HyParView §4.4, Shuffle).
func (n *Node) cycle(out []spec.Effect) []spec.Effect {
	n.shuffleAt = n.now + n.cfg.ShufflePeriod
	if i := n.randomNeighbor(); i >= 0 {
		to := &n.links[i]
		others := slices.DeleteFunc(n.Active(nil), func(p netip.AddrPort) bool { return p == to.peer })
		n.sent = append(n.sample(others, n.cfg.ShuffleActive), n.sample(n.Passive(nil), n.cfg.ShufflePassive)...)
		n.awaiting = true
		m := Shuffle{n.cfg.Self, uint8(n.cfg.ShuffleTTL), slices.Clone(n.sent)}
		out = append(out, spec.Write{Conn: to.conn, Msg: m})
	}
	return n.repair(netip.AddrPort{}, out)
}

// receiveShuffle passes a Shuffle on, or answers it where its walk ends: with as
// many of the passive view as it has, the origin included.
//
// GO-PX-01 (HyParView §4.4).
func (n *Node) receiveShuffle(l *link, m Shuffle, out []spec.Effect) []spec.Effect {
	switch {
	case l.state != active:
		return refuse(l, "GO-PX-01", errOrder, out)
	case !n.usable(m.Origin):
		return refuse(l, "GO-PX-01", errPeer, out)
	case int(m.TTL) > n.cfg.ShuffleTTL:
		return refuse(l, "GO-PX-01", errTTL, out)
	case len(m.Peers) > n.shuffleSize():
		return refuse(l, "GO-PX-01", errMany, out)
	}
	if m.TTL > 1 {
		if next := n.randomNeighbor(l.peer, m.Origin); next >= 0 {
			m.TTL--
			m.Peers = slices.Clone(m.Peers)
			return append(out, spec.Write{Conn: n.links[next].conn, Msg: m})
		}
	}
	sample := n.sample(n.Passive(nil), len(m.Peers)+1)
	if i := n.neighbor(m.Origin); i >= 0 {
		out = append(out, spec.Write{Conn: n.links[i].conn, Msg: ShuffleReply{sample}})
	} else if !n.crowded() {
		out = n.dial(link{peer: m.Origin, state: replying, peers: sample}, out)
	}
	n.integrate(m.Peers, sample)
	n.integrate([]netip.AddrPort{m.Origin}, sample)
	return out
}

// receiveShuffleReply takes what came back for what was sent.
//
// GO-PX-01 (HyParView §4.4).
func (n *Node) receiveShuffleReply(l *link, m ShuffleReply, out []spec.Effect) []spec.Effect {
	switch {
	case l.state != accepted && l.state != active:
		return refuse(l, "GO-PX-01", errOrder, out)
	case !n.awaiting:
		return refuse(l, "GO-PX-01", errUnasked, out)
	case len(m.Peers) > n.shuffleSize()+1:
		return refuse(l, "GO-PX-01", errMany, out)
	}
	if l.state == accepted {
		conn := l.conn
		n.remove(n.find(conn))
		out = append(out, spec.Close{Conn: conn})
	}
	n.awaiting = false
	n.integrate(m.Peers, n.sent)
	n.sent = nil
	return out
}

// shuffleSize is how many peers a Shuffle has besides its origin.
func (n *Node) shuffleSize() int { return n.cfg.ShuffleActive + n.cfg.ShufflePassive }

func (n *Node) integrate(peers, sentAway []netip.AddrPort) {
	for _, p := range peers {
		n.remember(p, sentAway)
	}
}

// sample returns up to k random elements of a list, which it permutes.
func (n *Node) sample(list []netip.AddrPort, k int) []netip.AddrPort {
	k = min(k, len(list))
	for i := range k {
		j := i + int(n.rng.Below(uint64(len(list)-i)))
		list[i], list[j] = list[j], list[i]
	}
	return list[:k:k]
}
