package napster

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// stats asks what the server has, until two answers are the same: users of earlier
// cases may still be on their way out.
func (u *User) stats() (s core.Stats) {
	for before := (core.Stats{Users: 1 << 31}); s != before; u.r.Wait(2 * lookEvery) {
		before = s
		u.heard = nil
		u.Say(core.TypeStats, "")
		m := u.Must("a request for the statistics", core.TypeStats)
		var err error
		if s, err = core.ParseStats(m.Text); err != nil {
			u.r.Mismatch("214", fmt.Sprintf("%.100q: %v", m.Text, err), "three numbers")
		}
	}
	return s
}

var statsCases = []Case{
	{
		ID: "napster/stats/count-who-and-what-is-there", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ST-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "The statistics are asked for; then a user comes and shares three files of a gigabyte each, " +
			"takes one back, and leaves. Users, files and gigabytes must follow.",
		Causes: []string{"who leaves stays counted", "sizes are summed in another unit", "the fields are in another order"},
		Kills: []string{
			"files-before-users", "files-outlive-their-users", "kilobytes-for-gigabytes",
			"quoted-names-are-taken-back", "shares-for-ever",
		},
		Run: playing(func(r *Room) {
			u := r.Enter()
			base := u.stats()
			other := r.Enter()
			var files [3]core.File
			for i := range files {
				files[i] = r.file(r.word())
				files[i].Size = 1 << 30
			}
			other.Share(files[:]...)
			u.mustCount("three files of a gigabyte", base, 1, 3, 3)
			other.Say(core.TypeUnshare, files[0].Name)
			other.Answers()
			u.mustCount("one of them taken back", base, 1, 2, 2)
			other.Quit(u)
			u.mustCount("their user gone", base, 0, 0, 0)
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

func (u *User) mustCount(what string, base core.Stats, users, files, gigabytes uint32) {
	want := core.Stats{Users: base.Users + users, Files: base.Files + files, Gigabytes: base.Gigabytes + gigabytes}
	if got := u.stats(); got != want {
		u.r.Mismatch("the statistics with "+what, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
}

var hostileCases = []Case{
	{
		ID: "napster/error/unknown-types", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
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
		ID: "napster/error/requests-that-cannot-be-read", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after each, which is answered",
		Explain: "Requests without the name of a file or without a nick are sent. Each must be refused by an " +
			"error 404, and nobody be asked for a file.",
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
		ID: "napster/hostile/reader-that-does-not-read", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "searches of another user meanwhile, which are answered", Within: time.Minute,
		Explain: "A client sends a thousand searches at once that find a hundred files each. While the " +
			"answers pile up, another user must be served.",
		Causes: []string{"a write waits for the reader", "what cannot be sent is kept without a bound"},
		Kills:  []string{"waits-for-readers"},
		Run: playing(func(r *Room) {
			a, other, u := r.Enter(), r.Enter(), r.Enter()
			word := r.word()
			a.many(word, core.MaxResults)
			search := u.encoded(core.TypeSearch, `FILENAME CONTAINS "`+word+`" MAX_RESULTS 100`)
			u.Handle = nil // what comes stays in the window
			searches := 1000
			if r.Virtual() {
				searches = 150 // there the window is all that takes what is not read
			}
			u.Write([]byte(strings.Repeat(string(search), searches)), "searches whose answers nobody reads")
			for range 5 {
				r.Survives(other, "searches whose answers nobody reads")
				r.Wait(lookEvery)
			}
			u.Abort()
			r.Survives(other, "searches whose answers nobody reads")
			r.Earn()
		}),
	},
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
