package wire

import (
	"encoding/binary"
	"net/netip"
)

// Pong tells of a servent: its sender, or one that the sender knows (GN-PG-02).
// Payloads of pings are empty, or a GGEP block (GN-PG-01).
type Pong struct {
	Addr             netip.AddrPort // IPv4; port 0 marks a host behind a firewall (GN-PG-14)
	Files, Kilobytes uint32         // that it shares
	GGEP             []byte         // a block, or nothing
}

const pongSize = 14

// Append appends the payload.
func (p *Pong) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, p.Addr.Port())
	b = appendIPv4(b, p.Addr.Addr())
	b = binary.LittleEndian.AppendUint32(b, p.Files)
	b = binary.LittleEndian.AppendUint32(b, p.Kilobytes)
	return append(b, p.GGEP...)
}

// ParsePong reads a payload, from which GGEP borrows.
func ParsePong(b []byte) (p Pong, err error) {
	if len(b) < pongSize {
		return p, malformed("Pong", len(b), "GN-PG-02", "%d bytes, want at least %d", len(b), pongSize)
	}
	return Pong{
		Addr:  netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[2:6])), binary.LittleEndian.Uint16(b)),
		Files: binary.LittleEndian.Uint32(b[6:]), Kilobytes: binary.LittleEndian.Uint32(b[10:]),
		GGEP: b[pongSize:],
	}, nil
}

// Ultrapeer reports the mark of an ultrapeer's pong: its kilobytes are a power of
// two, 8 at least (GN-PG-10).
func (p *Pong) Ultrapeer() bool { return p.Kilobytes >= 8 && p.Kilobytes&(p.Kilobytes-1) == 0 }

// appendIPv4 writes four bytes in network order: zeros for what is no IPv4
// address.
func appendIPv4(b []byte, ip netip.Addr) []byte {
	if ip = ip.Unmap(); !ip.Is4() {
		return append(b, 0, 0, 0, 0)
	}
	octets := ip.As4()
	return append(b, octets[:]...)
}
