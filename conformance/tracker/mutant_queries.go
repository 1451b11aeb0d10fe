package tracker

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// queryMutants misread what an announce over HTTP says.
func queryMutants() []Mutant {
	ask := func(name, what string, f func(q *tracker.Query, f *form)) Mutant {
		return Mutant{Name: name, What: what, bend: onAsk(f)}
	}
	refuse := func(name, what string, when func(q tracker.Query, f form) bool) Mutant {
		return ask(name, what, func(q *tracker.Query, f *form) {
			if when(*q, *f) {
				f.del("info_hash")
			}
		})
	}
	return []Mutant{
		{Name: "plus-is-a-blank", What: "takes an escaped plus sign for a blank", configure: openToAll, bend: func(b *bent) {
			b.ask = func(_ *tracker.Query, f *form) bool {
				for i, p := range *f {
					if strings.HasPrefix(p.value, "\x00") { // not each random hash that has one
						(*f)[i].value = strings.ReplaceAll(p.value, "+", " ")
					}
				}
				return true
			}
		}},
		{Name: "hashes-are-text", What: "replaces bytes of a hash that are no UTF-8", configure: openToAll,
			bend: func(b *bent) {
				b.ask = func(_ *tracker.Query, f *form) bool {
					for i, p := range *f {
						if p.key == "info_hash" {
							(*f)[i].value = strings.Map(func(c rune) rune {
								if c > 0x7e || c < ' ' {
									return '?'
								}
								return c
							}, latin1(p.value))
						}
					}
					return true
				}
			}},
		refuse("escapes-in-capitals-alone", "does not read escapes in small letters",
			func(q tracker.Query, _ form) bool {
				i := strings.Index(q.RawQuery, "info_hash=")
				hash, _, _ := strings.Cut(q.RawQuery[max(i, 0):], "&")
				return strings.ContainsAny(strings.ReplaceAll(hash, "info_hash", ""), "abcdef") && strings.Count(hash, "%") == 20
			}),
		ask("order-of-keys-matters", "loses the keys behind uploaded", func(_ *tracker.Query, f *form) {
			if i := slices.IndexFunc(*f, func(p pair) bool { return p.key == "uploaded" }); i >= 0 {
				*f = (*f)[:i+1]
			}
		}),
		refuse("unknown-keys-are-refused", "refuses keys that it does not know",
			func(_ tracker.Query, f form) bool { return f.has("p2pspec") }),
		refuse("empty-event-is-refused", "refuses an event that is empty",
			func(_ tracker.Query, f form) bool { return f.has("event") && f.get("event") == "" }),
		refuse("key-has-to-be-hex", "refuses a key that is not 8 hexadecimal digits", func(_ tracker.Query, f form) bool {
			_, err := hex.DecodeString(f.get("key"))
			return err != nil || len(f.get("key")) != 8
		}),
	}
}

// meaningMutants read a query well and take it for something else.
func meaningMutants() []Mutant {
	return []Mutant{
		{Name: "left-in-32-bits", What: "reads the low 32 bits of left", bend: func(b *bent) {
			onAsk(func(_ *tracker.Query, f *form) {
				if n, err := strconv.ParseUint(f.get("left"), 10, 64); err == nil {
					f.set("left", fmt.Sprint(uint32(n)))
				}
			})(b)
			b.request = func(_ *netip.AddrPort, r *tracker.Request) { r.Announce.Left &= 1<<32 - 1 }
		}},
		{Name: "believes-ip", What: "lists the address that a peer names, whoever it is",
			configure: func(cfg *tracker.ServerConfig) {
				cfg.TrustIP = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
			}},
		{Name: "two-hashes-are-two-torrents", What: "announces a peer to every torrent of a query", bend: func(b *bent) {
			onAsk(b.announceAll)(b)
		}},
	}
}

// announceAll announces to the torrents of a query behind the first, and leaves
// the first to the tracker.
func (b *bent) announceAll(q *tracker.Query, f *form) {
	var hashes []string
	for _, p := range *f {
		if p.key == "info_hash" {
			hashes = append(hashes, p.value)
		}
	}
	if len(hashes) < 2 {
		return
	}
	for _, h := range hashes[1:] {
		f.set("info_hash", h)
		b.Machine.Step(b.now, tracker.Query{From: q.From, Path: q.Path, RawQuery: f.encode()}, nil)
	}
	f.set("info_hash", hashes[0])
}

// latin1 is bytes as characters of their own.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// lenientMutants store what they should refuse.
func lenientMutants() []Mutant {
	mend := func(name, what string, f func(f *form)) Mutant {
		return Mutant{Name: name, What: what, configure: openToAll,
			bend: onAsk(func(_ *tracker.Query, fields *form) { f(fields) })}
	}
	return []Mutant{
		mend("needs-no-hash", "takes a missing hash for one of zeros", func(f *form) {
			if !f.has("info_hash") {
				f.set("info_hash", strings.Repeat("\x00", 20))
			}
		}),
		mend("fills-hashes-up", "fills a short hash up with zeros", func(f *form) {
			if h := f.get("info_hash"); f.has("info_hash") && len(h) < 20 {
				f.set("info_hash", h+strings.Repeat("\x00", 20-len(h)))
			}
		}),
		mend("cuts-hashes", "cuts a hash of more than 20 bytes", func(f *form) {
			if h := f.get("info_hash"); len(h) > 20 && len(h) < 40 {
				f.set("info_hash", h[:20])
			}
		}),
		mend("takes-hex-for-a-hash", "decodes a hash in hexadecimal digits", func(f *form) {
			if h, err := hex.DecodeString(f.get("info_hash")); err == nil && len(h) == 20 {
				f.set("info_hash", string(h))
			}
		}),
		mend("needs-no-peer-id", "does without a peer id", func(f *form) {
			if !f.has("peer_id") {
				f.set("peer_id", strings.Repeat("\x00", 20))
			}
		}),
		mend("fills-ids-up", "fills a short peer id up with zeros", func(f *form) {
			if id := f.get("peer_id"); f.has("peer_id") && len(id) < 20 {
				f.set("peer_id", id+strings.Repeat("\x00", 20-len(id)))
			}
		}),
		mend("port-6881-by-default", "takes port 6881 for one that is missing or no number", func(f *form) {
			if _, err := strconv.Atoi(f.get("port")); err != nil {
				f.set("port", "6881")
			}
		}),
		mend("takes-port-0", "takes a peer at port 0", func(f *form) {
			if f.get("port") == "0" {
				f.set("port", "6881")
			}
		}),
		mend("ports-of-16-bits", "takes the low 16 bits of a port", func(f *form) {
			if n, err := strconv.Atoi(f.get("port")); err == nil && n >= 1<<16 {
				f.set("port", fmt.Sprint(n%(1<<16)))
			}
		}),
		{Name: "stores-before-it-looks", What: "stores a peer before it finds a fault with its id", configure: openToAll,
			bend: func(b *bent) {
				onAsk(func(q *tracker.Query, f *form) {
					if len(f.get("peer_id")) != 20 {
						stored := slices.Clone(*f)
						stored.set("peer_id", strings.Repeat("a", 20))
						b.Machine.Step(b.now, tracker.Query{From: q.From, Path: q.Path, RawQuery: stored.encode()}, nil)
					}
				})(b)
			}},
	}
}
