package metainfo

import (
	"crypto/sha256"
	"math/bits"
)

// PieceRootOf is the root of the hash tree over the blocks of data, with
// absent leaves of zeros up to the given number, a power of two that the
// blocks do not exceed. BEP52-META-003
func PieceRootOf(data []byte, leaves int) [32]byte {
	hashes := make([][32]byte, 0, ceilDiv(int64(len(data)), BlockSize))
	for len(data) > 0 {
		n := min(len(data), BlockSize)
		hashes = append(hashes, sha256.Sum256(data[:n]))
		data = data[n:]
	}
	return MerkleRoot(hashes, 0, leaves)
}

// MerkleRoot is the root over a layer of a hash tree: the given hashes, then
// the [PadHash] of the layer up to width, a power of two that the hashes do
// not exceed. Layer 0 is that of the leaves. It overwrites the hashes.
func MerkleRoot(hashes [][32]byte, layer, width int) [32]byte {
	pad := PadHash(layer)
	for ; width > 1; width /= 2 {
		if len(hashes)%2 == 1 {
			hashes = append(hashes, pad)
		}
		for i := 0; i < len(hashes); i += 2 {
			hashes[i/2] = parent(&hashes[i], &hashes[i+1])
		}
		hashes = hashes[:len(hashes)/2]
		pad = parent(&pad, &pad)
	}
	if len(hashes) == 0 {
		return pad
	}
	return hashes[0]
}

// PadHash is the hash of a subtree that lies wholly beyond the end of the
// file and whose root is the given number of layers above the leaves; a leaf
// itself is zeros. BEP52-META-003
func PadHash(layer int) [32]byte {
	var h [32]byte
	for range layer {
		h = parent(&h, &h)
	}
	return h
}

func parent(left, right *[32]byte) [32]byte {
	var both [64]byte
	copy(both[:32], left[:])
	copy(both[32:], right[:])
	return sha256.Sum256(both[:])
}

// nextPowerOf2 is the least power of two that is not below n ≥ 1.
func nextPowerOf2(n int64) int64 { return 1 << bits.Len64(uint64(n-1)) }

// log2 is the exponent of a power of two.
func log2(n int64) int { return bits.Len64(uint64(n)) - 1 }
