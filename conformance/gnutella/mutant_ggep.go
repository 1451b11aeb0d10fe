package gnutella

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// blockAt is where the GGEP block of a query begins, -1 without one.
func blockAt(payload []byte) int {
	q, err := wire.ParseQuery(payload)
	if err != nil {
		return -1
	}
	block := blockIn(q.Extensions)
	if block == nil {
		return -1
	}
	return len(payload) - len(block)
}

// blind has the servent not see the blocks in queries that are of a kind. They are
// passed on as they came.
func blind(to func(block []byte, list []ggep.Extension) bool) func(*bent) {
	return func(b *bent) {
		cut := map[wire.GUID][]byte{}
		b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
			d, ok := m.(wire.Descriptor)
			if !ok || d.Type != wire.TypeQuery {
				return same(m)
			}
			at := blockAt(d.Payload)
			if at < 0 {
				return same(m)
			}
			list, _, err := ggep.Parse(d.Payload[at:])
			if err != nil || !to(d.Payload[at:], list) {
				return same(m)
			}
			cut[d.GUID] = bytes.Clone(d.Payload[at:])
			d.Payload = d.Payload[:at]
			return same(d)
		}
		b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
			if d, ok := m.(wire.Descriptor); ok && d.Type == wire.TypeQuery && cut[d.GUID] != nil {
				d.Payload = append(bytes.Clone(d.Payload), cut[d.GUID]...)
				return same(d)
			}
			return same(m)
		}
	}
}

// theHash is the extension H of a block.
func theHash(list []ggep.Extension) ggep.Extension {
	h, _ := ggep.Find(list, "H")
	return h
}

// ggepQueryMutants misread good blocks.
func ggepQueryMutants() []Mutant {
	return []Mutant{
		{
			Name: "blocks-of-queries-are-not-read", What: "no file is looked for by a hash in GGEP",
			bend: blind(func([]byte, []ggep.Extension) bool { return true }),
		},
		{
			Name: "cobs-is-not-decoded", What: "values with the flag of COBS are not understood",
			bend: blind(func(_ []byte, list []ggep.Extension) bool { return theHash(list).COBS }),
		},
		{
			Name: "compressed-values-are-not-read", What: "values with the flag of compression are not understood",
			bend: blind(func(_ []byte, list []ggep.Extension) bool { return theHash(list).Deflate }),
		},
		{
			Name: "compressed-before-encoded", What: "values with both flags are inflated before they are decoded",
			bend: blind(func(_ []byte, list []ggep.Extension) bool { return theHash(list).COBS && theHash(list).Deflate }),
		},
		{
			Name: "unknown-names-end-a-block", What: "what follows an unknown extension is not read",
			bend: blind(func(_ []byte, list []ggep.Extension) bool { return list[0].ID != "H" }),
		},
		{
			Name: "lengths-have-one-chunk", What: "a block with a value of 64 bytes or more is not understood",
			bend: blind(func(_ []byte, list []ggep.Extension) bool { return len(list[0].Data) >= 64 }),
		},
		{
			Name: "lengths-have-two-chunks", What: "a length in three chunks is not understood",
			bend: blind(func(block []byte, _ []ggep.Extension) bool { return bytes.Contains(block, []byte{'H', 0x80, 0x80}) }),
		},
		{
			Name: "blocks-stand-alone", What: "a block is only read where no other extensions are",
			bend: hearingType(wire.TypeQuery, func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
				if at := blockAt(d.Payload); at > 0 && d.Payload[at-1] == 0x1c {
					d.Payload = d.Payload[:at]
				}
				return same(d)
			}),
		},
		{
			Name: "names-ignore-case", What: "h is taken for H",
			bend: hearingType(wire.TypeQuery, func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
				small, capital := []byte{ggep.Magic, ggepLast | 1, 'h'}, []byte{ggep.Magic, ggepLast | 1, 'H'}
				d.Payload = bytes.Replace(d.Payload, small, capital, 1)
				return same(d)
			}),
		},
	}
}

// intolerant has the servent not answer queries whose blocks are broken in one way.
func intolerant(name, what, reason string) Mutant {
	return Mutant{Name: name, What: what, bend: hearingType(wire.TypeQuery,
		func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
			if at := blockAt(d.Payload); at >= 0 {
				if _, _, err := ggep.Parse(d.Payload[at:]); err != nil && strings.Contains(err.Error(), reason) {
					return nil
				}
			}
			return same(d)
		})}
}

// ggepBrokenMutants do not get over broken blocks.
func ggepBrokenMutants() []Mutant {
	return []Mutant{
		intolerant("broken-blocks-cost-the-query", "a query whose block cannot be read is thrown away", "malformed"),
		intolerant("reserved-flags-cost-the-query", "a query is thrown away for a reserved flag", "reserved"),
		intolerant("broken-lengths-cost-the-query", "a query is thrown away for a broken length in its block", "GN-GG-03"),
		intolerant("broken-values-cost-the-query", "a query is thrown away for a value that cannot be decoded", "GN-GG-04"),
		{
			Name: "broken-blocks-cost-the-link", What: "a neighbour whose query has a broken block is hung up on",
			bend: hearingType(wire.TypeQuery, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				if at := blockAt(d.Payload); at >= 0 {
					if _, _, err := ggep.Parse(d.Payload[at:]); err != nil {
						b.close(c)
						return nil
					}
				}
				return same(d)
			}),
		},
		{
			Name: "dies-of-a-ggep-bomb", What: "the process ends at a value that inflates to megabytes",
			bend: hearingType(wire.TypeQuery, func(b *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
				if at := blockAt(d.Payload); at >= 0 {
					if _, _, err := ggep.Parse(d.Payload[at:]); err != nil && strings.Contains(err.Error(), "inflates") {
						b.dead = true
					}
				}
				return same(d)
			}),
		},
	}
}

// rewriting changes the extensions of the servent's own results. They may have a NUL
// then.
func rewriting(change func(extensions []byte) []byte) func(*bent) {
	return sayingType(wire.TypeQueryHit, func(_ *bent, _ spec.Conn, d wire.Descriptor) []spec.Message {
		h, err := wire.ParseQueryHit(d.Payload)
		if err != nil || d.Hops > 0 {
			return same(d)
		}
		rest := h.Results
		h.Results = nil
		for len(rest) > 0 {
			var r wire.Result
			if r, rest, err = wire.NextResult(rest); err != nil {
				return same(d)
			}
			h.Results = binary.LittleEndian.AppendUint32(h.Results, r.Index)
			h.Results = binary.LittleEndian.AppendUint32(h.Results, r.Size)
			h.Results = append(append(h.Results, r.Name...), 0)
			h.Results = append(append(h.Results, change(r.Extensions)...), 0)
		}
		d.Payload = h.Append(nil)
		return same(d)
	})
}

// rehashed writes an H anew.
func rehashed(change func(e *ggep.Extension)) func([]byte) []byte {
	return func(extensions []byte) []byte {
		list, _, err := ggep.Parse(extensions)
		if err != nil {
			return extensions
		}
		for i := range list {
			change(&list[i])
		}
		b, err := ggep.Append(nil, list)
		if err != nil {
			return extensions
		}
		return b
	}
}

// appending puts bytes behind what the servent sends of a type.
func appending(t wire.Type, tail ...byte) func(*bent) {
	return changing(t, func(d *wire.Descriptor) { d.Payload = append(bytes.Clone(d.Payload), tail...) })
}

// ggepSentMutants send broken blocks.
func ggepSentMutants() []Mutant {
	return []Mutant{
		{
			Name: "blocks-do-not-end", What: "no extension of a block in a result says that it is the last",
			bend: rewriting(func(b []byte) []byte {
				b = bytes.Clone(b)
				if len(b) > 1 && b[0] == ggep.Magic {
					b[1] &^= ggepLast
				}
				return b
			}),
		},
		{
			Name: "results-without-cobs", What: "a hash in a result is not encoded",
			bend: rewriting(rehashed(func(e *ggep.Extension) { e.COBS = false })),
		},
		{
			Name: "hashes-without-a-type", What: "the value of H is a SHA-1 alone",
			bend: rewriting(rehashed(func(e *ggep.Extension) { e.Data = e.Data[min(1, len(e.Data)):] })),
		},
		{
			Name: "hashes-of-something-else", What: "the value of H is another SHA-1",
			bend: rewriting(rehashed(func(e *ggep.Extension) {
				e.Data = bytes.Clone(e.Data)
				e.Data[len(e.Data)-1] ^= 0x55
			})),
		},
		{Name: "pongs-are-padded", What: "two bytes follow a pong", bend: appending(wire.TypePong, 1, 2)},
		{Name: "pings-are-padded", What: "two bytes follow a ping", bend: appending(wire.TypePing, 1, 2)},
		{
			Name: "pongs-have-blocks-for-all", What: "pongs have a block whether the other knows GGEP or not",
			bend: appending(wire.TypePong, unknownBlock()...),
		},
		{
			Name: "pings-have-blocks-for-all", What: "pings have a block whether the other knows GGEP or not",
			bend: appending(wire.TypePing, unknownBlock()...),
		},
	}
}

// cutting takes off what is behind so many bytes of a payload.
func cutting(t wire.Type, size func(payload []byte) int) func(*bent) {
	return changing(t, func(d *wire.Descriptor) {
		if n := size(d.Payload); n >= 0 && n < len(d.Payload) {
			d.Payload = d.Payload[:n]
		}
	})
}

// ggepForwardedMutants lose blocks on their way.
func ggepForwardedMutants() []Mutant {
	return []Mutant{
		{
			Name: "queries-lose-their-block", What: "queries are passed on without their block",
			bend: cutting(wire.TypeQuery, blockAt),
		},
		{
			Name: "queries-lose-what-is-compressed", What: "compressed values of queries are passed on as they are without it",
			bend: changing(wire.TypeQuery, func(d *wire.Descriptor) {
				at := blockAt(d.Payload)
				if at < 0 {
					return
				}
				list, _, err := ggep.Parse(d.Payload[at:])
				if err != nil {
					return
				}
				for i := range list {
					list[i].Deflate = false
				}
				if b, err := ggep.Append(bytes.Clone(d.Payload[:at]), list); err == nil {
					d.Payload = b
				}
			}),
		},
		{
			Name: "hits-lose-their-blocks", What: "hits are passed on without the private data of their servent",
			bend: changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
				if h, err := wire.ParseQueryHit(d.Payload); err == nil && h.Trailer != nil {
					h.Trailer.Private = nil
					d.Payload = h.Append(nil)
				}
			}),
		},
		{
			Name: "pushes-lose-their-block", What: "pushes are passed on with 26 bytes",
			bend: cutting(wire.TypePush, func([]byte) int { return 26 }),
		},
	}
}

// ggepMutants are wrong about GGEP.
func ggepMutants() (list []Mutant) {
	for _, some := range [][]Mutant{
		ggepQueryMutants(), ggepBrokenMutants(), ggepSentMutants(), ggepForwardedMutants(),
	} {
		list = append(list, some...)
	}
	return list
}
