package mainline

import (
	"hash/crc32"
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
)

// SecureID returns random with the bits overwritten that BEP 42 ties to ip:
// the first 21 follow from the address and from the low three bits of the
// last byte, which stays as it is.
//
// BEP42-SEC-001
func SecureID(ip netip.Addr, random kademlia.ID) kademlia.ID {
	id := random
	crc := addressChecksum(ip, random[len(random)-1])
	id[0] = byte(crc >> 24)
	id[1] = byte(crc >> 16)
	id[2] = byte(crc>>8)&0xf8 | random[2]&0x07
	return id
}

// IsSecure reports whether a node at ip may have this id: local addresses may
// have any, others one that [SecureID] could return.
//
// BEP42-SEC-001, BEP42-SEC-006
func IsSecure(id kademlia.ID, ip netip.Addr) bool {
	return isLocal(ip) || id == SecureID(ip, id)
}

// isLocal reports whether BEP 42 exempts the address: it is not routed on the
// internet, so nobody outside can tell what it is. BEP42-SEC-006
func isLocal(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}

// addressChecksum is the CRC32-C of the masked address with r = random & 7 in
// its top three bits. An IPv4 address enters with its 4 bytes and an IPv6
// address with its upper 8; BEP 42's prose says 8 for both, but only this
// agrees with its code and its examples.
func addressChecksum(ip netip.Addr, random byte) uint32 {
	var masked [8]byte
	n := 8
	if ip = ip.Unmap(); ip.Is4() {
		b, mask := ip.As4(), [4]byte{0x03, 0x0f, 0x3f, 0xff}
		n = 4
		for i := range mask {
			masked[i] = b[i] & mask[i]
		}
	} else {
		b := ip.As16()
		for i := range masked {
			masked[i] = b[i] & (0xff >> (7 - i)) // 01 03 07 0f 1f 3f 7f ff
		}
	}
	masked[0] |= random & 7 << 5
	return crc32.Checksum(masked[:n], crc32.MakeTable(crc32.Castagnoli))
}
