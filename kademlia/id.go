package kademlia

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/p2pspec/p2pspec/spec"
)

// MaxBits is the width of an identifier, "160-bit" in the paper's words.
const MaxBits = 160

// An ID is a node identifier, a key or an RPC identifier: an unsigned 160-bit
// number, most significant byte first. In a smaller identifier space of n bits
// the top n bits count and the rest are zero, so that distances, prefixes and
// orders are those of the n-bit space.
//
// KAD-METRIC-001 (Kademlia §2.1).
type ID [MaxBits / 8]byte

// ParseID reads 40 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("kademlia: ID has %d digits, want %d", len(s), 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("kademlia: ID: %w", err)
	}
	return id, nil
}

// FromUint returns v as an identifier of an n-bit space, 1 ≤ n ≤ 64: its low n
// bits become the top n bits of the ID.
func FromUint(v uint64, n int) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:8], v<<(64-n))
	return id
}

// RandomID draws an identifier of an n-bit space.
func RandomID(r *spec.Rand, n int) ID { return RandomWithPrefix(r, ID{}, 0, n) }

// RandomWithPrefix draws an identifier of an n-bit space whose first depth bits
// are those of prefix: a random member of a bucket's range.
func RandomWithPrefix(r *spec.Rand, prefix ID, depth, n int) ID {
	var id ID
	r.Fill(id[:])
	for i := range id {
		keep := lowMask(depth - 8*i) // bits that the draw decides
		valid := ^lowMask(n - 8*i)   // bits that belong to the space
		id[i] = (prefix[i]&^keep | id[i]&keep) & valid
	}
	return id
}

// lowMask returns a byte whose first n bits are 0 and the rest 1.
func lowMask(n int) byte { return byte(0xff >> min(max(n, 0), 8)) }

// String returns 40 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Bit returns bit i, 0 being the most significant.
func (id ID) Bit(i int) int { return int(id[i/8]>>(7-i%8)) & 1 }

// Flip returns id with bit i inverted.
func (id ID) Flip(i int) ID {
	id[i/8] ^= 0x80 >> (i % 8)
	return id
}

// Fits reports whether id belongs to an n-bit space.
func (id ID) Fits(n int) bool { return n == MaxBits || id.fits(n) }

func (id *ID) fits(n int) bool {
	for i := range id {
		if id[i]&lowMask(n-8*i) != 0 {
			return false
		}
	}
	return true
}

// Cmp orders identifiers as numbers.
func (id ID) Cmp(other ID) int { return bytes.Compare(id[:], other[:]) }

// Distance is the XOR metric, d(a, b) = a ⊕ b.
//
// KAD-METRIC-002, KAD-METRIC-003, KAD-METRIC-004 (Kademlia §2.1).
func Distance(a, b ID) ID {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

// Compare orders a and b by their distance to target: negative when a is
// closer. It is 0 only for equal identifiers, because XOR is unidirectional
// (KAD-METRIC-005).
func Compare(target, a, b ID) int { return compare(&target, &a, &b) }

// Closer reports whether a is strictly closer to target than b.
func Closer(target, a, b ID) bool { return compare(&target, &a, &b) < 0 }

// CommonPrefixLen counts the leading bits that a and b share; 160 when equal.
func CommonPrefixLen(a, b ID) int { return prefixLen(&a, &b) }

// compare is Compare without the copies. The common case ends in the first
// word.
func compare(target, a, b *ID) int {
	for _, at := range [...]int{0, 8} {
		t := binary.BigEndian.Uint64(target[at:])
		x := binary.BigEndian.Uint64(a[at:]) ^ t
		y := binary.BigEndian.Uint64(b[at:]) ^ t
		if x != y {
			if x < y {
				return -1
			}
			return 1
		}
	}
	t := binary.BigEndian.Uint32(target[16:])
	x := binary.BigEndian.Uint32(a[16:]) ^ t
	y := binary.BigEndian.Uint32(b[16:]) ^ t
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func prefixLen(a, b *ID) int {
	if x := high(a) ^ high(b); x != 0 {
		return bits.LeadingZeros64(x)
	}
	x := binary.BigEndian.Uint64(a[8:]) ^ binary.BigEndian.Uint64(b[8:])
	if x != 0 {
		return 64 + bits.LeadingZeros64(x)
	}
	return 128 + bits.LeadingZeros32(binary.BigEndian.Uint32(a[16:])^binary.BigEndian.Uint32(b[16:]))
}

// same reports equality. Identifiers that differ nearly always do so at once.
func same(a, b *ID) bool { return high(a) == high(b) && *a == *b }

// high is the most significant word, enough to tell most identifiers apart.
func high(id *ID) uint64 { return binary.BigEndian.Uint64(id[:8]) }
