package swim_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// cluster is a simulated one whose members have joined the first.
type cluster struct {
	*sim.Network
	t      testing.TB
	cfg    swim.Config
	addrs  []netip.AddrPort
	events []event
	ops    spec.OpID
}

type event struct {
	at   time.Duration
	node netip.AddrPort
	what spec.Effect
}

func memberAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7946)
}

func memberName(i int) string { return fmt.Sprintf("m%05d", i) }

func newCluster(t testing.TB, seed uint64, count int, cfg swim.Config, link sim.Link) *cluster {
	c := &cluster{t: t, cfg: cfg}
	network := sim.Config{Link: link, Check: true, Codec: &wire.Format{}, StreamCodec: (&wire.Format{}).Stream()}
	binary.BigEndian.PutUint64(network.Seed[:], seed)
	c.Network = sim.New(network)
	c.OnEffect(func(at time.Duration, node netip.AddrPort, e spec.Effect) {
		c.events = append(c.events, event{at, node, e})
	})
	for i := range count {
		c.start(i)
		if i > 0 {
			c.join(i, 0)
		}
		c.RunFor(10 * time.Millisecond)
	}
	return c
}

func (c *cluster) start(i int) {
	cfg := c.cfg
	cfg.Name, cfg.Addr = memberName(i), memberAddr(i)
	binary.BigEndian.PutUint64(cfg.Seed[:], c.Rand().Uint64())
	n, err := swim.New(cfg, c.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	if i == len(c.addrs) {
		c.addrs = append(c.addrs, cfg.Addr)
	}
	c.Add(cfg.Addr, n)
}

func (c *cluster) join(i, via int) {
	c.ops++
	c.Input(memberAddr(i), swim.Join{Op: c.ops, Addrs: []netip.AddrPort{memberAddr(via)}})
}

func (c *cluster) node(i int) *swim.Node { return c.Machine(memberAddr(i)).(*swim.Node) }

// sees is the state in which member i believes j to be.
func (c *cluster) sees(i, j int) wire.State {
	m, ok := c.node(i).Member(memberName(j))
	if !ok {
		c.t.Fatalf("%v: member %d does not know %d", c.Now(), i, j)
	}
	return m.State
}

func TestClusterNoticesDeath(t *testing.T) {
	c := newCluster(t, 1, 5, swim.LAN(), sim.Link{Latency: sim.Constant(time.Millisecond)})
	c.RunFor(5 * time.Second)
	for i := range 5 {
		for j := range 5 {
			if s := c.sees(i, j); s != wire.StateAlive {
				t.Fatalf("member %d believes %d to be %d", i, j, s)
			}
		}
	}
	c.Crash(memberAddr(4))
	c.RunFor(25 * time.Second)
	for i := range 4 {
		if s := c.sees(i, 4); s != wire.StateDead {
			t.Errorf("member %d believes the crashed one to be %d", i, s)
		}
	}
}
