package gnutella

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// inflatedPatch is the data of a patch whose parts have come in full.
func inflatedPatch(p qrp.Patch) []byte {
	if !p.Deflated {
		return p.Data
	}
	r, err := zlib.NewReader(bytes.NewReader(p.Data))
	if err != nil {
		return nil
	}
	data, _ := io.ReadAll(io.LimitReader(r, qrp.MaxSlots)) // what is broken is refused before
	return data
}

// packed is a whole patch as one compressed message.
func packedPatch(entryBits uint8, data []byte) qrp.Patch {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data) // does not fail into memory
	_ = w.Close()
	return qrp.Patch{Seq: 1, Of: 1, Deflated: true, EntryBits: entryBits, Data: b.Bytes()}
}

// misreading changes what the servent reads of tables: reset and patch give messages
// in the place of a RESET, and of a whole patch with all its data uncompressed. Deflated
// and Of are as they were. Messages against the rules come through as they are.
type misreading struct {
	reset func(m qrp.Reset, again bool) []qrp.Message
	patch func(first qrp.Reset, p qrp.Patch, data []byte) []qrp.Message
}

func (r misreading) bend(b *bent) {
	told, first := tables{}, map[spec.Conn]qrp.Reset{}
	held := map[spec.Conn][]spec.Message{}
	b.hear = func(c spec.Conn, message spec.Message) []spec.Message {
		d, ok := message.(wire.Descriptor)
		if !ok || d.Type != wire.TypeQRP {
			return same(message)
		}
		var parts []byte
		for _, h := range held[c] {
			parts = append(parts, h.(wire.Descriptor).Payload[5:]...)
		}
		m, err := told.take(c, d)
		list := []qrp.Message{m}
		switch m := m.(type) {
		case qrp.Reset:
			_, again := first[c]
			first[c] = m
			if r.reset != nil && err == nil {
				list = r.reset(m, again)
			}
		case qrp.Patch:
			held[c] = append(held[c], message)
			if err == nil && m.Seq < m.Of {
				return nil
			}
			all := held[c]
			held[c] = nil
			if err != nil || r.patch == nil {
				return all
			}
			m.Data = append(parts, m.Data...)
			list = r.patch(first[c], m, inflatedPatch(m))
		}
		if err != nil {
			return same(message)
		}
		return routed(d, list...)
	}
}

// routed are messages as descriptors like one.
func routed(like wire.Descriptor, list ...qrp.Message) (out []spec.Message) {
	for _, m := range list {
		like.Payload = qrp.Append(nil, m)
		out = append(out, like)
	}
	return out
}

// entries changes each entry of a patch.
func entries(bits uint8, data []byte, change func(slot, d int) int) []byte {
	out, per := make([]byte, len(data)), 8/int(bits)
	for i := range len(data) * per {
		d := int(int8(data[i/per]<<(int(bits)*(i%per)))) >> (8 - bits)
		out[i/per] |= byte(change(i, d)) & (1<<bits - 1) << (8 - int(bits)*(1+i%per))
	}
	return out
}

// dropping reads no patches of a kind.
func dropping(which func(p qrp.Patch) bool) func(*bent) {
	return misreading{patch: func(_ qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
		if which(p) {
			return nil
		}
		return []qrp.Message{packedPatch(p.EntryBits, data)}
	}}.bend
}

func qrpReadMutants() []Mutant {
	return []Mutant{
		{
			Name: "low-half-first", What: "of two entries in a byte the lower half is taken for the first",
			bend: misreading{patch: func(_ qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
				if p.EntryBits == 4 {
					data = slices.Clone(data)
					for i, c := range data {
						data[i] = c<<4 | c>>4
					}
				}
				return []qrp.Message{packedPatch(p.EntryBits, data)}
			}}.bend,
		},
		{
			Name: "plain-patches-are-not-read", What: "patches that are not compressed are ignored",
			bend: dropping(func(p qrp.Patch) bool { return !p.Deflated }),
		},
		{
			Name: "compressed-patches-are-not-read", What: "patches that are compressed are ignored",
			bend: dropping(func(p qrp.Patch) bool { return p.Deflated }),
		},
		{
			Name: "entries-of-eight-bits-are-not-read", What: "patches with entries of eight bits are ignored",
			bend: dropping(func(p qrp.Patch) bool { return p.EntryBits == 8 }),
		},
		{
			Name: "entries-of-one-bit-are-not-read", What: "X-Query-Routing: 0.2 is said, and entries of one bit are ignored",
			bend: dropping(func(p qrp.Patch) bool { return p.EntryBits == 1 }),
		},
		{
			Name: "entries-of-two-bits-are-not-read", What: "X-Query-Routing: 0.2 is said, and entries of two bits are ignored",
			bend: dropping(func(p qrp.Patch) bool { return p.EntryBits == 2 }),
		},
		{
			Name: "long-sequences-are-given-up", What: "a patch in more than 127 parts is ignored",
			bend: dropping(func(p qrp.Patch) bool { return p.Of > 127 }),
		},
		{
			Name: "tables-are-not-scaled", What: "the slots of any table are taken for those of one with 65536",
			bend: misreading{
				reset: func(m qrp.Reset, _ bool) []qrp.Message {
					return []qrp.Message{qrp.Reset{Slots: qrp.DefaultSlots, Infinity: m.Infinity}}
				},
				patch: func(_ qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
					all := make([]byte, qrp.DefaultSlots*int(p.EntryBits)/8)
					copy(all, data)
					return []qrp.Message{packedPatch(p.EntryBits, all)}
				},
			}.bend,
		},
		{
			Name: "infinity-is-always-seven", What: "the infinity of a RESET is not read",
			bend: misreading{reset: func(m qrp.Reset, _ bool) []qrp.Message {
				return []qrp.Message{qrp.Reset{Slots: m.Slots, Infinity: qrp.DefaultInfinity}}
			}}.bend,
		},
		{
			Name: "only-the-nearest-count", What: "a slot counts only if its value is 1",
			bend: misreading{patch: func(r qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
				nearest := 1 - int(r.Infinity)
				return []qrp.Message{packedPatch(p.EntryBits, entries(p.EntryBits, data, func(_, d int) int {
					if p.EntryBits > 1 && d < 0 && d != nearest {
						return 0
					}
					return d
				}))}
			}}.bend,
		},
		{
			Name: "patches-replace-the-table", What: "each patch is taken to be added to an empty table",
			bend: misreading{patch: func(r qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
				negative := entries(p.EntryBits, data, func(_, d int) int {
					if p.EntryBits == 1 {
						return d
					}
					return min(d, 0)
				})
				return []qrp.Message{r, packedPatch(p.EntryBits, negative)}
			}}.bend,
		},
		{
			Name: "words-stay-in-the-table", What: "positive differences are not added",
			bend: misreading{patch: func(_ qrp.Reset, p qrp.Patch, data []byte) []qrp.Message {
				negative := entries(p.EntryBits, data, func(_, d int) int {
					if p.EntryBits == 1 {
						return d
					}
					return min(d, 0)
				})
				return []qrp.Message{packedPatch(p.EntryBits, negative)}
			}}.bend,
		},
		{
			Name: "second-reset-is-ignored", What: "a RESET of a table that is there already changes nothing",
			bend: misreading{
				reset: func(m qrp.Reset, again bool) []qrp.Message {
					if again {
						return nil
					}
					return []qrp.Message{m}
				},
			}.bend,
		},
		{
			Name: "sequences-allow-no-other-message", What: "a ping between two parts of a patch ends the link",
			bend: func(b *bent) {
				begun := map[spec.Conn]bool{}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					d, ok := m.(wire.Descriptor)
					if ok && d.Type == wire.TypeQRP {
						p, _ := qrp.Parse(d.Payload)
						patch, is := p.(qrp.Patch)
						begun[c] = is && patch.Seq < patch.Of
					} else if ok && begun[c] {
						b.close(c)
						return nil
					}
					return same(m)
				}
			},
		},
	}
}

// overlooking has the servent go on where a message of query routing breaks the rules:
// it and what follows of the table are ignored.
func overlooking(which func(m qrp.Message, err error) bool) func(*bent) {
	return func(b *bent) {
		told, lost := tables{}, map[spec.Conn]bool{}
		b.hear = func(c spec.Conn, message spec.Message) []spec.Message {
			d, ok := message.(wire.Descriptor)
			if !ok || d.Type != wire.TypeQRP {
				return same(message)
			}
			if m, err := told.take(c, d); err != nil && which(m, err) {
				lost[c] = true
			}
			if lost[c] {
				return nil
			}
			return same(message)
		}
	}
}

// saying a reason that the codec gives.
func because(words string) func(qrp.Message, error) bool {
	return func(_ qrp.Message, err error) bool { return strings.Contains(err.Error(), words) }
}

func qrpRefusalMutants() []Mutant {
	list := []Mutant{
		{
			Name: "any-length-of-a-table-will-do", What: "a RESET whose length is no power of two is ignored",
			bend: overlooking(func(m qrp.Message, _ error) bool {
				r, ok := m.(qrp.Reset)
				return ok && r.Slots&(r.Slots-1) != 0
			}),
		},
		{
			Name: "sequences-may-change-their-length", What: "a part of a sequence of another length is ignored",
			bend: overlooking(func(m qrp.Message, err error) bool {
				p, ok := m.(qrp.Patch)
				return ok && p.Of == 4 && because("of another sequence")(m, err)
			}),
		},
		{
			Name: "sequences-may-change-their-entries", What: "a part with entries of another size is ignored",
			bend: overlooking(func(m qrp.Message, err error) bool {
				p, ok := m.(qrp.Patch)
				return ok && p.EntryBits == 8 && because("of another sequence")(m, err)
			}),
		},
		{
			Name: "sequences-may-change-their-compressor", What: "a part that is compressed in one that is not is ignored",
			bend: overlooking(func(m qrp.Message, err error) bool {
				p, ok := m.(qrp.Patch)
				return ok && p.Deflated && because("of another sequence")(m, err)
			}),
		},
		{
			Name: "bombs-are-swallowed", What: "a patch that inflates to more than its table is ignored",
			bend: overlooking(func(m qrp.Message, err error) bool {
				p, ok := m.(qrp.Patch)
				return ok && p.Deflated && (because("more data")(m, err) || because("a patch of")(m, err))
			}),
		},
		{
			Name: "tables-of-any-size-are-taken", What: "a RESET for a table of gigabytes does not cost the link",
			bend: overlooking(func(m qrp.Message, _ error) bool {
				r, ok := m.(qrp.Reset)
				return ok && r.Slots > qrp.MaxSlots
			}),
		},
	}
	for _, m := range []struct{ name, what, reason string }{
		{"patches-need-no-reset", "a patch before any RESET is ignored", "before any RESET"},
		{"parts-may-be-left-out", "a part that does not follow the last is ignored", "after part 1"},
		{"sequences-may-begin-anywhere", "a part that no sequence has begun with is ignored", "after part 0"},
		{"entries-of-any-size-are-taken", "a patch with entries of unknown size is ignored", "entries of"},
		{"short-patches-are-taken", "a patch for a part of the table is ignored", "a patch of 256"},
		{"long-patches-are-taken", "a patch beyond the table is ignored", "more data than the patch of 1024"},
		{"broken-compression-is-overlooked", "a patch that cannot be inflated is ignored", "zlib"},
	} {
		list = append(list, Mutant{Name: m.name, What: m.what, bend: overlooking(because(m.reason))})
	}
	return list
}
