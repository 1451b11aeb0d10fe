package bittorrent

import (
	"bytes"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// sayHashes replaces the answers to hash requests, hearHashes the requests and
// answers that come.
func sayHashes(say func(h wire.Hashes) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
			if h, ok := m.(*wire.Hashes); ok {
				return say(*h)
			}
			return same(m)
		}
	}
}

func hearHashes(hear func(b *bent, c spec.Conn, h wire.Hashes) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
			if h, ok := m.(*wire.Hashes); ok {
				return hear(b, c, *h)
			}
			return same(m)
		}
	}
}

// version2Mutants get torrents of version 2 and hybrids wrong.
func version2Mutants() []Mutant { return slices.Concat(nameMutants(), hashMutants()) }

func nameMutants() []Mutant {
	v2 := func(b *bent) bool { return bytes.Contains(b.meta, []byte("12:meta versioni2e")) }
	hearHandshake := func(refuse func(b *bent, h *wire.Handshake) bool) func(*bent) {
		return func(b *bent) {
			b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
				if h, ok := m.(*wire.Handshake); ok && refuse(b, h) {
					return nil
				}
				return same(m)
			}
		}
	}
	return []Mutant{
		{
			Name: "v2-name-is-its-end", What: "the last 20 bytes of the SHA-256 are the name",
			bend: func(b *bent) {
				sayHandshake(func(h wire.Handshake) []spec.Message {
					if t, err := metainfo.Parse(b.meta, metainfo.Options{Lenient: true}); err == nil && !t.Info.HasV1 {
						h.InfoHash = [20]byte(t.Info.InfoHashV2[12:])
					}
					return same(&h)
				})(b)
				b.url = func(url string) string {
					if v2(b) && !bytes.Contains(b.meta, []byte("6:pieces")) {
						return replaced(url, "info_hash", "abcdefghijabcdefghij")
					}
					return url
				}
			},
		},
		{
			Name: "hybrid-in-one-swarm", What: "a hybrid has the name of version 1 alone",
			bend: hearHandshake(func(b *bent, h *wire.Handshake) bool { return h.InfoHash != b.node.InfoHash() }),
		},
		{
			Name: "upgrade-refused", What: "who offers version 2 is not answered",
			bend: hearHandshake(func(_ *bent, h *wire.Handshake) bool { return h.Offers(wire.FeatureV2) }),
		},
		{
			Name: "v2-short-blocks-refused", What: "a block of version 2 has 16 KiB",
			bend: func(b *bent) {
				hearType(wire.Request, func(m wire.Message) []spec.Message {
					if v2(b) && m.Length != BlockSize {
						return nil
					}
					return same(&m)
				})(b)
			},
		},
		{
			Name: "v2-gap-served", What: "what lies between two files is served as zeros",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && w.Type == wire.Request && v2(b) && int64(w.Begin+w.Length) > b.memory.Info.PieceSize(int(w.Index)) {
						b.reply(c, &wire.Message{
							Type: wire.Piece, Index: w.Index, Begin: w.Begin, Data: make([]byte, w.Length),
						})
						return nil
					}
					return same(m)
				}
			},
		},
	}
}

func hashMutants() []Mutant {
	requests := func(hear func(b *bent, c spec.Conn, h wire.Hashes) []spec.Message) func(*bent) {
		return hearHashes(func(b *bent, c spec.Conn, h wire.Hashes) []spec.Message {
			if h.Type == wire.HashRequest {
				return hear(b, c, h)
			}
			return same(&h)
		})
	}
	return []Mutant{
		{
			Name: "hash-requests-unanswered", What: "hash requests are not known",
			bend: requests(func(*bent, spec.Conn, wire.Hashes) []spec.Message { return nil }),
		},
		{
			Name: "hash-requests-all-rejected", What: "no hashes are served",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				if h.Type == wire.HashesMessage {
					h.Type, h.Hashes = wire.HashReject, nil
				}
				return same(&h)
			}),
		},
		{
			Name: "hash-uncles-left-out", What: "the base hashes come without a proof",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				h.Hashes = h.Hashes[:min(len(h.Hashes), 32*int(h.Count))]
				return same(&h)
			}),
		},
		{
			Name: "hash-padding-of-zeros", What: "beyond the end of a file hashes are zeros",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				pad := metainfo.PadHash(pieceLayer)
				h.Hashes = bytes.ReplaceAll(h.Hashes, pad[:], make([]byte, 32))
				return same(&h)
			}),
		},
		{
			Name: "hash-requests-unchecked", What: "what cannot be answered is answered by zeros",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				if h.Type == wire.HashReject {
					h.Type, h.Hashes = wire.HashesMessage, make([]byte, 32*h.Count)
				}
				return same(&h)
			}),
		},
		{
			Name: "hash-rejects-unsent", What: "what cannot be answered is ignored",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				if h.Type == wire.HashReject {
					return nil
				}
				return same(&h)
			}),
		},
		{Name: "hash-requests-need-interest", What: "who has not said interested gets no hashes", bend: hashesForInterest},
		{Name: "hashes-unasked-taken", What: "hashes are kept as they come", bend: hashesUnasked},
		{
			Name: "hash-requests-of-all-pieces", What: "as many hashes are asked for as there are pieces",
			bend: sayHashes(func(h wire.Hashes) []spec.Message {
				if h.Type == wire.HashRequest {
					h.Count = 10
				}
				return same(&h)
			}),
		},
	}
}

func hashesForInterest(b *bent) {
	interested := map[spec.Conn]bool{}
	b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
		switch m := m.(type) {
		case *wire.Message:
			interested[c] = interested[c] || m.Type == wire.Interested
		case *wire.Hashes:
			if m.Type == wire.HashRequest && !interested[c] {
				return nil
			}
		}
		return same(m)
	}
}

func hashesUnasked(b *bent) {
	taken := false
	b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
		if h, ok := m.(*wire.Hashes); ok && h.Type == wire.HashesMessage {
			taken = true
			return nil
		}
		return same(m)
	}
	b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
		if h, ok := m.(*wire.Hashes); ok && h.Type == wire.HashesMessage && taken {
			clear(h.Hashes)
		}
		return same(m)
	}
}
