package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Connect opens a handshake (GN-HS-01). Version 0.4 has no headers (GN-HS-12).
type Connect struct {
	Version Version
	Headers Headers
}

// Version of the protocol.
type Version struct{ Major, Minor uint8 }

// V04 is the first published version. It has no headers.
func V04() Version { return Version{0, 4} }

// V06 is the version of the draft. Whoever names a higher one is answered in this
// (GN-HS-10).
func V06() Version { return Version{0, 6} }

// Old says that there are no headers.
func (v Version) Old() bool { return v.Major == 0 && v.Minor < 6 }

// String is the version as it is written.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Status is the second and the third step of a handshake (GN-HS-02, GN-HS-04), and
// the answer of 0.4, which has neither a number nor headers (GN-HS-12).
type Status struct {
	Old     bool  // GNUTELLA OK
	Code    int32 // 200 accepts, whatever the phrase (GN-HS-03)
	Phrase  string
	Headers Headers
}

// Accepted is the code of who accepts; Busy that of who has no room (GN-HS-16).
const (
	Accepted = 200
	Busy     = 503
)

// IsMessage makes the steps of a handshake messages of a stream.
func (Connect) IsMessage() {}

// IsMessage is described at [Connect.IsMessage].
func (Status) IsMessage() {}

const (
	connectPrefix = "GNUTELLA CONNECT/"
	statusPrefix  = "GNUTELLA/"
	oldAnswer     = "GNUTELLA OK"
	oldEnd        = "\n\n"
)

func (c Connect) append(b []byte) ([]byte, error) {
	if c.Version.Old() {
		return append(append(append(b, connectPrefix...), c.Version.String()...), oldEnd...), nil
	}
	if err := c.Headers.Check(); err != nil {
		return b, err
	}
	b = append(append(append(b, connectPrefix...), c.Version.String()...), lineEnd...)
	return c.Headers.Append(b), nil
}

func (s Status) append(b []byte) ([]byte, error) {
	if s.Old {
		return append(append(b, oldAnswer...), oldEnd...), nil
	}
	switch err := s.Headers.Check(); {
	case err != nil:
		return b, err
	case s.Code < 100 || s.Code > 999 || strings.ContainsAny(s.Phrase, "\r\n"):
		return b, malformed("handshake", 0, "GN-HS-02", "the status %d %q", s.Code, s.Phrase)
	}
	b = fmt.Appendf(b, "%s%v %d %s%s", statusPrefix, V06(), s.Code, s.Phrase, lineEnd)
	return s.Headers.Append(b), nil
}

// parseConnect reads the lines of one side that begins with [Connect].
func parseConnect(lines [][]byte) (c Connect, err error) {
	first := lines[0]
	text := string(first[len(connectPrefix):])
	major, minor, ok := strings.Cut(text, ".")
	a, errA := strconv.ParseUint(major, 10, 8)
	b, errB := strconv.ParseUint(minor, 10, 8)
	if !ok || errA != nil || errB != nil {
		return c, malformed("handshake", len(connectPrefix), "GN-HS-01", "the version %.20q", text)
	}
	c.Version = Version{uint8(a), uint8(b)}
	c.Headers, err = ParseHeaders(lines[1:], len(first)+len(lineEnd))
	return c, err
}

// parseStatus reads the lines of one side that begins with [Status].
func parseStatus(lines [][]byte) (s Status, err error) {
	first := lines[0]
	if string(first) == oldAnswer {
		return Status{Old: true, Code: Accepted, Phrase: "OK"}, nil
	}
	_, rest, ok := bytes.Cut(first, []byte(" "))
	code, phrase, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.ParseUint(string(code), 10, 16)
	if !ok || err != nil || n < 100 || n > 999 {
		return s, malformed("handshake", len(statusPrefix), "GN-HS-02", "the status line %.60q", first)
	}
	s = Status{Code: int32(n), Phrase: string(bytes.TrimSpace(phrase))}
	s.Headers, err = ParseHeaders(lines[1:], len(first)+len(lineEnd))
	return s, err
}
