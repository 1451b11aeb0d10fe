package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/p2pspec/p2pspec/spec"
)

// GUID names a descriptor, and a servent.
type GUID [16]byte

// Fresh reports the marks of a GUID that a modern servent has made: its byte 8 is
// ff, its byte 15 is 00 (GN-HD-04).
func (g GUID) Fresh() bool { return g[8] == 0xff && g[15] == 0 }

// NewGUID makes one of random bytes (GN-HD-04).
func NewGUID(random *spec.Rand) (g GUID) {
	random.Fill(g[:])
	g[8], g[15] = 0xff, 0
	return g
}

// Type says what a descriptor is for (GN-HD-06).
type Type byte

// The types in use.
const (
	TypePing           Type = 0x00
	TypePong           Type = 0x01
	TypeBye            Type = 0x02
	TypeQRP            Type = 0x30
	TypeVendor         Type = 0x31
	TypeStandardVendor Type = 0x32
	TypePush           Type = 0x40
	TypeQuery          Type = 0x80
	TypeQueryHit       Type = 0x81
)

// String is the type's name in the documents.
func (t Type) String() string {
	switch t {
	case TypePing:
		return "Ping"
	case TypePong:
		return "Pong"
	case TypeBye:
		return "Bye"
	case TypeQRP:
		return "Route Table Update"
	case TypeVendor:
		return "Vendor"
	case TypeStandardVendor:
		return "Standard Vendor"
	case TypePush:
		return "Push"
	case TypeQuery:
		return "Query"
	case TypeQueryHit:
		return "QueryHit"
	}
	return fmt.Sprintf("type %#02x", byte(t))
}

// Limits of a stream.
const (
	HeaderSize   = 23      // bytes before a payload (GN-HD-01)
	MaxPayload   = 1 << 16 // bytes: nobody makes larger hits (GN-QH-11)
	MaxHandshake = 8 << 10 // bytes of one side's lines: ours, several times what servents send
	MaxHeaders   = 64      // of one side's: ours
)

// Descriptor is one message after the handshake (GN-HD-01).
type Descriptor struct {
	GUID      GUID
	Type      Type
	TTL, Hops uint8
	Payload   []byte
}

// IsMessage makes a descriptor a message of a stream.
func (Descriptor) IsMessage() {}

// ErrMalformed is wrapped by all errors of this package.
var ErrMalformed = errors.New("gnutella: malformed")

func malformed(what string, at int, clause, format string, args ...any) error {
	return fmt.Errorf("%w: %s, offset %d: %s (%s)", ErrMalformed, what, at, fmt.Sprintf(format, args...), clause)
}

// Append appends the descriptor. Multi-byte integers are little-endian, here and
// in all payloads (GN-HD-02).
func (d *Descriptor) Append(b []byte) ([]byte, error) {
	if len(d.Payload) > MaxPayload {
		return b, malformed(d.Type.String(), HeaderSize, "GN-QH-11", "a payload of %d bytes, at most %d are sent",
			len(d.Payload), MaxPayload)
	}
	b = append(append(b, d.GUID[:]...), byte(d.Type), d.TTL, d.Hops)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.Payload)))
	return append(b, d.Payload...), nil
}

// ParseDescriptor reads the descriptor at the front of b and says how many bytes
// it takes: 0 while b holds only its beginning. The payload borrows from b.
func ParseDescriptor(b []byte) (d Descriptor, n int, err error) {
	if len(b) < HeaderSize {
		return d, 0, nil
	}
	size := binary.LittleEndian.Uint32(b[19:])
	d = Descriptor{GUID: GUID(b[:16]), Type: Type(b[16]), TTL: b[17], Hops: b[18]}
	if size > MaxPayload {
		return d, 0, malformed(d.Type.String(), 19, "GN-HD-15", "a payload of %d bytes, at most %d are read: "+
			"the stream may have lost its place", size, MaxPayload)
	}
	n = HeaderSize + int(size)
	if len(b) < n {
		return d, 0, nil
	}
	d.Payload = b[HeaderSize:n:n]
	return d, n, nil
}
