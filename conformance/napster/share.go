package napster

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// sumTold is what a sum that the server tells is compared as where sums are not the
// subject: zeros, which indexes tell that keep none, pass for the sum that was said.
func sumTold(told, said core.MD5) core.MD5 {
	if told == (core.MD5{}) {
		return said
	}
	return told
}

// mustResult ends the case as failed unless a search for a file finds it alone, with
// all that is known of it and its owner; the sum may be zeros. It returns the sum.
func (u *User) mustResult(owner *User, f core.File) (sum core.MD5) {
	found := u.Search(core.Search{Words: f.Name})
	want := core.Result{File: f, Nick: owner.Nick, IP: owner.ip(), Link: owner.Link}
	if len(found) != 1 {
		u.r.Mismatch("what the search finds", shown(found), shown([]core.Result{want}))
	}
	got := found[0]
	if got.MD5 = sumTold(got.MD5, f.MD5); got != want {
		u.r.Mismatch("what the search finds", shown(found), shown([]core.Result{want}))
	}
	return found[0].MD5
}

var shareCases = []Case{
	{
		ID: "napster/share/is-found-with-all-its-fields", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-01", "NP-SE-04", "NP-TX-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged result itself",
		Explain: "A client shares a file, and another searches for its words. Exactly one result must come, " +
			"with the file's name, sum, size, bit rate, frequency and length as they were said, the nick of " +
			"who shares it, his address as a little-endian number, and his line.",
		Causes: []string{"fields are in another order", "the address is big-endian", "the sum is not kept"},
		Kills: []string{
			"big-endian-addresses", "fields-in-another-order", "names-in-lower-case", "one-line-for-all",
			"one-sum-for-all", "sums-of-zeros",
		},
		Run: playing(func(r *Room) {
			a, b := r.Come(), r.Enter()
			a.Link = 9
			a.Enter()
			f := r.file(r.word() + " song")
			a.Share(f)
			if sum := b.mustResult(a, f); sum != f.MD5 {
				r.Mismatch("the sum of the result", sum, f.MD5.String())
			}
			r.Earn()
		}),
	},
	shared("of-any-bit-rate", "The bit rate is 130 kbit/s, as files of variable rates have it on average.",
		"rates are rounded to those of a table", func(f *core.File) { f.Bitrate = 130 }, []string{
			"big-endian-addresses", "fields-in-another-order", "names-in-lower-case", "one-sum-for-all",
			"rates-of-a-table",
		}),
	shared("of-any-frequency", "The frequency is 22,050 Hz.",
		"frequencies are rounded to those of a table", func(f *core.File) { f.Frequency = 22050 }, []string{
			"big-endian-addresses", "fields-in-another-order", "frequencies-of-a-table",
			"names-in-lower-case", "one-sum-for-all",
		}),
	shared("of-three-gigabytes", "The size is 3,221,225,472 bytes.",
		"sizes are written as signed numbers of 32 bits", func(f *core.File) { f.Size = 3 << 30 }, []string{
			"big-endian-addresses", "fields-in-another-order", "names-in-lower-case", "one-sum-for-all",
			"sizes-of-31-bits",
		}),
	shared("of-twenty-hours", "The length is 72,000 seconds.",
		"lengths have 16 bits", func(f *core.File) { f.Seconds = 72000 }, []string{
			"big-endian-addresses", "fields-in-another-order", "lengths-of-16-bits", "names-in-lower-case",
			"one-sum-for-all",
		}),
	shared("of-letters-of-a-language", "The name has bytes above ASCII.",
		"bytes are taken for signed numbers", named(" \xe9t\xe9 été", ""), []string{
			"big-endian-addresses", "fields-in-another-order", "names-in-lower-case", "names-of-ascii",
			"one-sum-for-all",
		}),
	shared("in-a-deep-folder", "The name has 233 characters, folders included.",
		"names are cut", named("", strings.Repeat(`deeper\`, 30)), []string{
			"big-endian-addresses", "fields-in-another-order", "names-in-lower-case", "names-of-100-bytes",
			"one-sum-for-all",
		}),
	{
		ID: "napster/share/twice-is-one-file", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-SH-01", "NP-BR-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged result itself",
		Explain: "A client shares the same name twice. It must be found and browsed once.",
		Causes:  []string{"every share makes an entry"},
		Kills: []string{
			"browses-end-without-a-nick", "browses-without-a-nick", "fields-in-another-order",
			"names-in-lower-case", "shares-add-up",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f, f)
			b.mustFind("a search for what was shared twice", core.Search{Words: f.Name}, f)
			b.mustBrowse(a, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/share/same-name-of-two", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-01", "NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged results themselves",
		Explain: "Two clients share files of the same name. Both must be found; when one has left, the " +
			"other's alone, whose sum may be zeros.",
		Causes: []string{"names are unique in the whole index", "with one the other's file goes"},
		Kills: []string{
			"big-endian-addresses", "fields-in-another-order", "files-outlive-their-users",
			"names-are-unique", "names-in-lower-case", "one-sum-for-all",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.Share(f)
			c.mustFind("a search for what two share", core.Search{Words: f.Name}, f, f)
			a.Quit(c)
			c.mustResult(b, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/share/is-taken-back", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search before, and one for another file after",
		Explain: "Of two shared files one is taken back with its bare name. Nobody must find it, browse it " +
			"or get it any more; the other must stay.",
		Causes: []string{"a quoted name is asked for", "the words of the name stay in the index"},
		Kills: []string{
			"404-for-206", "browses-end-without-a-nick", "browses-without-a-nick", "fields-in-another-order",
			"names-in-lower-case", "nothing-has-a-text", "quoted-names-are-taken-back", "shares-for-ever",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f, g := r.file(r.word()+" blue"), r.file(r.word())
			a.Share(f, g)
			b.mustHave(f)
			a.heard = nil
			a.Say(core.TypeUnshare, f.Name)
			a.Quiet("a file that is taken back", core.TypeError)
			b.mustFind("a search for what was taken back", core.Search{Words: f.Name})
			b.mustFind("a search for what was not taken back", core.Search{Words: g.Name}, g)
			b.mustBrowse(a, g)
			b.ask(core.TypeGet, a, f)
			b.Must("a request for what was taken back", core.TypeGetError)
			r.Earn()
		}),
	},
	{
		ID: "napster/share/taken-back-with-quotes", Rev: 2, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"NP-SH-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search after it, which is answered",
		Explain: "A file is taken back with its name in quotes, as every other message has it. The document " +
			"has the bare name alone; either the file goes, or an error 404 comes and it stays.",
		Causes: []string{"quotes are taken for a part of the name"},
		Kills: []string{
			"nothing-has-a-text", "quoted-names-are-taken-back", "quotes-are-a-part-of-the-name",
			"shares-for-ever",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			a.heard = nil
			a.Say(core.TypeUnshare, `"`+f.Name+`"`)
			a.Answers()
			left := b.Search(core.Search{Words: f.Name})
			switch refused := a.Heard(core.TypeError); {
			case refused && len(left) == 1:
				r.Infof("a quoted name is refused, and the file stays")
			case refused || len(left) > 0:
				r.Failf("a file that was taken back with its name in quotes is found %d times; refused: %t", len(left), refused)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/share/taken-back-by-another", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-02", "NP-ER-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search after it, which finds the file",
		Explain: "A client takes back a file that another shares. It must be refused by an error 404, and " +
			"the file stay.",
		Causes: []string{"whose file it is does not count", "nothing is answered"},
		Kills: []string{
			"anybody-takes-back", "errors-are-not-told", "names-in-lower-case", "shares-for-ever",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.Say(core.TypeUnshare, f.Name)
			b.Refused("taking back what another shares")
			b.mustFind("a search for what another has taken back", core.Search{Words: f.Name}, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/share/ends-with-its-user", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search while the user is there, which finds the file",
		Explain: "A client shares a file, which another finds, and closes its stream. From then on nobody " +
			"must find the file: nobody could have it.",
		Causes: []string{"the files of users who left stay in the index"},
		Kills:  []string{"files-outlive-their-users", "nothing-has-a-text"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			a.Quit(b)
			b.mustFind("a search for a file of a user who left", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
	{
		ID: "napster/share/ends-with-a-reset", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search while the user is there, which finds the file",
		Explain: "A client shares a file, which another finds, and its stream is reset, as when a program " +
			"ends. From then on nobody must find the file.",
		Causes: []string{"an error of the stream is not taken for its end"},
		Kills: []string{
			"errors-are-not-told", "files-outlive-their-users", "nothing-has-a-text", "pings-into-the-void",
			"resets-are-no-ends", "stays-for-ever",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			a.Abort()
			if !r.Gone(a.Nick, b) {
				r.Failf("a user whose stream was reset is still there")
			}
			b.mustFind("a search for a file of a user whose stream was reset", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
	{
		ID: "napster/share/that-cannot-be-read", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01", "NP-SH-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a share after them, which is found",
		Explain: "A client shares files without a size, without a closing quote, and without a sum. Each " +
			"must be refused by an error 404, and nobody find such a file.",
		Causes: []string{"missing fields are taken for zeros", "nothing is answered"},
		Kills: []string{
			"errors-are-not-told", "missing-fields-are-zeros", "names-in-lower-case", "nothing-has-a-text",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			for _, fields := range []string{f.MD5.String(), "443332 128 44100 60", ""} {
				a.Blurt(core.TypeShare, fmt.Sprintf(`"%s" %s`, f.Name, fields), "fields are missing")
				a.Refused("a share of which fields are missing")
			}
			a.Blurt(core.TypeShare, fmt.Sprintf(`"%s %s`, f.Name, someFile), "a quote is missing")
			a.Refused("a share of which a quote is missing")
			b.mustFind("a search for what could not be shared", core.Search{Words: f.Name})
			a.Share(f)
			b.mustFind("a search for what was shared in the end", core.Search{Words: f.Name}, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/share/with-letters-for-a-size", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-ER-01", "NP-SH-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search after it, which is answered",
		Explain: "A client shares a file whose size is many. It must be refused by an error 404, and nobody " +
			"find it.",
		Causes: []string{"what is no number is taken for zero"},
		Kills:  []string{"errors-are-not-told", "letters-are-zero", "nothing-has-a-text"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Blurt(core.TypeShare, fmt.Sprintf(`"%s" %v many 128 44100 60`, f.Name, f.MD5), "the size is no number")
			a.Refused("a share whose size is no number")
			b.mustFind("a search for it", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
}

// named puts something behind the words of a name, and folders around the file.
func named(behind, folders string) func(*core.File) {
	return func(f *core.File) {
		f.Name = strings.Replace(f.Name, ".mp3", behind+".mp3", 1)
		f.Name = strings.Replace(f.Name, `Music\`, `Music\`+folders, 1)
	}
}

// shared is a case of a file with a field that not all have.
func shared(slug, what, cause string, change func(*core.File), kills []string) Case {
	return Case{
		ID: "napster/share/" + slug, Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-SH-01", "NP-SE-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged result itself",
		Explain: "A file is shared and searched for. " + what + " The result should have it as it was said; " +
			"its sum may be zeros.",
		Causes: []string{cause}, Kills: kills,
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			change(&f)
			a.Share(f)
			b.mustResult(a, f)
			r.Earn()
		}),
	}
}
