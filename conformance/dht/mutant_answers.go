package dht

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// answerMutants are wrong in how they word their messages and answers.
func answerMutants() []Mutant {
	return []Mutant{
		{Name: "keys-in-reverse-order", What: "writes dictionaries with their keys in reverse order",
			bend: func(b *bent) { b.write = reversed }},
		{Name: "transaction-id-cut-to-four", What: "keeps four bytes of a querier's transaction id",
			bend: answersAll("", func(_ *bent, m Dict) Dict {
				t := m["t"].(string)
				m["t"] = t[:min(4, len(t))]
				return m
			})},
		{Name: "transaction-id-filled-to-four", What: "fills short transaction ids with zero bytes",
			bend: answersAll("", func(_ *bent, m Dict) Dict {
				if t := m["t"].(string); len(t) < 4 {
					m["t"] = t + strings.Repeat("\x00", 4-len(t))
				}
				return m
			})},
		{Name: "empty-transaction-id-refused", What: "ignores queries whose transaction id is empty",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				if m["t"] == "" {
					return nil
				}
				return m
			})},
		{Name: "answers-with-the-target-as-id",
			What: "sends the target of a find_node back as its own id",
			bend: answers("find_node", func(b *bent, r Dict) { r["id"] = b.query["a"].(Dict)["target"] })},
		{Name: "unknown-method-ignored", What: "drops queries for methods that it does not know",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				if q, ok := m["q"].(string); ok && !slices.Contains(methods(), q) {
					return nil
				}
				return m
			})},
		{Name: "unknown-method-is-error-203", What: "answers unknown methods with error 203",
			bend: recode("", 204, 203)},
		{Name: "unknown-keys-refused", What: "drops messages with keys that it does not know",
			bend: func(b *bent) {
				b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
					if odd(m) {
						return from, nil
					}
					return from, m
				})
			}},
		{Name: "version-of-four-bytes-only",
			What: "drops messages whose v has another length than four",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				if v, ok := m["v"].(string); ok && len(v) != 4 {
					return nil
				}
				return m
			})},
		{Name: "no-version", What: "never sends v",
			bend: func(b *bent) {
				b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
					delete(m, "v")
					return to, m
				})
			}},
		{Name: "answers-every-port-of-an-address",
			What: "sends answers to all ports from which an address ever asked",
			bend: func(b *bent) {
				b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
					for _, a := range b.known {
						if m["y"] != "q" && a.Addr.Addr() == to.Addr() && a.Addr != to {
							b.emit(a.Addr, m)
						}
					}
					return to, m
				})
			}},
		{Name: "answers-twice", What: "sends each answer twice, in case one is lost",
			bend: func(b *bent) {
				b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
					if m["y"] != "q" {
						b.emit(to, m)
					}
					return to, m
				})
			}},
		{Name: "answers-strays", What: "sends error 203 to answers that it did not ask for",
			bend: strays(func(b *bent, m Dict) bool { return b.question(m) == nil })},
		{Name: "errors-for-late-answers",
			What: "sends error 203 to answers to queries that it has given up or had answered",
			bend: strays(func(b *bent, m Dict) bool { q := b.question(m); return q != nil && q.over(b.now) })},
		{Name: "nodes-as-list", What: "sends nodes as a list of strings",
			bend: answers("", func(_ *bent, r Dict) {
				if s, ok := r["nodes"].(string); ok {
					list := []any{}
					for ; len(s) >= 26; s = s[26:] {
						list = append(list, s[:26])
					}
					r["nodes"] = list
				}
			})},
		{Name: "nodes-in-host-order", What: "writes the ports of nodes with the low byte first",
			bend: handsOut(func(_ *bent, nodes []Contact) []Contact {
				for i := range nodes {
					nodes[i].Addr = swapped(nodes[i].Addr)
				}
				return nodes
			})},
		{Name: "nodes-not-closest", What: "returns the nodes that are farthest from the key",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				known := b.answered()
				if len(known) < len(nodes) {
					return nodes
				}
				byDistance(b.sought(), known)
				return known[max(0, len(known)-K):]
			})},
		{Name: "nodes-only-with-want", What: "sends nodes only to queries that have want",
			bend: answers("", func(b *bent, r Dict) {
				if _, ok := b.query["a"].(Dict)["want"]; !ok {
					delete(r, "nodes")
				}
			})},
		{Name: "no-nodes-in-get_peers", What: "leaves nodes out of get_peers answers",
			bend: answers("get_peers", func(_ *bent, r Dict) { delete(r, "nodes") })},
		{Name: "no-token-for-unknown-hashes",
			What: "gives tokens only for info-hashes that it has peers of",
			bend: answers("get_peers", func(_ *bent, r Dict) {
				if _, ok := r["values"]; !ok {
					delete(r, "token")
				}
			})},
		{Name: "values-as-one-string", What: "sends values as one string",
			bend: answers("get_peers", func(_ *bent, r Dict) {
				if list, ok := r["values"].([]any); ok {
					all := ""
					for _, v := range list {
						all += v.(string)
					}
					r["values"] = all
				}
			})},
		{Name: "values-or-nodes", What: "leaves nodes out where it has values",
			bend: answers("get_peers", func(_ *bent, r Dict) {
				if _, ok := r["values"]; ok {
					delete(r, "nodes")
				}
			})},
		{Name: "values-in-host-order", What: "writes the ports of peers with the low byte first",
			bend: answers("get_peers", func(_ *bent, r Dict) {
				if list, ok := r["values"].([]any); ok {
					for i, v := range list {
						list[i] = string(compact(swapped(endpoint([]byte(v.(string))))))
					}
				}
			})},
		{Name: "peers-listed-twice", What: "lists each peer twice",
			bend: answers("get_peers", func(_ *bent, r Dict) {
				if list, ok := r["values"].([]any); ok {
					r["values"] = slices.Concat(list, list)
				}
			})},
		{Name: "sends-all-peers", What: "answers get_peers with every peer, however many there are",
			bend: remembering(func(asker, peer netip.Addr) bool { return asker.Is4() == peer.Is4() })},
		{Name: "nodes-only-over-ipv6-with-want", What: "sends no nodes6 without want",
			bend: answers("", func(b *bent, r Dict) {
				if _, ok := b.query["a"].(Dict)["want"]; !ok {
					delete(r, "nodes6")
				}
			})},
		{Name: "nodes-whatever-the-family", What: "sends nodes beside nodes6 over IPv6 without want",
			bend: hearsAll("", func(_ *bent, from netip.AddrPort, m Dict) Dict {
				if a, ok := m["a"].(Dict); ok && a["want"] == nil && from.Addr().Is6() {
					a["want"] = []any{"n4", "n6"}
				}
				return m
			})},
		{Name: "nodes6-always", What: "sends nodes6 whatever is wanted",
			bend: answers("", func(_ *bent, r Dict) {
				if _, ok := r["nodes6"]; !ok && r["nodes"] != nil {
					r["nodes6"] = ""
				}
			})},
		{Name: "no-nodes6", What: "sends nodes6 without entries",
			bend: answers("", func(_ *bent, r Dict) {
				if _, ok := r["nodes6"]; ok {
					r["nodes6"] = ""
				}
			})},
		{Name: "want-ignored", What: "lets the family of the datagram decide in spite of want",
			bend: hears("", func(a Dict) { delete(a, "want") })},
		{Name: "second-id-over-ipv6", What: "goes by another id over IPv6",
			bend: answersAll("", func(b *bent, m Dict) Dict {
				if r, ok := m["r"].(Dict); ok && b.asker.Addr().Is6() {
					id := b.node.ID().Flip(3)
					r["id"] = string(id[:])
				}
				return m
			})},
		{Name: "one-store-for-both-families", What: "hands out peers of both families over either",
			bend: remembering(func(netip.Addr, netip.Addr) bool { return true })},
		{Name: "reads-512-bytes", What: "loses what a datagram has beyond 512 bytes",
			bend: func(b *bent) { b.read = func(p []byte) []byte { return p[:min(len(p), 512)] } }},
		{Name: "ip-without-port", What: "states the requester's IP address without its port",
			bend: answersAll("", func(b *bent, m Dict) Dict {
				m["ip"] = string(b.asker.Addr().AsSlice())
				return m
			})},
		{Name: "states-its-own-address", What: "states its own address as the requester's",
			bend: answersAll("", func(_ *bent, m Dict) Dict {
				m["ip"] = string(compact(virtualAddr))
				return m
			})},
		{Name: "local-addresses-not-exempt",
			What: "hands out only nodes whose id fits their address, local or not",
			bend: handsOut(func(_ *bent, nodes []Contact) []Contact {
				return slices.DeleteFunc(nodes, func(c Contact) bool {
					return c.ID != mainline.SecureID(c.Addr.Addr(), c.ID)
				})
			})},
		{Name: "read-only-queriers-ignored", What: "does not answer queries that say ro",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				if m["ro"] == int64(1) {
					return nil
				}
				return m
			})},
		{Name: "ro-ignored", What: "does not know ro",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict { delete(m, "ro"); return m })},
		{Name: "ro-by-presence", What: "takes a querier that says ro 0 for read-only",
			bend: hearsAll("", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
				if _, ok := m["ro"]; ok {
					m["ro"] = 1
				}
				return m
			})},
		{Name: "answers-when-read-only", What: "says ro in its queries and answers nevertheless",
			configure: func(c *mainline.Config) { c.ReadOnly = false },
			bend: asksAll("", func(b *bent, _ netip.AddrPort, m Dict) Dict {
				if b.readOnly {
					m["ro"] = 1
				}
				return m
			})},
	}
}

func methods() []string {
	return []string{"ping", "find_node", "get_peers", "announce_peer", "get", "put", "sample_infohashes"}
}

// odd reports whether a message has one of the keys that only these suites use.
func odd(m Dict) bool {
	has := func(d Dict) bool { _, ok := d["0odd"]; return ok }
	a, _ := m["a"].(Dict)
	r, _ := m["r"].(Dict)
	return has(m) || has(a) || has(r)
}

// over reports whether the query has been answered or given up by now.
func (q *question) over(now time.Duration) bool { return q.answers > 1 || now-q.at > 10*time.Second }

// strays sends an error to the answers that the condition holds for.
func strays(when func(b *bent, m Dict) bool) func(*bent) {
	return func(b *bent) {
		b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if m["y"] != "q" && when(b, m) {
				b.refuse(from, m, 203)
			}
			return from, m
		})
	}
}

func swapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), a.Port()>>8|a.Port()<<8)
}

// reversed writes a dictionary with the keys of its top level in reverse.
func reversed(payload []byte) []byte {
	v, err := bencode.Parse(payload, bencode.Options{})
	if err != nil {
		return payload
	}
	body := []byte("e")
	for key, value := range v.Entries() {
		body = slices.Concat(bencode.AppendBytes(nil, key), value.Raw(), body)
	}
	return append([]byte("d"), body...)
}

// remembering answers get_peers with every peer that it ever took for the
// info-hash and that may be shown to the asker.
func remembering(shown func(asker, peer netip.Addr) bool) func(*bent) {
	return func(b *bent) {
		taken := map[string][]netip.AddrPort{}
		answersAll("", func(b *bent, m Dict) Dict {
			a, _ := b.query["a"].(Dict)
			r, ok := m["r"].(Dict)
			hash, _ := a["info_hash"].(string)
			switch {
			case ok && b.query["q"] == "announce_peer":
				port, _ := a["port"].(int64)
				taken[hash] = append(taken[hash], netip.AddrPortFrom(b.asker.Addr(), uint16(port)))
			case ok && b.query["q"] == "get_peers" && len(taken[hash]) > 0:
				list := []any{}
				for _, peer := range taken[hash] {
					if shown(b.asker.Addr(), peer.Addr()) {
						list = append(list, string(compact(peer)))
					}
				}
				r["values"] = list
			}
			return m
		})(b)
	}
}
