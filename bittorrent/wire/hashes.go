package wire

import (
	"fmt"
	"math/bits"
)

// hashesHead is what hash requests, hashes and hash rejects begin with: the
// root and four numbers.
const hashesHead = 32 + 4*4

// Check holds what is asked for against the rules of BEP 52 §hash request: at
// least two hashes, a power of two, beginning at a multiple of their number,
// in layers that a tree can have. A decoder does not check this, because a bad
// request is answered with a reject. The error is an *[Error]. BEP52-PEER-003
func (h *Hashes) Check() error {
	switch {
	case h.Count < 2 || h.Count&(h.Count-1) != 0:
		return &Error{"BEP52-PEER-003",
			fmt.Sprintf("%d hashes; their number is a power of two, and at least 2", h.Count)}
	case h.Index%h.Count != 0:
		return &Error{"BEP52-PEER-003",
			fmt.Sprintf("%d hashes from index %d, which is no multiple", h.Count, h.Index)}
	case h.BaseLayer > maxLayers || h.ProofLayers > maxLayers:
		return &Error{"BEP52-PEER-004",
			fmt.Sprintf("layer %d and %d above it; no tree has more than %d",
				h.BaseLayer, h.ProofLayers, maxLayers)}
	}
	return nil
}

// Uncles is how many hashes follow those of the base layer at most: one of each
// proof layer, except of those that follow from the base hashes themselves.
// Where the proof reaches the root there are fewer. BEP52-PEER-005
func (h *Hashes) Uncles() uint32 {
	if h.Count == 0 {
		return 0
	}
	computed := uint32(bits.Len32(h.Count - 1)) // layers from the base to its common ancestor
	if h.ProofLayers+1 <= computed {
		return 0
	}
	return h.ProofLayers + 1 - computed
}

// checkNumber holds the number of hashes in the message against what its head
// promises.
func (h *Hashes) checkNumber() error {
	n := uint64(len(h.Hashes))
	base, most := uint64(h.Count), uint64(h.Count)+uint64(h.Uncles())
	if n%32 != 0 || n/32 < base || n/32 > most {
		return &Error{"BEP52-PEER-005", fmt.Sprintf("hashes of %d bytes, where %d to %d of 32 bytes belong",
			n, base, most)}
	}
	return nil
}
