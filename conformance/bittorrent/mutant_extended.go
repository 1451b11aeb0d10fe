package bittorrent

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// sayExtension changes the extension handshakes that the peer sends.
func sayExtension(change func(h *wire.ExtensionHandshake)) func(*bent) {
	return sayType(wire.Extended, func(m wire.Message) []spec.Message {
		if m.ExtID != 0 {
			return same(&m)
		}
		h, err := wire.ParseExtensionHandshake(bytes.Clone(m.Data))
		if err == nil {
			change(&h)
			m.Data = h.Append(nil)
		}
		return same(&m)
	})
}

// sayDict changes the bencoded dictionary of the extension handshakes.
func sayDict(change func(d Dict)) func(*bent) {
	return sayType(wire.Extended, func(m wire.Message) []spec.Message {
		if v, err := bencode.Parse(m.Data, bencode.Options{Lenient: true}); err == nil && m.ExtID == 0 {
			d, _ := v.Any().(map[string]any)
			change(d)
			m.Data = bencode.MustAppend(nil, d)
		}
		return same(&m)
	})
}

// sayMetadata changes the answers about metadata; nil leaves one out.
func sayMetadata(change func(d *wire.Metadata) *wire.Metadata) func(*bent) {
	return sayType(wire.Extended, func(m wire.Message) []spec.Message {
		d, err := wire.ParseMetadata(m.Data)
		if m.ExtID == 0 || err != nil || d.Type == wire.MetadataRequest {
			return same(&m)
		}
		changed := change(&d)
		if changed == nil {
			return nil
		}
		m.Data = changed.Append(nil)
		return same(&m)
	})
}

// crashOn ends the program at a message.
func crashOn(t wire.Type, when func(m *wire.Message) bool) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
			if w, ok := m.(*wire.Message); ok && w.Type == t && when(w) {
				b.dead = errors.New("unhandled exception")
			}
			return same(m)
		}
	}
}

// hangUpOn ends the connection at a message.
func hangUpOn(t wire.Type, when func(m *wire.Message) bool) func(*bent) {
	return hearType(t, func(m wire.Message) []spec.Message {
		if when(&m) {
			return same(&wire.Handshake{}) // a second handshake ends the connection
		}
		return same(&m)
	})
}

func notBencoded(m *wire.Message) bool {
	_, _, err := bencode.ParsePrefix(m.Data, bencode.Options{Lenient: true})
	return m.ExtID == 0 && err != nil
}

func extensionMutants() []Mutant {
	return []Mutant{
		{
			Name: "extended-without-agreement", What: "extended messages are sent whoever offers the protocol",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok {
						mine := *h
						mine.Offer(wire.FeatureExtension)
						return same(&mine)
					}
					return same(m)
				}
			},
		},
		{
			Name: "no-extension-handshake", What: "the protocol is offered and its handshake never sent",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				if m.ExtID == 0 {
					return nil
				}
				return same(&m)
			}),
		},
		{
			Name: "extension-handshake-late", What: "another extended message comes before the extension handshake",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				early := extended(9, []byte("de"))
				return []spec.Message{&early, &m}
			}),
		},
		{
			Name: "extension-ids-shared", What: "two extensions are registered under one id",
			bend: sayExtension(func(h *wire.ExtensionHandshake) {
				for i := range h.M {
					h.M[i].ID = 1
				}
			}),
		},
		{
			Name: "extension-ids-as-strings", What: "the ids in m are strings",
			bend: sayDict(func(d Dict) {
				m, _ := d["m"].(map[string]any)
				for k, v := range m {
					m[k] = fmt.Sprint(v)
				}
			}),
		},
		{
			Name: "yourip-is-another", What: "yourip is the target's own address",
			bend: sayExtension(func(h *wire.ExtensionHandshake) { h.YourIP = netip.MustParseAddr("10.1.2.3") }),
		},
		{
			Name: "extension-handshake-strict", What: "an extension handshake with anything unforeseen ends the program",
			bend: crashOn(wire.Extended, func(m *wire.Message) bool {
				h, err := wire.ParseExtensionHandshake(m.Data)
				return m.ExtID == 0 && err == nil && (h.Fault != nil || len(h.Other) > 0 || len(h.M) == 0 || len(h.Version) > 1000)
			}),
		},
		{
			Name: "extension-handshake-unparsed-crashes", What: "an extension handshake that is not bencoded ends the program",
			bend: crashOn(wire.Extended, notBencoded),
		},
		{
			Name: "one-extension-handshake", What: "a second extension handshake ends the connection",
			bend: func(b *bent) {
				seen := map[spec.Conn]bool{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Extended && w.ExtID == 0 {
						if seen[c] {
							return same(&wire.Handshake{})
						}
						seen[c] = true
					}
					return same(m)
				}
			},
		},
		{
			Name: "unknown-extension-ends-it", What: "an extended message with an unknown id ends the connection",
			bend: hangUpOn(wire.Extended, func(m *wire.Message) bool { return m.ExtID == 250 }),
		},
		{
			Name: "donthave-needs-support", What: "lt_donthave of a peer that did not register it ends the connection",
			bend: hangUpOn(wire.Extended, func(m *wire.Message) bool { return m.ExtID != 0 && len(m.Data) == 4 }),
		},
		{
			Name: "seeder-wants-pieces", What: "a seeder says upload_only: 0",
			bend: sayDict(func(d Dict) { d["upload_only"] = 0 }),
		},
		{
			Name: "random-peer-id", What: "the peer id follows no convention",
			configure: func(c *core.Config) { copy(c.PeerID[:], "~~~~~~~~~~~~~~~~~~~~") },
		},
		{
			Name: "peer-ids-are-text", What: "a peer id that is not printable is refused",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok && h.PeerID[0] == 0xFF {
						return same(&wire.Handshake{})
					}
					return same(m)
				}
			},
		},
		{
			Name: "private-is-public", What: "the private flag is not looked at",
			bend: sayExtension(func(h *wire.ExtensionHandshake) {
				h.M = append(h.M, wire.Extension{Name: wire.ExtPex, ID: 1})
			}),
		},
	}
}

func metadataMutants() []Mutant {
	return []Mutant{
		{
			Name: "metadata-size-of-the-file", What: "metadata_size is some bytes too large",
			bend: sayExtension(func(h *wire.ExtensionHandshake) { h.MetadataSize += 47 }),
		},
		{
			Name: "metadata-total-of-the-block", What: "total_size is that of the block",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				d.TotalSize = int64(len(d.Data)) / 2
				return d
			}),
		},
		{
			Name: "metadata-piece-zero", What: "every answer is about piece 0",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				d.Piece = 0
				return d
			}),
		},
		{
			Name: "metadata-blocks-of-8-kib", What: "blocks of metadata have 8 KiB",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				d.Data = d.Data[:min(len(d.Data), 8<<10)]
				return d
			}),
		},
		{
			Name: "metadata-encoded-anew", What: "the info dictionary is sent with a byte changed",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				if d.Type == wire.MetadataData {
					d.Data = corrupted(d.Data)
				}
				return d
			}),
		},
		{
			Name: "metadata-under-the-own-id", What: "metadata is sent under the sender's own id",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				if m.ExtID == ourMetadata {
					m.ExtID = 2
				}
				return same(&m)
			}),
		},
		{
			Name: "metadata-not-rejected", What: "a request for metadata that is not there gets no answer",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				if d.Type == wire.MetadataReject {
					return nil
				}
				return d
			}),
		},
		{
			Name: "metadata-refused", What: "every request for metadata is rejected",
			bend: sayMetadata(func(d *wire.Metadata) *wire.Metadata {
				return &wire.Metadata{Type: wire.MetadataReject, Piece: d.Piece}
			}),
		},
		{
			Name: "metadata-unknown-type-ends-it", What: "an unknown msg_type ends the connection",
			bend: hangUpOn(wire.Extended, func(m *wire.Message) bool {
				d, err := wire.ParseMetadata(m.Data)
				return m.ExtID != 0 && err == nil && (d.Type > 2 || d.Type < 0)
			}),
		},
		{
			Name: "metadata-block-unchecked", What: "a block of metadata that does not exist ends the program",
			bend: crashOn(wire.Extended, func(m *wire.Message) bool {
				return m.ExtID != 0 && bytes.Contains(m.Data, []byte("piecei4611686018427387904e"))
			}),
		},
		{
			Name: "metadata-served-once", What: "the metadata is given to a peer once",
			bend: func(b *bent) {
				served := map[spec.Conn]int{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if !ok || w.Type != wire.Extended || w.ExtID == 0 {
						return same(m)
					}
					if d, err := wire.ParseMetadata(w.Data); err == nil && d.Type == wire.MetadataData {
						if served[c]++; served[c] > 20 {
							reject := extended(w.ExtID, (&wire.Metadata{Type: wire.MetadataReject, Piece: d.Piece}).Append(nil))
							return same(&reject)
						}
					}
					return same(m)
				}
			},
		},
	}
}
