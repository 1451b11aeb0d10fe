package napster

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// AnswerWithin is how long the server may take to answer what it answers at once, on
// a busy machine.
const AnswerWithin = 3 * time.Second

// patience is how long it may take to answer a user when another has given it a lot
// to do, or to get over something.
const patience = 15 * time.Second

// User is a client of the server, before its login or after.
type User struct {
	*conformance.Stream
	core.Login
	r      *Room
	heard  []core.Message // and not yet taken
	broken error          // why what comes is no message
}

// handle takes the messages that are complete.
func (u *User) handle(s *conformance.Stream) {
	for u.broken == nil {
		m, n, err := core.Codec{}.Decoder().Decode(s.Buffered())
		if err != nil || n == 0 {
			u.broken = err
			return
		}
		s.Discard(n)
		u.heard = append(u.heard, m.(core.Message))
	}
}

// Say sends a message as a correct client does.
func (u *User) Say(t core.Type, text string) { u.Write(u.encoded(t, text), "") }

// Blurt sends a message that no correct client sends; the note says what is wrong. What
// has come before is forgotten, so that it is not taken for the answer.
func (u *User) Blurt(t core.Type, text, note string) {
	u.heard = nil
	u.WriteMalformed(u.encoded(t, text), note)
}

func (u *User) encoded(t core.Type, text string) []byte { return encoded(u.r.T, t, text) }

// encoded is a message on the wire.
func encoded(t *T, kind core.Type, text string) []byte {
	b, err := core.Codec{}.AppendMessage(nil, core.Message{Type: kind, Text: text})
	if err != nil {
		t.Harnessf("a message cannot be written: %v", err)
	}
	return b
}

// say sends a form that a correct client sends.
func (u *User) say(m core.Message, err error) {
	if err != nil {
		u.r.Harnessf("a message cannot be written: %v", err)
	}
	u.Say(m.Type, m.Text)
}

// Hear waits for the first message of one of the types, and takes it and all
// before it. It ends early if the stream does.
func (u *User) Hear(within time.Duration, types ...core.Type) (m core.Message, ok bool) {
	at := -1
	u.r.Until(func() bool {
		at = slices.IndexFunc(u.heard, func(m core.Message) bool { return slices.Contains(types, m.Type) })
		return at >= 0 || u.gone()
	}, within)
	if at < 0 {
		return m, false
	}
	m = u.heard[at]
	u.heard = u.heard[at+1:]
	return m, true
}

// gone reports that the server will say nothing more that can be read.
func (u *User) gone() bool { return u.Ended() || u.broken != nil }

// Heard reports whether a message of the type has come that was not taken.
func (u *User) Heard(t core.Type) bool {
	return slices.ContainsFunc(u.heard, func(m core.Message) bool { return m.Type == t })
}

// Must is the answer to what was just said, or the end of the case as failed.
func (u *User) Must(what string, t core.Type) core.Message {
	m, ok := u.Hear(AnswerWithin, t)
	if !ok {
		u.r.Failf("%s: no %v comes, but %s", what, t, u.instead())
	}
	return m
}

// Refused ends the case as failed unless what was just said is answered by an error
// 404, and the server goes on to answer the user. All errors until then are for what
// was just said: none is left for what is said next.
func (u *User) Refused(what string) {
	u.Must(what, core.TypeError)
	if _, ok := u.answers(AnswerWithin); !ok {
		u.r.Failf("after %s the user is not answered any more: %s", what, u.instead())
	}
	u.heard = slices.DeleteFunc(u.heard, func(m core.Message) bool { return m.Type == core.TypeError })
}

// TurnedAway ends the case as failed unless what was just said before the login is
// answered by an error 0.
func (u *User) TurnedAway(what string) {
	m, ok := u.Hear(AnswerWithin, core.TypeLoginError, core.TypeLoginAck)
	if ok && m.Type == core.TypeLoginError {
		return
	}
	if ok {
		u.r.Failf("%s is acknowledged", what)
	}
	u.r.Failf("%s: no %v comes, but %s", what, core.TypeLoginError, u.instead())
}

// Quiet ends the case as failed if something of the type has come, or comes before
// the user's next search is answered.
func (u *User) Quiet(what string, t core.Type) {
	u.Answers()
	if u.Heard(t) {
		u.r.Failf("%s causes %v", what, t)
	}
}

// instead is what has come in the place of an answer.
func (u *User) instead() string {
	text := ""
	for _, m := range u.heard {
		if m.Type != core.TypeMOTD && m.Type != core.TypeStats {
			text += fmt.Sprintf("%v %.80q, ", m.Type, m.Text)
		}
	}
	switch {
	case u.broken != nil:
		return text + "what is no message: " + u.broken.Error()
	case u.Ended():
		return text + "the end of the stream"
	case text == "":
		return "nothing"
	}
	return text[:len(text)-len(", ")]
}

// Ends waits for the server to end the stream.
func (u *User) Ends(within time.Duration) bool { return u.r.Until(u.Ended, within) }

// Enter logs in, and ends the case as inconclusive unless that is acknowledged. What the
// server tells who enters is forgotten: some have notices of type 404.
func (u *User) Enter() *User {
	u.say(u.Login.Message())
	if _, ok := u.Hear(AnswerWithin, core.TypeLoginAck); !ok {
		u.r.Inconclusivef("a login is answered by %s", u.instead())
	}
	u.Answers()
	u.heard = nil
	return u
}

// Answers is a search for what nobody has, which changes nothing, and how long the
// server takes to answer it. What the user said before is done when it is answered.
func (u *User) Answers() time.Duration {
	rtt, ok := u.answers(AnswerWithin)
	if !ok {
		u.r.Inconclusivef("the server does not answer a search for what nobody has: %s", u.instead())
	}
	return rtt
}

func (u *User) answers(within time.Duration) (rtt time.Duration, ok bool) {
	asked := u.r.Now()
	u.Say(core.TypeSearch, fmt.Sprintf("FILENAME CONTAINS %q MAX_RESULTS 1", "nobody"+u.r.word()))
	ok = u.r.Until(func() bool { return u.Heard(core.TypeResultEnd) || u.gone() }, within)
	i := slices.IndexFunc(u.heard, func(m core.Message) bool { return m.Type == core.TypeResultEnd })
	if !ok || i < 0 {
		return 0, false
	}
	u.heard = slices.Delete(u.heard, i, i+1) // what came before it is still to be taken
	rtt = u.r.Now() - asked
	u.r.RTT(rtt)
	return rtt, true
}

// Share shares files, and returns when the server has taken them.
func (u *User) Share(files ...core.File) {
	for _, f := range files {
		u.say(f.Message())
	}
	u.Answers()
}

// Search asks and returns what is found, up to the end of it.
func (u *User) Search(q core.Search) []core.Result {
	m, err := q.Message()
	if err != nil {
		u.r.Harnessf("a search cannot be written: %v", err)
	}
	return u.SearchFor(m.Text)
}

// SearchFor is [User.Search] of a text.
func (u *User) SearchFor(text string) (found []core.Result) {
	u.Say(core.TypeSearch, text)
	for {
		m, ok := u.Hear(AnswerWithin, core.TypeResult, core.TypeResultEnd)
		if !ok {
			u.r.Failf("a search is not ended: after %d results %s comes", len(found), u.instead())
		}
		if m.Type == core.TypeResultEnd {
			if m.Text != "" {
				u.r.Mismatch("the end of the results", fmt.Sprintf("%q", m.Text), "no text")
			}
			return found
		}
		result, err := core.ParseResult(m.Text)
		if err != nil {
			u.r.Mismatch("a result", fmt.Sprintf("%.200q: %v", m.Text, err), "the fields of 201")
		}
		found = append(found, result)
	}
}

// Quit closes the stream, and waits until the server has forgotten the user.
func (u *User) Quit(as *User) {
	u.Close()
	u.r.Forgotten(u.Nick, as)
}
