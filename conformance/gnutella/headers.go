package gnutella

import (
	"github.com/p2pspec/p2pspec/conformance"
)

// headers judges how the target reads the headers of a handshake.
var headers = []Case{
	{
		ID: "gnutella06/headers/unknown-ones-are-ignored", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-06"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same handshake without them, and a ping of TTL 1 on each link",
		Explain: "Headers that no document has are among those of the first step. The target must accept as " +
			"it does without them.",
		Causes: []string{"headers are looked up in a list, and others refused"},
		Kills:  []string{"refuses-unknown-headers"},
		Run: func(t *T) {
			Meet(t, Equal()).Control()
			accepted(t, Equal().With("X-Nonsense-Tester", "1").With("Zebra", "a, b; c=\"d\""), "headers that nobody knows")
		},
	},
}

// accepted fails the case unless the target takes an offer that differs from a
// usual one in what the words say. The usual one was taken.
func accepted(t *T, o Offer, what string) *Peer {
	p := Try(t, o)
	switch {
	case p.Answer == nil:
		p.Alive()
		t.Failf("a handshake with %s is not answered: %s", what, p.Last())
	case p.Answer.Code != 200:
		p.Alive()
		t.Failf("a handshake with %s is refused: %d %s", what, p.Answer.Code, p.Answer.Phrase)
	}
	p.Conclude(nil)
	p.Control()
	return p
}
