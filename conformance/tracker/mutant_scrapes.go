package tracker

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// scrapeMutants get the answers to scrapes over HTTP wrong.
func scrapeMutants() []Mutant {
	says := func(name, what string, f func(b *bent, q tracker.Query, files Dict, body Dict)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.say = func(q tracker.Query, _ form, body Dict) {
				if files, ok := body["files"].(Dict); ok {
					f(b, q, files, body)
				}
			}
		}}
	}
	return []Mutant{
		says("files-in-hex", "writes hashes in hexadecimal digits", func(_ *bent, _ tracker.Query, files, body Dict) {
			inHex := Dict{}
			for h, stats := range files {
				inHex[fmt.Sprintf("%x", h)] = stats
			}
			body["files"] = inHex
		}),
		says("no-downloaded", "leaves downloaded out", func(_ *bent, _ tracker.Query, files, _ Dict) {
			for _, stats := range files {
				delete(stats.(Dict), "downloaded")
			}
		}),
		says("scrape-counts-swapped", "swaps complete and incomplete in a scrape",
			func(_ *bent, _ tracker.Query, files, _ Dict) {
				for _, stats := range files {
					s := stats.(Dict)
					s["complete"], s["incomplete"] = s["incomplete"], s["complete"]
				}
			}),
		says("downloaded-is-0", "does not count downloads", func(_ *bent, _ tracker.Query, files, _ Dict) {
			for _, stats := range files {
				stats.(Dict)["downloaded"] = int64(0)
			}
		}),
		says("seeds-have-downloaded", "counts every seed as a download", func(_ *bent, _ tracker.Query, files, _ Dict) {
			for _, stats := range files {
				stats.(Dict)["downloaded"] = stats.(Dict)["complete"]
			}
		}),
		says("stale-scrapes", "repeats for good what it first said of a torrent",
			func(b *bent, _ tracker.Query, files, _ Dict) {
				for h, stats := range files {
					if old, ok := b.memory["first "+h]; ok {
						files[h] = old
					} else {
						b.memory["first "+h] = stats
					}
				}
			}),
		says("strangers-have-a-peer", "counts one peer in torrents that it does not know",
			func(_ *bent, q tracker.Query, files, _ Dict) {
				for _, p := range parseForm(q.RawQuery) {
					if p.key == "info_hash" && files[p.value] == nil {
						files[p.value] = Dict{"complete": int64(0), "downloaded": int64(0), "incomplete": int64(1)}
					}
				}
			}),
	}
}

// packetScrapeMutants get scrapes over UDP wrong.
func packetScrapeMutants() []Mutant {
	answers := func(name, what string, f func(b *bent, r *tracker.Request, a *tracker.Response)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.answer = func(r *tracker.Request, a *tracker.Response) {
				if a.Action == tracker.ActionScrape {
					f(b, r, a)
				}
			}
		}}
	}
	return []Mutant{
		answers("packet-scrape-sorted", "sorts the numbers of a scrape",
			func(_ *bent, _ *tracker.Request, a *tracker.Response) {
				slices.SortStableFunc(a.Stats, func(x, y tracker.ScrapeStats) int { return int(x.Incomplete - y.Incomplete) })
			}),
		answers("packet-scrape-swapped", "writes the numbers of a scrape in the order of an announce",
			func(_ *bent, _ *tracker.Request, a *tracker.Response) {
				for i, s := range a.Stats {
					a.Stats[i] = tracker.ScrapeStats{Complete: s.Incomplete, Downloaded: s.Complete, Incomplete: s.Downloaded}
				}
			}),
		answers("packet-scrape-of-fifty", "answers for fifty torrents at most",
			func(_ *bent, _ *tracker.Request, a *tracker.Response) { a.Stats = a.Stats[:min(len(a.Stats), 50)] }),
		answers("packet-scrape-without-strangers", "leaves out torrents that nobody shares",
			func(_ *bent, _ *tracker.Request, a *tracker.Response) {
				a.Stats = slices.DeleteFunc(a.Stats, func(s tracker.ScrapeStats) bool { return s.Complete+s.Incomplete == 0 })
			}),
		answers("packet-scrape-from-memory", "keeps the numbers of torrents that were left",
			func(b *bent, r *tracker.Request, a *tracker.Response) {
				for i, h := range r.Hashes {
					key := fmt.Sprint("stats ", h)
					if old, ok := b.memory[key]; ok && a.Stats[i].Complete+a.Stats[i].Incomplete == 0 {
						a.Stats[i] = old.(tracker.ScrapeStats)
					}
					b.memory[key] = a.Stats[i]
				}
			}),
		{Name: "packet-scrape-enters", What: "takes those who scrape for peers", bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) {
				if r.Action != tracker.ActionScrape {
					return
				}
				for _, h := range r.Hashes {
					enter := tracker.Query{From: *from, Path: "/announce", RawQuery: string(tracker.AppendAnnounceQuery(nil,
						tracker.AnnounceRequest{InfoHash: h, Port: 6881, Left: 1}))}
					b.Machine.Step(b.now, enter, nil)
				}
			}
		}},
		{Name: "every-completed-counts", What: "counts every event completed as a download", bend: everyCompletedCounts},
	}
}

// everyCompletedCounts replaces the number of downloads over both ways.
func everyCompletedCounts(b *bent) {
	counted := func(h string) int64 { n, _ := b.memory["completed "+h].(int64); return n }
	onAsk(func(_ *tracker.Query, f *form) {
		if h := f.get("info_hash"); f.get("event") == "completed" {
			b.memory["completed "+h] = counted(h) + 1
		}
	})(b)
	b.request = func(_ *netip.AddrPort, r *tracker.Request) {
		if h := string(r.Announce.InfoHash[:]); r.Announce.Event == tracker.Completed {
			b.memory["completed "+h] = counted(h) + 1
		}
	}
	b.say = func(_ tracker.Query, _ form, body Dict) {
		files, _ := body["files"].(Dict)
		for h, stats := range files {
			stats.(Dict)["downloaded"] = counted(h)
		}
	}
	b.answer = func(r *tracker.Request, a *tracker.Response) {
		for i := range a.Stats {
			a.Stats[i].Downloaded = counted(string(r.Hashes[i][:]))
		}
	}
}

// scrapeQueryMutants misread what a scrape over HTTP asks for.
func scrapeQueryMutants() []Mutant {
	asks := func(name, what string, f func(b *bent, q *tracker.Query, f *form)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.ask = func(q *tracker.Query, fields *form) bool {
				if q.Path == "/scrape" {
					f(b, q, fields)
				}
				return true
			}
		}}
	}
	return []Mutant{
		asks("one-hash-a-scrape", "answers for the last info_hash alone", func(_ *bent, _ *tracker.Query, f *form) {
			if n := len(*f); n > 1 && (*f)[n-1].key == "info_hash" {
				*f = (*f)[n-1:]
			}
		}),
		asks("strangers-fail-a-scrape", "refuses a scrape with a torrent that nobody shares",
			func(b *bent, q *tracker.Query, f *form) {
				r := b.respondTo(*q)
				for _, p := range *f {
					if p.key == "info_hash" && r != nil && !contains(r.Body, p.value) {
						f.set("info_hash", "unknown")
					}
				}
			}),
		asks("short-hashes-are-scraped", "leaves a short hash out of a scrape without a word",
			func(_ *bent, _ *tracker.Query, f *form) {
				if len(f.get("info_hash")) != 20 && f.has("info_hash") {
					f.set("info_hash", "aaaaaaaaaaaaaaaaaaaa")
				}
			}),
		asks("a-scrape-enters", "serves a scrape as an announce", func(b *bent, q *tracker.Query, f *form) {
			if f.has("port") {
				enter := *q
				enter.Path = "/announce"
				b.Machine.Step(b.now, enter, nil)
			}
		}),
		{Name: "strangers-are-a-page", What: "answers a scrape of torrents that nobody shares by a page",
			bend: func(b *bent) {
				b.write = func(_ tracker.Query, r *tracker.Respond) {
					if string(r.Body) == "d5:filesdee" {
						r.Status, r.Body = 404, []byte("<html>unknown</html>")
					}
				}
			}},
	}
}

func contains(body []byte, hash string) bool {
	r, err := tracker.ParseScrapeResponse(body)
	return err == nil && slices.ContainsFunc(r.Files, func(f tracker.ScrapeFile) bool {
		return string(f.InfoHash[:]) == hash
	})
}
