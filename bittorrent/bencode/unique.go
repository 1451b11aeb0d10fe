package bencode

import (
	"bytes"
	"slices"
)

// findRepeatedKey looks for a key that occurs twice in one dictionary of the
// well-formed element b. Sorted dictionaries need no such search, for there
// equal keys are neighbours. BEP03-BENC-009
func findRepeatedKey(b []byte) *SyntaxError {
	s := keySearch{b: b}
	_, fault := s.element(0)
	return fault
}

// A keySearch walks an element once; open is a stack of the keys of all
// dictionaries that enclose the current position.
type keySearch struct {
	b    []byte
	open []keySpan
}

// A keySpan is one key: its offset and the range of its content.
type keySpan struct{ at, start, end int }

func (s *keySearch) element(i int) (int, *SyntaxError) {
	switch s.b[i] {
	case 'l':
		return s.list(i + 1)
	case 'd':
		return s.dict(i + 1)
	default:
		return skip(s.b, i), nil
	}
}

func (s *keySearch) list(i int) (_ int, err *SyntaxError) {
	for s.b[i] != 'e' {
		if i, err = s.element(i); err != nil {
			return 0, err
		}
	}
	return i + 1, nil
}

func (s *keySearch) dict(i int) (_ int, err *SyntaxError) {
	base := len(s.open)
	for s.b[i] != 'e' {
		start, end := content(s.b, i)
		s.open = append(s.open, keySpan{i, start, end})
		if i, err = s.element(end); err != nil {
			return 0, err
		}
	}
	keys := s.open[base:]
	slices.SortStableFunc(keys, func(x, y keySpan) int { return bytes.Compare(s.key(x), s.key(y)) })
	for n := 1; n < len(keys); n++ {
		if key := s.key(keys[n]); bytes.Equal(s.key(keys[n-1]), key) {
			return repeated(keys[n].at, key)
		}
	}
	s.open = s.open[:base]
	return i + 1, nil
}

func (s *keySearch) key(k keySpan) []byte { return s.b[k.start:k.end] }
