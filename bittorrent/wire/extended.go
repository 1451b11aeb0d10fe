package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// AppendUploadOnly appends the payload of a message of upload_only: one byte,
// 1 if the sender wants no pieces. No document has it; libtorrent and others
// send it when the value of the handshake changes.
func AppendUploadOnly(b []byte, on bool) []byte {
	if on {
		return append(b, 1)
	}
	return append(b, 0)
}

// ParseUploadOnly reads the payload of a message of upload_only. The error is
// an *[Error].
func ParseUploadOnly(payload []byte) (on bool, err error) {
	if len(payload) != 1 {
		return false, &Error{"BEP21-PART-001",
			fmt.Sprintf("upload_only of %d bytes, where 1 belongs", len(payload))}
	}
	return payload[0] != 0, nil
}

// AppendDontHave appends the payload of a message of lt_donthave: the index of
// a piece that the sender no longer has. BEP54-DH-001
func AppendDontHave(b []byte, index uint32) []byte {
	return binary.BigEndian.AppendUint32(b, index)
}

// ParseDontHave reads the payload of a message of lt_donthave. The error is an
// *[Error]. BEP54-DH-001
func ParseDontHave(payload []byte) (index uint32, err error) {
	if len(payload) != 4 {
		return 0, &Error{"BEP54-DH-001",
			fmt.Sprintf("lt_donthave of %d bytes, where 4 belong", len(payload))}
	}
	return binary.BigEndian.Uint32(payload), nil
}

// HolepunchType is the msg_type of a message of ut_holepunch.
type HolepunchType uint8

// The messages of BEP 55.
const (
	HolepunchRendezvous HolepunchType = 0 // connect me with the peer at Addr
	HolepunchConnect    HolepunchType = 1 // begin a uTP connection to Addr
	HolepunchFailed     HolepunchType = 2 // the rendezvous with Addr failed
)

// HolepunchError says why a rendezvous failed.
type HolepunchError uint32

// The error codes of BEP 55. BEP55-HP-002
const (
	HolepunchNoSuchPeer   HolepunchError = 1 // the address is invalid
	HolepunchNotConnected HolepunchError = 2 // the relay has no connection to it
	HolepunchNoSupport    HolepunchError = 3 // the target does not know the extension
	HolepunchNoSelf       HolepunchError = 4 // the target is the relay itself
)

// Holepunch is the payload of a message of ut_holepunch (BEP 55).
type Holepunch struct {
	Type HolepunchType
	Addr netip.AddrPort
	Err  HolepunchError // 0 unless Type is HolepunchFailed
}

// Address types, and the lengths of the payloads that have them.
const (
	holepunchIPv4, holepunchIPv6       = 0, 1
	holepunchIPv4Len, holepunchIPv6Len = 1 + 1 + 4 + 2 + 4, 1 + 1 + 16 + 2 + 4
)

// Append appends the payload. Addr must be valid. BEP55-HP-005
func (h *Holepunch) Append(b []byte) []byte {
	kind := byte(holepunchIPv4)
	if familyOf(h.Addr) != 0 {
		kind = holepunchIPv6
	}
	b = append(b, byte(h.Type), kind)
	b = appendCompact(b, h.Addr)
	return binary.BigEndian.AppendUint32(b, uint32(h.Err))
}

// ParseHolepunch reads the payload of a message of ut_holepunch. The error is
// an *[Error]. BEP55-HP-005
func ParseHolepunch(payload []byte) (Holepunch, error) {
	ipv4 := len(payload) == holepunchIPv4Len && payload[1] == holepunchIPv4
	ipv6 := len(payload) == holepunchIPv6Len && payload[1] == holepunchIPv6
	if !ipv4 && !ipv6 {
		return Holepunch{}, &Error{"BEP55-HP-005",
			fmt.Sprintf("ut_holepunch of %d bytes; with address type 0 it has %d, with 1 it has %d",
				len(payload), holepunchIPv4Len, holepunchIPv6Len)}
	}
	tail := payload[len(payload)-6:]
	ip, _ := netip.AddrFromSlice(payload[2 : len(payload)-6])
	return Holepunch{
		Type: HolepunchType(payload[0]),
		Addr: netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(tail)),
		Err:  HolepunchError(binary.BigEndian.Uint32(tail[2:])),
	}, nil
}
