package gnutella

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// returning judges how hits and pushes find their ways.
var returning = []Case{
	{
		ID: "gnutella06/hit/back-on-the-way-of-the-query", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-05", "GN-HD-08"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the query comes out, so that there is a way back",
		Explain: "A hit for a query must come to who has asked, with a TTL less by one and a hop more, " +
			"and to nobody else.",
		Causes: []string{"hits are sent to all"},
		Kills:  []string{"broadcasts-hits", "hits-keep-their-ttl", "new-id-for-each-hit"},
		Run:    func(t *T) { hitReturns(t, Between(t), met) },
	},
	{
		ID: "gnutella06/hit/nobody-asked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-05"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a hit for a query is passed back before and after",
		Explain: "A hit with a GUID that no query had must not be passed on.",
		Causes:  []string{"hits without a way back are sent to all"},
		Kills:   []string{"broadcasts-hits", "broadcasts-stray-hits"},
		Run:     func(t *T) { strayHit(t, Between(t)) },
	},
	{
		ID: "gnutella06/hit/high-ttls-pass", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QH-06"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a hit with TTL 3 is passed back",
		Explain: "A hit with TTL 10: the maximum is for what is sent to all. It should come back; a TTL " +
			"that is lowered further than by one is recorded.",
		Causes: []string{"one maximum is applied to descriptors of all types"},
		Kills:  []string{"drops-hits-of-high-ttl"},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			q := l.Asked()
			out := l.Back(NewHit(l.B, q.GUID, NewGUID(t), 10, 0, "answer.txt"))
			if out == nil {
				l.Returns()
				t.Failf("a hit with TTL 10 is not passed back")
			}
			if out.TTL != 9 {
				t.Observef("the TTL of a hit is lowered from 10 to %d", out.TTL)
			}
		},
	},
	{
		ID: "gnutella06/hit/unknown-private-data-passes", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-09", "GN-PG-18"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a hit with an empty trailer is passed back",
		Explain: "A hit whose trailer has private data of an unknown vendor, and a GGEP block behind it, of which " +
			"its flags tell. It must be passed back, with the block: private data that is not understood is " +
			"ignored. Whether the data before the block is still there is recorded.",
		Causes: []string{"hits are parsed and written anew", "what is not understood makes a hit malformed"},
		Kills:  []string{"drops-hits-of-strangers", "hits-lose-their-blocks", "new-id-for-each-hit"},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			q := l.Asked()
			hit := NewHit(l.B, q.GUID, NewGUID(t), 3, 0, "answer.txt")
			h, err := wire.ParseQueryHit(hit.Payload)
			if err != nil {
				t.Harnessf("the hit cannot be read: %v", err)
			}
			h.Trailer.Vendor = [4]byte{'X', 'X', 'X', 'X'}
			h.Trailer.Flags = h.Trailer.Flags.With(wire.HitGGEP, true)
			h.Trailer.Private = append([]byte{1, 2, 3}, unknownBlock()...)
			hit.Payload = h.Append(nil)
			private := passesBack(l, hit, "a hit with private data of an unknown vendor")
			if !bytes.Contains(private, unknownExtension()) {
				t.Mismatch("the private data of a hit", hexOf(private), "with the block "+hexOf(unknownBlock()))
			}
			if !bytes.HasPrefix(private, []byte{1, 2, 3}) {
				t.Observef("the private data before the block is gone")
			}
		},
	},
	{
		ID: "gnutella06/hit/of-2-kb-passes", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QH-11"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a short hit is passed back",
		Explain: "A hit of 2048 bytes, header included, with many results. It should be passed back as it came.",
		Causes:  []string{"a buffer for hits is shorter", "the length is kept in too few bits"},
		Kills:   []string{"drops-long-hits", "new-id-for-each-hit"},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			passesBack(l, longHit(l.B, l.Asked().GUID), "a hit of 2048 bytes")
		},
	},
	{
		ID: "gnutella06/hit/empty-ones-are-discarded", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QH-12"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a hit with one result is passed back before and after",
		Explain: "A hit with no result and no trailer answers nothing, and should not be passed on.",
		Causes:  []string{"the count is not looked at"},
		Kills:   []string{"broadcasts-hits", "passes-empty-hits"},
		Run: func(t *T) {
			l := Between(t)
			q := l.Asked()
			h := wire.QueryHit{Addr: l.B.Advertised(), Speed: 1000, ServentID: NewGUID(t)}
			d := wire.Descriptor{GUID: q.GUID, Type: wire.TypeQueryHit, TTL: 3, Payload: h.Append(nil)}
			if !t.Silent(l.Returns, func() { l.B.Send(d) }, func() bool { return l.A.Saw(d.Type, d.GUID) > 0 }) {
				t.Failf("a hit with no result is passed on")
			}
		},
	},
	{
		ID: "gnutella06/push/to-who-has-sent-the-hit", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-01", "GN-PU-03"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a hit of the same servent has come back before",
		Explain: "A push names the servent of a hit that was passed back. It must come to the neighbour " +
			"that the hit came from, with a TTL less by one, a hop more and the same payload; a push for a " +
			"servent of which nothing was heard must come to nobody.",
		Causes: []string{"pushes are routed by GUID", "a push without a way is sent to all"},
		Kills: []string{
			"broadcasts-hits", "broadcasts-stray-pushes", "pushes-keep-their-ttl", "routes-pushes-by-guid",
		},
		Run: func(t *T) { pushReaches(t, Between(t)) },
	},
	{
		ID: "gnutella06/push/duplicates-have-one-guid", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-05"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "pushes with GUIDs of their own are passed on before and after",
		Explain: "Pushes for one servent, each with a GUID of its own, must all be passed on. One that " +
			"comes again with its GUID must not.",
		Causes: []string{"the servent id decides what is a duplicate", "pushes are not remembered"},
		Kills:  []string{"forgets-what-it-saw", "one-push-for-each-servent", "pushes-again-and-again"},
		Run: func(t *T) {
			l := Between(t)
			servent := l.heardOf()
			l.A.Send(NewPush(l.B, servent, 3, 0))
			if l.B.AwaitType(AnswerWithin, wire.TypePush) == nil {
				t.Inconclusivef("a push is not passed on: %s", l.B.Last())
			}
			var last wire.Descriptor
			if last = NewPush(l.B, servent, 3, 0); l.Through(last) == nil {
				t.Failf("a second push for one servent is not passed on, although its GUID is new")
			}
			if !t.Silent(l.Relays, func() { l.A.Send(last) }, func() bool { return l.B.Saw(last.Type, last.GUID) > 1 }) {
				t.Failf("a push is passed on again that has the same GUID")
			}
		},
	},
}

// hitReturns has B answer what A asks, while C looks on.
func hitReturns(t *T, l Line, meet func(*T) *Peer) {
	c := meet(t)
	l.Returns()
	q := l.Asked()
	hit := NewHit(l.B, q.GUID, NewGUID(t), 3, 0, "answer.txt")
	out := l.Back(hit)
	if out == nil {
		t.Failf("a hit does not come back to who has asked: %s", l.A.Last())
	}
	l.Returns()
	switch {
	case out.TTL >= hit.TTL || out.Hops != 1:
		t.Mismatch("TTL and hops of a hit that came with TTL 3 and hops 0", fmt.Sprintf("%d and %d", out.TTL, out.Hops),
			"2 and 1")
	case c.Saw(hit.Type, hit.GUID) > 0:
		t.Failf("a hit comes to a neighbour that has not asked")
	}
	sameHit(t, out, hit, "a hit")
}

// strayHit sends a hit for which nobody has asked.
func strayHit(t *T, l Line) {
	d := NewHit(l.B, NewGUID(t), NewGUID(t), 3, 0, "answer.txt")
	if !t.Silent(l.Returns, func() { l.B.Send(d) }, func() bool { return l.A.Saw(d.Type, d.GUID) > 0 }) {
		t.Failf("a hit with an unknown GUID is passed on")
	}
}

// strayPong sends a pong for which nobody has asked.
func strayPong(t *T, l Line) {
	pong := wire.Pong{Addr: l.A.Advertised(), Files: 1, Kilobytes: 1}
	d := wire.Descriptor{GUID: NewGUID(t), Type: wire.TypePong, TTL: 3, Payload: pong.Append(nil)}
	l.Stops(d, "a pong with an unknown GUID")
}

// passesBack fails the case unless a hit comes back that says what was sent. It
// returns the private data in its trailer.
func passesBack(l Line, hit wire.Descriptor, what string) (private []byte) {
	out := l.Back(hit)
	if out == nil {
		l.Returns()
		l.t.Failf("%s is not passed back: %s", what, l.A.Last())
	}
	return sameHit(l.t, out, hit, what)
}

// sameHit fails the case unless a hit that was passed on has the results, the host and
// the servent of the one that was sent. Its trailer may have grown: LimeWire adds to
// the private data which servents take pushes for that host. It returns that data.
func sameHit(t *T, got *Received, sent wire.Descriptor, what string) (private []byte) {
	want, err := wire.ParseQueryHit(sent.Payload)
	if err != nil {
		t.Harnessf("the hit cannot be read: %v", err)
	}
	h, err := wire.ParseQueryHit(got.Payload)
	switch {
	case err != nil:
		t.Failf("what is passed on of %s is no hit: %v", what, err)
	case h.Addr != want.Addr || h.Speed != want.Speed:
		t.Mismatch("the host of "+what, fmt.Sprintf("%v, %d kbit/s", h.Addr, h.Speed),
			fmt.Sprintf("%v, %d kbit/s", want.Addr, want.Speed))
	case h.Count != want.Count || !bytes.Equal(h.Results, want.Results):
		t.Mismatch("the results of "+what, fmt.Sprintf("%d: %.80x", h.Count, h.Results),
			fmt.Sprintf("%d: %.80x", want.Count, want.Results))
	case h.ServentID != want.ServentID:
		t.Mismatch("the servent of "+what, hexOf(h.ServentID[:]), hexOf(want.ServentID[:]))
	case want.Trailer != nil && (h.Trailer == nil || h.Trailer.Vendor != want.Trailer.Vendor):
		t.Mismatch("the vendor of "+what, fmt.Sprintf("%+v", h.Trailer), fmt.Sprintf("%q", want.Trailer.Vendor))
	}
	if h.Trailer != nil {
		private = h.Trailer.Private
	}
	return private
}

// longHit is one of 2048 bytes with its header.
func longHit(p *Peer, guid wire.GUID) wire.Descriptor {
	hit := NewHit(p, guid, NewGUID(p.t), 3, 0, "answer.txt")
	h, err := wire.ParseQueryHit(hit.Payload)
	if err != nil {
		p.t.Harnessf("the hit cannot be read: %v", err)
	}
	const size, each = 2048 - wire.HeaderSize, 8 + 2
	left := size - len(hit.Payload)
	for n := 20; left > 0; n++ {
		name := 90
		if left < 2*(each+name) {
			name = left - each
		}
		r := wire.Result{Index: uint32(n), Size: 1, Name: bytes.Repeat([]byte{'a'}, name)}
		h.Results, _ = r.Append(h.Results) // no NUL is in it
		h.Count++
		left -= each + name
	}
	hit.Payload = h.Append(nil)
	return hit
}

// heardOf is the id of a servent of which a hit has gone from B to A.
func (l Line) heardOf() wire.GUID {
	q, servent := l.Asked(), NewGUID(l.t)
	if l.Back(NewHit(l.B, q.GUID, servent, 3, 0, "answer.txt")) == nil {
		l.t.Inconclusivef("the target does not pass a hit back: %s", l.A.Last())
	}
	return servent
}

// pushReaches sends a push for a servent behind B, and one for a servent of which
// nobody has heard.
func pushReaches(t *T, l Line) {
	l.Relays()
	servent := l.heardOf()
	push := NewPush(l.A, servent, 3, 0)
	out := l.Through(push)
	switch {
	case out == nil:
		l.Relays()
		t.Failf("a push does not come to where a hit of its servent came from")
	case out.TTL >= push.TTL || out.Hops != 1:
		t.Mismatch("TTL and hops of a push that came with TTL 3 and hops 0", fmt.Sprintf("%d and %d", out.TTL, out.Hops),
			"2 and 1")
	case !bytes.Equal(out.Payload, push.Payload):
		t.Mismatch("the payload of a push", fmt.Sprintf("%x", out.Payload), fmt.Sprintf("%x", push.Payload))
	}
	l.Stops(NewPush(l.A, NewGUID(t), 3, 0), "a push for an unknown servent")
}
