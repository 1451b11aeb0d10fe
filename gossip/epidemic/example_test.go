package epidemic_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// Ten nodes on a simulated network, and a rumor.
func Example() {
	var peers []netip.AddrPort
	for i := range 10 {
		peers = append(peers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 4000))
	}
	network := sim.New(sim.Config{Link: sim.Link{Latency: sim.Constant(20 * time.Millisecond)}})
	for i := range peers {
		cfg := epidemic.Config{Peers: peers, Self: int32(i), Seed: [32]byte{byte(i)}}
		cfg.Mongering.Exchange = epidemic.PushPull
		node, err := epidemic.New(cfg, network.Now())
		if err != nil {
			fmt.Println(err)
			return
		}
		network.Add(peers[i], node)
	}
	network.Input(peers[0], epidemic.Put{Op: 1, Key: "weather", Value: []byte("fine")})
	for cycle := 1; ; cycle++ {
		network.RunFor(time.Second)
		know := 0
		for _, addr := range peers {
			if _, found := network.Machine(addr).(*epidemic.Node).Lookup("weather"); found {
				know++
			}
		}
		fmt.Printf("cycle %d: %d know\n", cycle, know)
		if know == len(peers) {
			return
		}
	}
	// Output:
	// cycle 1: 1 know
	// cycle 2: 4 know
	// cycle 3: 8 know
	// cycle 4: 10 know
}
