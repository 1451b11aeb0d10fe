package bittorrent

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

// BEP40-PRIO-001, BEP40-PRIO-002: the published vectors, from both ends.
func TestPeerPriorityVectors(t *testing.T) {
	file, err := vectors.Load("bep40")
	require.NoError(t, err)
	for _, v := range file.Vectors {
		addr := func(address, port string) netip.AddrPort {
			ip, ok := netip.AddrFromSlice(v.Input.Bytes(address))
			require.True(t, ok, v.Name)
			return netip.AddrPortFrom(ip, uint16(v.Input.Int(port)))
		}
		own, peer := addr("address", "port"), addr("peer_address", "peer_port")
		want := binary.BigEndian.Uint32(v.Expect.Bytes("priority"))
		require.Equal(t, want, PeerPriority(own, peer), v.Name)
		require.Equal(t, want, PeerPriority(peer, own), v.Name)
	}
}

// BEP40-PRIO-001: both ends agree, whatever their addresses are, and the form
// in which an IPv4 address comes does not matter.
func TestPeerPriorityIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := func(name string) netip.AddrPort {
			size := rapid.SampledFrom([]int{4, 16}).Draw(t, name+" size")
			ip, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, name))
			return netip.AddrPortFrom(ip, rapid.Uint16().Draw(t, name+" port"))
		}
		a, b := addr("a"), addr("b")
		require.Equal(t, PeerPriority(a, b), PeerPriority(b, a))
		mapped := netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
		require.Equal(t, PeerPriority(a, b), PeerPriority(mapped, b))
	})
}
