package ggep

import (
	"bytes"
	"errors"
	"fmt"
)

// Magic is the first byte of a block (GN-GG-01).
const Magic = 0xc3

// Limits of a block.
const (
	MaxID         = 15          // bytes of a name: its length has four bits (GN-GG-01)
	MaxData       = 1<<18 - 1   // bytes of a value: its length has three chunks of six bits (GN-GG-03)
	MaxExtensions = 255         // of a block: ours, several times the number of names in use
	maxChunks     = 3           // of a length
	chunkBits     = 6           // of the length in each
	chunkMask     = 1<<6 - 1    // which they are
	chunkMore     = 0b1000_0000 // another chunk follows
	chunkLast     = 0b0100_0000 // none does
)

// The flags of an extension (GN-GG-02).
const (
	flagLast     = 1 << 7
	flagCOBS     = 1 << 6
	flagDeflate  = 1 << 5
	flagReserved = 1 << 4
	lengthOfID   = 1<<4 - 1
)

// Extension is one named value.
type Extension struct {
	ID   string // 1 to [MaxID] bytes without NUL; case matters (GN-GG-07)
	Data []byte // the value itself, at most [MaxData] bytes

	// How the value is written: without NUL, and compressed if that is shorter.
	COBS, Deflate bool
}

// ErrMalformed is wrapped by the errors of [Parse] and [Append], which name the
// extension, the offset and the rule.
var ErrMalformed = errors.New("ggep: malformed")

func malformed(at int, rule, format string, args ...any) error {
	return fmt.Errorf("%w: offset %d: "+format+" (%s)", append(append([]any{ErrMalformed, at}, args...), rule)...)
}

// Parse reads the block at the front of b, and says how many bytes it has. What is
// compressed may come to MaxData bytes in all. Values borrow from b where they are
// written as they are. With an error nothing was understood: extensions before the
// fault cannot be trusted to be such.
func Parse(b []byte) (block []Extension, n int, err error) {
	if len(b) == 0 || b[0] != Magic {
		return nil, 0, malformed(0, "GN-GG-01", "no block begins here")
	}
	left := MaxData // bytes that the block may inflate to
	for n = 1; ; {
		e, next, last, err := parseExtension(b, n, left)
		if err != nil {
			return nil, 0, err
		}
		block, n = append(block, e), next
		if e.Deflate {
			left -= len(e.Data)
		}
		switch {
		case last:
			return block, n, nil
		case len(block) == MaxExtensions:
			return nil, 0, malformed(n, "GN-GG-01", "more than %d extensions", MaxExtensions)
		}
	}
}

// Append appends a block to b, and with an error leaves it as it is. A block of
// nothing has no encoding: leave it out.
func Append(b []byte, block []Extension) ([]byte, error) {
	if len(block) == 0 || len(block) > MaxExtensions {
		return b, malformed(0, "GN-GG-01", "a block of %d extensions, want 1 to %d", len(block), MaxExtensions)
	}
	out := append(b, Magic)
	for i, e := range block {
		var err error
		if out, err = appendExtension(out, e, i == len(block)-1); err != nil {
			return b, err
		}
	}
	return out, nil
}

// Find returns the first extension of that name (GN-GG-06).
func Find(block []Extension, id string) (Extension, bool) {
	for _, e := range block {
		if e.ID == id {
			return e, true
		}
	}
	return Extension{}, false
}

func parseExtension(b []byte, at, left int) (e Extension, next int, last bool, err error) {
	if at >= len(b) {
		return e, 0, false, malformed(at, "GN-GG-02", "the block ends before its last extension")
	}
	flags := b[at]
	size := int(flags & lengthOfID)
	switch {
	case flags&flagReserved != 0:
		return e, 0, false, malformed(at, "GN-GG-02", "the reserved flag is set")
	case size == 0:
		return e, 0, false, malformed(at, "GN-GG-02", "a name without a letter")
	case len(b)-at-1 < size:
		return e, 0, false, malformed(at+1, "GN-GG-01", "a name of %d bytes, %d are left", size, len(b)-at-1)
	}
	id := b[at+1 : at+1+size]
	if bytes.IndexByte(id, 0) >= 0 {
		return e, 0, false, malformed(at+1, "GN-GG-01", "NUL in the name %q", id)
	}
	e = Extension{ID: string(id), COBS: flags&flagCOBS != 0, Deflate: flags&flagDeflate != 0}
	size, at, err = parseLength(b, at+1+size)
	if err != nil {
		return e, 0, false, err
	}
	if len(b)-at < size {
		return e, 0, false, malformed(at, "GN-GG-03", "%s has %d bytes, %d are left", e.ID, size, len(b)-at)
	}
	e.Data, err = e.decode(b[at:at+size:at+size], at, left)
	return e, at + size, flags&flagLast != 0, err
}

// parseLength reads chunks of six bits, the highest first.
func parseLength(b []byte, at int) (size, next int, err error) {
	for i := range maxChunks {
		if at+i >= len(b) {
			return 0, 0, malformed(at, "GN-GG-03", "the length is cut off")
		}
		chunk := b[at+i]
		size = size<<chunkBits | int(chunk&chunkMask)
		switch chunk &^ chunkMask {
		case chunkLast:
			return size, at + i + 1, nil
		case chunkMore:
		default:
			return 0, 0, malformed(at+i, "GN-GG-03", "%#02x is no chunk of a length", chunk)
		}
	}
	return 0, 0, malformed(at, "GN-GG-03", "a length of more than %d chunks", maxChunks)
}

// decode undoes what the flags say, last things first (GN-GG-04).
func (e *Extension) decode(data []byte, at, left int) ([]byte, error) {
	var err error
	if e.COBS {
		if data, err = uncobs(data); err != nil {
			return nil, malformed(at, "GN-GG-04", "%s: %v", e.ID, err)
		}
	}
	if e.Deflate {
		if data, err = inflate(data, left); err != nil {
			return nil, malformed(at, "GN-GG-04", "%s: %v", e.ID, err)
		}
	}
	return data, nil
}

func appendExtension(b []byte, e Extension, last bool) ([]byte, error) {
	switch {
	case len(e.ID) == 0 || len(e.ID) > MaxID || bytes.IndexByte([]byte(e.ID), 0) >= 0:
		return nil, malformed(len(b), "GN-GG-01", "the name %.20q, want 1 to %d bytes without NUL", e.ID, MaxID)
	case len(e.Data) > MaxData:
		return nil, malformed(len(b), "GN-GG-03", "%s has %d bytes, at most %d fit", e.ID, len(e.Data), MaxData)
	}
	flags, data := byte(len(e.ID)), e.Data
	if e.Deflate {
		if short := deflate(data); len(short) < len(data) {
			flags, data = flags|flagDeflate, short
		}
	}
	if e.COBS {
		flags, data = flags|flagCOBS, cobs(data)
	}
	if last {
		flags |= flagLast
	}
	if len(data) > MaxData {
		return nil, malformed(len(b), "GN-GG-03", "%s takes %d bytes, at most %d fit", e.ID, len(data), MaxData)
	}
	b = append(append(b, flags), e.ID...)
	return append(appendLength(b, len(data)), data...), nil
}

func appendLength(b []byte, size int) []byte {
	if size >= 1<<(2*chunkBits) {
		b = append(b, chunkMore|byte(size>>(2*chunkBits)))
	}
	if size >= 1<<chunkBits {
		b = append(b, chunkMore|byte(size>>chunkBits)&chunkMask)
	}
	return append(b, chunkLast|byte(size)&chunkMask)
}
