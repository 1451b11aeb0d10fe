package spec

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// FieldWriter appends the fields of a binary message, integers big-endian. It
// remembers the first thing that has no encoding: look at Err at the end.
//
// The protocols of papers come without an encoding; their cores define one, and
// read and write it by this type and [FieldReader]. An address is
//
//	0, 4 or 6 (1) · address (0, 4 or 16) · port (2), left out where the address is
type FieldWriter struct {
	Bytes []byte
	Base  error // what Err wraps
	Err   error
}

// Fail notes an error, unless there is one.
func (w *FieldWriter) Fail(format string, args ...any) {
	if w.Err == nil {
		w.Err = fmt.Errorf("%w: "+format, append([]any{w.Base}, args...)...)
	}
}

// Byte appends one byte.
func (w *FieldWriter) Byte(b byte) { w.Bytes = append(w.Bytes, b) }

// Raw appends bytes without their number.
func (w *FieldWriter) Raw(b []byte) { w.Bytes = append(w.Bytes, b...) }

// Uint16 appends 2 bytes.
func (w *FieldWriter) Uint16(v uint16) { w.Bytes = binary.BigEndian.AppendUint16(w.Bytes, v) }

// Uint32 appends 4 bytes.
func (w *FieldWriter) Uint32(v uint32) { w.Bytes = binary.BigEndian.AppendUint32(w.Bytes, v) }

// Uint64 appends 8 bytes.
func (w *FieldWriter) Uint64(v uint64) { w.Bytes = binary.BigEndian.AppendUint64(w.Bytes, v) }

// Count appends a number of things in one byte, and says whether it is at most
// limit, which is at most 255.
func (w *FieldWriter) Count(n, limit int, field string) bool {
	if n > limit {
		w.Fail("%d %s, at most %d fit", n, field, limit)
		return false
	}
	w.Byte(byte(n))
	return true
}

// Value appends at most limit bytes, which is at most 65535, after their number
// in 2 bytes.
func (w *FieldWriter) Value(b []byte, limit int, field string) {
	if len(b) > limit {
		w.Fail("%s of %d bytes, at most %d fit", field, len(b), limit)
		return
	}
	w.Uint16(uint16(len(b)))
	w.Raw(b)
}

// Addr appends an address. One with a zone, and a port without an address, have
// no encoding.
func (w *FieldWriter) Addr(a netip.AddrPort, field string) {
	ip := a.Addr()
	switch {
	case ip.Zone() != "":
		w.Fail("%s: address %v has a zone", field, ip)
	case ip.Is4():
		octets := ip.As4()
		w.Bytes = append(append(w.Bytes, 4), octets[:]...)
		w.Uint16(a.Port())
	case ip.Is6():
		octets := ip.As16()
		w.Bytes = append(append(w.Bytes, 6), octets[:]...)
		w.Uint16(a.Port())
	case a.Port() != 0:
		w.Fail("%s: port without address", field)
	default:
		w.Byte(0)
	}
}

// FieldReader takes the fields of a binary message off its front. After the
// first error it yields zeros. The errors name the field and its offset.
type FieldReader struct {
	Bytes []byte
	At    int   // the offset of the next field
	Base  error // what Err wraps
	Err   error
}

// Fail notes an error at an offset, unless there is one.
func (r *FieldReader) Fail(at int, format string, args ...any) {
	if r.Err == nil {
		r.Err = fmt.Errorf("%w: offset %d: "+format, append([]any{r.Base, at}, args...)...)
	}
}

// Raw takes the next n bytes, which stay where they are: nil after an error.
func (r *FieldReader) Raw(n int, field string) []byte {
	if len(r.Bytes)-r.At < n {
		r.Fail(r.At, "%s needs %d bytes, %d are left", field, n, len(r.Bytes)-r.At)
	}
	if r.Err != nil {
		return nil
	}
	r.At += n
	return r.Bytes[r.At-n : r.At : r.At]
}

// Uint takes an integer of n bytes, at most 8.
func (r *FieldReader) Uint(n int, field string) (v uint64) {
	for _, c := range r.Raw(n, field) {
		v = v<<8 | uint64(c)
	}
	return v
}

// Byte takes one byte.
func (r *FieldReader) Byte(field string) byte { return byte(r.Uint(1, field)) }

// Uint16 takes 2 bytes.
func (r *FieldReader) Uint16(field string) uint16 { return uint16(r.Uint(2, field)) }

// Uint32 takes 4 bytes.
func (r *FieldReader) Uint32(field string) uint32 { return uint32(r.Uint(4, field)) }

// Uint64 takes 8 bytes.
func (r *FieldReader) Uint64(field string) uint64 { return r.Uint(8, field) }

// Count takes a number of things, at most limit, in one byte.
func (r *FieldReader) Count(limit int, field string) int {
	n := int(r.Byte(field))
	if n > limit {
		r.Fail(r.At-1, "%d %s, at most %d fit", n, field, limit)
		return 0
	}
	return n
}

// Value takes at most limit bytes after their number in 2 bytes. They stay where
// they are.
func (r *FieldReader) Value(limit int, field string) []byte {
	at := r.At
	n := int(r.Uint16(field))
	if n > limit {
		r.Fail(at, "%s of %d bytes, at most %d fit", field, n, limit)
	}
	return r.Raw(n, field)
}

// Addr takes an address, or none.
func (r *FieldReader) Addr(field string) netip.AddrPort {
	var ip netip.Addr
	switch family := r.Byte(field); family {
	case 0:
		return netip.AddrPort{}
	case 4:
		ip, _ = netip.AddrFromSlice(r.Raw(4, field))
	case 6:
		ip, _ = netip.AddrFromSlice(r.Raw(16, field))
	default:
		r.Fail(r.At-1, "%s: address family %d, want 0, 4 or 6", field, family)
	}
	port := r.Uint16(field)
	if r.Err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, port)
}

// End wants that everything was read, and returns the first error.
func (r *FieldReader) End() error {
	if len(r.Bytes) != r.At {
		r.Fail(r.At, "%d bytes too many", len(r.Bytes)-r.At)
	}
	return r.Err
}
