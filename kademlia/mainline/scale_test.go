package mainline

import (
	"encoding/binary"
	"flag"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

var scaleNodes = flag.Int("nodes", 2000, "nodes in BenchmarkScale")

const (
	// scaleUnderWay is the share of nodes that have a command under way, one in
	// so many, while traffic is measured.
	scaleUnderWay = 20

	// scaleQuiet is how long the network then runs without commands: every
	// bucket is refreshed once.
	scaleQuiet = 16 * time.Minute
)

// BenchmarkScale builds a DHT in which every node has joined by a Bootstrap,
// with messages as values and log-normal latency around 40 ms.
//
// An op of ping, find_node and get_peers is one message delivered: queries and
// responses of pings, and of lookups of random targets, the work of both ends
// and of the simulator included.
//
// idle then leaves the network alone and weighs the nodes without the
// simulator. A contact is an entry in a bucket and its key; everything else
// (spares, room to grow, buckets, votes, configuration, randomness, queries in
// flight) counts as beyond the contacts.
func BenchmarkScale(b *testing.B) {
	before := heap()
	s := newScale(b, *scaleNodes)
	for _, traffic := range []struct {
		name    string
		command func(op spec.OpID) spec.Input
	}{
		{"ping", func(op spec.OpID) spec.Input { return Ping{Op: op, Addr: s.pick()} }},
		{"find_node", func(op spec.OpID) spec.Input { return FindNode{Op: op, Target: s.target()} }},
		{"get_peers", func(op spec.OpID) spec.Input { return GetPeers{Op: op, InfoHash: s.target()} }},
	} {
		b.Run(traffic.name, func(b *testing.B) {
			s.run(traffic.command)
			b.ReportAllocs()
			b.ResetTimer()
			for end := s.Stats().Delivered + uint64(b.N); s.Stats().Delivered < end; {
				s.Step()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			s.stop()
		})
	}
	s.RunFor(scaleQuiet)
	nodes := s.leave()
	bytes, size, contacts := float64(heap()-before), float64(len(nodes)), 0.0
	for _, n := range nodes {
		contacts += float64(n.families[0].table.Len())
	}
	const contactSize = unsafe.Sizeof(kademlia.Entry{}) + 8
	b.Run("idle", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(bytes/size, "B/node")
		b.ReportMetric(contacts/size, "contacts/node")
		b.ReportMetric((bytes-contacts*float64(contactSize))/size, "B-beyond-contacts/node")
	})
}

// heap is the number of bytes reachable.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// scale is a large network and the commands that run in it.
type scale struct {
	*sim.Network
	rng     spec.Rand
	addrs   []netip.AddrPort
	command func(op spec.OpID) spec.Input
	open    int // commands that have not ended
}

// newScale lets size nodes join, each through three that are there already, a
// few hundred at a time.
func newScale(b *testing.B, size int) *scale {
	s := &scale{
		Network: sim.New(sim.Config{Link: sim.Link{Latency: sim.LogNormal(40 * time.Millisecond)}}),
		rng:     spec.NewRand([32]byte{1}),
	}
	s.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
		if _, ok := e.(spec.Done); ok {
			s.open--
			s.issue()
		}
	})
	for i := range size {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{44, byte(i >> 16), byte(i >> 8), byte(i)}), 6881)
		cfg := Config{ExternalIP: at.Addr()}
		binary.BigEndian.PutUint64(cfg.Seed[:], uint64(i))
		n, err := New(cfg, s.Now())
		require.NoError(b, err)
		s.Add(at, n)
		if i > 0 {
			s.open++
			s.Input(at, Bootstrap{Nodes: []netip.AddrPort{s.pick(), s.pick(), s.pick()}})
		}
		s.addrs = append(s.addrs, at)
		for s.open > i/10 {
			s.Step()
		}
	}
	s.stop()
	return s
}

// leave takes the machines out of the network and gives that up.
func (s *scale) leave() []*Node {
	nodes := make([]*Node, len(s.addrs))
	for i, at := range s.addrs {
		nodes[i] = s.Machine(at).(*Node)
	}
	*s = scale{}
	return nodes
}

// run starts commands, and a new one at a node drawn anew whenever one ends.
func (s *scale) run(command func(op spec.OpID) spec.Input) {
	s.command = command
	for range len(s.addrs)/scaleUnderWay + 1 {
		s.issue()
	}
}

func (s *scale) issue() {
	if s.command != nil {
		s.open++
		s.Input(s.pick(), s.command(1))
	}
}

// stop lets the commands under way end.
func (s *scale) stop() {
	for s.command = nil; s.open > 0; {
		s.Step()
	}
}

func (s *scale) pick() netip.AddrPort { return s.addrs[s.rng.Below(uint64(len(s.addrs)))] }

func (s *scale) target() kademlia.ID { return kademlia.RandomID(&s.rng, kademlia.MaxBits) }
