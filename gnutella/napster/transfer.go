package napster

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What clients say to each other. Nothing there has a length or a terminator: who
// connects is greeted, says what he wants in one go, and is answered with a number
// or an error. Between a number and the file's data nothing stands.

// Greeting is the byte by which a client greets whoever connects to it.
//
// NP-CC-01.
const Greeting = '1'

// Errors that a client answers instead of a number.
//
// NP-CC-04.
var (
	ErrInvalidRequest = errors.New("INVALID REQUEST")
	ErrNotShared      = errors.New("FILE NOT SHARED")
)

// Verb says who has the file.
type Verb string

// The verbs.
const (
	Download Verb = "GET"  // the other party has it
	Upload   Verb = "SEND" // the speaker has it: he is behind a firewall
)

// Offer is what the party that connected says when it was greeted.
//
// NP-CC-02, NP-CC-03.
type Offer struct {
	Verb   Verb
	Nick   string // the speaker's
	Name   string // of the file
	Number int64  // GET: where to begin; SEND: the file's size
}

// MaxOffer bounds what an offer has, and so what a reader keeps of it.
const MaxOffer = len(Upload) + MaxNick + MaxFileName + len(` "" `) + maxDigits

// maxDigits is more than the largest file needs: 19 fit in 63 bits.
const maxDigits = 19

// AppendOffer appends the verb and its line. Send the verb by itself first: old
// clients expect it in a packet of its own.
func AppendOffer(b []byte, o Offer) ([]byte, error) {
	text := fmt.Sprintf("%s%s %s %d", o.Verb, o.Nick, quote(o.Name), o.Number)
	again, complete, err := ParseOffer(text)
	switch {
	case err != nil:
		return b, err
	case !complete || again != o:
		return b, fmt.Errorf("napster: %.80q would not read as it was meant", text)
	}
	return append(b, text...), nil
}

// ParseOffer reads what has arrived of an offer. It is complete as soon as its
// number has a digit: since nothing ends the number, a reader hands over all that
// came at once. An error answers [ErrInvalidRequest].
func ParseOffer(text string) (o Offer, complete bool, err error) {
	if len(text) > MaxOffer {
		return o, false, fmt.Errorf("napster: an offer of %d bytes, at most %d", len(text), MaxOffer)
	}
	for _, o.Verb = range []Verb{Download, Upload} {
		rest, ok := strings.CutPrefix(text, string(o.Verb))
		if ok {
			return o.parse(rest)
		}
		if strings.HasPrefix(string(o.Verb), text) {
			return Offer{}, false, nil
		}
	}
	return Offer{}, false, fmt.Errorf("napster: %.8q is neither GET nor SEND", text)
}

// parse reads what follows the verb.
func (o Offer) parse(rest string) (Offer, bool, error) {
	open := strings.IndexByte(rest, '"')
	if open < 0 || strings.IndexByte(rest[open+1:], '"') < 0 {
		return Offer{}, false, nil
	}
	if rest[len(rest)-1] == '"' || rest[len(rest)-1] == ' ' {
		return Offer{}, false, nil // the number is still to come
	}
	s := scan(0, rest)
	o.Nick, o.Name = s.nick(), s.file()
	o.Number = int64(s.number("offset or size", 1<<63-1))
	if err := s.end(); err != nil {
		return Offer{}, false, err
	}
	return o, true, nil
}

// AppendNumber appends the answer to an offer: to GET the file's size, before its
// data, to SEND where to begin.
func AppendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// ParseNumber reads an answer. The size of a file ends where no digit follows,
// unless it is expected: then a file that begins with a digit is told from its size.
// It says how many bytes it took, and 0, without an error, while more could come.
// The errors are [ErrInvalidRequest], [ErrNotShared] and what is no answer.
//
// NP-CC-02.
func ParseNumber(text string, expected int64) (number int64, n int, err error) {
	for _, refusal := range [...]error{ErrInvalidRequest, ErrNotShared} {
		switch {
		case text == "":
			return 0, 0, nil
		case strings.HasPrefix(text, refusal.Error()):
			return 0, 0, refusal
		case strings.HasPrefix(refusal.Error(), text):
			return 0, 0, nil
		}
	}
	if want := strconv.FormatInt(expected, 10); expected > 0 && strings.HasPrefix(text, want) {
		return expected, len(want), nil
	}
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n == len(text) && n <= maxDigits {
		return 0, 0, nil
	}
	v, ok := parseDecimal(text[:n], 1<<63-1)
	if n == 0 || !ok {
		return 0, 0, fmt.Errorf("napster: %.24q is neither a size, nor an offset, nor an error", text)
	}
	return int64(v), n, nil
}
