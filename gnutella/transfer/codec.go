package transfer

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the stream on which files are asked for and sent: [Request], [Response],
// [Body] and [Giv] messages.
type Codec struct{}

var _ spec.StreamCodec = Codec{}

// AppendMessage appends a message. With an error b is returned as it was.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	switch m := m.(type) {
	case Request:
		return m.append(b)
	case Response:
		return m.append(b)
	case Giv:
		return m.append(b)
	case Body:
		if len(m.Data) == 0 || len(m.Data) > MaxBody {
			return b, malformed("GN-PU-10", "a body of %d bytes, want 1 to %d", len(m.Data), MaxBody)
		}
		return append(b, m.Data...), nil
	}
	return b, malformed("GN-PU-10", "message type %T", m)
}

// Decoder returns the reader of one direction of a stream.
func (Codec) Decoder() spec.Decoder { return &Decoder{} }

// Decoder finds the messages in one direction of a stream. As it does not see the
// other, it takes for granted that no Response answers a HEAD, unless it is the last.
type Decoder struct {
	body int64 // bytes of it that are to come; untilEnd: all that do
}

// untilEnd is the length of a body that only the stream's end ends.
const untilEnd = -1

// Decode reads the next message.
func (d *Decoder) Decode(b []byte) (spec.Message, int, error) {
	if d.body != 0 {
		n := min(len(b), MaxBody)
		if d.body > 0 {
			n = int(min(int64(n), d.body))
			d.body -= int64(n)
		}
		if n == 0 {
			return nil, 0, nil
		}
		return Body{b[:n:n]}, n, nil
	}
	blank := len(b) - len(bytes.TrimLeft(b, lineEnd)) // RFC 2616 §4.1: to be ignored
	if blank > maxBlank {
		return nil, 0, malformed("GN-PU-10", "more than %d empty lines", maxBlank/len(lineEnd))
	}
	lines, n, err := wire.SplitHead(b[blank:])
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w (GN-PU-10)", ErrMalformed, err)
	}
	if n == 0 {
		return nil, 0, nil
	}
	m, err := d.head(lines)
	if err != nil {
		return nil, 0, err
	}
	return m, blank + n, nil
}

// maxBlank bounds the empty lines before a head, in bytes.
const maxBlank = 4 * len(lineEnd)

func (d *Decoder) head(lines [][]byte) (spec.Message, error) {
	first := string(lines[0])
	if strings.HasPrefix(first, givPrefix) {
		if len(lines) > 1 {
			return nil, malformed("GN-PU-06", "%.40q follows the line of a GIV", lines[1])
		}
		return parseGiv(first)
	}
	headers, err := wire.ParseHeaders(lines[1:], len(first)+len(lineEnd))
	if err != nil {
		return nil, fmt.Errorf("%w: %w (GN-PU-10)", ErrMalformed, err)
	}
	length, err := lengthOf(headers)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(first, httpPrefix) {
		r, err := parseStatus(first)
		r.Headers, d.body = headers, length
		if r.Code < 200 || r.Code == 204 || r.Code == 304 { // RFC 2616 §4.4
			d.body = 0
		}
		return r, err
	}
	r, err := parseRequest(first)
	r.Headers = headers
	if err == nil && length > 0 {
		err = malformed("GN-PU-10", "a request with a body of %d bytes", length)
	}
	return r, err
}

// lengthOf is what headers say of a body, or untilEnd.
//
// RFC 2616 §4.4.
func lengthOf(h wire.Headers) (int64, error) {
	if coding, ok := h.Get("Transfer-Encoding"); ok && !strings.EqualFold(coding, "identity") {
		return 0, malformed("GN-PU-10", "the transfer coding %.40q", coding)
	}
	text, ok := h.Get("Content-Length")
	if !ok {
		return untilEnd, nil
	}
	n, ok := decimal(text, 1<<63-1)
	if !ok {
		return 0, malformed("GN-PU-10", "the length %.40q", text)
	}
	return int64(n), nil
}

// parseRequest reads "GET target HTTP/1.1". Blanks within the target may stand as
// they are.
//
// GN-PU-10, GN-PU-11, GN-PU-12.
func parseRequest(line string) (r Request, err error) {
	method, rest, _ := strings.Cut(line, " ")
	end := strings.LastIndex(rest, " "+httpPrefix)
	if !isMethod(method) || end <= 0 {
		return r, malformed("GN-PU-10", "%.60q is no request", line)
	}
	minor, ok := digit(rest[end+1+len(httpPrefix):])
	if !ok {
		return r, malformed("GN-PU-12", "the version of %.60q", line)
	}
	return Request{Method: method, Target: rest[:end], Minor: minor}, nil
}

// parseStatus reads "HTTP/1.1 200 OK".
func parseStatus(line string) (r Response, err error) {
	version, rest, _ := strings.Cut(line[len(httpPrefix):], " ")
	code, phrase, _ := strings.Cut(rest, " ")
	minor, ok := digit(version)
	n, isNumber := decimal(code, maxCode)
	if !ok || !isNumber || n < minCode {
		return r, malformed("GN-PU-10", "the status line %.60q", line)
	}
	return Response{Minor: minor, Code: int32(n), Phrase: strings.TrimSpace(phrase)}, nil
}

// parseGiv reads "GIV 5:0123456789abcdef0123456789abcdef/name".
//
// GN-PU-06, GN-PU-07.
func parseGiv(line string) (g Giv, err error) {
	index, rest, _ := strings.Cut(line[len(givPrefix):], ":")
	id, name, slash := strings.Cut(rest, "/")
	n, ok := decimal(index, 1<<32-1)
	raw, err := hex.DecodeString(id)
	if !ok || !slash || err != nil || len(raw) != len(g.ServentID) {
		return g, malformed("GN-PU-06", "%.80q is no GIV", line)
	}
	return Giv{uint32(n), wire.GUID(raw), name}, nil
}

// decimal reads digits alone: no sign, no underscore.
func decimal(text string, limit uint64) (uint64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n <= limit
}

func digit(text string) (uint8, bool) {
	n, ok := decimal(text, 9)
	return uint8(n), ok && len(text) == 1
}
