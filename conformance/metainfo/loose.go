package metainfo

import "strconv"

// loose is a bencoded value as a careless decoder reads it: whatever it does not
// understand ends the value, keys may repeat and come in any order, numbers may
// be anything. It serves the mutants.
type loose struct {
	raw   []byte
	items []loose // of a list; of a dictionary keys and values in turn
	start int     // of a string's content in raw
}

// loosely reads the value that b begins with.
func loosely(b []byte) loose { return looseAt(b, 0) }

// looseDepth keeps the decoder's own stack in bounds.
const looseDepth = 500

func looseAt(b []byte, depth int) loose {
	if len(b) == 0 || depth > looseDepth {
		return loose{raw: b}
	}
	switch b[0] {
	case 'i':
		for i, c := range b {
			if c == 'e' {
				return loose{raw: b[:i+1]}
			}
		}
		return loose{raw: b}
	case 'l', 'd':
		v, i := loose{}, 1
		for i < len(b) && b[i] != 'e' {
			item := looseAt(b[i:], depth+1)
			if len(item.raw) == 0 {
				break
			}
			v.items = append(v.items, item)
			i += len(item.raw)
		}
		v.raw = b[:min(i+1, len(b))]
		return v
	default:
		return looseString(b)
	}
}

func looseString(b []byte) loose {
	for i, c := range b {
		if c != ':' {
			continue
		}
		n, err := strconv.Atoi(string(b[:i]))
		if err != nil || n < 0 {
			break
		}
		return loose{raw: b[:min(i+1+n, len(b))], start: i + 1}
	}
	return loose{raw: b[:min(1, len(b))], start: min(1, len(b))}
}

// get is the last value under the key.
func (v loose) get(key string) (found loose, ok bool) {
	if len(v.raw) == 0 || v.raw[0] != 'd' {
		return loose{}, false
	}
	for i := 1; i < len(v.items); i += 2 {
		if v.items[i-1].text() == key {
			found, ok = v.items[i], true
		}
	}
	return found, ok
}

// text is the content of a string.
func (v loose) text() string {
	if v.start == 0 {
		return ""
	}
	return string(v.raw[v.start:])
}

func (v loose) texts() []string {
	list := []string{}
	for _, item := range v.items {
		list = append(list, item.text())
	}
	return list
}
