package qrp

import (
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Limits of a table.
const (
	MaxSlots        = 1 << 21 // of any table: 16 times what servents use, 2 MB
	DefaultSlots    = 1 << 16 // recommended (GN-UQ-07)
	DefaultInfinity = 7       // of the document's examples
)

// Table says for each slot how many hops away a file with such a word is, as far
// as its sender knows; infinity means none. The zero value is no table.
type Table struct {
	bits     int
	infinity uint8
	slots    []uint8
	filled   int // slots below infinity
}

// NewTable returns an empty table. The number of slots is a power of two, at most
// [MaxSlots]; infinity is at least 2, so that 1 can mean: here.
//
// GN-UQ-09.
func NewTable(slots uint32, infinity uint8) (*Table, error) {
	if slots == 0 || slots&(slots-1) != 0 || slots > MaxSlots {
		return nil, fmt.Errorf("%w: a table of %d slots, want a power of two up to %d (GN-UQ-09)",
			ErrMalformed, slots, MaxSlots)
	}
	if infinity < 2 {
		return nil, fmt.Errorf("%w: infinity is %d, want 2 or more (GN-UQ-09)", ErrMalformed, infinity)
	}
	t := &Table{bits: bits.TrailingZeros32(slots), infinity: infinity, slots: make([]uint8, slots)}
	t.Clear()
	return t, nil
}

// Slots is the size of the table.
func (t *Table) Slots() int { return len(t.slots) }

// Infinity is the value of a slot that nothing is in.
func (t *Table) Infinity() uint8 { return t.infinity }

// Value is how far away something in a slot is, infinity if nothing is in it.
func (t *Table) Value(slot int) uint8 { return t.slots[slot] }

// Filled is how many slots something is in. Their share of all slots is the chance
// that a word which nobody has is taken for one that somebody has.
func (t *Table) Filled() int { return t.filled }

// Clear empties the table.
func (t *Table) Clear() {
	t.filled = 0
	for i := range t.slots {
		t.slots[i] = t.infinity
	}
}

// Clone returns a table that shares nothing with t.
func (t *Table) Clone() *Table {
	c := *t
	c.slots = slices.Clone(t.slots)
	return &c
}

// Equal reports that two tables hold the same.
func (t *Table) Equal(o *Table) bool {
	return t.infinity == o.infinity && slices.Equal(t.slots, o.slots)
}

// Add puts the words of a file's name into the table, and their beginnings, of
// which up to three letters may be missing.
//
// GN-UQ-16.
func (t *Table) Add(name string) {
	eachWord(name, func(word []byte) {
		for range 1 + maxCut {
			t.set(KeyOf(string(word)).Slot(t.bits), 1)
			_, size := utf8.DecodeLastRune(word)
			if word = word[:len(word)-size]; utf8.RuneCount(word) < MinWord {
				return
			}
		}
	})
}

// AddWhole puts in a string as one word: a URN.
func (t *Table) AddWhole(s string) { t.set(KeyOf(s).Slot(t.bits), 1) }

// Has reports that somebody may have the word.
func (t *Table) Has(k Key) bool { return t.slots[k.Slot(t.bits)] < t.infinity }

// Match reports that somebody may have all of the words. No words match nothing.
//
// GN-UQ-01.
func (t *Table) Match(words []Key) bool {
	for _, k := range words {
		if !t.Has(k) {
			return false
		}
	}
	return len(words) > 0
}

// Merge takes in what another table has, whatever its size: an ultrapeer's table
// is the union of its leaves' and its own (GN-UQ-05). A slot of a larger table
// falls into one of a smaller, and one of a smaller covers several of a larger
// (GN-UQ-15).
func (t *Table) Merge(o *Table) {
	wider := max(0, t.bits-o.bits)
	for i, v := range o.slots {
		if v >= o.infinity {
			continue
		}
		first := uint32(uint64(i) << t.bits >> o.bits)
		for j := range uint32(1) << wider {
			t.set(first+j, 1)
		}
	}
}

// set lowers a slot to v.
func (t *Table) set(slot uint32, v uint8) {
	if t.slots[slot] == t.infinity {
		t.filled++
	}
	t.slots[slot] = min(t.slots[slot], v)
}
