package tracker

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// specialScrapeCase scrapes torrents whose hashes need care.
const specialScrapeCase = "bep48/scrape/hash-with-special-bytes"

// bep48Shape: what a scrape looks like.
func bep48Shape() []Case {
	return []Case{
		{
			ID: "bep48/scrape/files-by-hash", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce before, which is answered",
			Explain: "A torrent with one peer is scraped. The answer must have a dictionary files, with the 20 " +
				"bytes of the hash as its key and complete, downloaded and incomplete in its value.",
			Causes: []string{"the key is in hexadecimal digits", "one of the three numbers is left out"},
			Kills:  []string{"files-in-hex", "hashes-are-text", "no-downloaded", "one-list-for-all"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				if _, ok := NewPeer(t).Scrape(h).Stats(h); !ok {
					t.Mismatch("files", "no such key", fmt.Sprintf("the hash %x", h))
				}
			}),
		},
		{
			ID: "bep48/scrape/reply-is-canonical", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-BENC-008"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "Three torrents are scraped in descending order of their hashes. The body must be one " +
				"bencoded dictionary with all keys in raw byte order: the hashes and the numbers.",
			Causes: []string{"the order complete, incomplete, downloaded", "the order of the request"},
			Kills:  []string{"keys-out-of-order", "line-feed-behind-the-reply"},
			Run: run(func(t *T) {
				hashes := t.sharedHashes(3)
				for i := range hashes {
					for j := range i {
						if string(hashes[i][:]) > string(hashes[j][:]) {
							hashes[i], hashes[j] = hashes[j], hashes[i]
						}
					}
				}
				r := NewPeer(t).Scrape(hashes...)
				if _, err := bencode.Parse(r.Body, bencode.Options{}); err != nil {
					t.Mismatch("body", err, "canonical bencoding")
				}
			}),
		},
		{
			ID: "bep48/scrape/several-hashes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announces before, which are answered",
			Explain: "Three torrents are scraped by one request with three info_hash keys. The answer must have " +
				"all of them.",
			Causes: []string{"a map of the query keeps one value a key"},
			Kills: []string{
				"files-in-hex", "hashes-are-text", "no-downloaded", "one-hash-a-scrape",
				"one-list-for-all",
			},
			Run: run(func(t *T) {
				hashes := t.sharedHashes(3)
				r := NewPeer(t).Scrape(hashes...)
				for _, h := range hashes {
					if _, ok := r.Stats(h); !ok {
						t.Mismatch("files", "no such key", fmt.Sprintf("the hash %x", h))
					}
				}
			}),
		},
		{
			ID: specialScrapeCase, Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-TRK-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce before, which is answered",
			Explain: "A torrent is scraped whose hash has a NUL, a blank, a percent sign and other bytes that " +
				"mean something in a URL. It must be found, under the very same bytes.",
			Causes: []string{"the hash passes through a character set", "the reply is cut at the NUL"},
			Kills: []string{
				"files-in-hex", "hashes-are-text", "no-downloaded", "one-list-for-all",
				"scrape-counts-swapped",
			},
			Run: run(func(t *T) {
				h, _ := t.SpecialHashes()
				NewPeer(t).Announce(h, nil)
				stats, ok := NewPeer(t).Scrape(h).Stats(h)
				if !ok || stats.Incomplete != 1 {
					t.Mismatch("files", fmt.Sprintf("%+v", stats), fmt.Sprintf("one incomplete peer of %x", h))
				}
			}),
		},
		{
			ID: "bep48/scrape/stranger-is-zeros-or-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the torrent beside it, which is found",
			Explain: "A torrent with a peer is scraped together with one that nobody shares. The first must be " +
				"there; the second must be left out or have zeros.",
			Causes: []string{"one unknown hash fails the whole request"},
			Kills: []string{
				"files-in-hex", "hashes-are-text", "no-downloaded", "one-list-for-all",
				"strangers-fail-a-scrape", "strangers-have-a-peer",
			},
			Run: run(func(t *T) {
				h := t.sharedHashes(1)[0]
				stranger := t.random()
				r := NewPeer(t).Scrape(stranger, h)
				if _, ok := r.Stats(h); !ok {
					t.Mismatch("files", "no such key", fmt.Sprintf("the hash %x", h))
				}
				if stats, ok := r.Stats(stranger); ok && stats.Complete+stats.Incomplete+stats.Downloaded != 0 {
					t.Mismatch("the numbers of a torrent that nobody shares", fmt.Sprintf("%+v", stats), "zeros", "nothing")
				}
			}),
		},
		{
			ID: "bep48/scrape/stranger-alone", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer, which is a tracker's",
			Explain: "A torrent that nobody shares is scraped by itself. The answer should have files, empty or " +
				"with zeros, or a failure reason; both tell the client what it needs.",
			Kills: []string{"strangers-are-a-page", "strangers-have-a-peer"},
			Run: run(func(t *T) {
				stranger := t.random()
				p := NewPeer(t)
				r := p.AskScrape(stranger)
				if !r.isTracker() {
					p.control()
					t.Mismatch("the answer to a scrape", r, "files", "a failure reason")
				}
				if _, refused := r.Failure(); refused {
					return
				}
				if stats, ok := r.Stats(stranger); ok && stats.Complete+stats.Incomplete+stats.Downloaded != 0 {
					t.Mismatch("the numbers of a torrent that nobody shares", fmt.Sprintf("%+v", stats), "zeros", "nothing")
				}
			}),
		},
		{
			ID: "bep48/scrape/short-hash-is-refused", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-005"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a common announce right after, if no tracker's answer comes",
			Explain: "A scrape has an info_hash of 19 bytes. The answer should be a failure reason.",
			Kills:   []string{"failures-are-pages", "short-hashes-are-scraped", "strangers-fail-a-scrape"},
			Run: run(func(t *T) {
				h, p := t.NewHash(), NewPeer(t)
				p.Scrape(h)
				r := p.GetMalformed("/scrape?info_hash="+escape(string(h[:19])), "scrape of 19 bytes")
				r.What = "the answer to a hash of 19 bytes"
				p.refused(r)
			}),
		},
		{
			ID: "bep48/scrape/of-everything", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a common announce right after, if no tracker's answer comes",
			Explain: "A scrape names no torrent, which asks for all that there are. A target that does not " +
				"tell them is recorded: the list can be long.",
			Unkillable: "the reference tracker itself refuses to tell of everything",
			Run: run(func(t *T) {
				h := t.sharedHashes(1)[0]
				p := NewPeer(t)
				r := p.GetMalformed("/scrape", "scrape of everything")
				if !r.isTracker() {
					p.control()
				}
				if _, refused := r.Failure(); refused || !r.isTracker() {
					t.Infof("a scrape without a torrent brings %v", r)
				}
				if _, ok := r.Stats(h); !ok {
					t.Infof("a scrape without a torrent brings files without one that has a peer")
				}
			}),
		},
	}
}

// bep48Counts: what the numbers are.
func bep48Counts() []Case {
	return []Case{
		{
			ID: "bep48/numbers/seeds-and-others", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces before, which are answered",
			Explain: "Two seeds and three other peers announce. A scrape must give complete 2 and incomplete 3.",
			Kills: []string{
				"files-in-hex", "hashes-are-text", "no-downloaded", "one-list-for-all",
				"scrape-counts-swapped",
			},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 2) {
					p.Seed(h)
				}
				for _, p := range NewPeers(t, 3) {
					p.Announce(h, nil)
				}
				t.has(h, 2, 3)
			}),
		},
		{
			ID: "bep48/numbers/scrape-changes-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the peer that is listed",
			Explain: "A torrent with one peer is scraped four times, by requests that carry the keys of an " +
				"announce, too. The numbers must stay, and nobody may be told of those who scraped.",
			Causes: []string{"a scrape is served as an announce"},
			Kills: []string{
				"a-scrape-enters", "files-in-hex", "hashes-are-text", "lists-peers-twice",
				"lists-the-source-port", "no-downloaded", "one-list-for-all", "ports-in-host-order",
				"scrape-counts-swapped",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				for range 4 {
					p := NewPeer(t)
					p.served(p.Get("/scrape?"+p.query(h, nil), "scrape with the keys of an announce"))
				}
				t.has(h, 0, 1)
				got := t.look(h)
				t.sees("peers", got, a)
				equal(t, "the number of peers", len(got), 1, decimal)
			}),
		},
		{
			ID: "bep48/numbers/those-who-stopped-do-not-count", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the numbers before",
			Explain: "A seed and another peer announce, and the seed stops. A scrape before must count both, and " +
				"one after the other alone.",
			Kills: []string{
				"files-in-hex", "hashes-are-text", "ignores-stopped", "lists-the-source-port",
				"no-downloaded", "one-list-for-all", "scrape-counts-swapped", "stale-scrapes",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Seed(h)
				NewPeer(t).Announce(h, nil)
				t.has(h, 1, 1)
				a.Announce(h, Params{"event": "stopped", "left": "0"})
				t.has(h, 0, 1)
			}),
		},
		{
			ID: "bep48/numbers/completed-moves-a-peer", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the numbers before",
			Explain: "A peer downloads and announces that it has completed. A scrape must count it once, as a " +
				"seed.",
			Kills: []string{
				"completed-is-no-seed", "files-in-hex", "hashes-are-text", "lists-the-source-port",
				"no-downloaded", "one-list-for-all", "scrape-counts-swapped",
				"stale-scrapes",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"event": "started"})
				t.has(h, 0, 1)
				a.Announce(h, Params{"event": "completed", "left": "0"})
				t.has(h, 1, 0)
			}),
		},
		{
			ID: "bep48/numbers/downloaded-counts-completed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other numbers in the same answer",
			Explain: "Two peers announce that they have completed, and a third starts as a seed. Downloaded " +
				"should be 2: a seed that starts complete has not downloaded here.",
			Causes: []string{"downloaded is always 0", "every seed is counted"},
			Kills: []string{
				"completed-is-no-seed", "downloaded-is-0", "files-in-hex", "hashes-are-text",
				"lists-the-source-port", "no-downloaded", "one-list-for-all", "scrape-counts-swapped",
				"seeds-have-downloaded",
			},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 2) {
					p.Announce(h, Params{"event": "started"})
					p.Announce(h, Params{"event": "completed", "left": "0"})
				}
				NewPeer(t).Announce(h, Params{"event": "started", "left": "0"})
				stats := t.has(h, 3, 0)
				equal(t, "downloaded", stats, 2, decimal64)
			}),
		},
		{
			ID: "bep48/numbers/completed-twice-is-one-download", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other numbers in the same answer",
			Explain: "A peer announces three times that it has completed, as one does whose answers are lost. " +
				"Downloaded should be 1.",
			Causes: []string{"each event is counted, not each peer"},
			Kills: []string{
				"completed-is-no-seed", "downloaded-is-0", "every-completed-counts", "files-in-hex",
				"hashes-are-text", "lists-the-source-port", "no-downloaded", "one-list-for-all",
				"scrape-counts-swapped",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"event": "started"})
				for range 3 {
					a.Announce(h, Params{"event": "completed", "left": "0"})
				}
				equal(t, "downloaded", t.has(h, 1, 0), 1, decimal64)
			}),
		},
		{
			ID: "bep48/numbers/agree-with-the-announce", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce and the scrape, which are answered",
			Explain: "A peer announces, and scrapes right after. Both answers should give the same numbers.",
			Causes:  []string{"a scrape is answered from numbers that are kept for a while"},
			Kills:   []string{"files-in-hex", "hashes-are-text", "no-downloaded", "one-list-for-all"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Seed(h)
				p := NewPeer(t)
				r := p.Announce(h, nil)
				complete, incomplete := r.Count("complete"), r.Count("incomplete")
				t.has(h, complete, incomplete)
			}),
		},
		{
			ID: "bep48/numbers/expired-peers-do-not-count", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP48-SCRAPE-002", "BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 8 * time.Hour,
			Control: "the numbers before",
			Explain: "A peer announces and is never heard of again. A scrape at once should count it, and one " +
				"after three intervals should not.",
			Kills: []string{
				"files-in-hex", "hashes-are-text", "never-expires", "no-downloaded",
				"one-list-for-all", "scrape-counts-swapped", "strangers-fail-a-scrape",
				"strangers-have-a-peer",
			},
			Run: run(func(t *T) {
				h := t.NewHash()
				interval := t.interval(NewPeer(t).Announce(h, nil))
				t.has(h, 0, 1)
				t.Wait(3 * interval)
				t.has(h, 0, 0)
			}),
		},
	}
}

// sharedHashes are torrents with one peer each.
func (t *T) sharedHashes(n int) []Hash {
	hashes := make([]Hash, n)
	for i := range hashes {
		hashes[i] = t.NewHash()
		NewPeer(t).Announce(hashes[i], nil)
	}
	return hashes
}

// has ends the case unless a scrape gives these numbers; it returns the third.
func (t *T) has(h Hash, complete, incomplete int64) (downloaded int64) {
	stats, _ := NewPeer(t).Scrape(h).Stats(h) // zeros if it is left out
	equal(t, "complete and incomplete", [2]int64{stats.Complete, stats.Incomplete}, [2]int64{complete, incomplete},
		func(n [2]int64) string { return fmt.Sprintf("%d and %d", n[0], n[1]) })
	return stats.Downloaded
}
