package wire

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Each layer by itself. Append functions put the layer around what b holds from
// the index start on, and return b as it was with an error; the others take a
// layer off and borrow from b. Every error is a [*Fault].

const (
	crcLen        = 5 // the type and the checksum
	streamHeadLen = 5 // the type and the length of an encrypted message on a stream
)

// AppendCompound appends parts as one compound message. GO-WF-10, GO-WF-11
func AppendCompound(b []byte, parts ...[]byte) ([]byte, error) {
	if len(parts) > MaxParts {
		return b, newFault("GO-WF-11", "compound", 0, "more than 255 parts")
	}
	whole := append(b, byte(TypeCompound), byte(len(parts)))
	for _, p := range parts {
		if len(p) > math.MaxUint16 {
			return b, newFault("GO-WF-10", "compound", 0, "a part of more than 65,535 bytes")
		}
		whole = binary.BigEndian.AppendUint16(whole, uint16(len(p)))
	}
	for _, p := range parts {
		whole = append(whole, p...)
	}
	return whole, nil
}

// SplitCompound yields the parts of a compound message. A tail cut off costs the
// parts that it held: these are lost, and the others still good. GO-WF-10
func SplitCompound(b []byte) (parts [][]byte, lost int, err error) {
	c, f := openCompound(b)
	if f != nil {
		return nil, 0, f
	}
	for {
		part, ok := c.next()
		if !ok {
			return parts, c.left, nil
		}
		parts = append(parts, part)
	}
}

// compound is a compound message being read.
type compound struct {
	lengths, bodies []byte
	left            int // the parts to come
}

func openCompound(b []byte) (compound, *Fault) {
	if len(b) < 2 {
		return compound{}, newFault("GO-WF-10", "compound", len(b), "the count is missing")
	}
	n := int(b[1])
	if len(b) < 2+2*n {
		return compound{}, newFault("GO-WF-10", "compound", len(b), "truncated in the lengths")
	}
	return compound{b[2 : 2+2*n], b[2+2*n:], n}, nil
}

func (c *compound) next() (part []byte, ok bool) {
	if c.left == 0 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(c.lengths))
	if n > len(c.bodies) {
		return nil, false
	}
	part = c.bodies[:n:n]
	c.lengths, c.bodies, c.left = c.lengths[2:], c.bodies[n:], c.left-1
	return part, true
}

// AppendCRC appends the checksum of a message, and the message. GO-WF-12
func AppendCRC(b, message []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(TypeCRC)), crc32.ChecksumIEEE(message))
	return append(b, message...)
}

// CheckCRC takes off the checksum and compares it. GO-WF-12
func CheckCRC(b []byte) ([]byte, error) {
	message, f := checkCRC(b)
	if f != nil {
		return nil, f
	}
	return message, nil
}

func checkCRC(b []byte) ([]byte, *Fault) {
	if len(b) < crcLen {
		return nil, newFault("GO-WF-12", "checksum", len(b), "truncated")
	}
	if binary.BigEndian.Uint32(b[1:]) != crc32.ChecksumIEEE(b[crcLen:]) {
		return nil, newFault("GO-WF-12", "checksum", 1, "it is of something else")
	}
	return b[crcLen:], nil
}

// AppendLabel appends the header that names the cluster; none names no cluster.
// GO-WF-15
func AppendLabel(b []byte, label string) ([]byte, error) {
	if len(label) > MaxLabel {
		return b, newFault("GO-WF-15", "label", 0, "longer than 255 bytes")
	}
	if label == "" {
		return b, nil
	}
	return append(append(b, byte(TypeLabel), byte(len(label))), label...), nil
}

// SplitLabel takes the header off, if there is one. GO-WF-15
func SplitLabel(b []byte) (label string, rest []byte, err error) {
	n, complete, f := labelLen(b)
	switch {
	case f != nil:
		return "", nil, f
	case !complete:
		return "", nil, newFault("GO-WF-15", "label", len(b), "truncated")
	case n == 0:
		return "", b, nil
	}
	return string(b[2:n]), b[n:], nil
}

// labelLen is the length of the label's header, zero without one, once b holds it
// completely.
func labelLen(b []byte) (n int, complete bool, f *Fault) {
	switch {
	case len(b) == 0 || Type(b[0]) != TypeLabel:
		return 0, true, nil
	case len(b) == 1:
		return 0, false, nil
	case b[1] == 0:
		return 0, false, newFault("GO-WF-15", "label", 1, "a header of an empty label")
	}
	n = 2 + int(b[1])
	return n, len(b) >= n, nil
}
