package dht

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
)

// lookupMutants are wrong in whom they ask and announce to.
func lookupMutants() []Mutant {
	return []Mutant{
		{Name: "asks-its-own-table-alone", What: "does not ask the nodes that answers name",
			bend: told("", func(_ *bent, q *question, r Dict) {
				if q.m["q"] != "find_node" {
					delete(r, "nodes")
				}
			})},
		{Name: "keeps-four-candidates", What: "asks nobody who is not among the four closest that it has heard of",
			bend: fourCandidates},
		{Name: "asks-twice", What: "sends each get_peers twice",
			bend: asksAll("get_peers", twice)},
		{Name: "asks-all-it-hears-of", What: "asks all nodes of an answer at once, without a limit",
			bend: asksAllItHearsOf},
		{Name: "nodes-ignored-beside-values", What: "does not read nodes where there are values",
			bend: told("get_peers", func(_ *bent, _ *question, r Dict) {
				if r["values"] != nil {
					delete(r, "nodes")
				}
			})},
		{Name: "values-of-the-first-answer", What: "reports the peers of one answer",
			bend: func(b *bent) {
				seen := map[kademlia.ID]bool{}
				told("get_peers", func(_ *bent, q *question, r Dict) {
					if key := soughtBy(q.m); r["values"] != nil && seen[key] {
						delete(r, "values")
					} else if r["values"] != nil {
						seen[key] = true
					}
				})(b)
			}},
		{Name: "values-of-one-length", What: "drops values of mixed lengths",
			bend: told("get_peers", func(_ *bent, _ *question, r Dict) {
				list, _ := r["values"].([]any)
				for _, v := range list {
					if s, ok := v.(string); ok && len(s) != 6 {
						delete(r, "values")
					}
				}
			})},
		{Name: "repeats-after-errors", What: "takes an error for a lost answer and asks again",
			bend: func(b *bent) {
				toldAll("get_peers", func(b *bent, q *question, m Dict) Dict {
					if m["y"] == "e" && q.answers <= 2 {
						b.emit(q.to, q.m)
						return nil
					}
					return m
				})(b)
			}},
		{Name: "an-error-ends-the-lookup", What: "gives a lookup up when a node answers with an error",
			bend: func(b *bent) {
				over := map[kademlia.ID]bool{}
				toldAll("get_peers", func(_ *bent, q *question, m Dict) Dict {
					over[soughtBy(q.m)] = over[soughtBy(q.m)] || m["y"] == "e"
					return m
				})(b)
				asksAll("get_peers", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
					if over[soughtBy(m)] {
						return nil
					}
					return m
				})(b)
			}},
		{Name: "announces-away-from-the-key",
			What: "announces to the nodes that are farthest from the info-hash",
			bend: func(b *bent) { away(b, "get_peers", "announce_peer") }},
		{Name: "announces-to-one-node", What: "announces to a single node",
			bend: func(b *bent) {
				told := map[kademlia.ID]bool{}
				asksAll("announce_peer", func(_ *bent, _ netip.AddrPort, m Dict) Dict {
					if told[soughtBy(m)] {
						return nil
					}
					told[soughtBy(m)] = true
					return m
				})(b)
			}},
		{Name: "announces-twice", What: "sends each announce twice",
			bend: asksAll("announce_peer", twice)},
		{Name: "puts-away-from-the-target", What: "puts to the nodes that are farthest from the target",
			bend: func(b *bent) { away(b, "get", "put") }},
	}
}

func twice(b *bent, to netip.AddrPort, m Dict) Dict {
	b.emit(to, m)
	return m
}

// asksAllItHearsOf asks in the node's place whoever is named, once for a key.
func asksAllItHearsOf(b *bent) {
	type errand struct {
		key kademlia.ID
		to  netip.AddrPort
	}
	done := map[errand]bool{}
	told("get_peers", func(b *bent, q *question, r Dict) {
		nodes, _ := r["nodes"].(string)
		for _, c := range unpacked(nodes) {
			e := errand{soughtBy(q.m), c.Addr}
			if done[e] {
				continue
			}
			done[e] = true
			t := fmt.Sprintf("all %d", len(done))
			own := &question{t: t, to: c.Addr, m: merge(q.m, Dict{"t": t}), at: b.now}
			b.asked = append(b.asked, own)
			b.emit(c.Addr, own.m)
		}
	})(b)
	asksAll("get_peers", func(_ *bent, to netip.AddrPort, m Dict) Dict {
		done[errand{soughtBy(m), to}] = true
		return m
	})(b)
}

// fourCandidates swallows the queries of a lookup to nodes farther from the key
// than four others that were asked or named.
func fourCandidates(b *bent) {
	ids := map[netip.AddrPort]kademlia.ID{}
	heard := map[kademlia.ID][]kademlia.ID{} // by key
	told("", func(b *bent, q *question, r Dict) {
		nodes, _ := r["nodes"].(string)
		named := unpacked(nodes)
		if id, ok := b.idAt(q.to); ok {
			named = append(named, Contact{ID: id, Addr: q.to})
		}
		for _, c := range named {
			ids[c.Addr] = c.ID
			heard[soughtBy(q.m)] = append(heard[soughtBy(q.m)], c.ID)
		}
	})(b)
	asksAll("get_peers", func(b *bent, to netip.AddrPort, m Dict) Dict {
		key := soughtBy(m)
		closer := map[kademlia.ID]bool{}
		for _, id := range heard[key] {
			closer[id] = kademlia.Closer(key, id, ids[to])
		}
		maps.DeleteFunc(closer, func(_ kademlia.ID, is bool) bool { return !is })
		if len(closer) >= 4 {
			b.tell(to, Dict{"t": m["t"], "y": "e", "e": []any{201, "not asked"}}) // as if it was over
			return nil
		}
		return m
	})(b)
}

// granted is a token that a node gave for a key.
type granted struct {
	key   kademlia.ID
	id    kademlia.ID
	to    netip.AddrPort
	token string
}

func granting(tokens []granted, q *question, r Dict) []granted {
	token, ok := r["token"].(string)
	id, known := r["id"].(string)
	if !ok || !known || len(id) != K20 {
		return tokens
	}
	return append(tokens, granted{soughtBy(q.m), kademlia.ID([]byte(id)), q.to, token})
}

// away sends what the node stores to those nodes that are farthest from the
// key, each with its own token.
func away(b *bent, ask, store string) {
	var tokens []granted
	told(ask, func(_ *bent, q *question, r Dict) { tokens = granting(tokens, q, r) })(b)
	b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
		a, _ := m["a"].(Dict)
		i := slices.IndexFunc(tokens, func(g granted) bool { return g.to == to && g.token == a["token"] })
		if m["q"] != store || i < 0 {
			return to, m
		}
		key := tokens[i].key
		var all []granted
		for _, g := range tokens {
			if g.key == key {
				all = append(all, g)
			}
		}
		slices.SortFunc(all, func(x, y granted) int { return kademlia.Compare(key, x.id, y.id) })
		at := slices.IndexFunc(all, func(g granted) bool { return g.to == to })
		other := all[len(all)-1-at]
		a["token"] = other.token
		return other.to, m
	})
}
