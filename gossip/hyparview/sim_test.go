package hyparview

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

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
	t     testing.TB
	cfg   Config
	nodes []netip.AddrPort
	done  map[spec.OpID]error
	lone  int // Isolated events
}

func newOverlay(t testing.TB, seed uint64, cfg Config) *overlay {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	o := &overlay{t: t, cfg: cfg, done: map[spec.OpID]error{}}
	o.Network = sim.New(sim.Config{
		Seed: key, Check: true, StreamCodec: Stream{Codec{}, MaxMessage},
		Link: sim.Link{Latency: sim.Uniform(5*time.Millisecond, 50*time.Millisecond)},
	})
	o.OnEffect(func(_ time.Duration, addr netip.AddrPort, e spec.Effect) {
		switch e := e.(type) {
		case spec.Done:
			o.done[e.Op] = e.Err
		case spec.Drop:
			if e.Reason == errUnasked { // who has asked has left, and is back
				return
			}
			t.Errorf("%v refused a message: %v", addr, e.Reason)
		case spec.Notify:
			if _, ok := e.Event.(Isolated); ok {
				o.lone++
				o.reenter(addr)
			}
		}
	})
	return o
}

// start adds a node, which joins by the given contact unless that is itself.
func (o *overlay) start(i, contact int) {
	cfg := o.cfg
	cfg.Self = at(i)
	binary.BigEndian.PutUint64(cfg.Seed[:], o.Rand().Uint64())
	o.Restart(at(i), func(now time.Duration) spec.Machine {
		n, err := New(cfg, now)
		require.NoError(o.t, err)
		return n
	})
	if i != contact {
		o.Input(at(i), Enter{Op: spec.OpID(i + 1), Contact: at(contact)})
	}
	if !slices.Contains(o.nodes, at(i)) {
		o.nodes = append(o.nodes, at(i))
	}
}

// reenter does what an application does that hears Isolated: it tries again
// after a while.
func (o *overlay) reenter(addr netip.AddrPort) {
	wait := time.Second + time.Duration(o.Rand().Below(uint64(time.Second)))
	o.At(o.Now()+wait, func() {
		contact := o.nodes[o.Rand().Below(uint64(len(o.nodes)))]
		o.Input(addr, Enter{Op: 1 << 32, Contact: contact})
	})
}

// live are the nodes that are up.
func (o *overlay) live() (list []*Node) {
	for _, a := range o.nodes {
		if n, ok := o.Machine(a).(*Node); ok {
			list = append(list, n)
		}
	}
	return list
}

// requireSymmetric wants that neighbours have each other. GO-PX-02.
func (o *overlay) requireSymmetric() {
	for _, n := range o.live() {
		for _, p := range n.Active(nil) {
			other, ok := o.Machine(p).(*Node)
			require.True(o.t, ok, "%v has the dead neighbour %v", n.Self(), p)
			require.Contains(o.t, other.Active(nil), n.Self(), "%v is not a neighbour of its neighbour", n.Self())
		}
	}
}

// reached is how many nodes are connected with the first live one.
func (o *overlay) reached() int {
	seen := map[netip.AddrPort]bool{}
	queue := []netip.AddrPort{o.live()[0].Self()}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		if n, ok := o.Machine(a).(*Node); ok && !seen[a] {
			seen[a] = true
			queue = n.Active(queue)
		}
	}
	return len(seen)
}

// A storm of joins leaves a connected overlay with symmetric views that are
// nearly full: all at once by any contact, or a hundred a second by one.
//
// GO-PX-01, GO-PX-02.
func TestJoinStorm(t *testing.T) {
	const count = 200
	for name, storm := range map[string]func(o *overlay, i int){
		"at once": func(o *overlay, i int) { o.start(i, int(o.Rand().Below(uint64(max(i, 1))))) },
		"by one":  func(o *overlay, i int) { o.start(i, 0); o.RunFor(10 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOverlay(t, 1, Config{})
			for i := range count {
				storm(o, i)
			}
			o.RunFor(time.Minute)
			o.requireSymmetric()
			require.Equal(t, count, o.reached())
			require.Len(t, o.done, count-1)
			degrees := 0
			for _, n := range o.live() {
				degrees += len(n.Active(nil))
			}
			require.Greater(t, degrees, count*45/10)
		})
	}
}

// Most of the nodes crash at once. The others find neighbours again, forget the
// dead, and are connected; the views are symmetric.
//
// GO-PX-03.
func TestMassFailure(t *testing.T) {
	const count = 300
	o := newOverlay(t, 2, Config{})
	for i := range count {
		o.start(i, int(o.Rand().Below(uint64(max(i, 1)))))
		o.RunFor(50 * time.Millisecond)
	}
	o.RunFor(2 * time.Minute)
	for i := range count * 7 / 10 {
		o.Crash(at(i))
	}
	o.RunFor(5 * time.Minute)
	live := o.live()
	require.Len(t, live, count*3/10)
	require.Equal(t, len(live), o.reached())
	o.requireSymmetric()
	for _, n := range live {
		require.GreaterOrEqual(t, len(n.Active(nil)), 3, "%v", n.Self())
	}
}

// Nodes come and go for ten minutes. When that ends, views are symmetric and the
// overlay is connected.
//
// GO-PX-02, GO-PX-03.
func TestChurn(t *testing.T) {
	const count = 80
	o := newOverlay(t, 3, Config{})
	for i := range count {
		o.start(i, int(o.Rand().Below(uint64(max(i, 1)))))
		o.RunFor(100 * time.Millisecond)
	}
	for range 200 {
		i, contact := int(o.Rand().Below(count)), int(o.Rand().Below(count))
		switch {
		case i == contact:
		case o.Rand().Below(2) == 0 && o.Machine(at(i)) != nil:
			o.Input(at(i), Leave{Op: 1 << 33})
			o.Input(at(i), Enter{Op: 1<<33 + 1, Contact: at(contact)})
		default:
			o.start(i, contact)
		}
		o.RunFor(time.Duration(o.Rand().Below(uint64(6 * time.Second))))
	}
	o.RunFor(2 * time.Minute)
	o.requireSymmetric()
	require.Equal(t, count, o.reached())
	require.Less(t, o.lone, 20)
}

// Both sides of a partition go on, and are one overlay again when it has healed
// and one node has entered by one of the other side.
//
// GO-PX-03.
func TestPartition(t *testing.T) {
	const count = 60
	o := newOverlay(t, 4, Config{})
	for i := range count {
		o.start(i, int(o.Rand().Below(uint64(max(i, 1)))))
		o.RunFor(100 * time.Millisecond)
	}
	o.RunFor(time.Minute)
	o.Partition(o.nodes[:count/2]...)
	o.RunFor(5 * time.Minute)
	require.Equal(t, count/2, o.reached())
	o.Heal()
	o.Input(at(0), Enter{Op: 1, Contact: at(count - 1)})
	o.RunFor(2 * time.Minute)
	o.requireSymmetric()
	require.Equal(t, count, o.reached())
}
