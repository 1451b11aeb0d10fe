package chord

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// MaxBits is the width of an identifier, m in the paper: that of SHA-1.
const MaxBits = 160

// An ID is a point on the identifier circle: an unsigned number below 2^m, most
// significant byte first, so that in a small circle it reads as the paper's
// numbers do.
//
// CHORD-ID-001 (Chord §4.1).
type ID [MaxBits / 8]byte

// FromUint returns v as an identifier.
func FromUint(v uint64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[len(id)-8:], v)
	return id
}

// Hash maps a name or a key to the circle of n bits: the top n bits of its
// SHA-1 digest.
func Hash(b []byte, n int) ID {
	id := ID(sha1.Sum(b))
	return id.shiftRight(MaxBits - n)
}

// ParseID reads 40 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("chord: ID has %d digits, want %d", len(s), 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("chord: ID: %w", err)
	}
	return id, nil
}

// String returns 40 hexadecimal digits, or a decimal number where that is
// shorter: identifiers of at most 32 bits.
func (id ID) String() string {
	if id.Len() <= 32 {
		return fmt.Sprint(id.Uint())
	}
	return hex.EncodeToString(id[:])
}

// Uint returns the low 64 bits.
func (id ID) Uint() uint64 { return binary.BigEndian.Uint64(id[len(id)-8:]) }

// Len is the number of bits without leading zeros.
func (id ID) Len() int {
	for i, b := range id {
		if b != 0 {
			return 8*(len(id)-i-1) + bits.Len8(b)
		}
	}
	return 0
}

// Fits reports whether id lies on the circle of n bits.
func (id ID) Fits(n int) bool { return n >= MaxBits || id.Len() <= n }

// Cmp orders identifiers as numbers.
func (id ID) Cmp(other ID) int {
	a, b := binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint64(other[:])
	if a == b {
		return bytes.Compare(id[8:], other[8:])
	}
	return cmp.Compare(a, b)
}

// Between reports whether x lies strictly between a and b, going clockwise
// from a. Where a equals b that is the whole circle but the point itself.
//
// CHORD-ID-003 (Chord §4.2, "(a, b)").
func Between(a, x, b ID) bool {
	if a.Cmp(b) < 0 {
		return a.Cmp(x) < 0 && x.Cmp(b) < 0
	}
	return a.Cmp(x) < 0 || x.Cmp(b) < 0
}

// Owns reports whether key belongs to the node n whose predecessor is p: key in
// (p, n]. The only node of a ring owns the whole circle.
//
// CHORD-ID-002 (Chord §4.2, "successor(k)").
func Owns(p, key, n ID) bool { return key == n || Between(p, key, n) }

// AddPower returns id + 2^i on the circle of n bits: the start of finger i+1.
//
// CHORD-FINGER-001 (Chord §4.3, table 1).
func (id ID) AddPower(i, n int) ID {
	at, carry := len(id)-1-i/8, uint16(1)<<(i%8)
	for ; at >= 0 && carry > 0; at-- {
		carry += uint16(id[at])
		id[at] = byte(carry)
		carry >>= 8
	}
	return id.mask(n)
}

// Distance returns how far to is from id, going clockwise on the circle of n
// bits.
func (id ID) Distance(to ID, n int) ID {
	var borrow int
	for i := len(id) - 1; i >= 0; i-- {
		d := int(to[i]) - int(id[i]) - borrow
		to[i], borrow = byte(d), b2i(d < 0)
	}
	return to.mask(n)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mask clears the bits above the lowest n.
func (id ID) mask(n int) ID {
	above := MaxBits - n
	clear(id[:above/8])
	if above%8 > 0 {
		id[above/8] &= 0xff >> (above % 8)
	}
	return id
}

// shiftRight returns id divided by 2^n.
func (id ID) shiftRight(n int) ID {
	var out ID
	for i := range id {
		if to := i + n/8; to < len(out) {
			out[to] |= id[i] >> (n % 8)
			if to+1 < len(out) {
				out[to+1] |= byte(uint16(id[i]) << 8 >> (n % 8))
			}
		}
	}
	return out
}
