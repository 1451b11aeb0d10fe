package swim

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// What a compound costs, besides its parts (GO-WF-10).
const (
	compoundOverhead = 2 // type and count
	partOverhead     = 2 // a length
)

// announce spreads that a member lives, as it is believed to be.
func (n *Node) announce(m *Member) (replaced *rumor) {
	return n.tell(&rumor{
		kind: wire.TypeAlive, node: m.Name, incarnation: m.Incarnation,
		addr: m.Addr, bytes: m.Meta, versions: m.Versions,
	})
}

// tell queues a rumor about a member.
func (n *Node) tell(r *rumor) (replaced *rumor) {
	replaced = n.rumors.add(r)
	n.armGossip()
	return replaced
}

// armGossip makes the next round of gossip take place.
func (n *Node) armGossip() {
	if n.gossipAt == never && n.cfg.GossipInterval > 0 && n.cfg.GossipNodes > 0 {
		n.gossipAt = n.following(n.gossipPhase, n.cfg.GossipInterval)
	}
}

// gossip tells what there is to tell to some members at random, each one what has
// been told least often.
//
// GO-GS-01 (memberlist gossip).
func (n *Node) gossip(out []spec.Effect) []spec.Effect {
	n.gossipAt = n.following(n.gossipAt, n.cfg.GossipInterval)
	listeners := n.pick(n.cfg.GossipNodes, func(m *Member) bool {
		if m.State == wire.StateDead {
			i, _ := n.doubtAt(m.Name)
			return n.now-n.doubts[i].since <= n.cfg.GossipToTheDead
		}
		return m.State != wire.StateLeft && m.Name != n.cfg.Name
	})
	for _, m := range listeners {
		var parts []wire.Message
		parts, out = n.along(nil, out)
		if len(parts) == 0 {
			break
		}
		out = n.send(m.Addr, crc(m), parts, out)
	}
	return out
}

// along appends to parts the rumors that fit into the same packet, those about
// members before those of users, and ends the commands whose rumors have now been
// told often enough.
//
// GO-GS-04 (memberlist sendMsg, getBroadcasts).
func (n *Node) along(parts []wire.Message, out []spec.Effect) ([]wire.Message, []spec.Effect) {
	if n.Queued() == 0 {
		return parts, out
	}
	room := int32(n.cfg.PacketSize) - compoundOverhead
	for _, p := range parts {
		room -= partOverhead + int32(wire.BodySize(p))
	}
	limit := retransmitLimit(n.cfg.RetransmitMult, len(n.nodes))
	for _, q := range []*queue{&n.rumors, &n.news} {
		told, finished := q.take(room, partOverhead, wire.MaxParts-len(parts), limit)
		parts = slices.Grow(parts, len(told))
		for _, r := range told {
			parts = append(parts, r.message())
			room -= partOverhead + int32(wire.BodySize(parts[len(parts)-1]))
		}
		for _, r := range finished {
			out = n.toldOften(r, out)
		}
	}
	if n.Queued() == 0 {
		n.gossipAt = never
	}
	return parts, out
}

// sendAlong sends m with the rumors that fit.
func (n *Node) sendAlong(to netip.AddrPort, m wire.Message, out []spec.Effect) []spec.Effect {
	parts, out := n.along([]wire.Message{m}, out)
	return n.send(to, false, parts, out)
}

func (n *Node) send(to netip.AddrPort, crc bool, parts []wire.Message, out []spec.Effect) []spec.Effect {
	return append(out, spec.Send{To: to, Msg: wire.Packet{Parts: parts, CRC: crc, Nonce: n.nonce()}})
}

// crc reports whether packets to m have a checksum, where memberlist knows to
// whom it sends: in gossip and in what tells a suspect.
//
// GO-WF-12, GO-WF-19 (memberlist rawSendMsgPacket).
func crc(m *Member) bool { return m.Versions.ProtocolMax >= 5 }

func (n *Node) nonce() (nonce wire.Nonce) {
	n.rng.Fill(nonce[:])
	return nonce
}
