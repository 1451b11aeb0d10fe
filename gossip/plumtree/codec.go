package plumtree

import (
	"errors"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the binary encoding of one message. The paper defines none, so this
// one is ours. It is a type in one byte, and its fields, integers big-endian;
// types below 16 are those of [hyparview.Codec]:
//
//	16  Gossip  ID (16) · round (2) · length of the payload (2) · payload
//	17  IHave   count (1), 1 to 128 · count × (ID (16) · round (2))
//	18  Graft   0, or 1 and the ID (16) that it wants
//	19  Prune
//
// Every message has exactly one encoding: bytes after the last field are
// refused, so what parses encodes back to the same bytes. On a stream
// [StreamCodec] puts the length before it.
type Codec struct{}

var _ spec.Codec = Codec{}

// The message types on the wire.
const (
	wireGossip = 16
	wireIHave  = 17
	wireGraft  = 18
	wirePrune  = 19
)

const (
	// maxWirePayload is what a length of 2 bytes can say.
	maxWirePayload = 1<<16 - 1
	// maxWireList bounds an IHave to 2.3 kB.
	maxWireList = 128
	// maxWire bounds the encoding of a message: a Gossip's.
	maxWire = 1 + 16 + 2 + 2 + maxWirePayload
)

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("plumtree: encoding")

// StreamCodec is the encoding of the streams between nodes.
func StreamCodec() spec.StreamCodec { return hyparview.Stream{Codec: Codec{}, Max: maxWire} }

// AppendMessage appends the encoding of m. It refuses foreign message types, and
// payloads and lists that are too long.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := spec.FieldWriter{Bytes: b, Base: ErrEncoding}
	switch m := m.(type) {
	case Gossip:
		w.Byte(wireGossip)
		w.Raw(m.ID[:])
		w.Uint16(m.Round)
		w.Value(m.Payload, maxWirePayload, "payload")
	case IHave:
		w.Byte(wireIHave)
		if len(m.List) == 0 {
			w.Fail("an empty list")
		}
		if w.Count(len(m.List), maxWireList, "announcements") {
			for _, a := range m.List {
				w.Raw(a.ID[:])
				w.Uint16(a.Round)
			}
		}
	case Graft:
		w.Byte(wireGraft)
		if m.Wants {
			w.Byte(1)
			w.Raw(m.ID[:])
		} else {
			w.Byte(0)
		}
	case Prune:
		w.Byte(wirePrune)
	default:
		return hyparview.Codec{}.AppendMessage(b, m)
	}
	if w.Err != nil {
		return b, w.Err
	}
	return w.Bytes, nil
}

// ParseMessage decodes one message. The payload in the result borrows from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	if len(b) > 0 && b[0] < wireGossip {
		return hyparview.Codec{}.ParseMessage(b)
	}
	r := spec.FieldReader{Bytes: b, Base: ErrEncoding}
	var m spec.Message
	switch kind := r.Byte("type"); kind {
	case wireGossip:
		m = Gossip{readID(&r), r.Uint16("round"), r.Value(maxWirePayload, "payload")}
	case wireIHave:
		m = readIHave(&r)
	case wireGraft:
		m = readGraft(&r)
	case wirePrune:
		m = Prune{}
	default:
		r.Fail(0, "unknown type %d", kind)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

func readID(r *spec.FieldReader) (id ID) {
	copy(id[:], r.Raw(len(id), "ID"))
	return id
}

func readIHave(r *spec.FieldReader) IHave {
	n := r.Count(maxWireList, "announcements")
	if n == 0 {
		r.Fail(r.At-1, "no announcements")
	}
	list := make([]Announcement, 0, n)
	for ; n > 0 && r.Err == nil; n-- {
		list = append(list, Announcement{readID(r), r.Uint16("round")})
	}
	return IHave{list}
}

func readGraft(r *spec.FieldReader) Graft {
	switch wants := r.Byte("wants"); wants {
	case 0:
		return Graft{}
	case 1:
		return Graft{true, readID(r)}
	default:
		r.Fail(r.At-1, "wants is %d, want 0 or 1", wants)
		return Graft{}
	}
}
