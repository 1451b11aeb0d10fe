package kademlia

import (
	"math/big"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const tiny = 4 // bits of the spaces that are enumerated

func tinyID(v int) ID { return FromUint(uint64(v), tiny) }

// The metric's axioms and unidirectionality over a whole space.
//
// KAD-METRIC-002, KAD-METRIC-003, KAD-METRIC-004, KAD-METRIC-005.
func TestMetricExhaustively(t *testing.T) {
	for x := range 1 << tiny {
		at := map[ID]int{}
		for y := range 1 << tiny {
			d := Distance(tinyID(x), tinyID(y))
			at[d]++
			require.Equal(t, tinyID(x^y), d)
			require.Equal(t, x == y, d == ID{}, "only equal points are at distance 0")
			require.Equal(t, d, Distance(tinyID(y), tinyID(x)))
			for z := range 1 << tiny {
				require.LessOrEqual(t, x^z, (x^y)+(y^z))
				want := 0
				switch {
				case x^y < x^z:
					want = -1
				case x^y > x^z:
					want = 1
				}
				require.Equal(t, want, Compare(tinyID(x), tinyID(y), tinyID(z)))
				require.Equal(t, want < 0, Closer(tinyID(x), tinyID(y), tinyID(z)))
			}
		}
		require.Len(t, at, 1<<tiny, "one point at every distance")
	}
}

func drawFull(t *rapid.T, label string) (id ID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), len(id), len(id)).Draw(t, label))
	return id
}

func number(id ID) *big.Int { return new(big.Int).SetBytes(id[:]) }

// The full width agrees with big-integer arithmetic.
//
// KAD-METRIC-001, KAD-METRIC-002, KAD-METRIC-004.
func TestMetricAgainstBigIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := drawFull(t, "x"), drawFull(t, "y"), drawFull(t, "z")
		same := rapid.IntRange(0, len(ID{})).Draw(t, "same bytes")
		copy(z[:same], y[:]) // let comparisons reach the later words
		dy, dz := number(Distance(x, y)), number(Distance(x, z))
		require.Equal(t, new(big.Int).Xor(number(x), number(y)), dy)
		require.Equal(t, dy.Cmp(dz), Compare(x, y, z))
		require.Equal(t, number(y).Cmp(number(z)), y.Cmp(z))
		require.Equal(t, MaxBits-number(Distance(y, z)).BitLen(), CommonPrefixLen(y, z))
		sum := new(big.Int).Add(dy, number(Distance(y, z)))
		require.LessOrEqual(t, dz.Cmp(sum), 0)
		i := rapid.IntRange(0, MaxBits-1).Draw(t, "bit")
		require.Equal(t, number(x).Bit(MaxBits-1-i), uint(x.Bit(i)))
		require.Equal(t, 1-x.Bit(i), x.Flip(i).Bit(i))
		require.Equal(t, x, x.Flip(i).Flip(i))
	})
}

func TestIDText(t *testing.T) {
	const s = "00112233445566778899aabbccddeeff01020304"
	id, err := ParseID(s)
	require.NoError(t, err)
	require.Equal(t, s, id.String())
	for _, bad := range []string{"", s[1:], s + "0", "zz" + s[2:]} {
		_, err := ParseID(bad)
		require.ErrorContains(t, err, "kademlia: ID", bad)
	}
}

// A random member of a range has its prefix, lies in the space, and every
// member of a small range comes up.
//
// KAD-REFRESH-002.
func TestRandomWithPrefix(t *testing.T) {
	rng := spec.NewRand([32]byte{1})
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(3, MaxBits).Draw(t, "bits")
		depth := rapid.IntRange(0, bits).Draw(t, "depth")
		prefix := RandomID(&rng, bits)
		id := RandomWithPrefix(&rng, prefix, depth, bits)
		require.GreaterOrEqual(t, CommonPrefixLen(id, prefix), depth)
		require.True(t, id.Fits(bits))
		require.False(t, bits < MaxBits && id.Flip(bits).Fits(bits))
	})
	seen := map[ID]bool{}
	for range 200 {
		seen[RandomWithPrefix(&rng, tinyID(0b1000), 1, tiny)] = true
	}
	require.Len(t, seen, 8)
}
