package gnutella

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// The flags of a GGEP extension.
const (
	ggepLast     = 1 << 7
	ggepCOBS     = 1 << 6
	ggepDeflate  = 1 << 5
	ggepReserved = 1 << 4
)

// extension writes one extension as it is told, and not as it has to be: length is
// that field's bytes, nil for the right ones.
func extension(flags byte, id string, length, data []byte) []byte {
	if length == nil {
		length = lengthOf(len(data))
	}
	b := append([]byte{flags | byte(len(id))}, id...)
	return append(append(b, length...), data...)
}

// lengthOf is the length field of so many bytes, below 4096.
func lengthOf(n int) []byte {
	if n < 64 {
		return []byte{0x40 | byte(n)}
	}
	return []byte{0x80 | byte(n>>6), 0x40 | byte(n&0x3f)}
}

// blockOf is a block of extensions.
func blockOf(extensions ...[]byte) []byte {
	return append([]byte{ggep.Magic}, bytes.Join(extensions, nil)...)
}

// unknownBlock is a block of one extension that no servent knows.
func unknownBlock() []byte { return blockOf(extension(ggepLast, "TST", nil, []byte("hi"))) }

// unknownExtension is the name and the value in it, as they are in any block.
func unknownExtension() []byte { return unknownBlock()[2:] }

// cobsOf encodes data without NUL, of which there are less than 254 bytes.
func cobsOf(data []byte) (b []byte) {
	for _, run := range bytes.Split(data, []byte{0}) {
		b = append(append(b, byte(len(run)+1)), run...)
	}
	return b
}

// hashValue is the value of the extension H for a shared file: a type, and its SHA-1.
func hashValue(name string) []byte {
	sum := urn.Sum(Shared()[name]).SHA1
	return append([]byte{1}, sum[:]...)
}

// NewGGEPQuery asks for a text with a block behind it, and says that hashes may come
// in GGEP.
func NewGGEPQuery(t *T, text string, ttl, hops uint8, block []byte) wire.Descriptor {
	d := NewQuery(t, text, ttl, hops, string(block))
	d.Payload[0] |= byte(wire.QueryGGEPHash >> 8)
	return d
}

// byHash asks for the file by a block alone, as another peer: some drop the second
// query of a link for the same file.
func (p *Peer) byHash(block []byte) bool {
	q := Meet(p.t, Equal())
	defer q.Close()
	a := q.Ask(NewGGEPQuery(p.t, "", 2, 0, block))
	return a != nil && a.Named(FileAlpha) != nil
}

// knowsH ends the case as unsupported if the target does not look for a file by the
// simplest H.
func (p *Peer) knowsH() {
	p.Finds("alpha bravo", FileAlpha)
	if !p.byHash(blockOf(extension(ggepLast, "H", nil, hashValue(FileAlpha)))) {
		p.t.Unsupportedf("the target does not look for files by the hash in a query's GGEP block")
	}
}

// encodedGGEP is a case about one encoding of a block, which a servent that reads H
// in queries has to understand.
func encodedGGEP(
	slug string, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	block func(hash []byte) []byte,
) Case {
	return Case{
		ID: "ggep/query/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query with the hash in the simplest block is answered",
		Explain: explain + " The block has a hash of a shared file, by which the target has found it before: it " +
			"has to find it again.",
		Causes: causes, Kills: kills,
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.knowsH()
			if !p.byHash(block(hashValue(FileAlpha))) {
				t.Failf("a query with the hash in such a block is not answered: %s", p.Last())
			}
		},
	}
}

// ggepQueries judges how the target reads blocks in queries.
var ggepQueries = []Case{
	{
		ID: "ggep/query/hash-finds-a-file", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-GG-01", "GN-QY-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for the words of the file is answered",
		Explain: "A query has no text, and a GGEP block with H: the type 1 and the SHA-1 of a shared file. Servents " +
			"of today ask like this, and answer it as the same urn.",
		Causes: []string{"only urns are read", "queries without text are dropped before"},
		Kills:  []string{"blocks-of-queries-are-not-read", "no-search-by-urn"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			if !p.byHash(blockOf(extension(ggepLast, "H", nil, hashValue(FileAlpha)))) {
				t.Failf("a query with the hash of a shared file is not answered: %s", p.Last())
			}
		},
	},
	encodedGGEP("cobs", conformance.Must, []string{"GN-GG-02", "GN-GG-04"},
		"The value of an extension is encoded with COBS, as its flag says.",
		[]string{"the flag is not looked at"}, []string{"cobs-is-not-decoded"},
		func(hash []byte) []byte { return blockOf(extension(ggepLast|ggepCOBS, "H", nil, cobsOf(hash))) }),
	encodedGGEP("deflated", conformance.Must, []string{"GN-GG-02", "GN-GG-04"},
		"The value of an extension is compressed, as its flag says.",
		[]string{"the flag is not looked at", "a raw deflate stream is expected, without zlib's header"}, []string{
			"compressed-values-are-not-read",
		},
		func(hash []byte) []byte { return blockOf(extension(ggepLast|ggepDeflate, "H", nil, zlibOf(hash))) }),
	encodedGGEP("deflated-then-cobs", conformance.Must, []string{"GN-GG-04"},
		"The value of an extension is compressed first, and then encoded with COBS: it is to be decoded in the "+
			"reverse order.",
		[]string{"what was done first is undone first"}, []string{
			"cobs-is-not-decoded", "compressed-before-encoded", "compressed-values-are-not-read",
		},
		func(hash []byte) []byte {
			return blockOf(extension(ggepLast|ggepCOBS|ggepDeflate, "H", nil, cobsOf(zlibOf(hash))))
		}),
	encodedGGEP("behind-unknown-names", conformance.Must, []string{"GN-GG-01", "GN-GG-02", "GN-GG-07"},
		"A block has three extensions of which nobody has heard, one without a value and one with a name of 15 "+
			"bytes, and the hash behind them.",
		[]string{"an unknown name ends the block", "names are taken to be short"}, []string{
			"unknown-names-end-a-block",
		},
		func(hash []byte) []byte {
			return blockOf(extension(0, "TST", nil, []byte("hi")), extension(0, "Z", nil, nil),
				extension(0, "FIFTEEN.LETTERS", nil, []byte{1}), extension(ggepLast, "H", nil, hash))
		}),
	encodedGGEP("behind-a-long-value", conformance.Must, []string{"GN-GG-03"},
		"A block has an unknown extension of 100 bytes, whose length takes two chunks, and the hash behind it.",
		[]string{"a length is one byte", "the lower bits of a length come first"}, []string{
			"lengths-have-one-chunk", "unknown-names-end-a-block",
		},
		func(hash []byte) []byte {
			return blockOf(extension(0, "TST", nil, bytes.Repeat([]byte{'x'}, 100)), extension(ggepLast, "H", nil, hash))
		}),
	encodedGGEP("length-in-three-chunks", conformance.Should, []string{"GN-GG-03"},
		"The length of a value is written in three chunks, though one would do.",
		[]string{"a length is taken to have one or two chunks"}, []string{"lengths-have-two-chunks"},
		func(hash []byte) []byte {
			return blockOf(extension(ggepLast, "H", []byte{0x80, 0x80, 0x40 | byte(len(hash))}, hash))
		}),
	encodedGGEP("behind-other-parts", conformance.Must, []string{"GN-QY-10", "GN-GG-01"},
		"A query's extensions are the wish for urns, an unknown string and the block, with 1C between them.",
		[]string{"a block is only looked for right behind the text"}, []string{
			"blocks-stand-alone", "refuses-unknown-extensions",
		},
		func(hash []byte) []byte {
			return append([]byte("urn:\x1cfoo:bar\x1c"), blockOf(extension(ggepLast, "H", nil, hash))...)
		}),
	{
		ID: "ggep/query/case-of-names-counts", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-GG-07"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "a query with the same block is answered before and after if its name is H",
		Explain: "A query has no text, and a block with the hash of a shared file under the name h. Names are " +
			"compared byte by byte: this is not H, and so nothing is asked for.",
		Causes: []string{"names are compared without regard to case"},
		Kills:  []string{"names-ignore-case"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.knowsH()
			small := NewGGEPQuery(t, "", 2, 0, blockOf(extension(ggepLast, "h", nil, hashValue(FileAlpha))))
			p = Meet(t, Equal()) // on which nothing was asked: some answer one query for a file on each link
			p.Send(small)
			if !p.byHash(blockOf(extension(ggepLast, "H", nil, hashValue(FileAlpha)))) {
				t.Inconclusivef("the target no longer looks for files by hash: %s", p.Last())
			}
			p.Control()
			if p.Saw(wire.TypeQueryHit, small.GUID) > 0 {
				t.Failf("the target answers a query that has the hash of a file under the name h")
			}
		},
	},
}

// malformedGGEP is a case about a block that is broken, behind a text that finds a
// file.
func malformedGGEP(
	slug string, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	block func() []byte,
) Case {
	return Case{
		ID: "ggep/broken/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same text is answered without a block before, and a ping afterwards",
		Explain: explain + " Nothing in it can be used, but the text of the query is as good as ever: the query " +
			"should be answered, and the link go on.",
		Causes: causes, Kills: kills,
		Run: func(t *T) {
			p, broken := Meet(t, Equal()), block()
			p.Finds("alpha bravo", FileAlpha)
			p.takesSize(len(broken))
			a := p.Ask(NewGGEPQuery(t, "testfile alpha", 2, 0, broken))
			switch {
			case p.Gone():
				t.Failf("the target ended the link at a query with a broken block: %s", p.Last())
			case a == nil || a.Named(FileAlpha) == nil:
				t.Failf("a query with a broken block behind its text is not answered: %s", p.Last())
			}
			p.Control()
		},
	}
}

// usualBlock is how large a block is that nobody minds in a query.
const usualBlock = 100

// takesSize ends the case as unsupported if the target does not answer a query with
// a block of that size that is well formed: some drop long queries.
func (p *Peer) takesSize(size int) {
	if size <= usualBlock {
		return
	}
	q := Meet(p.t, Equal())
	defer q.Close()
	block := blockOf(extension(ggepLast, "TST", nil, bytes.Repeat([]byte{'x'}, size)))
	if a := q.Ask(NewGGEPQuery(p.t, "bravo testfile", 2, 0, block)); a == nil || a.Named(FileAlpha) == nil {
		p.t.Unsupportedf("the target does not answer a query with a good block of %d bytes", len(block))
	}
}

// ggepBroken judges what the target does about blocks that break the rules.
var ggepBroken = []Case{
	malformedGGEP("reserved-flag", conformance.Should, []string{"GN-GG-02"},
		"An extension has the flag that is reserved.", []string{"the query is thrown away with its block"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"reserved-flags-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast|ggepReserved, "TST", nil, []byte("hi"))) }),
	malformedGGEP("name-without-letters", conformance.Should, []string{"GN-GG-02"},
		"The length of an extension's name is 0.", []string{"the query is thrown away with its block"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast, "", nil, []byte("hi"))) }),
	malformedGGEP("zero-byte-in-a-name", conformance.Should, []string{"GN-GG-01"},
		"An extension's name has a NUL.", []string{"the query is thrown away with its block"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast, "T\x00T", nil, []byte("hi"))) }),
	malformedGGEP("value-beyond-the-end", conformance.Should, []string{"GN-GG-03"},
		"An extension says that its value has 262143 bytes, the most that can be said, and there are two.",
		[]string{"memory beyond the message is read"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-lengths-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast, "TST", []byte{0xbf, 0xbf, 0x7f}, []byte("hi"))) }),
	malformedGGEP("length-in-four-chunks", conformance.Should, []string{"GN-GG-03"},
		"The length of a value goes on behind its third chunk.", []string{"the length overflows"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-lengths-cost-the-query",
		},
		func() []byte {
			return blockOf(extension(ggepLast, "TST", []byte{0x80, 0x80, 0x80, 0x42}, []byte("hi")))
		}),
	malformedGGEP("length-of-no-kind", conformance.Should, []string{"GN-GG-03"},
		"The length of a value is 02: the two bits that say whether another chunk follows are both clear, so that "+
			"a NUL never occurs in a length.", []string{"only one of the bits is looked at"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-lengths-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast, "TST", []byte{0x02}, []byte("hi"))) }),
	malformedGGEP("no-last-extension", conformance.Should, []string{"GN-GG-02"},
		"The block ends behind an extension that does not say it is the last.",
		[]string{"memory beyond the message is read"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
		},
		func() []byte { return blockOf(extension(0, "TST", nil, []byte("hi"))) }),
	malformedGGEP("cobs-beyond-the-end", conformance.Should, []string{"GN-GG-04"},
		"A run in a COBS value is longer than what is left of it.", []string{"memory beyond the value is read"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-values-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast|ggepCOBS, "H", nil, []byte{0x09, 1, 2})) }),
	malformedGGEP("broken-compression", conformance.Should, []string{"GN-GG-04"},
		"A value with the flag of compression is no zlib stream.",
		[]string{"the error of the inflater is not looked at"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-values-cost-the-query",
		},
		func() []byte { return blockOf(extension(ggepLast|ggepDeflate, "H", nil, []byte("no zlib stream"))) }),
	malformedGGEP("compressed-bomb", conformance.Should, []string{"GN-GG-03", "GN-GG-04"},
		"A compressed value of 1 kB inflates to 1 MB, four times as much as a value can have.",
		[]string{"all of it is inflated before its length is looked at"}, []string{
			"broken-blocks-cost-the-link", "broken-blocks-cost-the-query",
			"broken-values-cost-the-query", "dies-of-a-ggep-bomb",
		},
		func() []byte { return blockOf(extension(ggepLast|ggepDeflate, "H", nil, bomb(1<<20))) }),
}

// describeBlock holds bytes to be one block, and says what is wrong with them.
func describeBlock(b []byte) error {
	_, n, err := ggep.Parse(b)
	if err == nil && n < len(b) {
		err = fmt.Errorf("%d bytes follow the last extension", len(b)-n)
	}
	return err
}
