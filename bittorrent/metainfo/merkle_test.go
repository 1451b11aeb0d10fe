package metainfo_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

type hash = [32]byte

func above(a, b hash) hash { return sha256.Sum256(append(a[:], b[:]...)) }

// Six leaves and two that are absent, as libtorrent's test_merkle writes it.
// BEP52-META-003
func TestMerkleRootOfSixLeaves(t *testing.T) {
	leaf := func(c byte) hash { return sha256.Sum256([]byte{c}) }
	a, b, c, d, e, f := leaf('a'), leaf('b'), leaf('c'), leaf('d'), leaf('e'), leaf('f')
	want := above(above(above(a, b), above(c, d)), above(above(e, f), above(hash{}, hash{})))
	require.Equal(t, want, metainfo.MerkleRoot([]hash{a, b, c, d, e, f}, 0, 8))
	require.Equal(t, a, metainfo.MerkleRoot([]hash{a}, 0, 1), "the root of one leaf is the leaf")
	require.Equal(t, hash{}, metainfo.PadHash(0))
	require.Equal(t, above(above(hash{}, hash{}), above(hash{}, hash{})), metainfo.PadHash(2))
	require.Equal(t, metainfo.PadHash(5), metainfo.MerkleRoot(nil, 2, 8))
	require.Equal(t, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
		hex.EncodeToString(fromHash(metainfo.PadHash(1))), "SHA-256 of 64 zeros")
}

func fromHash(h hash) []byte { return h[:] }

func leavesOf(n int) []hash {
	leaves := make([]hash, n)
	for i := range leaves {
		leaves[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	}
	return leaves
}

// BEP52-PEER-003
func TestHashRangesThatATreeHas(t *testing.T) {
	const height = 4 // sixteen leaves
	for _, c := range []struct {
		r    metainfo.HashRange
		want bool
	}{
		{metainfo.HashRange{Length: 2}, true},
		{metainfo.HashRange{Length: 16, ProofLayers: 3}, true},
		{metainfo.HashRange{Index: 14, Length: 2, ProofLayers: 3}, true},
		{metainfo.HashRange{BaseLayer: 3, Length: 2}, true},
		{metainfo.HashRange{Length: 1}, false},
		{metainfo.HashRange{Length: 0}, false},
		{metainfo.HashRange{Length: 3}, false},
		{metainfo.HashRange{Length: 32}, false},
		{metainfo.HashRange{Index: 1, Length: 2}, false},
		{metainfo.HashRange{Index: 2, Length: 4}, false},
		{metainfo.HashRange{Index: 16, Length: 2}, false},
		{metainfo.HashRange{Index: -2, Length: 2}, false},
		{metainfo.HashRange{Length: 2, ProofLayers: 4}, false},
		{metainfo.HashRange{Length: 2, ProofLayers: -1}, false},
		{metainfo.HashRange{BaseLayer: 4, Length: 2}, false},
		{metainfo.HashRange{BaseLayer: -1, Length: 2}, false},
		{metainfo.HashRange{BaseLayer: 3, Length: 2, ProofLayers: 1}, false},
		{metainfo.HashRange{Index: 1<<31 - 2, Length: 2}, false},
	} {
		require.Equal(t, c.want, c.r.Valid(height), "%+v", c.r)
		_, ok := c.r.Prove(leavesOf(16), height)
		require.Equal(t, c.want, ok, "%+v", c.r)
		if !c.want {
			require.False(t, c.r.Verify(hash{}, height, nil), "%+v", c.r)
		}
	}
	require.False(t, metainfo.HashRange{Length: 2}.Valid(0), "a file of one block has no requests")
	require.True(t, metainfo.HashRange{Length: metainfo.MaxHashes}.Valid(20))
	require.False(t, metainfo.HashRange{Length: 2 * metainfo.MaxHashes}.Valid(20))
	require.False(t, metainfo.HashRange{Length: 2}.Valid(31))
	require.Zero(t, metainfo.TreeHeight(metainfo.BlockSize))
	require.Equal(t, 1, metainfo.TreeHeight(metainfo.BlockSize+1))
	require.Equal(t, 3, metainfo.PieceLayerOf(128<<10))
}

// What is proved is verified, and nothing else. BEP52-PEER-005
func TestProofsLeadToTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.IntRange(2, 600).Draw(t, "blocks")
		height := metainfo.TreeHeight(int64(blocks) * metainfo.BlockSize)
		root := metainfo.MerkleRoot(leavesOf(blocks), 0, 1<<height)
		r := metainfo.HashRange{BaseLayer: rapid.IntRange(0, height-1).Draw(t, "base")}
		span := rapid.IntRange(1, height-r.BaseLayer).Draw(t, "log2 of length")
		r.Length = 1 << span
		r.Index = rapid.IntRange(0, 1<<(height-r.BaseLayer-span)-1).Draw(t, "index") * r.Length
		r.ProofLayers = height - r.BaseLayer - 1
		require.Equal(t, height-r.BaseLayer-span, r.Uncles())

		layer := layerOf(blocks, r.BaseLayer)
		hashes, ok := r.Prove(layer, height)
		require.True(t, ok)
		require.Len(t, hashes, r.Length+r.Uncles())
		require.True(t, r.Verify(root, height, hashes))

		i := rapid.IntRange(0, len(hashes)-1).Draw(t, "wrong hash")
		hashes[i][rapid.IntRange(0, 31).Draw(t, "wrong byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "wrong bit")
		require.False(t, r.Verify(root, height, hashes))
		require.False(t, r.Verify(root, height, hashes[:len(hashes)-1]))
		require.False(t, r.Verify(root, height, append(hashes, hash{})))
		require.False(t, r.Verify(root, height, nil))

		if r.ProofLayers > 0 && r.Uncles() > 0 {
			short := r
			short.ProofLayers--
			hashes, _ := short.Prove(layer, height)
			require.Len(t, hashes, r.Length+short.Uncles())
			require.False(t, short.Verify(root, height, hashes), "the proof ends below the root")
		}
	})
}

// layerOf is a layer of the tree over so many leaves, without padding.
func layerOf(blocks, layer int) []hash {
	var hashes []hash
	for leaves := leavesOf(blocks); len(leaves) > 0; leaves = leaves[min(1<<layer, len(leaves)):] {
		part := append([]hash{}, leaves[:min(1<<layer, len(leaves))]...)
		hashes = append(hashes, metainfo.MerkleRoot(part, 0, 1<<layer))
	}
	return hashes
}

// A range of the leaves of one piece is verified against the hash of that
// piece, which the piece layer has.
func TestLeavesOfAPieceAreVerifiedByThePieceLayer(t *testing.T) {
	const blocksAPiece = 8
	piece := layerOf(20, 3)[1]
	r := metainfo.HashRange{Index: blocksAPiece, Length: blocksAPiece}
	hashes, ok := r.Prove(leavesOf(20), metainfo.TreeHeight(20*metainfo.BlockSize))
	require.True(t, ok)
	within := metainfo.HashRange{Length: blocksAPiece}
	require.True(t, within.Verify(piece, 3, hashes))
	require.False(t, within.Verify(layerOf(20, 3)[0], 3, hashes))
}
