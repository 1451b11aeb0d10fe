package napster

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var framingCases = []Case{
	{
		ID: "napster/framing/byte-by-byte", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself", Within: time.Minute,
		Explain: "A login and a search are written byte by byte, each in a segment of its own. Both must be " +
			"answered: a stream has no packets, and the length alone says where a message ends.",
		Causes: []string{"one read is taken for one message", "the header has to come at once"},
		Kills: []string{
			"big-endian-lengths", "big-endian-types", "lengths-count-the-header", "reads-are-messages",
			"texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			login, err := u.Login.Message()
			if err != nil {
				r.Harnessf("a login cannot be written: %v", err)
			}
			u.slowly(u.encoded(login.Type, login.Text))
			u.Must("a login byte by byte", core.TypeLoginAck)
			u.slowly(u.encoded(core.TypeSearch, `FILENAME CONTAINS "`+r.word()+`"`))
			u.Must("a search byte by byte", core.TypeResultEnd)
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/several-at-once", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "A client who is there writes two shared files, a search and a question for somebody's line at " +
			"once. All must be taken, in their order.",
		Causes: []string{"what follows the first message of a segment is lost", "answers come in another order"},
		Kills:  []string{"names-in-lower-case", "one-message-a-read"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			f, g := r.file(r.word()), r.file(r.word())
			var all []byte
			for _, form := range []interface{ Message() (core.Message, error) }{
				f, g, core.Search{Words: r.word()},
			} {
				m, err := form.Message()
				if err != nil {
					r.Harnessf("a message cannot be written: %v", err)
				}
				all = append(all, u.encoded(m.Type, m.Text)...)
			}
			u.Write(append(all, u.encoded(core.TypeSpeed, other.Nick)...), "four messages at once")
			for _, t := range []core.Type{core.TypeResultEnd, core.TypeSpeedAck} {
				u.Must("four messages at once", t)
			}
			other.mustFind("the first of two files that came at once", core.Search{Words: f.Name}, f)
			other.mustFind("the second of two files that came at once", core.Search{Words: g.Name}, g)
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/header-of-answers", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "another user, who is told that the first is there",
		Explain: "The beginning of what the server says after a login is read byte by byte: it must be the " +
			"length of a text that has no NUL and the type 3, both little-endian, and then as many bytes as " +
			"the length says.",
		Causes: []string{"big-endian numbers", "the length counts the header", "a text ends with a NUL"},
		Kills: []string{
			"big-endian-lengths", "big-endian-types", "lengths-count-the-header", "texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			var got []byte
			u.Handle = func(s *conformance.Stream) {
				got = append(got, s.Buffered()...)
				s.Discard(len(s.Buffered()))
			}
			u.say(u.Login.Message())
			whole := func() int { return 4 + int(binary.LittleEndian.Uint16(got)) }
			r.Until(func() bool { return u.Ended() || len(got) >= 4 && len(got) >= whole() }, AnswerWithin)
			switch {
			case len(got) < 4 || len(got) < whole():
				r.Failf("of an answer to a login %d bytes come: %x", len(got), got)
			case got[2] != byte(core.TypeLoginAck) || got[3] != 0:
				r.Mismatch("the type of the answer", fmt.Sprintf("%x", got[2:4]), "0300")
			case slices.Contains(got[4:whole()], 0):
				r.Mismatch("the text of the answer", fmt.Sprintf("%q", got[4:whole()]), "no NUL")
			}
			r.Enter().mustGauge(u)
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/text-of-2048-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-FR-02", "NP-TX-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A search is filled up with blanks between its fields to 2,048 bytes. It must be answered.",
		Causes:  []string{"a buffer is smaller"},
		Kills:   []string{"names-in-lower-case", "texts-of-1000-bytes"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			text := fmt.Sprintf(`FILENAME CONTAINS "%s" MAX_RESULTS `, f.Name)
			text += strings.Repeat(" ", core.MaxText-len(text)-1) + "9"
			if got := names(b.SearchFor(text)); !slices.Equal(got, []string{f.Name}) {
				r.Mismatch("what a search of 2,048 bytes finds", fmt.Sprintf("%q", got), f.Name)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/length-beyond-the-limit", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-FR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of the same user before it, and one of another after it",
		Explain: "Headers announce 2,049 and 65,535 bytes, and some of the text comes. The server must end " +
			"each stream, so that nobody can make it keep so much, and serve others.",
		Causes: []string{"what is announced is waited for", "the server ends"},
		Kills:  []string{"any-length-is-waited-for"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			for _, n := range []uint16{core.MaxText + 1, 1<<16 - 1} {
				u := r.Enter()
				header := binary.LittleEndian.AppendUint16(nil, n)
				header = binary.LittleEndian.AppendUint16(header, uint16(core.TypeSearch))
				what := fmt.Sprintf("a header that announces %d bytes", n)
				u.WriteMalformed(append(header, "FILENAME CONTAINS"...), what)
				if !u.Ends(AnswerWithin) {
					r.Failf("%s does not end the stream", what)
				}
				r.Survives(other, what)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/rest-comes-late", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of another user while the message is incomplete",
		Explain: "Of a search the header comes and half the text; then, after other users were served, the " +
			"rest. It must be answered then, and not before.",
		Causes: []string{"what has come is taken for the whole", "the server waits for it and serves nobody else"},
		Kills:  []string{"reads-are-messages"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			b := u.encoded(core.TypeSearch, `FILENAME CONTAINS "`+r.word()+`"`)
			u.WriteMalformed(b[:len(b)/2], "half a search")
			r.Survives(other, "half a message")
			if r.Wait(r.SilenceWait()); u.gone() || u.Heard(core.TypeResultEnd) || u.Heard(core.TypeError) {
				r.Failf("half a message is answered by %s", u.instead())
			}
			u.WriteMalformed(b[len(b)/2:], "the rest of it")
			u.Must("the rest of a search", core.TypeResultEnd)
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/cut-off", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FR-01", "NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search of another user, who goes on to be served",
		Explain: "A user who shares a file closes his stream within a message, and another within a header, " +
			"before the login. The server must forget the first with his file, and serve others.",
		Causes: []string{"the end of a stream is seen between messages only", "the server ends"},
		Kills: []string{
			"errors-are-not-told", "files-outlive-their-users", "nothing-has-a-text", "pings-into-the-void",
			"stays-for-ever",
		},
		Run: playing(func(r *Room) {
			other, u, stranger := r.Enter(), r.Enter(), r.Come()
			f := r.file(r.word())
			u.Share(f)
			other.mustHave(f)
			stranger.WriteMalformed([]byte{9}, "a part of a header")
			stranger.Close()
			u.WriteMalformed(u.encoded(core.TypeSearch, "FILENAME CONTAINS")[:9], "a part of a message")
			u.Close()
			r.Survives(other, "streams that end within a message")
			if !r.Gone(u.Nick, other) {
				r.Failf("a user whose stream ended within a message is still there")
			}
			other.mustFind("a search for his file", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
	{
		ID: "napster/framing/nul-in-a-text", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-FR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of another user after each",
		Explain: "Texts with NULs within, at their beginning and throughout are sent. Whatever becomes of " +
			"the streams, the server must serve others, and nothing of what stands behind a NUL may be found " +
			"as a part of a name.",
		Causes: []string{"a text is measured to its NUL, and what follows is read twice"},
		Kills:  []string{"nothing-has-a-text", "reads-behind-nuls"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			front, behind := r.word(), r.word()
			for _, text := range []string{
				fmt.Sprintf("\"%s\x00 %s\" %s", front, behind, someFile), "\x00", strings.Repeat("\x00", 99),
			} {
				u := r.Enter()
				b := binary.LittleEndian.AppendUint16(nil, uint16(len(text)))
				b = binary.LittleEndian.AppendUint16(b, uint16(core.TypeShare))
				u.WriteMalformed(append(b, text...), "a text with a NUL")
				r.Wait(lookEvery)
				r.Survives(other, "a text with a NUL")
			}
			other.mustFind("a search for what stands behind a NUL", core.Search{Words: behind})
			r.Earn()
		}),
	},
}

// someFile are the fields of a shared file behind its name.
const someFile = "b92870e0d41bc8e698cf2f0a1ddfeac7 443332 128 44100 60"

// slowly writes bytes each by itself.
func (u *User) slowly(b []byte) {
	for i := range b {
		u.WriteMalformed(b[i:i+1], fmt.Sprintf("byte %d of a message", i))
		u.r.Wait(time.Millisecond)
	}
}
