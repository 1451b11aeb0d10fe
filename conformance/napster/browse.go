package napster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// mustBrowse ends the case as failed unless a browse of somebody yields the files,
// in any order, and an end with his nick. Sums may be zeros.
func (u *User) mustBrowse(of *User, want ...core.File) {
	u.heard = nil
	u.Say(core.TypeBrowse, of.Nick)
	var got []core.File
	for {
		m, ok := u.Hear(AnswerWithin, core.TypeBrowseItem, core.TypeBrowseEnd, core.TypeNotOnline)
		switch {
		case !ok:
			u.r.Failf("a browse is not ended: after %d files %s comes", len(got), u.instead())
		case m.Type == core.TypeNotOnline:
			u.r.Failf("a browse of somebody who is there is answered by 210")
		case m.Type == core.TypeBrowseEnd:
			if m.Text != of.Nick {
				u.r.Mismatch("the text of 213", fmt.Sprintf("%q", m.Text), of.Nick)
			}
			byName := func(a, b core.File) int { return strings.Compare(a.Name, b.Name) }
			slices.SortFunc(got, byName)
			want = slices.SortedFunc(slices.Values(want), byName)
			for i := range min(len(got), len(want)) {
				got[i].MD5 = sumTold(got[i].MD5, want[i].MD5)
			}
			if !slices.Equal(got, want) {
				u.r.Mismatch("what the browse lists", shown(got), shown(want))
			}
			return
		}
		item, err := core.ParseListing(m.Text)
		if err != nil || item.Nick != of.Nick {
			u.r.Mismatch("212", fmt.Sprintf("%.300q", m.Text), "the nick and the file")
		}
		got = append(got, item.File)
	}
}

var browseCases = []Case{
	{
		ID: "napster/browse/lists-the-files", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-BR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Somebody with three files is browsed. A 212 must come for each, with his nick and all that " +
			"he said of the file, its sum or zeros, and at last a 213 with his nick; no file of another.",
		Causes: []string{"fields are in another order", "the end is without the nick", "all files are listed"},
		Kills: []string{
			"browses-all-files", "browses-end-without-a-nick", "browses-without-a-nick",
			"fields-in-another-order",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f, g, h := r.file(r.word()), r.file(r.word()+" two"), r.file(r.word())
			g.Size, g.Bitrate, g.Seconds = 1, 320, 7
			a.Share(f, g, h)
			b.Share(r.file(r.word()))
			c.mustBrowse(a, f, g, h)
			r.Earn()
		}),
	},
	{
		ID: "napster/browse/of-no-files", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-BR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "Somebody who shares nothing is browsed. A 213 with his nick must come, and no 212.",
		Causes:  []string{"nothing is answered", "who shares nothing is taken for somebody who is not there"},
		Kills:   []string{"browses-end-without-a-nick", "nobody-without-files"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			b.mustBrowse(a)
			r.Earn()
		}),
	},
	{
		ID: "napster/browse/of-250-files", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-BR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Somebody with 250 files is browsed. All must be listed: the bound of 100 is for searches.",
		Causes:  []string{"a browse is bounded as a search is"},
		Kills: []string{
			"browses-a-hundred-files", "browses-end-without-a-nick", "browses-without-a-nick",
			"fields-in-another-order",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			files := make([]core.File, 250)
			for i := range files {
				files[i] = r.file(fmt.Sprint(r.word(), " ", i))
			}
			a.Share(files...)
			b.mustBrowse(a, files...)
			r.Earn()
		}),
	},
	{
		ID: "napster/browse/nobody", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-BR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A client browses a nick that nobody has. The server must answer with 210 and the nick.",
		Causes:  []string{"an error 404 comes instead", "an empty list comes"},
		Kills:   []string{"browse-of-nobody-is-an-error", "browse-of-nobody-is-empty"},
		Run: playing(func(r *Room) {
			u := r.Enter()
			nick := "u" + r.word()
			u.Say(core.TypeBrowse, nick)
			if m := u.Must("a browse of nobody", core.TypeNotOnline); m.Text != nick {
				r.Mismatch("the text of 210", fmt.Sprintf("%q", m.Text), nick)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/resume/lists-who-has-the-same", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-RS-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Two clients share the same file under two names, one of them behind a firewall, and one of " +
			"them another file. Asked for the sum and the size, the server must tell both with 216, with " +
			"nick, address, port, name, sum, size and line, and then 217 without a text.",
		Causes: []string{"215 is answered by 217 alone", "names are compared", "fields are in another order"},
		Kills: []string{
			"big-endian-addresses", "names-in-lower-case", "nobody-has-the-same", "one-sum-for-all",
			"sums-of-zeros",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Firewalled(), r.Enter()
			f, other := r.file(r.word()), r.file(r.word())
			g := r.file(r.word())
			g.MD5 = f.MD5
			a.Share(f, other)
			b.Share(g)
			c.mustMatch(core.Resume{MD5: f.MD5, Size: f.Size}, a.match(f), b.match(g))
			r.Earn()
		}),
	},
	{
		ID: "napster/resume/of-another-size", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-RS-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the same with the size of the file, which is answered with it",
		Explain: "The sum is over the beginning of a file alone. With another size the answer must be 217 " +
			"and nothing else, and so with the file's own when its user has left.",
		Causes: []string{"the sum alone is compared", "the files of who left stay in the list"},
		Kills: []string{
			"big-endian-addresses", "files-outlive-their-users", "names-in-lower-case", "nobody-has-the-same",
			"one-sum-for-all", "sums-of-zeros", "the-sum-suffices",
		},
		Run: playing(func(r *Room) {
			a, c := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			c.mustMatch(core.Resume{MD5: f.MD5, Size: f.Size}, a.match(f))
			c.mustMatch(core.Resume{MD5: f.MD5, Size: f.Size + 1})
			a.Quit(c)
			c.mustMatch(core.Resume{MD5: f.MD5, Size: f.Size})
			r.Earn()
		}),
	},
}

// match is what others are told who look for a file that the user shares.
func (u *User) match(f core.File) core.Match {
	return core.Match{
		Nick: u.Nick, Addr: u.reach(), Name: f.Name, Resume: core.Resume{MD5: f.MD5, Size: f.Size}, Link: u.Link,
	}
}

// mustMatch ends the case as failed unless these share the file of a sum and a size.
func (u *User) mustMatch(q core.Resume, want ...core.Match) {
	u.say(q.Message())
	var got []core.Match
	for {
		m, ok := u.Hear(AnswerWithin, core.TypeResumeMatch, core.TypeResumeEnd)
		if !ok {
			u.r.Failf("a list of who has a file is not ended: after %d %s comes", len(got), u.instead())
		}
		if m.Type == core.TypeResumeEnd {
			if m.Text != "" {
				u.r.Mismatch("the text of 217", fmt.Sprintf("%q", m.Text), "none")
			}
			break
		}
		match, err := core.ParseMatch(m.Text)
		if err != nil {
			u.r.Mismatch("216", fmt.Sprintf("%.300q: %v", m.Text, err), "its seven fields")
		}
		got = append(got, match)
	}
	byNick := func(a, b core.Match) int { return strings.Compare(a.Nick, b.Nick) }
	slices.SortFunc(got, byNick)
	slices.SortFunc(want, byNick)
	if !slices.Equal(got, want) {
		u.r.Mismatch("who has the file", shown(got), shown(want))
	}
}
