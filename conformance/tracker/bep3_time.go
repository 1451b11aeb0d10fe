package tracker

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Time: what becomes of peers as time passes.
func bep3Time() []Case {
	return []Case{
		{
			ID: "bep3/tracker/silent-peer-expires", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 8 * time.Hour,
			Control: "the peer that announces every interval, in the same list",
			Explain: "Two peers announce. One goes on to announce every interval for three intervals, the other " +
				"is never heard of again. It should no longer be listed then.",
			Causes: []string{"peers leave the list only when they say so"},
			Kills:  []string{"lists-the-source-port", "never-expires", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Announce(h, nil)
				interval := t.interval(b.Announce(h, nil))
				for range 3 {
					t.Wait(interval)
					b.Announce(h, nil)
				}
				got := t.look(h)
				t.sees("peers", got, b)
				t.misses("peers after three intervals", got, a)
			}),
		},
		{
			ID: "bep3/tracker/peer-stays-for-an-interval", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 3 * time.Hour,
			Control: "the first announce, which is answered",
			Explain: "A peer announces. A little before its interval is over it must still be listed: it was " +
				"told not to come sooner.",
			Causes: []string{"peers expire before the interval that they are told"},
			Kills:  []string{"expires-early", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				interval := t.interval(a.Announce(h, nil))
				t.Wait(interval - interval/20)
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/late-by-a-minute-is-listed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 3 * time.Hour,
			Control: "the first announce, which is answered",
			Explain: "A peer announces and is a minute late for the next time. It should be listed meanwhile: " +
				"clients round, wait for slots and repeat lost packets.",
			Kills: []string{
				"expires-early", "expires-to-the-second", "lists-the-source-port",
				"ports-in-host-order",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				t.Wait(t.interval(a.Announce(h, nil)) + time.Minute)
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/seeds-expire-from-the-counts", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-021", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 8 * time.Hour,
			Control: "the count of the seed while it is there",
			Explain: "A seed announces and is never heard of again. After three intervals complete should be 0.",
			Causes:  []string{"the counters are kept apart from the list"},
			Kills: []string{
				"counts-of-those-who-were-there", "counts-swapped", "lists-the-source-port",
				"never-expires",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Seed(h)
				b := NewPeer(t)
				r := b.Announce(h, nil)
				t.counts(r, 1, 1)
				interval := t.interval(r)
				for range 3 {
					t.Wait(interval)
					r = b.Announce(h, nil)
				}
				t.counts(r, 0, 1)
			}),
		},
	}
}

// longestInterval keeps a case within its time.
const longestInterval = 2 * time.Hour

// interval is what an answer says.
func (t *T) interval(r *Reply) time.Duration {
	n, _ := r.Int("interval")
	d := time.Duration(n) * time.Second
	if d <= 0 || d > longestInterval {
		t.Inconclusivef("the interval is %d seconds, and the case waits for at most %v", n, longestInterval)
	}
	return d
}

// addrOf is a source address for a stream of the peer.
func addrOf(p *Peer) netip.AddrPort { return netip.AddrPortFrom(p.IP(), 0) }
