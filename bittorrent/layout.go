package bittorrent

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// Layout is how a torrent's content falls into pieces: all that a machine has
// to know of it besides the hashes, which are the driver's. The zero Layout is
// that of a torrent which is not known yet.
type Layout struct {
	Pieces      int32
	PieceLength int32        // in bytes, of all pieces but the short ones
	Short       []ShortPiece // in order of Index
	Private     bool         // no peers but those of the tracker. BEP 27
}

// ShortPiece is the last piece of a torrent, or of a file where there is
// version 2 alone (BEP52-PEER-011).
type ShortPiece struct {
	Index, Length int32 // Length in bytes
}

// LayoutOf returns the layout that an info dictionary describes.
func LayoutOf(info *metainfo.Info) Layout {
	l := Layout{
		Pieces: int32(info.Pieces()), PieceLength: int32(info.PieceLength), Private: info.Private,
	}
	for i := range info.Pieces() {
		if n := info.PieceSize(i); n != info.PieceLength {
			l.Short = append(l.Short, ShortPiece{int32(i), int32(n)})
		}
	}
	return l
}

// Size is the length of a piece in bytes. Only the pieces of the torrent have one.
func (l *Layout) Size(piece int32) int32 {
	i, ok := slices.BinarySearchFunc(l.Short, piece, func(s ShortPiece, piece int32) int {
		return cmp.Compare(s.Index, piece)
	})
	if ok {
		return l.Short[i].Length
	}
	return l.PieceLength
}

// Length is the sum of all pieces, in bytes.
func (l *Layout) Length() int64 {
	n := int64(l.Pieces) * int64(l.PieceLength)
	for _, s := range l.Short {
		n -= int64(l.PieceLength - s.Length)
	}
	return n
}

func (l *Layout) check() error {
	if l.Pieces < 0 || l.Pieces > metainfo.MaxPieces {
		return fmt.Errorf("bittorrent: Layout has %d pieces, want 1 to %d", l.Pieces, metainfo.MaxPieces)
	}
	if l.PieceLength < 1 || l.PieceLength > metainfo.MaxPieceLength {
		return fmt.Errorf("bittorrent: Layout has pieces of %d bytes, want 1 to %d",
			l.PieceLength, metainfo.MaxPieceLength)
	}
	last := int32(-1)
	for _, s := range l.Short {
		if s.Index <= last || s.Index >= l.Pieces || s.Length < 1 || s.Length >= l.PieceLength {
			return fmt.Errorf("bittorrent: Layout has %d bytes in piece %d after %d, of %d pieces of %d bytes",
				s.Length, s.Index, last, l.Pieces, l.PieceLength)
		}
		last = s.Index
	}
	return nil
}
