package napster

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of single fields. The protocol has none of its own; these are OpenNap's
// where it has one.
const (
	MaxNick     = 19   // bytes of a nick
	MaxWord     = 128  // bytes of a password, an address for mail, a level
	MaxClient   = 128  // bytes of what a client says it is
	MaxFileName = 1024 // bytes of a file's name, folders included
	MaxSize     = 1<<32 - 1
)

// SyntaxError says what is wrong with a message. Nothing of it was used.
type SyntaxError struct {
	Type   Type   // 0 for what is no message of a server: a meta server's line, an offer
	Field  string // as the document calls it
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Type == 0 {
		return fmt.Sprintf("napster: field %s: %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("napster: %v: field %s: %s", e.Type, e.Field, e.Reason)
}

func malformed(t Type, field, format string, args ...any) error {
	return &SyntaxError{t, field, fmt.Sprintf(format, args...)}
}

// scanner reads the fields of a text. After the first error it yields zeros.
//
// NP-TX-01: blanks separate fields; NP-TX-02: quotes cannot be escaped.
type scanner struct {
	of   Type
	rest string
	err  error
}

func scan(t Type, text string) *scanner { return &scanner{of: t, rest: text} }

func (s *scanner) fail(field, format string, args ...any) {
	if s.err == nil {
		s.err, s.rest = malformed(s.of, field, format, args...), ""
	}
}

// more skips blanks and reports whether another field follows.
func (s *scanner) more() bool {
	s.rest = strings.TrimLeft(s.rest, " ")
	return s.rest != ""
}

// word reads a field without blanks and quotes.
func (s *scanner) word(field string, limit int) string {
	if !s.more() {
		s.fail(field, "missing")
		return ""
	}
	word, rest, _ := strings.Cut(s.rest, " ")
	s.rest = rest
	if i := strings.IndexByte(word, '"'); i >= 0 {
		s.fail(field, "a quote at byte %d of %.40q", i, word)
	}
	return s.bounded(field, word, limit)
}

// quoted reads a field between quotes, which may be empty.
func (s *scanner) quoted(field string, limit int) string {
	if !s.more() {
		s.fail(field, "missing")
		return ""
	}
	if s.rest[0] != '"' {
		s.fail(field, "no quote opens it at %.40q", s.rest)
		return ""
	}
	text, rest, closed := strings.Cut(s.rest[1:], `"`)
	if !closed {
		s.fail(field, "no quote closes it")
		return ""
	}
	if rest != "" && rest[0] != ' ' {
		s.fail(field, "no blank follows its closing quote")
		return ""
	}
	s.rest = rest
	return s.bounded(field, text, limit)
}

// bounded refuses what is too long or has a control character.
func (s *scanner) bounded(field, text string, limit int) string {
	if len(text) > limit {
		s.fail(field, "%d bytes, at most %d", len(text), limit)
		return ""
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			s.fail(field, "a control character at byte %d", i)
			return ""
		}
	}
	return text
}

// file reads a file's name: quoted, or bare up to the end as older clients have it.
func (s *scanner) file() string {
	name := ""
	if s.more() && s.rest[0] != '"' {
		name, s.rest = s.rest, ""
		if strings.IndexByte(name, '"') >= 0 {
			s.fail("filename", "a quote within")
		}
		name = s.bounded("filename", name, MaxFileName)
	} else {
		name = s.quoted("filename", MaxFileName)
	}
	if s.err == nil && name == "" {
		s.fail("filename", "empty")
	}
	return name
}

func (s *scanner) nick() string {
	nick := s.word("nick", MaxWord)
	if s.err == nil {
		if err := CheckNick(nick); err != nil {
			s.fail("nick", "%v", err)
		}
	}
	return nick
}

// number reads a decimal number without sign. In searches it may be quoted.
func (s *scanner) number(field string, limit uint64) uint64 {
	word := ""
	if s.of == TypeSearch && s.more() && s.rest[0] == '"' {
		word = s.quoted(field, MaxWord)
	} else {
		word = s.word(field, MaxWord)
	}
	if s.err != nil {
		return 0
	}
	n, ok := parseDecimal(word, limit)
	if !ok {
		s.fail(field, "%.40q is no number of 0 to %d", word, limit)
	}
	return n
}

// parseDecimal reads digits alone: no sign, no underscore.
func parseDecimal(text string, limit uint64) (uint64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n <= limit
}

func (s *scanner) uint32(field string) uint32 { return uint32(s.number(field, MaxSize)) }

func (s *scanner) link() Link { return Link(s.number("link-type", uint64(MaxLink))) }

// md5 reads 32 hexadecimal digits. Some clients append a dash and the size; OpenNap
// has a word in place of a sum when neither party can connect.
func (s *scanner) md5() (sum MD5) {
	word := s.word("md5", MaxWord)
	if s.err != nil || s.of == TypeGetAck && word == "firewallerror" {
		return sum
	}
	digits, _, _ := strings.Cut(word, "-")
	if b, err := hex.DecodeString(digits); err != nil || len(b) != len(sum) {
		s.fail("md5", "%.40q is no MD5 sum", word)
	} else {
		copy(sum[:], b)
	}
	return sum
}

// addr reads an address as [DecimalAddr] writes it.
func (s *scanner) addr() netip.Addr {
	return AddrOfDecimal(uint32(s.number("ip", MaxSize)))
}

// end refuses what is left.
func (s *scanner) end() error {
	if s.err == nil && s.more() {
		s.fail("end", "%.40q follows the last field", s.rest)
	}
	return s.err
}

// DecimalAddr is an IPv4 address as the number that messages have: its four bytes
// as the memory of a little-endian server holds them, first byte lowest.
//
// NP-TX-03.
func DecimalAddr(a netip.Addr) uint32 {
	b := a.Unmap().As4()
	return binary.LittleEndian.Uint32(b[:])
}

// AddrOfDecimal is the inverse of [DecimalAddr].
func AddrOfDecimal(n uint32) netip.Addr {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// CheckNick says why a nick is none: it has 1 to [MaxNick] characters of printable
// ASCII, and neither blank nor quote.
//
// NP-LG-05.
func CheckNick(nick string) error {
	if len(nick) == 0 || len(nick) > MaxNick {
		return fmt.Errorf("a nick of %d characters, want 1 to %d", len(nick), MaxNick)
	}
	for i := range len(nick) {
		if c := nick[i]; c <= ' ' || c >= 0x7f || c == '"' {
			return fmt.Errorf("character %q in the nick %.40q", c, nick)
		}
	}
	return nil
}

// fold makes two spellings of a nick, or of a word, one.
func fold(s string) string { return strings.ToLower(s) }
