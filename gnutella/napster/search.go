package napster

import (
	"fmt"
	"slices"
	"strings"
)

// MaxResults is the most that a server answers to one search.
//
// NP-SE-02.
const MaxResults = 100

// Compare is how a condition compares.
type Compare uint8

// The comparisons. Any is no condition.
const (
	Any Compare = iota
	AtLeast
	AtBest // at most
	EqualTo
)

// String is the protocol's word.
func (c Compare) String() string { return [...]string{"ANY", "AT LEAST", "AT BEST", "EQUAL TO"}[c&3] }

// Condition is what a search asks of a number.
type Condition struct {
	Compare Compare
	Value   uint32 // 0 with Any
}

// Holds reports whether n meets the condition.
func (c Condition) Holds(n uint32) bool {
	switch c.Compare {
	case AtLeast:
		return n >= c.Value
	case AtBest:
		return n <= c.Value
	case EqualTo:
		return n == c.Value
	}
	return true
}

// Search asks for files whose names have all words, on conditions.
//
// NP-SE-01.
type Search struct {
	Words     string // of artist and title, which servers do not tell apart
	Max       uint32 // results; 0 is not sent and means MaxResults
	Link      Condition
	Bitrate   Condition
	Frequency Condition
}

// ParseSearch reads the text of [TypeSearch]. Clauses come in any order; those of
// names may repeat, and then all their words count.
func ParseSearch(text string) (q Search, err error) {
	s := scan(TypeSearch, text)
	seen := make([]string, 0, 4)
	for s.err == nil && s.more() {
		clause := strings.ToUpper(s.word("clause", MaxWord))
		if clause != "FILENAME" && slices.Contains(seen, clause) {
			s.fail(clause, "stands twice")
			break
		}
		seen = append(seen, clause)
		switch clause {
		case "FILENAME":
			if word := s.word("FILENAME", MaxWord); s.err == nil && !strings.EqualFold(word, "CONTAINS") {
				s.fail("FILENAME", "%.40q follows, want CONTAINS", word)
			}
			words := q.Words + " " + s.quoted("FILENAME", MaxFileName)
			q.Words = s.bounded("FILENAME", strings.TrimSpace(words), MaxFileName)
		case "MAX_RESULTS":
			q.Max = s.uint32("MAX_RESULTS")
		case "LINESPEED":
			q.Link = s.condition(clause)
		case "BITRATE":
			q.Bitrate = s.condition(clause)
		case "FREQ":
			q.Frequency = s.condition(clause)
		default:
			s.fail("clause", "%.40q is none of FILENAME, MAX_RESULTS, LINESPEED, BITRATE, FREQ", clause)
		}
	}
	return q, s.end()
}

// condition reads what follows the name of a number. AT MOST is OpenNap's word.
func (s *scanner) condition(field string) Condition {
	var c Compare
	switch word := strings.ToUpper(s.quoted(field, MaxWord)); word {
	case "AT LEAST":
		c = AtLeast
	case "AT BEST", "AT MOST":
		c = AtBest
	case "EQUAL TO":
		c = EqualTo
	default:
		s.fail(field, `%.40q is none of "AT LEAST", "AT BEST", "EQUAL TO"`, word)
	}
	return Condition{c, s.uint32(field)}
}

// Message writes the form, or says which field cannot be written.
func (q Search) Message() (Message, error) {
	clauses := make([]string, 0, 5)
	if q.Words != "" {
		clauses = append(clauses, fmt.Sprintf("FILENAME CONTAINS %s", quote(q.Words)))
	}
	if q.Max != 0 {
		clauses = append(clauses, fmt.Sprintf("MAX_RESULTS %d", q.Max))
	}
	for _, c := range [...]struct {
		name string
		Condition
	}{{"LINESPEED", q.Link}, {"BITRATE", q.Bitrate}, {"FREQ", q.Frequency}} {
		if c.Compare != Any {
			clauses = append(clauses, fmt.Sprintf("%s \"%v\" %d", c.name, c.Compare, c.Value))
		}
	}
	return checked(q, Message{TypeSearch, strings.Join(clauses, " ")}, ParseSearch)
}

// matches reports whether a file of somebody with a line meets the conditions.
func (q Search) matches(f File, link Link) bool {
	return q.Link.Holds(uint32(link)) && q.Bitrate.Holds(f.Bitrate) && q.Frequency.Holds(f.Frequency)
}

// Words splits a file's name, or what is searched, into the words that count: runs
// of letters, digits and apostrophes, without their case, each once, sorted. Bytes
// above ASCII count as letters.
//
// NP-SE-03.
func Words(text string) []string {
	words := strings.FieldsFunc(fold(text), func(r rune) bool {
		return r < 0x80 && r != '\'' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
	slices.Sort(words)
	return slices.Compact(words)
}
