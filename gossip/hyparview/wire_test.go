package hyparview

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawAddr(t *rapid.T) netip.AddrPort {
	n := rapid.SampledFrom([]int{4, 16}).Draw(t, "family")
	a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
	return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
}

func drawMessage(t *rapid.T) spec.Message {
	a, ttl, yes := drawAddr(t), rapid.Uint8().Draw(t, "TTL"), rapid.Bool().Draw(t, "yes")
	peers := []netip.AddrPort{}
	for range rapid.IntRange(0, 8).Draw(t, "peers") {
		peers = append(peers, drawAddr(t))
	}
	return rapid.SampledFrom([]spec.Message{
		Join{a}, ForwardJoin{a, ttl}, Neighbor{a, yes}, NeighborReply{yes}, Disconnect{},
		Shuffle{a, ttl, peers}, ShuffleReply{peers},
	}).Draw(t, "message")
}

// What is written on a stream is read again, message by message, however it is
// cut into pieces.
func TestStreamRoundTrip(t *testing.T) {
	codec := Stream{Codec{}, MaxMessage}
	rapid.Check(t, func(t *rapid.T) {
		first, second := drawMessage(t), drawMessage(t)
		one, err := codec.AppendMessage([]byte("prefix"), first)
		require.NoError(t, err)
		one = one[len("prefix"):]
		both, err := codec.AppendMessage(one, second)
		require.NoError(t, err)
		d := codec.Decoder()
		for cut := range one {
			m, n, err := d.Decode(one[:cut])
			require.NoError(t, err)
			require.Zero(t, n)
			require.Nil(t, m)
		}
		m, n, err := d.Decode(both)
		require.NoError(t, err)
		require.Equal(t, len(one), n)
		require.Equal(t, first, m)
		m, n, err = d.Decode(both[n:])
		require.NoError(t, err)
		require.Equal(t, len(both)-len(one), n)
		require.Equal(t, second, m)
	})
}

// One encoding of each shape, written out: other implementations can compare.
func TestWireBytes(t *testing.T) {
	p4, p6 := netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("[::1]:8081")
	at4, at6 := "047f0000011f90", "06"+strings.Repeat("00", 15)+"011f91"
	for want, m := range map[string]spec.Message{
		"01" + at4:                           Join{p4},
		"02" + at6 + "06":                    ForwardJoin{p6, 6},
		"03" + at4 + "01":                    Neighbor{p4, true},
		"0400":                               NeighborReply{false},
		"05":                                 Disconnect{},
		"06" + at4 + "05" + "02" + at6 + at4: Shuffle{p4, 5, []netip.AddrPort{p6, p4}},
		"0700":                               ShuffleReply{[]netip.AddrPort{}},
	} {
		b, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), "%T", m)
		got, err := Codec{}.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

func TestWireRefuses(t *testing.T) {
	at4 := "047f0000011f90"
	for encoded, want := range map[string]string{
		"":                  "offset 0: type needs 1 bytes, 0 are left",
		"00":                "offset 0: unknown type 0",
		"0100":              "offset 1: peer: address family 0, want 4 or 6",
		"0105":              "offset 1: peer: address family 5, want 0, 4 or 6",
		"01047f00":          "offset 2: peer needs 4 bytes, 2 are left",
		"01" + at4 + "00":   "offset 8: 1 bytes too many",
		"03" + at4 + "02":   "offset 8: priority is 2, want 0 or 1",
		"0402":              "offset 1: accepted is 2, want 0 or 1",
		"06" + at4 + "0641": "offset 9: 65 peers, at most 64 fit",
		"0702" + at4:        "offset 9: peer needs 1 bytes, 0 are left",
	} {
		b, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		m, err := Codec{}.ParseMessage(b)
		require.ErrorIs(t, err, ErrEncoding, encoded)
		require.ErrorContains(t, err, want)
		require.Nil(t, m)
		framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
		_, n, err := Stream{Codec{}, MaxMessage}.Decoder().Decode(framed)
		require.ErrorIs(t, err, ErrEncoding)
		require.Zero(t, n)
	}
	for _, m := range []spec.Message{
		Join{}, Join{netip.MustParseAddrPort("[fe80::1%eth0]:1")},
		ShuffleReply{make([]netip.AddrPort, maxWirePeers+1)}, nil,
	} {
		b, err := Stream{Codec{}, MaxMessage}.AppendMessage([]byte("as it was"), m)
		require.ErrorIs(t, err, ErrEncoding, "%T", m)
		require.Equal(t, "as it was", string(b))
	}
	_, _, err := Stream{Codec{}, MaxMessage}.Decoder().Decode([]byte{0, 0, 0xff, 0xff})
	require.ErrorContains(t, err, "a message of 65535 bytes, at most 1238 fit", "before it has come")
	_, err = Stream{Codec{}, 3}.AppendMessage(nil, Join{netip.MustParseAddrPort("127.0.0.1:1")})
	require.ErrorContains(t, err, "a message of 8 bytes, at most 3 fit")
}
