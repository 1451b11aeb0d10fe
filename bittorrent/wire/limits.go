package wire

import "fmt"

// Limits that the zero [Limits] applies.
const (
	// DefaultMaxPieces is the largest number of pieces that libtorrent opens a
	// torrent with. It bounds a bitfield to 256 KiB while the number of pieces
	// is unknown.
	DefaultMaxPieces = 1 << 21

	// DefaultMaxBlock is the longest block that BEP 3 lets a peer ask for, so
	// that none longer was asked for by who keeps to it. BEP03-PEER-032
	DefaultMaxBlock = 16 << 10

	// TolerantMaxBlock is the longest block that deployed seeders still
	// serve. It is for Limits.MaxBlock of a program that asks for as much.
	// BEP03-PEER-033
	TolerantMaxBlock = 128 << 10

	// DefaultMaxExtended is the length of an extended message without its ids.
	// The longest in use are a 16 KiB block of metadata behind its dictionary
	// and a first peer exchange of some thousand contacts.
	DefaultMaxExtended = 128 << 10

	// DefaultMaxUnknown is the payload of a message whose id no document
	// assigns. It is read only to be ignored.
	DefaultMaxUnknown = 16 << 10

	// DefaultMaxHashes is what BEP 52 lets a requester expect of one message:
	// 512 hashes of the base layer, and one of each layer above it.
	DefaultMaxHashes = 512 + maxLayers

	// maxLayers is how high a merkle tree can be: the length of a file is a
	// 63-bit number, and a leaf covers 2^14 bytes.
	maxLayers = 63 - 14
)

// Limits bound how long a message can be, so that a reader knows from its
// first bytes how much it will have to keep. A zero field means the default.
type Limits struct {
	// Pieces is the number of pieces of the torrent, from which the length of a
	// bitfield follows. 0 means that it is not known yet, as with a magnet
	// link; then a bitfield has at most MaxPieces bits.
	Pieces int32

	MaxPieces   int32 // bits of a bitfield
	MaxBlock    int32 // bytes of a block
	MaxExtended int32 // bytes of an extended message, without its two ids
	MaxUnknown  int32 // bytes of the payload of a message with an unknown id
	MaxHashes   int32 // hashes in one message
}

// Error is a message that breaks a rule of its format, read or written.
type Error struct {
	Clause string // catalogue id of the rule
	What   string // the fault, in words
}

func (e *Error) Error() string { return fmt.Sprintf("wire: %s (%s)", e.What, e.Clause) }

// String is the name of the message in the documents.
func (t Type) String() string {
	switch t {
	case KeepAlive:
		return "keep-alive"
	case Choke:
		return "choke"
	case Unchoke:
		return "unchoke"
	case Interested:
		return "interested"
	case NotInterested:
		return "not interested"
	case Have:
		return "have"
	case Bitfield:
		return "bitfield"
	case Request:
		return "request"
	case Piece:
		return "piece"
	case Cancel:
		return "cancel"
	case Port:
		return "port"
	case Suggest:
		return "suggest piece"
	case HaveAll:
		return "have all"
	case HaveNone:
		return "have none"
	case Reject:
		return "reject request"
	case AllowedFast:
		return "allowed fast"
	case Extended:
		return "extended"
	case HashRequest:
		return "hash request"
	case HashesMessage:
		return "hashes"
	case HashReject:
		return "hash reject"
	default:
		return fmt.Sprintf("message %d", int16(t))
	}
}

// span is how many bytes may follow the id of a message, and the clause that
// says so.
type span struct {
	min, max uint32
	clause   string
}

// payload is the span of a message's payload.
func (l Limits) payload(t Type) span {
	switch t {
	case Choke, Unchoke, Interested, NotInterested:
		return span{0, 0, "BEP03-PEER-016"}
	case Have:
		return span{4, 4, "BEP03-PEER-017"}
	case Bitfield:
		if l.Pieces > 0 {
			n := uint32(BitfieldLen(l.Pieces))
			return span{n, n, "BEP03-PEER-024"}
		}
		most := int32(or(l.MaxPieces, DefaultMaxPieces))
		return span{0, uint32(BitfieldLen(most)), "BEP03-PEER-024"}
	case Request, Cancel:
		return span{12, 12, "BEP03-PEER-031"}
	case Piece:
		return span{8, 8 + or(l.MaxBlock, DefaultMaxBlock), "BEP03-PEER-037"}
	case Port:
		return span{2, 2, "BEP05-PEER-001"}
	case Suggest, AllowedFast:
		return span{4, 4, "BEP06-FAST-023"}
	case HaveAll, HaveNone:
		return span{0, 0, "BEP06-FAST-023"}
	case Reject:
		return span{12, 12, "BEP06-FAST-023"}
	case Extended:
		return span{1, 1 + or(l.MaxExtended, DefaultMaxExtended), "BEP10-EXT-002"}
	case HashRequest, HashReject:
		return span{hashesHead, hashesHead, "BEP52-PEER-004"}
	case HashesMessage:
		return span{hashesHead, hashesHead + 32*or(l.MaxHashes, DefaultMaxHashes), "BEP52-PEER-005"}
	default:
		return span{0, or(l.MaxUnknown, DefaultMaxUnknown), "BEP03-PEER-012"}
	}
}

// longest is the largest payload of any message.
func (l Limits) longest() uint32 {
	return max(l.payload(Bitfield).max, l.payload(Piece).max, l.payload(Extended).max,
		l.payload(HashesMessage).max, l.payload(unassigned).max)
}

// unassigned stands for the ids that no document assigns.
const unassigned Type = 255

// or is a limit, or its default.
func or(limit, byDefault int32) uint32 {
	if limit > 0 {
		return uint32(limit)
	}
	return uint32(byDefault)
}
