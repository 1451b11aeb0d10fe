package sim

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// side is a set of nodes, or with others all but those.
type side struct {
	in     map[int32]bool
	others bool
}

func (s side) has(i int32) bool { return s.in[i] != s.others }

// cut stops what goes from one side to the other.
type cut struct{ from, to side }

// Partition parts the given nodes from all others, both ways, now and those
// added later. Datagrams under way still arrive; streams across the border end
// at once on both sides. Partitions add up until Heal.
func (n *Network) Partition(group ...netip.AddrPort) {
	inside := n.side(group)
	outside := side{inside.in, true}
	n.cuts = append(n.cuts, cut{inside, outside}, cut{outside, inside})
	n.sever()
}

// Cut stops messages from one group to another, one way, and with it the streams
// between them, which need both.
func (n *Network) Cut(from, to []netip.AddrPort) {
	n.cuts = append(n.cuts, cut{n.side(from), n.side(to)})
	n.sever()
}

// Heal ends every Partition and Cut.
func (n *Network) Heal() { n.cuts = nil }

func (n *Network) side(group []netip.AddrPort) side {
	s := side{in: make(map[int32]bool, len(group))}
	for _, addr := range group {
		s.in[n.slot(addr)] = true
	}
	return s
}

func (n *Network) isCut(from, to int32) bool {
	for _, c := range n.cuts {
		if c.from.has(from) && c.to.has(to) {
			return true
		}
	}
	return false
}

// Clock is a node's own view of time: it reads Offset at the network's zero
// and gains Drift parts per million, between minDrift and maxDrift.
type Clock struct {
	Offset time.Duration
	Drift  int64
}

// SetClock gives the node at addr, now or when it is added, a clock of its
// own. Set it before the node starts: a step backwards is hidden from a
// machine, which then stands still until its clock has caught up.
func (n *Network) SetClock(addr netip.AddrPort, c Clock) {
	if c.Drift < minDrift || c.Drift > maxDrift {
		panic("sim: SetClock: a clock runs between half and twice the speed of the network's")
	}
	i := n.slot(addr)
	n.nodes[i].clock = c
	if n.nodes[i].machine != nil {
		n.arm(i)
	}
}

// LocalNow is what the clock at addr reads.
func (n *Network) LocalNow(addr netip.AddrPort) time.Duration {
	i, ok := n.index[addr]
	if !ok {
		return n.now
	}
	return n.nodes[i].clock.local(n.now)
}

const million = 1_000_000

// The slowest and the fastest clock, in parts per million off the network's.
// Within a factor of two neither direction of the conversion overflows before
// a century has passed, and no real clock is out by a thousandth of that.
const (
	minDrift = -million / 2
	maxDrift = million
)

// local is the reading at network time t: Offset + t + ⌊t·Drift/million⌋,
// taken apart so that it does not overflow within a century.
func (c Clock) local(t time.Duration) time.Duration {
	if c.Drift == 0 {
		return c.Offset + t
	}
	drift := time.Duration(c.Drift)
	return c.Offset + t + t/million*drift + floorDiv(t%million*drift, million)
}

// global is the first network time at which the clock reads at or later.
func (c Clock) global(at time.Duration) time.Duration {
	t := at - c.Offset
	if c.Drift == 0 {
		return t
	}
	rate := time.Duration(million + c.Drift)
	t = t/rate*million + t%rate*million/rate
	for c.local(t) < at {
		t++
	}
	for c.local(t-1) >= at {
		t--
	}
	return t
}

func floorDiv(a, b time.Duration) time.Duration {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Churn makes nodes come and go: each stays up for a draw of Session, then
// crashes, and restarts after a draw of Downtime.
type Churn struct {
	Session  Dist // HalfLife(h) for the usual model
	Downtime Dist
	// Start makes the machine of the next session; now is the node's clock.
	Start func(addr netip.AddrPort, now time.Duration) spec.Machine
	// Started, when set, runs once the new machine is up, to let it join.
	Started func(addr netip.AddrPort)
	// Until ends the churn: no node crashes after it, and those that are down
	// still come back.
	Until time.Duration
}

// Churn applies c to the given nodes from now on.
func (n *Network) Churn(c Churn, addrs ...netip.AddrPort) {
	for _, addr := range addrs {
		n.session(&c, addr)
	}
}

// session schedules the end of the running session at addr and the next one.
func (n *Network) session(c *Churn, addr netip.AddrPort) {
	end := n.now + c.Session.Draw(&n.rand)
	if end > c.Until {
		return
	}
	n.At(end, func() {
		n.Crash(addr)
		n.At(n.now+c.Downtime.Draw(&n.rand), func() {
			n.Restart(addr, func(now time.Duration) spec.Machine { return c.Start(addr, now) })
			if c.Started != nil {
				c.Started(addr)
			}
			n.session(c, addr)
		})
	})
}
