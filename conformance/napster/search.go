package napster

import (
	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var searchCases = []Case{
	{
		ID: "napster/search/without-results", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-04"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A client searches for a word that no file has. The server must answer with 202 without a text, " +
			"and nothing before it.",
		Causes: []string{"what finds nothing is not answered"},
		Run: playing(func(r *Room) {
			r.Enter().mustFind("a search for what nobody has", core.Search{Words: r.word()})
			r.Earn()
		}),
	},
}
