package experiment

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// network is the simulated Internet of the overlays' experiments, with the
// operations that are under way in it.
type network struct {
	*sim.Network
	born    uint64 // machines made so far: no two share a seed
	lastOp  spec.OpID
	waiting map[spec.OpID]func(spec.Done)
}

func newNetwork(seed uint64) network {
	link := sim.Link{Latency: sim.Uniform(10*time.Millisecond, 100*time.Millisecond)}
	n := network{
		Network: sim.New(sim.Config{Seed: seedBytes(seed, 0), Link: link}),
		waiting: make(map[spec.OpID]func(spec.Done)),
	}
	n.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
		if d, ok := e.(spec.Done); ok {
			f := n.waiting[d.Op]
			delete(n.waiting, d.Op)
			f(d)
		}
	})
	return n
}

func seedBytes(seed, stream uint64) (b [32]byte) {
	binary.BigEndian.PutUint64(b[:8], seed)
	binary.BigEndian.PutUint64(b[8:16], stream)
	return b
}

// freshSeed is that of the next machine.
func (n *network) freshSeed() [32]byte {
	n.born++
	return seedBytes(n.Rand().Uint64(), n.born)
}

// address of member i; the network keeps those of nodes that are down.
func address(i int) netip.AddrPort {
	host := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return netip.AddrPortFrom(host, 4000)
}

// command gives in, whose operation is op, to the node at addr; then runs at
// its end, and never if the node is down or goes down before.
func (n *network) command(addr netip.AddrPort, in func(spec.OpID) spec.Input, then func(spec.Done)) {
	n.lastOp++
	n.waiting[n.lastOp] = then
	if !n.Input(addr, in(n.lastOp)) {
		delete(n.waiting, n.lastOp)
	}
}

// churnDowntime is how long until another node takes the place of a dead one.
const churnDowntime = 10 * time.Second

// churn has nodes with exponential lifetimes fail, and be replaced a little
// later, until the given time.
func (n *network) churn(nodes int, halfLife, until time.Duration, fail, replace func(i int)) {
	life := sim.HalfLife(halfLife)
	var end func(i int)
	end = func(i int) {
		at := n.Now() + life.Draw(n.Rand())
		if at > until {
			return
		}
		n.At(at, func() {
			fail(i)
			n.At(n.Now()+churnDowntime, func() {
				replace(i)
				end(i)
			})
		})
	}
	for i := range nodes {
		end(i)
	}
}
