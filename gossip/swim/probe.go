package swim

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// probe is the ping that waits for an answer.
type probe struct {
	target   *Member       // as it was believed to be at the beginning; nil: no probe
	sequence uint32        // of the ping and of those sent by others
	patience time.Duration // how long the first answer is waited for alone; never once that is over
	end      time.Duration // when it has failed; never
	wanted   int32         // nacks that helpers owe if they hear nothing
	nacks    int32
	conn     spec.Conn // of the ping over a stream; 0: none
	reached  bool      // that was answered
}

func noProbe() probe { return probe{patience: never, end: never} }

// relay is a ping for somebody else.
type relay struct {
	sequence uint32         // of our ping
	theirs   uint32         // of the one that they wait for
	to       netip.AddrPort // who waits
	nack     bool           // and wants to hear of a silence
	due      time.Duration
}

// beginPeriod begins a probe, or, while one is under way, sees to it that the
// next begins right after it.
//
// GO-FD-04, GO-LH-02 (memberlist probe).
func (n *Node) beginPeriod(out []spec.Effect) []spec.Effect {
	n.probeAt = n.following(n.probeAt, n.cfg.ProbeInterval)
	if n.probe.target != nil {
		n.missed = true
		return out
	}
	return n.beginProbe(out)
}

// beginProbe pings the next member. A suspect hears with the ping that it is one.
//
// GO-FD-03, GO-FD-19 (memberlist probeNode).
func (n *Node) beginProbe(out []spec.Effect) []spec.Effect {
	m := n.nextTarget()
	if m == nil {
		return out
	}
	n.sequence++
	n.probe = probe{
		target: m, sequence: n.sequence,
		patience: n.now + n.cfg.ProbeTimeout,
		end:      n.now + time.Duration(n.health+1)*n.cfg.ProbeInterval,
	}
	ping := wire.Ping{SeqNo: n.sequence, Node: m.Name, Source: n.source()}
	if m.State == wire.StateSuspect && !n.cfg.NoBuddy {
		suspect := wire.Suspect{Incarnation: m.Incarnation, Node: m.Name, From: n.cfg.Name}
		return n.send(m.Addr, crc(m), []wire.Message{ping, suspect}, out)
	}
	return n.sendAlong(m.Addr, ping, out)
}

func (n *Node) source() wire.Source { return wire.Source{Addr: n.cfg.Addr, Node: n.cfg.Name} }

// askOthers asks members to ping the silent one, and pings it over a stream.
//
// GO-FD-05 (memberlist probeNode; SWIM §3.1).
func (n *Node) askOthers(out []spec.Effect) []spec.Effect {
	p := &n.probe
	p.patience = never
	target := p.target
	helpers := n.pick(n.cfg.IndirectChecks, func(m *Member) bool {
		return m.State == wire.StateAlive && m.Name != n.cfg.Name && m.Name != target.Name
	})
	for _, h := range helpers {
		nack := h.Versions.ProtocolMax >= 4 && !n.cfg.NoNack // GO-WF-19
		if nack {
			p.wanted++
		}
		out = n.sendAlong(h.Addr, wire.IndirectPing{
			SeqNo: p.sequence, Target: target.Addr, Node: target.Name, Nack: nack, Source: n.source(),
		}, out)
	}
	if n.cfg.TCPPing && target.Versions.ProtocolMax >= 3 {
		p.conn, out = n.dial(stream{purpose: pinging, due: p.end}, target.Addr, out)
	}
	return out
}

// probeFailed ends a probe without an answer, but for one over the stream.
//
// GO-FD-07, GO-LH-01 (memberlist probeNode; Lifeguard §IV-A).
func (n *Node) probeFailed(out []spec.Effect) []spec.Effect {
	p := n.probe
	if p.reached {
		return n.endProbe(-1, out)
	}
	delta := int32(1)
	if p.wanted > 0 {
		delta = max(0, p.wanted-p.nacks)
	}
	if n.cfg.NoSuspicion {
		dead := wire.Dead{Incarnation: p.target.Incarnation, Node: p.target.Name, From: n.cfg.Name}
		out, _ = n.hearDead(dead, out)
	} else {
		suspect := wire.Suspect{Incarnation: p.target.Incarnation, Node: p.target.Name, From: n.cfg.Name}
		out, _ = n.hearSuspect(suspect, out)
	}
	return n.endProbe(delta, out)
}

// endProbe changes the health score and begins the next probe if it is due.
func (n *Node) endProbe(delta int32, out []spec.Effect) []spec.Effect {
	if n.probe.conn != 0 {
		out = n.hangUp(n.probe.conn, out)
	}
	n.probe = noProbe()
	n.addHealth(delta)
	if n.missed {
		n.missed = false
		return n.beginProbe(out)
	}
	return out
}

// addHealth moves the health score.
//
// GO-LH-01 (memberlist awareness; Lifeguard §IV-A).
func (n *Node) addHealth(delta int32) {
	n.health = min(max(0, n.health+delta), int32(n.cfg.AwarenessMax)-1)
}

// receivePing answers a ping that is for this node.
//
// GO-FD-01, GO-FD-02 (memberlist handlePing).
func (n *Node) receivePing(from netip.AddrPort, m wire.Ping, out []spec.Effect) []spec.Effect {
	if m.Node != "" && m.Node != n.cfg.Name {
		return drop(from, "GO-FD-01", errOtherNode, out)
	}
	to := answerTo(m.Source, from)
	if !reachable(to) {
		return drop(from, "GO-FD-02", errAddress, out)
	}
	return n.sendAlong(to, wire.Ack{SeqNo: m.SeqNo}, out)
}

// answerTo is where the answer to a ping goes.
//
// GO-FD-02 (memberlist handlePing).
func answerTo(s wire.Source, from netip.AddrPort) netip.AddrPort {
	if s.Addr.Addr().IsValid() && s.Addr.Port() != 0 {
		return s.Addr
	}
	return from
}

// receiveIndirectPing pings on behalf of somebody.
//
// GO-FD-06 (memberlist handleIndirectPing).
func (n *Node) receiveIndirectPing(
	from netip.AddrPort, m wire.IndirectPing, out []spec.Effect,
) []spec.Effect {
	to := answerTo(m.Source, from)
	if !reachable(to) || !reachable(m.Target) {
		return drop(from, "GO-FD-06", errAddress, out)
	}
	if len(n.relays) >= n.cfg.MaxRelays {
		return drop(from, "GO-FD-06", errRelays, out)
	}
	n.sequence++
	n.relays = append(n.relays, relay{n.sequence, m.SeqNo, to, m.Nack, n.now + n.cfg.ProbeTimeout})
	return n.sendAlong(m.Target, wire.Ping{SeqNo: n.sequence, Node: m.Node, Source: n.source()}, out)
}

// relayTimedOut tells who waits that the other is silent.
//
// GO-FD-06, GO-LH-03 (memberlist handleIndirectPing).
func (n *Node) relayTimedOut(out []spec.Effect) []spec.Effect {
	r := n.relays[0]
	n.relays = dropped(n.relays, 0)
	if !r.nack {
		return out
	}
	return n.sendAlong(r.to, wire.Nack{SeqNo: r.theirs}, out)
}

// receiveAck ends the probe or the relay that it answers.
//
// GO-WF-05, GO-FD-06 (memberlist handleAck).
func (n *Node) receiveAck(from netip.AddrPort, m wire.Ack, out []spec.Effect) []spec.Effect {
	if n.probe.target != nil && n.probe.sequence == m.SeqNo {
		return n.endProbe(-1, out)
	}
	for i, r := range n.relays {
		if r.sequence == m.SeqNo {
			n.relays = dropped(n.relays, i)
			return n.sendAlong(r.to, wire.Ack{SeqNo: r.theirs}, out)
		}
	}
	return drop(from, "GO-WF-05", errUnasked, out)
}

// receiveNack counts a helper that is well itself.
//
// GO-LH-01 (memberlist handleNack).
func (n *Node) receiveNack(from netip.AddrPort, m wire.Nack, out []spec.Effect) []spec.Effect {
	if n.probe.target == nil || n.probe.sequence != m.SeqNo || n.probe.nacks >= n.probe.wanted {
		return drop(from, "GO-WF-05", errUnasked, out)
	}
	n.probe.nacks++
	return out
}
