package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/p2pspec/p2pspec/spec"
)

// protocol is what a handshake begins with: the length of the name, and it.
const protocol = "\x13BitTorrent protocol"

// HandshakeLen is the length of a handshake in bytes. BEP03-PEER-001
const HandshakeLen = len(protocol) + 8 + 20 + 20

// prefix is the length of the length before each message.
const prefix = 4

// Codec translates the messages of one stream, within limits. The zero Codec
// has the default limits. It is a [spec.StreamCodec].
type Codec struct{ Limits Limits }

// AppendMessage appends the encoding of a *[Handshake], *[Message] or *[Hashes]
// to b. A Message of a type that no document assigns is written with its Data
// as the payload. Fields that do not count for the type are not looked at.
//
// The error is an *[Error] where the message exceeds the limits, and b is
// returned as it was. It panics on a message of another package.
func (c Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	switch m := m.(type) {
	case *Message:
		return c.appendMessage(b, m)
	case *Handshake:
		b = append(b, protocol...)
		b = append(b, m.Reserved[:]...)
		b = append(b, m.InfoHash[:]...)
		return append(b, m.PeerID[:]...), nil
	case *Hashes:
		return c.appendHashes(b, m)
	default:
		panic(fmt.Sprintf("wire: %T is no message of this protocol", m))
	}
}

// Decoder returns the reader of one direction of a new stream, which begins
// with a handshake.
func (c Codec) Decoder() spec.Decoder {
	return &decoder{limits: c.Limits, longest: c.Limits.longest()}
}

// MessageDecoder returns the reader of a stream whose handshake has been read.
func (c Codec) MessageDecoder() spec.Decoder {
	return &decoder{limits: c.Limits, longest: c.Limits.longest(), shaken: true}
}

func (c Codec) appendMessage(b []byte, m *Message) ([]byte, error) {
	if m.Type == KeepAlive {
		return append(b, 0, 0, 0, 0), nil
	}
	if m.Type < 0 || m.Type > 255 || m.Type >= HashRequest && m.Type <= HashReject {
		return b, &Error{"BEP03-PEER-011", fmt.Sprintf("no Message has type %d", m.Type)}
	}
	n := payloadLen(m)
	allowed := c.Limits.payload(m.Type)
	if n < uint64(allowed.min) || n > uint64(allowed.max) {
		return b, lengthError(m.Type, n, allowed)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(1+n))
	b = append(b, byte(m.Type))
	switch m.Type {
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
		return b, nil
	case Have, Suggest, AllowedFast:
		return binary.BigEndian.AppendUint32(b, m.Index), nil
	case Request, Cancel, Reject:
		b = binary.BigEndian.AppendUint32(b, m.Index)
		b = binary.BigEndian.AppendUint32(b, m.Begin)
		return binary.BigEndian.AppendUint32(b, m.Length), nil
	case Piece:
		b = binary.BigEndian.AppendUint32(b, m.Index)
		b = binary.BigEndian.AppendUint32(b, m.Begin)
		return append(b, m.Data...), nil
	case Port:
		return binary.BigEndian.AppendUint16(b, m.Port), nil
	case Extended:
		b = append(b, m.ExtID)
		return append(b, m.Data...), nil
	default: // a bitfield, or unassigned
		return append(b, m.Data...), nil
	}
}

// payloadLen is the length of what follows the id.
func payloadLen(m *Message) uint64 {
	switch m.Type {
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
		return 0
	case Have, Suggest, AllowedFast:
		return 4
	case Request, Cancel, Reject:
		return 12
	case Piece:
		return 8 + uint64(len(m.Data))
	case Port:
		return 2
	case Extended:
		return 1 + uint64(len(m.Data))
	default:
		return uint64(len(m.Data))
	}
}

func (c Codec) appendHashes(b []byte, h *Hashes) ([]byte, error) {
	n := uint64(hashesHead)
	switch h.Type {
	case HashRequest, HashReject:
	case HashesMessage:
		n += uint64(len(h.Hashes))
		if err := h.checkNumber(); err != nil {
			return b, err
		}
	default:
		return b, &Error{"BEP52-PEER-004", fmt.Sprintf("no Hashes has type %d", h.Type)}
	}
	if allowed := c.Limits.payload(h.Type); n > uint64(allowed.max) {
		return b, lengthError(h.Type, n, allowed)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(1+n))
	b = append(b, byte(h.Type))
	b = append(b, h.PiecesRoot[:]...)
	b = binary.BigEndian.AppendUint32(b, h.BaseLayer)
	b = binary.BigEndian.AppendUint32(b, h.Index)
	b = binary.BigEndian.AppendUint32(b, h.Count)
	b = binary.BigEndian.AppendUint32(b, h.ProofLayers)
	if h.Type == HashesMessage {
		b = append(b, h.Hashes...)
	}
	return b, nil
}

func lengthError(t Type, n uint64, allowed span) *Error {
	want := fmt.Sprintf("%d to %d belong", allowed.min, allowed.max)
	if allowed.min == allowed.max {
		want = fmt.Sprintf("%d belong", allowed.min)
	}
	return &Error{allowed.clause, fmt.Sprintf("%v with %d bytes behind its id, where %s", t, n, want)}
}
