package metainfo

import "slices"

// Limits on the hashes of one request. BEP52-PEER-003
const (
	// AskHashes is how many a request should ask for at most.
	AskHashes = 512
	// MaxHashes is how many an answer gives at most, 256 KiB of them: as many
	// as libtorrent does.
	MaxHashes = 8192
)

// HashRange names hashes in a file's hash tree, as the messages hash request,
// hashes and hash reject do. BEP52-PEER-004
type HashRange struct {
	BaseLayer   int // of the hashes asked for: 0 is that of the leaves
	Index       int // of the first hash in its layer, a multiple of Length
	Length      int // a power of two, at least 2
	ProofLayers int // how many layers above the base layer are proved
}

// TreeHeight is the number of layers below the root in the hash tree of a file
// of the given length in bytes.
func TreeHeight(length int64) int { return log2(nextPowerOf2(max(1, ceilDiv(length, BlockSize)))) }

// PieceLayerOf is the layer in which one hash covers a piece of the given
// length in bytes. BEP52-META-002
func PieceLayerOf(pieceLength int64) int { return log2(pieceLength / BlockSize) }

// Valid reports whether a tree of the given height has these hashes, at most
// MaxHashes, so that a request for them may be answered. BEP52-PEER-003
func (r HashRange) Valid(height int) bool {
	if r.BaseLayer < 0 || r.BaseLayer >= height || height > maxHeight {
		return false
	}
	width := 1 << (height - r.BaseLayer)
	return r.Length >= 2 && r.Length&(r.Length-1) == 0 && r.Length <= min(width, MaxHashes) &&
		r.Index >= 0 && r.Index <= width-r.Length && r.Index%r.Length == 0 &&
		r.ProofLayers >= 0 && r.ProofLayers < height-r.BaseLayer
}

// maxHeight is beyond the tree of MaxLength bytes only in theory, and keeps a
// width within 32 bits.
const maxHeight = 30

// Uncles is the number of hashes that follow the Length base hashes: one of
// each proof layer, but for the layers that follow from the base hashes.
// BEP52-PEER-005
func (r HashRange) Uncles() int { return max(0, r.ProofLayers-(log2(int64(r.Length))-1)) }

// Prove returns the hashes of the answer: base hashes, then uncles toward the
// root. The layer is the whole base layer of the file, without what lies
// beyond its end. ok is false if the range is not [HashRange.Valid].
// BEP52-PEER-005
func (r HashRange) Prove(layer [][32]byte, height int) (hashes [][32]byte, ok bool) {
	if !r.Valid(height) {
		return nil, false
	}
	hashes = append(make([][32]byte, 0, r.Length+r.Uncles()), window(layer, r.Index, r.Length)...)
	for pad := PadHash(r.BaseLayer); len(hashes) < r.Length; {
		hashes = append(hashes, pad)
	}
	for span, at := r.Length, r.Index; len(hashes) < r.Length+r.Uncles(); span, at = 2*span, at&^span {
		under := slices.Clone(window(layer, at^span, span))
		hashes = append(hashes, MerkleRoot(under, r.BaseLayer, span))
	}
	return hashes, true
}

// window is layer[at:at+n], as far as the layer goes.
func window(layer [][32]byte, at, n int) [][32]byte {
	return layer[min(at, len(layer)):min(at+n, len(layer))]
}

// Verify reports whether hashes, base hashes and then uncles, lead to root,
// which is the root of a tree of the given height. A range whose proof ends
// below the root is not proved: a caller that knows the hash in which it ends
// gives that, as the root of a smaller tree, and an Index within that tree.
func (r HashRange) Verify(root [32]byte, height int, hashes [][32]byte) bool {
	if !r.Valid(height) || len(hashes) != r.Length+r.Uncles() ||
		r.BaseLayer+log2(int64(r.Length))+r.Uncles() != height {
		return false
	}
	sum := MerkleRoot(slices.Clone(hashes[:r.Length]), r.BaseLayer, r.Length)
	for i, at := r.Length, r.Index/r.Length; i < len(hashes); i, at = i+1, at/2 {
		if at%2 == 0 {
			sum = parent(&sum, &hashes[i])
		} else {
			sum = parent(&hashes[i], &sum)
		}
	}
	return sum == root
}
