package wire

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/p2pspec/p2pspec/spec"
)

// AppendMessage appends the datagram of a [Packet]: the parts, as a compound when
// there are several, compressed if that makes them shorter, with a checksum,
// encrypted, labelled. With an error, which is a [*Fault], b is returned as it was.
// GO-WF-16
func (f *Format) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	p, ok := m.(Packet)
	if !ok {
		return b, newFault("GO-WF-01", "packet", 0, "the message is no Packet")
	}
	whole, fault := f.appendPacket(b, p)
	if fault != nil {
		return b, fault
	}
	return whole, nil
}

func (f *Format) appendPacket(b []byte, p Packet) ([]byte, *Fault) {
	if fault := f.check(); fault != nil {
		return nil, fault
	}
	outer := len(b)
	if f.Label != "" {
		b = append(append(b, byte(TypeLabel), byte(len(f.Label))), f.Label...)
	}
	label := b[min(outer+2, len(b)):]
	sealed := len(b)
	if len(f.Keys) > 0 {
		b = append(append(b, f.Version), p.Nonce[:]...)
	}
	sum := len(b)
	if p.CRC {
		b = append(b, byte(TypeCRC), 0, 0, 0, 0)
	}
	text := len(b)
	b, fault := appendParts(b, p.Parts)
	if fault != nil {
		return nil, fault
	}
	if f.Compress {
		if packed := AppendCompressed(nil, b[text:]); len(packed) < len(b)-text {
			b = append(b[:text], packed...)
		}
	}
	if p.CRC {
		binary.BigEndian.PutUint32(b[sum+1:], crc32.ChecksumIEEE(b[text:]))
	}
	if len(f.Keys) > 0 {
		return seal(b, sealed, f.Version, f.Keys[0], label)
	}
	return b, nil
}

// appendParts writes the bodies where they belong, and then their lengths.
// GO-WF-10, GO-WF-11
func appendParts(b []byte, parts []Message) ([]byte, *Fault) {
	switch {
	case len(parts) == 0:
		return nil, newFault("GO-WF-10", "packet", 0, "without a message")
	case len(parts) == 1:
		return appendPart(b, parts[0])
	case len(parts) > MaxParts:
		return nil, newFault("GO-WF-11", "compound", 0, "more than 255 parts")
	}
	b = append(b, byte(TypeCompound), byte(len(parts)))
	lengths := len(b)
	for range parts {
		b = append(b, 0, 0)
	}
	for i, m := range parts {
		start := len(b)
		var fault *Fault
		if b, fault = appendPart(b, m); fault != nil {
			return nil, fault
		}
		if len(b)-start > math.MaxUint16 {
			return nil, newFault("GO-WF-10", "compound", 0, "a part of more than 65,535 bytes")
		}
		binary.BigEndian.PutUint16(b[lengths+2*i:], uint16(len(b)-start))
	}
	return b, nil
}

func appendPart(b []byte, m Message) ([]byte, *Fault) {
	if m == nil || !inPackets(m.Type()) {
		return nil, newFault("GO-WF-01", "packet", 0, "a message that has no place in packets")
	}
	return appendBody(b, m)
}

// inPackets says which messages a member takes from a datagram; the others come on
// streams.
func inPackets(t Type) bool {
	switch t {
	case TypePing, TypeIndirectPing, TypeAck, TypeNack, TypeSuspect, TypeAlive, TypeDead, TypeUser:
		return true
	}
	return false
}

// ParseMessage reads the datagram of a [Packet]. Of several messages those that
// cannot be read are lost alone, and say so in Faults. The packet borrows from b.
// The error is a [*Fault]: of the packet as a whole, or of the first message when
// none could be read. GO-WF-16
func (f *Format) ParseMessage(b []byte) (spec.Message, error) {
	if fault := f.check(); fault != nil {
		return nil, fault
	}
	o := opening{format: f, budget: MaxInflated}
	if fault := o.packet(b); fault != nil {
		return nil, fault
	}
	if len(o.p.Parts) == 0 {
		if len(o.p.Faults) > 0 {
			return nil, o.p.Faults[0]
		}
		return nil, newFault("GO-WF-10", "packet", 0, "without a message")
	}
	return o.p, nil
}

// opening is a packet whose layers are being taken off.
type opening struct {
	format *Format
	p      Packet
	budget int // bytes that may still be inflated
}

func (o *opening) packet(b []byte) *Fault {
	label, complete, fault := labelLen(b)
	switch {
	case fault != nil:
		return fault
	case !complete:
		return newFault("GO-WF-15", "label", len(b), "truncated")
	case string(b[min(2, label):label]) != o.format.Label:
		return newFault("GO-WF-15", "label", label, "of another cluster")
	}
	context := b[min(2, label):label]
	b = b[label:]
	if len(o.format.Keys) > 0 {
		text, fault := decrypt(b, o.format.Keys, context)
		if fault != nil {
			return fault
		}
		o.p.Nonce = Nonce(b[1:sealLen])
		b = text
	}
	if len(b) >= crcLen && Type(b[0]) == TypeCRC {
		if b, fault = checkCRC(b); fault != nil {
			return fault
		}
		o.p.CRC = true
	}
	o.message(b, MaxNesting)
	return nil
}

// message reads one message, or those that it contains, depth levels deep.
func (o *opening) message(b []byte, depth int) {
	if len(b) == 0 {
		o.lose(newFault("GO-WF-01", "message", 0, "empty"))
		return
	}
	t := Type(b[0])
	if (t == TypeCompound || t == TypeCompress) && depth == 0 {
		o.lose(newFault("GO-WF-10", "message", 0, "too many messages inside messages"))
		return
	}
	switch {
	case t == TypeCompound:
		o.compound(b, depth-1)
	case t == TypeCompress:
		inner, fault := decompress(b, o.budget)
		if fault != nil {
			o.lose(fault)
			return
		}
		o.budget -= len(inner)
		o.message(inner, depth-1)
	case !inPackets(t):
		o.lose(newFault("GO-WF-01", "message", 0, "a type that has no place in packets"))
	case len(o.p.Parts) == MaxMessages:
		o.lose(newFault("GO-WF-11", "packet", 0, "too many messages"))
	default:
		m, _, fault := parseBody(b, false)
		if fault == nil && o.format.Strict {
			fault = strict(b, m, appendBody)
		}
		if fault != nil {
			o.lose(fault)
			return
		}
		o.p.Parts = append(o.p.Parts, m)
	}
}

// strict compares a message with how it is written.
func strict(b []byte, m Message, write func([]byte, Message) ([]byte, *Fault)) *Fault {
	canonical, fault := write(nil, m)
	if fault != nil {
		return fault
	}
	if same := commonPrefix(b, canonical); same < max(len(b), len(canonical)) {
		return newFault("GO-WF-02", "message", same, "not as memberlist writes it")
	}
	return nil
}

func commonPrefix(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func (o *opening) compound(b []byte, depth int) {
	c, fault := openCompound(b)
	if fault != nil {
		o.lose(fault)
		return
	}
	if o.p.Parts == nil {
		o.p.Parts = make([]Message, 0, c.left)
	}
	for {
		part, ok := c.next()
		if !ok {
			break
		}
		o.message(part, depth)
	}
	if c.left > 0 {
		o.lose(newFault("GO-WF-10", "compound", len(b), "truncated: its last parts are lost"))
	}
}

func (o *opening) lose(f *Fault) {
	if len(o.p.Faults) < MaxFaults {
		o.p.Faults = append(o.p.Faults, f)
	}
}
