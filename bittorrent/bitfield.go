package bittorrent

import (
	"encoding/binary"
	"math/bits"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// A bitfield is the set of pieces that somebody has. It knows how many there
// are, so that asking whether a peer is a seed costs nothing.
//
// Use: newBitfield when the number of pieces is known, load for the payload of
// a bitfield message or of Config.Have, append for what is sent; set, unset
// and fill as have, don't-have and have-all messages come. A peer's bitfield
// that was handed to the picker is changed through the picker alone, which
// counts copies by it.
//
// BEP03-PEER-023: the first piece is the highest bit of the first byte. Within
// a word, too, so that words are the wire's bytes read as big-endian numbers.
type bitfield struct {
	pieces int32    // in the torrent
	count  int32    // in the set
	asSeed bool     // how the picker counts it: see picker.seeds
	words  []uint64 // piece i is bit 63-i%64 of word i/64; spare bits are 0
}

func newBitfield(pieces int32) bitfield {
	return bitfield{pieces: pieces, words: make([]uint64, (pieces+63)/64)}
}

// load replaces the set by that of a bitfield message. A wrong length or a
// spare bit is an error with its clause, and the set is as it was.
//
// BEP03-PEER-024, BEP03-PEER-025
func (f *bitfield) load(wired []byte) error {
	if err := wire.CheckBitfield(wired, f.pieces); err != nil {
		return err
	}
	f.count = 0
	for i := range f.words {
		var whole [8]byte
		copy(whole[:], wired[8*i:])
		f.words[i] = binary.BigEndian.Uint64(whole[:])
		f.count += int32(bits.OnesCount64(f.words[i]))
	}
	return nil
}

// append appends the payload of a bitfield message.
func (f *bitfield) append(b []byte) []byte {
	end := len(b) + int(f.pieces+7)/8
	for _, w := range f.words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b[:end]
}

// has reports whether the piece is in the set. The index may be any.
func (f *bitfield) has(piece int32) bool {
	return uint32(piece) < uint32(f.pieces) && f.words[piece/64]>>(63-piece%64)&1 != 0
}

// isFull reports whether no piece is missing: whether a peer is a seed.
func (f *bitfield) isFull() bool { return f.count == f.pieces && f.pieces > 0 }

// set adds a piece and reports whether it was missing. Of an index outside of
// the torrent nothing is.
func (f *bitfield) set(piece int32) bool {
	if uint32(piece) >= uint32(f.pieces) || f.has(piece) {
		return false
	}
	f.words[piece/64] |= 1 << (63 - piece%64)
	f.count++
	return true
}

// unset takes a piece out and reports whether it was there.
func (f *bitfield) unset(piece int32) bool {
	if !f.has(piece) {
		return false
	}
	f.words[piece/64] &^= 1 << (63 - piece%64)
	f.count--
	return true
}

// fill adds every piece.
func (f *bitfield) fill() {
	for i := range f.words {
		f.words[i] = ^uint64(0)
	}
	if spare := f.pieces % 64; spare != 0 {
		f.words[len(f.words)-1] = ^uint64(0) << (64 - spare)
	}
	f.count = f.pieces
}

// offers reports whether the set has a piece that mine lacks: whether its
// owner is interesting. BEP03-PEER-027
func (f *bitfield) offers(mine *bitfield) bool {
	if f.count > mine.count {
		return true
	}
	for i, w := range f.words {
		if w&^mine.words[i] != 0 {
			return true
		}
	}
	return false
}

// each calls do with every piece of the set, in order.
func (f *bitfield) each(do func(piece int32)) {
	for w, set := range f.words {
		for ; set != 0; set &^= 1 << (63 - bits.LeadingZeros64(set)) {
			do(int32(64*w + bits.LeadingZeros64(set)))
		}
	}
}

func (f *bitfield) clone() bitfield {
	c := *f
	c.words = append([]uint64(nil), f.words...)
	return c
}

func (f *bitfield) appendState(b []byte) []byte {
	b = appendBool(appendInts(b, f.pieces, f.count), f.asSeed)
	b = appendInts(b, int32(len(f.words)))
	for _, w := range f.words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}
