package gnutella

import (
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// places is how many ultrapeers a target is told to take, in cases that fill it.
const places = 2

// full starts a target that takes few ultrapeers, and gives their places and a leaf's
// away.
func full(t *T) (ultrapeers []*Peer, leaf *Peer) {
	opt := t.Standard()
	opt.MaxPeers = places
	t.Start(opt)
	leaf = meetAt(t, Shielded())
	for range places {
		ultrapeers = append(ultrapeers, meetAt(t, Equal()))
	}
	return ultrapeers, leaf
}

// mostPlaces is how many ultrapeers are sent to a target that cannot be told how many to
// take. Those in use take 32 to 100.
const mostPlaces = 128

// filled starts a target, and has a leaf and ultrapeers meet it until it refuses one, or
// wants it for a leaf; then it is a servent of no role, which nobody can want.
func filled(t *T) (ultrapeers []*Peer, leaf, last *Peer) {
	opt := t.Standard()
	opt.MaxPeers = places // which not every target can be told
	t.Start(opt)
	leaf = meetAt(t, Shielded())
	for range mostPlaces {
		p := Dial(t)
		// gtk-gnutella puts out those who do not inflate for those who do.
		p.Greet(Equal().With("Accept-Encoding", "deflate").Listening(p.Advertised()))
		if !p.Answered() || p.Answer.Code != wire.Accepted {
			return ultrapeers, leaf, p
		}
		p.Met()
		if p.Answer.Headers.Lists("X-Ultrapeer-Needed", "false") {
			return ultrapeers, leaf, roleless(t)
		}
		p.Control()
		ultrapeers = append(ultrapeers, p)
	}
	t.Unsupportedf("the target takes %d ultrapeers, and none is refused", mostPlaces)
	return nil, nil, nil
}

// roleless is a servent of no role that asks a target for a place that is full of others.
func roleless(t *T) *Peer {
	p := Try(t, Plain())
	if p.Answer != nil && p.Answer.Code == wire.Accepted {
		t.Unsupportedf("the target takes no more ultrapeers, but still a servent of no role")
	}
	return p
}

// awaitQuery waits for a query whose text has a word, under another GUID than one that
// has come: who asks for its leaves in its own name gives their queries GUIDs of its own.
func (p *Peer) awaitQuery(within time.Duration, word string, but wire.GUID) *Received {
	return p.Await(within, func(r *Received) bool {
		q, err := wire.ParseQuery(r.Payload)
		return r.Type == wire.TypeQuery && err == nil && r.GUID != but &&
			strings.Contains(strings.ToLower(string(q.Text)), word)
	})
}

// refusal are the headers of the answer to who is refused.
func (p *Peer) refusal() wire.Headers {
	if p.Answer == nil {
		p.t.Inconclusivef("a servent that there is no room for got no answer: %s", p.Last())
	}
	return p.Answer.Headers
}

// ultrapeerDuties judges an ultrapeer between leaves and others.
var ultrapeerDuties = []Case{
	{
		ID: "gnutella06/ultrapeer/full-one-is-busy", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-16"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedMaxPeers},
		Control: "as many as there is room for were taken before, and are answered a ping",
		Explain: "The target has been told to take two ultrapeers, and has. A servent of no role asks for a connection, " +
			"and should be refused with 503.",
		Causes: []string{"the limit is not kept", "the connection is closed without a word"},
		Kills:  []string{"degree-of-4", "refusals-are-not-found", "takes-more-than-it-is-told"},
		Run: func(t *T) {
			full(t)
			p := Try(t, Plain())
			switch {
			case p.Answer == nil:
				t.Failf("a servent that there is no room for got no answer: %s", p.Last())
			case p.Answer.Code != wire.Busy:
				t.Mismatch("the status for a servent that there is no room for", p.Answer.Code, "503")
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/refuses-when-it-is-full", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-16"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "those that came before were taken, and are answered a ping",
		Explain: "One ultrapeer after the other meets the target, until it takes no more. The first that it does not take " +
			"should be refused with 503, or a servent of no role, if it would rather have ultrapeers for leaves from now on. " +
			"Of a target that takes 128 nothing can be said.",
		Causes: []string{"the connection is closed without a word"},
		Kills:  []string{"refusals-are-not-found"},
		Run: func(t *T) {
			ultrapeers, _, p := filled(t)
			switch {
			case len(ultrapeers) == 0:
				t.Inconclusivef("the target takes no ultrapeer at all: %s", p.Last())
			case p.Answer == nil:
				t.Failf("a servent that there is no room for got no answer: %s", p.Last())
			case p.Answer.Code != wire.Busy:
				t.Mismatch("the status for a servent that there is no room for", p.Answer.Code, "503")
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/refusal-names-others", Rev: 2, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-HS-15"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "ultrapeers that say where they listen were taken before",
		Explain: "Ultrapeers meet the target until it refuses one. It knows those that it took, which have said where they " +
			"listen, and has to name some host in X-Try-Ultrapeers or X-Try, if it can: some tell nobody of hosts on " +
			"loopback, so it is recorded and not judged.",
		Causes: []string{"Listen-IP is not read", "the refusal has no headers"},
		Kills:  []string{"refusals-name-nobody"},
		Run: func(t *T) {
			ultrapeers, _, last := filled(t)
			h := last.refusal()
			if len(recommended(h, "X-Try-Ultrapeers"))+len(recommended(h, "X-Try")) == 0 {
				t.Infof("the refusal names no other host, though the target has %d ultrapeers", len(ultrapeers))
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/recommends-no-leaves", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-33"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "X-Try-Ultrapeers names an ultrapeer that the target has",
		Explain: "The target has a leaf, and takes ultrapeers until it refuses one; all have said where they listen. " +
			"X-Try-Ultrapeers is to list ultrapeers alone: a leaf takes nobody.",
		Causes: []string{"all neighbours are listed"},
		Kills:  []string{"leaves-are-recommended"},
		Run: func(t *T) {
			ultrapeers, leaf, last := filled(t)
			list := recommended(last.refusal(), "X-Try-Ultrapeers")
			if slices.Contains(list, leaf.Advertised()) {
				t.Failf("X-Try-Ultrapeers names a leaf of the target")
			}
			for _, p := range ultrapeers {
				if slices.Contains(list, p.Advertised()) {
					return
				}
			}
			t.Unsupportedf("X-Try-Ultrapeers does not name the target's ultrapeers: %v", list)
		},
	},
	{
		ID: "gnutella06/ultrapeer/stays-one-for-its-leaves", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-32"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs:   dialling(),
		Control: "the target dials an ultrapeer, and a leaf that it has taken meanwhile is answered a ping",
		Explain: "The target dials an ultrapeer, which needs no others: it says X-Ultrapeer-Needed: False, and so asks " +
			"the target to be its leaf. The target has a leaf by now, and has to ignore that.",
		Causes: []string{"the number of leaves is not looked at"},
		Kills:  []string{"becomes-a-leaf-though-it-has-some"},
		Run: func(t *T) {
			h := NewHost(t)
			Called(t, h)
			up := h.Greeted()
			leaf := Meet(t, Shielded())
			leaf.Control()
			up.Reply(wire.Accepted, "OK", Routing().With("X-Ultrapeer-Needed", "False"))
			if !up.Answered() {
				t.Inconclusivef("the target does not conclude a handshake that it began: %s", up.Last())
			}
			if up.Answer.Headers != nil && up.Answer.Headers.Lists("X-Ultrapeer", "false") {
				t.Failf("the target becomes a leaf, though it has one itself")
			}
			leaf.Control()
		},
	},
	{
		ID: "gnutella06/ultrapeer/leaves-get-one-hop-more", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-08", "GN-UQ-03"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the query comes to the leaf, and to another ultrapeer",
		Explain: "A query with TTL 3 and hops 1 is passed on to a leaf whose table lists it. As on any way, its hops have " +
			"to be one more there, and its TTL less.",
		Causes: []string{"leaves are sent the query as it came"},
		Kills: []string{
			"forwards-as-received", "hops-stay", "leaves-get-queries-as-they-came",
			"raises-low-ttls",
		},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := x.leaf(tableOf(w))
			guid := x.ask(w)
			r := leaf.AwaitGUID(AnswerWithin, wire.TypeQuery, guid)
			switch {
			case r == nil:
				t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			case r.Hops != 2 || r.TTL > 2:
				t.Mismatch("the header of a query with TTL 3 and hops 1 at a leaf", r, "hops 2, and a TTL of 2 or less")
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/leaves-are-asked-by-leaves", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "a query for the same word comes to the leaf from an ultrapeer",
		Explain: "A leaf's table lists a word, for which another leaf of the same ultrapeer asks. The query should come " +
			"to the first, which is nearer than any other; the text says only which leaves are not to be asked. Its GUID " +
			"may be another: an ultrapeer may ask in its own name, to take the hits for its leaf.",
		Causes: []string{"queries of leaves go to ultrapeers alone"},
		Kills:  []string{"leaves-are-not-asked-by-leaves"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := x.leaf(tableOf(w))
			guid := x.ask(w)
			if leaf.AwaitGUID(AnswerWithin, wire.TypeQuery, guid) == nil {
				t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
			other := x.leaf(tableOf())
			other.Send(NewQuery(t, w+" "+w, 2, 0))
			if leaf.awaitQuery(AnswerWithin, w, guid) == nil {
				t.Failf("a query of another leaf for a listed word did not come: %s", leaf.Last())
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/answers-reach-the-leaf", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-05", "GN-UQ-18"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the leaf's query comes to an ultrapeer",
		Explain: "A leaf asks, the target asks an ultrapeer for it, and that one answers. The hit has to come to the leaf, " +
			"with a hop more. The target may have asked in its own name, under another GUID; the leaf's hit has that of the " +
			"leaf, and its hops are recorded then.",
		Causes: []string{"hits for dynamic queries are only counted"},
		Kills:  []string{"hits-do-not-reach-leaves"},
		Run: func(t *T) {
			up, leaf := Meet(t, Equal()), Meet(t, Shielded())
			up.Control()
			leaf.Control()
			text := word(t)
			q := NewQuery(t, text, 2, 0)
			leaf.Send(q)
			asked := up.awaitQuery(2*AnswerWithin, text, wire.GUID{})
			if asked == nil {
				t.Inconclusivef("the query of a leaf did not come to the only ultrapeer: %s", up.Last())
			}
			t.Earn()
			up.Send(NewHit(up, asked.GUID, NewGUID(t), 3, 0, "answer.txt"))
			r := leaf.AwaitGUID(AnswerWithin, wire.TypeQueryHit, q.GUID)
			switch {
			case r == nil:
				t.Failf("a hit for the leaf's query did not come to it: %s", leaf.Last())
			case asked.GUID != q.GUID:
				t.Observef("the target asks for its leaf in its own name, and the hit has hops %d", r.Hops)
			case r.Hops != 1:
				t.Mismatch("the hops of a hit from a neighbour of the ultrapeer", r.Hops, "1")
			}
		},
	},
	{
		ID: "gnutella06/ultrapeer/extended-probes-as-announced", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-39", "GN-HD-17"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "the first copy of the query, and later another query, are passed on",
		Explain: "A query passes the target, and comes again with the same GUID and a higher TTL. A servent that says " +
			"X-Ext-Probes: 0.1 passes it on again, so that the query can be widened; another drops it as seen.",
		Causes: []string{"the header is sent, and duplicates are dropped all the same", "a higher TTL passes unannounced"},
		Kills:  []string{"higher-ttls-pass-again"},
		Run: func(t *T) {
			l := Between(t)
			q := NewQuery(t, word(t), 2, 0)
			if l.Through(q) == nil {
				t.Inconclusivef("a query with TTL 2 is not passed on: %s", l.B.Last())
			}
			t.Earn()
			q.TTL = 4
			l.A.Send(q)
			l.Relays()
			_, says := l.A.Answer.Headers.Get("X-Ext-Probes")
			switch again := l.B.Saw(wire.TypeQuery, q.GUID) > 1; {
			case says && !again:
				t.Failf("the target says X-Ext-Probes, and drops a query that comes again with a higher TTL")
			case !says && again:
				t.Failf("the target passes on a query that comes again with a higher TTL, and does not say X-Ext-Probes")
			}
		},
	},
}
