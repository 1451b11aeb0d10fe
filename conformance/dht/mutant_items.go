package dht

import (
	"bytes"
	"crypto/sha1"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// itemMutants are wrong in how they store and return items (BEP 44).
func itemMutants() []Mutant {
	return []Mutant{
		{Name: "immutable-items-lost",
			What: "says that it stores immutable items and does not",
			bend: unless(func(a Dict) bool { return a["k"] == nil }, 0)},
		{Name: "strings-alone-stored", What: "refuses values that are not strings",
			bend: unless(func(a Dict) bool { _, ok := a["v"].(string); return a["v"] != nil && !ok }, 203)},
		{Name: "values-limited-to-512-bytes",
			What: "refuses values of more than 512 bytes",
			bend: unless(longerThan(512), 205)},
		{Name: "thousand-bytes-refused",
			What: "refuses values of exactly 1000 bytes",
			bend: unless(longerThan(999), 205)},
		{Name: "oversized-value-is-error-203",
			What: "refuses values of more than 1000 bytes with error 203",
			bend: recode("put", 205, 203)},
		{Name: "oversized-values-stored",
			What: "stores values of more than 1000 bytes",
			bend: forgives(205)},
		{Name: "ill-formed-values-stored", What: "stores values whose keys are out of order",
			bend: storesIllFormed},
		{Name: "items-kept-for-an-hour", What: "forgets items after an hour",
			configure: func(c *mainline.Config) { c.ItemLife = time.Hour }},
		{Name: "put-needs-no-token", What: "stores items without a token",
			bend: takes(absentToken)},
		{Name: "no-signature-check",
			What: "stores items whatever their signature",
			bend: forgives(206)},
		{Name: "bad-signature-is-error-203",
			What: "refuses bad signatures with error 203",
			bend: recode("put", 206, 203)},
		{Name: "signature-over-a-dictionary",
			What: "checks signatures of the dictionary instead of its inside",
			bend: unless(func(a Dict) bool { return a["sig"] != nil }, 206)},
		{Name: "salted-items-refused", What: "does not know salt and finds their signatures wrong",
			bend: unless(func(a Dict) bool { return a["salt"] != nil && len(a["salt"].(string)) <= 64 }, 206)},
		{Name: "one-item-for-a-key",
			What: "stores items by key alone, whatever their salt",
			bend: oneForAKey},
		{Name: "long-salt-stored",
			What: "stores items with a salt of more than 64 bytes",
			bend: forgives(207)},
		{Name: "long-salt-is-error-203",
			What: "refuses long salts with error 203",
			bend: recode("put", 207, 203)},
		{Name: "salt-returned", What: "returns the salt with an item", bend: returnsSalt},
		{Name: "first-version-stays",
			What: "refuses every change of an item",
			bend: versions(func(old, seq int64, same bool) bool { return false })},
		{Name: "seq-may-fall",
			What: "stores an item whose seq is lower than before",
			bend: forgives(302)},
		{Name: "lower-seq-is-error-203",
			What: "refuses lower seq with error 203",
			bend: recode("put", 302, 203)},
		{Name: "equal-seq-replaces",
			What: "stores another value under the same seq",
			bend: forgivesEqualSeq},
		{Name: "equal-seq-refused", What: "refuses the same item a second time",
			bend: versions(func(old, seq int64, same bool) bool { return seq > old })},
		{Name: "seq-of-32-bits", What: "keeps the low 32 bits of seq",
			bend: answers("get", func(_ *bent, r Dict) {
				if seq, ok := r["seq"].(int64); ok {
					r["seq"] = int64(int32(seq))
				}
			})},
		{Name: "cas-ignored",
			What: "does not know cas",
			bend: hears("put", func(a Dict) { delete(a, "cas") })},
		{Name: "cas-mismatch-is-error-302",
			What: "refuses a cas that does not match with error 302",
			bend: recode("put", 301, 302)},
		{Name: "cas-always-refused", What: "refuses every put with cas",
			bend: unless(func(a Dict) bool { return a["cas"] != nil }, 301)},
		{Name: "cas-needs-a-stored-value",
			What: "refuses cas where nothing is stored",
			bend: casOfNothing},
		{Name: "seq-ignored-in-get",
			What: "does not know seq in get",
			bend: hears("get", func(a Dict) { delete(a, "seq") })},
		{Name: "seq-in-get-hides-the-value",
			What: "leaves the value out of every answer to a get with seq",
			bend: answers("get", func(b *bent, r Dict) {
				if b.query["a"].(Dict)["seq"] != nil {
					delete(r, "v")
					delete(r, "k")
					delete(r, "sig")
				}
			})},
	}
}

// itemKey is what a put stores under: the SHA-1 of key and salt, or of the value.
func itemKey(a Dict) kademlia.ID {
	if k, ok := a["k"].(string); ok {
		salt, _ := a["salt"].(string)
		return sha1.Sum([]byte(k + salt))
	}
	if a["v"] == nil {
		return kademlia.ID{}
	}
	return sha1.Sum(bencode.MustAppend(nil, a["v"]))
}

func longerThan(n int) func(a Dict) bool {
	return func(a Dict) bool {
		size := 0
		if a["v"] != nil {
			size = len(bencode.MustAppend(nil, a["v"]))
		}
		return size > n && size <= mainline.MaxItem
	}
}

// unless refuses puts that the rule finds fault with; code 0 says that they
// were stored.
func unless(wrong func(a Dict) bool, code int) func(*bent) {
	return hearsAll("put", func(b *bent, from netip.AddrPort, m Dict) Dict {
		a, _ := m["a"].(Dict)
		switch {
		case !wrong(a):
			return m
		case code == 0:
			b.reply(from, m, nil)
		default:
			b.refuse(from, m, code)
		}
		return nil
	})
}

// shelf is a store of items beside the node's own.
type shelf map[kademlia.ID]Dict

// overlay has get return what is on the shelf in the place of the node's own.
func (s shelf) overlay(b *bent, m Dict) {
	r, ok := m["r"].(Dict)
	item := s[b.sought()]
	if !ok || b.query["q"] != "get" || item == nil {
		return
	}
	for _, key := range []string{"k", "seq", "sig", "v"} {
		if item[key] != nil {
			r[key] = item[key]
		}
	}
}

// forgives stores what the node refuses with the error code.
func forgives(code int64) func(*bent) {
	return forgivesIf(code, func(*bent, Dict) bool { return true })
}

func forgivesIf(code int64, and func(b *bent, a Dict) bool) func(*bent) {
	return func(b *bent) {
		items := shelf{}
		answersAll("", func(b *bent, m Dict) Dict {
			items.overlay(b, m)
			a, ok := b.query["a"].(Dict)
			if b.query["q"] != "put" || !ok {
				return m
			}
			if e, ok := m["e"].([]any); !ok {
				delete(items, itemKey(a))
			} else if e[0] == code && and(b, a) {
				items[itemKey(a)] = a
				id := b.node.ID()
				return Dict{"t": m["t"], "y": "r", "r": Dict{"id": id[:]}}
			}
			return m
		})(b)
	}
}

// storesIllFormed keeps the bytes of v as they came.
func storesIllFormed(b *bent) {
	items := shelf{}
	var v []byte
	b.read = func(p []byte) []byte {
		if m, err := bencode.Parse(p, bencode.Options{Lenient: true}); err == nil {
			a, _ := m.Get("a")
			value, _ := a.Get("v")
			v = bytes.Clone(value.Raw())
		}
		return p
	}
	answersAll("", func(b *bent, m Dict) Dict {
		items.overlay(b, m)
		if b.query["q"] == "put" && m["e"] != nil && len(v) > 0 {
			if _, err := bencode.Parse(v, bencode.Options{}); err != nil {
				items[sha1.Sum(v)] = Dict{"v": bencode.Raw(v)}
			}
		}
		return m
	})(b)
}

// versions lets a put through only if the rule allows the step from the stored
// seq to its own.
func versions(allow func(old, seq int64, same bool) bool) func(*bent) {
	return func(b *bent) {
		last := map[kademlia.ID]int64{}
		both(
			hearsAll("put", func(b *bent, from netip.AddrPort, m Dict) Dict {
				a := m["a"].(Dict)
				seq, _ := a["seq"].(int64)
				if old, ok := last[itemKey(a)]; ok && a["k"] != nil && !allow(old, seq, old == seq) {
					b.refuse(from, m, 302)
					return nil
				}
				return m
			}),
			stores(func(_ *bent, a Dict) {
				if seq, ok := a["seq"].(int64); ok {
					last[itemKey(a)] = seq
				}
			}),
		)(b)
	}
}

// stores sees every put that the node took.
func stores(f func(b *bent, a Dict)) func(*bent) {
	return answers("put", func(b *bent, _ Dict) { f(b, b.query["a"].(Dict)) })
}

func forgivesEqualSeq(b *bent) {
	last := map[kademlia.ID]int64{}
	forgivesIf(302, func(_ *bent, a Dict) bool { return last[itemKey(a)] == a["seq"] })(b)
	stores(func(_ *bent, a Dict) {
		if seq, ok := a["seq"].(int64); ok {
			last[itemKey(a)] = max(seq, last[itemKey(a)])
		}
	})(b)
}

func oneForAKey(b *bent) {
	items := map[string]Dict{}
	keys := map[kademlia.ID]string{}
	stores(func(_ *bent, a Dict) {
		if k, ok := a["k"].(string); ok {
			items[k], keys[itemKey(a)] = a, k
		}
	})(b)
	answersAll("get", func(b *bent, m Dict) Dict {
		if k, ok := keys[b.sought()]; ok {
			shelf{b.sought(): items[k]}.overlay(b, m)
		}
		return m
	})(b)
}

func returnsSalt(b *bent) {
	salts := map[kademlia.ID]any{}
	stores(func(_ *bent, a Dict) { salts[itemKey(a)] = a["salt"] })(b)
	answers("get", func(b *bent, r Dict) { r["salt"] = salts[b.sought()] })(b)
}

func casOfNothing(b *bent) {
	var taken []kademlia.ID
	stores(func(_ *bent, a Dict) { taken = append(taken, itemKey(a)) })(b)
	hearsAll("put", func(b *bent, from netip.AddrPort, m Dict) Dict {
		a := m["a"].(Dict)
		if a["cas"] != nil && !slices.Contains(taken, itemKey(a)) {
			b.refuse(from, m, 301)
			return nil
		}
		return m
	})(b)
}
