package experiment

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
	"github.com/p2pspec/p2pspec/spec"
)

// cycles runs machines in the synchronous cycles of the papers: all of them
// begin one at the same instant, and what they send arrives at once. It is what
// the simulated network does without latency, at a fraction of the cost, and
// with the same outcome: a machine acts on what it knew when the cycle began.
type cycles struct {
	nodes   []*epidemic.Node
	now     time.Duration
	cycle   int
	queues  [][]mail // by block of the receiver
	spare   []mail
	pending int
	out     []spec.Effect
	peers   []netip.AddrPort

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

const (
	cyclePeriod = time.Second // as good as any
	blockNodes  = 1 << 11     // about a megabyte of machines
)

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

// newCycles makes a network with one rumor, at node 0.
func newCycles(cfg epidemic.Config, seed, run uint64) *cycles {
	c := &cycles{
		nodes:  make([]*epidemic.Node, len(cfg.Peers)),
		peers:  cfg.Peers,
		queues: make([][]mail, len(cfg.Peers)/blockNodes+1),
		knows:  1,
	}
	cfg.Mongering.Period, cfg.AntiEntropy.Period = cyclePeriod, -1 // rumors alone
	seeds := spec.NewRand(seedBytes(seed, run))
	first, err := epidemic.New(cfg, 0)
	if err != nil {
		panic(fmt.Sprintf("experiment: %v", err)) // ours are good ones
	}
	for i := range c.nodes {
		var seed [32]byte
		seeds.Fill(seed[:])
		c.nodes[i] = first.Sibling(int32(i), seed, 0)
	}
	c.out = c.nodes[0].Step(0, epidemic.Put{Key: "rumor"}, c.out[:0])
	return c
}

// run performs cycles until nobody is interested any more or, with all, until
// everybody knows.
func (c *cycles) run(all bool) {
	for c.interest() && !(all && c.knows == len(c.nodes)) {
		c.step()
	}
}

// interest reports whether the rumor is still hot at a node.
func (c *cycles) interest() bool {
	return slices.ContainsFunc(c.nodes, func(n *epidemic.Node) bool { return n.Hot() > 0 })
}

// step performs one cycle. Messages are sorted by blocks of receivers, so that
// the machines of a block stay in the processor's cache; the outcome is the same.
func (c *cycles) step() {
	c.cycle++
	c.now += cyclePeriod
	for i := range c.nodes {
		c.input(int32(i), spec.Wake{})
	}
	for c.pending > 0 {
		for block := range c.queues {
			batch := c.queues[block]
			c.queues[block], c.spare = c.spare[:0], batch // answers go to the next round
			c.pending -= len(batch)
			for _, m := range batch {
				c.input(m.to, spec.Recv{From: c.peers[m.from], Msg: m.msg})
			}
			clear(batch)
		}
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
			to := numberOf(e.To)
			c.queues[to/blockNodes] = append(c.queues[to/blockNodes], mail{i, to, e.Msg})
			c.pending++
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
