package bittorrent

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func manyAddrs(from, n int) (list []netip.AddrPort) {
	for i := range n {
		list = append(list, memberAddr(from+i))
	}
	return list
}

// TestDialling keeps to its limits, tries again later each time, and gives up.
func TestDialling(t *testing.T) {
	k := newTalk(t, Config{MaxConns: 4, MaxHalfOpen: 2, MaxKnown: 5, PeerTimeout: time.Hour})
	k.want(k.in(AddPeers{Op: 1, Addrs: manyAddrs(20, 9)}), "dial, dial, done")
	if len(k.n.known.addrs) != 5 {
		t.Errorf("%d addresses are known", len(k.n.known.addrs))
	}
	k.want(k.in(AddPeers{Op: 2, Addrs: []netip.AddrPort{
		{}, netip.MustParseAddrPort("0.0.0.0:1"), netip.MustParseAddrPort("10.1.1.1:0"),
		netip.MustParseAddrPort("224.0.0.1:5"),
	}}), "done")
	refused := errors.New("refused")
	k.want(k.in(spec.Opened{Conn: 1}), "handshake, dial")
	k.want(k.in(spec.Closed{Conn: 2, Err: refused}), "dial")
	k.want(k.wait(2*time.Second), "") // the house is full
	k = newTalk(t, Config{PeerTimeout: time.Hour})
	k.want(k.in(AddPeers{Op: 1, Addrs: manyAddrs(20, 1)}), "dial, done")
	var gaps []time.Duration
	for last := k.now; len(k.n.known.addrs) > 0 && len(gaps) < 9; {
		k.in(spec.Closed{Conn: k.n.lastConn, Err: refused})
		for before := k.n.lastConn; k.n.lastConn == before && len(k.n.known.addrs) > 0; {
			k.wait(time.Second)
		}
		gaps = append(gaps, (k.now - last).Truncate(10*time.Second))
		last = k.now
	}
	if want := []time.Duration{time.Minute, 2 * time.Minute, 0}; !slices.Equal(gaps, want) {
		t.Errorf("dialled after %v, want %v", gaps, want)
	}
}

// TestFullHouse keeps the connections of the highest canonical priority.
// BEP40-PRIO-001
func TestFullHouse(t *testing.T) {
	k := newTalk(t, Config{MaxConns: 2, ExternalIP: netip.MustParseAddr("198.51.100.7"), ListenPort: 6881})
	remotes := []netip.AddrPort{memberAddr(9)}
	for i := range 40 {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(11 * i), byte(i), 3, 4}), 6881)
		remotes = append(remotes, remote)
		id := -spec.Conn(i + 2)
		k.in(spec.Opened{Conn: id, Remote: remote})
		k.in(spec.Got{Conn: id, Msg: &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{9, byte(i)}}})
	}
	slices.SortStableFunc(remotes, func(a, b netip.AddrPort) int {
		return cmp.Compare(k.n.priority(b), k.n.priority(a))
	})
	for _, c := range k.n.conns {
		if !slices.Contains(remotes[:2], c.remote) {
			t.Errorf("%v stayed, which is number %d", c.remote, slices.Index(remotes, c.remote))
		}
	}
}

// TestBans are of addresses, and last; on the loopback network of ports.
func TestBans(t *testing.T) {
	k := newTalk(t, Config{})
	s := step{Node: k.n}
	s.ban(contributor(memberAddr(9)), errPoison)
	if k.n.Conns() != 0 {
		t.Error("its connection stayed")
	}
	k.want(k.in(spec.Opened{Conn: -5, Remote: netip.AddrPortFrom(memberAddr(9).Addr(), 1)}), "close")
	k.want(k.in(AddPeers{Op: 1, Addrs: manyAddrs(9, 1)}), "done")
	a, b := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	s.ban(contributor(a), errPoison)
	if !k.n.isBanned(a) || k.n.isBanned(b) {
		t.Error("the loopback network is banned as a whole, or not at all")
	}
	for i := range 2 * maxBanned {
		s.ban(netip.AddrPortFrom(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), 0), errPoison)
	}
	if len(k.n.known.banned) != maxBanned {
		t.Errorf("%d bans are kept", len(k.n.known.banned))
	}
}

// TestEarlyHaves are kept until the metadata is known, within bounds.
func TestEarlyHaves(t *testing.T) {
	info := metadataInfo(t, 0)
	k := newTalk(t, Config{})
	n, err := New(Config{InfoHash: info.Hash20()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	k.n = n
	h := &wire.Handshake{InfoHash: info.Hash20(), PeerID: [20]byte{1}}
	k.in(spec.Opened{Conn: -1, Remote: memberAddr(9)})
	k.say(h, &wire.Message{Type: wire.Bitfield, Data: []byte{0b01000000}}, have(2), bare(wire.Unchoke))
	s := step{Node: n}
	s.learnTorrent(info)
	if c := n.connOf(-1); c.has.count != 2 || c.wants != 2 || len(c.asked) != 2 {
		t.Errorf("has %d, wants %d, asked %v", c.has.count, c.wants, c.asked)
	}

	k = newTalk(t, Config{})
	if k.n, err = New(Config{InfoHash: info.Hash20()}, 0); err != nil {
		t.Fatal(err)
	}
	k.in(spec.Opened{Conn: -1, Remote: memberAddr(9)})
	k.say(h)
	for i := range uint32(maxEarly) {
		k.say(have(i))
	}
	k.want(k.say(have(1)), "drop BEP03-PEER-020, close")
}
