package gnutella

import (
	"bytes"
	"strings"
	"time"

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
		Kills:  []string{"answers-in-the-wrong-version", "lines-end-in-lf"},
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
		ID: "gnutella06/handshake/higher-versions-are-accepted", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands in 0.6 and is answered; a ping on the judged link is, too",
		Explain: "'GNUTELLA CONNECT/0.7' with the usual headers. A higher version is no reason to refuse: " +
			"the answer should be 'GNUTELLA/0.6 200'.",
		Causes: []string{"the connect line is compared as a whole"},
		Kills:  []string{"knows-06-alone"},
		Run: func(t *T) {
			taken(t, "a connection in 0.7", func(p *Peer) {
				p.Alive()
				p.Mine = Equal()
				p.Write(encode(wire.Connect{Version: wire.Version{Minor: 7}, Headers: wire.Headers(p.Mine)}), "version 0.7")
			})
		},
	},
	{
		ID: "gnutella06/handshake/refused-in-the-third-step", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-04"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "another peer shakes hands and is answered before and after",
		Explain: "The harness answers the target's 200 by 'GNUTELLA/0.6 503 Busy'. There is no link then, and the " +
			"target must send no descriptor.",
		Causes: []string{"the code of the third step is not looked at"},
		Kills: []string{
			"believes-any-third-step", "takes-a-refusal-for-an-answer", "talks-before-the-third-step",
		},
		Run: func(t *T) {
			if p, _ := refusedAtLast(t); len(p.Log) > 0 {
				t.Mismatch("what follows a refusal", p.Log[0].String(), "nothing")
			}
		},
	},
	{
		ID: "gnutella06/handshake/closes-at-a-refusal", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-05"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands and is answered before and after",
		Explain: "The harness answers the target's 200 by 'GNUTELLA/0.6 503 Busy', and waits. The target should close.",
		Causes:  []string{"the code of the third step is not looked at", "the other side is left to close"},
		Kills:   []string{"believes-any-third-step"},
		Run: func(t *T) {
			if _, dropped := refusedAtLast(t); !dropped {
				t.Failf("the link is open %v after a refusal in the third step", AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/handshake/nothing-before-the-third-step", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-04"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "the third step is sent at last, and a ping is answered",
		Explain: "The harness lets the third step wait for a second. The target must not send descriptors " +
			"before it: the other side may still refuse.",
		Causes: []string{"the link counts as made after the target's own 200"},
		Kills:  []string{"talks-before-the-third-step"},
		Run: func(t *T) {
			p := Try(t, Equal())
			if p.Answer == nil || p.Answer.Code != wire.Accepted {
				t.Inconclusivef("the target did not accept: %s", p.Last())
			}
			if t.Until(func() bool { return len(p.Log) > 0 || p.Gone() }, time.Second) && len(p.Log) > 0 {
				t.Mismatch("what comes before the third step", p.Log[0].String(), "nothing")
			}
			p.Conclude(nil)
			p.Control()
		},
	},
	{
		ID: "gnutella06/handshake/in-pieces", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-02", "GN-HD-03"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "The first step comes in many small segments, and the third together with a ping behind it. " +
			"Both must be understood: a stream has no messages.",
		Causes: []string{"a line is expected to be one read", "what follows the third step in one segment is thrown away"},
		Kills:  []string{"loses-what-follows-a-handshake"},
		Run: func(t *T) {
			p := Dial(t)
			p.Mine = Equal()
			for b := encode(wire.Connect{Version: wire.V06(), Headers: wire.Headers(p.Mine)}); len(b) > 0; {
				n := min(7, len(b))
				p.WriteMalformed(b[:n], "a piece")
				b = b[n:]
				t.Wait(time.Millisecond)
			}
			switch {
			case p.Answered() && p.Answer.Code == wire.Busy:
				t.Inconclusivef("the target is busy: %s", p.Answer.Phrase)
			case p.Answer == nil || p.Answer.Code != wire.Accepted:
				p.Alive()
				t.Failf("a first step in pieces is not accepted: %s", p.Last())
			}
			ping := NewPing(t, 1, 0)
			third := encode(wire.Status{Code: wire.Accepted, Phrase: "OK"})
			p.WriteMalformed(append(third, encode(ping)...), "the third step, and a ping behind it")
			if p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				p.Alive()
				t.Failf("a ping in one segment with the third step is not answered: %s", p.Last())
			}
			t.Earn()
		},
	},
}

// refusedAtLast answers the target's acceptance by a refusal, and says whether it
// closes.
func refusedAtLast(t *T) (p *Peer, dropped bool) {
	p = Dial(t)
	p.Alive()
	p.Greet(Equal())
	if !p.Answered() || p.Answer.Code != wire.Accepted {
		t.Inconclusivef("the target did not accept: %s", p.Last())
	}
	p.Write(encode(wire.Status{Code: wire.Busy, Phrase: "Busy"}), "we changed our mind")
	dropped = p.Dropped(AnswerWithin)
	p.Alive()
	return p, dropped
}

// taken fails the case unless the target accepts what is sent as a first step, and
// answers a ping. One that has no room for now is asked again.
func taken(t *T, what string, greet func(*Peer)) *Peer {
	p := again(func() *Peer {
		p := Dial(t)
		greet(p)
		p.Answered()
		return p
	}, func(p *Peer) bool { return p.Answer != nil && p.Answer.Code == wire.Busy })
	switch {
	case p.Answer == nil:
		p.Alive()
		t.Failf("%s is not answered: %s", what, p.Last())
	case p.Answer.Code == wire.Busy:
		t.Inconclusivef("the target is busy, be it for %s: %s", what, p.Answer.Phrase)
	case p.Answer.Code != wire.Accepted:
		p.Alive()
		t.Failf("%s is refused: %d %s", what, p.Answer.Code, p.Answer.Phrase)
	}
	p.Conclude(nil)
	p.Control()
	return p
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
