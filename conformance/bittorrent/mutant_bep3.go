package bittorrent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// long is a time that no case waits for.
const long = 20 * time.Hour

func handshakeMutants() []Mutant {
	return []Mutant{
		{
			Name: "handshake-echoes-the-peer-id", What: "the peer id of the other side is sent back",
			bend: func(b *bent) {
				ids := map[spec.Conn][20]byte{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok {
						ids[c] = h.PeerID
					}
					return same(m)
				}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok {
						mine := *h
						mine.PeerID = ids[c]
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "handshake-for-any-torrent", What: "every info-hash is taken for the own and answered",
			bend: func(b *bent) {
				asked := map[spec.Conn][20]byte{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && c < 0 {
						mine := *h
						asked[c], mine.InfoHash = h.InfoHash, b.node.InfoHash()
						return same(&mine)
					}
					return same(m)
				}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && c < 0 {
						mine := *h
						mine.InfoHash = asked[c]
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "handshake-of-any-protocol", What: "the protocol string is not compared",
			bend: func(b *bent) { b.decode = lenientHandshake },
		},
		{
			Name: "handshake-in-one-read", What: "a handshake that comes in parts is refused",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					if !begun && len(d) < wire.HandshakeLen {
						bad := &wire.Handshake{} // of a torrent that nobody has
						return bad, len(d), true
					}
					return nil, 0, false
				}
			},
		},
		{
			Name: "handshake-takes-the-segment", What: "what follows a handshake in its segment is lost",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					m, _, ok := lenientHandshake(d, begun)
					return m, len(d), ok && m != nil
				}
			},
		},
		{
			Name: "reserved-bits-compared", What: "a handshake with unknown reserved bits is refused",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && h.Reserved[0] != 0 {
						return same(&wire.Handshake{})
					}
					return same(m)
				}
			},
		},
		{
			Name: "no-handshake-timeout", What: "a connection without a handshake is kept for good",
			configure: func(c *core.Config) { c.HandshakeTimeout, c.PeerTimeout = long, long },
		},
	}
}

func messageMutants() []Mutant {
	return []Mutant{
		{
			Name: "no-keep-alive", What: "no keep-alive is ever sent",
			configure: func(c *core.Config) { c.KeepAlive = long },
		},
		{
			Name: "silent-peers-kept", What: "a connection on which nothing comes is kept for good",
			configure: func(c *core.Config) { c.PeerTimeout = long },
		},
		{
			Name: "keep-alive-ends-it", What: "a keep-alive is taken for a broken message",
			bend: hearType(wire.KeepAlive, func(wire.Message) []spec.Message {
				return same(&wire.Handshake{}) // a second handshake ends the connection
			}),
		},
		{
			Name: "partial-messages-lost", What: "what a read has of a message is thrown away at its end",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					if begun && (len(d) < 4 || uint64(len(d)) < 4+uint64(binary.BigEndian.Uint32(d))) && len(d) < 17 {
						return &wire.Message{Type: wire.KeepAlive}, len(d), true
					}
					return nil, 0, false
				}
			},
		},
		{
			Name: "any-length-awaited", What: "a message of any length is waited for",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					if begun && len(d) >= 4 && binary.BigEndian.Uint32(d) > 1<<24 {
						return nil, 0, true
					}
					return nil, 0, false
				}
			},
		},
		{
			Name: "unknown-message-hangs", What: "behind a message with an unknown id nothing is read",
			bend: func(b *bent) { b.decode = hangAt(99) },
		},
		{
			Name: "overlong-interested-hangs", What: "behind an interested with a payload nothing is read",
			bend: func(b *bent) { b.decode = hangAt(byte(wire.Interested)) },
		},
		{
			Name: "have-out-of-range-crashes", What: "a have beyond the last piece ends the program",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Have && int(w.Index) >= b.pieces() {
						b.dead = errors.New("index out of range")
					}
					return same(m)
				}
			},
		},
		{
			Name: "bitfields-of-any-length", What: "a bitfield is cut or filled to the right length",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Bitfield {
						fixed := *w
						fixed.Data = make([]byte, wire.BitfieldLen(int32(b.pieces())))
						copy(fixed.Data, w.Data)
						fixed.Data[len(fixed.Data)-1] &^= 1
						return same(&fixed)
					}
					return same(m)
				}
			},
		},
		{
			Name: "spare-bits-crash", What: "a bitfield with spare bits ends the program",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Bitfield && w.Data[len(w.Data)-1]&1 != 0 {
						b.dead = errors.New("index out of range")
					}
					return same(m)
				}
			},
		},
		{
			Name: "late-bitfield-crashes", What: "a bitfield behind another message ends the program",
			bend: func(b *bent) {
				haves := map[spec.Conn]bool{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && w.Type == wire.Bitfield && haves[c] {
						b.dead = errors.New("assertion failed")
					}
					haves[c] = haves[c] || ok && w.Type == wire.Have
					return same(m)
				}
			},
		},
	}
}

func announcementMutants() []Mutant {
	return []Mutant{
		{
			Name: "bitfield-cut-short", What: "the bitfield ends at the last byte that is not zero, less one",
			bend: sayType(wire.Bitfield, func(m wire.Message) []spec.Message {
				m.Data = m.Data[:len(m.Data)-1]
				return same(&m)
			}),
		},
		{
			Name: "bitfield-from-the-low-bit", What: "the low bit of a byte is the first piece",
			bend: sayType(wire.Bitfield, func(m wire.Message) []spec.Message {
				m.Data = bytes.Clone(m.Data)
				m.Data[len(m.Data)-1] >>= 3
				return same(&m)
			}),
		},
		{
			Name: "bitfield-not-first", What: "not interested is sent before the bitfield",
			bend: sayType(wire.Bitfield, func(m wire.Message) []spec.Message {
				return []spec.Message{&wire.Message{Type: wire.NotInterested}, &m}
			}),
		},
	}
}

// serve has the mutant send a block whatever its bounds, with zeros behind the
// content.
func (b *bent) serve(c spec.Conn, m *wire.Message, size uint32) {
	data := make([]byte, size)
	if at := int64(m.Index)*b.memory.Info.PieceLength + int64(m.Begin); at < int64(len(b.memory.Data)) {
		copy(data, b.memory.Data[at:])
	}
	b.reply(c, &wire.Message{Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: data})
}

// unsound reports whether a request is for what does not exist.
func (b *bent) unsound(m *wire.Message) bool {
	return int64(m.Begin)+int64(m.Length) > b.memory.Info.PieceSize(int(m.Index)) || m.Length == 0
}

func uploaderMutants() []Mutant {
	return []Mutant{
		{
			Name: "last-block-padded", What: "the last block of the torrent is filled to 16 KiB",
			bend: sayType(wire.Piece, func(m wire.Message) []spec.Message {
				if len(m.Data) == 5001 {
					m.Data = append(bytes.Clone(m.Data), make([]byte, BlockSize-5001)...)
				}
				return same(&m)
			}),
		},
		{
			Name: "begin-rounded-down", What: "blocks are sent from the nearest multiple of 16 bytes",
			bend: func(b *bent) {
				b.load = func(piece, begin int32, data []byte) error {
					last := int32(b.memory.Info.PieceSize(int(piece))) - int32(len(data))
					return b.memory.Load(piece, min(begin/16*16, last), data)
				}
			},
		},
		{
			Name: "one-request-at-a-time", What: "a request replaces the one before it",
			bend: func(b *bent) {
				last, at := map[spec.Conn]int{}, map[spec.Conn]time.Duration{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request {
						if at[c] != b.now {
							last[c], at[c] = 0, b.now
						}
						if last[c]++; last[c] > 1 {
							return nil
						}
					}
					return same(m)
				}
			},
		},
		{
			Name: "serves-the-choked", What: "requests are served whether the peer is choked or not",
			bend: func(b *bent) {
				unchoked := map[spec.Conn]bool{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && (w.Type == wire.Unchoke || w.Type == wire.Choke) {
						unchoked[c] = w.Type == wire.Unchoke
					}
					return same(m)
				}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request && !unchoked[c] {
						b.serve(c, w, w.Length)
					}
					return same(m)
				}
			},
		},
	}
}

func boundsMutants() []Mutant {
	return []Mutant{
		{
			Name: "bounds-not-checked", What: "what lies behind a piece is sent as zeros, up to 16 KiB",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request && b.unsound(w) {
						b.serve(c, w, min(w.Length, BlockSize))
						return same(&wire.Message{Type: wire.KeepAlive})
					}
					return same(m)
				}
			},
		},
		{
			Name: "bounds-checked-in-32-bits", What: "begin and length are added up in 32 bits",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request && w.Begin+w.Length < w.Begin {
						b.serve(c, w, w.Length)
						return same(&wire.Message{Type: wire.KeepAlive})
					}
					return same(m)
				}
			},
		},
		{
			Name: "serves-128-kib", What: "requests of up to 128 KiB are served",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && w.Type == wire.Request && w.Length > BlockSize && w.Length <= wire.TolerantMaxBlock && !b.unsound(w) {
						b.serve(c, w, w.Length)
						return same(&wire.Message{Type: wire.KeepAlive})
					}
					return same(m)
				}
			},
		},
		{
			Name: "cancel-must-match", What: "a cancel without its request closes the connection",
			bend: hearType(wire.Cancel, func(wire.Message) []spec.Message { return same(&wire.Handshake{}) }),
		},
	}
}

// hangAt stops reading at a message with the id and a payload.
func hangAt(id byte) func(b []byte, begun bool) (spec.Message, int, bool) {
	return func(b []byte, begun bool) (spec.Message, int, bool) {
		return nil, 0, begun && len(b) > 4 && b[3] > 1 && b[4] == id
	}
}
