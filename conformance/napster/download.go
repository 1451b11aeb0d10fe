package napster

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// ask asks for a file of another user.
func (u *User) ask(t core.Type, owner *User, f core.File) {
	u.say(core.Request{Nick: owner.Nick, Name: f.Name}.Message(t))
}

// mustBeAsked waits for the question about a file, or ends the case as failed.
func (u *User) mustBeAsked(asker *User, f core.File) {
	m := u.Must("a request for a file", core.TypeUpload)
	got, err := core.ParseRequest(m.Type, m.Text)
	if want := (core.Request{Nick: asker.Nick, Name: f.Name}); err != nil || got != want {
		u.r.Mismatch("607", fmt.Sprintf("%.200q", m.Text), fmt.Sprintf("%s %q", want.Nick, want.Name))
	}
}

// agrees says that the user lets somebody have a file.
func (u *User) agrees(asker *User, f core.File) {
	u.say(core.Request{Nick: asker.Nick, Name: f.Name}.Message(core.TypeUploadAck))
}

// mustBeTold ends the case as failed unless the user is told how to reach somebody
// for a file. The sum may be zeros.
func (u *User) mustBeTold(t core.Type, who *User, f core.File) {
	m := u.Must("a request for a file", t)
	got, err := core.ParseAck(m.Type, m.Text)
	want := core.Ack{Nick: who.Nick, Addr: who.reach(), Name: f.Name, MD5: f.MD5, Link: who.Link}
	got.MD5 = sumTold(got.MD5, f.MD5)
	if err != nil || got != want {
		u.r.Mismatch(fmt.Sprint(t), m.Text, texted(want.Message(t)))
	}
}

// mustBeDenied ends the case as failed unless a request is answered by 206 with the
// nick and the name.
func (u *User) mustBeDenied(what, nick, name string) {
	m := u.Must(what, core.TypeGetError)
	got, err := core.ParseRequest(m.Type, m.Text)
	if want := (core.Request{Nick: nick, Name: name}); err != nil || got != want {
		u.r.Mismatch("206", fmt.Sprintf("%.200q", m.Text), fmt.Sprintf("%s %q", nick, name))
	}
}

var downloadCases = []Case{
	{
		ID: "napster/download/is-granted", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-01", "NP-DL-02", "NP-DL-03", "NP-TX-03"},
		Role:         conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "A client asks for a file of another with 203. The server must ask its owner with 607, " +
			"naming the asker and the file; when the owner agrees with 608 it must tell the asker with 204 " +
			"the owner's nick, address, port and line, and the file's name and sum, or zeros: an index may " +
			"keep no sums.",
		Causes: []string{"204 comes before the consent", "607 names the owner and not the asker"},
		Kills: []string{
			"asks-in-the-owner-s-name", "asks-nobody", "asks-with-bare-names", "big-endian-addresses",
			"names-in-lower-case", "one-line-for-all", "one-port-for-all", "one-sum-for-all",
		},
		Run: playing(func(r *Room) {
			a, b := r.Come(), r.Enter()
			a.Port, a.Link = 7001, 8
			a.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			b.Quiet("a request that its owner has not agreed to", core.TypeGetAck)
			a.agrees(b, f)
			b.mustBeTold(core.TypeGetAck, a, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/two-at-once", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-01", "NP-DL-02", "NP-DL-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "Two clients ask for the same file, and one of them for another of the same owner. He " +
			"agrees to all, the last first. Each must be told of what he asked for.",
		Causes: []string{"consents are taken in the order of the requests", "one request at a time is kept"},
		Kills: []string{
			"asks-for-anything", "asks-in-the-owner-s-name", "asks-nobody", "asks-with-bare-names",
			"big-endian-addresses", "consents-in-order", "names-in-lower-case", "one-request-at-a-time",
			"one-sum-for-all", "passes-any-consent-on",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f, g := r.file(r.word()), r.file(r.word())
			a.Share(f, g)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			c.ask(core.TypeGet, a, f)
			a.mustBeAsked(c, f)
			c.ask(core.TypeGet, a, g)
			a.mustBeAsked(c, g)
			a.agrees(c, g)
			c.mustBeTold(core.TypeGetAck, a, g)
			a.agrees(c, f)
			c.mustBeTold(core.TypeGetAck, a, f)
			a.agrees(b, f)
			b.mustBeTold(core.TypeGetAck, a, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/of-nobody", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-04"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A file is asked for of a nick that nobody has. The answer must be 206 with the nick and " +
			"the name.",
		Causes: []string{"an error 404 comes", "nothing is answered"},
		Kills:  []string{"206-without-a-name", "404-for-206"},
		Run: playing(func(r *Room) {
			u := r.Enter()
			want := core.Request{Nick: "u" + r.word(), Name: r.file(r.word()).Name}
			u.say(want.Message(core.TypeGet))
			u.mustBeDenied("a request of nobody", want.Nick, want.Name)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/of-what-is-not-shared", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-04"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a request for a file that he shares, about which he is asked",
		Explain: "A file is asked for that its supposed owner does not share, while another does. The answer " +
			"must be 206 with the nick and the name, and he must not be asked.",
		Causes: []string{"the owner is asked anyway", "the file is looked for in the whole index"},
		Kills: []string{
			"206-without-a-name", "404-for-206", "asks-for-anything", "asks-in-the-owner-s-name",
			"asks-with-bare-names",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f, g := r.file(r.word()), r.file(r.word())
			a.Share(f)
			c.Share(g)
			b.ask(core.TypeGet, a, g)
			b.mustBeDenied("a request for what is not shared", a.Nick, g.Name)
			a.Quiet("a request for what he does not share", core.TypeUpload)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/consent-that-nobody-waits-for", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-DL-02"}, Role: conformance.Index, Kind: conformance.Silence,
		Control: "the first consent, which is passed on, and searches before and after",
		Explain: "An owner agrees twice to one request, and to one that was never made. Nobody should be " +
			"told anything by that: who is told where a file is without having asked could be sent to any " +
			"address.",
		Causes: []string{"requests are not remembered: any consent is passed on"},
		Kills: []string{
			"asks-in-the-owner-s-name", "asks-nobody", "asks-with-bare-names", "big-endian-addresses",
			"names-in-lower-case", "one-sum-for-all", "passes-any-consent-on",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f, g := r.file(r.word()), r.file(r.word())
			a.Share(f, g)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			a.agrees(b, f)
			b.mustBeTold(core.TypeGetAck, a, f)
			a.agrees(b, g)
			a.Answers()
			b.Quiet("a consent to what was never asked for", core.TypeGetAck)
			a.agrees(b, f)
			a.Answers()
			b.Quiet("a second consent to one request", core.TypeGetAck)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/consent-of-another", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-02", "NP-DL-03"}, Role: conformance.Index, Kind: conformance.Silence,
		Control: "the owner's consent after it, which is passed on",
		Explain: "A file is asked for of its owner, and another client, who does not share it, agrees. The " +
			"asker must be told nothing, and when the owner agrees, the owner's address.",
		Causes: []string{"whoever agrees is taken for the owner"},
		Kills: []string{
			"anybody-agrees", "asks-in-the-owner-s-name", "asks-nobody", "asks-with-bare-names",
			"big-endian-addresses", "names-in-lower-case", "one-sum-for-all",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			c.agrees(b, f)
			c.Answers()
			b.Quiet("the consent of somebody else", core.TypeGetAck)
			a.agrees(b, f)
			b.mustBeTold(core.TypeGetAck, a, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/download/owner-leaves", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"NP-DL-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a request after it, which is answered by 206",
		Explain: "An owner leaves without having agreed. The asker may be told so by 206, which the document " +
			"has for files that cannot be had; a request after that must be answered so.",
		Causes: []string{"requests are not remembered"},
		Kills:  []string{"asks-in-the-owner-s-name", "asks-with-bare-names", "leaves-askers-waiting"},
		Run: playing(func(r *Room) {
			a, b, c := r.Enter(), r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			a.Quit(c)
			c.ask(core.TypeGet, a, f)
			if _, ok := c.Hear(AnswerWithin, core.TypeGetError); !ok {
				r.Inconclusivef("a request of who has left is answered by %s", c.instead())
			}
			if b.Answers(); !b.Heard(core.TypeGetError) {
				r.Infof("the asker is not told that the owner has left")
			}
			r.Earn()
		}),
	},
}
