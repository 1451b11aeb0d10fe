package bencode

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

// Raw is bytes that Append splices verbatim, well-formed or not.
type Raw []byte

// UnsupportedError says that a Go value has no bencoding.
type UnsupportedError struct {
	Path string // where in the value, such as ["a"]["values"][3]; "" is the value itself
	What string // the fault, in words
}

func (e *UnsupportedError) Error() string {
	if e.Path == "" {
		return "bencode: " + e.What
	}
	return fmt.Sprintf("bencode: %s: %s", e.Path, e.What)
}

// AppendInt appends the integer n. BEP03-BENC-002
func AppendInt(b []byte, n int64) []byte {
	b = append(b, 'i')
	b = strconv.AppendInt(b, n, 10)
	return append(b, 'e')
}

// AppendBytes appends the byte string s. BEP03-BENC-001
func AppendBytes(b, s []byte) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

// AppendString appends the byte string s. BEP03-BENC-001
func AppendString(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

// Append appends the canonical bencoding of v: integers and lengths in their
// shortest form, dictionary keys in raw byte order (BEP03-BENC-008), each
// once (BEP03-BENC-009).
//
// It takes int, int64, uint64 and *big.Int; string and []byte; []any,
// []string and [][]byte; map[string]any; and [Raw] and [Value], whose bytes
// are spliced as they are: a Value that was parsed leniently may not be
// canonical, Append(b, v.Any()) makes it so.
//
// On error, an *[UnsupportedError], the result is b unchanged.
func Append(b []byte, v any) ([]byte, error) {
	out, err := appendAny(b, v, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}

// MustAppend is Append for values that the caller knows to be encodable, in
// tests and tables. It panics where Append fails.
func MustAppend(b []byte, v any) []byte {
	b, err := Append(b, v)
	if err != nil {
		panic(err)
	}
	return b
}

// appendAny appends v, which depth lists and dictionaries enclose. The error
// is nil or an *UnsupportedError.
func appendAny(b []byte, v any, depth int) ([]byte, *UnsupportedError) {
	switch v := v.(type) {
	case int:
		return AppendInt(b, int64(v)), nil
	case int64:
		return AppendInt(b, v), nil
	case uint64:
		return append(strconv.AppendUint(append(b, 'i'), v, 10), 'e'), nil
	case *big.Int:
		if v == nil {
			return nil, &UnsupportedError{What: "nil *big.Int"}
		}
		return append(v.Append(append(b, 'i'), 10), 'e'), nil
	case string:
		return AppendString(b, v), nil
	case []byte:
		return AppendBytes(b, v), nil
	case []any:
		return appendList(b, v, depth+1)
	case []string:
		return appendList(b, v, depth+1)
	case [][]byte:
		return appendList(b, v, depth+1)
	case map[string]any:
		return appendDict(b, v, depth+1)
	case Raw:
		return append(b, v...), nil
	case Value:
		if v.Kind() == Invalid {
			return nil, &UnsupportedError{What: "zero Value"}
		}
		return append(b, v.raw...), nil
	default:
		return nil, &UnsupportedError{What: fmt.Sprintf("no bencoding for %T", v)}
	}
}

func appendList[E any](b []byte, list []E, depth int) ([]byte, *UnsupportedError) {
	if depth > MaxDepthLimit {
		return nil, unsupportedDepth()
	}
	b = append(b, 'l')
	for i, item := range list {
		var err *UnsupportedError
		if b, err = appendAny(b, item, depth); err != nil {
			return nil, err.in(fmt.Sprintf("[%d]", i), depth)
		}
	}
	return append(b, 'e'), nil
}

func appendDict(b []byte, dict map[string]any, depth int) ([]byte, *UnsupportedError) {
	if depth > MaxDepthLimit {
		return nil, unsupportedDepth()
	}
	var few [16]string // spares most dictionaries an allocation
	keys := few[:0]
	for key := range dict {
		keys = append(keys, key)
	}
	slices.Sort(keys) // BEP03-BENC-008
	b = append(b, 'd')
	for _, key := range keys {
		var err *UnsupportedError
		b = AppendString(b, key)
		if b, err = appendAny(b, dict[key], depth); err != nil {
			return nil, err.in(fmt.Sprintf("[%q]", key), depth)
		}
	}
	return append(b, 'e'), nil
}

// unsupportedDepth is the fault of what Parse would refuse under any options,
// and of a value that holds itself.
func unsupportedDepth() *UnsupportedError {
	return &UnsupportedError{What: fmt.Sprintf("nesting exceeds %d levels", MaxDepthLimit)}
}

// in puts the step that led to the fault before its path.
func (e *UnsupportedError) in(step string, depth int) *UnsupportedError {
	const deepest = 100 // a longer path helps nobody, and costs quadratic time
	if depth <= deepest {
		e.Path = step + e.Path
	}
	return e
}
