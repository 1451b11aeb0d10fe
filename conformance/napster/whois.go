package napster

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// whois asks about somebody who is there.
func (u *User) whois(of *User) core.Whois {
	u.Say(core.TypeWhois, of.Nick)
	m := u.Must("a whois of somebody who is there", core.TypeWhoisAck)
	w, err := core.ParseWhois(m.Text)
	if err != nil {
		u.r.Mismatch("604", fmt.Sprintf("%.300q: %v", m.Text, err), "its ten fields")
	}
	return w
}

// whowas asks about somebody who is not there.
func (u *User) whowas(nick string) core.Whowas {
	u.Say(core.TypeWhois, nick)
	m := u.Must("a whois of somebody who was there", core.TypeWhowas)
	w, err := core.ParseWhowas(m.Text)
	if err != nil {
		u.r.Mismatch("605", fmt.Sprintf("%.300q: %v", m.Text, err), "its three fields")
	}
	return w
}

// mustGauge ends the case as failed unless the server knows the line of somebody.
func (u *User) mustGauge(of *User) {
	u.Say(core.TypeSpeed, of.Nick)
	m := u.Must("a question for somebody's line", core.TypeSpeedAck)
	got, err := core.ParseSpeed(m.Text)
	if want := (core.Speed{Nick: of.Nick, Link: of.Link}); err != nil || got != want {
		u.r.Mismatch("601", fmt.Sprintf("%.200q", m.Text), fmt.Sprintf("%s %d", want.Nick, want.Link))
	}
}

var whoisCases = []Case{
	{
		ID: "napster/whois/who-is-there", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-WH-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A user with two shared files and a line of his own is asked about. 604 must tell his nick, " +
			"the level User, some seconds, no channel, Active, two files, no transfers, his line and his " +
			"client's name.",
		Causes: []string{"fields are in another order", "files are not counted", "the client's name is not quoted"},
		Kills:  []string{"files-are-not-counted", "one-client-for-all", "tells-of-the-asker"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Come()
			u.Link, u.Client = 4, "p2pspec whois 2.0"
			u.Enter()
			u.Share(r.file(r.word()), r.file(r.word()))
			got := other.whois(u)
			if got.Seconds > 60 {
				r.Mismatch("the seconds since the login", got.Seconds, "a few")
			}
			want := core.Whois{
				Nick: u.Nick, Level: "User", Seconds: got.Seconds, Status: "Active", Shared: 2, Link: 4, Client: u.Client,
			}
			if got.Channels = strings.TrimSpace(got.Channels); got != want {
				r.Mismatch("604", shown([]core.Whois{got}), shown([]core.Whois{want}))
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/whois/seconds-pass", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-WH-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the first of two answers", Waits: true,
		Explain: "A user is asked about twice, 2.5 seconds apart. The seconds since his login must have " +
			"grown by two or three.",
		Causes: []string{"the time of the day is told", "milliseconds are told"},
		Kills:  []string{"milliseconds-since-the-login", "the-clock-stands-still"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			before, asked := other.whois(u).Seconds, r.Now()
			r.Wait(2500 * time.Millisecond)
			other.Answers() // some servers read their clock before they wait for the next message
			passed := uint32((r.Now() - asked) / time.Second)
			if after := other.whois(u).Seconds; after < before+2 || after > before+passed+2 {
				r.Mismatch("the seconds since the login", fmt.Sprintf("%d, then %d", before, after), "two or three more")
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/whois/counts-transfers", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ST-02", "NP-WH-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "A user says that two downloads and three uploads have begun, and that a download and two " +
			"uploads have ended. The whois must show two and three, and then one and one.",
		Causes: []string{"ends are not counted", "downloads and uploads are confused"},
		Kills:  []string{"counts-transfers-the-other-way", "downloads-never-end", "tells-of-the-asker"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			begun := []core.Type{
				core.TypeDownStart, core.TypeUpStart, core.TypeUpStart, core.TypeDownStart, core.TypeUpStart,
			}
			for i, step := range [][]core.Type{begun, {core.TypeUpEnd, core.TypeDownEnd, core.TypeUpEnd}} {
				for _, t := range step {
					u.Say(t, "")
				}
				u.Answers()
				w := other.whois(u)
				want := [][2]uint32{{2, 3}, {1, 1}}[i]
				if got := [2]uint32{w.Downloads, w.Uploads}; got != want {
					r.Mismatch("the downloads and uploads of 604", fmt.Sprint(got), fmt.Sprint(want))
				}
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/whois/count-stays-at-zero", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-ST-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same count after a transfer has begun",
		Explain: "A user says that an upload and a download have ended which never began, and then that one " +
			"of each has begun. The whois must show one of each.",
		Causes: []string{"the count goes below zero, or around to a huge number"},
		Kills:  []string{"counts-below-zero", "tells-of-the-asker"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Enter()
			for _, t := range []core.Type{core.TypeDownEnd, core.TypeUpEnd, core.TypeDownStart, core.TypeUpStart} {
				u.Say(t, "")
			}
			u.Answers()
			if w := other.whois(u); w.Downloads != 1 || w.Uploads != 1 {
				r.Mismatch("the downloads and uploads of 604", fmt.Sprint(w.Downloads, " ", w.Uploads), "1 1")
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/whois/who-was-there", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-WH-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the first of two answers", Waits: true,
		Explain: "A user registers and leaves. 605 must tell his nick, his level and when he was last seen, " +
			"in seconds; when he has come again and left again later, a later time.",
		Causes: []string{"404 comes", "the time is that of the registration", "the time is zero"},
		Kills:  []string{"forgets-who-was-there", "seen-at-the-beginning", "tells-of-the-asker"},
		Run: playing(func(r *Room) {
			other := r.Enter()
			login := r.Registered(other)
			first := other.whowas(login.Nick)
			if first.Nick != login.Nick || first.Level != "User" || first.LastSeen <= 0 {
				r.Mismatch("605", fmt.Sprintf("%+v", first), fmt.Sprintf("%s \"User\" and a time", login.Nick))
			}
			r.Wait(1500 * time.Millisecond)
			r.ComeAs(login).Enter().Quit(other)
			if again := other.whowas(login.Nick); again.LastSeen <= first.LastSeen || again.LastSeen > first.LastSeen+60 {
				r.Mismatch("when he was last seen", again.LastSeen, fmt.Sprintf("a little after %d", first.LastSeen))
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/whois/stranger", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-WH-02", "NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after it, which is answered",
		Explain: "A nick is asked about that nobody has and nobody registered. The answer must be an error " +
			"404.",
		Causes: []string{"an answer is made up", "nothing is answered"},
		Kills:  []string{"errors-are-not-told", "everybody-was-there", "tells-of-the-asker"},
		Run: playing(func(r *Room) {
			u := r.Enter()
			u.Say(core.TypeWhois, "u"+r.word())
			u.Refused("a whois of nobody")
			if u.Heard(core.TypeWhoisAck) || u.Heard(core.TypeWhowas) {
				r.Failf("of nobody the server tells %s", u.instead())
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/speed/is-told", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-WH-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "The line of a user is asked for with 600. 601 must tell his nick and the link type of his " +
			"login; about a nick that nobody has an error must come.",
		Causes: []string{"the asker's line is told", "nothing is answered about nobody"},
		Kills:  []string{"errors-are-not-told", "gauges-the-asker"},
		Run: playing(func(r *Room) {
			other, u := r.Enter(), r.Come()
			u.Link = 10
			u.Enter()
			other.mustGauge(u)
			other.heard = nil
			other.Say(core.TypeSpeed, "u"+r.word())
			other.Refused("a question for the line of nobody")
			r.Earn()
		}),
	},
	{
		ID: "napster/ping/is-relayed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-PI-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged messages themselves",
		Explain: "A user pings another with 751, who answers with 752. Each must get the other's message " +
			"with the sender's nick in place of his own.",
		Causes: []string{"the text is relayed as it is", "752 is not relayed", "the server answers itself"},
		Kills:  []string{"answers-pings-itself", "relays-as-it-is", "relays-no-pongs"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			a.Say(core.TypePing, b.Nick)
			a.Answers()
			if a.Heard(core.TypePong) {
				r.Failf("a ping is answered before the user who was pinged has answered it")
			}
			if m := b.Must("a ping", core.TypePing); m.Text != a.Nick {
				r.Mismatch("the text of a relayed 751", fmt.Sprintf("%q", m.Text), a.Nick)
			}
			b.Say(core.TypePong, a.Nick)
			if m := a.Must("a pong", core.TypePong); m.Text != b.Nick {
				r.Mismatch("the text of a relayed 752", fmt.Sprintf("%q", m.Text), b.Nick)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/ping/nobody", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-PI-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after it, which is answered",
		Explain: "A nick is pinged that nobody has. The answer must be an error 404.",
		Causes:  []string{"nothing is answered"},
		Kills:   []string{"errors-are-not-told", "pings-into-the-void"},
		Run: playing(func(r *Room) {
			u := r.Enter()
			u.Say(core.TypePing, "u"+r.word())
			u.Refused("a ping of nobody")
			r.Earn()
		}),
	},
}
