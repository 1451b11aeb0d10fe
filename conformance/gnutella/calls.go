package gnutella

import (
	"bytes"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// dialling are the needs of a case that is dialled by the target.
func dialling(more ...conformance.Need) []conformance.Need {
	return append([]conformance.Need{conformance.NeedBootstrap}, more...)
}

// calls judges the steps of a handshake that the target begins.
var calls = []Case{
	{
		ID: "gnutella06/call/asks-for-a-connection", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-01"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "the handshake is concluded, and a ping is answered on the link",
		Explain: "The target is told of a host and dials it. It must begin with 'GNUTELLA CONNECT/0.6', " +
			"headers in lines that end in CR LF, and an empty line; and wait for the answer.",
		Causes: []string{"lines end in LF alone", "a line is no header", "the empty line is missing",
			"the first ping follows at once"},
		Kills: []string{"dials-with-a-line-of-no-header", "dials-with-lf", "dials-without-an-empty-line"},
		Run: func(t *T) {
			var s *conformance.Stream
			l := t.Listen(func(c *conformance.Stream) { s = c })
			opt := t.Standard()
			opt.Peers = append(opt.Peers, l.Addr())
			t.Start(opt)
			t.Until(func() bool { return s != nil && (len(s.Buffered()) > 0 || s.Ended()) }, CallWithin)
			if s == nil || len(s.Buffered()) == 0 {
				t.Inconclusivef("the target did not dial the host that it was told of within %v", CallWithin)
			}
			t.Until(func() bool { return blockEnd(s.Buffered()) > 0 || s.Ended() }, AnswerWithin)
			b := bytes.Clone(s.Buffered())
			n := blockEnd(b)
			switch {
			case !bytes.HasPrefix(b, []byte("GNUTELLA CONNECT/0.6\r\n")):
				t.Mismatch("the first line", string(b[:min(len(b), 40)]), `GNUTELLA CONNECT/0.6\r\n`)
			case n == 0 && s.Ended():
				t.Inconclusivef("the target hung up before its first step was complete")
			case n == 0:
				t.Mismatch("the end of the first step", string(b[max(0, len(b)-40):]), `an empty line, \r\n`)
			case bytes.Count(b[:n], []byte("\n")) != bytes.Count(b[:n], []byte("\r\n")):
				t.Mismatch("the ends of the lines", "LF", "CR LF")
			}
			t.Wait(300 * time.Millisecond)
			if len(s.Buffered()) > n {
				t.Mismatch("what follows the first step", "more bytes", "nothing before the answer")
			}
			p := NewPeer(t, s)
			if p.Greeting == nil {
				t.Failf("the first step cannot be read: %s", p.Last())
			}
			inRole(t, p.Greeting.Headers)
			p.Take(Equal())
			p.Control()
		},
	},
	{
		ID: "gnutella06/call/any-phrase-accepts", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-03", "GN-HS-04"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "a host that answers '200 OK' is taken by the same target",
		Explain: "The target dials two hosts. One accepts by '200 OK', the other by '200 Fine'. The code alone " +
			"decides: both should get a third step, and an answer to a ping.",
		Causes: []string{"the status line is compared as a whole"},
		Kills:  []string{"wants-ok"},
		Run: func(t *T) {
			ok, fine := NewHost(t), NewHost(t)
			// At once, as it may dial one after the other, and not wait for long.
			ok.Met = func(p *Peer) { p.Reply(wire.Accepted, "OK", Equal()) }
			fine.Met = func(p *Peer) { p.Reply(wire.Accepted, "Fine", Equal()) }
			Called(t, ok, fine)
			p := ok.Greeted()
			p.Taken()
			p.Control()
			q := fine.Greeted()
			if !q.Answered() || q.Answer.Code != wire.Accepted {
				t.Failf("an answer of '200 Fine' is not taken: %s", q.Last())
			}
			q.Control()
		},
	},
	{
		ID: "gnutella06/call/a-refusal-is-the-end", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-05"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "a host that accepts is taken by the same target",
		Explain: "The target dials two hosts. One answers '503 Busy'. The target should close that link " +
			"without a third step or a descriptor, whatever the other host says.",
		Causes: []string{"the answer's code is not looked at"},
		Kills:  []string{"takes-a-refusal-for-an-answer"},
		Run: func(t *T) {
			busy, free := NewHost(t), NewHost(t)
			busy.Met = func(p *Peer) { p.Reply(wire.Busy, "Busy", Plain()) }
			free.Met = func(p *Peer) { p.Reply(wire.Accepted, "OK", Equal()) }
			Called(t, busy, free)
			p := busy.Greeted()
			dropped := p.Dropped(AnswerWithin)
			q := free.Greeted()
			q.Taken()
			q.Control()
			switch {
			case p.Answer != nil:
				t.Mismatch("what follows a refusal", "a third step", "nothing")
			case len(p.Log) > 0:
				t.Mismatch("what follows a refusal", p.Log[0].String(), "nothing")
			case !dropped:
				t.Failf("the link is open %v after a refusal", AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/call/hosts-of-x-try-are-dialled", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-17"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "the host that the target was told of is dialled, and accepts in the end",
		Explain: "A host refuses with 503 and two lists of two others: X-Try-Ultrapeers goes on in a " +
			"second line, X-Try has blanks and a comma at the end. A target that dials one host of a list " +
			"must have read the other as well, and dial it. It may leave a list alone.",
		Causes: []string{"only the first of a list is read", "a blank or a comma at the end makes the list unreadable"},
		Kills:  []string{"reads-the-first-of-a-list"},
		Within: 90 * time.Second,
		Run:    followsLists,
	},
	{
		ID: "gnutella06/call/falls-back-to-04", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-HS-14"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "the first dial, in 0.6",
		Explain: "A host hangs up on the target's 0.6. The target may dial again with the connect string of 0.4, " +
			"which has no headers; what it does is recorded.",
		Causes: []string{"0.4 is not spoken any more, which the draft allows"},
		Kills:  []string{"never-falls-back"},
		Run: func(t *T) {
			h := NewHost(t)
			Called(t, h)
			h.Greeted().Close()
			p := h.Next(CallWithin)
			if p == nil {
				t.Infof("the target did not dial again within %v", CallWithin)
			}
			t.Until(func() bool { return p.Greeting != nil || p.Gone() }, AnswerWithin)
			if p.Greeting == nil || !p.Greeting.Version.Old() {
				t.Infof("the target dialled again, not in 0.4")
			}
			p.Write(encode(wire.Status{Old: true}), "accepted as in 0.4")
			p.Control()
		},
	},
	{
		ID: "gnutella06/call/becomes-a-leaf-when-asked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-32"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "the handshake is concluded either way, and a ping is answered",
		Explain: "The target, an ultrapeer without leaves, dials an ultrapeer that says " +
			"'X-Ultrapeer-Needed: False'. It is to agree, by 'X-Ultrapeer: False' in the third step.",
		Causes: []string{"the header is not known", "the role can only be changed by hand"},
		Kills:  []string{"never-becomes-a-leaf", "tells-no-role"},
		Run: func(t *T) {
			h := NewHost(t)
			Called(t, h)
			p := h.Greeted()
			p.Reply(wire.Accepted, "OK", Routing().With("X-Ultrapeer-Needed", "False"))
			switch {
			case !p.Answered():
				t.Inconclusivef("the target did not conclude a handshake that it began: %s", p.Last())
			case p.Answer.Code != wire.Accepted:
				t.Unsupportedf("the target says that it does not become a leaf: %d %s", p.Answer.Code, p.Answer.Phrase)
			}
			p.Control()
			if !p.Answer.Headers.Lists("X-Ultrapeer", "false") {
				v, _ := p.Answer.Headers.Get("X-Ultrapeer")
				t.Mismatch("X-Ultrapeer in the third step", v, "False")
			}
		},
	},
	{
		ID: "gnutella06/call/leaf-says-so", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-28"}, Role: conformance.Leaf, Kind: conformance.Behaviour,
		Needs:   dialling(),
		Control: "the handshake is concluded, and a ping is answered",
		Explain: "A servent that wants to be a shielded leaf says 'X-Ultrapeer: False' in the first step.",
		Causes:  []string{"the header is left out by who is no ultrapeer"},
		Kills:   []string{"leaf-without-a-role"},
		Run: func(t *T) {
			h := NewHost(t)
			Called(t, h)
			p := h.Greeted()
			if !p.Greeting.Headers.Lists("X-Ultrapeer", "false") {
				v, _ := p.Greeting.Headers.Get("X-Ultrapeer")
				p.Take(Routing())
				p.Control()
				t.Mismatch("X-Ultrapeer in the first step", v, "False")
			}
			p.Take(Routing())
			p.Control()
		},
	},
}

// followsLists refuses the target with lists of hosts, and looks which are dialled.
func followsLists(t *T) {
	first := NewHost(t)
	var hosts []*Host
	another := func() string {
		h := NewHost(t)
		h.Met = func(p *Peer) { p.Reply(wire.Busy, "Busy", Plain()) }
		hosts = append(hosts, h)
		return h.Addr().String()
	}
	Called(t, first)
	p := first.Greeted()
	lines := "GNUTELLA/0.6 503 Busy\r\nX-Try-Ultrapeers:" + another() + ",\r\n\t" + another() +
		"\r\nX-Try: " + another() + " , " + another() + ",\r\n\r\n"
	p.Write([]byte(lines), "503 with lists of hosts")
	dialled := func(h *Host) bool { return len(h.Calls) > 0 }
	all := func() bool { return !slices.ContainsFunc(hosts, func(h *Host) bool { return !dialled(h) }) }
	t.Until(all, 2*CallWithin)
	p.Alive()
	if !slices.ContainsFunc(hosts, dialled) {
		t.Unsupportedf("the target dials none of the hosts that a refusal names")
	}
	for i, what := range []string{"X-Try-Ultrapeers, folded", "X-Try, with blanks and a comma at the end"} {
		pair := hosts[2*i : 2*i+2]
		switch a, b := dialled(pair[0]), dialled(pair[1]); {
		case !a && !b:
			t.Observef("no host of %s was dialled", what)
		case !a || !b:
			t.Failf("of the two hosts of %s, one was dialled alone", what)
		}
	}
}
