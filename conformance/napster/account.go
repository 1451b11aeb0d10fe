package napster

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// Email is what users register with.
const Email = "somebody@example.org"

// register logs in as a new user.
func (u *User) register() { u.say(core.NewUser{Login: u.Login, Email: Email}.Message()) }

// Registered is the login of a user who registered, and left. The case ends as
// inconclusive unless that works.
func (r *Room) Registered(other *User) core.Login {
	u := r.Come()
	u.register()
	if _, ok := u.Hear(AnswerWithin, core.TypeLoginAck); !ok {
		r.Inconclusivef("a new user's login is answered by %s", u.instead())
	}
	u.Answers()
	u.Quit(other)
	return u.Login
}

// ComeAs is [Room.Come] with somebody's login.
func (r *Room) ComeAs(login core.Login) *User {
	u := r.Come()
	u.Login = login
	return u
}

var accountCases = []Case{
	{
		ID: "napster/account/is-made", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-02", "NP-LG-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A client registers a new nick with message 6. It must be logged in by that, and told in " +
			"the acknowledgement the address for mail that it gave.",
		Causes: []string{"the login is still asked for", "the address is not kept"},
		Kills: []string{
			"acknowledges-without-a-text", "big-endian-lengths", "big-endian-types", "forgets-addresses",
			"lengths-count-the-header", "texts-end-with-a-nul",
		},
		Run: playing(func(r *Room) {
			u := r.Come()
			u.register()
			if m := u.Must("a new user's login", core.TypeLoginAck); m.Text != Email {
				r.Mismatch("the text of the acknowledgement", fmt.Sprintf("%q", m.Text), Email)
			}
			u.Answers()
			r.Earn()
		}),
	},
	{
		ID: "napster/account/has-one-owner", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the first registration of the nick",
		Explain: "A nick is registered, its owner leaves, and a client registers it again. That must be " +
			"refused by an error 0.",
		Causes: []string{"the later registration replaces the earlier"},
		Kills:  []string{"always-404", "refuses-without-a-word", "registers-again"},
		Run: playing(func(r *Room) {
			u := r.ComeAs(r.Registered(r.Enter()))
			u.register()
			u.TurnedAway("the registration of a nick that is registered")
			r.Earn()
		}),
	},
	{
		ID: "napster/account/takes-its-password", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a login with the right password, which is acknowledged",
		Explain: "With a registered nick a client logs in with another password, which must be refused by an " +
			"error 0, and then with its own, which must be acknowledged with its address for mail.",
		Causes: []string{"passwords are not compared", "the address is not kept"},
		Kills: []string{
			"acknowledges-without-a-text", "always-404", "any-password", "forgets-addresses",
			"nicks-stay-taken", "refuses-without-a-word",
		},
		Run: playing(func(r *Room) {
			login := r.Registered(r.Enter())
			thief := r.ComeAs(login)
			thief.Password = "guessed"
			thief.say(thief.Login.Message())
			thief.TurnedAway("a login with another password")
			u := r.ComeAs(login)
			u.say(u.Login.Message())
			if m := u.Must("a login with the password", core.TypeLoginAck); m.Text != Email {
				r.Mismatch("the text of the acknowledgement", fmt.Sprintf("%q", m.Text), Email)
			}
			r.Earn()
		}),
	},
	nickCheck("free-nick", conformance.Must, "A client asks about a nick that nobody has.", core.TypeNickFree,
		func(r *Room) string { return "u" + r.word() }, "only who is logged in may ask", []string{
			"big-endian-lengths", "big-endian-types", "lengths-count-the-header",
			"nick-checks-after-the-login", "tells-the-nick", "texts-end-with-a-nul",
		}),
	nickCheck("registered-nick", conformance.Must, "A client asks about a nick that somebody has registered.",
		core.TypeNickTaken, func(r *Room) string { return r.Registered(r.Enter()).Nick }, "accounts are not looked at",
		[]string{"every-nick-is-free", "nick-checks-after-the-login"}),
	nickCheck("nick-with-a-blank", conformance.Should, "A client asks about a nick with a blank within.",
		core.TypeNickInvalid, func(*Room) string { return "two words" }, "the text is read to its first blank", []string{
			"a-blank-ends-a-nick", "big-endian-lengths", "big-endian-types", "every-nick-is-one",
			"lengths-count-the-header", "texts-end-with-a-nul",
		}),
	nickCheck("nick-of-nothing", conformance.Should, "A client asks about a nick of no letter.",
		core.TypeNickInvalid, func(*Room) string { return "" }, "the text is not checked", []string{
			"big-endian-lengths", "big-endian-types", "every-nick-is-one", "lengths-count-the-header",
			"texts-end-with-a-nul",
		}),
}

// nickCheck is a case of message 7, before the login. What is no nick is left to the
// server, and so whether it reads the text of one at all: an error 0 will do for 10.
func nickCheck(
	slug string, level conformance.Level, what string, want core.Type, nick func(*Room) string, cause string,
	kills []string,
) Case {
	explain := fmt.Sprintf(" The answer must be %v without a text, and the stream good for a login.", want)
	if want == core.TypeNickInvalid {
		explain = fmt.Sprintf(" The answer should be %v without a text, and the stream good for a login, or an error 0, "+
			"and a login on another stream be acknowledged. What is a nick is left to the server.", want)
	}
	return Case{
		ID: "napster/nick/" + slug, Rev: 2, Since: "0.2.0", Level: level,
		Requirements: []string{"NP-LG-05"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself, and a login after it",
		Explain: what + explain,
		Causes:  []string{cause}, Kills: kills,
		Run: playing(func(r *Room) {
			text := nick(r)
			u := r.Come()
			u.Blurt(core.TypeNickCheck, text, "is it free?")
			m, ok := u.Hear(AnswerWithin, core.TypeNickFree, core.TypeNickTaken, core.TypeNickInvalid, core.TypeLoginError)
			unread := m.Type == core.TypeLoginError && want == core.TypeNickInvalid
			switch {
			case !ok:
				r.Failf("a nick check is answered by %s", u.instead())
			case unread:
				u = r.ComeAs(u.Login)
			case m.Type != want || m.Text != "":
				r.Mismatch("the answer to a nick check", fmt.Sprintf("%v %q", m.Type, m.Text), want.String())
			}
			u.say(u.Login.Message())
			u.Must("a login after a nick check", core.TypeLoginAck)
			r.Earn()
		}),
	}
}
