package chord

import (
	"bytes"
	"cmp"
	"github.com/p2pspec/p2pspec/spec"
)

// A Stamp tells the writes of one key apart and puts them in order. No two
// writes have the same one.
//
// CHORD-QUORUM-005 (multi-writer ABD).
type Stamp struct {
	Counter uint64 // one more than the largest that a Put has found; 0: nothing was written
	Writer  ID     // the node that executes the Put
	Serial  uint64 // of the Put at its writer; the first one is drawn from Config.Seed
}

// IsZero reports whether s is the stamp of a key without a value.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// Cmp orders stamps.
func (s Stamp) Cmp(other Stamp) int {
	return cmp.Or(
		cmp.Compare(s.Counter, other.Counter),
		bytes.Compare(s.Writer[:], other.Writer[:]),
		cmp.Compare(s.Serial, other.Serial),
	)
}

// The messages of storage.
type (
	// Read asks for the value under Key. It is answered by ReadAck.
	Read struct {
		Header
		Key ID
	}
	ReadAck struct {
		Header
		Key     ID
		Leaving bool  // the sender leaves the ring, and has handed over what it held
		Stamp   Stamp // zero: there is no value
		Value   []byte
	}
	// Write asks to hold Value from now on, unless a later one is held. It is
	// answered by WriteAck.
	Write struct {
		Header
		Key   ID
		Stamp Stamp
		Value []byte
	}
	// Offer asks whether a Write of what the sender holds would change anything.
	// It is answered by WriteAck.
	Offer struct {
		Header
		Key   ID
		Stamp Stamp
	}
	// WriteAck answers Write and Offer with what is held now.
	WriteAck struct {
		Header
		Key     ID
		Leaving bool  // the sender leaves the ring, and takes nothing any more
		Stamp   Stamp // zero: there is no value
		Owner   bool  // the sender owns Key
		Replica bool  // and counts the receiver among the replicas
	}
)

func (Read) IsMessage()     {}
func (ReadAck) IsMessage()  {}
func (Write) IsMessage()    {}
func (Offer) IsMessage()    {}
func (WriteAck) IsMessage() {}

// The types of the messages of storage on the wire.
const (
	wireRead     = 7
	wireWrite    = 8
	wireOffer    = 9
	wireReadAck  = wireReply | wireRead
	wireWriteAck = wireReply | wireWrite
)

// maxWireValue is the largest value that a message can carry: half of what a
// datagram has room for.
const maxWireValue = 1 << 15

// appendStorage writes a message of storage; false means that m is none.
func (w *writer) appendStorage(m spec.Message) bool {
	switch m := m.(type) {
	case Read:
		w.header(wireRead, m.Header)
		w.id(m.Key)
	case ReadAck:
		w.header(wireReadAck, m.Header)
		w.id(m.Key)
		w.flags(m.Leaving)
		w.stamp(m.Stamp)
		w.Value(m.Value, maxWireValue, "value")
	case Write:
		w.header(wireWrite, m.Header)
		w.id(m.Key)
		w.stamp(m.Stamp)
		w.Value(m.Value, maxWireValue, "value")
	case Offer:
		w.header(wireOffer, m.Header)
		w.id(m.Key)
		w.stamp(m.Stamp)
	case WriteAck:
		w.header(wireWriteAck, m.Header)
		w.id(m.Key)
		w.flags(m.Leaving, m.Owner, m.Replica)
		w.stamp(m.Stamp)
	default:
		return false
	}
	return true
}

// flags writes the first flag as the lowest bit.
func (w *writer) flags(flags ...bool) {
	var b byte
	for i, f := range flags {
		b |= boolByte(f) << i
	}
	w.Byte(b)
}

func (w *writer) stamp(s Stamp) {
	w.Uint64(s.Counter)
	w.id(s.Writer)
	w.Uint64(s.Serial)
}

// storage reads a message of storage; nil means that the type is none. A value
// in it borrows from the datagram.
func (r *reader) storage(kind byte, h Header) spec.Message {
	switch kind {
	case wireRead:
		return Read{h, r.id("key")}
	case wireReadAck:
		m := ReadAck{Header: h, Key: r.id("key")}
		m.Leaving = r.flags(1) == 1
		m.Stamp, m.Value = r.stamp(), r.Value(maxWireValue, "value")
		return m
	case wireWrite:
		return Write{h, r.id("key"), r.stamp(), r.Value(maxWireValue, "value")}
	case wireOffer:
		return Offer{h, r.id("key"), r.stamp()}
	case wireWriteAck:
		m := WriteAck{Header: h, Key: r.id("key")}
		f := r.flags(3)
		m.Leaving, m.Owner, m.Replica = f&1 != 0, f&2 != 0, f&4 != 0
		m.Stamp = r.stamp()
		return m
	}
	return nil
}

func (r *reader) flags(n int) byte {
	f := r.Byte("flags")
	if f>>n != 0 {
		r.Fail(r.At-1, "unknown flags %#02x", f)
	}
	return f
}

func (r *reader) stamp() Stamp {
	return Stamp{r.Uint64("counter"), r.id("writer"), r.Uint64("serial")}
}
