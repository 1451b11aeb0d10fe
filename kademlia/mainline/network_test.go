package mainline

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// network is a simulated DHT whose messages travel as bytes.
type network struct {
	*sim.Network
	addrs []netip.AddrPort
	done  map[spec.OpID]spec.Done
	op    spec.OpID
}

func newNetwork(t *testing.T, size int, configure func(i int, cfg *Config)) *network {
	t.Helper()
	net := &network{
		Network: sim.New(sim.Config{
			Link: sim.Link{Latency: sim.LogNormal(40 * time.Millisecond)}, Codec: Codec{}, Check: true,
		}),
		done: map[spec.OpID]spec.Done{},
	}
	net.OnEffect(func(_ time.Duration, _ netip.AddrPort, e spec.Effect) {
		if d, ok := e.(spec.Done); ok {
			net.done[d.Op] = d
		}
	})
	for i := range size {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 6881)
		cfg := Config{}
		binary.BigEndian.PutUint64(cfg.Seed[:], uint64(i))
		if configure != nil {
			configure(i, &cfg)
		}
		if cfg.Families == IPv6 {
			at = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0xfd, 14: byte(i >> 8), 15: byte(i)}), 6881)
		}
		n, err := New(cfg, net.Now())
		require.NoError(t, err)
		net.Add(at, n)
		net.addrs = append(net.addrs, at)
		if i > 0 {
			require.NoError(t, net.run(t, i, func(op spec.OpID) spec.Input {
				return Bootstrap{Op: op, Nodes: net.addrs[:1]}
			}).Err)
		}
	}
	return net
}

// run gives node i a command and waits for its end.
func (net *network) run(t *testing.T, i int, command func(op spec.OpID) spec.Input) spec.Done {
	t.Helper()
	net.op++
	net.Input(net.addrs[i], command(net.op))
	for net.done[net.op].Op == 0 {
		require.True(t, net.Step(), "nothing happens any more")
	}
	return net.done[net.op]
}

func (net *network) node(i int) *Node { return net.Machine(net.addrs[i]).(*Node) }

// nearest returns the k nodes closest to target, by brute force.
func (net *network) nearest(target kademlia.ID, k int) (ids []kademlia.ID) {
	for i := range net.addrs {
		ids = append(ids, net.node(i).ID())
	}
	slices.SortFunc(ids, func(a, b kademlia.ID) int { return kademlia.Compare(target, a, b) })
	return ids[:k]
}

// BEP05-RPC-011, BEP05-TBL-008: after all have joined, a lookup finds exactly
// the closest nodes.
func TestLookupFindsTheClosestNodes(t *testing.T) {
	net := newNetwork(t, 120, nil)
	for i := range 10 {
		target := kademlia.ID{byte(i * 25), 7}
		d := net.run(t, 10*i, func(op spec.OpID) spec.Input { return FindNode{Op: op, Target: target} })
		require.NoError(t, d.Err)
		var got []kademlia.ID
		for _, c := range d.Result.(NodesFound).Nodes {
			got = append(got, c.ID)
		}
		want := slices.DeleteFunc(net.nearest(target, 9), func(id kademlia.ID) bool {
			return id == net.node(10*i).ID()
		})
		require.Equal(t, want[:8], got)
	}
}

// BEP05-RPC-003, BEP05-RPC-007, BEP05-RPC-008, BEP05-RPC-010,
// BEP33-SCRAPE-001, BEP33-SCRAPE-002
func TestAnnounceThenGetPeers(t *testing.T) {
	net := newNetwork(t, 60, nil)
	infoHash := kademlia.ID{0xaa}
	for _, announce := range []struct {
		node int
		in   Announce
		want string
	}{
		{3, Announce{InfoHash: infoHash, Port: 1000}, "10.0.0.3:1000"},
		{4, Announce{InfoHash: infoHash, Port: 1, ImpliedPort: true}, "10.0.0.4:6881"},
		{5, Announce{InfoHash: infoHash, Port: 1002, Seed: true}, "10.0.0.5:1002"},
	} {
		d := net.run(t, announce.node, func(op spec.OpID) spec.Input {
			announce.in.Op = op
			return announce.in
		})
		require.NoError(t, d.Err)
		require.EqualValues(t, 8, d.Result.(Announced).Nodes)
	}
	stored := 0
	for _, id := range net.nearest(infoHash, 9) {
		for i := range net.addrs {
			if net.node(i).ID() == id && len(net.node(i).torrents.hashes) == 1 {
				stored++
			}
		}
	}
	require.GreaterOrEqual(t, stored, 8, "the closest nodes hold the torrent")
	d := net.run(t, 50, func(op spec.OpID) spec.Input {
		return GetPeers{Op: op, InfoHash: infoHash, Scrape: true}
	})
	require.NoError(t, d.Err)
	found := d.Result.(PeersFound)
	require.Equal(t, []netip.AddrPort{
		addr("10.0.0.3:1000"), addr("10.0.0.4:6881"), addr("10.0.0.5:1002"),
	}, found.Peers)
	require.EqualValues(t, 1, (found.Seeds.Estimate()+EstimateScale/2)/EstimateScale)
	require.EqualValues(t, 2, (found.Downloaders.Estimate()+EstimateScale/2)/EstimateScale)

	net.RunFor(31 * time.Minute) // the announces expire
	d = net.run(t, 50, func(op spec.OpID) spec.Input { return GetPeers{Op: op, InfoHash: infoHash} })
	require.NoError(t, d.Err)
	require.Empty(t, d.Result.(PeersFound).Peers)
	for i := range net.addrs {
		require.Empty(t, net.node(i).torrents.hashes)
	}
}

// BEP44-ITEM-001, BEP44-ITEM-002, BEP44-ITEM-005, BEP44-ITEM-006,
// BEP44-ITEM-013, BEP44-ITEM-016, BEP44-ITEM-018
func TestPutThenGet(t *testing.T) {
	net := newNetwork(t, 60, nil)
	v := []byte("12:Hello World!")
	immutable := Item{V: v}
	get := func(it Item) spec.Done {
		return net.run(t, 50, func(op spec.OpID) spec.Input {
			return GetItem{Op: op, Target: it.Target(), Salt: it.Salt}
		})
	}
	require.ErrorIs(t, get(immutable).Err, ErrNotFound)
	d := net.run(t, 7, func(op spec.OpID) spec.Input { return PutImmutable{Op: op, V: v} })
	require.NoError(t, d.Err)
	require.Equal(t, ItemStored{Target: immutable.Target(), Nodes: 8}, d.Result)
	require.Equal(t, ItemFound{Target: immutable.Target(), Item: immutable}, get(immutable).Result)

	put := func(seq int64, cas *int64) (Item, spec.Done) {
		it := SignItem([32]byte{9}, []byte("salt"), seq, v)
		return it, net.run(t, 8, func(op spec.OpID) spec.Input {
			return PutMutable{Op: op, Item: it, CAS: cas}
		})
	}
	first, d := put(5, nil)
	require.NoError(t, d.Err)
	require.Equal(t, first, get(first).Result.(ItemFound).Item)
	_, d = put(4, nil)
	var remote *RemoteError
	require.ErrorAs(t, d.Err, &remote)
	require.EqualValues(t, CodeSeqTooOld, remote.Code)
	cas := int64(4)
	_, d = put(6, &cas)
	require.ErrorAs(t, d.Err, &remote)
	require.EqualValues(t, CodeCASMismatch, remote.Code)
	cas = 5
	last, d := put(6, &cas)
	require.NoError(t, d.Err)
	require.Equal(t, last, get(first).Result.(ItemFound).Item)

	net.RunFor(2*time.Hour + time.Minute)
	require.ErrorIs(t, get(first).Err, ErrNotFound)
}

// BEP32-DHT6-001, BEP32-DHT6-007, BEP32-DHT6-009: the IPv6 DHT by itself.
func TestIPv6Network(t *testing.T) {
	net := newNetwork(t, 20, func(_ int, cfg *Config) { cfg.Families = IPv6 })
	infoHash := kademlia.ID{0xbb}
	d := net.run(t, 3, func(op spec.OpID) spec.Input {
		return Announce{Op: op, InfoHash: infoHash, Port: 77}
	})
	require.NoError(t, d.Err)
	d = net.run(t, 12, func(op spec.OpID) spec.Input { return GetPeers{Op: op, InfoHash: infoHash} })
	require.NoError(t, d.Err)
	require.Equal(t, []netip.AddrPort{addr("[fd00::3]:77")}, d.Result.(PeersFound).Peers)
}

// BEP43-RO-001, BEP43-RO-002, BEP43-RO-003: a read-only node finds things,
// and is found by nobody.
func TestReadOnlyNode(t *testing.T) {
	net := newNetwork(t, 20, func(i int, cfg *Config) { cfg.ReadOnly = i == 10 })
	d := net.run(t, 10, func(op spec.OpID) spec.Input { return FindNode{Op: op, Target: kademlia.ID{1}} })
	require.Len(t, d.Result.(NodesFound).Nodes, 8)
	for i := range net.addrs {
		for _, c := range net.node(i).Contacts() {
			require.NotEqual(t, net.node(10).ID(), c.ID)
		}
	}
	d = net.run(t, 3, func(op spec.OpID) spec.Input { return Ping{Op: op, Addr: net.addrs[10]} })
	require.ErrorIs(t, d.Err, ErrTimeout)
}

// BEP05-TBL-003, BEP05-TBL-004, BEP05-TBL-007: a quiet network keeps itself
// alive, and forgets who has left.
func TestRefreshAndFailure(t *testing.T) {
	net := newNetwork(t, 40, nil)
	net.RunFor(2 * time.Hour)
	for i := range 20 {
		net.Crash(net.addrs[i])
	}
	net.RunFor(2 * time.Hour)
	for i := 20; i < 40; i++ {
		n := net.node(i)
		require.GreaterOrEqual(t, n.families[0].table.Len(), 8)
		for _, c := range n.closest(&n.families[0], n.ID()) {
			require.GreaterOrEqual(t, c.Addr.Addr().As4()[3], byte(20), "a dead node is handed out")
		}
	}
}

// BEP05-TBL-009
func TestContactsAreRestored(t *testing.T) {
	net := newNetwork(t, 20, nil)
	saved := net.node(7).Contacts()
	require.NotEmpty(t, saved)
	n, err := New(Config{Contacts: saved}, net.LocalNow(net.addrs[7]))
	require.NoError(t, err)
	net.Crash(net.addrs[7])
	net.Add(net.addrs[7], n)
	d := net.run(t, 7, func(op spec.OpID) spec.Input { return Bootstrap{Op: op} })
	require.NoError(t, d.Err)
	require.GreaterOrEqual(t, d.Result.(Bootstrapped).Contacts, int32(8))
}
