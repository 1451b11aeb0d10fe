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

func (r *reader) verdicts() (list []Verdict) {
	for n := r.Count(maxBatch, "verdicts"); n > 0 && r.Err == nil; n-- {
		stamp := r.stamp("stamp")
		list = append(list, Verdict{stamp, r.bool("news")})
	}
	return list
}

func (r *reader) update() Update {
	u := Update{Stamp: r.stamp("stamp"), Deleted: r.bool("flags")}
	u.Key = string(r.Raw(r.Count(MaxKeyBytes, "bytes of a key"), "key"))
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
