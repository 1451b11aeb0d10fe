package chord

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawID(t *rapid.T, name string) ID {
	return ID(rapid.SliceOfN(rapid.Byte(), len(ID{}), len(ID{})).Draw(t, name))
}

func drawPeer(t *rapid.T) Peer {
	p := Peer{ID: drawID(t, "peer")}
	if n := rapid.SampledFrom([]int{0, 4, 16}).Draw(t, "family"); n > 0 {
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
		p.Addr = netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
	}
	return p
}

func drawMessage(t *rapid.T) spec.Message {
	h := Header{rapid.Uint32().Draw(t, "rpc"), drawID(t, "sender")}
	id, hops := drawID(t, "id"), rapid.Uint16().Draw(t, "hops")
	list := func() []Peer {
		peers := []Peer{}
		for range rapid.IntRange(0, 5).Draw(t, "peers") {
			peers = append(peers, drawPeer(t))
		}
		return peers
	}
	return rapid.SampledFrom([]spec.Message{
		Ping{h}, Pong{h}, GetNeighbors{h}, Busy{h}, Notify{h}, Leaving{h, drawPeer(t)},
		Neighbors{h, drawPeer(t), list()}, ClosestPreceding{h, id}, Step{h, list(), list()},
		FindSuccessor{h, drawPeer(t), id, hops}, FoundSuccessor{h, drawPeer(t), hops},
	}).Draw(t, "message")
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := Codec{}.AppendMessage([]byte("prefix"), m)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(b, []byte("prefix")))
		got, err := Codec{}.ParseMessage(b[6:])
		require.NoError(t, err)
		require.Equal(t, m, got)
		for cut := range len(b) - 6 {
			_, err := Codec{}.ParseMessage(b[6 : 6+cut])
			require.ErrorIs(t, err, ErrEncoding, "the first %d bytes", cut)
		}
	})
}

// One encoding of each shape, written out: other implementations can compare.
//
// CHORD-RPC-001.
func TestWireBytes(t *testing.T) {
	h := Header{RPC: 0xaabbccdd, Sender: ID{0: 0xbb, 19: 0x02}}
	head := "aabbccdd" + "bb" + strings.Repeat("00", 18) + "02"
	key := "cc" + strings.Repeat("00", 18) + "03"
	p4 := Peer{ID{0: 0xcc, 19: 0x03}, netip.MustParseAddrPort("127.0.0.1:8080")}
	p6 := Peer{ID{0: 0xcc, 19: 0x03}, netip.MustParseAddrPort("[::1]:8081")}
	p0 := Peer{ID: ID{0: 0xcc, 19: 0x03}}
	at4, at6 := key+"04"+"7f000001"+"1f90", key+"06"+strings.Repeat("00", 15)+"01"+"1f91"
	for want, m := range map[string]spec.Message{
		"4301" + head:       Ping{h},
		"4381" + head:       Pong{h},
		"4302" + head:       GetNeighbors{h},
		"4383" + head:       Busy{h},
		"4303" + head:       Notify{h},
		"4304" + head + at4: Leaving{h, p4},
		"4382" + head + key + "00" + "02" + at4 + at6: Neighbors{h, p0, []Peer{p4, p6}},
		"4305" + head + key:                           ClosestPreceding{h, p0.ID},
		"4385" + head + "00" + "01" + at6:             Step{h, []Peer{}, []Peer{p6}},
		"4306" + head + key + "00" + key + "0102":     FindSuccessor{h, p0, p0.ID, 0x102},
		"4386" + head + at4 + "0003":                  FoundSuccessor{h, p4, 3},
	} {
		b, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), "%T", m)
		got, err := Codec{}.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

// CHORD-RPC-001.
func TestWireRefuses(t *testing.T) {
	id := strings.Repeat("00", 20)
	head := "00000001" + id
	for encoded, want := range map[string]string{
		"":                                  "offset 0: magic needs 1 bytes, 0 are left",
		"4b01" + head:                       "offset 0: magic 0x4b, want 0x43",
		"4300" + head:                       "offset 1: unknown type 0",
		"430100":                            "offset 2: RPC identifier needs 4 bytes, 1 are left",
		"4301" + head + "00":                "offset 26: 1 bytes too many",
		"4305" + head + "00":                "offset 26: key needs 20 bytes, 1 are left",
		"4382" + head + id + "05":           "offset 46: predecessor: address family 5, want 0, 4 or 6",
		"4382" + head + id + "0041":         "offset 47: 65 successors, at most 64 fit",
		"4382" + head + id + "0002" + id:    "offset 68: successors needs 1 bytes, 0 are left",
		"4386" + head + id + "047f0000":     "offset 47: owner needs 4 bytes, 3 are left",
		"4386" + head + id + "047f00000101": "offset 51: owner needs 2 bytes, 1 are left",
	} {
		b, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		m, err := Codec{}.ParseMessage(b)
		require.ErrorIs(t, err, ErrEncoding)
		require.ErrorContains(t, err, want)
		require.Nil(t, m)
	}
	zoned := Peer{Addr: netip.MustParseAddrPort("[fe80::1%eth0]:1")}
	for _, m := range []spec.Message{
		Step{Preceding: make([]Peer, maxWirePeers+1)},
		Neighbors{Successors: []Peer{zoned}},
		Leaving{Predecessor: Peer{Addr: netip.AddrPortFrom(netip.Addr{}, 1)}},
		nil,
	} {
		_, err := Codec{}.AppendMessage(nil, m)
		require.ErrorIs(t, err, ErrEncoding, "%T", m)
	}
}
