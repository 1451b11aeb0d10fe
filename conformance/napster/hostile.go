package napster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// statsNow asks what the server has.
func (u *User) statsNow() core.Stats {
	u.heard = nil
	u.Say(core.TypeStats, "")
	m := u.Must("a request for the statistics", core.TypeStats)
	s, err := core.ParseStats(m.Text)
	if err != nil {
		u.r.Mismatch("214", fmt.Sprintf("%.100q: %v", m.Text, err), "three numbers")
	}
	return s
}

// stats asks what the server has, until two answers are the same: users of earlier
// cases may still be on their way out.
func (u *User) stats() (s core.Stats) {
	for before := (core.Stats{Users: 1 << 31}); s != before; u.r.Wait(2 * lookEvery) {
		before = s
		s = u.statsNow()
	}
	return s
}

// countTries is how often it is tried whether the statistics follow.
const countTries = 3

var statsCases = []Case{
	{
		ID: "napster/stats/count-who-and-what-is-there", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ST-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "The statistics are asked for; then a user comes and shares three files of a gigabyte each, " +
			"takes one back, and leaves. Users, files and gigabytes must follow within three seconds, the " +
			"gigabytes to one more or less. What does not is tried three times: an index that is slow to " +
			"forget users of earlier cases counts them out meanwhile.",
		Causes: []string{"who leaves stays counted", "sizes are summed in another unit", "the fields are in another order"},
		Kills: []string{
			"files-before-users", "files-outlive-their-users", "kilobytes-for-gigabytes",
			"quoted-names-are-taken-back", "shares-for-ever",
		},
		Run: playing(func(r *Room) {
			u := r.Enter()
			for try := 1; !u.counts(try == countTries); try++ {
				r.Notef("the statistics differ: users of earlier cases may have left meanwhile")
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/stats/come-after-the-login", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-ST-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the login's acknowledgement",
		Explain: "A client logs in. The statistics should come without its asking, after the acknowledgement.",
		Causes:  []string{"they are sent on request alone"},
		Kills: []string{
			"big-endian-lengths", "big-endian-types", "lengths-count-the-header", "statistics-on-request",
			"texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			u.say(u.Login.Message())
			u.Must("a login", core.TypeLoginAck)
			m := u.Must("a login", core.TypeStats)
			if _, err := core.ParseStats(m.Text); err != nil {
				r.Mismatch("214", fmt.Sprintf("%.100q", m.Text), "three numbers")
			}
			r.Earn()
		}),
	},
}

// counts plays who comes, shares three files, takes one back and leaves, and returns
// whether the statistics follow. They end the case as failed if that is final.
func (u *User) counts(final bool) bool {
	base := u.stats()
	other := u.r.Enter()
	var files [3]core.File
	for i := range files {
		files[i] = u.r.file(u.r.word())
		files[i].Size = 1 << 30
	}
	for _, step := range []struct {
		what                    string
		play                    func()
		users, files, gigabytes uint32
	}{
		{"three files of a gigabyte", func() { other.Share(files[:]...) }, 1, 3, 3},
		{"one of them taken back", func() { other.Say(core.TypeUnshare, files[0].Name); other.Answers() }, 1, 2, 2},
		{"their user gone", func() { other.Quit(u) }, 0, 0, 0},
	} {
		step.play()
		want := core.Stats{
			Users: base.Users + step.users, Files: base.Files + step.files, Gigabytes: base.Gigabytes + step.gigabytes,
		}
		got, ok := u.counted(want, min(step.gigabytes, 1))
		if !ok && final {
			u.r.Mismatch("the statistics with "+step.what, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
		}
		if !ok {
			other.Quit(u)
			return false
		}
	}
	return true
}

// counted waits for the statistics to be as wanted, and returns the last. What else
// is shared may have them round to a gigabyte more or less.
func (u *User) counted(want core.Stats, rounding uint32) (got core.Stats, ok bool) {
	for limit := u.r.Now() + AnswerWithin; ; u.r.Wait(2 * lookEvery) {
		got = u.statsNow()
		near := got.Gigabytes+rounding >= want.Gigabytes && got.Gigabytes <= want.Gigabytes+rounding
		if got.Users == want.Users && got.Files == want.Files && near {
			return got, true
		}
		if u.r.Now() > limit {
			return got, false
		}
	}
}

var hostileCases = []Case{
	{
		ID: "napster/error/unknown-types", Rev: 2, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-ER-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after each, which is answered",
		Explain: "Types that nobody knows are sent, and some that only a server sends. Each must be answered " +
			"by an error 404, and the stream stay.",
		Causes: []string{"the stream is ended", "nothing is answered"},
		Kills:  []string{"crashes-on-types", "errors-are-not-told", "unknown-types-end-it"},
		Run: playing(func(r *Room) {
			u := r.Enter()
			for _, t := range []core.Type{999, 1, core.TypeResult, core.TypeLoginAck, core.TypeWhoisAck, 65535} {
				u.Blurt(t, "text", "no type of a client's")
				u.Refused(t.String())
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/error/requests-that-cannot-be-read", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after each, which is answered",
		Explain: "Requests without the name of a file or without a nick are sent. Each must be refused by an " +
			"error 404, and nobody be asked for a file. An index that lists nobody by sums may answer 215, " +
			"which it does not read, by 217.",
		Causes: []string{"missing fields are taken for empty ones", "nothing is answered", "the stream is ended"},
		Kills: []string{
			"errors-are-not-told", "pings-into-the-void", "shares-for-ever", "tells-of-the-asker",
		},
		Run: playing(func(r *Room) {
			a, u := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			for _, m := range []core.Message{
				{Type: core.TypeGet, Text: a.Nick}, {Type: core.TypePush, Text: a.Nick}, {Type: core.TypeUploadAck, Text: a.Nick},
				{Type: core.TypeGet, Text: a.Nick + ` "` + f.Name}, {Type: core.TypeBrowse}, {Type: core.TypeWhois},
				{Type: core.TypeSpeed},
				{Type: core.TypeResume, Text: f.MD5.String()}, {Type: core.TypeUnshare}, {Type: core.TypePing},
			} {
				u.Blurt(m.Type, m.Text, "fields are missing")
				if m.Type == core.TypeResume && u.listsNobody(f) {
					continue
				}
				u.Refused(fmt.Sprintf("%v %q", m.Type, m.Text))
			}
			a.Quiet("a request that cannot be read", core.TypeUpload)
			r.Earn()
		}),
	},
	{
		ID: "napster/hostile/long-fields", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01", "NP-FR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of another user after each",
		Explain: "Nicks, passwords, names of clients and of files, and searches of 1,900 bytes are sent. " +
			"Whatever is answered, the server must live, and what it says be messages.",
		Causes: []string{"a field is copied into a buffer of another size"},
		Kills:  []string{"crashes-on-long-fields", "unknown-types-end-it"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			long := strings.Repeat("x", 1900)
			for _, text := range []string{
				long + ` pw 1 "n" 1`, `nick ` + long + ` 1 "n" 1`, `nick` + r.word() + ` pw 1 "` + long + `" 1`, long,
			} {
				u := r.Come()
				u.Blurt(core.TypeLogin, text, "a long field")
				u.lives(other, "a login with a long field")
			}
			u := r.Enter()
			for _, m := range []core.Message{
				{Type: core.TypeShare, Text: `"` + long + `" ` + someFile},
				{Type: core.TypeShare, Text: `"a" ` + long + " 1 2 3 4"},
				{Type: core.TypeUnshare, Text: long}, {Type: core.TypeSearch, Text: `FILENAME CONTAINS "` + long + `"`},
				{Type: core.TypeBrowse, Text: long}, {Type: core.TypeWhois, Text: long}, {Type: core.TypePing, Text: long},
				{Type: core.TypePing, Text: other.Nick + " " + long}, {Type: core.TypeGet, Text: other.Nick + ` "` + long + `"`},
				{Type: core.TypeGet, Text: long + ` "a"`}, {Type: core.TypeResume, Text: long + " 5"}, {Type: 999, Text: long},
			} {
				if u.gone() {
					u = r.Enter()
				}
				u.Blurt(m.Type, m.Text, "a long field")
				u.lives(other, fmt.Sprintf("%v with a long field", m.Type))
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/hostile/each-type-with-odd-texts", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01", "NP-ER-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of another user after each text", Within: time.Minute,
		Explain: "Each type from 0 to 1,023 is sent without a text, with a blank, with a quote, with a " +
			"colon, with percent signs and with zeros. Whatever is answered, the server must live.",
		Causes: []string{"the first field is taken for granted", "a text is taken for a format"},
		Kills:  []string{"crashes-on-formats", "crashes-on-types", "unknown-types-end-it"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			for _, text := range []string{"", " ", `"`, `"" ":a`, "%s%s%n", "0 0 0 0 0 0"} {
				u := r.Enter()
				var all []byte
				for t := range core.Type(1024) {
					all = append(all, u.encoded(t, text)...)
				}
				u.WriteMalformed(all, fmt.Sprintf("all types with the text %q", text))
				u.lives(other, fmt.Sprintf("all types with the text %q", text))
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/hostile/noise-before-the-login", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-04", "NP-FR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search of another user after each",
		Explain: "Streams begin with a request of HTTP, with the greeting of Gnutella, with random bytes and " +
			"with a header of zeros. Whatever becomes of them, the server must live.",
		Causes: []string{"a type is used as an index"},
		Kills:  []string{"crashes-on-types"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			noise := make([]byte, 4096)
			r.Rand().Fill(noise)
			for _, b := range [][]byte{
				[]byte("GET / HTTP/1.1\r\n\r\n"), []byte("GNUTELLA CONNECT/0.6\r\n\r\n"), noise, make([]byte, 4096),
				binary.LittleEndian.AppendUint32(nil, 7<<16), {0xff}, {},
			} {
				u := r.Come()
				u.WriteMalformed(b, "noise")
				u.CloseWrite()
				u.lives(other, "noise")
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/hostile/reader-that-does-not-read", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "searches of another user meanwhile, which are answered, and the answers that pile up",
		Within:  2 * time.Minute,
		Explain: "A client sends five thousand searches that find a hundred files each, and reads no more than a " +
			"megabyte of the answers. Until they have stood still for longer than it takes to fill the " +
			"buffers of the systems between, another user must be served. The reader may be put out.",
		Causes: []string{"a write waits for the reader", "what cannot be sent is kept without a bound"},
		Kills:  []string{"waits-for-readers"},
		Run: playing(func(r *Room) {
			a, other, u := r.Enter(), r.Enter(), r.Enter()
			word := r.word()
			a.many(word, core.MaxResults)
			u.pileUp(other, u.encoded(core.TypeSearch, `FILENAME CONTAINS "`+word+`" MAX_RESULTS 100`))
			if u.Ended() {
				r.Observef("who does not read is put out")
			}
			u.Abort()
			r.Survives(other, "searches whose answers nobody reads")
			r.Earn()
		}),
	},
}

// listsNobody reports whether 217 answers the 215 that was just said, and one about a file
// that is there: the index has no lists of who has the same, whatever is asked.
func (u *User) listsNobody(f core.File) bool {
	u.r.Until(func() bool {
		return u.Heard(core.TypeError) || u.Heard(core.TypeResumeEnd) || u.gone()
	}, AnswerWithin)
	if u.Heard(core.TypeError) || !u.Heard(core.TypeResumeEnd) {
		return false
	}
	u.heard = nil
	u.say(core.Resume{MD5: f.MD5, Size: f.Size}.Message())
	m, ok := u.Hear(AnswerWithin, core.TypeResumeMatch, core.TypeResumeEnd)
	if !ok || m.Type != core.TypeResumeEnd {
		return false
	}
	u.r.Observef("215 is not judged: 217 answers it, whatever is asked")
	return true
}

// What makes answers pile up, and what shows that they do.
const (
	pileSearches = 500                    // in one write: six megabytes of answers
	pileWrites   = 10                     // more than the buffers of two systems hold
	pileStill    = 2 * time.Second        // nothing is read, at least, before the answers count as piled up
	pileBuffers  = 40                     // windows that those buffers hold at most
	pilePause    = 500 * time.Millisecond // between two looks: not all indexes answer any number of searches
	pileWithin   = 90 * time.Second       // for all of it
)

// pileUp has a user search and not read, until the answers have filled all that takes
// them on their way, or he is put out. Meanwhile the other must be served.
func (u *User) pileUp(other *User, search []byte) {
	const what = "searches whose answers nobody reads"
	r, began, searches, writes := u.r, u.r.Now(), pileSearches, pileWrites
	var full, moved time.Duration // when the window was full, and when the last answers came
	moved = began
	if r.Virtual() {
		searches, writes = 150, 1 // there the window is all that takes what is not read
	}
	u.Handle = func(s *conformance.Stream) { // what comes stays in the window
		if moved = r.Now(); full == 0 && len(s.Buffered()) >= conformance.StreamWindow {
			full = moved
		}
	}
	stood := func() bool { // for as long as the server takes to fill what lies behind the window
		return full > 0 && r.Now()-full >= max(pileStill, pileBuffers*(full-began))
	}
	for !u.Ended() && (writes > 0 || !stood()) {
		if now := r.Now(); now-began > pileWithin || full == 0 && now-moved > patience {
			r.Inconclusivef("the answers did not pile up: %d bytes of them have come", len(u.Buffered()))
		}
		if writes > 0 {
			u.Write(bytes.Repeat(search, searches), what)
			writes--
		} else {
			r.Until(u.Ended, pilePause)
		}
		r.Survives(other, what)
	}
}

// lives ends the case as failed unless the server has got over what a user said: he
// is answered or his stream has ended, and another is served.
func (u *User) lives(other *User, what string) {
	u.r.Wait(lookEvery)
	u.r.Survives(other, what)
	if u.broken != nil {
		u.r.Failf("after %s comes what is no message: %v", what, u.broken)
	}
	u.heard, other.heard = nil, nil
}
