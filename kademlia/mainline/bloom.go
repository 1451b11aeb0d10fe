package mainline

import (
	"crypto/sha1"
	"math/bits"
	"net/netip"
)

// FilterSize is the length in bytes of a scrape filter: m = 2048 bits.
const FilterSize = 256

// Filter is the bloom filter of BEP 33, a set of IP addresses with k = 2 hash
// functions. The zero value is the empty set.
type Filter [FilterSize]byte

// Insert adds the 4 or 16 bytes of ip: the two little-endian 16-bit words at
// the start of their SHA-1, modulo 2048, are the bits set.
//
// BEP33-SCRAPE-004
func (f *Filter) Insert(ip netip.Addr) {
	var hash [sha1.Size]byte
	if ip = ip.Unmap(); ip.Is4() {
		b := ip.As4()
		hash = sha1.Sum(b[:])
	} else {
		b := ip.As16()
		hash = sha1.Sum(b[:])
	}
	for i := 0; i < 4; i += 2 {
		bit := (uint(hash[i]) | uint(hash[i+1])<<8) % (8 * FilterSize)
		f[bit/8] |= 1 << (bit % 8)
	}
}

// EstimateScale is the unit of [Filter.Estimate]: 1/10,000 of an address.
const EstimateScale = 10_000

// Estimate is the likely number of addresses in the set, in units of
// 1/[EstimateScale], rounded down:
//
//	log(c/m) / (2·log(1-1/m)), where c = min(number of zero bits, m-1)
//
// An empty filter thus gives one half; a full one counts as one with a single
// zero bit. The logarithms are in fixed point, so that all machines agree on
// the result. BEP33-SCRAPE-010
func (f *Filter) Estimate() int64 {
	const m = 8 * FilterSize
	zeros := uint64(m)
	for _, b := range f {
		zeros -= uint64(bits.OnesCount8(b))
	}
	zeros = min(max(zeros, 1), m-1)
	hi, lo := bits.Mul64(log2(m)-log2(zeros), EstimateScale)
	n, _ := bits.Div64(hi, lo, 2*(log2(m)-log2(m-1)))
	return int64(n)
}

// log2 returns the binary logarithm of x > 0 with 52 fractional bits, each
// found by squaring the mantissa.
func log2(x uint64) uint64 {
	n := bits.Len64(x) - 1
	mantissa := x << (63 - n) // in [1, 2), with 63 fractional bits
	y := uint64(n)
	for range 52 {
		hi, lo := bits.Mul64(mantissa, mantissa) // in [1, 4), 62 fractional
		y <<= 1
		if hi>>63 == 1 {
			y, mantissa = y|1, hi
		} else {
			mantissa = hi<<1 | lo>>63
		}
	}
	return y
}
