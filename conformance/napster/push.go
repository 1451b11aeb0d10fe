package napster

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// refuses reports whether a 204 about a file says that it cannot be had: what stands in the
// place of the sum is no sum, or zeros while the user, who could have it, is told the sum.
func (u *User) refuses(m core.Message, owner *User, f core.File) bool {
	behind, his := strings.CutPrefix(m.Text, owner.Nick+" ")
	_, behind, named := strings.Cut(behind, `"`+f.Name+`" `)
	word, _, _ := strings.Cut(behind, " ")
	sum, err := hex.DecodeString(word)
	switch {
	case !his || !named || word == "":
		return false
	case err != nil || len(sum) != len(core.MD5{}):
		return true
	case core.MD5(sum) != core.MD5{}:
		return false
	}
	u.ask(core.TypeGet, owner, f)
	m, ok := u.Hear(AnswerWithin, core.TypeGetAck)
	ack, err := core.ParseAck(core.TypeGetAck, m.Text)
	return ok && err == nil && ack.MD5 == f.MD5
}

var pushCases = []Case{
	{
		ID: "napster/push/port-0-is-told", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-01", "NP-DL-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A file is asked for with 203 whose owner logged in with port 0. The asker must be told so " +
			"at once, by a 204 with port 0, and the owner not be asked: he could not be reached.",
		Causes: []string{"the owner is asked, and the asker left without a port", "204 has another port"},
		Kills: []string{
			"asks-for-anything", "big-endian-addresses", "names-in-lower-case", "no-word-of-port-0",
			"one-sum-for-all",
		},
		Run: playing(func(r *Room) {
			a, b := r.Firewalled(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypeGet, a, f)
			b.mustBeTold(core.TypeGetAck, a, f)
			a.Quiet("a request that cannot be met by a download", core.TypeUpload)
			r.Earn()
		}),
	},
	{
		ID: "napster/push/is-granted", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-01", "NP-TX-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "A file whose owner logged in with port 0 is asked for with 500. He must be asked with 607, " +
			"and when he agrees with 608 be told with 501 the asker's nick, address, port and line, and the " +
			"file's name and sum, or zeros, so that he can connect.",
		Causes: []string{"the asker is told instead of the owner", "501 has the owner's address", "500 is not known"},
		Kills: []string{
			"asks-in-the-owner-s-name", "asks-with-bare-names", "big-endian-addresses", "knows-no-push",
			"names-in-lower-case", "one-line-for-all", "one-port-for-all", "one-sum-for-all",
			"pushes-to-the-pusher", "tells-the-downloader",
		},
		Run: playing(func(r *Room) {
			a, b := r.Firewalled(), r.Come()
			b.Port, b.Link = 7002, 2
			b.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypePush, a, f)
			a.mustBeAsked(b, f)
			a.agrees(b, f)
			a.mustBeTold(core.TypePushAck, b, f)
			b.Quiet("the consent to a push", core.TypeGetAck)
			r.Earn()
		}),
	},
	{
		ID: "napster/push/of-what-is-not-shared", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-04", "NP-FW-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "With 500 a file is asked for that its supposed owner, behind a firewall, does not share. " +
			"The answer must be 206, and he must not be asked.",
		Causes: []string{"the owner is asked anyway", "nothing is answered"},
		Kills:  []string{"206-without-a-name", "404-for-206", "knows-no-push", "pushes-for-anybody"},
		Run: playing(func(r *Room) {
			a, b := r.Firewalled(), r.Enter()
			f := r.file(r.word())
			b.ask(core.TypePush, a, f)
			b.mustBeDenied("a request for what is not shared", a.Nick, f.Name)
			a.Quiet("a request for what he does not share", core.TypeUpload)
			r.Earn()
		}),
	},
	{
		ID: "napster/push/of-who-can-be-reached", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"NP-FW-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a request for the same file with 203, about which he is asked",
		Explain: "With 500 a file is asked for whose owner has a port. It should be refused by an error 404: " +
			"the asker is to connect himself.",
		Causes: []string{"ports are not looked at"},
		Kills: []string{
			"asks-in-the-owner-s-name", "asks-with-bare-names", "errors-are-not-told", "pushes-for-anybody",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypePush, a, f)
			b.Refused("a push of somebody with a port")
			a.Quiet("a push of somebody with a port", core.TypeUpload)
			b.ask(core.TypeGet, a, f)
			a.mustBeAsked(b, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/push/between-two-firewalls", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a push of the same file to a user with a port, about which the owner is asked",
		Explain: "A client with port 0 asks for a file of another with port 0, by 203 and, unless that is " +
			"refused, by 500. An error must come, 206, 404 or a 204 that says so in the place of the sum, " +
			"and the owner not be asked. Zeros say so if a user with a port is told the sum.",
		Causes: []string{
			"the owner is told to connect to port 0", "nothing is answered", "a 204 is like any other",
		},
		Kills: []string{
			"asks-for-anything", "asks-in-the-owner-s-name", "asks-with-bare-names", "connects-to-port-0",
			"errors-are-not-told", "knows-no-push", "no-error-between-firewalls", "silent-between-firewalls",
		},
		Run: playing(func(r *Room) {
			a, b, c := r.Firewalled(), r.Firewalled(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			answers := []core.Type{core.TypeGetError, core.TypeError, core.TypeGetAck}
			b.ask(core.TypeGet, a, f)
			m, ok := b.Hear(AnswerWithin, answers...)
			if ok && m.Type == core.TypeGetAck {
				b.ask(core.TypePush, a, f)
				m, ok = b.Hear(AnswerWithin, answers...)
			}
			if !ok {
				r.Failf("a push between two firewalls: no error comes, but %s", b.instead())
			}
			if m.Type == core.TypeGetAck && !c.refuses(m, a, f) {
				r.Mismatch("the answer to a push between two firewalls", fmt.Sprintf("%v %.200q", m.Type, m.Text), "an error")
			}
			a.Quiet("a push between two firewalls", core.TypeUpload)
			if a.Heard(core.TypePushAck) {
				r.Failf("the owner is told to connect to port 0")
			}
			c.ask(core.TypePush, a, f)
			a.mustBeAsked(c, f)
			r.Earn()
		}),
	},
}
