package bittorrent

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// PeerPriority is the canonical priority of a connection between two peers
// (BEP 40): both ends compute the same number, so that when each has more
// candidates than places they agree on which connections to keep, and the
// swarm becomes a random graph that nobody can steer. The larger number wins:
// BEP 40 leaves that open, and all implementations agree.
//
// Addresses that share a network are masked less, so that the choice among
// many addresses of one network depends on all of their bits.
//
// BEP40-PRIO-001, BEP40-PRIO-002
func PeerPriority(a, b netip.AddrPort) uint32 {
	ipA, ipB := a.Addr().Unmap(), b.Addr().Unmap()
	var x, y []byte
	switch {
	case ipA == ipB:
		x = binary.BigEndian.AppendUint16(nil, a.Port())
		y = binary.BigEndian.AppendUint16(nil, b.Port())
	case ipA.Is4() && ipB.Is4():
		x, y = masked(ipA.AsSlice(), ipB.AsSlice(), 2)
	default:
		x16, y16 := ipA.As16(), ipB.As16()
		x, y = masked(x16[:], y16[:], 6)
	}
	if bytes.Compare(x, y) > 0 {
		x, y = y, x
	}
	return crc32.Checksum(append(x, y...), crc32.MakeTable(crc32.Castagnoli))
}

// masked clears every other bit of two different addresses behind their first
// bytes: the network that strangers keep, or one byte more than what is common.
func masked(a, b []byte, network int) (x, y []byte) {
	for bytes.Equal(a[:network], b[:network]) {
		network++
	}
	for i := network; i < len(a); i++ {
		a[i] &= 0x55
		b[i] &= 0x55
	}
	return a, b
}
