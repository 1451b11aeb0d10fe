package bittorrent

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

// BEP06-FAST-020: the published vectors.
func TestAllowedFastVectors(t *testing.T) {
	file, err := vectors.Load("bep06")
	require.NoError(t, err)
	for _, v := range file.Vectors {
		ip, ok := netip.AddrFromSlice(v.Input.Bytes("address"))
		require.True(t, ok, v.Name)
		var want []int32
		for _, index := range v.Expect.List("set") {
			want = append(want, int32(binary.BigEndian.Uint32(index)))
		}
		got := AllowedFastSet([20]byte(v.Input.Bytes("info_hash")), ip,
			int32(v.Input.Int("pieces")), int32(v.Input.Int("k")))
		require.Equal(t, want, got, v.Name)
	}
}

// BEP06-FAST-020: a set has k different pieces, a larger one begins with it, a
// whole /24 network has the same, and IPv6 has none.
func TestAllowedFastSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := [20]byte(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "hash"))
		ip := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip"))
		pieces, k := rapid.Int32Range(0, 40).Draw(t, "pieces"), rapid.Int32Range(1, 20).Draw(t, "k")
		set := AllowedFastSet(hash, netip.AddrFrom4(ip), pieces, k)
		require.Len(t, set, int(min(k, pieces)))
		seen := map[int32]bool{}
		for _, i := range set {
			require.False(t, seen[i] || i < 0 || i >= pieces, "%v", set)
			seen[i] = true
		}
		more := AllowedFastSet(hash, netip.AddrFrom4(ip), pieces, k+1)
		require.Equal(t, set, more[:len(set):len(set)])
		ip[3]++
		require.Equal(t, set, AllowedFastSet(hash, netip.AddrFrom16(netip.AddrFrom4(ip).As16()), pieces, k))
		require.Nil(t, AllowedFastSet(hash, netip.MustParseAddr("2001:db8::1"), pieces, k))
	})
}
