package qrp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by all errors of this package, which name the field and
// the rule.
var ErrMalformed = errors.New("qrp: malformed")

// Message is the payload of a descriptor of type 0x30 (GN-UQ-08): [Reset] or
// [Patch].
type Message interface{ isMessage() }

// Reset begins a table anew (GN-UQ-09).
type Reset struct {
	Slots    uint32
	Infinity uint8
}

// Patch is a part of a change to a table (GN-UQ-10).
type Patch struct {
	Seq, Of   uint8 // which part, from 1, of how many
	Deflated  bool  // all parts together are a zlib stream
	EntryBits uint8 // of a slot's difference: 2, 4 or 8; 1 for its flip
	Data      []byte
}

func (Reset) isMessage() {}
func (Patch) isMessage() {}

// The first byte of a message.
const (
	variantReset = 0
	variantPatch = 1
)

const (
	resetSize   = 6
	patchHeader = 5
)

// Append appends the payload of m.
func Append(b []byte, m Message) []byte {
	switch m := m.(type) {
	case Reset:
		b = append(b, variantReset)
		b = binary.LittleEndian.AppendUint32(b, m.Slots)
		return append(b, m.Infinity)
	case Patch:
		compressor := byte(0)
		if m.Deflated {
			compressor = 1
		}
		return append(append(b, variantPatch, m.Seq, m.Of, compressor, m.EntryBits), m.Data...)
	}
	panic(fmt.Sprintf("qrp: message %T", m))
}

// Parse reads a payload. The data of a patch borrows from b.
func Parse(b []byte) (Message, error) {
	switch {
	case len(b) == 0:
		return nil, fmt.Errorf("%w: no payload (GN-UQ-08)", ErrMalformed)
	case b[0] == variantReset && len(b) != resetSize:
		return nil, fmt.Errorf("%w: RESET of %d bytes, want %d (GN-UQ-09)", ErrMalformed, len(b), resetSize)
	case b[0] == variantReset:
		return Reset{binary.LittleEndian.Uint32(b[1:]), b[5]}, nil
	case b[0] != variantPatch:
		return nil, fmt.Errorf("%w: variant %d, want 0 or 1 (GN-UQ-08)", ErrMalformed, b[0])
	case len(b) < patchHeader:
		return nil, fmt.Errorf("%w: PATCH of %d bytes, want at least %d (GN-UQ-10)", ErrMalformed, len(b), patchHeader)
	case b[3] > 1:
		return nil, fmt.Errorf("%w: compressor %d, want 0 or 1 (GN-UQ-11)", ErrMalformed, b[3])
	}
	return Patch{Seq: b[1], Of: b[2], Deflated: b[3] == 1, EntryBits: b[4], Data: b[patchHeader:]}, nil
}
