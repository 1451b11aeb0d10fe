package annotate

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/napster"
)

// Napster annotates messages between a client and a server, or what one client says
// to another whom it has connected to: GET or SEND and its line. Paths begin with the
// number of the message: "0.login.nick".
//
// The error is of the first message that a reader refuses; the fields are returned as
// well. There are none for an empty stream.
func Napster(stream []byte) ([]Field, error) {
	if len(stream) == 0 {
		return nil, errors.New("there are no bytes")
	}
	s := &napsterStream{walker: walker{message: stream}}
	if verb, rest, ok := cutVerb(string(stream)); ok {
		return s.offer(verb, rest)
	}
	var refused error
	for ; s.at < len(stream); s.number++ {
		m, n, err := napster.Codec{}.Decoder().Decode(stream[s.at:])
		if err == nil && n == 0 {
			err = fmt.Errorf("%d bytes of a message (NP-FR-01)", len(stream)-s.at)
		}
		if err != nil {
			s.prefix = fmt.Sprint(s.number)
			s.add(s.at, len(stream), 0, s.prefix, readable(stream[s.at:]),
				rule{meaning: "beginning of a message", clause: "NP-FR-01"}, err.Error())
			return s.fields, cmp.Or(refused, err)
		}
		if err := s.annotate(m.(napster.Message)); refused == nil {
			refused = err
		}
	}
	return s.fields, refused
}

// napsterStream collects the fields of one direction of a connection.
type napsterStream struct {
	walker
	at     int // offset of the next field
	number int // of the message
	prefix string
}

// cutVerb splits off what begins an offer.
func cutVerb(text string) (napster.Verb, string, bool) {
	for _, verb := range []napster.Verb{napster.Download, napster.Upload} {
		if rest, ok := strings.CutPrefix(text, string(verb)); ok {
			return verb, rest, true
		}
	}
	return "", "", false
}

// offer annotates the line between clients.
func (s *napsterStream) offer(verb napster.Verb, rest string) ([]Field, error) {
	_, complete, err := napster.ParseOffer(string(s.message))
	if err == nil && !complete {
		err = errors.New("the line is not complete (NP-CC-02)")
	}
	clause, what := "NP-CC-02", "begin"
	if verb == napster.Upload {
		clause, what = "NP-CC-03", "size"
	}
	s.prefix = "0." + strings.ToLower(string(verb))
	s.add(0, len(verb), 0, s.prefix, readable([]byte(verb)), rule{meaning: "between clients", clause: clause}, "")
	s.at = len(verb)
	s.text(rest, []string{"nick", "name", what}, clause)
	return s.fields, err
}

// annotate appends the header of a message and the fields of its text. Its error is
// that of the reader of the form.
func (s *napsterStream) annotate(m napster.Message) error {
	about := aboutNapster(m.Type)
	name := about.name
	if name == "" {
		name = fmt.Sprint(uint16(m.Type))
	}
	s.prefix = fmt.Sprintf("%d.%s", s.number, name)
	err := readForm(m)
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	length := rule{meaning: "length of the text, and type; low byte first", clause: "NP-FR-01"}
	s.add(s.at, s.at+4, 0, s.prefix, fmt.Sprintf("%d bytes, type %d", len(m.Text), uint16(m.Type)), length, "")
	s.at += 4
	switch {
	case err != nil, len(about.fields) == 0 && m.Text != "":
		s.take(len(m.Text), "text", readable([]byte(m.Text)), rule{meaning: about.meaning, clause: about.clause}, problem)
	default:
		s.text(m.Text, about.fields, about.clause)
	}
	return err
}

func (s *napsterStream) take(size int, name, value string, r rule, problem string) {
	s.add(s.at, s.at+size, 1, s.prefix+"."+name, value, r, problem)
	s.at += size
}

// text appends the words of a text, each with the blanks behind it. Quotes hold
// blanks together. The last name stands for all that are left.
func (s *napsterStream) text(text string, names []string, clause string) {
	for i := 0; text != ""; i++ {
		word, size := nextWord(text)
		name := names[min(i, len(names)-1)]
		s.take(size, name, napsterValue(name, word), rule{meaning: napsterMeaning(name), clause: clause}, "")
		text = text[size:]
	}
}

// nextWord is the first word of a text, and how many bytes it takes with quotes and
// blanks.
func nextWord(text string) (word string, size int) {
	lead := len(text) - len(strings.TrimLeft(text, " "))
	word = text[lead:]
	if rest, ok := strings.CutPrefix(word, `"`); ok {
		if end := strings.IndexByte(rest, '"'); end >= 0 {
			word, size = rest[:end], lead+end+2
		} else {
			size = len(text)
		}
	} else {
		word, _, _ = strings.Cut(word, " ")
		size = lead + len(word)
	}
	for size < len(text) && text[size] == ' ' {
		size++
	}
	return word, size
}
