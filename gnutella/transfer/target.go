package transfer

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/urn"
)

// The beginnings of targets (GN-PU-10, GN-PU-20).
const (
	getPrefix = "/get/"
	n2rPrefix = "/uri-res/N2R?"
)

// target names a file: by its content, or by index and name.
type target struct {
	byHash bool
	sha1   urn.SHA1
	index  uint32
	name   string // as it came
}

// parseTarget reads what is asked for. unsafe says that it is a path out of what is
// shared, which no servent asks for; ok is false as well for what nobody shares.
//
// GN-PU-10, GN-PU-20, GN-PU-24.
func parseTarget(text string) (t target, ok, unsafe bool) {
	text = path(text)
	if rest, found := cutPrefixFold(text, n2rPrefix); found {
		sha1, err := urn.Parse(unescape(rest))
		return target{byHash: true, sha1: sha1}, err == nil, false
	}
	rest, found := strings.CutPrefix(text, getPrefix)
	if !found {
		return t, false, climbs(unescape(text))
	}
	index, name, slash := strings.Cut(rest, "/")
	n, isNumber := decimal(index, 1<<32-1)
	t = target{index: uint32(n), name: name}
	return t, slash && isNumber, climbs(unescape(rest)) || strings.HasPrefix(unescape(name), "/")
}

// path is a target without the host that may be named in it (RFC 2616 §5.1.2).
func path(text string) string {
	rest, found := cutPrefixFold(text, "http://")
	if !found {
		return text
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return "/"
}

// climbs says whether a path has a step up in it, or an end that only other
// programs see.
func climbs(path string) bool {
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == ".." {
			return true
		}
	}
	return strings.ContainsRune(path, 0)
}

// names says whether a request has a file's name, encoded or not.
//
// GN-PU-11.
func (t *target) names(file string) bool { return t.name == file || unescape(t.name) == file }

// targetOf is the target by which a client asks.
func targetOf(index uint32, name string) string {
	return getPrefix + strconv.FormatUint(uint64(index), 10) + "/" + escape(name)
}

// escape encodes what is not a letter, a digit or one of a few signs (RFC 2396 §2.3).
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// unescape decodes what is encoded, and leaves a sign that begins nothing.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func cutPrefixFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// span is a part of a file, from begin up to end.
type span struct{ begin, end int32 }

// rangeOf reads a Range header. all is true where it is to be ignored: it is none,
// is malformed, or wants several parts, which nobody has to send (RFC 2616 §14.35).
// ok is false where the file has nothing of it.
//
// GN-PU-13.
func rangeOf(header string, size int32) (s span, all, ok bool) {
	text, isBytes := cutPrefixFold(strings.TrimSpace(header), "bytes")
	text, isRange := strings.CutPrefix(strings.TrimSpace(text), "=")
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	begin, isBegin := decimal(first, 1<<63-1)
	end, isEnd := decimal(last, 1<<63-1)
	whole := span{0, size}
	switch {
	case !isBytes || !isRange || !dash || first == "" && !isEnd || last == "" && !isBegin:
		return whole, true, true
	case first == "": // the last so many
		return span{size - int32(min(end, uint64(size))), size}, false, end > 0 && size > 0
	case !isBegin || last != "" && (!isEnd || end < begin):
		return whole, true, true
	case begin >= uint64(size):
		return whole, false, false
	case last == "":
		return span{int32(begin), size}, false, true
	}
	return span{int32(begin), int32(min(end, uint64(size)-1)) + 1}, false, true
}

// contentRange reads "bytes 0-9/20", where the length may be unknown, and says
// whether it is a part of a file of that size.
//
// GN-PU-13.
func contentRange(header string, size int32) (s span, ok bool) {
	text, isBytes := cutPrefixFold(strings.TrimSpace(header), "bytes")
	part, total, slash := strings.Cut(strings.TrimLeft(text, " ="), "/") // old servents write bytes=
	first, last, dash := strings.Cut(strings.TrimSpace(part), "-")
	begin, isBegin := decimal(first, uint64(size))
	end, isEnd := decimal(last, uint64(size))
	of, isTotal := decimal(strings.TrimSpace(total), 1<<63-1)
	switch {
	case !isBytes || !dash || !isBegin || !isEnd || first == "" || last == "" || end < begin || end >= uint64(size):
		return s, false
	case slash && strings.TrimSpace(total) != "*" && (!isTotal || of != uint64(size)):
		return s, false
	}
	return span{int32(begin), int32(end) + 1}, true
}
