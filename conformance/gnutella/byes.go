package gnutella

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// CloseWithin is how long a link may stay open after a Bye of its own side: the
// document asks for a few seconds.
const CloseWithin = 20 * time.Second

// byes judges how the target takes its leave, and lets others take theirs.
var byes = []Case{
	{
		ID: "gnutella06/bye/closes-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-BY-05"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 before; another link afterwards",
		Explain: "The harness says Bye 200. The target must close, and send nothing more: no Bye of its own.",
		Causes:  []string{"Bye is answered by Bye", "the link stays until the other side closes"},
		Kills:   []string{"answers-bye-by-bye", "ignores-bye"},
		Run: func(t *T) {
			p := Meet(t, Equal()).says("Bye-Packet")
			p.Control()
			p.Send(NewBye(t, wire.ByeExit, "Closing down"))
			n := len(p.Log)
			dropped := p.Dropped(AnswerWithin)
			p.Alive()
			for _, r := range p.Log[n:] {
				if r.Type == wire.TypeBye {
					t.Mismatch("what follows a Bye", r.String(), "nothing")
				}
			}
			if !dropped {
				t.Failf("the link is open %v after a Bye", AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/bye/of-another-ttl-is-discarded", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-BY-04"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 before, and after on the same link",
		Explain: "Bye is a message between neighbours, with TTL 1 and hops 0. One with TTL 3 should be " +
			"discarded: the link stays.",
		Causes: []string{"the TTL is not looked at"},
		Kills:  []string{"answers-bye-by-bye", "byes-of-any-ttl"},
		Run: func(t *T) {
			p := Meet(t, Equal()).says("Bye-Packet")
			p.Control()
			bye := NewBye(t, wire.ByeExit, "Closing down")
			bye.TTL = 3
			p.Send(bye)
			if p.Dropped(time.Second) {
				p.Alive()
				t.Failf("the link is closed at a Bye with TTL 3")
			}
			p.Control()
		},
	},
	{
		ID: "gnutella06/bye/layout", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-BY-01", "GN-BY-03", "GN-BY-06", "GN-BY-08"}, Role: conformance.Servent,
		Kind:    conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "a ping of TTL 1 before the target is asked to end",
		Explain: "The target is asked to end. If it says Bye to a neighbour that knows it, that must have TTL 1 " +
			"and hops 0: a code, 200 or 201, with its lower byte first, and a text that a NUL ends. Nothing " +
			"may follow, and the link must be closed in some seconds.",
		Causes: []string{"the code is written in network order", "the text has no NUL", "pings go on after the Bye"},
		Kills:  []string{"bye-in-network-order", "bye-with-ttl-7", "talks-after-its-bye"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			r, y := p.farewell()
			switch {
			case r.TTL != 1 || r.Hops != 0:
				t.Mismatch("TTL and hops of a Bye", r.String(), "TTL 1 and hops 0")
			case y.Code != wire.ByeExit && y.Code != wire.ByeClosedByUser:
				t.Mismatch("the code of a Bye at the end", y.Code, "200 or 201")
			}
			dropped := p.Dropped(CloseWithin)
			if last := p.Log[len(p.Log)-1]; last.Type != wire.TypeBye {
				t.Mismatch("what follows the target's Bye", last.String(), "nothing")
			}
			if !dropped {
				t.Failf("the link is open %v after the target's Bye", CloseWithin)
			}
		},
	},
	{
		ID: "gnutella06/bye/long-form", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-BY-09"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "a ping of TTL 1 before the target is asked to end; the Bye itself",
		Explain: "Behind the text of a Bye, after CR LF, there should be headers as in a handshake, " +
			"Server at least.",
		Causes: []string{"the short form is sent"},
		Kills:  []string{"bye-in-short"},
		Run: func(t *T) {
			_, y := Meet(t, Equal()).farewell()
			if !strings.Contains(strings.ToLower(string(y.Headers)), "server:") {
				t.Mismatch("the headers of a Bye", fmt.Sprintf("%q", y.Headers), "Server at least")
			}
		},
	},
	{
		ID: "gnutella06/bye/only-to-who-knows-it", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-BY-02"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "neighbours that say Bye-Packet, and do the same, are told a Bye; a ping of TTL 1 before each; another " +
			"link afterwards",
		Explain: "Neighbours that did not say Bye-Packet send what a target may part with them for: one a broken " +
			"table, one a header with a length that no descriptor has, one a query of more than 1 kB, one many " +
			"queries at once. Whatever the target makes of it, it must not send a Bye.",
		Causes: []string{"Bye is sent to everybody"},
		Kills:  []string{"byes-for-all"},
		Run: func(t *T) {
			_, knows := met(t).Answer.Headers.Get("Bye-Packet")
			if r := provoked(t, Equal().Without("Bye-Packet")); r != nil {
				t.Mismatch("what a neighbour without Bye-Packet is told", r.String(), "no Bye")
			}
			if !knows {
				t.Unsupportedf("the target does not say Bye-Packet")
			}
			if provoked(t, Equal()) == nil {
				t.Unsupportedf("the target says no Bye to neighbours that know it either")
			}
		},
	},
	{
		ID: "gnutella06/bye/hits-pass-in-the-time-of-grace", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-BY-07"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Control: "queries and hits pass before the Bye",
		Explain: "One neighbour provokes a Bye, by a broken table, and does not close. What it still " +
			"sends is dropped, but for hits and pushes, which may be passed on: a query must not be. What " +
			"becomes of a hit is recorded.",
		Causes: []string{"descriptors are handled as before until the link is closed"},
		Kills:  []string{"listens-after-its-bye"},
		Run:    graceful,
	},
}

// provoked is the Bye that the target says to a neighbour with such an offer, for
// something that it may part with one for; nil without one.
func provoked(t *T, o Offer) *Received {
	for _, provoke := range []func(p *Peer){
		func(p *Peer) { p.SendBytes(brokenTable(t), noSequence) },
		func(p *Peer) { p.SendBytes(endless(t), "a length of 4 GiB") },
		func(p *Peer) { p.Send(NewQuery(t, word(t)+strings.Repeat(" x", 548), 3, 0)) },
		func(p *Peer) {
			for range 100 {
				p.Send(NewQuery(t, word(t), 3, 0))
			}
		},
	} {
		p := Meet(t, o)
		p.Control()
		provoke(p)
		p.Dropped(AnswerWithin)
		p.Alive()
		for _, r := range p.Log {
			if r.Type == wire.TypeBye {
				return r
			}
		}
	}
	return nil
}

// farewell asks the target to end, and waits for its Bye, without which there is
// nothing to judge: it may just end.
func (p *Peer) farewell() (*Received, wire.Bye) {
	p.says("Bye-Packet").Control()
	p.t.Quit()
	r := p.AwaitType(CloseWithin, wire.TypeBye)
	if r == nil {
		p.t.Unsupportedf("the target ends without a Bye: %s", p.Last())
	}
	y, err := wire.ParseBye(r.Payload)
	if err != nil {
		p.t.Failf("the target's Bye is none: %v", err)
	}
	return r, y
}

// brokenTable is a part of a table that was not begun, which costs a link.
func brokenTable(t *T) []byte {
	return encode(wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeQRP, TTL: 1, Payload: []byte{1, 1, 1, 0, 4, 0}})
}

const noSequence = "a part of a table that was not begun"

// endless is a header that nobody can mean.
func endless(t *T) []byte {
	header := encode(wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeQuery, TTL: 1})
	copy(header[19:], "\xff\xff\xff\xff")
	return header
}

// graceful goes on to talk after the target's Bye.
func graceful(t *T) {
	l := Line{Meet(t, Equal().With("X-Query-Routing", "0.1")), met(t), t}
	l.A.Control()
	l.Relays()
	back := Line{l.B, l.A, t}
	q := back.Asked() // which a hit of A's may answer
	l.A.SendBytes(brokenTable(t), noSequence)
	if l.A.AwaitType(AnswerWithin, wire.TypeBye) == nil {
		t.Unsupportedf("the target sends no Bye to who sends it a broken table: %s", l.A.Last())
	}
	if l.A.Dropped(AnswerWithin / 10) {
		t.Unsupportedf("the target closes the link with its Bye: there is no time of grace")
	}
	hit, late := NewHit(l.A, q.GUID, NewGUID(t), 3, 0, "answer.txt"), NewQuery(t, word(t), 3, 0)
	l.A.Send(late, hit)
	t.Wait(t.SilenceWait() + AnswerWithin/10)
	if l.B.Saw(late.Type, late.GUID) > 0 {
		t.Failf("a query is passed on that came after the target's Bye")
	}
	t.Observef("a hit that came after the target's Bye is passed on: %v", l.B.Saw(hit.Type, hit.GUID) > 0)
	l.B.Control()
}
