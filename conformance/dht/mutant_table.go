package dht

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// tableMutants are wrong in whom they keep and in how they keep up with them.
func tableMutants() []Mutant {
	return []Mutant{
		{Name: "bucket-of-16", What: "keeps sixteen nodes in a bucket and returns as many",
			configure: func(c *mainline.Config) { c.K = 16 }},
		{Name: "returns-four-nodes", What: "returns half as many nodes as it should",
			bend: handsOut(func(_ *bent, nodes []Contact) []Contact { return nodes[:min(len(nodes), K/2)] })},
		{Name: "queriers-filed-unasked", What: "hands out whoever sends a query",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				for _, a := range b.known {
					nodes = added(nodes, a.Contact)
				}
				return b.closest(nodes)
			})},
		{Name: "queriers-not-asked",
			What: "hands out a node that it never asked, once it was asked twice",
			bend: func(b *bent) {
				asksAll("ping", func(*bent, netip.AddrPort, Dict) Dict { return nil })(b)
				handsOut(func(b *bent, nodes []Contact) []Contact {
					for _, a := range b.known {
						nodes = added(nodes, a.Contact)
					}
					return b.closest(nodes)
				})(b)
			}},
		{Name: "newest-address-wins", What: "moves a node to the address that last used its id",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				for i := range nodes {
					for _, a := range b.known {
						if a.ID == nodes[i].ID {
							nodes[i].Addr = a.Addr
						}
					}
				}
				return nodes
			})},
		{Name: "newest-nodes-win", What: "keeps the nodes that turned up last",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				known := b.answered()
				return b.closest(slices.Clone(known[max(0, len(known)-K):]))
			})},
		{Name: "nodes-expire-after-ten-minutes",
			What: "forgets nodes that it has not heard from for ten minutes",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				return slices.DeleteFunc(nodes, func(c Contact) bool { return b.now-b.seen(c.Addr) > 10*time.Minute })
			})},
		{Name: "silent-nodes-kept", What: "keeps nodes for good, whether or not they still answer",
			bend: handsOut(func(b *bent, nodes []Contact) []Contact {
				for _, c := range b.answered() {
					nodes = added(nodes, c)
				}
				return b.closest(nodes)
			})},
		{Name: "believes-nodes-alive",
			What: "takes it for granted that a node answers a ping once it has answered one",
			bend: func(b *bent) {
				asksAll("ping", func(b *bent, to netip.AddrPort, m Dict) Dict {
					i := slices.IndexFunc(b.known, func(a acquaintance) bool { return a.Addr == to && a.answered })
					if i < 0 {
						return m
					}
					id := b.known[i].ID
					b.tell(to, Dict{"t": m["t"], "y": "r", "r": Dict{"id": id[:]}})
					return nil
				})(b)
			}},
		{Name: "no-retry", What: "gives a node up at the first query that it does not answer",
			bend: asksAll("", func(b *bent, to netip.AddrPort, m Dict) Dict {
				for _, q := range b.asked {
					if q.to == to && q.answers == 0 && b.now-q.at >= 5*time.Second {
						return nil
					}
				}
				return m
			})},
		{Name: "no-refresh", What: "does nothing about quiet buckets",
			configure: func(c *mainline.Config) { c.RefreshAfter = 24 * time.Hour }},
		{Name: "refreshes-its-own-id-alone",
			What: "looks up its own id where it should refresh a bucket",
			bend: asksAll("find_node", func(b *bent, _ netip.AddrPort, m Dict) Dict {
				id := b.node.ID()
				m["a"].(Dict)["target"] = id[:]
				return m
			})},
		{Name: "no-self-lookup", What: "looks up some other id at the start",
			bend: asksAll("find_node", func(b *bent, _ netip.AddrPort, m Dict) Dict {
				if id := b.node.ID(); m["a"].(Dict)["target"] == string(id[:]) {
					other := id.Flip(0).Flip(5)
					m["a"].(Dict)["target"] = other[:]
				}
				return m
			})},
		{Name: "forgets-its-table", What: "does not take its table up again after a restart",
			configure: func(c *mainline.Config) { c.Contacts = nil }},
		{Name: "accepts-wrong-source-port",
			What: "takes an answer from any port of the address that it asked",
			bend: believes(func(q *question, from netip.AddrPort) bool { return q.to.Addr() == from.Addr() })},
		{Name: "accepts-any-source", What: "takes an answer from anywhere",
			bend: believes(func(*question, netip.AddrPort) bool { return true })},
		{Name: "answers-matched-by-address",
			What: "takes any answer of a node that owes one, whatever its transaction id",
			bend: func(b *bent) {
				b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
					if m["y"] == "q" || b.question(m) != nil {
						return from, m
					}
					for _, q := range b.asked {
						if q.to == from && q.answers == 0 {
							m["t"] = q.t
							q.answers++
							break
						}
					}
					return from, m
				})
			}},
		{Name: "answer-id-not-compared",
			What: "does not compare the id of an answer with that of the node it asked",
			bend: toldAll("", func(b *bent, q *question, m Dict) Dict {
				if id, ok := b.idAt(q.to); ok && m["y"] == "r" {
					if r, ok := m["r"].(Dict); ok {
						r["id"] = id[:]
					}
				}
				return m
			})},
		{Name: "errors-count-as-answers", What: "takes an error for a sign of life",
			bend: toldAll("", func(b *bent, q *question, m Dict) Dict {
				if id, ok := b.idAt(q.to); ok && m["y"] == "e" {
					return Dict{"t": m["t"], "y": "r", "r": Dict{"id": id[:]}}
				}
				return m
			})},
		{Name: "believes-one-liar", What: "changes its id when one node states another address",
			configure: func(c *mainline.Config) { c.VotesNeeded = 1 }},
		{Name: "ip-not-read", What: "does not look at the ip of answers",
			bend: toldAll("", func(_ *bent, _ *question, m Dict) Dict { delete(m, "ip"); return m })},
	}
}

// believes moves answers to the address that was asked, if the rule allows.
func believes(allow func(q *question, from netip.AddrPort) bool) func(*bent) {
	return func(b *bent) {
		b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if q := b.question(m); q != nil && allow(q, from) {
				return q.to, m
			}
			return from, m
		})
	}
}

// seen is when something last came from the address.
func (b *bent) seen(addr netip.AddrPort) time.Duration {
	i := slices.IndexFunc(b.known, func(a acquaintance) bool { return a.Addr == addr })
	if i < 0 {
		return b.now
	}
	return b.known[i].seen
}

// added is nodes with c among them.
func added(nodes []Contact, c Contact) []Contact {
	if slices.Contains(nodes, c) || !c.Addr.Addr().Is4() {
		return nodes
	}
	return append(nodes, c)
}
