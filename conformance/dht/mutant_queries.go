package dht

import (
	"net/netip"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
)

// queryMutants are wrong in how they word their own queries.
func queryMutants() []Mutant {
	return []Mutant{
		{Name: "queries-without-id", What: "leaves its id out of find_node and ping",
			bend: asks("", func(a Dict) {
				if a["info_hash"] == nil {
					delete(a, "id")
				}
			})},
		{Name: "target-and-hash-confused", What: "sends target in get_peers and info_hash in find_node",
			bend: asksAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				a := m["a"].(Dict)
				switch m["q"] {
				case "find_node":
					a["info_hash"], a["target"] = a["target"], nil
				case "get_peers":
					a["target"], a["info_hash"] = a["info_hash"], nil
				}
				return m
			})},
		{Name: "another-id-in-queries", What: "goes by another id in queries than in answers",
			bend: asksAll("", func(b *bent, _ netip.AddrPort, m Dict) Dict {
				id := b.node.ID().Flip(100)
				m["a"].(Dict)["id"] = id[:]
				return m
			})},
		{Name: "constant-transaction-id",
			What: "uses one transaction id for each method",
			bend: constantID},
		{Name: "long-tokens-left-out",
			What: "does not announce to nodes whose token is longer than 40 bytes",
			bend: told("", func(_ *bent, _ *question, r Dict) {
				if s, ok := r["token"].(string); ok && len(s) > 40 {
					delete(r, "token")
				}
			})},
		{Name: "tokens-as-text", What: "drops what is no ASCII from the tokens that it returns",
			bend: asks("", func(a Dict) {
				if s, ok := a["token"].(string); ok {
					a["token"] = strings.Map(func(r rune) rune {
						if r == 0 || r > 126 {
							return -1
						}
						return r
					}, s)
				}
			})},
		{Name: "last-token-for-all", What: "returns the token that came last to every node",
			bend: func(b *bent) {
				last := ""
				told("", func(_ *bent, _ *question, r Dict) {
					if s, ok := r["token"].(string); ok {
						last = s
					}
				})(b)
				asks("", func(a Dict) {
					if _, ok := a["token"]; ok {
						a["token"] = last
					}
				})(b)
			}},
		{Name: "announces-without-token",
			What: "announces and puts to nodes that gave no token, without one",
			bend: both(withoutToken, asks("", func(a Dict) {
				if a["token"] == noToken {
					delete(a, "token")
				}
			}))},
		{Name: "token-without-value",
			What: "sends the key token with nothing behind it where a node gave none",
			bend: func(b *bent) {
				withoutToken(b)
				b.write = func(p []byte) []byte {
					value := string(bencode.AppendString(nil, noToken))
					return []byte(strings.Replace(string(p), value, "", 1))
				}
			}},
		{Name: "announces-without-port", What: "leaves port out of its announces",
			bend: asks("announce_peer", func(a Dict) { delete(a, "port") })},
		{Name: "announces-its-dht-port", What: "announces the port of its DHT node",
			bend: asks("announce_peer", func(a Dict) { a["port"] = int(virtualAddr.Port()) })},
		{Name: "implied-port-not-sent", What: "does not know implied_port in its announces",
			bend: asks("announce_peer", func(a Dict) { delete(a, "implied_port") })},
		{Name: "implied-port-always-sent", What: "says implied_port in every announce",
			bend: asks("announce_peer", func(a Dict) { a["implied_port"] = 1 })},
		{Name: "seed-not-sent", What: "does not say that it is a seed",
			bend: asks("announce_peer", func(a Dict) { delete(a, "seed") })},
		{Name: "seed-always-sent", What: "says that it is a seed when it is not",
			bend: asks("announce_peer", func(a Dict) { a["seed"] = 1 })},
		{Name: "want-not-sent", What: "does not say which families it wants",
			bend: asks("", func(a Dict) { delete(a, "want") })},
		{Name: "wants-both-always", What: "asks for nodes of both families in every lookup",
			bend: asks("get_peers", func(a Dict) { a["want"] = []any{"n4", "n6"} })},
		{Name: "ro-not-sent", What: "does not say that it is read-only",
			bend: asksAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict { delete(m, "ro"); return m })},
		{Name: "ro-always-sent", What: "says that it is read-only when it is not",
			bend: asksAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict { m["ro"] = 1; return m })},
		{Name: "samples-without-target", What: "leaves target out of sample_infohashes",
			bend: asks("sample_infohashes", func(a Dict) { delete(a, "target") })},
		{Name: "value-encoded-twice", What: "puts the bencoded value as a string",
			bend: asks("put", func(a Dict) { a["v"] = bencode.MustAppend(nil, a["v"]) })},
		{Name: "salt-not-sent", What: "leaves the salt out of its puts",
			bend: asks("put", func(a Dict) { delete(a, "salt") })},
		{Name: "cas-not-sent", What: "leaves cas out of its puts",
			bend: asks("put", func(a Dict) { delete(a, "cas") })},
		{Name: "cas-sent-to-all", What: "sends cas to nodes that hold nothing",
			bend: func(b *bent) {
				var cas any
				b.input = func(in spec.Input) {
					if put, ok := in.(mainline.PutMutable); ok && put.CAS != nil {
						cas = *put.CAS
					}
				}
				asks("put", func(a Dict) { a["cas"] = cas })(b)
			}},
		{Name: "signs-before-counting", What: "raises seq after it has signed",
			bend: asks("put", func(a Dict) {
				if seq, ok := a["seq"].(int64); ok {
					a["seq"] = seq + 1
				}
			})},
		{Name: "never-times-out", What: "waits for an answer for an hour",
			configure: func(c *mainline.Config) { c.QueryTimeout = 3600e9 }},
	}
}

// withoutToken gives each node that gave no token one that stands for none.
func withoutToken(b *bent) {
	told("", func(_ *bent, q *question, r Dict) {
		if _, ok := r["token"].(string); !ok && (q.m["q"] == "get_peers" || q.m["q"] == "get") {
			r["token"] = noToken
		}
	})(b)
}

// constantID sends each query under the name of its method and takes an answer
// for one to the first query that waits at its sender.
func constantID(b *bent) {
	b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
		if m["y"] == "q" {
			m["t"] = m["q"].(string)[:2]
		}
		return to, m
	})
	b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
		t, _ := m["t"].(string)
		if m["y"] == "q" {
			return from, m
		}
		for _, q := range b.asked {
			if q.to == from && q.answers == 0 && q.m["q"].(string)[:2] == t {
				m["t"] = q.t
				q.answers++
				break
			}
		}
		return from, m
	})
}
