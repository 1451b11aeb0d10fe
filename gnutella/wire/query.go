package wire

import (
	"bytes"
	"encoding/binary"
)

// QueryFlags are the two bytes before the text of a query. With bit 15 they are
// flags, written the higher byte first; without, they are a speed in kbit/s, the
// lower first, as the first servents had it (GN-QY-12).
type QueryFlags uint16

// The flags.
const (
	QueryMarked     QueryFlags = 1 << 15 // these are flags
	QueryFirewalled QueryFlags = 1 << 14 // who asks cannot be reached (GN-QY-13)
	QueryXML        QueryFlags = 1 << 13 // metadata is wanted (GN-QY-14)
	QueryGuidance   QueryFlags = 1 << 12 // a leaf will say how many hits it has (GN-UQ-24)
	QueryGGEPHash   QueryFlags = 1 << 11 // hashes may come in GGEP
	QueryOutOfBand  QueryFlags = 1 << 10 // hits may come by UDP (GN-VE-05)
)

// Has reports that the bytes are flags and all of these are set.
func (f QueryFlags) Has(flags QueryFlags) bool { return f&(QueryMarked|flags) == QueryMarked|flags }

// Query asks for files (GN-QY-01).
type Query struct {
	Flags QueryFlags
	Text  []byte // without NUL
	// Extensions are as they were sent, without a NUL at their end: see [NextExtension].
	Extensions []byte
}

// minQuery is the flags and the NUL behind an empty text.
const minQuery = 3

// Append appends the payload. Text with a NUL has no encoding.
func (q *Query) Append(b []byte) ([]byte, error) {
	if i := bytes.IndexByte(q.Text, 0); i >= 0 {
		return b, malformed("Query", 2+i, "GN-QY-01", "NUL in the text")
	}
	b = binary.BigEndian.AppendUint16(b, uint16(q.Flags))
	b = append(append(b, q.Text...), 0)
	return append(b, q.Extensions...), nil
}

// ParseQuery reads a payload, from which the result borrows. Servents that end
// their extensions by NUL are met (GN-QY-11).
func ParseQuery(b []byte) (q Query, err error) {
	if len(b) < minQuery {
		return q, malformed("Query", len(b), "GN-QY-01", "%d bytes, want at least %d", len(b), minQuery)
	}
	end := bytes.IndexByte(b[2:], 0)
	if end < 0 {
		return q, malformed("Query", len(b), "GN-QY-01", "no NUL ends the text")
	}
	q = Query{Flags: QueryFlags(binary.BigEndian.Uint16(b)), Text: b[2 : 2+end], Extensions: b[2+end+1:]}
	if n := len(q.Extensions); n > 0 && q.Extensions[0] != ggepMagic && q.Extensions[n-1] == 0 {
		q.Extensions = q.Extensions[:n-1]
	}
	return q, nil
}

// ExtensionKind is what a part of an extension block is.
type ExtensionKind uint8

// The kinds (GN-QY-10).
const (
	ExtensionUnknown ExtensionKind = iota // to be ignored (GN-QY-17)
	ExtensionURN                          // a urn:, whole or as a wish for one (GN-QY-15)
	ExtensionXML                          // metadata: begins with < or {
	ExtensionGGEP                         // the rest of the block
)

const (
	ggepMagic          = 0xc3
	extensionSeparator = 0x1c
)

// NextExtension splits the first part off a block of extensions; rest is empty
// after the last. A GGEP block comes last and may hold any byte, and so has all
// that is left (GN-QY-10).
func NextExtension(block []byte) (kind ExtensionKind, part, rest []byte) {
	if len(block) > 0 && block[0] == ggepMagic {
		return ExtensionGGEP, block, nil
	}
	part = block
	if i := bytes.IndexByte(block, extensionSeparator); i >= 0 {
		part, rest = block[:i], block[i+1:]
	}
	switch {
	case len(part) >= 4 && bytes.EqualFold(part[:4], []byte("urn:")):
		return ExtensionURN, part, rest
	case len(part) > 0 && (part[0] == '<' || part[0] == '{'):
		return ExtensionXML, part, rest
	}
	return ExtensionUnknown, part, rest
}

// AppendExtension appends a part to a block of extensions.
func AppendExtension(block, part []byte) []byte {
	if len(block) > 0 {
		block = append(block, extensionSeparator)
	}
	return append(block, part...)
}
