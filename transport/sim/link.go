package sim

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// PPM is a share in parts per million; Percent(5) is 50,000 of them.
type PPM uint32

// Percent returns p percent.
func Percent(p uint32) PPM { return PPM(p) * 10_000 }

func (p PPM) hits(r *spec.Rand) bool { return p > 0 && r.Below(1_000_000) < uint64(p) }

// TypedSize is the number of bytes a message counts for when it travels as a
// value: a typical DHT packet.
const TypedSize = 128

// Link is one direction of a path between two nodes. The zero value is
// perfect.
type Link struct {
	// Latency is drawn for each message on its own: any spread reorders.
	Latency Dist
	// Loss, Duplicate and Reorder are the shares of messages that vanish, that
	// arrive twice (each copy with its own latency), and that wait for a
	// second draw of Latency on top.
	Loss, Duplicate, Reorder PPM
	// Bandwidth in bytes a second queues messages one behind the other; 0
	// sends them at once.
	Bandwidth uint64
}

type path struct{ from, to int32 }

type linkState struct {
	Link
	freeAt time.Duration // when the last queued byte has left
}

// packet is a message under way. With a codec raw holds it, otherwise msg.
type packet struct {
	from, to int32
	msg      spec.Message
	raw      []byte
}

// SetLink overrides the path from one address to another, one way.
func (n *Network) SetLink(from, to netip.AddrPort, l Link) {
	n.links[path{n.slot(from), n.slot(to)}] = &linkState{Link: l}
}

// link returns the state of a path. Those without a queue of their own share
// the default.
func (n *Network) link(from, to int32) *linkState {
	if len(n.links) == 0 && n.base.Bandwidth == 0 {
		return &n.base
	}
	p := path{from, to}
	if l := n.links[p]; l != nil {
		return l
	}
	if n.base.Bandwidth == 0 {
		return &n.base
	}
	l := &linkState{Link: n.base.Link}
	n.links[p] = l
	return l
}

// send puts one message on its link, or counts why it does not get there.
func (n *Network) send(from int32, s spec.Send) {
	n.stats.Sent++
	to, ok := n.index[s.To]
	if !ok {
		n.stats.Unreachable++
		return
	}
	if n.isCut(from, to) {
		n.stats.Cut++
		return
	}
	slot, p := n.packets.take()
	p.from, p.to = from, to
	size := uint64(TypedSize)
	if n.cfg.Codec == nil {
		p.msg = s.Msg
	} else {
		raw, err := n.cfg.Codec.AppendMessage(p.raw[:0], s.Msg)
		if err != nil {
			n.packets.release(slot)
			n.stats.Malformed++
			n.tell(from, spec.Drop{From: n.nodes[from].addr, Reason: err})
			return
		}
		p.raw = raw
		size = uint64(len(raw))
	}
	l := n.link(from, to)
	n.stats.Bytes += size
	if l.Loss.hits(&n.rand) {
		n.stats.Lost++
		n.packets.release(slot)
		return
	}
	left := l.transmit(n.now, size)
	if l.Duplicate.hits(&n.rand) {
		n.stats.Duplicated++
		n.stats.Bytes += size
		twin, q := n.packets.take()
		p = n.packets.at(slot) // take may have moved it
		q.from, q.to, q.msg, q.raw = p.from, p.to, p.msg, append(q.raw[:0], p.raw...)
		n.launch(twin, l, left)
	}
	n.launch(slot, l, left)
}

// launch schedules the arrival of a packet whose last byte leaves at left.
func (n *Network) launch(slot uint32, l *linkState, left time.Duration) {
	at := left + l.Latency.Draw(&n.rand)
	if l.Reorder.hits(&n.rand) {
		at += l.Latency.Draw(&n.rand)
	}
	n.stats.InFlight++
	n.push(at, kindPacket, slot)
}

// transmit queues size bytes and returns when the last of them has left.
func (l *linkState) transmit(now time.Duration, size uint64) time.Duration {
	if l.Bandwidth == 0 {
		return now
	}
	l.freeAt = max(l.freeAt, now) + time.Duration(size*uint64(time.Second)/l.Bandwidth)
	return l.freeAt
}

// deliver hands an arrived packet to its node. Its buffer is borrowed until
// the step is over, and kept for good by a trace.
func (n *Network) deliver(slot uint32) {
	n.stats.InFlight--
	p := *n.packets.at(slot)
	n.packets.at(slot).msg = nil
	if n.trace != nil {
		n.packets.at(slot).raw = nil
	}
	defer n.packets.release(slot)
	if n.nodes[p.to].machine == nil {
		n.stats.Unreachable++
		return
	}
	from := n.nodes[p.from].addr
	if n.cfg.Codec != nil {
		msg, err := n.cfg.Codec.ParseMessage(p.raw)
		if err != nil {
			n.stats.Malformed++
			n.tell(p.to, spec.Drop{From: from, Reason: err})
			return
		}
		p.msg = msg
	}
	n.stats.Delivered++
	n.step(p.to, spec.Recv{From: from, Msg: p.msg})
}
