package sim

import (
	"math/bits"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Dist is a distribution of durations, drawn with integer arithmetic alone.
// The zero value always draws zero.
type Dist struct {
	kind   distKind
	lo, hi time.Duration
}

type distKind uint8

const (
	constant distKind = iota
	uniform
	exponential
	logNormal
)

// Constant always draws d.
func Constant(d time.Duration) Dist { return Dist{constant, d, d} }

// Uniform draws from [lo, hi], both included.
func Uniform(lo, hi time.Duration) Dist {
	if hi < lo {
		panic("sim: Uniform: hi before lo")
	}
	return Dist{uniform, lo, hi}
}

// Exponential draws memoryless durations of the given mean.
func Exponential(mean time.Duration) Dist { return HalfLife(scale(mean, ln2)) }

// HalfLife draws memoryless durations of which half exceed h: the session
// times of a population that loses half its members every h.
func HalfLife(h time.Duration) Dist { return Dist{exponential, h, 0} }

// LogNormal draws around the given median with a long tail, as Internet
// round trips have it: the logarithm is normal with a deviation of 1/2, cut
// off at the quantiles 0.001 (0.21 medians) and 0.999 (4.7 medians).
func LogNormal(median time.Duration) Dist { return Dist{logNormal, median, 0} }

// Draw returns the next duration; it takes one number from r, or more when a
// uniform draw is rejected, and none for a constant.
func (d Dist) Draw(r *spec.Rand) time.Duration {
	switch d.kind {
	case uniform:
		return d.lo + time.Duration(r.Below(uint64(d.hi-d.lo)+1))
	case exponential:
		return scale(d.lo, negLog2(r.Uint64()))
	case logNormal:
		u := r.Uint64()
		cell, frac := u>>58, u<<6>>32
		low, high := logNormalQuantile(cell), logNormalQuantile(cell+1)
		return scale(d.lo, low+(high-low)*frac>>32)
	default:
		return d.lo
	}
}

// one is 1 as a fixed-point number with 32 binary places.
const one = 1 << 32

// ln2 is the natural logarithm of 2.
const ln2 = 2977044472

// scale returns d·factor for a fixed-point factor; d is not negative.
func scale(d time.Duration, factor uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(d), factor)
	return time.Duration(hi<<32 | lo>>32)
}

// negLog2 returns −log2 of (u+1)/2^64 as a fixed-point number: the whole part
// from the leading zeros, then a binary place for each squaring.
func negLog2(u uint64) uint64 {
	if u == 1<<64-1 {
		return 0
	}
	u++
	zeros := bits.LeadingZeros64(u)
	x := u << zeros // in [1, 2) with 63 places
	var frac uint64
	for range 32 {
		hi, lo := bits.Mul64(x, x) // in [1, 4) with 126 places
		frac <<= 1
		if hi>>63 == 1 {
			frac |= 1
			x = hi
		} else {
			x = hi<<1 | lo>>63
		}
	}
	return uint64(zeros+1)*one - frac
}
