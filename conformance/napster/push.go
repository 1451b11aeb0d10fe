package napster

import (
	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var pushCases = []Case{
	{
		ID: "napster/push/port-0-is-told", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-01", "NP-DL-03"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A file is asked for with 203 whose owner logged in with port 0. The asker must be told so " +
			"at once, by a 204 with port 0, and the owner not be asked: he could not be reached.",
		Causes: []string{"the owner is asked, and the asker left without a port", "204 has another port"},
		Kills: []string{
			"asks-for-anything", "big-endian-addresses", "names-in-lower-case", "no-word-of-port-0",
			"sums-of-zeros",
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
		ID: "napster/push/is-granted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-01", "NP-TX-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "A file whose owner logged in with port 0 is asked for with 500. He must be asked with 607, " +
			"and when he agrees with 608 be told with 501 the asker's nick, address, port and line, and the " +
			"file's name and sum, so that he can connect.",
		Causes: []string{"the asker is told instead of the owner", "501 has the owner's address", "500 is not known"},
		Kills: []string{
			"asks-in-the-owner-s-name", "asks-with-bare-names", "big-endian-addresses", "knows-no-push",
			"names-in-lower-case", "one-line-for-all", "one-port-for-all", "pushes-to-the-pusher",
			"sums-of-zeros", "tells-the-downloader",
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
		ID: "napster/push/of-who-can-be-reached", Rev: 1, Since: "0.2.0", Level: conformance.Should,
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
		ID: "napster/push/between-two-firewalls", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-FW-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a push of the same file to a user with a port, about which the owner is asked",
		Explain: "A client with port 0 asks for a file of another with port 0, by 203 and, unless that is " +
			"refused, by 500. An error must come, 206, 404 or a 204 that says so in the place of the sum, " +
			"and the owner not be asked.",
		Causes: []string{"the owner is told to connect to port 0", "nothing is answered"},
		Kills: []string{
			"asks-for-anything", "asks-in-the-owner-s-name", "asks-with-bare-names", "connects-to-port-0",
			"errors-are-not-told", "knows-no-push", "silent-between-firewalls",
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
			if ack, err := core.ParseAck(m.Type, m.Text); !ok || m.Type == core.TypeGetAck && (err != nil || ack.MD5 == f.MD5) {
				r.Mismatch("the answer to a push between two firewalls", m, "an error")
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
