package bittorrent

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"slices"
)

// AllowedFastSet generates the canonical allowed fast set (BEP 6): the k
// pieces that the peer at addr may ask for while it is choked, so that a
// newcomer gets something to trade with. All uploaders compute the same set
// for one /24 network; connecting to many of them brings no further pieces.
//
// BEP 6 gives no set to IPv6 addresses: the result is nil. A torrent of fewer
// than k pieces allows them all.
//
// BEP06-FAST-020 (BEP 6 §Allowed Fast Set Generation)
func AllowedFastSet(infoHash [20]byte, addr netip.Addr, pieces, k int32) []int32 {
	if addr = addr.Unmap(); !addr.Is4() || pieces <= 0 {
		return nil
	}
	k = min(k, pieces)
	ip := addr.As4()
	ip[3] = 0
	x := sha1.Sum(append(ip[:], infoHash[:]...))
	var set []int32
	for {
		for i := 0; i < len(x); i += 4 {
			if int32(len(set)) >= k {
				return set
			}
			if piece := int32(binary.BigEndian.Uint32(x[i:]) % uint32(pieces)); !slices.Contains(set, piece) {
				set = append(set, piece)
			}
		}
		x = sha1.Sum(x[:])
	}
}
