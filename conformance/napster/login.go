package napster

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var loginCases = []Case{
	{
		ID: "napster/login/is-acknowledged", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-01", "NP-LG-03", "NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search, which is answered",
		Explain: "A client logs in with a nick that nobody registered, a port, its name and its line. The " +
			"server must acknowledge it with message 3, whose text, an address for mail or something in its " +
			"place, is not empty.",
		Causes: []string{"lengths or types are read big-endian", "the quoted name is not read as one field"},
		Kills: []string{
			"acknowledges-without-a-text", "big-endian-lengths", "big-endian-types",
			"lengths-count-the-header", "texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			u.say(u.Login.Message())
			if m := u.Must("a login", core.TypeLoginAck); m.Text == "" {
				r.Mismatch("the text of the acknowledgement", m.Text, "an address, or a dummy")
			}
			u.Answers()
			r.Earn()
		}),
	},
	{
		ID: "napster/login/with-a-build", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "The last field of a login is the client's build, as the Windows client has it. It must be " +
			"let in.",
		Causes: []string{"a login has to have exactly five fields"},
		Kills: []string{
			"big-endian-lengths", "big-endian-types", "lengths-count-the-header", "refuses-builds",
			"texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			u.Build = 7
			u.say(u.Login.Message())
			u.Must("a login with a build", core.TypeLoginAck)
			u.Answers()
			r.Earn()
		}),
	},
	{
		ID: "napster/login/blanks-count-as-one", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-TX-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "Two blanks stand between the fields of a login. It must be let in, and be there as it said.",
		Causes:  []string{"an empty field is read between two blanks"},
		Kills:   []string{"empty-fields-between-blanks"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Come()
			u.Say(core.TypeLogin, fmt.Sprintf(`%s  %s  %d  "p2pspec 1.0"  %d`, u.Nick, Password, Port, u.Link))
			u.Must("a login with two blanks between fields", core.TypeLoginAck)
			u.Answers()
			other.mustGauge(u)
			r.Earn()
		}),
	},
	refused("link-type-of-none", conformance.Should,
		"The line of a login is 11, where 10 is the fastest.", "the line is not checked",
		func(u *User) string { return fmt.Sprintf(`%s %s %d "p2pspec" 11`, u.Nick, Password, Port) }, []string{
			"always-404", "any-line", "big-endian-lengths", "errors-are-not-told", "lengths-count-the-header",
			"pings-into-the-void", "refuses-without-a-word", "texts-end-with-a-nul",
		}),
	refused("port-beyond-16-bits", conformance.Should,
		"The port of a login is 70000.", "the port is not checked, or cut to 16 bits",
		func(u *User) string { return fmt.Sprintf(`%s %s 70000 "p2pspec" 7`, u.Nick, Password) }, []string{
			"always-404", "any-port", "big-endian-lengths", "errors-are-not-told", "lengths-count-the-header",
			"pings-into-the-void", "refuses-without-a-word", "texts-end-with-a-nul",
		}),
	refused("missing-fields", conformance.Should,
		"A login ends behind the password.", "missing fields are taken for empty ones",
		func(u *User) string { return fmt.Sprintf(`%s %s`, u.Nick, Password) }, []string{
			"always-404", "big-endian-lengths", "errors-are-not-told", "fields-are-made-up",
			"lengths-count-the-header", "pings-into-the-void", "refuses-without-a-word",
			"texts-end-with-a-nul",
		}),
	refused("quote-that-nothing-closes", conformance.Should,
		"The client's name in a login has an opening quote and no closing one.", "a quote is read to the end of the text",
		func(u *User) string { return fmt.Sprintf(`%s %s %d "p2pspec 7`, u.Nick, Password, Port) }, []string{
			"always-404", "big-endian-lengths", "errors-are-not-told", "lengths-count-the-header",
			"pings-into-the-void", "quotes-close-themselves", "refuses-without-a-word",
			"texts-end-with-a-nul",
		}),
	{
		ID: "napster/login/comes-first", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-04"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the same search of a user who is there, which is answered",
		Explain: "A search is sent on a stream without a login. The answer must be an error 0: 404 is for " +
			"who is logged in, and who is not gets no results.",
		Causes: []string{"whoever connects is served", "the error is 404", "the stream ends without a word"},
		Kills:  []string{"always-404", "refuses-without-a-word", "serves-strangers"},
		Run: playing(func(r *Room) {
			a, b, u := r.Enter(), r.Enter(), r.Come()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			u.say(core.Search{Words: f.Name}.Message())
			m, ok := u.Hear(AnswerWithin, core.TypeLoginError, core.TypeResult, core.TypeResultEnd, core.TypeError)
			if !ok {
				r.Failf("a search before the login: no message 0 comes, but %s", u.instead())
			}
			if m.Type != core.TypeLoginError {
				r.Mismatch("the answer to a search before the login", fmt.Sprintf("%v %.80q", m.Type, m.Text), "message 0")
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/login/twice-on-a-stream", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-04", "NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after it, which is answered",
		Explain: "Who is logged in sends another login with another nick. It must be refused by an error " +
			"404, and the user must be there under his first nick and no other.",
		Causes: []string{"the second login replaces the first", "the error is message 0"},
		Kills: []string{
			"acknowledges-again", "errors-are-not-told", "pings-into-the-void", "unknown-types-end-it",
		},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			again := u.Login
			again.Nick = "u" + r.word()
			u.say(again.Message())
			u.Refused("a login after the login")
			if !r.Gone(again.Nick, other) {
				r.Failf("a second login on a stream makes a second user")
			}
			other.mustGauge(u)
			r.Earn()
		}),
	},
	{
		ID: "napster/login/of-a-nick-that-is-there", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "a search of the first, who goes on to be served",
		Explain: "A client logs in from another address with the nick of a user who is there. It must be " +
			"refused by an error 0, and the user must stay.",
		Causes: []string{"the newer one replaces the older", "both are there"},
		Kills:  []string{"always-404", "newcomers-replace", "refuses-without-a-word"},
		Run: playing(func(r *Room) {
			other, u, late := r.Enter(), r.Enter(), r.Come()
			late.Nick, late.Link = u.Nick, 3
			late.say(late.Login.Message())
			late.TurnedAway("a login with the nick of somebody who is there")
			r.Survives(u, "a login with his nick")
			other.mustGauge(u)
			r.Earn()
		}),
	},
	{
		ID: "napster/login/again-from-the-same-address", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"NP-LG-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the first login with the nick, and a search of whoever is there in the end",
		Explain: "A client logs in with the nick of a user who is there, from the address of that user. It " +
			"may be refused, or take his place: his program may have ended without a word. One of the two " +
			"must be there.",
		Causes: []string{"both are there, or nobody"},
		Kills:  []string{"always-404", "newcomers-replace", "refuses-without-a-word"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			late := r.from(r.DialFrom(netip.AddrPortFrom(u.ip(), 0), r.Target()))
			late.Login = u.Login
			late.say(late.Login.Message())
			m, ok := late.Hear(AnswerWithin, core.TypeLoginAck, core.TypeLoginError)
			switch {
			case !ok:
				r.Failf("a login with the nick of somebody who is there is answered by %s", late.instead())
			case m.Type == core.TypeLoginAck && !u.Ends(AnswerWithin):
				r.Failf("two users of one nick are there")
			case m.Type == core.TypeLoginAck:
				r.Survives(late, "the end of who had his nick")
				r.Infof("who logs in again from his address takes his own place")
			}
			r.Survives(u, "a login with his nick that was refused")
			other.mustGauge(u)
			r.Earn()
		}),
	},
	{
		ID: "napster/login/nick-is-free-again", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-03", "NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the first login with the nick",
		Explain: "A user leaves, and comes again with the nick that he had. He must be let in.",
		Causes:  []string{"who leaves stays in the table of nicks"},
		Kills:   []string{"nicks-stay-taken", "stays-for-ever"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			u.Close()
			for limit := r.Now() + AnswerWithin; ; r.Wait(lookEvery) {
				again := r.Come()
				again.Login = u.Login
				again.say(again.Login.Message())
				if m, _ := again.Hear(AnswerWithin, core.TypeLoginAck, core.TypeLoginError); m.Type == core.TypeLoginAck {
					break
				}
				again.Close()
				if r.Now() > limit {
					r.Survives(other, "a login with a nick that was there")
					r.Failf("a user who left cannot come back with his nick: %s", again.instead())
				}
			}
			r.Earn()
		}),
	},
}

// refused is a case of a login that must be turned away.
func refused(
	slug string, level conformance.Level, what, cause string, text func(*User) string, kills []string,
) Case {
	return Case{
		ID: "napster/login/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{"NP-LG-01", "NP-LG-04", "NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the same user's login as it should be, on another stream",
		Explain: what + " It must be refused by an error 0, and nobody be there under the nick.",
		Causes:  []string{cause, "the stream ends without a word"}, Kills: kills,
		Run: playing(func(r *Room) {
			u := r.Come()
			u.Blurt(core.TypeLogin, text(u), what)
			u.TurnedAway("a login that cannot be read")
			if !r.Gone(u.Nick, r.Enter()) {
				r.Failf("who was refused is there")
			}
			again := r.Come()
			again.Login = u.Login
			again.Enter()
			r.Earn()
		}),
	}
}
