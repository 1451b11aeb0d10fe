package kademlia_test

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// Two nodes and no network: effects of one become inputs of the other.
func Example() {
	nodes := map[netip.AddrPort]*kademlia.Node{}
	var first kademlia.Contact
	for i := range 2 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), 4000)
		id := kademlia.ID{byte(i)}
		n, err := kademlia.New(kademlia.Config{ID: id, Seed: [32]byte{byte(i)}}, 0)
		if err != nil {
			panic(err)
		}
		nodes[addr] = n
		if i == 0 {
			first = kademlia.Contact{ID: id, Addr: addr}
		}
	}
	var perform func(at netip.AddrPort, effects []spec.Effect)
	perform = func(at netip.AddrPort, effects []spec.Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case spec.Send:
				fmt.Printf("%v → %v %T\n", at.Addr(), e.To.Addr(), e.Msg)
				perform(e.To, nodes[e.To].Step(0, spec.Recv{From: at, Msg: e.Msg}, nil))
			case spec.Done:
				fmt.Printf("%v done: %T\n", at.Addr(), e.Result)
			}
		}
	}
	second := netip.MustParseAddrPort("127.0.0.2:4000")
	key, value := kademlia.ID{0xff}, []byte("hello")
	perform(second, nodes[second].Step(0, kademlia.Ping{Op: 2, To: first.Addr}, nil))
	perform(second, nodes[second].Step(0, kademlia.Store{Op: 3, Key: key, Value: value}, nil))
	perform(first.Addr, nodes[first.Addr].Step(0, kademlia.FindValue{Op: 4, Key: key}, nil))
	// Output:
	// 127.0.0.2 → 127.0.0.1 kademlia.PingRequest
	// 127.0.0.1 → 127.0.0.2 kademlia.PingReply
	// 127.0.0.2 done: kademlia.Ponged
	// 127.0.0.2 → 127.0.0.1 kademlia.FindNodeRequest
	// 127.0.0.1 → 127.0.0.2 kademlia.NodesReply
	// 127.0.0.2 → 127.0.0.1 kademlia.StoreRequest
	// 127.0.0.1 → 127.0.0.2 kademlia.StoreReply
	// 127.0.0.2 done: kademlia.Stored
	// 127.0.0.1 done: kademlia.Value
}
