package gnutella

import (
	"bytes"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// handshake judges the steps of a handshake that the target is asked for.
var handshake = []Case{
	{
		ID: "gnutella06/handshake/accepts", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-02"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "'GNUTELLA CONNECT/0.6' with the headers of an ultrapeer. The answer must begin " +
			"'GNUTELLA/0.6 200', have lines that end in CR LF, and end in an empty line.",
		Causes: []string{"lines end in LF alone", "the empty line is missing"},
		Kills:  []string{"lines-end-in-lf", "answers-in-the-wrong-version"},
		Run: func(t *T) {
			p := Dial(t)
			p.Handle = nil // the first bytes are judged as they are
			p.Greet(Equal())
			t.Until(func() bool { return blockEnd(p.Buffered()) > 0 || p.Ended() }, 2*AnswerWithin)
			b := bytes.Clone(p.Buffered())
			if len(b) == 0 {
				t.Inconclusivef("a handshake is not answered: %s", p.Last())
			}
			judgeLines(t, b)
			p = NewPeer(t, p.Stream)
			p.Mine = Equal()
			p.Met()
			p.Control()
		},
	},
	{
		ID: "gnutella06/handshake/refused-in-the-third-step", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-04", "GN-HS-05"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands and is answered before and after",
		Explain: "The harness answers the target's 200 by 'GNUTELLA/0.6 503 Busy'. The target must close, and " +
			"send no descriptor.",
		Causes: []string{"the code of the third step is not looked at"},
		Kills:  []string{"believes-any-third-step"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			p.Greet(Equal())
			if !p.Answered() || p.Answer.Code != wire.Accepted {
				t.Inconclusivef("the target did not accept: %s", p.Last())
			}
			p.Write(encode(wire.Status{Code: wire.Busy, Phrase: "Busy"}), "we changed our mind")
			dropped := p.Dropped(AnswerWithin)
			if len(p.Log) > 0 {
				t.Mismatch("what follows a refusal", p.Log[0].String(), "nothing")
			}
			p.Alive()
			if !dropped {
				t.Failf("the link is open %v after a refusal in the third step", AnswerWithin)
			}
		},
	},
}

// blockEnd is the length of the lines up to the empty one, or 0.
func blockEnd(b []byte) int {
	n, _ := frameLines(b)
	return n
}

// judgeLines holds the bytes of an answer to the syntax.
func judgeLines(t *T, b []byte) {
	n := blockEnd(b)
	first, _, _ := strings.Cut(string(b), "\n")
	switch {
	case n == 0:
		t.Mismatch("the answer", string(b[:min(len(b), 80)]), "lines and an empty one")
	case !strings.HasPrefix(first, "GNUTELLA/0.6 ") || len(first) < len("GNUTELLA/0.6 200"):
		t.Mismatch("the status line", first, "GNUTELLA/0.6, a code of three digits, a phrase")
	case bytes.Count(b[:n], []byte("\n")) != bytes.Count(b[:n], []byte("\r\n")):
		t.Mismatch("the ends of the lines", "LF", "CR LF")
	}
}
