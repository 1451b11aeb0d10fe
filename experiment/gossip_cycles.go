package experiment

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
	"github.com/p2pspec/p2pspec/spec"
)

// cycles runs machines in the synchronous cycles of the papers: all of them
// begin one at the same instant, and what they send arrives at once. It is what
// the simulated network does without latency, at a fraction of the cost, and
// with the same outcome: a machine acts on what it knew when the cycle began.
type cycles struct {
	nodes []*epidemic.Node
	now   time.Duration
	cycle int
	queue []mail
	out   []spec.Effect
	peers []netip.AddrPort

	knows    int // nodes that know the rumor
	last     int // the cycle in which the last of them heard it
	delays   int // sum of the cycles in which they did
	messages int // of all kinds
	rumors   int // rumors in those, without those of contacts that were refused
}

type mail struct {
	from, to int32
	msg      spec.Message
}

// cyclePeriod is arbitrary.
const cyclePeriod = time.Second

// peers are addresses of nodes, see address.
func peers(nodes int) []netip.AddrPort {
	list := make([]netip.AddrPort, nodes)
	for i := range list {
		list[i] = address(i)
	}
	return list
}

// numberOf is the inverse of address.
func numberOf(a netip.AddrPort) int32 {
	b := a.Addr().As4()
	return int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
}

// newCycles makes a network with one rumor, at node 0. cfg has passed
// epidemic.New.
func newCycles(cfg epidemic.Config, seed, run uint64) *cycles {
	c := &cycles{nodes: make([]*epidemic.Node, len(cfg.Peers)), peers: cfg.Peers, knows: 1}
	cfg.Mongering.Period, cfg.AntiEntropy.Period = cyclePeriod, -1 // rumors alone
	seeds := spec.NewRand(seedBytes(seed, run))
	for i := range c.nodes {
		cfg.Self = int32(i)
		seeds.Fill(cfg.Seed[:])
		n, err := epidemic.New(cfg, 0)
		if err != nil {
			panic(fmt.Sprintf("experiment: %v", err)) // the caller checked cfg
		}
		c.nodes[i] = n
	}
	c.out = c.nodes[0].Step(0, epidemic.Put{Key: "rumor", Value: []byte{1}}, c.out[:0])
	return c
}

// run performs cycles until nobody is interested any more or, with all, until
// everybody knows.
func (c *cycles) run(all bool) {
	for hot := true; hot && !(all && c.knows == len(c.nodes)); {
		c.step()
		hot = false
		for _, n := range c.nodes {
			hot = hot || n.Hot() > 0
		}
	}
}

// step performs one cycle.
func (c *cycles) step() {
	c.cycle++
	c.now += cyclePeriod
	for i := range c.nodes {
		c.input(int32(i), spec.Wake{})
		for at := 0; at < len(c.queue); at++ {
			m := c.queue[at]
			c.input(m.to, spec.Recv{From: c.peers[m.from], Msg: m.msg})
		}
		clear(c.queue)
		c.queue = c.queue[:0]
	}
}

// input steps one node and counts what it does.
func (c *cycles) input(i int32, in spec.Input) {
	c.out = c.nodes[i].Step(c.now, in, c.out[:0])
	for _, e := range c.out {
		switch e := e.(type) {
		case spec.Send:
			c.messages++
			c.rumors += rumorsIn(e.Msg)
			if _, refusal := e.Msg.(epidemic.Busy); refusal {
				c.rumors -= rumorsIn(in.(spec.Recv).Msg)
			}
			c.queue = append(c.queue, mail{i, numberOf(e.To), e.Msg})
		case spec.Notify:
			if _, ok := e.Event.(epidemic.Learned); ok {
				c.knows++
				c.last = c.cycle
				c.delays += c.cycle
			}
		}
	}
}

// rumorsIn is how many updates a message carries.
func rumorsIn(m spec.Message) int {
	switch m := m.(type) {
	case epidemic.Contact:
		return len(m.Rumors)
	case epidemic.Reply:
		return len(m.Rumors)
	}
	return 0
}
