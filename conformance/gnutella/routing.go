package gnutella

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// passing judges TTL and hops of what an ultrapeer passes on.
var passing = []Case{
	{
		ID: "gnutella06/ttl/lowered-and-hops-raised", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-08"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the queries that come out, and others with TTL 3 before and after",
		Explain: "Queries with TTL 3 and hops 0, TTL 3 and hops 1, TTL 2 and hops 2 come from one " +
			"neighbour. Those that come to another must have a TTL that is less by one at least, hops more " +
			"by one, and the same payload. A servent may lower the TTL further, and one that allows fewer " +
			"hops in all may drop some: that is recorded.",
		Causes: []string{"the TTL is lowered and the hops are forgotten", "what is received is copied"},
		Kills:  []string{"forwards-as-received", "hops-stay", "raises-low-ttls"}, Within: time.Minute,
		Run: func(t *T) { lowered(t, Between(t)) },
	},
	{
		ID: "gnutella06/ttl/with-hops-stays", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-09"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the queries that come out, and others with TTL 3 before and after",
		Explain: "Queries with TTL 2 and 3 and hops 0, which no maximum in use makes lower. TTL and hops together " +
			"should be what they were: each hop takes one of the TTL.",
		Causes: []string{"the TTL is lowered by two", "all are passed on with the same TTL"},
		Kills:  []string{"hops-stay", "lowers-ttls-by-two", "raises-low-ttls"},
		Within: time.Minute,
		Run: func(t *T) {
			for _, p := range Between(t).sweep([]way{{2, 0}, {3, 0}}) {
				if in, out := p.in, p.out; in.TTL+in.Hops != out.TTL+out.Hops {
					t.Mismatch(p.where(), fmt.Sprintf("%d and %d", out.TTL, out.Hops),
						fmt.Sprintf("%d and %d", in.TTL-1, in.Hops+1))
				}
			}
		},
	},
	{
		ID: "gnutella06/ttl/of-1-ends", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-07"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "queries with TTL 3 that are passed on before and after",
		Explain: "A query with TTL 1, and one with TTL 1 and hops 2, must not be passed on to another " +
			"ultrapeer: the TTL would be 0.",
		Causes: []string{"the TTL is looked at before it is lowered"},
		Kills:  []string{"forwards-ttl-1"},
		Run: func(t *T) {
			l := Between(t)
			l.Stops(NewQuery(t, word(t), 1, 0), "a query with TTL 1")
			l.Stops(NewQuery(t, word(t), 1, 2), "a query with TTL 1 and hops 2")
		},
	},
	{
		ID: "gnutella06/ttl/of-0-is-invalid", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-12"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "queries with TTL 3 that are passed on before and after",
		Explain: "A query with TTL 0 and hops 0 has no meaning. It must not be passed on, as it would be " +
			"if 0 became 255.",
		Causes: []string{"an unsigned TTL is lowered below 0"},
		Kills:  []string{"ttl-wraps-round"},
		Run: func(t *T) {
			l := Between(t)
			l.Stops(NewQuery(t, word(t), 0, 0), "a query with TTL 0 and hops 0")
		},
	},
	{
		ID: "gnutella06/ttl/above-the-maximum-is-lowered", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-10"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the queries that come out, or those with TTL 3 where these are dropped",
		Explain: "Queries with TTL 8 and 10 and hops 0, and with TTL 6 and hops 3. What comes out should " +
			"have a TTL and hops of 7 together at most. To pass none on is accepted.",
		Causes: []string{"the maximum counts for the servent's own queries alone"},
		Kills:  []string{"no-maximum", "raises-low-ttls"},
		Run: func(t *T) {
			l := Between(t)
			l.Relays()
			for _, d := range []wire.Descriptor{
				NewQuery(t, word(t), 8, 0), NewQuery(t, word(t), 10, 0), NewQuery(t, word(t), 6, 3),
			} {
				out := l.Through(d)
				if out == nil {
					t.Observef("a query with TTL %d and hops %d is dropped", d.TTL, d.Hops)
					continue
				}
				if sum := int(out.TTL) + int(out.Hops); sum > maxHops {
					t.Mismatch(fmt.Sprintf("TTL and hops of a query that came with TTL %d and hops %d", d.TTL, d.Hops),
						fmt.Sprintf("%d and %d", out.TTL, out.Hops), "7 together at most")
				}
			}
			l.Relays()
		},
	},
	{
		ID: "gnutella06/ttl/above-15-is-dropped", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-11"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "queries with TTL 3 that are passed on before and after",
		Explain: "Queries with TTL 16, 64 and 255. Nobody means that: they should be dropped, and not " +
			"only lowered.",
		Causes: []string{"a TTL beyond some limit takes another way through the code"},
		Kills:  []string{"forwards-ttl-255"},
		Run: func(t *T) {
			l := Between(t)
			for _, ttl := range []uint8{16, 64, 255} {
				l.Stops(NewQuery(t, word(t), ttl, 0), fmt.Sprintf("a query with TTL %d", ttl))
			}
		},
	},
	{
		ID: "gnutella06/ttl/never-rises", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-13"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the queries that come out, of which those with TTL 3 do before and after",
		Explain: "Queries with every TTL and hops that make 7 or less together, and at least TTL 2. Each " +
			"that comes out must have a TTL below that which it came with, and one hop more. Those that do not come " +
			"out are recorded.",
		Causes: []string{"the TTL is set to the servent's own maximum", "the lowest of two limits is not taken"},
		Kills:  []string{"forwards-as-received", "hops-stay", "raises-low-ttls"}, Within: 2 * time.Minute,
		Run: func(t *T) {
			l := Between(t)
			var list []way
			for ttl := uint8(2); ttl <= maxHops; ttl++ {
				for hops := uint8(0); ttl+hops <= maxHops; hops += 2 {
					list = append(list, way{ttl, hops})
				}
			}
			for _, p := range l.sweep(list) {
				p.lowered(t)
			}
		},
	},
	{
		ID: "gnutella06/routing/duplicates-are-dropped", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-17"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "queries that nobody has sent before are passed on before and after",
		Explain: "A query is passed on. It then comes again from the same neighbour, and from a third: " +
			"the GUID and type are known, so neither copy may go on.",
		Causes: []string{"what was seen is remembered for each neighbour alone"},
		Kills:  []string{"echoes-queries", "forgets-what-it-saw"},
		Run:    func(t *T) { onlyOnce(t, Between(t), met) },
	},
	{
		ID: "gnutella06/routing/type-and-guid-name-a-descriptor", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-18"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the ping is answered before the query comes",
		Explain: "A ping and a query have one GUID. They are two descriptors: the ping must be answered, " +
			"and the query passed on.",
		Causes: []string{"what was seen is remembered by its GUID alone"},
		Kills:  []string{"guids-of-all-types-together"},
		Run: func(t *T) {
			l := Between(t)
			l.Relays()
			ping, q := NewPing(t, 1, 0), NewQuery(t, word(t), 3, 0)
			q.GUID = ping.GUID
			l.A.Send(ping)
			if l.A.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				t.Inconclusivef("a ping is not answered: %s", l.A.Last())
			}
			if l.Through(q) == nil {
				l.Relays()
				t.Failf("a query with the GUID of a ping is not passed on")
			}
		},
	},
	{
		ID: "gnutella06/routing/to-all-but-the-sender", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-04"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the query comes out on another link",
		Explain: "Four neighbours: a query of one should reach the three others, and must not come back " +
			"to who has sent it.",
		Causes: []string{"the sender is not left out", "a limit for dynamic queries is applied to those of others"},
		Kills:  []string{"echoes-queries", "forwards-to-one"},
		Run:    func(t *T) { toAllBut(t, met) },
	},
}

// maxHops is the usual maximum of TTL and hops together (GN-HD-10).
const maxHops = 7

// lowered judges TTL and hops of queries that come out of a line.
func lowered(t *T, l Line) {
	came := l.sweep([]way{{3, 0}, {3, 1}, {2, 2}})
	for _, p := range came {
		p.lowered(t)
		if !bytes.Equal(p.out.Payload, p.in.Payload) {
			t.Mismatch("the payload of a query", fmt.Sprintf("%x", p.out.Payload), fmt.Sprintf("%x", p.in.Payload))
		}
		if p.out.TTL < p.in.TTL-1 {
			t.Observef("the TTL of a query with TTL %d and hops %d is lowered to %d", p.in.TTL, p.in.Hops, p.out.TTL)
		}
	}
}

// passed is a query as it came and as it was passed on.
type passed struct {
	in  wire.Descriptor
	out *Received
}

// way is what a query has before it, and what is behind it.
type way struct{ ttl, hops uint8 }

// sweep sends queries on A, each when the last has come out on B or has had its time, and
// returns what has come out before another that is sent behind them. If nothing has, the
// case ends.
func (l Line) sweep(ways []way) (came []passed) {
	l.t.RTT(l.Relays())
	var list []wire.Descriptor
	for _, w := range ways {
		d := NewQuery(l.t, word(l.t), w.ttl, w.hops)
		list = append(list, d)
		l.A.Send(d)
		l.B.AwaitGUID(l.t.SilenceWait()+AnswerWithin/10, d.Type, d.GUID)
	}
	l.Relays()
	for _, d := range list {
		if l.B.Saw(d.Type, d.GUID) == 0 {
			l.t.Observef("a query with TTL %d and hops %d is dropped", d.TTL, d.Hops)
		}
		for _, r := range l.B.Log {
			if r.Type == d.Type && r.GUID == d.GUID {
				came = append(came, passed{d, r})
			}
		}
	}
	if len(came) == 0 {
		l.t.Inconclusivef("none of the queries came out")
	}
	return came
}

func (p passed) where() string {
	return fmt.Sprintf("TTL and hops of a query that came with TTL %d and hops %d", p.in.TTL, p.in.Hops)
}

// lowered fails the case unless the TTL is less, and the hops are more by one.
func (p passed) lowered(t *T) {
	if p.out.TTL >= p.in.TTL || p.out.Hops != p.in.Hops+1 {
		t.Mismatch(p.where(), fmt.Sprintf("%d and %d", p.out.TTL, p.out.Hops),
			fmt.Sprintf("at most %d, and %d", p.in.TTL-1, p.in.Hops+1))
	}
}

// onlyOnce sends a query again on the same link and on a third.
func onlyOnce(t *T, l Line, meet func(*T) *Peer) {
	c := meet(t)
	l.Relays()
	q := NewQuery(t, word(t), 3, 0)
	if l.Through(q) == nil {
		t.Inconclusivef("a query is not passed on: %s", l.B.Last())
	}
	seen := func() bool { return l.B.Saw(q.Type, q.GUID) > 1 || c.Saw(q.Type, q.GUID) > 1 }
	if !t.Silent(l.Relays, func() { l.A.Send(q) }, seen) {
		t.Failf("a query is passed on again that the same neighbour has sent twice")
	}
	if !t.Silent(l.Relays, func() { c.Send(q) }, func() bool { return seen() || l.A.Saw(q.Type, q.GUID) > 0 }) {
		t.Failf("a query is passed on again that another neighbour has sent, too")
	}
}

// toAllBut has one of four neighbours ask.
func toAllBut(t *T, meet func(*T) *Peer) {
	a, b, c, d := meet(t), meet(t), meet(t), meet(t)
	l := Line{a, b, t}
	l.Relays()
	q := NewQuery(t, word(t), 3, 0)
	a.Send(q)
	for i, p := range []*Peer{b, c, d} {
		if p.AwaitGUID(AnswerWithin, q.Type, q.GUID) == nil {
			t.Failf("a query does not reach neighbour %d of 3: %s", i+1, p.Last())
		}
	}
	l.Relays()
	if a.Saw(q.Type, q.GUID) > 0 {
		t.Failf("a query comes back to who has sent it")
	}
}
