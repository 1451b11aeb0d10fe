package swim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable. Bytes and
// lists within members, rumors and the like are shared: they are replaced, never
// changed.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.shares = false
	c.nodes, c.order, c.doubts = copies(n.nodes), slices.Clone(n.order), slices.Clone(n.doubts)
	if n.probe.target != nil {
		target := *n.probe.target
		c.probe.target = &target
	}
	c.relays, c.streams = slices.Clone(n.relays), slices.Clone(n.streams)
	c.joins, c.waits = slices.Clone(n.joins), slices.Clone(n.waits)
	c.rumors, c.news = n.rumors.clone(), n.news.clone()
	return &c
}

// copies returns pointers to copies.
func copies[T any](list []*T) []*T {
	values, pointers := make([]T, len(list)), make([]*T, len(list))
	for i := range list {
		values[i], pointers[i] = *list[i], &values[i]
	}
	return pointers
}

// AppendState appends the whole state but the configuration, which never
// changes. Instants are relative to now, so that time-shifted twins are equal.
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(b)
	b = append(b, boolByte(n.left), boolByte(n.missed))
	b = appendUint32(b, n.sequence, uint32(n.health), uint32(n.probed))
	b = appendUint32(b, uint32(len(n.nodes)))
	for _, m := range n.nodes {
		b = appendMember(b, m)
	}
	for _, at := range n.order {
		b = appendUint32(b, uint32(at))
	}
	b = appendUint32(b, uint32(len(n.doubts)))
	for i := range n.doubts {
		b = n.appendDoubt(b, &n.doubts[i])
	}
	b = n.appendProbe(b)
	b = appendUint32(b, uint32(len(n.relays)))
	for i := range n.relays {
		r := &n.relays[i]
		b = appendUint32(b, r.sequence, r.theirs)
		b = append(appendAddr(b, r.to), boolByte(r.nack))
		b = n.appendAt(b, r.due)
	}
	b = n.rumors.appendState(b)
	b = n.news.appendState(b)
	b = n.appendStreams(appendBytes(b, n.shared))
	for _, at := range [...]time.Duration{n.probeAt, n.gossipAt, n.pushPullAt} {
		b = n.appendAt(b, at)
	}
	phase := n.following(n.gossipPhase, max(1, n.cfg.GossipInterval))
	return n.appendAt(b, phase)
}

func (n *Node) appendDoubt(b []byte, d *doubt) []byte {
	b = appendBytes(b, []byte(d.name))
	b = binary.BigEndian.AppendUint64(b, uint64(n.now-d.since))
	b = n.appendAt(b, d.due)
	b = binary.BigEndian.AppendUint64(b, uint64(d.shortest))
	b = binary.BigEndian.AppendUint64(b, uint64(d.longest))
	b = appendUint32(b, uint32(d.wanted), uint32(len(d.voices)))
	for _, v := range d.voices {
		b = appendBytes(b, []byte(v))
	}
	return b
}

func (n *Node) appendProbe(b []byte) []byte {
	p := &n.probe
	b = append(b, boolByte(p.target != nil), boolByte(p.reached))
	if p.target != nil {
		b = appendMember(b, p.target)
	}
	b = appendUint32(b, p.sequence, uint32(p.wanted), uint32(p.nacks))
	b = binary.BigEndian.AppendUint64(b, uint64(p.conn))
	return n.appendAt(n.appendAt(b, p.patience), p.end)
}

func (n *Node) appendStreams(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(n.lastOut))
	b = appendUint32(b, uint32(len(n.streams)))
	for i := range n.streams {
		s := &n.streams[i]
		b = binary.BigEndian.AppendUint64(b, uint64(s.conn))
		b = appendAddr(append(b, uint8(s.purpose), boolByte(s.open)), s.remote)
		b = binary.BigEndian.AppendUint64(n.appendAt(b, s.due), uint64(s.op))
		b = appendBytes(b, s.payload)
	}
	b = appendUint32(b, uint32(len(n.joins)))
	for i := range n.joins {
		b = binary.BigEndian.AppendUint64(b, uint64(n.joins[i].op))
		b = appendUint32(b, uint32(n.joins[i].nodes), uint32(len(n.joins[i].left)))
		for _, a := range n.joins[i].left {
			b = appendAddr(b, a)
		}
	}
	b = appendUint32(b, uint32(len(n.waits)))
	for _, w := range n.waits {
		b = binary.BigEndian.AppendUint64(b, uint64(w.op))
		b = n.appendAt(b, w.due)
	}
	return b
}

func (q *queue) appendState(b []byte) []byte {
	b = appendUint32(b, uint32(len(q.list)))
	for i := range q.list {
		e := &q.list[i]
		b = appendUint32(b, uint32(e.sends), uint32(e.size))
		b = binary.BigEndian.AppendUint64(b, uint64(q.lastID-e.id))
		r := e.rumor
		b = append(b, uint8(r.kind), boolByte(r.awaited))
		b = appendUint32(b, r.incarnation)
		b = appendBytes(appendBytes(b, []byte(r.node)), []byte(r.from))
		b = appendVersions(appendAddr(b, r.addr), r.versions)
		b = binary.BigEndian.AppendUint64(appendBytes(b, r.bytes), uint64(r.op))
	}
	return b
}

func appendMember(b []byte, m *Member) []byte {
	b = appendAddr(appendBytes(b, []byte(m.Name)), m.Addr)
	b = appendVersions(appendBytes(b, m.Meta), m.Versions)
	return append(appendUint32(b, m.Incarnation), uint8(m.State))
}

func appendVersions(b []byte, v wire.Versions) []byte {
	return append(b, v.ProtocolMin, v.ProtocolMax, v.Protocol, v.DelegateMin, v.DelegateMax, v.Delegate)
}

// appendAt encodes an instant relative to now; never stays itself.
func (n *Node) appendAt(b []byte, at time.Duration) []byte {
	if at != never {
		at -= n.now
	}
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

func appendUint32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func appendBytes(b, text []byte) []byte {
	return append(appendUint32(b, uint32(len(text))), text...)
}

// appendAddr is self-delimiting.
func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().AsSlice()
	b = append(append(b, uint8(len(ip))), ip...)
	b = appendBytes(b, []byte(a.Addr().Zone()))
	return binary.BigEndian.AppendUint16(b, a.Port())
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check reports the first broken invariant: tables in order and within their
// limits, and in agreement with each other.
func (n *Node) Check() error {
	switch {
	case len(n.nodes) > n.cfg.MaxMembers || len(n.relays) > n.cfg.MaxRelays ||
		n.underWay() > n.cfg.MaxCommands+1 || len(n.news.list) > n.cfg.MaxUser ||
		len(n.streams) > n.cfg.MaxStreams+n.cfg.MaxCommands+2:
		return fmt.Errorf("swim: over a limit: %d members, %d relays, %d commands, %d streams, %d broadcasts",
			len(n.nodes), len(n.relays), n.underWay(), len(n.streams), len(n.news.list))
	case n.health < 0 || int(n.health) >= n.cfg.AwarenessMax:
		return fmt.Errorf("swim: health %d", n.health)
	case n.Queued() > 0 != (n.gossipAt != never) && n.cfg.GossipInterval > 0 && n.cfg.GossipNodes > 0:
		return fmt.Errorf("swim: %d rumors, and gossip at %v", n.Queued(), n.gossipAt)
	}
	if n.next != n.nextTimer() || n.next.at <= n.now {
		return fmt.Errorf("swim: the timer at %v is armed at %v, the first is that at %v", n.next.at, n.now, n.nextTimer().at)
	}
	if err := n.checkMembers(); err != nil {
		return err
	}
	if err := n.rumors.check(); err != nil {
		return err
	}
	return n.news.check()
}

func (n *Node) checkMembers() error {
	doubts, seen := 0, make([]bool, len(n.nodes))
	for i, m := range n.nodes {
		if i > 0 && n.nodes[i-1].Name >= m.Name {
			return fmt.Errorf("swim: %q out of order", m.Name)
		}
		at, doubted := n.doubtAt(m.Name)
		if doubted != (m.State != wire.StateAlive) {
			return fmt.Errorf("swim: %q is in state %d, doubted: %v", m.Name, m.State, doubted)
		}
		if !doubted {
			continue
		}
		doubts++
		if d := &n.doubts[at]; (d.due == never) != gone(m.State) || d.due < n.doubtDue {
			return fmt.Errorf("swim: %q in state %d is due at %v, the first at %v", m.Name, m.State, d.due, n.doubtDue)
		}
	}
	if doubts != len(n.doubts) || len(n.order) != len(n.nodes)-1 {
		return fmt.Errorf("swim: %d members, %d in order, %d of %d doubts",
			len(n.nodes), len(n.order), doubts, len(n.doubts))
	}
	for _, at := range n.order {
		if seen[at] {
			return fmt.Errorf("swim: member %d is to be probed twice", at)
		}
		seen[at] = true
	}
	self, ok := n.Member(n.cfg.Name)
	if want := map[bool]wire.State{true: wire.StateLeft}[n.left]; !ok || self.State != want {
		return fmt.Errorf("swim: the node itself is in state %d, left: %v", self.State, n.left)
	}
	return nil
}

func (q *queue) check() error {
	named := 0
	for i := range q.list {
		e := &q.list[i]
		if i > 0 && q.list[i-1].compare(e.rank) >= 0 {
			return fmt.Errorf("swim: rumor %d is out of order", i)
		}
		if e.rumor.node != "" {
			if named++; q.byNode[e.rumor.node] != e.rank {
				return fmt.Errorf("swim: the rumor about %q is not where it should be", e.rumor.node)
			}
		}
	}
	if named != len(q.byNode) {
		return fmt.Errorf("swim: %d rumors about members, %d indexed", named, len(q.byNode))
	}
	return nil
}
