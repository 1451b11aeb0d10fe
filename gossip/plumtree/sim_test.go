package plumtree

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
	"github.com/stretchr/testify/require"
)

func at(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 4000)
}

// overlay is a simulated network of nodes, on the bytes of the wire.
type overlay struct {
	*sim.Network
	t         testing.TB
	cfg       Config
	nodes     []netip.AddrPort
	delivered map[netip.AddrPort]map[ID]int // how often
	sent      ID                            // the last broadcast
	hops      int                           // of its last delivery
}

func newOverlay(t testing.TB, seed uint64, cfg Config, link sim.Link) *overlay {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	o := &overlay{t: t, cfg: cfg, delivered: map[netip.AddrPort]map[ID]int{}}
	o.Network = sim.New(sim.Config{Seed: key, Check: true, StreamCodec: StreamCodec(), Link: link})
	o.OnEffect(func(_ time.Duration, addr netip.AddrPort, e spec.Effect) {
		switch e := e.(type) {
		case spec.Done:
			if s, ok := e.Result.(Sent); ok {
				o.sent = s.ID
				o.delivered[addr][s.ID]++
			}
		case spec.Drop:
			if e.Clause == "GO-PX-01" { // a shuffle's reply to a node that has crashed, and is back
				return
			}
			t.Errorf("%v refused a message: %v", addr, e.Reason)
		case spec.Notify:
			if d, ok := e.Event.(Delivered); ok {
				o.delivered[addr][d.ID]++
				o.hops = max(o.hops, d.Hops)
				require.Equal(t, "payload", string(d.Payload))
			}
		}
	})
	return o
}

// usual is the network of most tests.
func usual() sim.Link { return sim.Link{Latency: sim.Uniform(5*time.Millisecond, 50*time.Millisecond)} }

// start adds a node, which joins by the given contact unless that is itself.
func (o *overlay) start(i, contact int) {
	cfg := o.cfg
	cfg.View.Self = at(i)
	binary.BigEndian.PutUint64(cfg.View.Seed[:], o.Rand().Uint64())
	o.Restart(at(i), func(now time.Duration) spec.Machine {
		n, err := New(cfg, now)
		require.NoError(o.t, err)
		return n
	})
	o.delivered[at(i)] = map[ID]int{}
	if i != contact {
		o.Input(at(i), hyparview.Enter{Op: spec.OpID(i + 1), Contact: at(contact)})
	}
	if !slices.Contains(o.nodes, at(i)) {
		o.nodes = append(o.nodes, at(i))
	}
}

// build starts a number of nodes one after the other, and lets them settle.
func (o *overlay) build(count int) {
	for i := range count {
		o.start(i, int(o.Rand().Below(uint64(max(i, 1)))))
		o.RunFor(100 * time.Millisecond)
	}
	o.RunFor(time.Minute)
}

func (o *overlay) live() (list []*Node) {
	for _, a := range o.nodes {
		if n, ok := o.Machine(a).(*Node); ok {
			list = append(list, n)
		}
	}
	return list
}

// broadcast returns the payloads that were written for a broadcast to settle.
func (o *overlay) broadcast(i int) (reached int) {
	o.hops = 0
	o.Input(at(i), Broadcast{Op: 1 << 32, Payload: []byte("payload")})
	o.RunFor(10 * time.Second)
	for _, n := range o.live() {
		switch count := o.delivered[n.view.Self()][o.sent]; count {
		case 0:
		case 1:
			reached++
		default:
			o.t.Errorf("%v delivered %d times", n.view.Self(), count)
		}
	}
	return reached
}

// requireTree wants that the eager links are the same from both ends, connected
// and without cycles.
//
// GO-PX-04.
func (o *overlay) requireTree() {
	ends := 0
	seen := map[netip.AddrPort]bool{}
	queue := []netip.AddrPort{o.live()[0].view.Self()}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		if seen[a] {
			continue
		}
		seen[a] = true
		n := o.Machine(a).(*Node)
		eager := n.Eager(nil)
		for _, p := range eager {
			require.Contains(o.t, o.Machine(p).(*Node).Eager(nil), a, "the end of an eager link is lazy")
		}
		ends += len(eager)
		queue = append(queue, eager...)
	}
	require.Len(o.t, seen, len(o.live()), "the tree is not connected")
	require.Equal(o.t, 2*(len(seen)-1), ends, "the tree has cycles")
}

// The first broadcast floods and leaves a tree; the next ones reach everyone along
// it, each once.
//
// GO-PX-04.
func TestTree(t *testing.T) {
	const count = 100
	o := newOverlay(t, 1, Config{}, usual())
	o.build(count)
	for range 5 {
		require.Equal(t, count, o.broadcast(0))
	}
	o.requireTree()
}

// Half of the nodes crash while a broadcast is on its way. Those that live agree on
// it and on all that follow, if the overlay is connected, and are a tree again.
//
// GO-PX-03, GO-PX-04.
func TestFailuresOnTheWay(t *testing.T) {
	const count = 120
	o := newOverlay(t, 2, Config{}, usual())
	o.build(count)
	require.Equal(t, count, o.broadcast(0))
	o.Input(at(0), Broadcast{Op: 1 << 32, Payload: []byte("payload")})
	o.RunFor(60 * time.Millisecond)
	onTheWay := o.sent
	for i := 1; i < count; i += 2 {
		o.Crash(at(i))
	}
	o.RunFor(10 * time.Second)
	for _, n := range o.live() {
		require.Equal(t, 1, o.delivered[n.view.Self()][onTheWay], "%v", n.view.Self())
	}
	for range 3 {
		require.Equal(t, count/2, o.broadcast(0))
	}
	o.requireTree()
}

// What was broadcast on one side of a partition reaches the other side when links
// across it are back, because a new neighbour is told what there is.
//
// GO-PX-04.
func TestPartitionHeals(t *testing.T) {
	const count = 40
	o := newOverlay(t, 3, Config{KeepPayload: 10 * time.Minute, KeepID: 20 * time.Minute}, usual())
	o.build(count)
	o.Partition(o.nodes[:count/2]...)
	o.RunFor(time.Second)
	require.LessOrEqual(t, o.broadcast(0), count/2)
	left := o.sent
	require.LessOrEqual(t, o.broadcast(count-1), count/2)
	right := o.sent
	o.Heal()
	o.Input(at(0), hyparview.Enter{Op: 1, Contact: at(count - 1)})
	o.RunFor(time.Minute)
	for _, n := range o.live() {
		require.Equal(t, 1, o.delivered[n.view.Self()][left], "%v", n.view.Self())
		require.Equal(t, 1, o.delivered[n.view.Self()][right], "%v", n.view.Self())
	}
}

// Nodes come and go for ten minutes while others broadcast. Afterwards everyone
// who is up gets everything.
//
// GO-PX-03, GO-PX-04.
func TestChurn(t *testing.T) {
	const count = 60
	o := newOverlay(t, 4, Config{}, usual())
	o.build(count)
	for i := range 60 {
		down := 1 + int(o.Rand().Below(count-1))
		o.Crash(at(down))
		o.Input(at(0), Broadcast{Op: 1 << 32, Payload: []byte("payload")})
		o.RunFor(time.Duration(o.Rand().Below(uint64(8 * time.Second))))
		o.start(down, i%down)
		o.RunFor(2 * time.Second)
	}
	o.RunFor(time.Minute)
	for range 3 {
		require.Equal(t, count, o.broadcast(int(o.Rand().Below(count))))
	}
	o.requireTree()
}

// Duplicates are pruned: after the first broadcasts, a payload crosses one link a
// node. A node that floods sends one on each.
//
// GO-PX-06.
func TestRedundancy(t *testing.T) {
	const count = 100
	for _, flood := range []bool{false, true} {
		o := newOverlay(t, 5, Config{Flood: flood}, usual())
		o.build(count)
		o.broadcast(0)
		payloads := 0
		for _, n := range o.live() {
			links := len(n.Eager(nil))
			if n.view.Self() != at(0) {
				links-- // not back to where it came from
			}
			payloads += links
		}
		rmr := float64(payloads)/(count-1) - 1
		if flood {
			require.InDelta(t, 3, rmr, 0.15)
		} else {
			require.InDelta(t, 0, rmr, 1e-9)
		}
	}
}
