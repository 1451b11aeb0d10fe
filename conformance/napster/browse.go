package napster

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var browseCases = []Case{
	{
		ID: "napster/browse/nobody", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-BR-02"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A client browses a nick that nobody has. The server must answer with 210 and the nick.",
		Causes:  []string{"an error 404 comes instead", "an empty list comes"},
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
}
