package bittorrent

import (
	"bytes"
	"errors"
	"strings"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// blockKey names a block on a connection.
type blockKey struct {
	conn                 spec.Conn
	index, begin, length uint32
}

func keyOf(c spec.Conn, m *wire.Message) blockKey {
	k := blockKey{c, m.Index, m.Begin, m.Length}
	if m.Type == wire.Piece {
		k.length = uint32(len(m.Data))
	}
	return k
}

// unasked has a rule for blocks that the peer did not ask for, or no longer
// since a choke.
func (b *bent) unasked(rule func(c spec.Conn, m *wire.Message) []spec.Message) {
	asked := map[blockKey]bool{}
	b.say = func(c spec.Conn, m spec.Message) []spec.Message {
		if w, ok := m.(*wire.Message); ok && w.Type == wire.Request {
			asked[keyOf(c, w)] = true
		}
		return same(m)
	}
	b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
		w, ok := m.(*wire.Message)
		switch {
		case ok && w.Type == wire.Piece && !asked[keyOf(c, w)]:
			return rule(c, w)
		case ok && w.Type == wire.Choke:
			clear(asked)
		}
		return same(m)
	}
}

func interestMutants() []Mutant {
	return []Mutant{
		{
			Name: "have-is-not-heard", What: "have messages are not looked at",
			bend: hearType(wire.Have, nothing),
		},
		{
			Name: "interest-shown-to-all", What: "interest is shown whatever a peer has",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if _, ok := m.(*wire.Handshake); ok {
						b.reply(c, &wire.Message{Type: wire.Interested})
					}
					return same(m)
				}
			},
		},
		{
			Name: "interest-never-withdrawn", What: "not interested is never said",
			bend: sayType(wire.NotInterested, nothing),
		},
		{
			Name: "interest-ends-with-a-piece", What: "not interested is said to everybody after each piece",
			bend: func(b *bent) {
				b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Have {
						return []spec.Message{m, &wire.Message{Type: wire.NotInterested}}
					}
					return same(m)
				}
			},
		},
		{
			Name: "have-to-the-sender", What: "have is told to the peer alone that sent the piece",
			bend: func(b *bent) {
				sender := spec.Conn(0)
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Piece {
						sender = c
					}
					return same(m)
				}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Have && c != sender {
						return nil
					}
					return same(m)
				}
			},
		},
	}
}

func requestMutants() []Mutant {
	return []Mutant{
		{
			Name: "one-request-out", What: "the next block is asked for when the last has come",
			configure: func(c *core.Config) { c.MaxRequestsOut = 1 },
		},
		{
			Name: "choke-is-not-heard", What: "a choke changes nothing",
			bend: hearType(wire.Choke, nothing),
		},
		{
			Name: "each-block-asked-once", What: "a block is never asked of two peers",
			bend: func(b *bent) {
				asked := map[blockKey]spec.Conn{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if !ok || w.Type != wire.Request {
						return same(m)
					}
					if first, ok := asked[keyOf(0, w)]; ok && first != c {
						return nil
					}
					asked[keyOf(0, w)] = c
					return same(m)
				}
			},
		},
		{
			Name: "never-cancels", What: "a request is not taken back",
			bend: sayType(wire.Cancel, nothing),
		},
		{
			Name: "asks-for-what-it-has", What: "an unchoke is answered by a request for piece 0",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Unchoke {
						ask := block(wire.Request, 0, 0, BlockSize)
						b.reply(c, &ask)
					}
					return same(m)
				}
			},
		},
		{
			Name: "begins-many-pieces", What: "an unchoke is answered by requests for the first blocks of ten pieces",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Unchoke && b.pieces() == 10 {
						for i := range 10 {
							ask := block(wire.Request, i, 0, BlockSize)
							b.reply(c, &ask)
						}
					}
					return same(m)
				}
			},
		},
		{
			Name: "begins-at-the-front", What: "the first pieces of the torrent are asked for before any other",
			bend: func(b *bent) {
				begun := false
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if !ok || w.Type != wire.Request || begun || b.pieces() != 100 {
						return same(m)
					}
					begun = true
					front := make([]spec.Message, 0, 5)
					for i := range 4 {
						ask := block(wire.Request, i, 0, BlockSize)
						front = append(front, &ask)
					}
					return append(front, m)
				}
			},
		},
		{
			Name: "pieces-at-random", What: "any piece that is missing is fetched",
			configure: func(c *core.Config) { c.Order = core.RandomOrder },
		},
	}
}

func blockMutants() []Mutant {
	return []Mutant{
		{
			Name: "unasked-block-ends-it", What: "a block that was not asked for ends the connection",
			bend: func(b *bent) {
				b.unasked(func(spec.Conn, *wire.Message) []spec.Message { return same(&wire.Handshake{}) })
			},
		},
		{
			Name: "stores-what-comes-again", What: "a block that comes again is stored again",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Piece && b.node.Has(int32(w.Index)) {
						_ = b.memory.Store(int32(w.Index), int32(w.Begin), w.Data)
					}
					return same(m)
				}
			},
		},
		{
			Name: "bans-all-who-shared", What: "whoever sends a block after a piece failed is dropped",
			bend: func(b *bent) {
				failed := false
				b.verify = func(piece int32) (bool, error) {
					ok, err := b.memory.Verify(piece)
					failed = failed || !ok
					return ok, err
				}
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Piece && failed {
						return same(&wire.Handshake{})
					}
					return same(m)
				}
			},
		},
		{
			Name: "odd-blocks-crash", What: "a block that does not lie in its piece, or has no bytes, ends the program",
			bend: crashOn(wire.Piece, func(m *wire.Message) bool {
				return m.Index >= 1<<31 || uint64(m.Begin)+uint64(len(m.Data)) > uint64(2*BlockSize) || len(m.Data) == 0
			}),
		},
		{
			Name: "short-blocks-crash", What: "a block that is shorter than others ends the program",
			bend: crashOn(wire.Piece, func(m *wire.Message) bool { return len(m.Data) == BlockSize-1 }),
		},
		{
			Name: "cut-blocks-crash", What: "a piece message without a begin ends the program",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					if begun && bytes.HasPrefix(d, []byte{0, 0, 0, 5, byte(wire.Piece)}) {
						b.dead = errors.New("slice bounds out of range")
					}
					return nil, 0, false
				}
			},
		},
	}
}

func initiatorMutants() []Mutant {
	return []Mutant{
		{
			Name: "dials-with-another-hash", What: "the handshake of who connects has the info-hash backwards",
			bend: func(b *bent) {
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && c > 0 && b.pieces() == Greeting.pieces() {
						mine := *h
						for i := range h.InfoHash {
							mine.InfoHash[i] = h.InfoHash[19-i]
						}
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "any-answer-accepted", What: "the answer to the own handshake is taken as it is",
			bend: func(b *bent) {
				b.decode = func(d []byte, begun bool) (spec.Message, int, bool) {
					if b.node.Complete() {
						return nil, 0, false
					}
					return lenientHandshake(d, begun)
				}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && c > 0 {
						mine := *h
						mine.InfoHash = b.node.InfoHash()
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "talks-to-itself", What: "the own peer id is not recognized",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && h.PeerID == b.node.PeerID() {
						mine := *h
						mine.PeerID[19] ^= 1
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "announce-without-stopped", What: "the end of a download is not told",
			bend: sayURL(func(url string) string { return strings.Replace(url, "&event=stopped", "", 1) }),
		},
		{
			Name: "list-form-is-not-read", What: "peers are read in the compact form alone",
			bend: func(b *bent) {
				b.body = func(body []byte) []byte {
					if bytes.Contains(body, []byte("5:peersl")) {
						return []byte("d8:intervali1800e5:peers0:e")
					}
					return body
				}
			},
		},
	}
}

// deafLeecher does not hear messages of a type as long as pieces are missing.
func deafLeecher(t wire.Type) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
			if w, ok := m.(*wire.Message); ok && w.Type == t && !b.node.Complete() {
				return nil
			}
			return same(m)
		}
	}
}

func fastDownloadMutants() []Mutant {
	return []Mutant{
		{
			Name: "nothing-said-of-nothing", What: "who has no piece does not say so",
			bend: sayType(wire.HaveNone, nothing),
		},
		{
			Name: "unasked-block-ignored", What: "a block that was not asked for is passed over",
			bend: func(b *bent) {
				b.unasked(func(spec.Conn, *wire.Message) []spec.Message { return nil })
			},
		},
		{
			Name: "reject-is-not-heard", What: "a reject changes nothing",
			bend: deafLeecher(wire.Reject),
		},
		{
			Name: "choke-drops-blocks", What: "blocks of who chokes are thrown away",
			bend: func(b *bent) {
				choked := map[spec.Conn]bool{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && (w.Type == wire.Choke || w.Type == wire.Unchoke) {
						choked[c] = w.Type == wire.Choke
					}
					if ok && w.Type == wire.Piece && choked[c] {
						return nil
					}
					return same(m)
				}
			},
		},
		{
			Name: "allowed-fast-taken-as-have", What: "a piece that is allowed fast is taken to be there",
			bend: hearType(wire.AllowedFast, func(m wire.Message) []spec.Message {
				has := have(int(m.Index))
				return []spec.Message{&m, &has}
			}),
		},
		{
			Name: "allowed-fast-is-not-heard", What: "pieces that are allowed fast are not asked for",
			bend: deafLeecher(wire.AllowedFast),
		},
		{
			Name: "choke-storm", What: "a choke is answered by a thousand requests",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Choke {
						for range 1000 {
							ask := block(wire.Request, 2, 0, BlockSize)
							b.reply(c, &ask)
						}
					}
					return same(m)
				}
			},
		},
		{
			Name: "suggest-out-of-range-crashes", What: "a suggestion beyond the last piece ends the program",
			bend: crashOn(wire.Suggest, func(m *wire.Message) bool { return m.Index >= 37 }),
		},
		{
			Name: "allowed-fast-out-of-range-crashes", What: "an allowed piece beyond the last ends the program",
			bend: crashOn(wire.AllowedFast, func(m *wire.Message) bool { return m.Index >= 37 }),
		},
	}
}

// hearDict changes the bencoded dictionary of the extension handshakes that
// the peer hears.
func hearDict(change func(c spec.Conn, d Dict)) func(*bent) {
	return func(b *bent) {
		b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
			w, ok := m.(*wire.Message)
			if !ok || w.Type != wire.Extended || w.ExtID != 0 {
				return same(m)
			}
			if v, err := bencode.Parse(w.Data, bencode.Options{Lenient: true}); err == nil {
				if d, ok := v.Any().(map[string]any); ok {
					change(c, d)
					changed := extended(0, bencode.MustAppend(nil, d))
					return same(&changed)
				}
			}
			return same(m)
		}
	}
}

func extendedDownloadMutants() []Mutant {
	return []Mutant{
		{
			Name: "reqq-is-not-heard", What: "the limit of a peer's queue is not looked at",
			bend: hearDict(func(_ spec.Conn, d Dict) { delete(d, "reqq") }),
		},
		{
			Name: "reqq-zero-believed", What: "nothing is asked of a peer that says reqq 0",
			bend: func(b *bent) {
				none := map[spec.Conn]bool{}
				hearDict(func(c spec.Conn, d Dict) { none[c] = d["reqq"] == int64(0) })(b)
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request && none[c] {
						return nil
					}
					return same(m)
				}
			},
		},
		{
			Name: "extension-handshake-list-crashes", What: "an extension handshake that is a list ends the program",
			bend: crashOn(wire.Extended, func(m *wire.Message) bool {
				return m.ExtID == 0 && bytes.HasPrefix(m.Data, []byte("l"))
			}),
		},
		{
			Name: "extension-handshake-deep-crashes", What: "an extension handshake of nested lists ends the program",
			bend: crashOn(wire.Extended, func(m *wire.Message) bool {
				return m.ExtID == 0 && bytes.Contains(m.Data, []byte("llllllllllllllllllll"))
			}),
		},
		{
			Name: "empty-extension-handshake-ends-it", What: "an extension handshake without keys ends the connection",
			bend: func(b *bent) {
				hangUpOn(wire.Extended, func(m *wire.Message) bool {
					return m.ExtID == 0 && string(m.Data) == "de" && !b.node.Complete()
				})(b)
			},
		},
	}
}
