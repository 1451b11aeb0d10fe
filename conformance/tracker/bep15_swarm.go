package tracker

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep15Swarm: what announces do to the torrent.
func bep15Swarm() []Case {
	return []Case{
		{
			ID: "bep15/event/stopped-leaves-the-list", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-011", "BEP03-TRK-021"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other peer in the same list",
			Explain: "Two peers announce, and one of them stops by event 3. Whoever asks then should be told of " +
				"the other alone.",
			Causes: []string{"the numbers of the events are mixed up"},
			Kills: []string{
				"ids-for-one-use", "ignores-stopped", "packet-ports-in-host-order",
				"packet-source-port", "packet-with-half-an-entry",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.AnnouncePacket(h, nil)
				b.AnnouncePacket(h, nil)
				a.AnnouncePacket(h, func(r *tracker.AnnounceRequest) { r.Event = tracker.Stopped })
				got := t.lookByPacket(h)
				t.sees("peers", got, b)
				t.misses("peers", got, a)
			}),
		},
		{
			ID: "bep15/event/counts-seeders-and-leechers", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-014", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "One seed and three other peers announce. The last answer must count 3 leechers, and after " +
				"that 1 seeder: in this order.",
			Causes: []string{"the two numbers are swapped: a scrape has them in the other order"},
			Kills:  []string{"packet-counts-swapped"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).AnnouncePacket(h, seeding)
				for _, p := range NewPeers(t, 2) {
					p.AnnouncePacket(h, nil)
				}
				t.packetCounts(NewPeer(t).AnnouncePacket(h, nil), 3, 1)
			}),
		},
		{
			ID: "bep15/event/completed-makes-a-seeder", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-011", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the counts before",
			Explain: "A peer announces with bytes to fetch, and later by event 1 that it has completed. It " +
				"should count as a seeder from then on.",
			Kills: []string{
				"completed-is-no-seed", "ids-for-one-use", "packet-counts-swapped",
				"packet-events-mixed-up", "packet-repeats-count",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				t.packetCounts(a.AnnouncePacket(h, started), 1, 0)
				t.packetCounts(a.AnnouncePacket(h, func(r *tracker.AnnounceRequest) {
					r.Event, r.Left, r.Downloaded = tracker.Completed, 0, 1000
				}), 0, 1)
			}),
		},
		{
			ID: "bep15/event/left-beyond-32-bits", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-003", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer of which 2^32 bytes are missing announces. It must count as a leecher.",
			Causes:  []string{"the low 32 bits are read, which are zero"},
			Kills:   []string{"left-in-32-bits", "packet-counts-swapped"},
			Run: run(func(t *T) {
				a := NewPeer(t).AnnouncePacket(t.NewHash(), func(r *tracker.AnnounceRequest) { r.Left = 1 << 32 })
				t.packetCounts(a, 1, 0)
			}),
		},
		{
			ID: "bep15/event/repeated-announce-counts-once", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "A peer announces three times, as one does whose answers are lost. It must count once.",
			Kills:   []string{"ids-for-one-use", "packet-counts-swapped", "packet-repeats-count"},
			Run: run(func(t *T) {
				h, p := t.NewHash(), NewPeer(t)
				var a *Packet
				for range 3 {
					a = p.AnnouncePacket(h, started)
				}
				t.packetCounts(a, 1, 0)
			}),
		},
		{
			ID: "bep15/event/shares-torrents-with-http", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces both ways, which are answered",
			Explain: "A peer announces over UDP and another over HTTP. Each should be told of the other: it is " +
				"one tracker.",
			Kills: []string{
				"hashes-are-text", "http-and-udp-apart", "lists-the-source-port", "one-list-for-all",
				"packet-one-list-for-all", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry", "ports-in-host-order",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.AnnouncePacket(h, nil)
				if !b.hasHTTP() {
					t.Unsupportedf("the target has no HTTP")
				}
				t.sees("peers over HTTP", addrs(b.Announce(h, nil).Peers()), a)
				t.sees("peers over UDP", t.lookByPacket(h), a, b)
			}),
		},
	}
}

// packetCounts ends the case unless the numbers of an answer are as expected.
func (t *T) packetCounts(a *Packet, leechers, seeders uint32) {
	_, l, s := a.Numbers()
	equal(t, "leechers and seeders", [2]uint32{l, s}, [2]uint32{leechers, seeders}, func(n [2]uint32) string {
		return fmt.Sprintf("%d and %d", n[0], n[1])
	})
}

// bep15Scrape: numbers over UDP.
func bep15Scrape() []Case {
	return []Case{
		{
			ID: "bep15/scrape/counts", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "Two seeds and one other peer announce. A scrape must give 2 seeders, the number of " +
				"completed downloads, and 1 leecher, in this order.",
			Causes: []string{"the order of an announce is used"},
			Kills:  []string{"packet-one-list-for-all", "packet-scrape-enters", "packet-scrape-swapped"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).AnnouncePacket(h, seeding)
				NewPeer(t).AnnouncePacket(h, seeding)
				NewPeer(t).AnnouncePacket(h, nil)
				t.scraped(NewPeer(t).ScrapePacket(h)[0], 2, 1)
			}),
		},
		{
			ID: "bep15/scrape/order-of-the-request", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "Three torrents have one, two and three peers. A scrape of them and of one that nobody " +
				"shares, in an order that is not that of the hashes, must give the numbers in the order of " +
				"the request, with zeros for the last.",
			Causes: []string{"the numbers come in the order of a table", "an unknown torrent is left out"},
			Kills: []string{
				"packet-one-list-for-all", "packet-scrape-enters", "packet-scrape-sorted",
				"packet-scrape-swapped", "packet-scrape-without-strangers",
			},
			Run: run(func(t *T) {
				hashes := []Hash{t.NewHash(), t.NewHash(), t.NewHash(), t.NewHash()}
				for i, h := range hashes[:3] {
					for range i + 1 {
						NewPeer(t).AnnouncePacket(h, nil)
					}
				}
				for _, order := range [][4]int{{2, 3, 0, 1}, {0, 2, 1, 3}, {3, 1, 2, 0}} {
					var asked []Hash
					for _, i := range order {
						asked = append(asked, hashes[i])
					}
					for j, got := range NewPeer(t).ScrapePacket(asked...) {
						t.scraped(got, 0, int64((order[j]+1)%4))
					}
				}
			}),
		},
		{
			ID: "bep15/scrape/seventy-torrents", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-020"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a connect right after, if no answer comes",
			Explain: "A scrape asks about 74 torrents, about as many as fit a packet. The answer must have 12 " +
				"bytes for each, and the first two must be right.",
			Kills: []string{
				"packet-one-list-for-all", "packet-scrape-enters", "packet-scrape-of-fifty",
				"packet-scrape-sorted", "packet-scrape-swapped", "packet-scrape-without-strangers",
			},
			Run: run(func(t *T) {
				hashes := make([]Hash, 74)
				for i := range hashes {
					t.Rand().Fill(hashes[i][:])
				}
				hashes[1] = t.NewHash()
				NewPeer(t).AnnouncePacket(hashes[1], nil)
				got := NewPeer(t).ScrapePacket(hashes...)
				t.scraped(got[0], 0, 0)
				t.scraped(got[1], 0, 1)
			}),
		},
		{
			ID: "bep15/scrape/changes-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-020", "BEP48-SCRAPE-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the peer that is counted",
			Explain: "A torrent with one peer is scraped three times. It must have one peer then, and nobody " +
				"may be told of those who scraped.",
			Kills: []string{
				"packet-one-list-for-all", "packet-ports-in-host-order", "packet-scrape-enters",
				"packet-scrape-swapped", "packet-source-port", "packet-with-half-an-entry",
				"packets-of-18-bytes-over-ipv4",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.AnnouncePacket(h, nil)
				for range 3 {
					t.scraped(NewPeer(t).ScrapePacket(h)[0], 0, 1)
				}
				got := t.lookByPacket(h)
				t.sees("peers", got, a)
				equal(t, "the number of peers", len(got), 1, decimal)
			}),
		},
		{
			ID: "bep15/scrape/completed-counts-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the numbers of seeders and leechers in the same answer",
			Explain: "A peer downloads and announces twice that it has completed, as one does whose answer was " +
				"lost. A scrape should count one completed download.",
			Causes: []string{"each event is counted, not each peer", "completed is not counted over UDP"},
			Kills: []string{
				"completed-is-no-seed", "every-completed-counts", "ids-for-one-use",
				"packet-events-mixed-up", "packet-one-list-for-all", "packet-scrape-enters",
				"packet-scrape-swapped",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.AnnouncePacket(h, started)
				for range 2 {
					a.AnnouncePacket(h, func(r *tracker.AnnounceRequest) { r.Event, r.Left = tracker.Completed, 0 })
				}
				got := NewPeer(t).ScrapePacket(h)[0]
				t.scraped(got, 1, 0)
				equal(t, "completed", got.Downloaded, 1, decimal64)
			}),
		},
		{
			ID: "bep15/scrape/nobody-left", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the numbers while the peer is there",
			Explain: "A seed announces and stops. A scrape before must count it, and one after must give zeros.",
			Kills: []string{
				"ids-for-one-use", "ignores-stopped", "packet-one-list-for-all",
				"packet-scrape-enters", "packet-scrape-from-memory", "packet-scrape-swapped",
				"packet-scrape-without-strangers",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.AnnouncePacket(h, seeding)
				t.scraped(NewPeer(t).ScrapePacket(h)[0], 1, 0)
				a.AnnouncePacket(h, func(r *tracker.AnnounceRequest) { r.Event, r.Left = tracker.Stopped, 0 })
				t.scraped(NewPeer(t).ScrapePacket(h)[0], 0, 0)
			}),
		},
	}
}

// scraped ends the case unless the numbers of a torrent are as expected.
func (t *T) scraped(got tracker.ScrapeStats, seeders, leechers int64) {
	equal(t, "seeders and leechers", [2]int64{got.Complete, got.Incomplete}, [2]int64{seeders, leechers},
		func(n [2]int64) string { return fmt.Sprintf("%d and %d", n[0], n[1]) })
}
