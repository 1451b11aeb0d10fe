package tracker

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Events: what announces do to the torrent.
func bep3Events() []Case {
	return []Case{
		{
			ID: "bep3/tracker/stopped-leaves-the-list", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other peer in the same list",
			Explain: "Two peers announce, and one of them stops. Whoever asks then should be told of the other " +
				"alone.",
			Causes: []string{"peers leave the list by time alone"},
			Kills:  []string{"ignores-stopped", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Announce(h, nil)
				b.Announce(h, nil)
				t.sees("peers before the stop", t.look(h), a, b)
				a.Leave(h)
				got := t.look(h)
				t.sees("peers", got, b)
				t.misses("peers", got, a)
			}),
		},
		{
			ID: "bep3/tracker/stranger-cannot-stop-a-peer", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedAddresses},
			Control: "the stop of the stranger, which is answered",
			Explain: "A peer announces. Another address announces the same port and peer id, with another key, " +
				"and that it stops. The first should stay: ids are public, and anybody could empty a torrent.",
			Causes: []string{"peers are found by their id alone", "the key is not compared"},
			Kills:  []string{"anybody-stops-a-peer", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Announce(h, nil)
				b.ID, b.Port = a.ID, a.Port
				b.Ask(h, Params{"event": "stopped"})
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/stopped-twice-is-harmless", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other peer, which is counted",
			Explain: "A peer stops twice, and one stops that was never there. Nobody else should vanish, and no " +
				"number should go below what there is.",
			Causes: []string{"a counter is decremented for peers that are gone"},
			Kills: []string{
				"counts-swapped", "ignores-stopped", "lists-the-source-port", "ports-in-host-order",
				"stops-are-counted",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Announce(h, nil)
				b.Announce(h, nil)
				b.Leave(h)
				b.Leave(h)
				NewPeer(t).Leave(h)
				r := NewPeer(t).Announce(h, Params{"numwant": "100"})
				t.sees("peers", addrs(r.Peers()), a)
				if n, ok := r.Int("incomplete"); ok && n != 2 {
					t.Mismatch("incomplete", n, "2")
				}
			}),
		},
		{
			ID: "bep3/tracker/peer-returns-after-a-stop", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013", "BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "A peer announces, stops and starts again. It must be listed again.",
			Kills:   []string{"lists-the-source-port", "ports-in-host-order", "stopped-for-good"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"event": "started"})
				a.Leave(h)
				a.Announce(h, Params{"event": "started"})
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/counts-seeds-and-others", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "Two seeds and three other peers announce. If the answer has complete and incomplete, they " +
				"should be 2 and 3.",
			Causes: []string{"left=0 is not read as a seed", "the asker is counted twice or not at all"},
			Kills:  []string{"counts-swapped"},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 2) {
					p.Seed(h)
				}
				for _, p := range NewPeers(t, 2) {
					p.Announce(h, nil)
				}
				t.counts(NewPeer(t).Announce(h, nil), 2, 3)
			}),
		},
		{
			ID: "bep3/tracker/completed-makes-a-seed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the counts before",
			Explain: "A peer announces with bytes to fetch, and later that it has completed. It should count as " +
				"a seed from then on, and as a seed only.",
			Kills: []string{"completed-is-no-seed", "counts-swapped", "lists-the-source-port"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				t.counts(a.Announce(h, Params{"event": "started"}), 0, 1)
				t.counts(a.Announce(h, Params{"event": "completed", "left": "0", "downloaded": "1000"}), 1, 0)
				t.counts(NewPeer(t).Announce(h, nil), 1, 1)
			}),
		},
		{
			ID: "bep3/tracker/seed-that-lost-data", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the counts before",
			Explain: "A seed announces that it misses bytes, as after a check of its files. It should count as " +
				"a seed no longer.",
			Causes: []string{"a seed remains one for good"},
			Kills: []string{
				"counts-of-those-who-were-there", "counts-swapped", "lists-the-source-port",
				"once-a-seed",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				t.counts(a.Seed(h), 1, 0)
				t.counts(a.Announce(h, nil), 0, 1)
			}),
		},
		{
			ID: "bep3/tracker/without-left-is-no-seed", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces without left, as one that has no metadata yet may. It should be refused " +
				"or count as one that downloads, but not as a seed.",
			Causes: []string{"a missing number reads as 0"},
			Kills:  []string{"counts-swapped", "no-left-is-0"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				r := a.AskMalformed("announce without left", h, Params{"left": nil})
				if _, refused := r.Failure(); refused {
					return
				}
				a.served(r)
				t.counts(r, 0, 1)
			}),
		},
		{
			ID: "bep3/tracker/seeds-are-spared-seeds", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the peer that downloads in the same list",
			Explain: "A seed announces to a torrent of a seed and a peer that downloads. It needs the second " +
				"alone; a target that tells it of seeds is recorded.",
			Kills: []string{"lists-the-source-port", "ports-in-host-order", "seeds-for-seeds"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Seed(h)
				b.Announce(h, nil)
				got := addrs(NewPeer(t).Seed(h).Peers())
				t.sees("peers", got, b)
				if count(got, a.Addr()) > 0 {
					t.Infof("a seed is told of seeds")
				}
			}),
		},
		{
			ID: "bep3/tracker/new-port-replaces-the-old", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the peer at its new port in the list",
			Explain: "A peer announces, and again with the same id and key and another port. Its new port must " +
				"be listed; a target that lists the old one as well is recorded.",
			Unkillable: "the reference tracker itself keeps the old port until it expires",
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				old := a.Addr()
				a.Port++
				a.Announce(h, nil)
				got := t.look(h)
				t.sees("peers", got, a)
				if count(got, old) > 0 {
					t.Infof("the old port is listed until it expires")
				}
			}),
		},
	}
}

// counts ends the case unless the numbers of an answer are as expected.
func (t *T) counts(r *Reply, complete, incomplete int64) {
	got := [2]int64{r.Count("complete"), r.Count("incomplete")}
	equal(t, "complete and incomplete", got, [2]int64{complete, incomplete}, func(n [2]int64) string {
		return fmt.Sprintf("%d and %d", n[0], n[1])
	})
}
