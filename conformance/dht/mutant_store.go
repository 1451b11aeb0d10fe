package dht

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// storeMutants are wrong in what they store for others: tokens, peers,
// filters and samples.
func storeMutants() []Mutant {
	return []Mutant{
		{Name: "announces-need-no-token",
			What: "stores announces without a token",
			bend: takes(absentToken)},
		{Name: "accepts-any-token",
			What: "stores announces and items with any token",
			bend: takes(anyToken)},
		{Name: "token-compared-by-its-start", What: "compares the first four bytes of a token",
			bend: takes(func(_ *bent, token, valid string) bool {
				return len(token) >= 4 && len(valid) >= 4 && token[:4] == valid[:4]
			})},
		{Name: "token-not-bound-to-ip",
			What: "accepts a token from another address than it was given to",
			bend: issued(func(to, from netip.AddrPort, key, other string) bool { return key == other })},
		{Name: "token-not-bound-to-hash", What: "accepts a token for any info-hash or target",
			bend: issued(func(to, from netip.AddrPort, key, other string) bool {
				return to.Addr() == from.Addr()
			})},
		{Name: "token-bound-to-port", What: "refuses a token from another port than it was given to",
			bend: bound(func(to, from netip.AddrPort) bool { return to == from }, 1<<30)},
		{Name: "token-used-once", What: "refuses a token that was used",
			bend: bound(func(to, from netip.AddrPort) bool { return true }, 1)},
		{Name: "tokens-last-a-minute", What: "refuses tokens after a minute",
			configure: func(c *mainline.Config) { c.TokenRotation = 20 * time.Second }},
		{Name: "tokens-last-for-hours", What: "accepts tokens for hours",
			configure: func(c *mainline.Config) { c.TokenRotation = time.Hour }},
		{Name: "bad-token-is-error-201", What: "refuses bad tokens with error 201", bend: both(
			recode("announce_peer", 203, 201), recode("put", 203, 201))},
		{Name: "refuses-in-silence", What: "drops what it would have to answer with error 203",
			bend: answersAll("", func(_ *bent, m Dict) Dict {
				if e, ok := m["e"].([]any); ok && e[0] == int64(203) {
					return nil
				}
				return m
			})},
		{Name: "implied-port-ignored", What: "stores the port argument in spite of implied_port",
			bend: hears("announce_peer", func(a Dict) { delete(a, "implied_port") })},
		{Name: "implied-port-by-presence", What: "takes implied_port 0 for 1",
			bend: hears("announce_peer", func(a Dict) {
				if _, ok := a["implied_port"]; ok {
					a["implied_port"] = 1
				}
			})},
		{Name: "implied-port-always", What: "stores the source port of every announce",
			bend: hears("announce_peer", func(a Dict) { a["implied_port"] = 1 })},
		{Name: "port-always-required", What: "refuses announces without port, implied or not",
			bend: hearsAll("announce_peer", func(b *bent, from netip.AddrPort, m Dict) Dict {
				if _, ok := m["a"].(Dict)["port"]; !ok {
					b.refuse(from, m, 203)
					return nil
				}
				return m
			})},
		{Name: "stores-port-zero", What: "stores peers with port 0",
			bend: portRule(func(v any) (int64, bool) { n, ok := v.(int64); return 1, ok && n == 0 })},
		{Name: "ports-wrap-around", What: "stores ports out of range modulo 65536",
			bend: portRule(func(v any) (int64, bool) {
				n, ok := v.(int64)
				return max(n&0xffff, 1), ok && (n < 0 || n > 65535)
			})},
		{Name: "port-as-text", What: "reads a port that is a string",
			bend: portRule(func(v any) (int64, bool) {
				s, ok := v.(string)
				n, err := strconv.ParseInt(s, 10, 64)
				return n, ok && err == nil
			})},
		{Name: "one-store-for-all-hashes", What: "answers get_peers with the peers of all info-hashes",
			bend: hears("", func(a Dict) {
				if _, ok := a["info_hash"].(string); ok {
					a["info_hash"] = string(make([]byte, K20))
				}
			})},
		{Name: "seed-ignored", What: "stores seeds as downloaders",
			bend: hears("announce_peer", func(a Dict) { delete(a, "seed") })},
		{Name: "seed-by-presence", What: "takes seed 0 for 1",
			bend: hears("announce_peer", func(a Dict) {
				if _, ok := a["seed"]; ok {
					a["seed"] = 1
				}
			})},
		{Name: "first-announce-counts", What: "does not change an entry when it is announced again",
			bend: func(b *bent) {
				seen := map[string]Dict{}
				hearsAll("announce_peer", func(_ *bent, from netip.AddrPort, m Dict) Dict {
					a, _ := m["a"].(Dict)
					hash, _ := a["info_hash"].(string)
					who := from.Addr().String() + hash
					if first, ok := seen[who]; ok {
						a["port"], a["seed"] = first["port"], first["seed"]
					} else {
						seen[who] = merge(a, nil)
					}
					return m
				})(b)
			}},
		{Name: "entry-for-each-port", What: "keeps an entry for each port of an address",
			bend: remembering(func(asker, peer netip.Addr) bool { return asker.Is4() == peer.Is4() })},
		{Name: "filters-swapped", What: "swaps the filters of seeds and downloaders",
			bend: answers("get_peers", func(_ *bent, r Dict) { r["BFsd"], r["BFpe"] = r["BFpe"], r["BFsd"] })},
		{Name: "filters-of-255-bytes", What: "sends filters that lack their last byte",
			bend: eachFilter(func(s string) string { return s[:255] })},
		{Name: "bloom-msb-first", What: "counts the bits of a filter's byte from the most significant",
			bend: eachFilter(func(s string) string {
				out := []byte(s)
				for i, c := range out {
					var r byte
					for bit := range 8 {
						r |= c >> bit & 1 << (7 - bit)
					}
					out[i] = r
				}
				return string(out)
			})},
		{Name: "filters-always", What: "sends filters whether or not they are asked for",
			bend: hears("get_peers", func(a Dict) { a["scrape"] = 1 })},
		{Name: "filters-in-a-full-answer", What: "adds the filters to an answer that is full already",
			bend: both(hears("get_peers", func(a Dict) { a["wanted"], a["scrape"] = a["scrape"], nil }),
				answers("get_peers", func(b *bent, r Dict) {
					if b.query["a"].(Dict)["wanted"] == int64(1) {
						r["BFsd"], r["BFpe"] = string(make([]byte, 256)), string(make([]byte, 256))
					}
				}))},
		{Name: "noseed-ignored", What: "does not know noseed",
			bend: hears("get_peers", func(a Dict) { delete(a, "noseed") })},
		{Name: "samples-omitted-when-empty", What: "leaves samples out where it has none",
			bend: answers("sample_infohashes", func(_ *bent, r Dict) {
				if r["samples"] == "" {
					delete(r, "samples")
				}
			})},
		{Name: "crashes-with-samples", What: "crashes as it sends samples that are not empty",
			bend: answers("sample_infohashes", func(b *bent, r Dict) {
				if r["samples"] != "" {
					b.crash()
				}
			})},
		{Name: "num-is-what-was-sent", What: "sends the number of samples in the answer as num",
			bend: answers("sample_infohashes", func(_ *bent, r Dict) {
				r["num"] = len(r["samples"].(string)) / K20
			})},
		{Name: "samples-in-order", What: "samples the lowest info-hashes",
			bend: lowestSamples},
		{Name: "missing-key-means-zeros", What: "takes an absent target or info-hash for zeros",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				for method, name := range map[string]string{
					"find_node": "target", "get_peers": "info_hash", "sample_infohashes": "target",
				} {
					if a, ok := m["a"].(Dict); ok && m["q"] == method && a[name] == nil {
						a[name] = string(make([]byte, K20))
					}
				}
				return m
			})},
		{Name: "ids-filled-to-20-bytes", What: "fills ids that are too short with zeros",
			bend: hears("", func(a Dict) {
				if id, ok := a["id"].(string); ok && len(id) < K20 {
					a["id"] = id + string(make([]byte, K20-len(id)))
				}
			})},
	}
}

// takes replaces a token that the rule accepts by the one that the node takes.
func takes(accept func(b *bent, token, valid string) bool) func(*bent) {
	return hearsAll("", func(b *bent, from netip.AddrPort, m Dict) Dict {
		if m["q"] != "announce_peer" && m["q"] != "put" {
			return m
		}
		a, _ := m["a"].(Dict)
		token, ok := a["token"].(string)
		if !ok {
			token = noToken
		}
		if valid := b.token(from, storeKey(m)); valid != "" && accept(b, token, valid) {
			a["token"] = valid
		}
		return m
	})
}

// noToken stands for the token of a query that has none.
const noToken = "\x00none"

func absentToken(_ *bent, token, _ string) bool { return token == noToken }
func anyToken(_ *bent, token, _ string) bool    { return token != noToken }

// storeKey is the key that an announce or a put stores under.
func storeKey(m Dict) string {
	a, _ := m["a"].(Dict)
	if m["q"] == "announce_peer" {
		hash, _ := a["info_hash"].(string)
		return hash
	}
	key := itemKey(a)
	return string(key[:])
}

// given is a token that the node gave.
type given struct {
	to    netip.AddrPort
	key   string
	token string
	uses  int
}

// giving keeps the tokens that the node gives.
func giving(f func(b *bent, tokens *[]given)) func(*bent) {
	return func(b *bent) {
		var tokens []given
		answers("", func(b *bent, r Dict) {
			if token, ok := r["token"].(string); ok {
				key := b.sought()
				tokens = append(tokens, given{to: b.asker, key: string(key[:]), token: token})
			}
		})(b)
		f(b, &tokens)
	}
}

// issued accepts tokens that were given out, if the rule allows it.
func issued(allow func(to, from netip.AddrPort, key, other string) bool) func(*bent) {
	return giving(func(b *bent, tokens *[]given) {
		hearsAll("", func(b *bent, from netip.AddrPort, m Dict) Dict {
			a, _ := m["a"].(Dict)
			if m["q"] != "announce_peer" && m["q"] != "put" {
				return m
			}
			for _, g := range *tokens {
				if g.token == a["token"] && allow(g.to, from, g.key, storeKey(m)) {
					a["token"] = b.token(from, storeKey(m))
					break
				}
			}
			return m
		})(b)
	})
}

// bound refuses tokens that were given to somebody else by the rule, or used
// too often.
func bound(same func(to, from netip.AddrPort) bool, uses int) func(*bent) {
	return giving(func(b *bent, tokens *[]given) {
		hearsAll("", func(b *bent, from netip.AddrPort, m Dict) Dict {
			a, _ := m["a"].(Dict)
			if m["q"] != "announce_peer" && m["q"] != "put" {
				return m
			}
			for i := len(*tokens) - 1; i >= 0; i-- {
				g := &(*tokens)[i]
				if g.token == a["token"] && same(g.to, from) && g.uses < uses {
					g.uses++
					return m
				}
			}
			b.refuse(from, m, 203)
			return nil
		})(b)
	})
}

// portRule replaces the port of announces that the rule reads its own way.
func portRule(read func(v any) (port int64, wrong bool)) func(*bent) {
	return hears("announce_peer", func(a Dict) {
		if port, wrong := read(a["port"]); wrong {
			a["port"] = port
		}
	})
}

// eachFilter bends both filters.
func eachFilter(f func(string) string) func(*bent) {
	return answers("get_peers", func(_ *bent, r Dict) {
		for _, key := range []string{"BFsd", "BFpe"} {
			if s, ok := r[key].(string); ok {
				r[key] = f(s)
			}
		}
	})
}

// lowestSamples keeps the info-hashes that were announced, in order.
func lowestSamples(b *bent) {
	var hashes []kademlia.ID
	answersAll("", func(b *bent, m Dict) Dict {
		r, ok := m["r"].(Dict)
		switch {
		case ok && b.query["q"] == "announce_peer":
			hashes = append(hashes, b.sought())
			slices.SortFunc(hashes, kademlia.ID.Cmp)
			hashes = slices.Compact(hashes)
		case ok && b.query["q"] == "sample_infohashes":
			n := len(r["samples"].(string)) / K20
			samples := ""
			for _, h := range hashes[:n] {
				samples += string(h[:])
			}
			r["samples"] = samples
		}
		return m
	})(b)
}
