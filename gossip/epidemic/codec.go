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
//	              5 Entries 6 Ask 7 Summary 8 Peel
//	2             body
//
//	Contact   pull (1): 0 or 1 · rumors
//	Reply     rumors · verdicts
//	Feedback  verdicts
//	Entries   from (key) · to (key) · give (1): 0 or 1 · updates
//	Ask       from (key) · to (key) · give (1): 0 or 1
//	Summary   count (1) · count × (from (key) · to (key) · count (4) · sum (8))
//	Peel      answer (1): 0 or 1 · sum (8) · high (stamp) · low (stamp) · updates
//
//	updates   count (1) · count × update
//	rumors    count (1) · count × (level (1) · update)
//	verdicts  count (1) · count × (stamp · news (1): 0 or 1)
//	update    stamp · flags (1): 1 death certificate · key · age (8) in
//	          nanoseconds, of a certificate alone · length (2) · value, of others
//	key       length (1) · bytes
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
	wireEntries  = 5
	wireAsk      = 6
	wireSummary  = 7
	wirePeel     = 8

	stampBytes   = 8 + 4
	verdictBytes = stampBytes + 1
	updateBytes  = stampBytes + 1 + 1 + 8 // without key and value; the age is the longer of the two
	rumorBytes   = updateBytes + 1
	peelBytes    = 8 + 2*stampBytes
	messageBytes = 2 + 1 + 1 + 1 // magic, type and what else a message has once

	maxBatch = 255 // things in a list: their number takes a byte
)

// ErrEncoding is wrapped by the errors of [Codec].
var ErrEncoding = errors.New("epidemic: encoding")

// size bounds the encoding of an update.
func (u *Update) size() int { return updateBytes + len(u.Key) + len(u.Value) }

// size is that of the encoding of a range.
func (r *Range) size() int { return 1 + len(r.From) + 1 + len(r.To) + 4 + 8 }

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
	case Entries:
		w.Byte(wireEntries)
		w.key(m.From)
		w.key(m.To)
		w.Byte(boolByte(m.Give))
		w.updates(m.Updates)
	case Ask:
		w.Byte(wireAsk)
		w.key(m.From)
		w.key(m.To)
		w.Byte(boolByte(m.Give))
	case Summary:
		w.Byte(wireSummary)
		w.ranges(m.Ranges)
	case Peel:
		w.Byte(wirePeel)
		w.Byte(boolByte(m.Answer))
		w.Uint64(m.Sum)
		w.stamp(m.High)
		w.stamp(m.Low)
		w.updates(m.Updates)
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

func (w *writer) updates(list []Update) {
	if w.Count(len(list), maxBatch, "updates") {
		for i := range list {
			w.update(&list[i])
		}
	}
}

func (w *writer) ranges(list []Range) {
	if w.Count(len(list), maxBatch, "ranges") {
		for i := range list {
			w.key(list[i].From)
			w.key(list[i].To)
			w.Uint32(list[i].Count)
			w.Uint64(list[i].Sum)
		}
	}
}

func (w *writer) key(k string) {
	if w.Count(len(k), MaxKeyBytes, "bytes of a key") {
		w.Raw([]byte(k))
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
	w.key(u.Key)
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
