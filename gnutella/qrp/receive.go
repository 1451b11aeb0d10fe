package qrp

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// Receiver makes a table of what a neighbour sends. The zero value waits for a
// Reset. After an error it is beyond use, and so is the connection (GN-UQ-10).
type Receiver struct {
	table *Table
	full  bool // a sequence has come to its end
	first Patch
	seq   uint8  // of the last part; 0 outside a sequence
	data  []byte // of the parts so far
}

// Table is what the neighbour has told: nil until the first update is complete.
// Until then it gets every query (GN-UQ-02). It changes with the next message.
func (r *Receiver) Table() *Table {
	if !r.full {
		return nil
	}
	return r.table
}

// Clone returns a receiver that shares nothing with r.
func (r *Receiver) Clone() Receiver {
	c := *r
	if r.table != nil {
		c.table = r.table.Clone()
	}
	c.data = bytes.Clone(r.data)
	c.first.Data = nil
	return c
}

// Take applies a message.
func (r *Receiver) Take(m Message) error {
	switch m := m.(type) {
	case Reset:
		return r.reset(m)
	case Patch:
		return r.patch(m)
	}
	panic(fmt.Sprintf("qrp: message %T", m))
}

// reset is taken before any sequence and after each (GN-UQ-09).
func (r *Receiver) reset(m Reset) error {
	if r.seq > 0 {
		return fmt.Errorf("%w: RESET after part %d of %d (GN-UQ-10)", ErrMalformed, r.seq, r.first.Of)
	}
	table, err := NewTable(m.Slots, m.Infinity)
	if err != nil {
		return err
	}
	r.table, r.full = table, false
	return nil
}

func (r *Receiver) patch(m Patch) error {
	if r.table == nil {
		return fmt.Errorf("%w: PATCH before any RESET (GN-UQ-09)", ErrMalformed)
	}
	if r.seq == 0 {
		r.first = Patch{Of: m.Of, Deflated: m.Deflated, EntryBits: m.EntryBits}
	}
	size, err := r.checkPart(m)
	if err != nil {
		return err
	}
	if len(r.data)+len(m.Data) > size+compressionSlack {
		return fmt.Errorf("%w: more data than the patch of %d bytes needs (GN-UQ-11)", ErrMalformed, size)
	}
	r.data, r.seq = append(r.data, m.Data...), m.Seq
	if m.Seq < m.Of {
		return nil
	}
	data := r.data
	r.data, r.seq = r.data[:0], 0
	if m.Deflated {
		if data, err = inflate(data, size); err != nil {
			return err
		}
	}
	if len(data) != size {
		return fmt.Errorf("%w: a patch of %d bytes, want %d (GN-UQ-11)", ErrMalformed, len(data), size)
	}
	r.full = true
	return r.table.apply(data, m.EntryBits)
}

// compressionSlack is how much longer than itself a patch may be when it is
// compressed: zlib adds 11 bytes, and 5 for each block of 64 kB.
const compressionSlack = 1024

// checkPart holds a part against the sequence's first, and returns the size of
// the whole patch.
func (r *Receiver) checkPart(m Patch) (size int, err error) {
	switch {
	case !fits(m.EntryBits):
		return 0, fmt.Errorf("%w: entries of %d bits, want 1, 2, 4 or 8 (GN-UQ-10)", ErrMalformed, m.EntryBits)
	case m.Seq != r.seq+1 || m.Seq > m.Of:
		return 0, fmt.Errorf("%w: part %d of %d after part %d (GN-UQ-10)", ErrMalformed, m.Seq, m.Of, r.seq)
	case m.Of != r.first.Of || m.Deflated != r.first.Deflated || m.EntryBits != r.first.EntryBits:
		return 0, fmt.Errorf("%w: part %d is of another sequence than part 1 (GN-UQ-10)", ErrMalformed, m.Seq)
	}
	return (len(r.table.slots)*int(m.EntryBits) + 7) / 8, nil
}

// inflate reads a zlib stream of at most size bytes.
func inflate(b []byte, size int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %v (GN-UQ-11)", ErrMalformed, err)
	}
	data, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %v (GN-UQ-11)", ErrMalformed, err)
	}
	return data, nil
}

// apply adds differences to the slots.
//
// GN-UQ-12, GN-UQ-13.
func (t *Table) apply(data []byte, entryBits uint8) error {
	perByte := 8 / int(entryBits)
	for i := range t.slots {
		entry := data[i/perByte] << (int(entryBits) * (i % perByte)) // in the highest bits
		d := int(int8(entry)) >> (8 - entryBits)
		if d == 0 {
			continue
		}
		v := int(t.slots[i]) + d
		if entryBits == 1 {
			v = 1
			if t.slots[i] < t.infinity {
				v = int(t.infinity)
			}
		}
		if v < 0 || v > int(t.infinity) {
			return fmt.Errorf("%w: slot %d goes from %d by %d, beyond 0 to %d (GN-UQ-12)",
				ErrMalformed, i, t.slots[i], d, t.infinity)
		}
		t.put(i, uint8(v))
	}
	return nil
}

func (t *Table) put(slot int, v uint8) {
	t.filled += one(v < t.infinity) - one(t.slots[slot] < t.infinity)
	t.slots[slot] = v
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
