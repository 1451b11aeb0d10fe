package epidemic

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// ParseMessage decodes one datagram. Values in the result borrow from b. The
// error names the field and its offset.
func (Codec) ParseMessage(b []byte) (spec.Message, error) {
	r := reader{spec.FieldReader{Bytes: b, Base: ErrEncoding}}
	if magic := r.Byte("magic"); magic != wireMagic {
		r.Fail(0, "magic %#02x, want %#02x", magic, wireMagic)
	}
	var m spec.Message
	switch kind := r.Byte("type"); kind {
	case wireContact:
		m = Contact{r.bool("pull"), r.rumors()}
	case wireReply:
		m = Reply{r.rumors(), r.verdicts()}
	case wireFeedback:
		m = Feedback{r.verdicts()}
	case wireBusy:
		m = Busy{}
	case wireEntries:
		m = Entries{r.key("from"), r.key("to"), r.bool("give"), r.updates()}
	case wireAsk:
		m = Ask{r.key("from"), r.key("to"), r.bool("give")}
	case wireSummary:
		m = Summary{r.ranges()}
	case wirePeel:
		m = Peel{r.bool("answer"), r.Uint64("sum"), r.stamp("high"), r.stamp("low"), r.updates()}
	default:
		r.Fail(1, "unknown type %d", kind)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

type reader struct{ spec.FieldReader }

func (r *reader) rumors() (list []Rumor) {
	for n := r.Count(maxBatch, "rumors"); n > 0 && r.Err == nil; n-- {
		level := r.Byte("level")
		list = append(list, Rumor{r.update(), level})
	}
	return list
}

func (r *reader) updates() (list []Update) {
	for n := r.Count(maxBatch, "updates"); n > 0 && r.Err == nil; n-- {
		list = append(list, r.update())
	}
	return list
}

func (r *reader) ranges() (list []Range) {
	for n := r.Count(maxBatch, "ranges"); n > 0 && r.Err == nil; n-- {
		list = append(list, Range{r.key("from"), r.key("to"), r.Uint32("count"), r.Uint64("sum")})
	}
	return list
}

func (r *reader) key(field string) string {
	return string(r.Raw(r.Count(MaxKeyBytes, "bytes of a key"), field))
}

func (r *reader) verdicts() (list []Verdict) {
	for n := r.Count(maxBatch, "verdicts"); n > 0 && r.Err == nil; n-- {
		stamp := r.stamp("stamp")
		list = append(list, Verdict{stamp, r.bool("news")})
	}
	return list
}

func (r *reader) update() Update {
	u := Update{Stamp: r.stamp("stamp"), Deleted: r.bool("flags")}
	u.Key = r.key("key")
	if u.Deleted {
		u.Age = time.Duration(r.Uint64("age"))
	} else {
		u.Value = r.Value(1<<16-1, "value")
	}
	return u
}

func (r *reader) stamp(field string) Stamp {
	return Stamp{r.Uint64(field), int32(r.Uint32(field))}
}

// bool takes a byte that is 0 or 1.
func (r *reader) bool(field string) bool {
	b := r.Byte(field)
	if b > 1 {
		r.Fail(r.At-1, "%s %d, want 0 or 1", field, b)
	}
	return b == 1
}
