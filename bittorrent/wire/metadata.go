package wire

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// MetadataBlock is the length in bytes of each block of the info dictionary
// but the last. BEP09-META-002
const MetadataBlock = 16 << 10

// MetadataType is the msg_type of a message of ut_metadata. One that is not
// listed here is to be ignored (BEP09-META-007).
type MetadataType int64

// The messages of BEP 9.
const (
	MetadataRequest MetadataType = 0
	MetadataData    MetadataType = 1
	MetadataReject  MetadataType = 2
)

// Metadata is the payload of a message of ut_metadata (BEP 9).
type Metadata struct {
	Type  MetadataType
	Piece int32 // the block's number, from 0

	// TotalSize and Data count in data messages. TotalSize is meant to be the
	// length of the info dictionary in bytes; some clients send the block's,
	// or none, which is read as 0. BEP09-META-004
	TotalSize int64
	Data      []byte
}

// Append appends the payload. The block follows the dictionary.
// BEP09-META-003, BEP09-META-004, BEP09-META-005
func (m *Metadata) Append(b []byte) []byte {
	b = append(b, "d8:msg_type"...)
	b = bencode.AppendInt(b, int64(m.Type))
	b = append(b, "5:piece"...)
	b = bencode.AppendInt(b, int64(m.Piece))
	if m.Type != MetadataData {
		return append(b, 'e')
	}
	b = append(b, "10:total_size"...)
	b = bencode.AppendInt(b, m.TotalSize)
	b = append(b, 'e')
	return append(b, m.Data...)
}

// ParseMetadata reads the payload of a message of ut_metadata. The dictionary
// may be out of order, and bytes behind it count only in a data message. The
// error is an *[Error]. Data borrows from the payload.
func ParseMetadata(payload []byte) (Metadata, error) {
	v, err := parseDict(payload, "BEP09-META-004", "a message of ut_metadata")
	if err != nil {
		return Metadata{}, err
	}
	kind, ok := integer(v, "msg_type")
	if !ok {
		return Metadata{}, &Error{"BEP09-META-004", "msg_type is not a number"}
	}
	m := Metadata{Type: MetadataType(kind)}
	if kind < int64(MetadataRequest) || kind > int64(MetadataReject) {
		return m, nil // BEP09-META-007
	}
	piece, ok := integer(v, "piece")
	if m.Piece = int32(piece); !ok || int64(m.Piece) != piece || piece < 0 {
		return Metadata{}, &Error{"BEP09-META-003", "piece is not the number of a block"}
	}
	if m.Type != MetadataData {
		return m, nil
	}
	m.TotalSize, _ = integer(v, "total_size")
	m.Data = payload[len(v.Raw()):len(payload):len(payload)]
	if len(m.Data) > MetadataBlock {
		return Metadata{}, &Error{"BEP09-META-002",
			fmt.Sprintf("a block of %d bytes; none is longer than %d", len(m.Data), MetadataBlock)}
	}
	return m, nil
}

func integer(dict bencode.Value, key string) (int64, bool) {
	v, _ := dict.Get(key)
	return v.Int64()
}
