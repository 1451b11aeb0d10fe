package peers

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/anacrolix/dht/v2/int160"
	nearest "github.com/anacrolix/dht/v2/k-nearest-nodes"
	"github.com/anacrolix/dht/v2/krpc"
	kbucket "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// seen is how many nodes each table is offered, and k how many it answers.
const (
	seen = 5000
	k    = 20
)

// noMetrics satisfies the routing table of go-libp2p-kbucket.
type noMetrics struct{}

func (noMetrics) RecordLatency(peer.ID, time.Duration) {}
func (noMetrics) LatencyEWMA(peer.ID) time.Duration    { return 0 }
func (noMetrics) RemovePeer(peer.ID)                   {}

// BenchmarkClosest asks for the k contacts nearest to a target. The routing
// tables are offered the same nodes under the same ids (the first 160 bits of
// go-libp2p's). The one of anacrolix/dht is not exported; what stands here is
// the sorted set that its lookups keep, holding as many contacts as our table.
func BenchmarkClosest(b *testing.B) {
	self := peer.ID("self")
	theirs, err := kbucket.NewRoutingTable(k, kbucket.ConvertPeerID(self), time.Hour, noMetrics{}, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	ours, err := kademlia.NewTable(kademlia.TableConfig{Self: kademlia.ID(kbucket.ConvertPeerID(self)), K: k}, 0)
	if err != nil {
		b.Fatal(err)
	}
	for i := range seen {
		p := peer.ID(fmt.Sprintf("peer %d", i))
		if _, err := theirs.TryAddPeer(p, true, false); err != nil && i < k {
			b.Fatal(err)
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 6881)
		ours.Replied(kademlia.Contact{ID: kademlia.ID(kbucket.ConvertPeerID(p)), Addr: addr}, 0)
	}
	b.Logf("contacts held: p2pspec %d, go-libp2p-kbucket %d", ours.Len(), theirs.Size())
	rng := spec.NewRand([32]byte{1})
	targets := make([][32]byte, 256)
	for i := range targets {
		rng.Fill(targets[i][:])
	}
	b.Run("p2pspec", func(b *testing.B) {
		b.ReportAllocs()
		var out []kademlia.Contact
		for i := 0; b.Loop(); i++ {
			if out = ours.Closest(kademlia.ID(targets[i%256][:20]), k, nil, out[:0]); len(out) != k {
				b.Fatal(len(out))
			}
		}
	})
	b.Run("go-libp2p-kbucket", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if out := theirs.NearestPeers(targets[i%256][:], k); len(out) != k {
				b.Fatal(len(out))
			}
		}
	})
	b.Run("anacrolix-sorted-set", func(b *testing.B) {
		b.ReportAllocs()
		var nodes []krpc.NodeInfoAddrPort
		for e := range ours.All() {
			addr := krpc.NodeAddrPort{AddrPort: e.Contact().Addr}
			nodes = append(nodes, krpc.NodeInfoAddrPort{ID: krpc.ID(e.ID), Addr: addr})
		}
		for i := 0; b.Loop(); i++ {
			set := nearest.New(int160.FromByteArray([20]byte(targets[i%256][:20])), k)
			for _, n := range nodes {
				set = set.Push(nearest.Elem{Key: n})
			}
			if set.Len() != k {
				b.Fatal(set.Len())
			}
		}
	})
}
