package gnutella

import (
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// oldRouting judges how descriptors of 0.4 travel.
var oldRouting = []Case{
	{
		ID: "gnutella04/ping/answered", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-02", "GN-PG-04", "GN-HD-01", "GN-HD-02"}, Role: conformance.Servent,
		Kind:    conformance.Reply,
		Control: "any pong at all within the same time",
		Explain: "A ping with TTL 1 must be answered by a pong of 14 bytes: the port with its lower byte " +
			"first, the address in network order, files and kilobytes.",
		Causes: []string{"the port is written in network order", "extensions are sent to who has not asked for them"},
		Kills: []string{
			"big-endian-ports", "little-endian-addresses", "pong-with-hops", "pongs-are-padded",
			"pongs-have-blocks-for-all", "pongs-with-ggep-for-all",
		},
		Run: func(t *T) {
			p := MeetOld(t)
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			judgePong(t, p, p.AwaitType(AnswerWithin, wire.TypePong), true)
		},
	},
	{
		ID: "gnutella04/ping/travels-on", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-08", "GN-PG-13"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on all three links, and on the third again after the pong",
		Explain: "A ping with TTL 3 of one neighbour is to reach another with TTL 2 or less and hops 1; the pong " +
			"of that one must come back to the first with a hop more, and to nobody else. A servent that " +
			"answers from a cache instead passes no ping on, as later documents have it: that is not " +
			"supported, and not wrong.",
		Causes: []string{"pongs are sent to all", "the pong gets a new GUID"},
		Kills: []string{
			"answers-with-itself-alone", "cached-pongs-begin-anew", "little-endian-addresses",
			"loses-the-way-of-pongs", "pings-keep-their-ttl", "pong-with-hops",
		},
		Run: func(t *T) {
			a, b, c := metOld(t), metOld(t), metOld(t)
			b.Quiet = true
			t.Wait(PingPause)
			ping := NewPing(t, 3, 0)
			a.Send(ping)
			r := b.AwaitGUID(AnswerWithin, wire.TypePing, ping.GUID)
			if r == nil {
				t.Unsupportedf("the target passes no pings on")
			}
			if r.TTL >= ping.TTL || r.Hops != 1 {
				t.Mismatch("TTL and hops of a ping that is passed on", r.String(), "TTL 2 or less and hops 1")
			}
			before := len(a.Log)
			b.pong(r)
			from := b.Advertised()
			back := a.Await(AnswerWithin, func(r *Received) bool {
				m, err := wire.ParsePong(r.Payload)
				return r.Type == wire.TypePong && err == nil && m.Addr == from
			})
			t.RTT(c.Control())
			t.Wait(t.SilenceWait()) // the third may get it later
			switch {
			case back == nil:
				t.Failf("the pong of the second neighbour does not come back to the first; it got %d descriptors more",
					len(a.Log)-before)
			case back.GUID != ping.GUID || back.Hops != 1:
				t.Mismatch("the pong that comes back", back.String(), "the GUID of the ping, and hops 1")
			case c.Saw(wire.TypePong, ping.GUID) > 0:
				t.Failf("the pong comes to a neighbour that has not asked, too")
			}
		},
	},
	{
		ID: "gnutella04/pong/nobody-asked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-13"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "queries that are passed on before and after",
		Explain: "A pong with a GUID that no ping had comes from one neighbour. It must not be passed on " +
			"to another.",
		Causes: []string{"pongs without a way back are sent to all"},
		Kills:  []string{"broadcasts-stray-pongs"},
		Run:    func(t *T) { strayPong(t, BetweenOld(t)) },
	},
	{
		ID: "gnutella04/query/travels-on", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the queries that come out, and others with TTL 3 before and after",
		Explain: "Queries with TTL 3 and hops 0 or 1, and with TTL 2 and hops 2. Those that come out must have " +
			"a TTL that is less by one at least, hops more by one, and the same payload. A servent may lower " +
			"the TTL further, and one that allows fewer hops in all may drop some: that is recorded.",
		Causes: []string{"the TTL is lowered and the hops are forgotten"},
		Kills:  []string{"forwards-as-received", "hops-stay", "raises-low-ttls"}, Within: time.Minute,
		Run: func(t *T) { lowered(t, BetweenOld(t)) },
	},
	{
		ID: "gnutella04/query/ends-with-its-ttl", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-07", "GN-HD-12"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "queries with TTL 3 that are passed on before and after",
		Explain: "Queries with TTL 1, with TTL 1 and hops 2, and with TTL 0 and hops 0: none of them may " +
			"be passed on.",
		Causes: []string{"the TTL is looked at before it is lowered", "an unsigned TTL is lowered below 0"},
		Kills:  []string{"forwards-ttl-1", "ttl-wraps-round"},
		Run: func(t *T) {
			l := BetweenOld(t)
			l.Stops(NewQuery(t, word(t), 1, 0), "a query with TTL 1")
			l.Stops(NewQuery(t, word(t), 1, 2), "a query with TTL 1 and hops 2")
			l.Stops(NewQuery(t, word(t), 0, 0), "a query with TTL 0 and hops 0")
		},
	},
	{
		ID: "gnutella04/query/only-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-17"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "queries that nobody has sent before are passed on before and after",
		Explain: "A query that was passed on comes again from the same neighbour, and from a third. " +
			"Neither copy should go on.",
		Causes: []string{"what was seen is remembered for each neighbour alone"},
		Kills:  []string{"echoes-queries", "forgets-what-it-saw"},
		Run:    func(t *T) { onlyOnce(t, BetweenOld(t), metOld) },
	},
	{
		ID: "gnutella04/query/to-all-but-the-sender", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-04"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the query comes out on another link",
		Explain: "A query of one of four neighbours should reach the three others, and must not come back.",
		Causes:  []string{"the sender is not left out"},
		Kills:   []string{"echoes-queries", "forwards-to-one"},
		Run:     func(t *T) { toAllBut(t, metOld) },
	},
	{
		ID: "gnutella04/hit/answers-a-query", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-01", "GN-QH-02", "GN-QH-03", "GN-QH-04"}, Role: conformance.Servent,
		Kind:    conformance.Reply,
		Control: "the hit itself",
		Explain: "A query, which has made two hops, for words of a file that the target shares. The hit " +
			"must have the GUID of the query, hops 0 and a TTL of 2 at least; a count, the port with its " +
			"lower byte first, and results that end in two NULs; and 16 bytes that name the servent at the " +
			"end.",
		Causes: []string{"the hit has a GUID of its own", "a TTL of 1 does not lead back"},
		Kills:  []string{"big-endian-ports", "hit-with-its-own-guid", "hit-with-ttl-1"},
		Run:    func(t *T) { judgeHit(t, MeetOld(t)) },
	},
	{
		ID: "gnutella04/hit/back-on-the-way-of-the-query", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-05", "GN-HD-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the query comes out, so that there is a way back",
		Explain: "A hit for a query must come to who has asked, with a TTL less by one and a hop more, " +
			"and to nobody else.",
		Causes: []string{"hits are sent to all"},
		Kills:  []string{"broadcasts-hits", "hits-keep-their-ttl", "new-id-for-each-hit"},
		Run:    func(t *T) { hitReturns(t, BetweenOld(t), metOld) },
	},
	{
		ID: "gnutella04/hit/nobody-asked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QH-05"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "a hit for a query is passed back before and after",
		Explain: "A hit with a GUID that no query had must not be passed on.",
		Causes:  []string{"hits without a way back are sent to all"},
		Kills:   []string{"broadcasts-hits", "broadcasts-stray-hits"},
		Run:     func(t *T) { strayHit(t, BetweenOld(t)) },
	},
	{
		ID: "gnutella04/push/to-who-has-sent-the-hit", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-01", "GN-PU-03"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a hit of the same servent has come back before",
		Explain: "A push names the servent of a hit that was passed back. It must come to the neighbour " +
			"that the hit came from, with a TTL less by one, a hop more and the same payload; a push for a " +
			"servent of which nothing was heard must come to nobody.",
		Causes: []string{"pushes are routed by GUID", "a push without a way is sent to all"},
		Kills: []string{
			"broadcasts-hits", "broadcasts-stray-pushes", "pushes-keep-their-ttl", "routes-pushes-by-guid",
		},
		Run: func(t *T) { pushReaches(t, BetweenOld(t)) },
	},
}
