package bittorrent

import (
	"net/netip"
)

// A blame finds out who sent the bad block of a piece that failed its hash.
//
// Use: the owner calls delivered for each block that is stored, failed or
// verified once a piece's hash is known, and abandoned when a piece is dropped
// before. It loads one block after the other as next asks, and hands each to
// loaded. Contributors are whatever the owner can ban, such as an address
// without its port.
type blame struct{}

// A verdict is what the owner has to do.
type verdict struct {
	guilty netip.AddrPort // to be banned; invalid: nobody
	retry  int32          // the piece that may now be given to picker.failed; -1: none
	alone  bool           // and what to tell it
}

func newBlame() blame { return blame{} }

// delivered says who sent block number index of a piece of so many blocks.
func (l *blame) delivered(piece, index, blocks int32, from netip.AddrPort) {}

// abandoned forgets who sent the blocks of a piece that the picker dropped.
func (l *blame) abandoned(piece int32) {}

// failed says that a piece does not have its hash. A sole contributor is
// guilty. If there are several, the digests of their blocks are taken first,
// and the piece comes back in the verdict of loaded.
func (l *blame) failed(piece int32) verdict { return verdict{retry: piece} }

// verified says that a piece has its hash. Blocks that somebody sent when it
// failed before are now compared: see next.
func (l *blame) verified(piece int32) {}

// next is the block to be loaded. There is one load at a time.
func (l *blame) next() (piece, index int32, ok bool) { return 0, 0, false }

// loaded takes the block that next named; nil when it could not be loaded.
func (l *blame) loaded(data []byte) verdict { return verdict{retry: -1} }

// onParole reports whether so many failures of the contributor are unresolved
// that it should be asked for whole pieces only: see source.alone.
func (l *blame) onParole(from netip.AddrPort) bool { return false }

func (l *blame) clone() blame { return *l }

func (l *blame) appendState(b []byte) []byte { return b }
