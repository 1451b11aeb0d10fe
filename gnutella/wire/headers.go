package wire

import (
	"bytes"
	"strings"
)

// Header is one line of a handshake.
type Header struct{ Name, Value string }

// Headers are the lines of one side, in order. Names ignore case.
type Headers []Header

// Get returns the values of all lines with that name as one, with commas between
// them (GN-HS-08), and whether there is one.
func (h Headers) Get(name string) (value string, ok bool) {
	for _, line := range h {
		switch {
		case !strings.EqualFold(line.Name, name):
		case ok:
			value += ", " + line.Value
		default:
			value, ok = line.Value, true
		}
	}
	return value, ok
}

// Lists reports that the comma list of a header has a token, in whatever case
// (GN-HS-09).
func (h Headers) Lists(name, token string) bool {
	value, _ := h.Get(name)
	for _, v := range strings.Split(value, ",") {
		if strings.EqualFold(strings.TrimSpace(v), token) {
			return true
		}
	}
	return false
}

// Append appends the lines and the empty one that ends them.
func (h Headers) Append(b []byte) []byte {
	for _, line := range h {
		b = append(append(append(append(b, line.Name...), ": "...), line.Value...), lineEnd...)
	}
	return append(b, lineEnd...)
}

// Check holds lines that are to be written to the syntax, and to [MaxHeaders].
func (h Headers) Check() error {
	if len(h) > MaxHeaders {
		return malformed("head", 0, "GN-HS-07", "%d headers, at most %d are read", len(h), MaxHeaders)
	}
	for _, line := range h {
		if !isToken(line.Name) || strings.ContainsAny(line.Value, "\r\n") {
			return malformed("head", 0, "GN-HS-07", "the header %q", line.Name+": "+line.Value)
		}
	}
	return nil
}

// ParseHeaders reads lines, of which the first is at an offset that errors name, each
// with its end cut off. A line that begins with space goes on with the one before
// it (GN-HS-07). At most [MaxHeaders] are taken.
func ParseHeaders(lines [][]byte, at int) (h Headers, err error) {
	for _, line := range lines {
		switch name, value, ok := bytes.Cut(line, []byte(":")); {
		case (line[0] == ' ' || line[0] == '\t') && len(h) > 0:
			last := &h[len(h)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(string(line)))
		case !ok || !isToken(string(name)):
			return nil, malformed("head", at, "GN-HS-07", "%.60q is no header", line)
		case len(h) == MaxHeaders:
			return nil, malformed("head", at, "GN-HS-07", "more than %d headers", MaxHeaders)
		default:
			h = append(h, Header{string(name), strings.TrimSpace(string(value))})
		}
		at += len(line) + len(lineEnd)
	}
	return h, nil
}

// isToken says whether a name has a letter, and nothing but visible ASCII.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return s != ""
}
