package chord

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Between is what a walk around a small circle meets. CHORD-ID-003.
func TestBetweenIsTheWalk(t *testing.T) {
	const size = 8
	for a := range uint64(size) {
		for b := range uint64(size) {
			met := [size]bool{}
			for x := (a + 1) % size; x != b && x != a; x = (x + 1) % size {
				met[x] = true
			}
			for x := range uint64(size) {
				require.Equal(t, met[x], Between(FromUint(a), FromUint(x), FromUint(b)), "(%d, %d) and %d", a, b, x)
				owns := met[x] || x == b
				require.Equal(t, owns, Owns(FromUint(a), FromUint(x), FromUint(b)), "(%d, %d] and %d", a, b, x)
			}
		}
	}
}

// CHORD-ID-003: the axioms on the full circle, of which the ring's proofs make use.
func TestBetweenAxioms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, x, y, b := drawID(t, "a"), drawID(t, "x"), drawID(t, "y"), drawID(t, "b")
		require.False(t, Between(a, a, b))
		require.Equal(t, a != b && Between(a, b, b), false)
		require.Equal(t, x != a, Between(a, x, a))
		if a != x && x != b && a != b {
			require.NotEqual(t, Between(a, x, b), Between(b, x, a), "one way or the other")
			require.Equal(t, Between(a, x, b), Between(x, b, a), "turn the circle")
		}
		if Between(a, x, b) && Between(x, y, b) && a != b {
			require.True(t, Between(a, y, b), "it is transitive")
			require.True(t, Between(a, x, y))
		}
	})
}

func number(id ID) *big.Int { return new(big.Int).SetBytes(id[:]) }

// Arithmetic on the circle is that of integers modulo 2^m.
// CHORD-ID-001, CHORD-FINGER-001.
func TestArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(3, MaxBits).Draw(t, "m")
		i := rapid.IntRange(0, m-1).Draw(t, "i")
		a, b := drawID(t, "a").mask(m), drawID(t, "b").mask(m)
		circle := new(big.Int).Lsh(big.NewInt(1), uint(m))
		require.True(t, a.Fits(m))
		require.Equal(t, number(a).BitLen(), a.Len())
		require.Equal(t, number(a).Cmp(number(b)), a.Cmp(b))
		sum := new(big.Int).Add(number(a), new(big.Int).Lsh(big.NewInt(1), uint(i)))
		require.Zero(t, sum.Mod(sum, circle).Cmp(number(a.AddPower(i, m))), "%v + 2^%d", a, i)
		way := new(big.Int).Sub(number(b), number(a))
		require.Zero(t, way.Mod(way, circle).Cmp(number(a.Distance(b, m))), "from %v to %v", a, b)
	})
}

// FIPS 180-1, appendix A. CHORD-ID-004.
func TestHash(t *testing.T) {
	full := Hash([]byte("abc"), MaxBits)
	require.Equal(t, "a9993e364706816aba3e25717850c26c9cd0d89d", full.String())
	require.Equal(t, "0000000a9993e364706816aba3e25717850c26c9", Hash([]byte("abc"), 132).String())
	require.Equal(t, uint64(0xa9993e36), Hash([]byte("abc"), 32).Uint())
	require.Equal(t, "10", Hash([]byte("abc"), 4).String())
	parsed, err := ParseID(full.String())
	require.NoError(t, err)
	require.Equal(t, full, parsed)
	for _, bad := range []string{"", "10", full.String() + "00", "g" + full.String()[1:]} {
		_, err := ParseID(bad)
		require.Error(t, err, "%q", bad)
	}
}
