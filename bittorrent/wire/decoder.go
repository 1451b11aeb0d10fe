package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/p2pspec/p2pspec/spec"
)

// decoder reads one direction of one stream. It holds the message that it
// returned last, so that reading allocates nothing.
type decoder struct {
	limits  Limits
	longest uint32 // payload of any message within the limits
	shaken  bool   // the handshake has been read

	handshake Handshake
	message   Message
	hashes    Hashes
}

// Decode reads the first message in b. It returns a *[Handshake] once, then
// *[Message] and *[Hashes] values, which borrow from b. Messages with an id
// that no document assigns are returned with their payload as Data; the
// reader ignores them (BEP03-PEER-048).
//
// The error is an *[Error]. BEP03-PEER-006, BEP03-PEER-007, BEP03-PEER-011
func (d *decoder) Decode(b []byte) (m spec.Message, n int, err error) {
	if !d.shaken {
		return d.decodeHandshake(b)
	}
	if len(b) < prefix {
		return nil, 0, nil
	}
	length := binary.BigEndian.Uint32(b)
	if length == 0 {
		d.message = Message{Type: KeepAlive}
		return &d.message, prefix, nil
	}
	if length-1 > d.longest { // BEP03-PEER-012
		return nil, 0, &Error{"BEP03-PEER-012",
			fmt.Sprintf("a message of %d bytes; the longest has %d", length, 1+uint64(d.longest))}
	}
	if len(b) == prefix {
		return nil, 0, nil
	}
	t := Type(b[prefix])
	allowed := d.limits.payload(t)
	if length-1 < allowed.min || length-1 > allowed.max {
		return nil, 0, lengthError(t, uint64(length-1), allowed)
	}
	end := prefix + int(length)
	if len(b) < end {
		return nil, 0, nil
	}
	payload := b[prefix+1 : end : end]
	if t >= HashRequest && t <= HashReject {
		err := d.decodeHashes(t, payload)
		if err != nil {
			return nil, 0, err
		}
		return &d.hashes, end, nil
	}
	d.message = Message{Type: t}
	d.message.decode(payload)
	return &d.message, end, nil
}

// decodeHandshake refuses another protocol at the first byte that differs.
// Reserved bits are for the reader to understand or ignore.
// BEP03-PEER-001, BEP03-PEER-005, BEP03-PEER-008
func (d *decoder) decodeHandshake(b []byte) (spec.Message, int, error) {
	for i := range min(len(b), len(protocol)) {
		if b[i] != protocol[i] {
			return nil, 0, &Error{"BEP03-PEER-005",
				fmt.Sprintf("byte %d of the handshake is %#02x, want %#02x", i, b[i], protocol[i])}
		}
	}
	if len(b) < HandshakeLen {
		return nil, 0, nil
	}
	fields := b[len(protocol):]
	d.handshake.Reserved = [8]byte(fields)
	d.handshake.InfoHash = [20]byte(fields[8:])
	d.handshake.PeerID = [20]byte(fields[28:])
	d.shaken = true
	return &d.handshake, HandshakeLen, nil
}

// decode reads a payload that has a length that its type allows.
func (m *Message) decode(payload []byte) {
	switch m.Type {
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
	case Have, Suggest, AllowedFast:
		m.Index = binary.BigEndian.Uint32(payload)
	case Request, Cancel, Reject:
		m.Index = binary.BigEndian.Uint32(payload)
		m.Begin = binary.BigEndian.Uint32(payload[4:])
		m.Length = binary.BigEndian.Uint32(payload[8:])
	case Piece:
		m.Index = binary.BigEndian.Uint32(payload)
		m.Begin = binary.BigEndian.Uint32(payload[4:])
		m.Data = payload[8:]
	case Port:
		m.Port = binary.BigEndian.Uint16(payload)
	case Extended:
		m.ExtID = payload[0]
		m.Data = payload[1:]
	default: // a bitfield, or unassigned
		m.Data = payload
	}
}

// decodeHashes reads a payload that has a length that its type allows.
func (d *decoder) decodeHashes(t Type, payload []byte) error {
	h := &d.hashes
	*h = Hashes{
		Type:        t,
		PiecesRoot:  [32]byte(payload),
		BaseLayer:   binary.BigEndian.Uint32(payload[32:]),
		Index:       binary.BigEndian.Uint32(payload[36:]),
		Count:       binary.BigEndian.Uint32(payload[40:]),
		ProofLayers: binary.BigEndian.Uint32(payload[44:]),
	}
	if t != HashesMessage {
		return nil
	}
	h.Hashes = payload[hashesHead:]
	return h.checkNumber()
}
