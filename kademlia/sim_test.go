package kademlia

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

// net is a simulated network of nodes that all joined through the protocol.
type net struct {
	*sim.Network
	cfg   Config
	nodes []Contact
	done  []spec.Done
}

func newNet(t testing.TB, cfg Config, link sim.Link, nodes int) *net {
	n := &net{Network: sim.New(sim.Config{Link: link, Check: true}), cfg: cfg}
	n.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
		if d, ok := e.(spec.Done); ok {
			n.done = append(n.done, d)
		}
	})
	for range nodes {
		n.join(t)
	}
	return n
}

// join adds one node through a random member.
func (n *net) join(t testing.TB) Contact {
	cfg := n.cfg
	binary.BigEndian.PutUint64(cfg.Seed[:], uint64(len(n.nodes)))
	bits := cfg.IDBits
	if bits == 0 {
		bits = MaxBits
	}
	c := Contact{ID: RandomID(n.Rand(), bits)}
	for slices.ContainsFunc(n.nodes, func(o Contact) bool { return o.ID == c.ID }) {
		c.ID = RandomID(n.Rand(), bits)
	}
	i := len(n.nodes)
	host := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	c.Addr = netip.AddrPortFrom(host, 4000)
	cfg.ID = c.ID
	m, err := New(cfg, n.Now())
	require.NoError(t, err)
	n.Add(c.Addr, m)
	if i > 0 {
		n.do(t, c, Join{Op: 1, Seeds: []Contact{n.nodes[n.Rand().Below(uint64(i))]}})
	}
	n.nodes = append(n.nodes, c)
	return c
}

// do runs one command to its end.
func (n *net) do(t testing.TB, at Contact, cmd spec.Input) spec.Done {
	n.done = n.done[:0]
	n.Input(at.Addr, cmd)
	for end := n.Now() + time.Hour; len(n.done) == 0 && n.Now() < end; {
		require.True(t, n.Step())
	}
	require.Len(t, n.done, 1)
	return n.done[0]
}

var lan = sim.Link{Latency: sim.Uniform(10*time.Millisecond, 100*time.Millisecond)}

// KAD-LOOKUP-008: without failures the result is the k globally closest.
func TestLookupFindsTheClosest(t *testing.T) {
	n := newNet(t, Config{K: 8}, lan, 300)
	for range 100 {
		from := n.nodes[n.Rand().Below(uint64(len(n.nodes)))]
		target := RandomID(n.Rand(), MaxBits)
		d := n.do(t, from, FindNode{Op: 7, Target: target})
		require.NoError(t, d.Err)
		want := slices.DeleteFunc(slices.Clone(n.nodes), func(c Contact) bool { return c == from })
		require.Equal(t, nearest(target, 8, want), d.Result.(Found).Contacts)
	}
}
