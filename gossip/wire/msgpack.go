package wire

import (
	"encoding/binary"
	"math"
)

// The part of MessagePack that memberlist writes (GO-WF-02): maps with short keys,
// raw bytes of the old specification for strings and bytes alike, nil, booleans,
// and integers in the shortest form of their kind.

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

// appendInt writes what is an int in memberlist: a count, a length, a state.
func appendInt(b []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(b, byte(v))
	case v < 1<<15:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(v))
	case v < 1<<31:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), v)
}

func appendString(b []byte, s string) []byte { return append(appendRawHead(b, len(s)), s...) }

// appendBytes writes nil for a nil slice, which memberlist tells from an empty one.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 0xc0)
	}
	return append(appendRawHead(b, len(v)), v...)
}

// appendArray begins an array.
func appendArray(b []byte, n int, isNil bool) []byte {
	if isNil {
		return append(b, 0xc0)
	}
	return appendCount(b, 0x90, 0xdc, n)
}

// appendCount begins a map or an array. A small count is part of the byte fix; a count
// of 16 bits follows the byte wide, and one of 32 bits the next byte after it.
func appendCount(b []byte, fix, wide byte, n int) []byte {
	switch {
	case n < 1<<4:
		return append(b, fix|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, wide), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, wide+1), uint32(n))
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

// Kind is what a value of MessagePack is, as far as anyone here asks.
type Kind uint8

// The kinds.
const (
	KindNone Kind = iota // a byte that begins no value
	KindNil
	KindBool
	KindUint
	KindNegative
	KindRaw
	KindMap
	KindArray
	KindOther // floats and extensions, which are only skipped
)

// Head is the beginning of one value.
type Head struct {
	Kind     Kind
	Size     int    // bytes of the head, with all of a number
	Value    uint64 // of a number or boolean; how many entries; how many bytes follow
	Children uint64 // values that belong to it and follow
	Payload  uint64 // bytes that belong to it and follow
}

// ReadHead reads the head at the start of b, for who explains what lies where in a
// body. ok is false if b is too short.
func ReadHead(b []byte) (h Head, ok bool) {
	if len(b) == 0 {
		return Head{}, false
	}
	c := b[0]
	switch {
	case c < 0x80:
		return Head{Kind: KindUint, Size: 1, Value: uint64(c)}, true
	case c < 0x90:
		return container(KindMap, 1, uint64(c&0x0f)), true
	case c < 0xa0:
		return container(KindArray, 1, uint64(c&0x0f)), true
	case c < 0xc0:
		return container(KindRaw, 1, uint64(c&0x1f)), true
	case c >= 0xe0:
		return Head{Kind: KindNegative, Size: 1}, true
	}
	k, width := wideHead(c)
	if len(b) < 1+width {
		return Head{}, false
	}
	v := bigEndian(b[1 : 1+width])
	switch {
	case c == 0xc3:
		v = 1
	case c >= 0xd0 && c <= 0xd3: // signed
		if v>>(8*width-1) != 0 {
			k = KindNegative
		}
	case c >= 0xd4 && c <= 0xd8: // extensions of 1, 2, 4, 8, 16 bytes, and their type
		return Head{Kind: k, Size: 1, Payload: 1 + 1<<(c-0xd4)}, true
	case c >= 0xc7 && c <= 0xc9: // extensions that say their length, and their type
		return Head{Kind: k, Size: 1 + width, Payload: 1 + v}, true
	}
	return container(k, 1+width, v), true
}

// wideHead says of a first byte from c0 to df how many bytes of the head follow.
func wideHead(c byte) (k Kind, width int) {
	switch c {
	case 0xc0:
		return KindNil, 0
	case 0xc2, 0xc3:
		return KindBool, 0
	case 0xc4, 0xc5, 0xc6: // bytes of the new specification
		return KindRaw, 1 << (c - 0xc4)
	case 0xc7, 0xc8, 0xc9:
		return KindOther, 1 << (c - 0xc7)
	case 0xca, 0xcb: // floats
		return KindOther, 4 << (c - 0xca)
	case 0xcc, 0xcd, 0xce, 0xcf:
		return KindUint, 1 << (c - 0xcc)
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return KindUint, 1 << (c - 0xd0)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return KindOther, 0
	case 0xd9, 0xda, 0xdb:
		return KindRaw, 1 << (c - 0xd9)
	case 0xdc, 0xdd:
		return KindArray, 2 << (c - 0xdc)
	case 0xde, 0xdf:
		return KindMap, 2 << (c - 0xde)
	}
	return KindNone, 0
}

func bigEndian(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func container(k Kind, size int, n uint64) Head {
	h := Head{Kind: k, Size: size, Value: n}
	switch k {
	case KindRaw:
		h.Payload = n
	case KindArray:
		h.Children = n
	case KindMap:
		h.Children = 2 * n
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
		h, ok := ReadHead(b[s.at:])
		if !ok {
			return ""
		}
		if h.Kind == KindNone {
			return "a byte that begins no value"
		}
		room := uint64(max(0, limit-s.at-h.Size))
		if h.Payload > room || s.left-1+h.Children > room-h.Payload {
			return "a length beyond the limit or the end" // each value has a byte at least
		}
		if uint64(len(b)-s.at-h.Size) < h.Payload {
			return ""
		}
		s.at += h.Size + int(h.Payload)
		s.left += h.Children - 1
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
func (r *reader) next(want Kind, name string) (h Head, ok bool) {
	if r.fault != nil {
		return Head{}, false
	}
	h, ok = ReadHead(r.b[r.at:])
	if !ok || h.Payload > uint64(len(r.b)-r.at-h.Size) {
		r.fail("truncated")
		return Head{}, false
	}
	switch {
	case h.Kind == want:
		r.at += h.Size
		return h, true
	case h.Kind == KindNil:
		r.at++
	default:
		r.fail("want " + name)
	}
	return Head{}, false
}

// peek is the next byte, or one that begins no value.
func (r *reader) peek() byte {
	if r.fault != nil || r.at == len(r.b) {
		return 0xc1
	}
	return r.b[r.at]
}

// entries begins a map: more says of each entry whether there is one.
func (r *reader) entries() uint64 {
	h, _ := r.next(KindMap, "a map")
	return h.Value
}

// elements begins an array.
func (r *reader) elements() uint64 {
	h, _ := r.next(KindArray, "an array")
	return h.Value
}

func (r *reader) more(n *uint64) bool {
	if *n == 0 || r.fault != nil {
		return false
	}
	*n--
	return true
}

func (r *reader) bytes(limit int) []byte {
	if c := r.peek(); c&0xe0 == 0xa0 { // most are short: this spares them the rest
		n := int(c & 0x1f)
		if end := r.at + 1 + n; end <= len(r.b) && n <= limit {
			v := r.b[r.at+1 : end : end]
			r.at = end
			return v
		}
	}
	h, ok := r.next(KindRaw, "bytes")
	if !ok {
		return nil
	}
	if h.Payload > uint64(limit) {
		r.fail("longer than allowed")
		return nil
	}
	end := r.at + int(h.Payload)
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
	if c := r.peek(); c < 0x80 && uint64(c) <= limit {
		r.at++
		return uint64(c)
	}
	h, _ := r.next(KindUint, "an unsigned integer")
	if h.Value > limit {
		r.fail("larger than allowed")
		return 0
	}
	return h.Value
}

func (r *reader) uint32() uint32 { return uint32(r.uint(math.MaxUint32)) }

// bool reads a boolean, or 0 or 1 in its place.
func (r *reader) bool() bool {
	if r.peek() <= 1 {
		return r.uint(1) == 1
	}
	h, _ := r.next(KindBool, "a boolean")
	return h.Value == 1
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
