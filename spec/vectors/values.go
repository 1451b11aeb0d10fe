package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
)

// Type is how a field's value is written in JSON.
type Type string

// The types.
const (
	Hex     Type = "hex"     // bytes: a string of lower-case hexadecimal digits
	HexList Type = "hexlist" // an array of Hex
	Int     Type = "int"     // an integer between -2^53 and 2^53
	Number  Type = "number"  // a floating-point number
	Bool    Type = "bool"
	Text    Type = "text"
	// Tree is a bencoded value without its encoding: a string is a byte string
	// of printable ASCII, {"hex": "…"} any byte string, a number or
	// {"int": "…"} an integer, an array a list, and {"dict": [[key, value], …]}
	// a dictionary with its entries in the order of the encoding.
	Tree Type = "tree"
)

// Values are the inputs or the expectations of a vector by field name. The
// accessors return the zero value for an absent field and panic when the file
// declares the field with another type, which no file's content can cause.
type Values map[string]any

// Entry is one entry of a dictionary in a Tree.
type Entry struct {
	Key   []byte
	Value any
}

// Has reports whether the vector gives this field.
func (v Values) Has(field string) bool { _, ok := v[field]; return ok }

// Bytes returns a Hex field.
func (v Values) Bytes(field string) []byte { return get[[]byte](v, field) }

// List returns a HexList field.
func (v Values) List(field string) [][]byte { return get[[][]byte](v, field) }

// Int returns an Int field.
func (v Values) Int(field string) int64 { return get[int64](v, field) }

// Number returns a Number field.
func (v Values) Number(field string) float64 { return get[float64](v, field) }

// Bool returns a Bool field.
func (v Values) Bool(field string) bool { return get[bool](v, field) }

// Text returns a Text field.
func (v Values) Text(field string) string { return get[string](v, field) }

// Tree returns a Tree field as []byte, *big.Int, []any or []Entry, nested.
func (v Values) Tree(field string) any { return v[field] }

func get[T any](v Values, field string) T {
	value, ok := v[field]
	if !ok {
		var zero T
		return zero
	}
	return value.(T)
}

// decode turns the JSON of one field into the Go value of its type.
func (t Type) decode(raw json.RawMessage) (any, error) {
	switch t {
	case Hex:
		return decodeHex(raw)
	case HexList:
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, fmt.Errorf("%s is no array", raw)
		}
		list := make([][]byte, len(items))
		for i, item := range items {
			b, err := decodeHex(item)
			if err != nil {
				return nil, err
			}
			list[i] = b
		}
		return list, nil
	case Int:
		return decodeInto[int64](raw)
	case Number:
		return decodeInto[float64](raw)
	case Bool:
		return decodeInto[bool](raw)
	case Text:
		return decodeInto[string](raw)
	case Tree:
		return decodeTree(raw)
	}
	return nil, fmt.Errorf("type %q is unknown", t)
}

func decodeInto[T any](raw json.RawMessage) (any, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil || string(raw) == "null" {
		return nil, fmt.Errorf("%s is no %T", raw, v)
	}
	return v, nil
}

func decodeHex(raw json.RawMessage) ([]byte, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || string(raw) == "null" {
		return nil, fmt.Errorf("%s is no string of hexadecimal digits", raw)
	}
	b, err := hex.DecodeString(s)
	if err != nil || hex.EncodeToString(b) != s {
		return nil, fmt.Errorf("%q is no string of lower-case hexadecimal digits", s)
	}
	return b, nil
}

// decodeTree reads the notation that [Tree] describes. The files are ours and
// embedded, so its recursion needs no limit beyond encoding/json's own.
func decodeTree(raw json.RawMessage) (any, error) {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		for _, c := range []byte(s) {
			if c < ' ' || c > '~' {
				return nil, fmt.Errorf("%q is not printable ASCII; write it as {\"hex\": …}", s)
			}
		}
		return []byte(s), nil
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, err
		}
		list := make([]any, len(items))
		for i, item := range items {
			value, err := decodeTree(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case '{':
		return decodeTagged(raw)
	}
	return decodeBigInt(string(raw))
}

func decodeTagged(raw json.RawMessage) (any, error) {
	var tagged struct {
		Hex  json.RawMessage      `json:"hex"`
		Int  *string              `json:"int"`
		Dict *[][]json.RawMessage `json:"dict"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&tagged); err != nil {
		return nil, err
	}
	switch {
	case tagged.Hex != nil && tagged.Int == nil && tagged.Dict == nil:
		return decodeHex(tagged.Hex)
	case tagged.Hex == nil && tagged.Int != nil && tagged.Dict == nil:
		return decodeBigInt(*tagged.Int)
	case tagged.Hex == nil && tagged.Int == nil && tagged.Dict != nil:
		return decodeDict(*tagged.Dict)
	}
	return nil, fmt.Errorf("%s must have exactly one of hex, int and dict", raw)
}

func decodeDict(pairs [][]json.RawMessage) (any, error) {
	entries := make([]Entry, len(pairs))
	for i, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("entry %d of a dictionary must be [key, value]", i+1)
		}
		key, err := decodeTree(pair[0])
		if err != nil {
			return nil, err
		}
		name, ok := key.([]byte)
		if !ok {
			return nil, fmt.Errorf("the dictionary key %s is no byte string", pair[0])
		}
		value, err := decodeTree(pair[1])
		if err != nil {
			return nil, err
		}
		entries[i] = Entry{Key: name, Value: value}
	}
	return entries, nil
}

func decodeBigInt(s string) (any, error) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.String() != s {
		return nil, fmt.Errorf("%s is no decimal integer", s)
	}
	return n, nil
}
