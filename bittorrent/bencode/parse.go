package bencode

import (
	"bytes"
	"fmt"
)

// Limits that the zero [Options] applies, and those that no option lifts.
const (
	// DefaultMaxDepth is several times the nesting of any KRPC message and
	// leaves room for the directory trees of version 2 torrents.
	DefaultMaxDepth = 100

	// DefaultMaxSize, in bytes, exceeds all but freak torrent files and keeps
	// the time for the worst hostile buffer near a second: a tenth of that in
	// strict mode, the whole of it for unsorted keys in lenient mode.
	DefaultMaxSize = 16 << 20

	// MaxDepthLimit caps Options.MaxDepth: reading recurses, and this many
	// levels fit easily in a goroutine stack, also on 32-bit machines.
	MaxDepthLimit = 10_000

	// MaxDigits is the length limit of one integer. Converting decimal digits
	// takes time quadratic in their number; this many take milliseconds.
	MaxDigits = 1 << 16
)

// Options selects how input is read. The zero value is strict, with the
// default limits.
type Options struct {
	// Lenient accepts what deployed software emits and strict mode refuses:
	//
	//   - dictionary keys that are not in order (BEP03-BENC-008)
	//   - leading zeros in integers, i03e (BEP03-BENC-004), and in string
	//     lengths, 04:spam (BEP03-BENC-001)
	//   - negative zero, i-0e, read as 0 (BEP03-BENC-003)
	//   - bytes after the element given to Parse (BEP03-BENC-013)
	//
	// Everything else is refused in both modes; so are repeated keys.
	Lenient bool

	// MaxDepth is the number of lists and dictionaries that may enclose one
	// another. 0 means DefaultMaxDepth; more than MaxDepthLimit means
	// MaxDepthLimit.
	MaxDepth int

	// MaxSize is the length limit of an element in bytes. 0 means
	// DefaultMaxSize.
	MaxSize int
}

// SyntaxError says where input is malformed and which rule it breaks.
type SyntaxError struct {
	Offset int    // in bytes from the start of the buffer
	Rule   string // catalogue id of the clause, such as BEP03-BENC-004
	What   string // the fault, in words
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("bencode: offset %d: %s (%s)", e.Offset, e.What, e.Rule)
}

// Parse validates b, which must hold exactly one element, and returns a view
// of it. In lenient mode bytes after the element are ignored. The error is a
// *[SyntaxError]. The Value borrows b.
func Parse(b []byte, opt Options) (Value, error) {
	v, rest, err := ParsePrefix(b, opt)
	if err != nil {
		return Value{}, err
	}
	if len(rest) > 0 && !opt.Lenient { // BEP03-BENC-013
		_, fault := fail(len(v.raw), "BEP03-BENC-013", "bytes follow the element")
		return Value{}, fault
	}
	return v, nil
}

// ParsePrefix validates the element that b starts with and returns a view of
// it and the bytes that follow. The error is a *[SyntaxError]. The Value
// borrows b.
func ParsePrefix(b []byte, opt Options) (v Value, rest []byte, err error) {
	p := parser{b: b, lenient: opt.Lenient, maxDepth: DefaultMaxDepth}
	if opt.MaxDepth > 0 {
		p.maxDepth = min(opt.MaxDepth, MaxDepthLimit)
	}
	maxSize := DefaultMaxSize
	if opt.MaxSize > 0 {
		maxSize = opt.MaxSize
	}
	if len(b) > maxSize {
		p.b, p.cut = b[:maxSize], true
	}
	end, fault := p.element(0, 0)
	if fault == nil && p.unsorted {
		fault = findRepeatedKey(b[:end])
	}
	if fault != nil {
		return Value{}, nil, fault
	}
	return Value{b[:end]}, b[end:], nil
}

// A parser validates one element. Its methods take the offset at which a
// production starts and return the offset behind it.
type parser struct {
	b        []byte
	cut      bool // b ends at the size limit, before the input does
	lenient  bool
	unsorted bool // a dictionary was read whose keys are out of order
	maxDepth int
}

// element reads any element that depth lists and dictionaries enclose.
func (p *parser) element(i, depth int) (int, *SyntaxError) {
	if i >= len(p.b) {
		return p.truncated(i, "BEP03-BENC-001", "input ends where an element should begin")
	}
	switch c := p.b[i]; {
	case isDigit(c):
		_, end, err := p.str(i)
		return end, err
	case c == 'i':
		return p.integer(i)
	case c == 'l':
		return p.list(i, depth+1)
	case c == 'd':
		return p.dict(i, depth+1)
	default:
		return fail(i, "BEP03-BENC-001", fmt.Sprintf("no element begins with %q", c))
	}
}

// str reads a byte string; its content is b[start:end], any bytes at all.
// BEP03-BENC-001 BEP03-BENC-010
func (p *parser) str(i int) (start, end int, err *SyntaxError) {
	b, first := p.b, i
	var n int64 // at most 10 times len(b), which fits on 32-bit machines too
	for ; i < len(b) && isDigit(b[i]); i++ {
		n = n*10 + int64(b[i]-'0')
		if n > int64(len(b)) { // BEP03-BENC-012
			_, err = p.truncated(first, "BEP03-BENC-012", "string is longer than the input")
			return 0, 0, err
		}
	}
	switch {
	case i == len(b):
		_, err = p.truncated(i, "BEP03-BENC-001", "input ends within a string length")
	case b[i] != ':':
		_, err = fail(i, "BEP03-BENC-001", "string length is not followed by a colon")
	case b[first] == '0' && i > first+1 && !p.lenient:
		_, err = fail(first, "BEP03-BENC-001", "string length has a leading zero")
	case n > int64(len(b)-i-1): // BEP03-BENC-012
		_, err = p.truncated(first, "BEP03-BENC-012", "string is longer than the input")
	}
	return i + 1, i + 1 + int(n), err
}

// integer reads i, decimal digits with an optional minus, e. BEP03-BENC-002
func (p *parser) integer(i int) (int, *SyntaxError) {
	b := p.b
	i++
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	first := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	switch digits := i - first; {
	case digits > MaxDigits: // BEP03-BENC-011
		return fail(first, "BEP03-BENC-011", fmt.Sprintf("integer exceeds %d digits", MaxDigits))
	case i == len(b):
		return p.truncated(i, "BEP03-BENC-002", "input ends within an integer")
	case digits == 0:
		return fail(i, "BEP03-BENC-002", "integer has no digits")
	case b[i] != 'e':
		return fail(i, "BEP03-BENC-002", fmt.Sprintf("%q within an integer", b[i]))
	case p.lenient || b[first] != '0':
		return i + 1, nil
	case digits > 1: // BEP03-BENC-004
		return fail(first, "BEP03-BENC-004", "integer has a leading zero")
	case negative: // BEP03-BENC-003
		return fail(first-1, "BEP03-BENC-003", "integer is negative zero")
	}
	return i + 1, nil
}

// list reads l, elements, e. BEP03-BENC-005
func (p *parser) list(i, depth int) (int, *SyntaxError) {
	if depth > p.maxDepth {
		return p.tooDeep(i)
	}
	i++
	for {
		if i >= len(p.b) {
			return p.truncated(i, "BEP03-BENC-005", "input ends within a list")
		}
		if p.b[i] == 'e' {
			return i + 1, nil
		}
		end, err := p.element(i, depth)
		if err != nil {
			return 0, err
		}
		i = end
	}
}

// dict reads d, keys each followed by a value, e. BEP03-BENC-006
func (p *parser) dict(i, depth int) (int, *SyntaxError) {
	if depth > p.maxDepth {
		return p.tooDeep(i)
	}
	i++
	var previous []byte
	for {
		if i >= len(p.b) {
			return p.truncated(i, "BEP03-BENC-006", "input ends within a dictionary")
		}
		if p.b[i] == 'e' {
			return i + 1, nil
		}
		if !isDigit(p.b[i]) { // BEP03-BENC-007
			return fail(i, "BEP03-BENC-007", "dictionary key is not a string")
		}
		start, end, err := p.str(i)
		if err != nil {
			return 0, err
		}
		key := p.b[start:end]
		if previous != nil {
			switch order := bytes.Compare(previous, key); {
			case order == 0: // BEP03-BENC-009
				return repeated(i, key)
			case order > 0 && !p.lenient: // BEP03-BENC-008
				return fail(i, "BEP03-BENC-008", fmt.Sprintf("key %q is out of order", clip(key)))
			case order > 0:
				p.unsorted = true
			}
		}
		previous = key
		if end < len(p.b) && p.b[end] == 'e' { // BEP03-BENC-006
			return fail(end, "BEP03-BENC-006", fmt.Sprintf("key %q has no value", clip(key)))
		}
		if i, err = p.element(end, depth); err != nil {
			return 0, err
		}
	}
}

// truncated is the fault of input that ends too early, be it by its sender's
// doing or by the size limit's.
func (p *parser) truncated(i int, rule, what string) (int, *SyntaxError) {
	if p.cut { // BEP03-BENC-011
		return fail(len(p.b), "BEP03-BENC-011", fmt.Sprintf("element exceeds %d bytes", len(p.b)))
	}
	return fail(i, rule, what)
}

func (p *parser) tooDeep(i int) (int, *SyntaxError) { // BEP03-BENC-011
	return fail(i, "BEP03-BENC-011", fmt.Sprintf("nesting exceeds %d levels", p.maxDepth))
}

func repeated(i int, key []byte) (int, *SyntaxError) {
	return fail(i, "BEP03-BENC-009", fmt.Sprintf("key %q is repeated", clip(key)))
}

func fail(offset int, rule, what string) (int, *SyntaxError) {
	return 0, &SyntaxError{Offset: offset, Rule: rule, What: what}
}

// clip keeps hostile keys from filling error texts.
func clip(key []byte) []byte {
	const enough = 32
	return key[:min(len(key), enough)]
}

func isDigit(c byte) bool { return c-'0' <= 9 }
