package gossip

import (
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/gossip/plumtree"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// plumtreeSeeds is a message of each type, those of the membership first.
func plumtreeSeeds() []spec.Message {
	id := plumtree.ID{1}
	return append(hyparviewSeeds(),
		plumtree.Gossip{ID: id, Round: 2, Payload: []byte("x")},
		plumtree.IHave{List: []plumtree.Announcement{{ID: id, Round: 2}, {ID: plumtree.ID{2}, Round: 1}}},
		plumtree.Graft{Wants: true, ID: id}, plumtree.Graft{}, plumtree.Prune{})
}

// FuzzPlumtreeStream: whatever arrives on a stream, the decoder takes what it
// returns, and what it accepts has that one encoding.
func FuzzPlumtreeStream(f *testing.F) {
	for _, m := range plumtreeSeeds() {
		f.Add(encodeStream(f, plumtree.StreamCodec(), m))
	}
	f.Fuzz(func(t *testing.T, b []byte) { decodeStream(t, plumtree.StreamCodec(), b) })
}

// FuzzPlumtreeNode: no sequence of inputs makes the node panic, break an
// invariant, exceed its bounds, keep a trace of what it refused, or forget a
// command.
func FuzzPlumtreeNode(f *testing.F) {
	seedOverlay(f, plumtree.StreamCodec(), plumtreeSeeds())
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &overlayRunner{Script: check.NewScript(t, script), codec: plumtree.StreamCodec(), broadcasts: true}
		cfg := plumtree.Config{
			View: hyparview.Config{
				Self: overlayPeer(5), Active: 3, Passive: 4, MaxPending: 5, ShufflePeriod: 20 * time.Second,
			},
			Flood: r.First()&128 != 0, Threshold: 2, AnnounceDelay: 3 * time.Second,
			MaxPayload: 3, MaxMessages: 4, MaxMissing: 3, KeepPayload: 5 * time.Second, KeepID: 9 * time.Second,
		}
		var err error
		if r.MaxEffects, err = cfg.MaxEffects(); err != nil {
			t.Fatal(err)
		}
		if r.Machine, err = plumtree.New(cfg, 0); err != nil {
			t.Fatal(err)
		}
		r.run()
	})
}
