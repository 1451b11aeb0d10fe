package napster

import (
	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var loginCases = []Case{
	{
		ID: "napster/login/is-acknowledged", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-LG-01", "NP-LG-03", "NP-FR-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search, which is answered",
		Explain: "A client logs in with a nick that nobody registered, a port, its name and its line. The server " +
			"must acknowledge it with message 3, whose text, an address for mail or something in its place, is not empty.",
		Causes: []string{"lengths or types are read big-endian", "the quoted name is not read as one field"},
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
}
