package gnutella

import (
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// tableOf is a query routing table of names, of the recommended size.
func tableOf(names ...string) *qrp.Table {
	return sizedTable(qrp.DefaultSlots, qrp.DefaultInfinity, names...)
}

func sizedTable(slots uint32, infinity uint8, names ...string) *qrp.Table {
	t, err := qrp.NewTable(slots, infinity)
	if err != nil {
		panic("conformance: the harness cannot make its table: " + err.Error())
	}
	for _, name := range names {
		t.Add(name)
	}
	return t
}

// updateTo are the messages that lead from one table to another.
func updateTo(table, had *qrp.Table, s qrp.Shape) []qrp.Message {
	list, err := table.Update(had, s)
	if err != nil {
		panic("conformance: the harness cannot write its table: " + err.Error())
	}
	return list
}

// route is a message of query routing as it is sent between neighbours.
func route(t *T, payload []byte) wire.Descriptor {
	return wire.Descriptor{GUID: NewGUID(t), Type: wire.TypeQRP, TTL: 1, Payload: payload}
}

// Tell sends messages of query routing, and says whether the target keeps the link:
// it answers a ping behind them.
func (p *Peer) Tell(list ...qrp.Message) bool {
	for _, m := range list {
		p.Send(route(p.t, qrp.Append(nil, m)))
	}
	if pause := p.pinged + PingPause - p.t.Now(); pause > 0 {
		p.t.Wait(pause)
	}
	ping := NewPing(p.t, 1, 0)
	p.Send(ping)
	return p.AwaitGUID(2*AnswerWithin, wire.TypePong, ping.GUID) != nil
}

// crossing is a target between two ultrapeers of the harness: what the one asks,
// the target passes on to the other, and to those of its leaves that may know.
type crossing struct {
	*T
	asker, witness *Peer
	asked          []string // by the asker
}

func newCrossing(t *T) *crossing {
	x := &crossing{T: t, asker: Meet(t, Equal()), witness: Meet(t, Equal())}
	x.witness.Control() // the target has taken the third step, too
	return x
}

// Who knows tables says so, and of those between ultrapeers it says so apart.
const (
	routingHeader          = "X-Query-Routing"
	ultrapeerRoutingHeader = "X-Ultrapeer-Query-Routing"
)

// leaf is a new one that has told its table, if it has one, which only who says
// X-Query-Routing reads.
func (x *crossing) leaf(table *qrp.Table) *Peer {
	p := Meet(x.T, Shielded())
	if table != nil {
		p.says(routingHeader)
	}
	if table != nil && !p.Tell(updateTo(table, nil, qrp.Shape{})...) {
		x.Inconclusivef("the target did not answer a ping behind a leaf's table: %s", p.Last())
	}
	if table == nil {
		p.Control()
	}
	x.Earn()
	return p
}

// send has a query come to the target, on its way from a third servent. What was
// asked before comes on another link: some drop a query that a link repeats.
func (x *crossing) send(text string, extensions ...string) wire.Descriptor {
	if all := text + strings.Join(extensions, ""); slices.Contains(x.asked, all) {
		x.asker, x.asked = Meet(x.T, Equal()), nil
		x.asker.Control()
	} else {
		x.asked = append(x.asked, all)
	}
	q := NewQuery(x.T, text, 3, 1, extensions...)
	x.asker.Send(q)
	return q
}

// ask has a query pass the target to the witness, and returns its GUID.
func (x *crossing) ask(text string, extensions ...string) wire.GUID {
	q := x.send(text, extensions...)
	if x.witness.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID) == nil {
		x.Inconclusivef("the target did not pass a query on to another ultrapeer: %s", x.witness.Last())
	}
	return q.GUID
}

// reaches asks for a text, and says whether the leaf gets to see it.
func (x *crossing) reaches(leaf *Peer, text string, extensions ...string) bool {
	guid := x.ask(text, extensions...)
	return leaf.AwaitGUID(AnswerWithin, wire.TypeQuery, guid) != nil
}

// spares says whether a query did not get to the leaf: the leaf has got a later
// one, for what its table lists.
func (x *crossing) spares(leaf *Peer, guid wire.GUID, listed string) bool {
	if !x.reaches(leaf, listed) {
		x.Inconclusivef("a query for what the leaf's table lists did not come either: %s", leaf.Last())
	}
	return leaf.Saw(wire.TypeQuery, guid) == 0
}

// stranger is a new word that a table does not list.
func stranger(t *T, table *qrp.Table) string {
	for {
		if w := word(t); !table.Match(qrp.Keys(nil, w)) {
			return w
		}
	}
}

// shaURN is a urn of content that nobody has.
func shaURN(t *T) string {
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := []byte("urn:sha1:")
	for range 32 {
		b = append(b, base32[t.Fresh().Below(uint64(len(base32)))])
	}
	return string(b)
}

const crossingControl = "the query comes to another ultrapeer, and the leaf is answered its ping"

// qrpRouting judges which queries of others an ultrapeer sends to a leaf.
var qrpRouting = []Case{
	{
		ID: "qrp/routing/listed-word-arrives", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A leaf tells a table that lists a word. A query for the word, which an ultrapeer passes on, has " +
			"to come to the leaf: nobody else can answer for it.",
		Causes: []string{"tables of leaves are not read", "the hash is another"},
		Kills:  []string{"leaves-are-never-asked", "low-half-first"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := x.leaf(tableOf(w))
			if !x.reaches(leaf, w) {
				t.Failf("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
		},
	},
	{
		ID: "qrp/routing/foreign-word-stays-away", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a later query for a listed word comes to the leaf",
		Explain: "A leaf's table lists one word. A query for another must not come to the leaf: to be spared is " +
			"what it has an ultrapeer for.",
		Causes: []string{"leaves get all queries"},
		Kills:  []string{"compressed-patches-are-not-read", "leaves-are-asked-everything"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			table := tableOf(w)
			leaf := x.leaf(table)
			if !x.spares(leaf, x.ask(stranger(t, table)), w) {
				t.Failf("a query came to the leaf whose table excludes it")
			}
		},
	},
	{
		ID: "qrp/routing/all-words-are-needed", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "later queries for one and for both of the listed words come to the leaf",
		Explain: "A leaf's table lists two words. A query for one of them and a foreign word must not come to the " +
			"leaf, because results have all words of a query; one for both has to.",
		Causes: []string{"one word that fits is enough"},
		Kills: []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"one-listed-word-is-enough", "one-word-is-enough",
		},
		Run: func(t *T) {
			x, v, w := newCrossing(t), word(t), word(t)
			table := tableOf(v, w)
			leaf := x.leaf(table)
			if !x.spares(leaf, x.ask(v+" "+stranger(t, table)), v) {
				t.Failf("a query for a listed and a foreign word came to the leaf")
			}
			if !x.reaches(leaf, w+" "+v) {
				t.Failf("a query for two words that the leaf's table lists did not come: %s", leaf.Last())
			}
		},
	},
	{
		ID: "qrp/routing/two-words-of-three-are-not-enough", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-01"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a later query for a listed word comes to the leaf",
		Explain: "A leaf's table lists two words. A query for both and a foreign one should not come to the leaf. " +
			"Some take two words of three for enough, to find names that are misspelt.",
		Causes: []string{"most words are enough"},
		Kills: []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"most-listed-words-are-enough", "one-listed-word-is-enough", "one-word-is-enough",
		},
		Run: func(t *T) {
			x, v, w := newCrossing(t), word(t), word(t)
			table := tableOf(v, w)
			leaf := x.leaf(table)
			if !x.spares(leaf, x.ask(v+" "+w+" "+stranger(t, table)), v) {
				t.Failf("a query for two listed words and a foreign one came to the leaf")
			}
		},
	},
	{
		ID: "qrp/routing/case-of-letters-does-not-count", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-14"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A leaf's table lists a word, whose hash is that of small letters. A query for the word in " +
			"capitals has to come to the leaf.",
		Causes: []string{"words of queries are hashed as they are"},
		Kills:  []string{"capitals-are-hashed", "leaves-are-never-asked", "low-half-first"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := x.leaf(tableOf(w))
			if !x.reaches(leaf, strings.ToUpper(w)) {
				t.Failf("a query for a listed word in capitals did not come: %s", leaf.Last())
			}
		},
	},
	{
		ID: "qrp/routing/short-words-exclude-nobody", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-16"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "Words of less than three letters are in no table. A query for a listed word and one of two " +
			"letters should come to the leaf, which alone knows whether it has both.",
		Causes: []string{"all words are looked up, whatever their length"},
		Kills:  []string{"leaves-are-never-asked", "low-half-first", "short-words-are-looked-up"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := x.leaf(tableOf(w))
			if !x.reaches(leaf, "no "+w) {
				t.Failf("a query for a listed word and a short one did not come: %s", leaf.Last())
			}
		},
	},
	{
		ID: "qrp/routing/listed-urn-arrives", Rev: 2, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-UQ-01", "GN-QY-16"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "a later query for a listed word comes to the leaf",
		Explain: "A leaf's table lists a word, and the SHA-1 urn of a file, hashed as one word. A query for the urn " +
			"alone may come to the leaf, and one for another urn stay away: no document says how searches by hash " +
			"are routed, and what the target does is recorded.",
		Causes: []string{"extensions of a query are not looked at", "queries by hash go nowhere, or everywhere"},
		Kills: []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything", "no-search-by-urn",
			"urns-go-to-all-leaves", "urns-go-to-no-leaf",
		},
		Run: func(t *T) {
			x, w, own := newCrossing(t), word(t), shaURN(t)
			table := tableOf(w)
			table.AddWhole(own)
			leaf := x.leaf(table)
			listed, foreign := x.send("", own), x.send("", shaURN(t))
			if !x.reaches(leaf, w) {
				x.Inconclusivef("a query for what the leaf's table lists did not come either: %s", leaf.Last())
			}
			switch {
			case leaf.Saw(wire.TypeQuery, listed.GUID) == 0:
				t.Infof("a query for a urn that the leaf's table lists did not come: %s", leaf.Last())
			case leaf.Saw(wire.TypeQuery, foreign.GUID) > 0:
				t.Infof("a query for a urn that the leaf's table does not list came")
			}
		},
	},
	{
		ID: "qrp/routing/leaf-without-a-table-gets-all", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-02"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A leaf has not told a table. Until it has, every query should come to it: it may be one of those " +
			"who never do.",
		Causes: []string{"without a table a leaf is taken for one that shares nothing"},
		Kills:  []string{"leaves-are-never-asked", "no-table-no-queries"},
		Run: func(t *T) {
			x := newCrossing(t)
			leaf := x.leaf(nil)
			if !x.reaches(leaf, word(t)) {
				t.Failf("a leaf that has told no table was not sent a query: %s", leaf.Last())
			}
		},
	},
	{
		ID: "qrp/routing/empty-table-excludes-all", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-01", "GN-UQ-02"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "later queries come to a leaf whose table lists them, and the first leaf is answered a ping",
		Explain: "A leaf tells a table in which nothing is: a RESET, and a PATCH that changes nothing. No query of " +
			"others must come to it.",
		Causes: []string{"an empty table is taken for none"},
		Kills: []string{
			"compressed-patches-are-not-read", "empty-table-is-none", "leaves-are-asked-everything",
		},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			empty, other := x.leaf(tableOf()), x.leaf(tableOf(w))
			foreign, listed := x.ask(word(t)), x.ask(w)
			if other.AwaitGUID(AnswerWithin, wire.TypeQuery, listed) == nil {
				t.Inconclusivef("a query for what a leaf's table lists did not come: %s", other.Last())
			}
			empty.Control()
			if empty.Saw(wire.TypeQuery, foreign)+empty.Saw(wire.TypeQuery, listed) > 0 {
				t.Failf("a query came to a leaf that has told an empty table")
			}
		},
	},
	{
		ID: "qrp/routing/last-hop-still-reaches-leaves", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-03"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A query with a TTL of 1 ends at the target, and goes to no ultrapeer. It must still come to the " +
			"leaves that may have an answer: they are no hop of their own.",
		Causes: []string{"what cannot travel on is not looked at again"},
		Kills:  []string{"leaves-are-a-hop-away"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			x.asker.says(ultrapeerRoutingHeader)
			leaf := x.leaf(tableOf(w))
			if !x.reaches(leaf, w) {
				t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
			q := NewQuery(t, w+" "+w, 1, 2)
			x.asker.Send(q)
			if leaf.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID) == nil {
				t.Failf("a query with a TTL of 1 did not come to the leaf whose table lists it: %s", leaf.Last())
			}
		},
	},
}

func isQuery(r *Received) bool { return r.Type == wire.TypeQuery }
