package dht

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
)

// The rules below are made of these parts. Each bends one kind of message and
// leaves the others alone; the empty method stands for all.

// hears bends the arguments of queries that arrive.
func hears(method string, f func(a Dict)) func(*bent) {
	return hearsAll(method, func(_ *bent, _ netip.AddrPort, m Dict) Dict {
		f(m["a"].(Dict))
		return m
	})
}

// hearsAll bends queries that arrive with a dictionary of arguments; nil loses
// the query.
func hearsAll(method string, f func(b *bent, from netip.AddrPort, m Dict) Dict) func(*bent) {
	return func(b *bent) {
		b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if _, ok := m["a"].(Dict); ok && m["y"] == "q" && (method == "" || m["q"] == method) {
				m = f(b, from, m)
			}
			return from, m
		})
	}
}

// answers bends the return values of responses that leave.
func answers(method string, f func(b *bent, r Dict)) func(*bent) {
	return answersAll(method, func(b *bent, m Dict) Dict {
		if r, ok := m["r"].(Dict); ok {
			f(b, r)
		}
		return m
	})
}

// answersAll bends responses and errors that leave; nil swallows the answer.
func answersAll(method string, f func(b *bent, m Dict) Dict) func(*bent) {
	return func(b *bent) {
		b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if m["y"] != "q" && (method == "" || b.query["q"] == method) {
				m = f(b, m)
			}
			return to, m
		})
	}
}

// asks bends the arguments of the node's own queries.
func asks(method string, f func(a Dict)) func(*bent) {
	return asksAll(method, func(_ *bent, _ netip.AddrPort, m Dict) Dict {
		f(m["a"].(Dict))
		return m
	})
}

// asksAll bends the node's own queries; nil swallows the query.
func asksAll(method string, f func(b *bent, to netip.AddrPort, m Dict) Dict) func(*bent) {
	return func(b *bent) {
		b.says(func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if m["y"] == "q" && (method == "" || m["q"] == method) {
				m = f(b, to, m)
			}
			return to, m
		})
	}
}

// told bends the return values of responses to the node's own queries.
func told(method string, f func(b *bent, q *question, r Dict)) func(*bent) {
	return toldAll(method, func(b *bent, q *question, m Dict) Dict {
		if r, ok := m["r"].(Dict); ok {
			f(b, q, r)
		}
		return m
	})
}

// toldAll bends responses and errors to the node's own queries.
func toldAll(method string, f func(b *bent, q *question, m Dict) Dict) func(*bent) {
	return func(b *bent) {
		b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if q := b.question(m); q != nil && (method == "" || q.m["q"] == method) {
				m = f(b, q, m)
			}
			return from, m
		})
	}
}

// both applies two rules that bend different ways.
func both(rules ...func(*bent)) func(*bent) {
	return func(b *bent) {
		for _, rule := range rules {
			rule(b)
		}
	}
}

// crashes ends the client at messages that arrive and look like this.
func crashes(when func(m Dict) bool) func(*bent) {
	return func(b *bent) {
		b.hears(func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
			if when(m) {
				b.crash()
			}
			return from, m
		})
	}
}

// recode replaces the code of the errors that leave.
func recode(method string, from, to int64) func(*bent) {
	return answersAll(method, func(_ *bent, m Dict) Dict {
		if e, ok := m["e"].([]any); ok && e[0] == from {
			e[0] = to
		}
		return m
	})
}

// handsOut bends "nodes" of the answers to find_node and get_peers.
func handsOut(f func(b *bent, nodes []Contact) []Contact) func(*bent) {
	return answers("", func(b *bent, r Dict) {
		if s, ok := r["nodes"].(string); ok {
			r["nodes"] = packed(f(b, unpacked(s)))
		}
	})
}

// answered are those who ever answered a query.
func (b *bent) answered() []Contact {
	var out []Contact
	for _, a := range b.known {
		if a.answered {
			out = append(out, a.Contact)
		}
	}
	return out
}

// closest are the up to K contacts closest to what the query asks for.
func (b *bent) closest(c []Contact) []Contact {
	byDistance(b.sought(), c)
	return c[:min(K, len(c))]
}

// sought is the key of the query that is being answered.
func (b *bent) sought() (key kademlia.ID) { return soughtBy(b.query) }

func soughtBy(query Dict) (key kademlia.ID) {
	a, _ := query["a"].(Dict)
	for _, name := range []string{"target", "info_hash"} {
		if s, ok := a[name].(string); ok && len(s) == len(key) {
			return kademlia.ID([]byte(s))
		}
	}
	return key
}

// idOf is the id that a message states for its sender.
func idOf(m Dict) (id kademlia.ID, ok bool) {
	for _, body := range []string{"a", "r"} {
		d, _ := m[body].(Dict)
		if s, has := d["id"].(string); has && len(s) == len(id) {
			return kademlia.ID([]byte(s)), true
		}
	}
	return id, false
}

// idAt is the id that the node goes by at that address, from what it said or
// what others said of it.
func (b *bent) idAt(addr netip.AddrPort) (kademlia.ID, bool) {
	i := slices.IndexFunc(b.known, func(a acquaintance) bool { return a.Addr == addr })
	if i < 0 {
		return kademlia.ID{}, false
	}
	return b.known[i].ID, true
}

// unpacked reads compact node info of IPv4.
func unpacked(s string) []Contact {
	var out []Contact
	for ; len(s) >= 26; s = s[26:] {
		out = append(out, Contact{ID: kademlia.ID([]byte(s[:20])), Addr: endpoint([]byte(s[20:26]))})
	}
	return out
}

func packed(nodes []Contact) string {
	var out []byte
	for _, c := range nodes {
		out = appendContact(out, c)
	}
	return string(out)
}
