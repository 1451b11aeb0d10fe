package gnutella

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// The rules of dynamic queries (GN-UQ-20 to GN-UQ-23), with some room for clocks.
const (
	circleLinks  = 8
	probeLinks   = 3
	probeTTL     = 2
	tableLinks   = 10 // that a probe with TTL 1 may go to
	probeWait    = 5 * time.Second
	hopWait      = 2400 * time.Millisecond
	hopWaitLeast = hopWait * 9 / 10
	topTTL       = 4 // of X-Max-TTL

	// firstWithin is how soon a probe comes, nextWithin how soon another link is asked
	// when no results come, and allWithin when all of a circle are.
	firstWithin = 10 * time.Second
	nextWithin  = 40 * time.Second
	allWithin   = 4 * time.Minute
)

// circle is a target among many ultrapeers of the harness, and a leaf that asks.
type circle struct {
	*T
	links []*Peer
	leaf  *Peer
}

// newCircle meets the target as eight ultrapeers, which have these offers in turn, and as
// a leaf. That says which vendor messages it knows to who knows any (GN-HD-05).
func newCircle(t *T, offers ...Offer) *circle {
	c := &circle{T: t}
	for i := range circleLinks {
		p := Meet(t, offers[i%len(offers)]).says("X-Dynamic-Querying")
		p.Control()
		c.links = append(c.links, p)
	}
	c.leaf = Meet(t, Talking())
	if _, ok := c.leaf.Answer.Headers.Get("Vendor-Message"); ok {
		c.leaf.Send(NewVendor(t, "\x00\x00\x00\x00", 0, 0, []byte("\x02\x00BEAR\x0b\x00\x01\x00BEAR\x0c\x00\x01\x00")))
	}
	c.leaf.Control()
	return c
}

// Querying is the offer of an ultrapeer that queries dynamically itself, and has six
// links.
func Querying() Offer {
	return Equal().With("X-Dynamic-Querying", "0.1").With("X-Max-TTL", "3").With("X-Degree", "6")
}

// sighting is a query as a link got it.
type sighting struct {
	*Received
	link *Peer
}

// seen are the copies of a query so far, in the order in which they came.
func (c *circle) seen(guid wire.GUID) (list []sighting) {
	for _, p := range c.links {
		for _, r := range p.Log {
			if r.Type == wire.TypeQuery && r.GUID == guid {
				list = append(list, sighting{r, p})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b sighting) int { return int(a.At - b.At) })
	return list
}

// atLeast waits until so many copies of a query have come.
func (c *circle) atLeast(n int, guid wire.GUID, within time.Duration) bool {
	return c.Until(func() bool { return len(c.seen(guid)) >= n }, within)
}

// asked has the leaf ask for what nobody has, with such flags, and waits for the first
// copies. A query that goes nowhere is asked again in other words: gtk-gnutella leaves
// some out.
func (c *circle) asked(flags wire.QueryFlags) wire.GUID {
	for range 2 {
		if q := c.query(flags); c.atLeast(1, q, firstWithin) {
			c.begun(q)
			return q
		}
	}
	q := c.query(flags)
	c.begun(q)
	return q
}

// query has the leaf ask for what nobody has.
func (c *circle) query(flags wire.QueryFlags) wire.GUID {
	q := NewQuery(c.T, word(c.T), 7, 0)
	q.Payload[0] |= byte(flags >> 8)
	c.leaf.Send(q)
	return q.GUID
}

// begun waits for the probe of a query, or ends the case.
func (c *circle) begun(guid wire.GUID) []sighting {
	if !c.atLeast(1, guid, firstWithin) {
		c.Inconclusivef("a query did not come to any of %d ultrapeers within %v", len(c.links), firstWithin)
	}
	c.Earn()
	c.Wait(probeWait / 2)
	return c.seen(guid)
}

// goesOn waits for the first link that is asked behind the probe, or ends the case.
func (c *circle) goesOn(guid wire.GUID) sighting {
	n := len(c.begun(guid))
	if !c.atLeast(n+1, guid, nextWithin) {
		c.Inconclusivef("without results the target asked no more links than the %d that it began with", n)
	}
	return c.seen(guid)[n]
}

// notAll is how many links have been asked: if all have, it is not known whether more
// would be, and the case ends.
func (c *circle) notAll(guid wire.GUID) int {
	n := len(c.seen(guid))
	if n == len(c.links) {
		c.Inconclusivef("all %d links were asked at once, or before the query could end", n)
	}
	return n
}

// answer has a link send hits with so many results.
func answer(p *Peer, guid wire.GUID, results int) {
	const each = 10
	for ; results > 0; results -= each {
		d := NewHit(p, guid, NewGUID(p.t), 3, 0, "answer.txt")
		h, err := wire.ParseQueryHit(d.Payload)
		if err != nil {
			p.t.Harnessf("a hit cannot be written: %v", err)
		}
		h.Count = uint8(min(results, each))
		h.Results = nil
		for i := range h.Count {
			r := wire.Result{Index: uint32(results)<<8 | uint32(i), Size: 1000 + uint32(i), Name: []byte(word(p.t) + ".txt")}
			if h.Results, err = r.Append(h.Results); err != nil {
				p.t.Harnessf("a result cannot be written: %v", err)
			}
		}
		d.Payload = h.Append(nil)
		p.Send(d)
	}
}

// paced is a case about the pace of a dynamic query on virtual time.
func paced(
	slug string, rev int, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	run func(t *T),
) Case {
	return Case{
		ID: "gnutella06/dynamic/" + slug, Rev: rev, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock, conformance.NeedFresh},
		Control: "the leaf's query comes to ultrapeers, and to more of them while nobody answers",
		Explain: explain, Causes: causes, Kills: kills,
		Within: 15 * time.Minute, Run: run,
	}
}

const around = "Eight ultrapeers and a leaf are round the target, and the leaf asks for what nobody has, with a TTL " +
	"of 7. "

// dynamicQueries judges how an ultrapeer asks for its leaves.
var dynamicQueries = []Case{
	paced("ttl-of-the-leaf-does-not-count", 2, conformance.Must, []string{"GN-UQ-18", "GN-HS-36"},
		around+"The target asks for it, with TTLs of its own: at most 4, and after one hop.",
		[]string{"the query of a leaf is flooded like any other"}, []string{
			"forwards-as-received", "hops-stay", "no-maximum", "ttl-of-leaves-is-kept",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			guid := c.asked(0)
			more := c.atLeast(len(c.seen(guid))+1, guid, nextWithin)
			for _, s := range c.seen(guid) {
				if s.TTL > topTTL || s.Hops != 1 {
					t.Mismatch("the header of a leaf's query at an ultrapeer", s.Received, "hops 1, and a TTL of 4 or less")
				}
			}
			if !more {
				t.Inconclusivef("the target asked no more links than the %d at once, as whoever floods", len(c.seen(guid)))
			}
		}),
	paced("begins-with-a-probe", 2, conformance.Should, []string{"GN-UQ-20"},
		around+"At first it should ask three of them with a TTL of 2 at most, or ten at most with a TTL of 1 if "+
			"their tables list it: what many have is found there already. Then it should wait for about six seconds.",
		[]string{"all are asked at once", "there is no pause behind the probe"}, []string{
			"asks-twice", "floods-for-leaves", "forwards-as-received", "no-maximum",
			"probes-everybody", "probes-far", "raises-low-ttls", "ttl-of-leaves-is-kept",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			guid := c.asked(0)
			probe := c.seen(guid)
			for _, s := range probe {
				if s.TTL > probeTTL {
					t.Failf("the probe has a TTL of %d", s.TTL)
				}
			}
			highest := slices.MaxFunc(probe, func(a, b sighting) int { return int(a.TTL) - int(b.TTL) }).TTL
			if len(probe) > probeLinks && (highest > 1 || len(probe) > tableLinks) {
				t.Failf("the probe goes to %d links with a TTL of up to %d", len(probe), highest)
			}
			c.goesOn(guid)
			all := c.seen(guid)
			if wait := all[len(probe)].At - all[0].At; wait < probeWait {
				t.Failf("the next link is asked %v after the probe", wait)
			}
		}),
	paced("waits-by-ttl-between-links", 1, conformance.Must, []string{"GN-UQ-22"},
		around+"Behind the probe it has to ask one link after another, and between two of them wait for 2.4 seconds "+
			"for each hop that the query may make: so long hits may take to come back.",
		[]string{"the pause is the same for all TTLs", "several links are asked at once"}, []string{
			"asks-twice", "forwards-as-received", "hurries-after-the-probe", "raises-low-ttls",
			"ttl-of-leaves-is-kept",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			guid := c.asked(0)
			probe := len(c.seen(guid))
			c.goesOn(guid)
			c.atLeast(len(c.links), guid, allWithin)
			all := c.seen(guid)
			if len(all) < probe+2 {
				t.Inconclusivef("the target asked no more than %d links in all", len(all))
			}
			for i := probe + 1; i < len(all); i++ {
				last := all[i-1]
				if wait, least := all[i].At-last.At, time.Duration(last.TTL)*hopWaitLeast; wait < least {
					t.Failf("a link was asked %v after one with a TTL of %d, which takes %v", wait, last.TTL,
						time.Duration(last.TTL)*hopWait)
				}
			}
		}),
	paced("asks-each-link-once", 2, conformance.Should, []string{"GN-UQ-20", "GN-UQ-23"},
		around+"It should go on until all eight have been asked, each of them once.",
		[]string{"it ends before its links do", "a link is asked again with a higher TTL"}, []string{
			"all-leaves-are-asked", "asks-twice", "forwards-to-one", "gives-up-after-the-probe",
			"gives-up-halfway", "hurries-after-the-probe", "probes-everybody",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			guid := c.asked(0)
			c.notAll(guid)
			if !c.atLeast(len(c.links), guid, allWithin) {
				t.Failf("without a result only %d of %d links were asked within %v", len(c.seen(guid)), len(c.links), allWithin)
			}
			c.Wait(nextWithin)
			for i, p := range c.links {
				if n := p.Saw(wire.TypeQuery, guid); n > 1 {
					t.Failf("link %d of %d was asked %d times", i+1, len(c.links), n)
				}
			}
		}),
	paced("enough-for-a-leaf", 2, conformance.Must, []string{"GN-UQ-23"},
		around+"A second query of the leaf gets 60 results of the first link that is asked. Fifty are enough for a "+
			"leaf, which asks other ultrapeers, too: no further link must be asked.",
		[]string{"results are not counted", "hits are counted instead of results"}, []string{
			"broadcasts-hits", "results-do-not-end-queries",
		},
		func(t *T) { stopsAt(newCircle(t, Querying()), 60) }),
	paced("few-results-are-not-enough", 1, conformance.Should, []string{"GN-UQ-23"},
		around+"A query of the leaf gets 10 results of the first link that is asked. That is not enough: others "+
			"should be asked, too.",
		[]string{"the first hit ends the query"}, []string{"one-result-is-enough"},
		func(t *T) {
			c := newCircle(t, Querying())
			c.goesOn(c.asked(0))
			guid := c.asked(0)
			answer(c.seen(guid)[0].link, guid, 10)
			if n := len(c.seen(guid)); !c.atLeast(n+1, guid, nextWithin) {
				t.Failf("with 10 results no more links were asked than the %d of the probe", n)
			}
		}),
	paced("maximum-of-the-link-counts", 2, conformance.Must, []string{"GN-UQ-21", "GN-HS-36"},
		around+"Every second has said X-Max-TTL: 1. The query must come to none of these with more, on whatever step, "+
			"though others get more.",
		[]string{"the header is not read", "it is kept for the probe alone"}, []string{
			"always-asks-far", "floods-for-leaves", "forwards-as-received", "hurries-after-the-probe",
			"maxima-of-links-are-not-read", "no-maximum", "probes-far", "raises-low-ttls", "ttl-of-leaves-is-kept",
		},
		func(t *T) {
			c := newCircle(t, Querying().With("X-Max-TTL", "1"), Querying())
			guid := c.asked(0)
			c.atLeast(len(c.links), guid, allWithin)
			near, far := 0, 0
			for _, s := range c.seen(guid) {
				switch isNear := slices.Index(c.links, s.link)%2 == 0; {
				case isNear && s.TTL > 1:
					t.Failf("the query has a TTL of %d at a link with X-Max-TTL: 1", s.TTL)
				case isNear:
					near++
				case s.TTL > 1:
					far++
				}
			}
			if near == 0 || far == 0 {
				t.Inconclusivef("%d links with X-Max-TTL: 1 were asked, and %d others with a TTL of more", near, far)
			}
		}),
	paced("horizon-ends-it", 1, conformance.Should, []string{"GN-UQ-21", "GN-UQ-23"},
		"Eight ultrapeers with a thousand links each and a leaf are round the target. With a TTL of 3 one of them leads "+
			"to a million hosts, by the formula of the document. What is not found there is nowhere: of the eight not "+
			"all should be asked.",
		[]string{"the degree is not read", "hosts are not counted"}, []string{
			"asks-twice", "degrees-are-not-read", "hurries-after-the-probe",
		},
		func(t *T) {
			wide := Querying().With("X-Degree", "1000")
			c := newCircle(t, wide)
			guid := c.asked(0)
			c.goesOn(guid)
			c.Wait(allWithin)
			if n := len(c.seen(guid)); n == len(c.links) {
				t.Failf("all %d links were asked, with as many as a million hosts behind each", n)
			}
		}),
	paced("results-lower-the-ttl", 2, conformance.Should, []string{"GN-UQ-21"},
		around+"The probe's links give 30 results, of the 50 that are wanted. At that rate a handful of hosts more will "+
			"do, and each link that is left can be asked with a TTL that leads to its share: less than 3.",
		[]string{"the TTL behind the probe is always the highest"}, []string{
			"always-asks-far", "broadcasts-hits", "forwards-as-received", "raises-low-ttls",
			"results-do-not-end-queries", "ttl-of-leaves-is-kept",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			if far := c.goesOn(c.asked(0)); far.TTL < 3 {
				t.Unsupportedf("without results, too, the next link is asked with a TTL of %d", far.TTL)
			}
			guid := c.asked(0)
			probe := c.seen(guid)
			answer(probe[0].link, guid, 30)
			if !c.atLeast(len(probe)+1, guid, nextWithin) {
				t.Inconclusivef("with 30 results no more links were asked than the %d of the probe", len(probe))
			}
			if next := c.seen(guid)[len(probe)]; next.TTL >= 3 {
				t.Failf("with 30 of 50 results the next link is asked with a TTL of %d", next.TTL)
			}
		}),
}

// stopsAt judges that a leaf's query ends with so many results, and would have gone on
// without.
func stopsAt(c *circle, results int) {
	c.goesOn(c.asked(0))
	guid := c.asked(0)
	answer(c.seen(guid)[0].link, guid, results)
	c.Wait(time.Second) // a query may be under way
	n := c.notAll(guid)
	c.Wait(allWithin)
	if more := len(c.seen(guid)) - n; more > 0 {
		c.Failf("%d more links were asked after %d results had come", more, results)
	}
}
