package chord

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

// net is a simulated network of nodes.
type net struct {
	*sim.Network
	t     require.TestingT
	cfg   Config
	nodes []Peer // those that are up, ordered
	done  []spec.Done
	seen  []spec.Event // of spec.Notify
}

func newNet(t require.TestingT, cfg Config, network sim.Config) *net {
	network.Check = true
	n := &net{Network: sim.New(network), t: t, cfg: cfg}
	n.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
		switch e := e.(type) {
		case spec.Done:
			n.done = append(n.done, e)
		case spec.Notify:
			n.seen = append(n.seen, e.Event)
		}
	})
	return n
}

func at(id uint64) Peer {
	var host [4]byte
	binary.BigEndian.PutUint32(host[:], 10<<24|uint32(id))
	return Peer{FromUint(id), netip.AddrPortFrom(netip.AddrFrom4(host), 4000)}
}

func peersAt(ids ...uint64) []Peer {
	var peers []Peer
	for _, id := range ids {
		peers = append(peers, at(id))
	}
	return peers
}

// add starts a node that is in no ring.
func (n *net) add(id uint64) Peer {
	p, cfg := at(id), n.cfg
	cfg.ID = p.ID
	binary.BigEndian.PutUint64(cfg.Seed[:], id)
	m, err := New(cfg, n.Now())
	require.NoError(n.t, err)
	n.Add(p.Addr, m)
	n.nodes = append(n.nodes, p)
	slices.SortFunc(n.nodes, func(a, b Peer) int { return a.ID.Cmp(b.ID) })
	return p
}

// ring starts a ring that is ideal from the beginning.
func (n *net) ring(ids ...uint64) {
	for _, id := range ids {
		n.add(id)
	}
	for _, p := range n.nodes {
		require.NoError(n.t, n.do(p, Create{Op: 1, Ring: n.nodes}).Err)
	}
}

func (n *net) join(id, via uint64) {
	p := n.add(id)
	require.NoError(n.t, n.do(p, Join{Op: 1, Via: at(via)}).Err)
}

func (n *net) fail(id uint64) {
	p := at(id)
	n.Remove(p.Addr)
	n.nodes = slices.DeleteFunc(n.nodes, func(o Peer) bool { return o == p })
}

func (n *net) node(id uint64) *Node { return n.Machine(at(id).Addr).(*Node) }

// do runs one command to its end.
func (n *net) do(p Peer, cmd spec.Input) spec.Done {
	n.done = n.done[:0]
	n.Input(p.Addr, cmd)
	for end := n.Now() + time.Hour; len(n.done) == 0 && n.Now() < end; {
		require.True(n.t, n.Step())
	}
	require.Len(n.t, n.done, 1)
	return n.done[0]
}

func (n *net) lookup(from, key uint64, mode Mode) Found {
	d := n.do(at(from), Lookup{Op: 9, Key: FromUint(key), Mode: mode})
	require.NoError(n.t, d.Err, "lookup of %d from %d", key, from)
	return d.Result.(Found)
}

// owner is the truth that lookups are held to.
func (n *net) owner(key ID) Peer {
	for _, p := range n.nodes {
		if p.ID.Cmp(key) >= 0 {
			return p
		}
	}
	return n.nodes[0]
}

// ideal reports whether every member has the pointers of the ideal ring.
func (n *net) ideal() bool {
	for i, p := range n.nodes {
		m := n.Machine(p.Addr).(*Node)
		others := len(n.nodes) - 1
		if !m.Member() || len(m.Successors()) != min(others, m.cfg.Successors) {
			return false
		}
		for k, s := range m.Successors() {
			if s != n.nodes[(i+1+k)%len(n.nodes)] {
				return false
			}
		}
		if before, _ := m.Predecessor(); others > 0 && before != n.nodes[(i+others)%len(n.nodes)] {
			return false
		}
	}
	return true
}

var lan = sim.Config{Link: sim.Link{Latency: sim.Uniform(10*time.Millisecond, 100*time.Millisecond)}}

// A ring grows from one member, through others and with keys found all along.
func TestRingGrowsFromOne(t *testing.T) {
	n := newNet(t, Config{IDBits: 8, Successors: 3, FixFingers: 5 * time.Second}, lan)
	require.NoError(t, n.do(n.add(100), Create{Op: 1}).Err)
	require.Contains(t, n.seen, AssumptionBroken{EnoughMembers})
	for i, id := range []uint64{50, 200, 110, 3, 77, 140, 255} {
		n.join(id, []uint64{100, 50}[i%2*min(i, 1)])
		n.RunFor(3 * time.Minute)
		require.True(t, n.ideal(), "with %d", id)
		for key := uint64(0); key < 256; key += 5 {
			for _, mode := range []Mode{Iterative, Recursive} {
				require.Equal(t, n.owner(FromUint(key)).ID, n.lookup(id, key, mode).Owner.ID, "%d", key)
			}
		}
	}
}

func TestRingSurvivesFailures(t *testing.T) {
	n := newNet(t, Config{IDBits: 8, Successors: 3}, lan)
	n.ring(1, 20, 40, 60, 80, 100, 120, 140)
	require.True(t, n.ideal())
	n.fail(20)
	n.fail(40)
	n.fail(100)
	n.RunFor(5 * time.Minute)
	require.True(t, n.ideal())
	require.NotContains(t, n.seen, AssumptionBroken{TimelyAnswers})
}
