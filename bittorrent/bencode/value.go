package bencode

import (
	"bytes"
	"iter"
	"math"
	"math/big"
)

// Kind is the type of an element.
type Kind uint8

// The four kinds of BEP 3. Invalid is the kind of the zero [Value].
const (
	Invalid Kind = iota
	Integer
	String
	List
	Dict
)

func (k Kind) String() string {
	switch k {
	case Integer:
		return "integer"
	case String:
		return "string"
	case List:
		return "list"
	case Dict:
		return "dictionary"
	default:
		return "invalid"
	}
}

// Value is a view of one well-formed element. It borrows the buffer that was
// parsed, which must not change while the Value or a slice obtained from it
// is in use. Copying a Value is cheap. Its methods do not allocate, except
// BigInt and Any.
//
// The zero Value is no element: its Kind is Invalid and every accessor
// answers "absent".
type Value struct{ raw []byte }

// Kind is the type of the element.
func (v Value) Kind() Kind {
	if len(v.raw) == 0 {
		return Invalid
	}
	switch v.raw[0] {
	case 'i':
		return Integer
	case 'l':
		return List
	case 'd':
		return Dict
	default:
		return String
	}
}

// Raw is the exact span of the element in the input, borrowed. It is what an
// info-hash or a signature is computed over.
func (v Value) Raw() []byte { return v.raw[:len(v.raw):len(v.raw)] }

// Bytes is the content of a string, borrowed; ok is false for other kinds.
func (v Value) Bytes() (s []byte, ok bool) {
	if v.Kind() != String {
		return nil, false
	}
	start, end := content(v.raw, 0)
	return v.raw[start:end:end], true
}

// Int64 is the value of an integer; ok is false for other kinds, and for
// integers that an int64 does not hold.
func (v Value) Int64() (n int64, ok bool) {
	if v.Kind() != Integer {
		return 0, false
	}
	digits := v.digits()
	negative := digits[0] == '-'
	limit := uint64(math.MaxInt64)
	if negative {
		digits = digits[1:]
		limit++
	}
	var abs uint64
	for _, c := range digits {
		if abs > math.MaxInt64/10 { // one more digit exceeds either limit
			return 0, false
		}
		abs = abs*10 + uint64(c-'0')
	}
	if abs > limit {
		return 0, false
	}
	if negative {
		return -int64(abs), true
	}
	return int64(abs), true
}

// BigInt is the value of an integer of any size, newly allocated; ok is false
// for other kinds.
func (v Value) BigInt() (n *big.Int, ok bool) {
	if v.Kind() != Integer {
		return nil, false
	}
	return new(big.Int).SetString(string(v.digits()), 10)
}

// Get is the value under key in a dictionary; ok is false if there is none,
// and for other kinds. Its time is linear in the number of tokens.
func (v Value) Get(key string) (_ Value, ok bool) {
	if v.Kind() != Dict {
		return Value{}, false
	}
	b := v.raw
	for i := 1; b[i] != 'e'; {
		start, end := content(b, i)
		i = skip(b, end)
		if string(b[start:end]) == key {
			return Value{b[end:i]}, true
		}
	}
	return Value{}, false
}

// Items yields the elements of a list in order, and nothing for other kinds.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != List {
			return
		}
		for i := 1; v.raw[i] != 'e'; {
			end := skip(v.raw, i)
			if !yield(Value{v.raw[i:end]}) {
				return
			}
			i = end
		}
	}
}

// Entries yields the keys, borrowed, and values of a dictionary in the order
// of the input, and nothing for other kinds. No key occurs twice.
func (v Value) Entries() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if v.Kind() != Dict {
			return
		}
		for i := 1; v.raw[i] != 'e'; {
			start, end := content(v.raw, i)
			i = skip(v.raw, end)
			if !yield(v.raw[start:end:end], Value{v.raw[end:i]}) {
				return
			}
		}
	}
}

// Len is the number of bytes of a string, elements of a list or entries of a
// dictionary, and 0 for other kinds. For the latter two it counts, in time
// linear in the number of tokens.
func (v Value) Len() int {
	n := 0
	switch v.Kind() {
	case String:
		start, end := content(v.raw, 0)
		n = end - start
	case List:
		for range v.Items() {
			n++
		}
	case Dict:
		for range v.Entries() {
			n++
		}
	}
	return n
}

// Any copies the element into int64 (*big.Int beyond its range), string,
// []any and map[string]any, for tools and tests. It allocates many times the
// size of the input. The zero Value gives nil.
func (v Value) Any() any {
	switch v.Kind() {
	case Integer:
		if n, ok := v.Int64(); ok {
			return n
		}
		n, _ := v.BigInt()
		return n
	case String:
		s, _ := v.Bytes()
		return string(s)
	case List:
		list := []any{}
		for item := range v.Items() {
			list = append(list, item.Any())
		}
		return list
	case Dict:
		dict := map[string]any{}
		for key, value := range v.Entries() {
			dict[string(key)] = value.Any()
		}
		return dict
	default:
		return nil
	}
}

// digits is an integer without its frame.
func (v Value) digits() []byte { return v.raw[1 : len(v.raw)-1] }

// content is the range of the content of the well-formed string at i.
func content(b []byte, i int) (start, end int) {
	n := 0
	for ; b[i] != ':'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	return i + 1, i + 1 + n
}

// skip is the offset behind the well-formed element at i.
func skip(b []byte, i int) int {
	for depth := 0; ; {
		switch b[i] {
		case 'i':
			i += bytes.IndexByte(b[i:], 'e') + 1
		case 'l', 'd':
			depth++
			i++
		case 'e':
			depth--
			i++
		default:
			_, i = content(b, i)
		}
		if depth == 0 {
			return i
		}
	}
}
