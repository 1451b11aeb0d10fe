package experiment

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/gossip/plumtree"
	"github.com/p2pspec/p2pspec/spec"
)

// overlayCycle is the period of the membership's shuffles.
const overlayCycle = 10 * time.Second

// treeOverlay is a simulated overlay of HyParView with broadcasts on it.
type treeOverlay struct {
	network
	live []netip.AddrPort
	sent map[plumtree.ID]*broadcast
	last *broadcast
}

// broadcast is what came of one.
type broadcast struct {
	payloads  int // Gossip messages written: m
	delivered int // by others than the origin
	hops      int // of the longest way to a delivery: LDH
}

// redundancy is RMR: m/(n-1) - 1, of the n nodes that have the broadcast.
//
// GO-PX-06 (Plumtree, metrics).
func (b *broadcast) redundancy() float64 {
	if b.delivered == 0 {
		return 0
	}
	return float64(b.payloads)/float64(b.delivered) - 1
}

// newTreeOverlay joins the nodes one after the other, each by a random one that is
// there, and lets them shuffle for some cycles.
func newTreeOverlay(cfg plumtree.Config, nodes, cycles int, seed uint64) *treeOverlay {
	o := &treeOverlay{network: newNetwork(seed), sent: make(map[plumtree.ID]*broadcast)}
	o.OnEffect(nil) // the machines are counted instead
	cfg.View.ShufflePeriod = overlayCycle
	for i := range nodes {
		cfg.View.Self, cfg.View.Seed = address(i), o.freshSeed()
		n, err := plumtree.New(cfg, o.Now())
		if err != nil {
			panic(err) // the configuration is our own
		}
		o.Add(address(i), &counted{n, o})
		if i > 0 {
			contact := o.live[o.Rand().Below(uint64(i))]
			o.Input(address(i), hyparview.Enter{Op: spec.OpID(i), Contact: contact})
		}
		o.live = append(o.live, address(i))
		o.RunFor(10 * time.Millisecond)
	}
	o.RunFor(time.Duration(cycles) * overlayCycle)
	return o
}

// counted is a node whose broadcasts are counted.
type counted struct {
	*plumtree.Node
	overlay *treeOverlay
}

// Step steps the node.
func (c *counted) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	begin := len(out)
	out = c.Node.Step(now, in, out)
	for _, e := range out[begin:] {
		switch e := e.(type) {
		case spec.Done:
			if s, ok := e.Result.(plumtree.Sent); ok {
				c.overlay.last = &broadcast{}
				c.overlay.sent[s.ID] = c.overlay.last
			}
		case spec.Write:
			if g, ok := e.Msg.(plumtree.Gossip); ok {
				c.overlay.sent[g.ID].payloads++
			}
		case spec.Notify:
			if d, ok := e.Event.(plumtree.Delivered); ok {
				b := c.overlay.sent[d.ID]
				b.delivered++
				b.hops = max(b.hops, d.Hops)
			}
		}
	}
	return out
}

func (o *treeOverlay) node(a netip.AddrPort) *plumtree.Node { return o.Machine(a).(*counted).Node }

// send broadcasts from a live node, and lets some time pass.
func (o *treeOverlay) send(origin netip.AddrPort, wait time.Duration) *broadcast {
	o.Input(origin, plumtree.Broadcast{Payload: []byte("payload")})
	b := o.last
	o.RunFor(wait)
	return b
}

func (o *treeOverlay) randomLive() netip.AddrPort { return o.live[o.Rand().Below(uint64(len(o.live)))] }

// failShare crashes a share of the live nodes at once.
func (o *treeOverlay) failShare(share float64) {
	o.Rand().Shuffle(len(o.live), func(i, j int) { o.live[i], o.live[j] = o.live[j], o.live[i] })
	failed := int(share * float64(len(o.live)))
	for _, a := range o.live[:failed] {
		o.Crash(a)
	}
	o.live = slices.Clone(o.live[failed:])
}

// component is the share of the live nodes that are connected with the one that
// most are connected with, as far as the active views reach.
func (o *treeOverlay) component() float64 {
	seen, largest := make(map[netip.AddrPort]bool, len(o.live)), 0
	for _, root := range o.live {
		size := 0
		for queue := []netip.AddrPort{root}; len(queue) > 0; {
			a := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			if seen[a] || o.Machine(a) == nil {
				continue
			}
			seen[a] = true
			size++
			queue = o.node(a).View().Active(queue)
		}
		largest = max(largest, size)
	}
	return float64(largest) / float64(len(o.live))
}
