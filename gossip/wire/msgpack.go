package wire

import (
	"encoding/binary"
	"math"
)

// The part of MessagePack that memberlist writes (GO-WF-02): maps with short keys,
// raw bytes of the old specification for strings and bytes alike, nil, booleans,
// and unsigned integers in their shortest form.

func appendMap(b []byte, fields int) []byte { return append(b, 0x80|byte(fields)) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(b, byte(v))
	case v < 1<<8:
		return append(b, 0xcc, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
}

func appendString(b []byte, s string) []byte { return append(appendRawHead(b, len(s)), s...) }

// appendBytes writes nil for a nil slice, which memberlist tells from an empty one.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 0xc0)
	}
	return append(appendRawHead(b, len(v)), v...)
}

func appendRawHead(b []byte, n int) []byte {
	switch {
	case n < 1<<5:
		return append(b, 0xa0|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
}

// kind is what a value of MessagePack is, as far as anyone here asks.
type kind uint8

const (
	kindNone kind = iota // a byte that begins no value
	kindNil
	kindBool
	kindUint
	kindNegative
	kindRaw
	kindMap
	kindArray
	kindOther // floats and extensions, which are only skipped
)

// head is the beginning of one value.
type head struct {
	kind     kind
	size     int    // bytes of the head, with all of a number
	value    uint64 // of a number or boolean; how many entries; how many bytes follow
	children uint64 // values that belong to it and follow
	payload  uint64 // bytes that belong to it and follow
}

// readHead reads the head at the start of b; ok is false while b is too short.
func readHead(b []byte) (h head, ok bool) {
	if len(b) == 0 {
		return head{}, false
	}
	c := b[0]
	switch {
	case c < 0x80:
		return head{kind: kindUint, size: 1, value: uint64(c)}, true
	case c < 0x90:
		return container(kindMap, 1, uint64(c&0x0f)), true
	case c < 0xa0:
		return container(kindArray, 1, uint64(c&0x0f)), true
	case c < 0xc0:
		return container(kindRaw, 1, uint64(c&0x1f)), true
	case c >= 0xe0:
		return head{kind: kindNegative, size: 1}, true
	}
	k, width := wideHead(c)
	if len(b) < 1+width {
		return head{}, false
	}
	v := bigEndian(b[1 : 1+width])
	switch {
	case c == 0xc3:
		v = 1
	case c >= 0xd0 && c <= 0xd3: // signed
		if v>>(8*width-1) != 0 {
			k = kindNegative
		}
	case c >= 0xd4 && c <= 0xd8: // extensions of 1, 2, 4, 8, 16 bytes, and their type
		return head{kind: k, size: 1, payload: 1 + 1<<(c-0xd4)}, true
	case c >= 0xc7 && c <= 0xc9: // extensions that say their length, and their type
		return head{kind: k, size: 1 + width, payload: 1 + v}, true
	}
	return container(k, 1+width, v), true
}

// wideHead says of a first byte from c0 to df how many bytes of the head follow.
func wideHead(c byte) (k kind, width int) {
	switch c {
	case 0xc0:
		return kindNil, 0
	case 0xc2, 0xc3:
		return kindBool, 0
	case 0xc4, 0xc5, 0xc6: // bytes of the new specification
		return kindRaw, 1 << (c - 0xc4)
	case 0xc7, 0xc8, 0xc9:
		return kindOther, 1 << (c - 0xc7)
	case 0xca, 0xcb: // floats
		return kindOther, 4 << (c - 0xca)
	case 0xcc, 0xcd, 0xce, 0xcf:
		return kindUint, 1 << (c - 0xcc)
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return kindUint, 1 << (c - 0xd0)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return kindOther, 0
	case 0xd9, 0xda, 0xdb:
		return kindRaw, 1 << (c - 0xd9)
	case 0xdc, 0xdd:
		return kindArray, 2 << (c - 0xdc)
	case 0xde, 0xdf:
		return kindMap, 2 << (c - 0xde)
	}
	return kindNone, 0
}

func bigEndian(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func container(k kind, size int, n uint64) head {
	h := head{kind: k, size: size, value: n}
	switch k {
	case kindRaw:
		h.payload = n
	case kindArray:
		h.children = n
	case kindMap:
		h.children = 2 * n
	}
	return h
}

// skipper passes over values without looking into them. It can stop anywhere and
// go on when more bytes are there, and needs no stack for values inside values.
type skipper struct {
	at   int    // the bytes passed
	left uint64 // the values still to pass
}

// skip goes on in b, of which s.at bytes are behind it. Without an error, it has
// more to do while s.left is not zero. No value may end beyond limit.
func (s *skipper) skip(b []byte, limit int) (reason string) {
	for s.left > 0 {
		h, ok := readHead(b[s.at:])
		if !ok {
			return ""
		}
		if h.kind == kindNone {
			return "a byte that begins no value"
		}
		room := uint64(max(0, limit-s.at-h.size))
		if h.payload > room || s.left-1+h.children > room-h.payload {
			return "a length beyond the limit or the end" // each value has a byte at least
		}
		if uint64(len(b)-s.at-h.size) < h.payload {
			return ""
		}
		s.at += h.size + int(h.payload)
		s.left += h.children - 1
	}
	return ""
}

// reader reads the map that is a message's body. After its first fault it reads
// zeros and nothing more.
type reader struct {
	b     []byte
	at    int
	what  string
	rule  string
	fault *Fault
}

func (r *reader) fail(reason string) {
	if r.fault == nil {
		r.fault = newFault(r.rule, r.what, r.at, reason)
	}
}

// next reads a head with all that it holds itself, and says whether it is of the
// kind wanted. Nil stands for the zero of any kind.
func (r *reader) next(want kind, name string) (h head, ok bool) {
	if r.fault != nil {
		return head{}, false
	}
	h, ok = readHead(r.b[r.at:])
	if !ok || h.payload > uint64(len(r.b)-r.at-h.size) {
		r.fail("truncated")
		return head{}, false
	}
	switch {
	case h.kind == want:
		r.at += h.size
		return h, true
	case h.kind == kindNil:
		r.at++
	default:
		r.fail("want " + name)
	}
	return head{}, false
}

// entries begins a map: more says of each entry whether there is one.
func (r *reader) entries() uint64 {
	h, _ := r.next(kindMap, "a map")
	return h.value
}

func (r *reader) more(n *uint64) bool {
	if *n == 0 || r.fault != nil {
		return false
	}
	*n--
	return true
}

func (r *reader) bytes(limit int) []byte {
	h, ok := r.next(kindRaw, "bytes")
	if !ok {
		return nil
	}
	if h.payload > uint64(limit) {
		r.fail("longer than allowed")
		return nil
	}
	end := r.at + int(h.payload)
	v := r.b[r.at:end:end]
	r.at = end
	return v
}

// key reads the name of an entry, which memberlist wants to have at least a byte.
func (r *reader) key() []byte {
	k := r.bytes(math.MaxInt32)
	if len(k) == 0 {
		r.fail("an empty key")
	}
	return k
}

func (r *reader) string() string { return string(r.bytes(MaxName)) }

func (r *reader) uint(limit uint64) uint64 {
	h, _ := r.next(kindUint, "an unsigned integer")
	if h.value > limit {
		r.fail("larger than allowed")
		return 0
	}
	return h.value
}

func (r *reader) uint32() uint32 { return uint32(r.uint(math.MaxUint32)) }

// bool reads a boolean, or 0 or 1 in its place.
func (r *reader) bool() bool {
	if r.at < len(r.b) && r.b[r.at] <= 1 {
		return r.uint(1) == 1
	}
	h, _ := r.next(kindBool, "a boolean")
	return h.value == 1
}

// skip passes over the value of a key that is not known.
func (r *reader) skip() {
	if r.fault != nil {
		return
	}
	s := skipper{r.at, 1}
	if reason := s.skip(r.b, len(r.b)); reason != "" || s.left > 0 {
		r.fail("truncated, or no value")
		return
	}
	r.at = s.at
}
