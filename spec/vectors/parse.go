package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Parse reads one file. protocol is the name it must carry. Unknown keys,
// undeclared fields, values of another type, repeated names and missing parts
// are errors that name the vector.
func Parse(protocol string, data []byte) (*File, error) {
	type rawVector struct {
		Vector
		Input  map[string]json.RawMessage `json:"input"`
		Expect map[string]json.RawMessage `json:"expect"`
	}
	var raw struct {
		File
		Vectors []rawVector `json:"vectors"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("vectors: %s.json: %w", protocol, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("vectors: %s.json: more follows the closing brace", protocol)
	}
	f := &raw.File
	if err := checkHead(protocol, f); err != nil {
		return nil, fmt.Errorf("vectors: %s.json: %w", protocol, err)
	}
	names := map[string]bool{}
	for i, r := range raw.Vectors {
		v := r.Vector
		err := checkVector(f, v)
		if err == nil && names[v.Name] {
			err = errors.New("the name is taken")
		}
		names[v.Name] = true
		if err == nil {
			v.Input, err = decodeValues(f, r.Input)
		}
		if err == nil {
			v.Expect, err = decodeValues(f, r.Expect)
		}
		if err != nil {
			return nil, fmt.Errorf("vectors: %s.json: vector %d %q: %w", protocol, i+1, v.Name, err)
		}
		f.Vectors = append(f.Vectors, v)
	}
	return f, nil
}

func checkHead(protocol string, f *File) error {
	switch {
	case f.Format != Format:
		return fmt.Errorf("format must be %d, not %d", Format, f.Format)
	case f.Protocol != protocol:
		return fmt.Errorf("protocol must be %q as the file's name, not %q", protocol, f.Protocol)
	case len(f.Documents) == 0, f.About == "", len(f.Operations) == 0, len(f.Fields) == 0:
		return errors.New("documents, about, operations and fields must not be empty")
	}
	return nil
}

func checkVector(f *File, v Vector) error {
	switch {
	case v.Name == "", v.Source == "", len(v.Clauses) == 0:
		return errors.New("name, source and clauses must not be empty")
	case f.Operations[v.Operation] == "":
		return fmt.Errorf("operation %q is not among the file's operations", v.Operation)
	}
	return nil
}

func decodeValues(f *File, raw map[string]json.RawMessage) (Values, error) {
	if len(raw) == 0 {
		return nil, errors.New("input and expect must not be empty")
	}
	values := Values{}
	for name, data := range raw {
		field, ok := f.Fields[name]
		if !ok {
			return nil, fmt.Errorf("field %q is not among the file's fields", name)
		}
		value, err := field.Type.decode(data)
		if err != nil {
			return nil, fmt.Errorf("field %q of type %s: %w", name, field.Type, err)
		}
		values[name] = value
	}
	return values, nil
}
