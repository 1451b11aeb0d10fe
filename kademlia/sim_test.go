package kademlia

import (
	"bytes"
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

func newNet(t testing.TB, cfg Config, network sim.Config, nodes int) *net {
	network.Check = true
	n := &net{Network: sim.New(network), cfg: cfg}
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

// join adds one node through random members, until one answers.
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
	if i > 0 { // alone, there is nobody to ask
		for n.do(t, c, Join{Op: 1, Seeds: []Contact{n.someone()}}).Err != nil {
			n.RunFor(time.Second)
		}
	}
	n.nodes = append(n.nodes, c)
	return c
}

func (n *net) someone() Contact { return n.nodes[n.Rand().Below(uint64(len(n.nodes)))] }

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
	n := newNet(t, Config{K: 8}, sim.Config{Link: lan}, 300)
	for range 100 {
		from := n.someone()
		target := RandomID(n.Rand(), MaxBits)
		d := n.do(t, from, FindNode{Op: 7, Target: target})
		require.NoError(t, d.Err)
		want := slices.DeleteFunc(slices.Clone(n.nodes), func(c Contact) bool { return c == from })
		require.Equal(t, nearest(target, 8, want), d.Result.(Found).Contacts)
	}
}

// A network of 200 behaves to the bit the same when its messages travel as
// bytes.
func TestWireCarriesTheNetwork(t *testing.T) {
	run := func(codec spec.Codec) (states []byte) {
		n := newNet(t, Config{K: 4}, sim.Config{Link: lan, Codec: codec}, 200)
		key := RandomID(n.Rand(), MaxBits)
		d := n.do(t, n.nodes[3], Store{Op: 1, Key: key, Value: []byte("v")})
		require.Equal(t, Stored{key, 4}, d.Result)
		require.NoError(t, n.do(t, n.nodes[150], FindValue{Op: 2, Key: key}).Err)
		for _, c := range n.nodes {
			states = n.Machine(c.Addr).AppendState(states)
		}
		return states
	}
	require.True(t, bytes.Equal(run(nil), run(Codec{})))
}

// With one message in ten lost, doubled or late, a value is still found from
// everywhere. No RPC is repeated, so a lookup misses the closest node when the
// one exchange with it fails, 1 - 0.9² of the time (KAD-RPC-011).
func TestLookupsOnABadNetwork(t *testing.T) {
	bad := lan
	bad.Loss, bad.Duplicate, bad.Reorder = sim.Percent(10), sim.Percent(10), sim.Percent(10)
	n := newNet(t, Config{K: 8}, sim.Config{Link: bad}, 150)
	key := RandomID(n.Rand(), MaxBits)
	d := n.do(t, n.nodes[3], Store{Op: 1, Key: key, Value: []byte("v")})
	require.Greater(t, d.Result.(Stored).Copies, int32(4))
	exact := 0
	for _, c := range n.nodes {
		d := n.do(t, c, FindValue{Op: 2, Key: key})
		require.NoError(t, d.Err)
		target := RandomID(n.Rand(), MaxBits)
		found := n.do(t, c, FindNode{Op: 3, Target: target}).Result.(Found)
		others := slices.DeleteFunc(slices.Clone(n.nodes), func(o Contact) bool { return o == c })
		if found.Contacts[0] == nearest(target, 1, others)[0] {
			exact++
		}
	}
	require.InDelta(t, 0.81, float64(exact)/float64(len(n.nodes)), 0.1)
}
