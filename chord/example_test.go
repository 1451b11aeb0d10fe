package chord_test

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
)

// The ring of the paper's figure 2 without a network: effects of one node become
// inputs of another. Node 3 looks up identifier 1.
func Example() {
	var ring []chord.Peer
	for _, id := range []uint64{0, 1, 3} {
		host := netip.AddrFrom4([4]byte{127, 0, 0, byte(id)})
		ring = append(ring, chord.Peer{ID: chord.FromUint(id), Addr: netip.AddrPortFrom(host, 4000)})
	}
	nodes := map[netip.AddrPort]*chord.Node{}
	var perform func(at chord.Peer, effects []spec.Effect)
	perform = func(at chord.Peer, effects []spec.Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case spec.Send:
				to := nodes[e.To]
				fmt.Printf("%v → %v %T\n", at.ID, to.ID(), e.Msg)
				reply := to.Step(0, spec.Recv{From: at.Addr, Msg: e.Msg}, nil)
				perform(chord.Peer{ID: to.ID(), Addr: e.To}, reply)
			case spec.Done:
				if found, ok := e.Result.(chord.Found); ok {
					fmt.Printf("%v belongs to %v, %d hops\n", found.Key, found.Owner.ID, found.Hops)
				}
			}
		}
	}
	for _, p := range ring {
		n, err := chord.New(chord.Config{ID: p.ID, IDBits: 3, Successors: 2}, 0)
		if err != nil {
			panic(err)
		}
		nodes[p.Addr] = n
		perform(p, n.Step(0, chord.Create{Op: 1, Ring: ring}, nil))
	}
	three := ring[2]
	for i := 1; i <= 3; i++ {
		f, _ := nodes[three.Addr].Finger(i)
		fmt.Printf("finger %d of 3 is %v\n", i, f.ID)
	}
	perform(three, nodes[three.Addr].Step(0, chord.Lookup{Op: 2, Key: chord.FromUint(1)}, nil))

	// Output:
	// finger 1 of 3 is 0
	// finger 2 of 3 is 0
	// finger 3 of 3 is 0
	// 3 → 0 chord.ClosestPreceding
	// 0 → 3 chord.Step
	// 3 → 1 chord.Ping
	// 1 → 3 chord.Pong
	// 1 belongs to 1, 2 hops
}
