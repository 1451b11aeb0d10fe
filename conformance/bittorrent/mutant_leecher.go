package bittorrent

import (
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func downloaderMutants() []Mutant {
	return []Mutant{
		{
			Name: "asks-while-choked", What: "pieces are asked for as soon as they are announced",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && (w.Type == wire.Bitfield || w.Type == wire.HaveAll) {
						ask := block(wire.Request, 0, 0, BlockSize)
						b.reply(c, &ask)
					}
					return same(m)
				}
			},
		},
		{
			Name: "asks-for-everything", What: "whoever has a piece is taken to have all",
			bend: func(b *bent) {
				all := bits(Standard.pieces(), func(int) bool { return true })
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Bitfield && len(w.Data) == len(all.Data) {
						return same(&all)
					}
					return same(m)
				}
			},
		},
		{
			Name: "hashes-nothing", What: "every piece is taken to be right",
			bend: func(b *bent) {
				b.verify = func(int32) (bool, error) { return true, nil }
			},
		},
		{
			Name: "announces-before-the-hash", What: "a piece is announced as soon as a block of it has come",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Piece {
						early := have(int(w.Index))
						b.reply(c, &early)
					}
					return same(m)
				}
			},
		},
		{
			Name: "last-request-too-long", What: "the last block of the torrent is asked for at full length",
			bend: sayType(wire.Request, func(m wire.Message) []spec.Message {
				m.Length = BlockSize
				return same(&m)
			}),
		},
		{
			Name: "files-misplaced", What: "what belongs to the next file is not written",
			bend: func(b *bent) {
				b.store = func(piece, begin int32, data []byte) error {
					if piece == 9 { // where the first file ends
						return nil
					}
					return b.memory.Store(piece, begin, data)
				}
				b.verify = func(piece int32) (bool, error) {
					if piece == 9 {
						return true, nil
					}
					return b.memory.Verify(piece)
				}
			},
		},
	}
}
