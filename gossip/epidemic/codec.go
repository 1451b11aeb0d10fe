package epidemic

import (
	"errors"

	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the binary encoding of messages as datagrams. The papers define none,
// so this one is ours. Integers are big-endian; a message is
//
//	offset  size  field
//	0       1     'E'
//	1       1     type: 1 Contact 2 Reply 3 Feedback 4 Busy
//	2             body
//
//	Contact   pull (1): 0 or 1 · rumors
//	Reply     rumors · verdicts
//	Feedback  verdicts
//
//	rumors    count (1) · count × (level (1) · update)
//	verdicts  count (1) · count × (stamp · news (1): 0 or 1)
//	update    stamp · flags (1): 1 death certificate · key length (1) · key ·
//	          age (8) in nanoseconds, of a certificate alone · value length (2)
//	          · value, of others
//	stamp     counter (8) · site (4)
//
// Every message has exactly one encoding: bytes after the body are refused, so
// what parses encodes back to the same bytes.
type Codec struct{}

var _ spec.Codec = Codec{}

const (
	wireMagic    = 'E'
	wireContact  = 1
	wireReply    = 2
	wireFeedback = 3
	wireBusy     = 4

	stampBytes   = 8 + 4
	verdictBytes = stampBytes + 1
	updateBytes  = stampBytes + 1 + 1 + 8 // without key and value; the age is the longer of the two
	rumorBytes   = updateBytes + 1
	messageBytes = 2 + 1 + 1 + 1 // magic, type and what else a message has once

	maxBatch = 255 // things in a list: their number takes a byte
)

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("epidemic: encoding")

// size bounds the encoding of an update.
func (u *Update) size() int { return updateBytes + len(u.Key) + len(u.Value) }

// AppendMessage appends the encoding of m. It refuses foreign message types and
// what exceeds the fields of an encoding.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := writer{spec.FieldWriter{Bytes: b, Base: ErrEncoding}}
	w.Byte(wireMagic)
	switch m := m.(type) {
	case Contact:
		w.Byte(wireContact)
		w.Byte(boolByte(m.Pull))
		w.rumors(m.Rumors)
	case Reply:
		w.Byte(wireReply)
		w.rumors(m.Rumors)
		w.verdicts(m.Verdicts)
	case Feedback:
		w.Byte(wireFeedback)
		w.verdicts(m.Verdicts)
	case Busy:
		w.Byte(wireBusy)
	default:
		w.Fail("message type %T", m)
	}
	return w.Bytes, w.Err
}

type writer struct{ spec.FieldWriter }

func (w *writer) rumors(list []Rumor) {
	if w.Count(len(list), maxBatch, "rumors") {
		for i := range list {
			w.Byte(list[i].Level)
			w.update(&list[i].Update)
		}
	}
}

func (w *writer) verdicts(list []Verdict) {
	if w.Count(len(list), maxBatch, "verdicts") {
		for _, v := range list {
			w.stamp(v.Stamp)
			w.Byte(boolByte(v.News))
		}
	}
}

func (w *writer) update(u *Update) {
	w.stamp(u.Stamp)
	w.Byte(boolByte(u.Deleted))
	if w.Count(len(u.Key), MaxKeyBytes, "bytes of a key") {
		w.Raw([]byte(u.Key))
	}
	switch {
	case !u.Deleted && u.Age != 0:
		w.Fail("key %q: age of a value", u.Key)
	case u.Deleted && len(u.Value) > 0:
		w.Fail("key %q: value of a certificate", u.Key)
	case u.Deleted:
		w.Uint64(uint64(u.Age))
	default:
		w.Value(u.Value, 1<<16-1, "value")
	}
}

func (w *writer) stamp(s Stamp) {
	w.Uint64(s.Counter)
	w.Uint32(uint32(s.Site))
}
