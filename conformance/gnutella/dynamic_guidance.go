package gnutella

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// silenceOfALeaf is how long an answer is waited for, with some room for clocks.
const silenceOfALeaf = 11 * time.Second

// guides has the leaf answer how many results it has, from now on; below 0 not at all.
func (c *circle) guides(results int) {
	c.leaf.On = func(r *Received) {
		v, err := wire.ParseVendorMessage(r.Payload)
		if r.Type != wire.TypeVendor || err != nil || string(v.Vendor[:]) != "BEAR" || v.Selector != 11 || results < 0 {
			return
		}
		d := NewVendor(c.T, "BEAR", 12, 1, binary.LittleEndian.AppendUint16(nil, uint16(results)))
		d.GUID = r.GUID
		c.leaf.Send(d)
	}
}

// guided judges that the answer of a leaf ends its query, which goes on while it says
// that it has nothing.
func guided(t *T, results int) {
	c := newCircle(t, Querying())
	c.guides(0)
	c.guidedOn(c.askedGuided())
	c.guides(results)
	guid := c.askedGuided()
	if !c.Until(func() bool { return c.leaf.Saw(wire.TypeVendor, guid) > 0 }, nextWithin) {
		c.Inconclusivef("the target asks the leaf about one query, and not about the next: %s", c.leaf.Last())
	}
	if results < 0 {
		c.Wait(silenceOfALeaf)
	}
	c.Wait(time.Second) // a query may be under way
	n := c.notAll(guid)
	c.Wait(allWithin)
	if more := len(c.seen(guid)) - n; more > 0 {
		c.Failf("%d more links were asked than the %d before", more, n)
	}
}

// askedGuided has the leaf ask for something, and guide the query, which gets thirty
// results, less than are enough: some ask a leaf only when there is something that it
// may have liked, gtk-gnutella from twenty on.
func (c *circle) askedGuided() wire.GUID {
	guid := c.asked(wire.QueryGuidance)
	answer(c.seen(guid)[0].link, guid, 30)
	return guid
}

// guidedOn waits for the target's question to the leaf, and for the next link behind
// the answer.
func (c *circle) guidedOn(guid wire.GUID) {
	c.leaf.listening()
	if v := c.leaf.awaitVendor(nextWithin, "BEAR", 11); v == nil {
		c.Unsupportedf("the target does not ask the leaf how many results it has")
	}
	c.Wait(time.Second) // a query may be under way
	if n := c.notAll(guid); !c.atLeast(n+1, guid, nextWithin) {
		c.Inconclusivef("the leaf says that it has nothing, and the target asks no more links than %d", n)
	}
}

// guidance judges queries that a leaf guides.
var guidance = []Case{
	paced("leaf-is-asked-for-its-results", 2, conformance.Should, []string{"GN-UQ-24", "GN-VE-01"},
		around+"Its query says that it will guide the target (bits 15 and 12), and thirty results come. The target should "+
			"ask it how many results it has, by BEAR/11v1 with the GUID of the query, TTL 1 and no hops.",
		[]string{"leaf guidance is not known", "the question has a GUID of its own"}, []string{
			"floods-for-leaves", "guidance-has-another-guid", "guidance-is-not-asked-for",
			"no-maximum",
		},
		func(t *T) {
			c := newCircle(t, Querying())
			c.leaf.listening()
			c.guides(0)
			guid := c.askedGuided()
			v := c.leaf.awaitVendor(nextWithin, "BEAR", 11)
			switch {
			case v == nil:
				t.Failf("the leaf was not asked how many results it has: %s", c.leaf.Last())
			case v.GUID != guid:
				t.Mismatch("the GUID of the question", hexOf(v.GUID[:]), "that of the query, "+hexOf(guid[:]))
			case v.TTL != 1 || v.Hops != 0 || v.Version != 1:
				t.Mismatch("the question", v.Received, "version 1, TTL 1, hops 0")
			}
		}),
	paced("leaf-that-guides-not-is-left-alone", 2, conformance.Should, []string{"GN-UQ-24"},
		around+"A query that says it will guide the target is asked about. The next does not say so, gets thirty results "+
			"as well, and the target should not ask about it.",
		[]string{"all leaves are asked"}, []string{"all-leaves-are-asked"},
		func(t *T) {
			c := newCircle(t, Querying())
			c.guides(0)
			c.guidedOn(c.askedGuided())
			guid := c.asked(0)
			answer(c.seen(guid)[0].link, guid, 30)
			c.atLeast(len(c.links), guid, nextWithin)
			c.leaf.Control()
			if c.leaf.Saw(wire.TypeVendor, guid) > 0 {
				t.Failf("a leaf was asked how many results it has, though it has not said that it tells")
			}
		}),
	paced("leaf-that-has-enough-ends-it", 2, conformance.Should, []string{"GN-UQ-23", "GN-UQ-24"},
		around+"It guides the query, and says that it has 200 results, of other ultrapeers, too: 150 are enough for "+
			"anybody. The target should ask nobody more.",
		[]string{"the answer is not read", "it is read in the wrong order of bytes"}, []string{
			"guidance-is-not-heard", "silence-is-no-results",
		},
		func(t *T) { guided(t, 200) }),
	paced("leaf-that-wants-no-more-ends-it", 2, conformance.Should, []string{"GN-UQ-24"},
		around+"It guides the query, and answers FFFF: it wants no more. The target should ask nobody more.",
		[]string{"the answer is taken for a negative number of results"}, []string{
			"guidance-is-a-signed-number", "guidance-is-not-heard", "silence-is-no-results",
		},
		func(t *T) { guided(t, 0xffff) }),
	paced("silence-of-the-leaf-ends-it", 2, conformance.Should, []string{"GN-UQ-24"},
		around+"It has said that it guides the query, and does not answer when it is asked. After ten seconds the target "+
			"should give the query up: the leaf has lost interest.",
		[]string{"no answer is taken for no results"}, []string{"silence-is-no-results"},
		func(t *T) { guided(t, -1) }),
	{
		ID: "gnutella06/dynamic/probe-goes-where-tables-list-it", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-UQ-20"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock, conformance.NeedFresh},
		Control: "the leaf's query comes to ultrapeers",
		Explain: "Eight ultrapeers are round the target, of which the last four have told tables that list what the leaf " +
			"asks for. The probe may go to these alone, with a TTL of 1. Where else it goes is recorded.",
		Causes: []string{"the probe goes to the first links, whatever they have told"},
		Within: 5 * time.Minute,
		Kills: []string{
			"compressed-patches-are-not-read", "floods-for-leaves", "forwards-as-received",
			"low-half-first", "no-maximum", "probes-everybody", "probes-far", "raises-low-ttls",
			"tabled-ultrapeers-get-no-last-hop", "tables-of-ultrapeers-are-not-read",
			"ttl-of-leaves-is-kept",
		},
		Run: func(t *T) {
			c, w := newCircle(t, Querying().With("X-Query-Routing", "0.1").With("X-Ultrapeer-Query-Routing", "0.1")), word(t)
			for i, p := range c.links {
				table := tableOf()
				if i >= 4 {
					table = tableOf(w)
				}
				if !p.Tell(updateTo(table, nil, qrp.Shape{})...) {
					t.Inconclusivef("the target did not answer a ping behind an ultrapeer's table: %s", p.Last())
				}
			}
			q := NewQuery(t, w, 7, 0)
			c.leaf.Send(q)
			for _, s := range c.begun(q.GUID) {
				if !slices.Contains(c.links[4:], s.link) || s.TTL != 1 {
					t.Infof("the probe goes with a TTL of %d to an ultrapeer whose table does not list it", s.TTL)
				}
			}
		},
	},
	{
		ID: "gnutella06/dynamic/queries-of-ultrapeers-are-broadcast", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-18", "GN-QY-04"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the query comes to an ultrapeer",
		Explain: "An ultrapeer that queries dynamically asks with a TTL of 3, after one hop. The target must pass that on " +
			"to all seven others at once, by the rules of any query: it is a step of the other's dynamic query already.",
		Causes: []string{"queries of ultrapeers are queried dynamically, too"},
		Kills:  []string{"queries-of-ultrapeers-are-probed"},
		Run: func(t *T) {
			c := newCircle(t, Querying())
			q := NewQuery(t, word(t), 3, 1)
			c.links[0].Send(q)
			if !c.atLeast(1, q.GUID, AnswerWithin) {
				t.Inconclusivef("a query of an ultrapeer was passed on to nobody: %s", c.links[0].Last())
			}
			t.Earn()
			if !c.atLeast(len(c.links)-1, q.GUID, AnswerWithin) {
				t.Failf("a query of an ultrapeer was passed on to %d of %d others", len(c.seen(q.GUID)), len(c.links)-1)
			}
		},
	},
	{
		ID: "gnutella06/dynamic/enough-for-its-own-query", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-23", "GN-QY-03"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs: []conformance.Need{
			conformance.NeedClock, conformance.NeedFresh, conformance.NeedVerb(verbSearch),
		},
		Control: "the target's own query comes to ultrapeers, and to more of them after 60 results",
		Explain: "Eight ultrapeers are round the target, which is told to search. Its query has made no hops. With 60 " +
			"results it goes on, and with 160 it has to stop: 150 are enough.",
		Causes: []string{"results are not counted", "own queries are flooded"},
		Within: 15 * time.Minute,
		Kills: []string{
			"broadcasts-hits", "own-queries-with-hops", "own-queries-with-ttl-15",
			"results-do-not-end-queries", "ttl-of-leaves-is-kept",
		},
		Run: ownSearch,
	},
}

func ownSearch(t *T) {
	c, text := newCircle(t, Querying()), word(t)
	t.Await(t.Do(verbSearch, map[string]any{"text": text}), AnswerWithin)
	var guid wire.GUID
	found := t.Until(func() bool {
		for _, p := range c.links {
			for _, r := range p.Log {
				q, err := wire.ParseQuery(r.Payload)
				if r.Type == wire.TypeQuery && err == nil && string(q.Text) == text {
					guid = r.GUID
					return true
				}
			}
		}
		return false
	}, firstWithin)
	if !found {
		t.Inconclusivef("the target was told to search, and its query did not come within %v", firstWithin)
	}
	probe := c.begun(guid)
	for _, s := range probe {
		if s.Hops != 0 || s.TTL > topTTL {
			t.Mismatch("the header of the target's own query", s.Received, "hops 0, and a TTL of 4 or less")
		}
	}
	answer(probe[0].link, guid, 60)
	if !c.atLeast(len(probe)+1, guid, nextWithin) {
		t.Inconclusivef("with 60 results no more links were asked than the %d of the probe", len(probe))
	}
	answer(probe[0].link, guid, 100)
	t.Wait(time.Second)
	n := c.notAll(guid)
	t.Wait(allWithin)
	if more := len(c.seen(guid)) - n; more > 0 {
		t.Failf("%d more links were asked after 160 results had come", more)
	}
}
