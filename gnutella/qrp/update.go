package qrp

import (
	"bytes"
	"compress/zlib"
	"fmt"
)

// Shape is how an update is written.
type Shape struct {
	EntryBits uint8 // 1 or 2 where the receiver takes them (GN-UQ-13), 4 or 8; default 4
	Plain     bool  // not compressed, as nothing is of which that would save little
	Piece     int   // bytes of data in one message; default 1024 (GN-UQ-17)
}

// defaultPiece keeps a message small beside the queries that it waits among.
const defaultPiece = 1024

// notWorth is how many bytes are sent as they are, which is less than a packet: a
// compressor takes a megabyte of memory to save a part of that.
const notWorth = 256

// maxParts is what the count of a sequence can say.
const maxParts = 255

// Update returns the messages that make t of the table that the receiver has: of
// nothing, after a Reset, if that is nil or has another shape. A Reset is followed
// by a patch even if that changes nothing, because it is what makes the table
// count (GN-UQ-02). Equal tables need no message.
//
// GN-UQ-09 to GN-UQ-13.
func (t *Table) Update(has *Table, s Shape) ([]Message, error) {
	var out []Message
	switch {
	case has == nil || has.bits != t.bits || has.infinity != t.infinity:
		out = append(out, Reset{uint32(len(t.slots)), t.infinity})
		has, _ = NewTable(uint32(len(t.slots)), t.infinity)
	case t.Equal(has):
		return nil, nil
	}
	if s.EntryBits == 0 {
		s.EntryBits = 4
	}
	data, err := t.difference(has, s.EntryBits)
	if err != nil {
		return nil, err
	}
	if s.Plain = s.Plain || len(data) <= notWorth; !s.Plain {
		data = compress(data)
	}
	return append(out, cut(data, s)...), nil
}

// difference is what has to be added to the slots of has, each in so many bits,
// the first highest.
func (t *Table) difference(has *Table, entryBits uint8) ([]byte, error) {
	if !fits(entryBits) {
		return nil, fmt.Errorf("%w: entries of %d bits, want 1, 2, 4 or 8 (GN-UQ-10)", ErrMalformed, entryBits)
	}
	perByte := 8 / int(entryBits)
	data := make([]byte, (len(t.slots)+perByte-1)/perByte)
	for i, v := range t.slots {
		d := int(v) - int(has.slots[i])
		if limit := 1 << (entryBits - 1); entryBits > 1 && (d < -limit || d >= limit) {
			return nil, fmt.Errorf("%w: a difference of %d does not fit %d bits (GN-UQ-12)", ErrMalformed, d, entryBits)
		}
		if entryBits == 1 {
			d = one((v < t.infinity) != (has.slots[i] < has.infinity))
		}
		shift := 8 - int(entryBits)*(1+i%perByte)
		data[i/perByte] |= byte(d) & (1<<entryBits - 1) << shift
	}
	return data, nil
}

// fits says whether entries may have so many bits: whole ones fill a byte.
func fits(entryBits uint8) bool {
	return entryBits == 1 || entryBits == 2 || entryBits == 4 || entryBits == 8
}

// cut makes messages of the data: pieces that are larger where there would be too
// many.
func cut(data []byte, s Shape) (out []Message) {
	piece := s.Piece
	if piece <= 0 {
		piece = defaultPiece
	}
	piece = max(piece, (len(data)+maxParts-1)/maxParts)
	parts := (len(data) + piece - 1) / piece
	for i := range parts {
		out = append(out, Patch{
			Seq: uint8(i + 1), Of: uint8(parts), Deflated: !s.Plain, EntryBits: s.EntryBits,
			Data: data[i*piece : min(len(data), (i+1)*piece)],
		})
	}
	return out
}

// compress writes a zlib stream. Its writer has no errors where there is memory.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}
