package gnutella

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// qrpLeafTable judges the table that a leaf tells its ultrapeer.
var qrpLeafTable = everyRole(conformance.Leaf)

// qrpUltrapeerTable judges the table that an ultrapeer tells others.
var qrpUltrapeerTable = slices.Concat(everyRole(conformance.Ultrapeer), []Case{
	announced(conformance.Ultrapeer, "entries-are-known-to-the-other", conformance.Should, []string{"GN-UQ-13"},
		"The ultrapeer of the harness has said X-Query-Routing: 0.1, whose entries have four bits or eight. "+
			"Those of one bit are for who says 0.2.",
		[]string{"the version is not looked at"}, []string{"everybody-is-told-bits"}, knownEntries),
	announced(conformance.Ultrapeer, "says-yes-or-no", conformance.Must, []string{"GN-UQ-06"},
		"The table between ultrapeers says of a word that it is listed or is not: no slot has a value between 1 and "+
			"infinity, as if the number of hops to a file were told.",
		[]string{"values of leaves' tables are passed on with one hop more"}, []string{
			"tables-count-hops",
		}, values),
	announced(conformance.Ultrapeer, "has-the-recommended-size", conformance.Should, []string{"GN-UQ-07"},
		"An ultrapeer's table is the union of many leaves', and 65536 slots are recommended for it: with fewer it "+
			"fills, and no longer excludes anything.",
		[]string{"the size is that of a leaf's table"}, []string{"tables-are-small"}, size),
	{
		ID: "qrp/ultrapeer-table/lists-words-of-leaves", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-05"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target tells an ultrapeer a table, and the leaf is answered a ping behind its own",
		Explain: "A leaf tells a table with a word that the target does not share. The target's own table, as it " +
			"tells other ultrapeers, is the union of all: within some minutes it has to list the word.",
		Causes: []string{"only own files are in the table", "it is told once, and never again"},
		Within: 15 * time.Minute,
		Kills: []string{
			"another-hash", "compressed-patches-are-not-read", "low-half-first",
			"words-of-leaves-are-not-listed",
		},
		Run: func(t *T) {
			f, w := follow(t, Routing()), word(t)
			if lists(f.table(), w) {
				t.Inconclusivef("the target's table lists a word already that nobody has")
			}
			leaf := Meet(t, Shielded())
			if !leaf.Tell(updateTo(tableOf(w), nil, qrp.Shape{})...) {
				t.Inconclusivef("the target did not answer a ping behind a leaf's table: %s", leaf.Last())
			}
			if !f.until(updateWithin, func(table *qrp.Table) bool { return lists(table, w) }) {
				t.Failf("after %v the target's table does not list a word of its leaf: %s", updateWithin, f.Last())
			}
		},
	},
	{
		ID: "qrp/ultrapeer-table/forgets-leaves-that-left", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-05"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target's table lists a word of the leaf while it is there",
		Explain: "A leaf whose word the target's table lists leaves. The table is the union of those who are " +
			"there, so within some minutes it should no longer list the word.",
		Causes: []string{"tables are only added to the union"},
		Within: 25 * time.Minute,
		Kills:  []string{"everything-is-listed", "words-of-former-leaves-stay"},
		Run: func(t *T) {
			f, w := follow(t, Routing()), word(t)
			leaf := Meet(t, Shielded())
			if !leaf.Tell(updateTo(tableOf(w), nil, qrp.Shape{})...) {
				t.Inconclusivef("the target did not answer a ping behind a leaf's table: %s", leaf.Last())
			}
			if !f.until(updateWithin, func(table *qrp.Table) bool { return lists(table, w) }) {
				t.Inconclusivef("after %v the target's table does not list a word of its leaf: %s", updateWithin, f.Last())
			}
			t.Earn()
			leaf.Close()
			if !f.until(updateWithin, func(table *qrp.Table) bool { return !lists(table, w) }) {
				t.Failf("%v after the leaf has left, the target's table still lists its word", updateWithin)
			}
		},
	},
	{
		ID: "qrp/ultrapeer-table/updates-are-gathered", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-17"}, Role: conformance.Ultrapeer, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target tells an ultrapeer a table, and tells it of the leaf's last change",
		Explain: "A leaf changes its table every two seconds for a minute. The target should not tell its " +
			"neighbours of each change by itself: tables are traffic, and no query is the worse for it.",
		Causes: []string{"each message of a leaf is passed on in a table of its own"},
		Within: 15 * time.Minute,
		Kills:  []string{"tables-are-told-all-the-time"},
		Run: func(t *T) {
			f := follow(t, Routing())
			f.table()
			leaf, had, last := Meet(t, Shielded()), (*qrp.Table)(nil), ""
			const changes = 30
			for range changes {
				last = word(t)
				table := tableOf(last)
				if !leaf.Tell(updateTo(table, had, qrp.Shape{})...) {
					t.Inconclusivef("the target does not go on with a leaf whose table changes: %s", leaf.Last())
				}
				had = table
				t.Wait(2*time.Second - PingPause)
			}
			f.catchUp()
			if sequences := f.full - 1; sequences > changes/3 {
				t.Failf("within a minute of %d changes of a leaf the target told its table %d times", changes, sequences)
			}
			if !f.until(updateWithin, func(table *qrp.Table) bool { return lists(table, last) }) {
				t.Inconclusivef("after %v the target's table does not list a word of its leaf: %s", updateWithin, f.Last())
			}
		},
	},
	{
		ID: "qrp/ultrapeer-table/is-told-to-who-asks-for-it", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-34", "GN-HS-35", "GN-HD-05"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "another ultrapeer, which has asked for it, is told a table at the same time",
		Explain: "An ultrapeer that has said nothing of query routing meets the target. It must not be sent tables: " +
			"the type of their messages is none that all know.",
		Causes: []string{"the headers of query routing are not looked at"},
		Within: 2 * tablesWithin,
		Kills:  []string{"everybody-is-told-tables"},
		Run: func(t *T) {
			plain, f := Meet(t, Equal()), follow(t, Routing())
			f.table()
			plain.Control()
			if n := plain.Count(func(r *Received) bool { return r.Type == wire.TypeQRP }); n > 0 {
				t.Failf("%d messages of query routing came, which were not asked for", n)
			}
		},
	},
	{
		ID: "qrp/ultrapeer-table/is-empty-without-files", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-UQ-05"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the target tells a table",
		Explain: "The target shares nothing, and has no leaves. The table that it tells should list nothing. That it " +
			"would list what is shared is shown by others: lists-own-words, and excludes-other-words.",
		Within: 2 * tablesWithin,
		Causes: []string{"what was shared before stays in the table", "empty slots have another value than infinity"},
		Kills:  []string{"everything-is-listed", "tables-list-a-vocabulary"},
		Run: func(t *T) {
			t.Start(conformance.StartOptions{})
			f := follow(t, Routing())
			if n := f.table().Filled(); n > emptyEnough {
				t.Failf("the target shares nothing, and its table has %d slots that something is in", n)
			}
		},
	},
})

// emptyEnough is how many slots may be filled without files: some programs list a
// few names of their own.
const emptyEnough = 16

// qrpLastHop judges which ultrapeers get a query that goes no further from them.
var qrpLastHop = []Case{
	{
		ID: "qrp/last-hop/neighbour-without-the-word-is-spared", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-04"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "the query comes to an ultrapeer that has told no table, and a later one for its word to the first",
		Explain: "An ultrapeer tells the target a table with one word. A query that has one hop left when it has " +
			"passed the target must not come to it, unless it asks for that word: nobody else would get it from " +
			"there but who has told that it has nothing.",
		Causes: []string{"tables of ultrapeers are not read", "they are asked for earlier hops alone"},
		Kills:  []string{"compressed-patches-are-not-read", "tables-of-ultrapeers-are-not-read"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			table := tableOf(w)
			other := x.ultrapeer(table)
			guid := x.lastHop(stranger(t, table))
			listed := x.lastHop(w)
			if other.AwaitGUID(AnswerWithin, wire.TypeQuery, listed) == nil {
				t.Inconclusivef("a query for what the ultrapeer's table lists did not come: %s", other.Last())
			}
			if other.Saw(wire.TypeQuery, guid) > 0 {
				t.Failf("a query came on its last hop to an ultrapeer whose table excludes it")
			}
		},
	},
	{
		ID: "qrp/last-hop/neighbour-with-the-word-is-asked", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-04"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "the query comes to an ultrapeer that has told no table",
		Explain: "An ultrapeer tells the target a table with one word. A query for it has to come, also on its last " +
			"hop.",
		Causes: []string{"nothing is passed on on its last hop", "the hash is another"},
		Kills:  []string{"forwards-to-one", "low-half-first", "tabled-ultrapeers-get-no-last-hop"},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			other := x.ultrapeer(tableOf(w))
			guid := x.lastHop(w)
			if other.AwaitGUID(AnswerWithin, wire.TypeQuery, guid) == nil {
				t.Failf("a query for what the ultrapeer's table lists did not come: %s", other.Last())
			}
		},
	},
	{
		ID: "qrp/last-hop/earlier-hops-go-to-all", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-04"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "the query comes to an ultrapeer that has told no table",
		Explain: "An ultrapeer tells the target an empty table. A query that has two hops left when it has passed " +
			"the target has to come to it all the same: tables tell of one hop, and not of who is behind it.",
		Causes: []string{"tables are asked whatever is left of a query's way"},
		Kills:  []string{"forwards-to-one", "tables-decide-every-hop"},
		Run: func(t *T) {
			x := newCrossing(t)
			other := x.ultrapeer(tableOf())
			q := NewQuery(t, word(t), 3, 0)
			x.asker.Send(q)
			passed := x.witness.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID)
			switch {
			case passed == nil:
				t.Inconclusivef("the target did not pass a query on to another ultrapeer: %s", x.witness.Last())
			case passed.TTL < 2:
				t.Unsupportedf("the target lowers a TTL of 3 so far that a query has one hop left")
			}
			if other.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID) == nil {
				t.Failf("a query with two hops left did not come to an ultrapeer: %s", other.Last())
			}
		},
	},
}

// ultrapeer is a new one that has told its table, which only who says
// X-Ultrapeer-Query-Routing reads.
func (x *crossing) ultrapeer(table *qrp.Table) *Peer {
	p := Meet(x.T, Routing()).says(ultrapeerRoutingHeader)
	if !p.Tell(updateTo(table, nil, qrp.Shape{})...) {
		x.Inconclusivef("the target did not answer a ping behind an ultrapeer's table: %s", p.Last())
	}
	x.Earn()
	return p
}

// lastHop has a query pass the target that has one hop left then.
func (x *crossing) lastHop(text string) wire.GUID {
	q := NewQuery(x.T, text, 2, 1)
	x.asker.Send(q)
	if x.witness.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID) == nil {
		x.Inconclusivef("the target did not pass a query on to an ultrapeer without a table: %s", x.witness.Last())
	}
	return q.GUID
}
