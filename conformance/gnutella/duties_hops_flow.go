package gnutella

import (
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Talking is the offer of a leaf that understands vendor messages.
func Talking() Offer { return Shielded().With("Vendor-Message", "0.1") }

// hopsFlow says which queries a peer wants: those that have made fewer hops.
func hopsFlow(t *T, hops byte) wire.Descriptor { return NewVendor(t, "BEAR", 4, 1, []byte{hops}) }

// twins are two leaves with the same table, of which one limits what it wants.
type twins struct {
	*crossing
	limited, free *Peer
	word          string
}

func newTwins(t *T) *twins {
	x, w := newCrossing(t), word(t)
	limited := Meet(t, Talking()).knows("BEAR", 4)
	if !limited.Tell(updateTo(tableOf(w), nil, qrp.Shape{})...) {
		t.Inconclusivef("the target did not answer a ping behind a leaf's table: %s", limited.Last())
	}
	tw := &twins{x, limited, x.leaf(tableOf(w)), w}
	if !tw.reaches(limited, w) {
		t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", limited.Last())
	}
	return tw
}

// limit has the one leaf say which queries it wants.
func (tw *twins) limit(d wire.Descriptor) {
	tw.limited.Send(d)
	tw.limited.Control()
}

// ask has a query for the leaves' word come by on a link of its own, after some hops,
// and says whether the limited leaf gets it. The free one does, or the case ends.
func (tw *twins) ask(hops uint8) bool {
	asker := Meet(tw.T, Equal())
	defer asker.Close()
	q := NewQuery(tw.T, tw.word, 1, hops)
	asker.Send(q)
	if tw.free.AwaitGUID(AnswerWithin, wire.TypeQuery, q.GUID) == nil {
		tw.Inconclusivef("the query did not come to a leaf that wants all: %s", tw.free.Last())
	}
	tw.limited.Control()
	return tw.limited.Saw(wire.TypeQuery, q.GUID) > 0
}

const twinsControl = "the query comes to another leaf with the same table, and the first one's ping is answered"

// hopsFlows judges whether the target keeps to what its neighbours want.
var hopsFlows = []Case{
	{
		ID: "gnutella06/hops-flow/is-a-number-of-hops", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-VE-04"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: twinsControl,
		Explain: "A leaf says hops flow 2. A query that has made two hops at the target, and three at the leaf, should not " +
			"come to it any more; one of the target's neighbour itself should.",
		Causes: []string{"any hops flow is taken for 0", "any but 0 is ignored"},
		Kills: []string{
			"forwards-ttl-1", "hops-flow-is-all-or-nothing", "ignores-hops-flow",
			"only-a-hops-flow-of-zero-counts",
		},
		Run: func(t *T) {
			tw := newTwins(t)
			tw.limit(hopsFlow(t, 2))
			if tw.ask(2) {
				t.Failf("a query that has made two hops came to a leaf that has said hops flow 2")
			}
			if !tw.ask(0) {
				t.Failf("a query of a neighbour did not come to a leaf that has said hops flow 2")
			}
		},
	},
	{
		ID: "gnutella06/hops-flow/can-be-lifted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-04"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: twinsControl,
		Explain: "A leaf says hops flow 0, and after a moment hops flow 8, for it has places again. Queries have to come " +
			"again.",
		Causes: []string{"the first value counts for the length of the link"},
		Kills:  []string{"hops-flow-is-all-or-nothing", "only-a-hops-flow-of-zero-counts"},
		Run: func(t *T) {
			tw := newTwins(t)
			tw.limit(hopsFlow(t, 0))
			if tw.ask(2) {
				t.Unsupportedf("the target does not keep to a hops flow, so nothing can be lifted")
			}
			tw.limit(hopsFlow(t, 8))
			if !tw.ask(2) {
				t.Failf("a query did not come to a leaf that has lifted its hops flow")
			}
		},
	},
	{
		ID: "gnutella06/hops-flow/counts-for-ultrapeers", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-VE-04"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "the query comes to another ultrapeer, and the first one's ping is answered",
		Explain: "An ultrapeer says hops flow 0: it has enough to do. Queries should go to others, and not to it.",
		Causes:  []string{"hops flow is kept for leaves alone"},
		Kills:   []string{"ignores-hops-flow", "ultrapeers-have-no-hops-flow"},
		Run: func(t *T) {
			x, busy := newCrossing(t), Meet(t, Equal().With("Vendor-Message", "0.1")).knows("BEAR", 4)
			if !x.reaches(busy, word(t)) {
				t.Inconclusivef("a query did not come to a third ultrapeer: %s", busy.Last())
			}
			busy.Send(hopsFlow(t, 0))
			busy.Control()
			guid := x.ask(word(t))
			busy.Control()
			if busy.Saw(wire.TypeQuery, guid) > 0 {
				t.Failf("a query came to an ultrapeer that has said hops flow 0")
			}
		},
	},
	{
		ID: "gnutella06/hops-flow/goes-no-further", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-04", "GN-VE-02"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a query is passed on afterwards, and pings are answered",
		Explain: "A leaf says its hops flow, which is for its ultrapeer alone: with TTL 1, and with TTL 3, which is " +
			"wrong, as it is on a message of a vendor that nobody knows. None of the three must come to another " +
			"ultrapeer, which has said that it takes vendor messages.",
		Causes: []string{"vendor messages are passed on to all, as long as their TTL lasts"},
		Kills:  []string{"hops-flow-is-passed-on", "vendor-messages-are-flooded"},
		Run: func(t *T) {
			a, b := Meet(t, Equal()), Meet(t, Equal().With("Vendor-Message", "0.1"))
			l, leaf := line(t, a, b), Meet(t, Talking()).knows("BEAR", 4)
			near, far, strange := hopsFlow(t, 1), hopsFlow(t, 1), NewVendor(t, "XXXX", 9, 1, []byte("and some data"))
			far.TTL, strange.TTL = 3, 3
			leaf.Send(near, far, strange)
			leaf.Control()
			l.Relays()
			switch {
			case b.Saw(near.Type, near.GUID) > 0:
				t.Failf("the hops flow of a leaf comes to an ultrapeer")
			case b.Saw(far.Type, far.GUID) > 0:
				t.Failf("the hops flow of a leaf with TTL 3 comes to an ultrapeer")
			case b.Saw(strange.Type, strange.GUID) > 0:
				t.Failf("an unknown vendor message of a leaf with TTL 3 comes to an ultrapeer")
			}
		},
	},
}
