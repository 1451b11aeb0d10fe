package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Request asks for a file, or, by HEAD, for what is known of it (GN-PU-10).
type Request struct {
	Method  string
	Target  string // as it is on the line: its blanks may be encoded or not (GN-PU-11)
	Minor   uint8  // of HTTP/1.x
	Headers wire.Headers
}

// Response is the head of an answer. [Body] messages follow.
type Response struct {
	Minor   uint8 // of HTTP/1.x
	Code    int32
	Phrase  string
	Headers wire.Headers
}

// Body is the next bytes of what a Response has announced, at most [MaxBody].
type Body struct{ Data []byte }

// Giv is the first line of who dialled because of a push; then the other asks
// (GN-PU-06).
type Giv struct {
	Index     uint32
	ServentID wire.GUID // in hexadecimal digits of either case (GN-PU-07)
	Name      string
}

// MaxBody is the length of the largest Body, in bytes: ours, large enough that the
// work for a message is small beside that for its bytes.
const MaxBody = 64 << 10

// IsMessage makes the parts of HTTP messages of a stream.
func (Request) IsMessage() {}

// IsMessage is described at [Request.IsMessage].
func (Response) IsMessage() {}

// IsMessage is described at [Request.IsMessage].
func (Body) IsMessage() {}

// IsMessage is described at [Request.IsMessage].
func (Giv) IsMessage() {}

// ErrMalformed is wrapped by all errors of the codec, which say what is wrong, and
// with which clause.
var ErrMalformed = errors.New("transfer: malformed")

func malformed(clause, format string, args ...any) error {
	return fmt.Errorf("%w: %s (%s)", ErrMalformed, fmt.Sprintf(format, args...), clause)
}

// The syntax of first lines.
const (
	httpPrefix = "HTTP/1."
	givPrefix  = "GIV "
	givEnd     = "\n\n"
	lineEnd    = "\r\n"
)

// Limits of what first lines say, and of a name in one.
const (
	minCode, maxCode = 100, 999
	maxName          = 255 // bytes of a shared file's name: file systems have this limit
)

func (r *Request) append(b []byte) ([]byte, error) {
	switch err := r.Headers.Check(); {
	case err != nil:
		return b, err
	case !isMethod(r.Method) || r.Target == "" || !isLine(r.Target) || r.Minor > 9:
		return b, malformed("GN-PU-10", "the request %q %q", r.Method, r.Target)
	}
	b = fmt.Appendf(b, "%s %s %s%d%s", r.Method, r.Target, httpPrefix, r.Minor, lineEnd)
	return r.Headers.Append(b), nil
}

func (r *Response) append(b []byte) ([]byte, error) {
	switch err := r.Headers.Check(); {
	case err != nil:
		return b, err
	case r.Code < minCode || r.Code > maxCode || !isLine(r.Phrase) || r.Minor > 9:
		return b, malformed("GN-PU-10", "the status %d %q", r.Code, r.Phrase)
	}
	b = fmt.Appendf(b, "%s%d %d %s%s", httpPrefix, r.Minor, r.Code, r.Phrase, lineEnd)
	return r.Headers.Append(b), nil
}

func (g *Giv) append(b []byte) ([]byte, error) {
	if !isLine(g.Name) {
		return b, malformed("GN-PU-06", "the name %q", g.Name)
	}
	return fmt.Appendf(b, "%s%d:%x/%s%s", givPrefix, g.Index, g.ServentID[:], g.Name, givEnd), nil
}

// isLine says whether a text is a part of one line.
func isLine(s string) bool { return !strings.ContainsAny(s, "\r\n") }

// isMethod says whether a word is one of capital letters.
func isMethod(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}
