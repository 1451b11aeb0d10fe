package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Push asks a servent behind a firewall to dial (GN-PU-01).
type Push struct {
	ServentID GUID
	Index     uint32
	Addr      netip.AddrPort // IPv4, of who wants the file
	GGEP      []byte
}

const pushSize = 26

// Append appends the payload.
func (p *Push) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, p.ServentID[:]...), p.Index)
	b = appendIPv4(b, p.Addr.Addr())
	b = binary.LittleEndian.AppendUint16(b, p.Addr.Port())
	return append(b, p.GGEP...)
}

// ParsePush reads a payload, from which GGEP borrows.
func ParsePush(b []byte) (p Push, err error) {
	if len(b) < pushSize {
		return p, malformed("Push", len(b), "GN-PU-01", "%d bytes, want at least %d", len(b), pushSize)
	}
	return Push{
		ServentID: GUID(b[:16]), Index: binary.LittleEndian.Uint32(b[16:]), GGEP: b[pushSize:],
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[20:24])), binary.LittleEndian.Uint16(b[24:])),
	}, nil
}

// Bye says why the sender is about to close (GN-BY-01).
type Bye struct {
	Code    uint16
	Text    []byte // of one line
	Headers []byte // the lines behind it, as they were sent; empty in the short form
}

// The codes of a Bye (GN-BY-08).
const (
	ByeExit            uint16 = 200
	ByeClosedByUser    uint16 = 201
	ByeTooBig          uint16 = 400
	ByeDuplicates      uint16 = 401
	ByeBadQueries      uint16 = 402
	ByeTTL             uint16 = 403
	ByeUnknownMessages uint16 = 404
	ByeIdle            uint16 = 405
	ByeNoPong          uint16 = 406
	ByeSharesTooLittle uint16 = 407
	ByeIOError         uint16 = 500
	ByeDesynchronized  uint16 = 501
	ByeSendQueueFull   uint16 = 502
)

const (
	minBye   = 3 // code and NUL
	byeText  = 2 // where the text begins
	maxBye   = 4 << 10
	lineEnd  = "\r\n"
	byeWants = "%d bytes, want a code and a text that NUL ends, at most %d"
)

// Append appends the payload: the long form if there are headers (GN-BY-09).
func (y *Bye) Append(b []byte) []byte {
	b = append(binary.LittleEndian.AppendUint16(b, y.Code), y.Text...)
	if len(y.Headers) > 0 {
		b = append(append(b, lineEnd...), y.Headers...)
	}
	return append(b, 0)
}

// ParseBye reads a payload, from which the result borrows.
func ParseBye(b []byte) (y Bye, err error) {
	end := bytes.IndexByte(b[min(byeText, len(b)):], 0)
	if len(b) < minBye || end < 0 || len(b) > maxBye {
		return y, malformed("Bye", len(b), "GN-BY-01", byeWants, len(b), maxBye)
	}
	y = Bye{Code: binary.LittleEndian.Uint16(b), Text: b[byeText : byeText+end]}
	if i := bytes.Index(y.Text, []byte(lineEnd)); i >= 0 {
		y.Text, y.Headers = y.Text[:i], y.Text[i+len(lineEnd):]
	}
	return y, nil
}

// VendorMessage is a message of one vendor's, or one that has become a standard
// (GN-VE-01).
type VendorMessage struct {
	Vendor            [4]byte
	Selector, Version uint16
	Data              []byte
}

const vendorSize = 8

// Append appends the payload.
func (v *VendorMessage) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, v.Vendor[:]...), v.Selector)
	return append(binary.LittleEndian.AppendUint16(b, v.Version), v.Data...)
}

// ParseVendorMessage reads a payload, from which Data borrows.
func ParseVendorMessage(b []byte) (v VendorMessage, err error) {
	if len(b) < vendorSize {
		return v, malformed("Vendor", len(b), "GN-VE-01", "%d bytes, want at least %d", len(b), vendorSize)
	}
	return VendorMessage{
		Vendor: [4]byte(b), Selector: binary.LittleEndian.Uint16(b[4:]), Version: binary.LittleEndian.Uint16(b[6:]),
		Data: b[vendorSize:],
	}, nil
}
