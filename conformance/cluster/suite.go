package cluster

import (
	"encoding/json"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// caseLimit leaves room for nodes that have to be given four times the patience,
// and in which a dead one is waited for again and again.
const caseLimit = time.Minute

// Suite is the only suite of a family whose nodes speak on stdin and stdout.
func Suite(family, title string, cases []conformance.Case) conformance.Suite {
	for i := range cases {
		c := &cases[i]
		c.Rev, c.Since, c.Role = max(c.Rev, 1), "0.1.0", conformance.Member
		c.Within = max(c.Within, caseLimit)
	}
	return conformance.Suite{
		Name: family, Family: family, Title: title,
		Control: func(t *conformance.T) {
			Shared(t, Options{})
			t.Earn()
		},
		Decode: decode,
		Cases:  cases,
	}
}

// decode renders a body for a transcript.
func decode(payload []byte) any {
	var v any
	_ = json.Unmarshal(payload, &v) // the router has read it
	return v
}
