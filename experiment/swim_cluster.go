package experiment

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// swimCluster is a simulated cluster whose members know each other from the start.
type swimCluster struct {
	*sim.Network
	members []*swimMember
	told    func(m *swimMember, e spec.Event) // what members tell their applications
}

// swimMember is a member that is looked at, and may be slow.
type swimMember struct {
	*swim.Node
	cluster *swimCluster
	id      int

	sent, received int // packets
	probes         int // pings, its own and those for others
	target         int // of the last ping
	probed         func(m *swimMember)

	slowUntil time.Duration // until then nothing comes in or goes out
	inbox     []spec.Recv
	outbox    []spec.Effect
}

func swimName(i int) string { return fmt.Sprintf("m%06d", i) }

// newSwimCluster starts members of one configuration, and lets them run for the
// periods that it takes until they are out of step.
func newSwimCluster(cfg swim.Config, members int, link sim.Link, seed, stream uint64) *swimCluster {
	network := sim.Config{Link: link}
	binary.BigEndian.PutUint64(network.Seed[:], seed)
	binary.BigEndian.PutUint64(network.Seed[8:], stream)
	c := &swimCluster{Network: sim.New(network)}
	for i := range members {
		cfg.Known = append(cfg.Known, &swim.Member{
			Name: swimName(i), Addr: address(i), Incarnation: 1,
			Versions: wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2},
		})
	}
	cfg.MaxMembers = members
	for i := range members {
		cfg.Name, cfg.Addr = cfg.Known[i].Name, address(i)
		c.Rand().Fill(cfg.Seed[:])
		n, err := swim.New(cfg, 0)
		if err != nil {
			panic(err) // of the experiment's own configuration
		}
		c.members = append(c.members, &swimMember{Node: n, cluster: c, id: i})
		c.Add(cfg.Addr, c.members[i])
	}
	return c
}

// Step lets a slow member's timers run, as those of a process that has no time for
// its sockets do, and keeps what it says and hears for later.
func (m *swimMember) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if recv, ok := in.(spec.Recv); ok && now < m.slowUntil {
		m.inbox = append(m.inbox, recv)
		return out
	}
	begin := len(out)
	if now >= m.slowUntil && len(m.inbox)+len(m.outbox) > 0 {
		out, m.outbox = append(out, m.outbox...), nil
		for _, recv := range m.inbox {
			m.received++
			out = m.Node.Step(now, recv, out)
		}
		m.inbox = nil
	}
	if _, ok := in.(spec.Recv); ok {
		m.received++
	}
	out = m.Node.Step(now, in, out)
	kept := out[:begin]
	for _, e := range out[begin:] {
		switch e := e.(type) {
		case spec.Send:
			m.looks(e)
		case spec.Notify:
			if m.cluster.told != nil {
				m.cluster.told(m, e.Event)
			}
		}
		if _, done := e.(spec.Drop); now < m.slowUntil && !done {
			m.outbox = append(m.outbox, e)
		} else {
			kept = append(kept, e)
		}
	}
	return kept
}

// Deadline is the node's, or when a slow one is well again.
func (m *swimMember) Deadline() (time.Duration, bool) {
	at, ok := m.Node.Deadline()
	if len(m.inbox)+len(m.outbox) > 0 && (!ok || m.slowUntil < at) {
		return m.slowUntil, true
	}
	return at, ok
}

// looks counts a packet, and notices the beginning of a probe, or of a ping for
// somebody else.
func (m *swimMember) looks(s spec.Send) {
	m.sent++
	if _, ok := s.Msg.(wire.Packet).Parts[0].(wire.Ping); ok {
		m.probes, m.target = m.probes+1, int(numberOf(s.To))
		if m.probed != nil {
			m.probed(m)
		}
	}
}

// plainSwim is the protocol of the paper, before its chapter 4: no suspicion, a
// random member in each period, rumors on pings and acks alone; K = 3 as
// memberlist has it.
func plainSwim() swim.Config {
	c := swim.LAN()
	c.GossipInterval, c.PushPullInterval, c.TCPPing = 0, 0, false
	c.AwarenessMax, c.SuspicionMaxTimeoutMult = 1, 1
	c.NoSuspicion, c.RandomTarget, c.NoNack, c.NoBuddy = true, true, true, true
	return c
}
