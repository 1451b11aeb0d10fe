package gnutella

import (
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Listening is the offer with the address where the peer says that it is dialled.
func (o Offer) Listening(at netip.AddrPort) Offer { return o.With("Listen-IP", at.String()) }

// meetAt meets the target as a peer that says where it listens.
func meetAt(t *T, o Offer) *Peer {
	p := Dial(t)
	p.Greet(o.Listening(p.Advertised()))
	p.Answered()
	p.Met()
	p.Control()
	return p
}

// recommended are the addresses in a header of a refusal.
func recommended(h wire.Headers, name string) (list []netip.AddrPort) {
	value, _ := h.Get(name)
	for text := range strings.SplitSeq(value, ",") {
		if a, err := netip.ParseAddrPort(strings.TrimSpace(text)); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// leafDuties judges a leaf between its ultrapeers.
var leafDuties = []Case{
	{
		ID: "gnutella06/leaf/shielded-one-takes-nobody", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-30"}, Role: conformance.Leaf, Kind: conformance.Reply,
		Control: "the leaf's ultrapeer has met it and is answered a ping",
		Explain: "The target is the leaf of an ultrapeer. Another leaf that wants to connect has to be refused: a " +
			"shielded leaf has no links but with ultrapeers.",
		Causes: []string{"free places are given to whoever asks"},
		Kills:  []string{"shielded-leaf-takes-leaves"},
		Run: func(t *T) {
			meetAt(t, Routing())
			p := Try(t, Shielded())
			if p.Answer == nil {
				t.Inconclusivef("a leaf got no answer at all: %s", p.Last())
			}
			if p.Answer.Code == wire.Accepted {
				t.Failf("a leaf that has an ultrapeer takes another leaf")
			}
		},
	},
	{
		ID: "gnutella06/leaf/refusal-redirects", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-15", "GN-HS-16", "GN-HS-30"}, Role: conformance.Leaf, Kind: conformance.Reply,
		Control: "the leaf's ultrapeer, which says where it listens, has met it and is answered a ping",
		Explain: "The target is the leaf of an ultrapeer, and refuses another leaf. It should do so with 503, and name " +
			"ultrapeers in X-Try-Ultrapeers, or hosts in X-Try: whoever comes looks for a place in the network.",
		Causes: []string{"the ultrapeer's Listen-IP is not kept", "the refusal has no headers"},
		Kills:  []string{"leaves-take-no-leaves", "refusals-are-not-found", "refusals-name-nobody"},
		Run: func(t *T) {
			meetAt(t, Routing())
			p := Try(t, Shielded())
			switch {
			case p.Answer == nil || p.Answer.Code == wire.Accepted:
				t.Inconclusivef("the leaf was not refused: %s", p.Last())
			case p.Answer.Code != wire.Busy:
				t.Mismatch("the code of the refusal", p.Answer.Code, "503")
			}
			h := p.Answer.Headers
			if len(recommended(h, "X-Try-Ultrapeers"))+len(recommended(h, "X-Try")) == 0 {
				t.Failf("the refusal names no other host, though the target has an ultrapeer")
			}
		},
	},
	{
		ID: "gnutella06/leaf/two-without-ultrapeers-may-meet", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-HS-31"}, Role: conformance.Leaf, Kind: conformance.Reply,
		Control: "the target's status",
		Explain: "The target is a leaf without any ultrapeer. Another leaf that asks for a connection may be taken, " +
			"and the two are equals until they find an ultrapeer. What the target does is recorded.",
		Causes: []string{"leaves connect to ultrapeers alone"},
		Kills:  []string{"leaves-take-no-leaves"},
		Run: func(t *T) {
			p := Try(t, Shielded())
			if p.Answer == nil {
				t.Inconclusivef("a leaf got no answer at all: %s", p.Last())
			}
			inRole(t, p.Answer.Headers)
			if p.Answer.Code != wire.Accepted {
				t.Infof("a leaf without ultrapeers refuses another one: %d %s", p.Answer.Code, p.Answer.Phrase)
			}
			p.Conclude(nil)
			p.Control()
		},
	},
	{
		ID: "gnutella06/leaf/answers-the-last-hop", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-03"}, Role: conformance.Leaf, Kind: conformance.Reply,
		Control: "a query for the same file with a TTL of 2 is answered",
		Explain: "The leaf's ultrapeer passes on a query whose TTL has come to 1, and after three hops. The leaf has to " +
			"answer it, with hops of 0 and a TTL that leads back.",
		Causes: []string{"a query that cannot travel on is not looked at"},
		Kills:  []string{"forwards-ttl-1", "hit-with-ttl-1", "leaf-does-not-hear-the-last-hop"},
		Run: func(t *T) {
			p := Meet(t, Routing())
			p.Finds("alpha bravo", FileAlpha)
			a := p.Ask(NewQuery(t, "testfile alpha", 1, 3))
			switch {
			case a == nil || a.Named(FileAlpha) == nil:
				t.Failf("a query with a TTL of 1 is not answered: %s", p.Last())
			case a.Hops != 0 || a.TTL < 3:
				t.Mismatch("the header of a hit for a query with 3 hops", a.Received, "hops 0, TTL 3 or more")
			}
		},
	},
	{
		ID: "gnutella06/leaf/passes-nothing-on", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Leaf, Kind: conformance.Silence,
		Needs:   dialling(),
		Control: "the leaf answers a query of each of its ultrapeers, of the second one afterwards",
		Explain: "The target is the leaf of two ultrapeers. A query with a TTL of 5 that comes from the one must not go to " +
			"the other: these have better ways between them than the slow link of a leaf.",
		Causes: []string{"what is no hop to a leaf is passed on as in 0.4"},
		Kills:  []string{"leaf-passes-queries-on"},
		Run: func(t *T) {
			a, b := NewHost(t), NewHost(t)
			Called(t, a, b)
			up, other := a.Greeted(), b.Greeted()
			up.Take(Routing())
			other.Take(Routing())
			other.Finds("alpha bravo", FileAlpha)
			q := NewQuery(t, word(t), 5, 1)
			up.Send(q)
			up.Finds("delta foxtrot", FileDelta)
			other.Finds("golf hotel", FileNoise)
			if other.Saw(wire.TypeQuery, q.GUID) > 0 {
				t.Failf("a leaf passed on a query from one ultrapeer to another")
			}
		},
	},
	{
		ID: "gnutella06/leaf/asks-to-guide-its-query", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-24", "GN-QY-12"}, Role: conformance.Leaf, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedVerb(verbSearch)},
		Control: "the query itself comes to the leaf's ultrapeer",
		Explain: "The target, a leaf, is told to search. Its query should be marked as having flags, with the one that " +
			"says it will guide its ultrapeer: bits 15 and 12.",
		Causes: []string{"the flags are those of the first proposal", "guidance is not known"},
		Kills:  []string{"leaf-does-not-offer-guidance"},
		Run: func(t *T) {
			p := Meet(t, Routing().With("Vendor-Message", "0.1"))
			p.Control()
			q, _ := p.searched(word(t))
			if !q.Flags.Has(wire.QueryGuidance) {
				t.Mismatch("the flags of a leaf's query", q.Flags, "bits 15 and 12 set")
			}
		},
	},
	{
		ID: "gnutella06/leaf/says-how-many-hits-it-has", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-24", "GN-VE-01"}, Role: conformance.Leaf, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedVerb(verbSearch)},
		Control: "the leaf's query, which says that it guides its ultrapeer",
		Explain: "The target, a leaf, is told to search, and gets a hit of one file. Its ultrapeer asks how many " +
			"results it has (BEAR/11v1 with the query's GUID), and the leaf should answer 1 (BEAR/12v1, two bytes, the " +
			"lower first). Some count hits that they think are spam as none.",
		Causes: []string{"the answer has a GUID of its own", "hits are counted instead of results"},
		Kills: []string{
			"broadcasts-hits", "leaf-counts-from-one", "leaf-says-nothing-of-its-hits",
			"results-do-not-end-queries",
		},
		Run: func(t *T) {
			p := Meet(t, Routing().With("Vendor-Message", "0.1"))
			p.Control()
			text := word(t)
			q, guid := p.searched(text)
			if !q.Flags.Has(wire.QueryGuidance) {
				t.Unsupportedf("the target does not offer to guide a query")
			}
			p.Send(NewHit(p, guid, NewGUID(t), 3, 0, text+".txt"))
			t.Wait(AnswerWithin / 10) // it may look at the hit elsewhere than at the question
			ask := NewVendor(t, "BEAR", 11, 1, nil)
			ask.GUID = guid
			p.Send(ask)
			m := p.awaitVendor(AnswerWithin, "BEAR", 12)
			switch {
			case m == nil:
				t.Failf("the leaf does not say how many results it has: %s", p.Last())
			case m.GUID != guid:
				t.Mismatch("the GUID of the answer", hexOf(m.GUID[:]), "that of the query, "+hexOf(guid[:]))
			case hexOf(m.Data) != "0100":
				t.Mismatch("the number of results", hexOf(m.Data), "0100")
			}
		},
	},
}

// searched has the target search for a text, and waits for its query.
func (p *Peer) searched(text string) (wire.Query, wire.GUID) {
	p.t.Await(p.t.Do(verbSearch, map[string]any{"text": text}), AnswerWithin)
	var q wire.Query
	r := p.Await(2*AnswerWithin, func(r *Received) (ok bool) {
		var err error
		if r.Type == wire.TypeQuery {
			q, err = wire.ParseQuery(r.Payload)
			ok = err == nil && string(q.Text) == text
		}
		return ok
	})
	if r == nil {
		p.t.Inconclusivef("the target was told to search, and its query did not come: %s", p.Last())
	}
	p.t.Earn()
	return q, r.GUID
}

// vendorReceived is a vendor message of the target.
type vendorReceived struct {
	*Received
	wire.VendorMessage
}

// vendorMessages are those that have come.
func (p *Peer) vendorMessages() (list []vendorReceived) {
	for _, r := range p.Log {
		v, err := wire.ParseVendorMessage(r.Payload)
		if err == nil && (r.Type == wire.TypeVendor || r.Type == wire.TypeStandardVendor) {
			list = append(list, vendorReceived{r, v})
		}
	}
	return list
}

// awaitVendor waits for the first message of a kind, or returns nil.
func (p *Peer) awaitVendor(within time.Duration, vendor string, selector uint16) (found *vendorReceived) {
	p.t.Until(func() bool {
		for _, v := range p.vendorMessages() {
			if found == nil && string(v.Vendor[:]) == vendor && v.Selector == selector {
				found = &v
			}
		}
		return found != nil || p.Gone()
	}, within)
	return found
}
