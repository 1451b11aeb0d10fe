package tracker

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// eventMutants get wrong what announces do to a torrent.
func eventMutants() []Mutant {
	ask := func(name, what string, f func(b *bent, q *tracker.Query, f *form)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			onAsk(func(q *tracker.Query, fields *form) { f(b, q, fields) })(b)
		}}
	}
	return []Mutant{
		{Name: "ignores-stopped", What: "keeps peers that stop", bend: func(b *bent) {
			onAsk(func(_ *tracker.Query, f *form) {
				if f.get("event") == "stopped" {
					f.set("event", "")
				}
			})(b)
			b.request = func(_ *netip.AddrPort, r *tracker.Request) {
				if r.Announce.Event == tracker.Stopped {
					r.Announce.Event = tracker.None
				}
			}
		}},
		ask("anybody-stops-a-peer", "finds the peer that stops by its id alone", func(b *bent, q *tracker.Query, f *form) {
			key := "id " + f.get("peer_id")
			if f.get("event") == "stopped" && b.memory[key] != nil {
				q.From = b.memory[key].(netip.AddrPort)
			}
			b.memory[key] = q.From
		}),
		{Name: "stops-are-counted", What: "takes one off the count for every stop", bend: func(b *bent) {
			onReply(func(_ tracker.Query, f form, body Dict) {
				key := "stops " + f.get("info_hash")
				stops, _ := b.memory[key].(int64)
				if f.get("event") == "stopped" {
					b.memory[key] = stops + 1
				}
				body["incomplete"] = body["incomplete"].(int64) - max(stops-1, 0)
			})(b)
		}},
		ask("stopped-for-good", "does not take a peer back that has stopped", func(b *bent, q *tracker.Query, f *form) {
			key := fmt.Sprint("gone ", q.From.Addr(), f.get("port"), f.get("info_hash"))
			if b.memory[key] != nil {
				f.set("event", "stopped")
			}
			if f.get("event") == "stopped" {
				b.memory[key] = true
			}
		}),
		ask("once-a-seed", "counts a peer that was a seed as one for good", func(b *bent, q *tracker.Query, f *form) {
			key := fmt.Sprint("seed ", q.From.Addr(), f.get("port"), f.get("info_hash"))
			if f.get("left") == "0" {
				b.memory[key] = true
			}
			if b.memory[key] != nil {
				f.set("left", "0")
			}
		}),
		ask("no-left-is-0", "takes a peer that does not say left for a seed", func(_ *bent, _ *tracker.Query, f *form) {
			if !f.has("left") {
				f.set("left", "0")
			}
		}),
	}
}

// countMutants count wrong, or for too long.
func countMutants() []Mutant {
	return []Mutant{
		{Name: "counts-swapped", What: "swaps complete and incomplete in the answer to an announce",
			bend: onReply(func(_ tracker.Query, _ form, body Dict) {
				body["complete"], body["incomplete"] = body["incomplete"], body["complete"]
			})},
		{Name: "completed-is-no-seed", What: "keeps a peer that completes among those that download", bend: func(b *bent) {
			onAsk(func(_ *tracker.Query, f *form) {
				if f.get("event") == "completed" {
					f.set("left", "1")
				}
			})(b)
			b.request = func(_ *netip.AddrPort, r *tracker.Request) {
				if r.Announce.Event == tracker.Completed {
					r.Announce.Left = 1
				}
			}
		}},
		{Name: "never-expires", What: "keeps peers for two days",
			configure: func(cfg *tracker.ServerConfig) { cfg.PeerLife = 48 * time.Hour }},
		{Name: "expires-early", What: "keeps peers for half an interval",
			configure: func(cfg *tracker.ServerConfig) { cfg.PeerLife = 15 * time.Minute }},
		{Name: "expires-to-the-second", What: "keeps peers for one interval exactly",
			configure: func(cfg *tracker.ServerConfig) { cfg.PeerLife = 30 * time.Minute }},
		{Name: "counts-of-those-who-were-there", What: "keeps counting seeds that have expired", bend: func(b *bent) {
			onReply(func(_ tracker.Query, f form, body Dict) {
				key := "most " + f.get("info_hash")
				most, _ := b.memory[key].(int64)
				b.memory[key] = max(most, body["complete"].(int64))
				body["complete"] = b.memory[key]
			})(b)
		}},
		{Name: "http-and-udp-apart", What: "keeps a torrent for HTTP and one for UDP", configure: openToAll,
			bend: func(b *bent) {
				b.request = func(_ *netip.AddrPort, r *tracker.Request) {
					r.Announce.InfoHash[0] ^= 0xff
					for i := range r.Hashes {
						r.Hashes[i][0] ^= 0xff
					}
				}
			}},
	}
}
