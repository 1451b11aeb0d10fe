package swim_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// BenchmarkCluster simulates a cluster of ten thousand members on one core, with
// memberlist's configurations for local and wide networks, which probe each second
// and each five, and with the two seconds of the SWIM paper. One operation is a
// second of the cluster's life; x-real-time is how many of these fit into one of
// ours. Crashes: in each ten seconds a member crashes, is found out, and all are
// told. Exchanges: of all state, from time to time, which is most of the bytes.
//
//	go test -run - -bench Cluster -benchtime 100x -cpu 1 ./gossip/swim
func BenchmarkCluster(b *testing.B) {
	paper := swim.LAN()
	paper.ProbeInterval = 2 * time.Second
	for _, bb := range []struct {
		name      string
		cfg       swim.Config
		exchanges bool
		crash     time.Duration
	}{
		{name: "LAN", cfg: swim.LAN()},
		{name: "SWIM", cfg: paper},
		{name: "WAN", cfg: swim.WAN()},
		{name: "WAN with crashes", cfg: swim.WAN(), crash: 10 * time.Second},
		{name: "WAN with exchanges", cfg: swim.WAN(), exchanges: true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			const members = 10_000
			network := sim.New(sim.Config{Link: sim.Link{Latency: sim.Uniform(time.Millisecond, 5*time.Millisecond)}})
			cfg := bb.cfg
			if !bb.exchanges {
				cfg.PushPullInterval = 0
			}
			for i := range members {
				cfg.Known = append(cfg.Known, &swim.Member{
					Name: memberName(i), Addr: memberAddr(i), Incarnation: 1,
					Versions: wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2},
				})
			}
			for i := range members {
				cfg.Name, cfg.Addr = cfg.Known[i].Name, memberAddr(i) // one string, known to be equal without a look
				binary.BigEndian.PutUint64(cfg.Seed[:], uint64(i))
				n, err := swim.New(cfg, 0)
				if err != nil {
					b.Fatal(err)
				}
				network.Add(cfg.Addr, n)
			}
			network.RunFor(2 * time.Second)
			before, crashed := network.Stats(), 0
			for b.Loop() {
				if bb.crash > 0 && network.Now() > time.Duration(crashed)*bb.crash {
					network.Crash(memberAddr(crashed))
					crashed++
				}
				network.RunFor(time.Second)
			}
			after := network.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
			b.ReportMetric(float64(after.Sent-before.Sent)/float64(b.N)/members, "packets/member/s")
		})
	}
}

// BenchmarkStep is what a packet costs a member of a thousand: a ping, an ack, and
// a rumor that is new.
func BenchmarkStep(b *testing.B) {
	cfg := swim.LAN()
	cfg.Name, cfg.Addr = memberName(0), memberAddr(0)
	for i := range 1000 {
		cfg.Known = append(cfg.Known, &swim.Member{
			Name: memberName(i), Addr: memberAddr(i), Incarnation: 1,
			Versions: wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2},
		})
	}
	n, err := swim.New(cfg, 0)
	if err != nil {
		b.Fatal(err)
	}
	ping := spec.Recv{From: memberAddr(1), Msg: wire.Packet{Parts: []wire.Message{wire.Ping{SeqNo: 1}}}}
	var out []spec.Effect
	b.Run("ping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out = n.Step(0, ping, out[:0])
		}
	})
	incarnation := uint32(1)
	b.Run("alive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			incarnation++
			alive := wire.Alive{
				Incarnation: incarnation, Node: memberName(7), Addr: memberAddr(7), Versions: cfg.Known[7].Versions,
			}
			out = n.Step(0, spec.Recv{From: memberAddr(1), Msg: wire.Packet{Parts: []wire.Message{alive}}}, out[:0])
		}
	})
}
