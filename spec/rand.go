package spec

import (
	"math/bits"
	"math/rand/v2"
)

// Rand is the randomness of a machine: a ChaCha8 stream held by value, so that
// copying a machine copies its stream. Bounded draws and shuffles are defined
// here, not taken from a library, so that a trace recorded today replays with
// any later toolchain and can be reproduced in another language from
// c2sp.org/chacha8rand.
//
// The stream is as unpredictable as its seed. Secrets that must resist an
// attacker need a seed from the operating system.
type Rand struct{ src rand.ChaCha8 }

// NewRand returns the stream of the given seed.
func NewRand(seed [32]byte) Rand { return Rand{src: *rand.NewChaCha8(seed)} }

// Uint64 draws 64 bits.
func (r *Rand) Uint64() uint64 { return r.src.Uint64() }

// Below draws uniformly from [0, n) by Lemire's multiply-and-reject method.
// It panics when n is 0.
func (r *Rand) Below(n uint64) uint64 {
	if n == 0 {
		panic("spec: Below(0)")
	}
	hi, lo := bits.Mul64(r.Uint64(), n)
	if lo < n {
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul64(r.Uint64(), n)
		}
	}
	return hi
}

// Fill sets every byte of b, eight to a draw in little-endian order; the
// unused bytes of the last draw are discarded.
func (r *Rand) Fill(b []byte) {
	for len(b) > 0 {
		v := r.Uint64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(v)
			b, v = b[1:], v>>8
		}
	}
}

// Shuffle permutes n elements by Fisher–Yates from the end: for i = n-1 … 1
// it swaps i with Below(i+1).
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, int(r.Below(uint64(i+1))))
	}
}

// AppendState appends the position in the stream.
func (r *Rand) AppendState(b []byte) []byte {
	b, err := r.src.AppendBinary(b)
	if err != nil {
		panic("spec: ChaCha8 state: " + err.Error()) // documented never to fail
	}
	return b
}
