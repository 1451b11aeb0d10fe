package bittorrent

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// BEP03-PEER-023: the high bit of the first byte is the first piece.
func TestBitfieldOrder(t *testing.T) {
	f := newBitfield(11)
	for _, piece := range []int32{0, 7, 9} {
		require.True(t, f.set(piece))
		require.False(t, f.set(piece))
	}
	require.Equal(t, []byte{0b1000_0001, 0b0100_0000}, f.append(nil))
	for _, outside := range []int32{-1, 11, 63, 64, 1 << 30} {
		require.False(t, f.has(outside) || f.set(outside) || f.unset(outside), "%d", outside)
	}
	f.fill()
	require.Equal(t, []byte{0xff, 0b1110_0000}, f.append(nil))
}

// BEP03-PEER-024, BEP03-PEER-025: what is no bitfield of the torrent is
// refused with its clause and changes nothing.
func TestBitfieldRefusals(t *testing.T) {
	f := newBitfield(11)
	require.NoError(t, f.load([]byte{0x80, 0x20}))
	before := f.clone()
	for clause, wired := range map[string][]byte{
		"BEP03-PEER-024": {0x80}, "BEP03-PEER-025": {0x80, 0x10},
	} {
		var refused *wire.Error
		require.ErrorAs(t, f.load(wired), &refused)
		require.Equal(t, clause, refused.Clause)
		require.Equal(t, before, f)
	}
	require.Error(t, f.load([]byte{0x80, 0x20, 0}))
}

// A bitfield agrees with a set of pieces, whatever is done to both.
func TestBitfieldEqualsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(1, 200).Draw(t, "pieces")
		pieces := func(name string) []int32 { return rapid.SliceOf(rapid.Int32Range(0, n-1)).Draw(t, name) }
		set := map[int32]bool{}
		f, other := newBitfield(n), newBitfield(n)
		if rapid.Bool().Draw(t, "full") {
			f.fill()
			for i := range n {
				set[i] = true
			}
		}
		for _, i := range pieces("set") {
			require.Equal(t, !set[i], f.set(i))
			set[i] = true
		}
		for _, i := range pieces("unset") {
			require.Equal(t, set[i], f.unset(i))
			delete(set, i)
		}
		for _, i := range pieces("other") {
			other.set(i)
		}
		require.Len(t, set, int(f.count))
		require.Equal(t, len(set) == int(n), f.isFull())
		last, offers := int32(-1), false
		f.each(func(i int32) {
			require.True(t, set[i] && i > last)
			last, offers = i, offers || !other.has(i)
			delete(set, i)
		})
		require.Empty(t, set)
		require.Equal(t, offers, f.offers(&other))

		again := newBitfield(n)
		require.NoError(t, again.load(f.append(nil)))
		require.Equal(t, f, again)
		require.Equal(t, f.appendState(nil), again.appendState(nil))
	})
}
