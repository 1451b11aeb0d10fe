package plumtree_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/gossip/plumtree"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// Three nodes of which each knows the others. The first broadcast floods, and
// prunes the link that it does not need; the second one announces itself there.
func Example() {
	net := sim.New(sim.Config{Link: sim.Link{Latency: sim.Constant(20 * time.Millisecond)}})
	addr := func(i byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, i}), 4000)
	}
	net.OnEffect(func(at time.Duration, to netip.AddrPort, e spec.Effect) {
		if told, ok := e.(spec.Notify); ok {
			if d, ok := told.Event.(plumtree.Delivered); ok {
				fmt.Printf("%v: %s, %d hop\n", to.Addr(), d.Payload, d.Hops)
			}
		}
	})
	for i := byte(1); i <= 3; i++ {
		cfg := plumtree.Config{View: hyparview.Config{Self: addr(i), Seed: [32]byte{i}}}
		n, err := plumtree.New(cfg, net.Now())
		if err != nil {
			panic(err)
		}
		net.Add(addr(i), n)
		if i > 1 {
			net.Input(addr(i), hyparview.Enter{Op: 1, Contact: addr(1)})
		}
		net.RunFor(time.Second)
	}
	for _, payload := range []string{"hello", "again"} {
		net.Input(addr(1), plumtree.Broadcast{Op: 2, Payload: []byte(payload)})
		net.RunFor(time.Second)
	}
	for i := byte(1); i <= 3; i++ {
		n := net.Machine(addr(i)).(*plumtree.Node)
		fmt.Printf("%v: %d eager, %d lazy\n", addr(i).Addr(), len(n.Eager(nil)), len(n.Lazy(nil)))
	}

	// Output:
	// 127.0.0.2: hello, 1 hop
	// 127.0.0.3: hello, 1 hop
	// 127.0.0.2: again, 1 hop
	// 127.0.0.3: again, 1 hop
	// 127.0.0.1: 2 eager, 0 lazy
	// 127.0.0.2: 1 eager, 1 lazy
	// 127.0.0.3: 1 eager, 1 lazy
}
