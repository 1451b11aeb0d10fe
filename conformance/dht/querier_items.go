package dht

import (
	"crypto/ed25519"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep44Requester judges how the target gets and puts items. In all of these it
// joins a scripted DHT first.
var bep44Requester = []Case{
	{
		ID:  "bep44/get/immutable-value-is-hashed",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-015"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get"),
		Control: "another node's true value, which is found", Within: LookupCase,
		Explain: "The two nodes closest to the target answer get with other values than the one " +
			"whose SHA-1 was asked for; a node farther off has the true one. The target should " +
			"return that.",
		Causes: []string{"the value is not hashed", "the first value ends the lookup"},
		Kills: []string{
			"immutable-check-inverted", "immutable-value-not-hashed", "never-times-out",
		},
		Run: func(t *T) {
			w := joined(t, 3)
			for range 8 { // a lookup that comes to the true value first may end there
				v := string(randomBytes(t, 20))
				h := &hoard{t, immutableKey(v), w, ordered(w, immutableKey(v))}
				h.holds(0, Dict{"v": "another value"})
				h.holds(1, Dict{"v": Dict{"a": 1}})
				h.holds(2, Dict{"v": v})
				reply, err := obey(t, "get", map[string]any{"target": h.key.String()})
				if h.allAsked() {
					h.judge(reply, err, v)
					return
				}
			}
			t.Inconclusivef("none of the lookups asked all three nodes")
		},
	},
	{
		ID:  "bep44/get/bad-signature-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-014"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get"),
		Control: "another node's signed item, which is found", Within: LookupCase,
		Explain: "A node answers get with a higher seq and another value under the old " +
			"signature; others have a signed item. The target must return the signed one.",
		Causes: []string{"the signature is not checked", "seq is not part of what is checked"},
		Kills:  []string{"items-not-verified", "never-times-out"},
		Run: func(t *T) {
			item := signer(t, "")
			h := newHoard(t, item.Target(), 3)
			h.holds(0, merge(item.Put(0, "signed"), Dict{"seq": 9, "v": "forged"}))
			h.holds(1, merge(item.Put(0, "signed"), Dict{"seq": 8}))
			h.holds(2, item.Put(0, "signed"))
			h.mustGet(h.mutable(item), "signed")
		},
	},
	{
		ID:  "bep44/get/foreign-key-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-014"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get"),
		Control: "another node's signed item, which is found", Within: LookupCase,
		Explain: "A node answers get with an item that is validly signed, but by a key whose " +
			"SHA-1 is not the target. The target must return the other node's item, of the key " +
			"that was asked for.",
		Causes: []string{
			"the signature is checked with the key of the answer alone",
			"the key is not hashed",
		},
		Kills: []string{
			"first-seq-wins", "foreign-keys-believed", "items-not-verified", "never-times-out",
		},
		Run: func(t *T) {
			item := signer(t, "")
			other := signer(t, "")
			h := newHoard(t, item.Target(), 2)
			h.holds(0, other.Put(9, "foreign"))
			h.holds(1, item.Put(0, "signed"))
			h.mustGet(h.mutable(item), "signed")
		},
	},
	{
		ID:  "bep44/get/highest-seq-wins",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-016"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get"),
		Control: "the lookup's queries to all of the nodes", Within: LookupCase,
		Explain: "Five nodes have versions 1, 3, 9, 4 and 2 of an item, by their distance. The " +
			"target must return version 9, whichever answer came first or last.",
		Causes: []string{
			"the first answer is returned",
			"the last answer is returned",
			"seq is compared as text",
		},
		Kills: []string{"first-seq-wins", "last-seq-wins"},
		Run: func(t *T) {
			item := signer(t, "")
			h := newHoard(t, item.Target(), 5)
			for i, seq := range []int64{0, 2, 8, 3, 1} {
				h.holds(i, item.Put(seq, fmt.Sprintf("version %d", seq+1)))
			}
			h.mustGet(h.mutable(item), "version 9")
		},
	},
	{
		ID:  "bep44/get/answers-need-no-salt",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-013", "BEP44-ITEM-017"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get"),
		Control: "the lookup's query to the node that has the item", Within: LookupCase,
		Explain: "The target is told the key and the salt of an item. The answers have k, seq, " +
			"sig and v and no salt, as the document says. The target must take the salt that it " +
			"knows to check the signature.",
		Causes: []string{
			"the salt is expected in the answer",
			"the salt is left out of what is checked",
		},
		Kills: []string{"salt-expected-in-answers"},
		Run: func(t *T) {
			item := signer(t, "salt")
			h := newHoard(t, item.Target(), 2)
			h.holds(1, merge(item.Put(0, "salted"), Dict{"salt": nil}))
			h.mustGet(h.mutable(item), "salted")
		},
	},
	{
		ID:  "bep44/put/each-nodes-own-token-at-the-closest",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-011", "BEP44-ITEM-002"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("put"),
		Control: "the puts themselves", Within: LookupCase,
		Explain: "The target puts an immutable value in a DHT of 40 nodes that all give tokens " +
			"of their own. The node closest to the value's SHA-1 must get it, and each put must " +
			"carry v as given and that node's token.",
		Causes: []string{
			"one token is used for all",
			"the value is encoded once more",
			"put goes to the nodes that answered first",
		},
		Kills: []string{
			"asks-its-own-table-alone", "last-token-for-all", "puts-away-from-the-target",
			"tokens-as-text", "value-encoded-twice",
		},
		Run: func(t *T) {
			w := joined(t, 40)
			v := Dict{"text": string(randomBytes(t, 20)), "list": []any{1, "two"}}
			for half := w.farKey(); immutableKey(v).Bit(0) != half.Bit(0); {
				v["text"] = string(randomBytes(t, 20))
			}
			raw := bencode.MustAppend(nil, v)
			key := immutableKey(v)
			given := map[*Peer][]byte{}
			for i, n := range w.Nodes {
				given[n.Peer] = randomBytes(t, 4+i)
				n.gives(key, given[n.Peer])
			}
			obey(t, "put", map[string]any{"v": hex.EncodeToString(raw)})
			for _, q := range puts(t, w) {
				if got, _ := field(q.Args, "token"); got != string(given[q.To]) {
					t.Mismatch("a.token", fmt.Sprintf("%x", got), fmt.Sprintf("%x, which that node gave",
						given[q.To]))
				}
				if got, _ := q.Args.Get("v"); string(got.Raw()) != string(raw) {
					t.Mismatch("a.v", fmt.Sprintf("%q", got.Raw()), fmt.Sprintf("%q", raw))
				}
			}
			if best := ordered(w, key)[0]; len(best.Asked("put")) == 0 {
				t.Mismatch("the nodes that were put to", "others", fmt.Sprintf("the closest, %v, among them",
					best.Contact()))
			}
		},
	},
	{
		ID:  "bep44/put/never-without-a-token",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-011"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("put"),
		Control: "puts to the nodes that gave tokens", Within: LookupCase,
		Explain: "Half of the nodes answer get without a token. No put may go to them: they " +
			"would have to refuse it.",
		Causes: []string{"put is sent to whoever answered"},
		Kills:  []string{"announces-without-token", "token-without-value"},
		Run: func(t *T) {
			w := joined(t, 8)
			v := string(randomBytes(t, 20))
			key := immutableKey(v)
			for _, n := range w.Nodes[4:] {
				n.onKey(key, func(q *Query) { q.Reply(n.Nearest(q)) })
			}
			obey(t, "put", map[string]any{"v": hex.EncodeToString(bencode.MustAppend(nil, v))})
			puts(t, w)
			for _, n := range w.Nodes[4:] {
				noneWithoutToken(t, n, n.Asked("put"))
			}
		},
	},
	{
		ID:  "bep44/put/signs-salt-seq-and-value",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-017", "BEP44-ITEM-004"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("put_mutable"),
		Control: "the puts themselves", Within: LookupCase,
		Explain: "The target puts a mutable item, once without and once with a salt. The nodes " +
			"near the SHA-1 of key and salt must get it, and sig must be good for 4:salt, 3:seq " +
			"and 1:v with their values, one behind the other.",
		Causes: []string{
			"the salt is signed when it is empty",
			"the signed bytes are framed by d and e",
			"the salt is not part of the target",
		},
		Kills: []string{"salt-not-sent", "signs-before-counting"},
		Run: func(t *T) {
			w := joined(t, 8)
			for _, salt := range []string{"", "p2pspec"} {
				item := signer(t, salt)
				heard := len(w.Log)
				obey(t, "put_mutable", item.command("a value", 1))
				w.settle()
				judgeSignedPuts(t, w.Log[heard:], item, "a value")
			}
		},
	},
	{
		ID:  "bep44/put/cas-is-passed-on",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-006"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("put_mutable"),
		Control: "the puts themselves", Within: LookupCase,
		Explain: "The target puts version 6 of an item and is told that it may only replace " +
			"version 5, which all nodes hold. Each put must carry cas 5, for it is the storing " +
			"node that compares.",
		Causes: []string{
			"cas is compared by the target and not sent",
			"cas is left out when it is not 0",
		},
		Kills: []string{"cas-not-sent"},
		Run: func(t *T) {
			for _, q := range putsOver(t, 6, 6) {
				v, _ := q.Args.Get("cas")
				if got, ok := v.Int64(); !ok || got != 5 {
					t.Mismatch("a.cas", fmt.Sprintf("%q", v.Raw()), "5")
				}
			}
		},
	},
	{
		ID:  "bep44/put/cas-goes-to-holders-alone",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-019"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("put_mutable"),
		Control: "puts to the nodes that hold the item", Within: LookupCase,
		Explain: "The same, but only three of six nodes hold version 5. The puts to the others " +
			"should have no cas: they have nothing to compare it with.",
		Causes: []string{"every put carries cas"},
		Kills:  []string{"cas-sent-to-all", "puts-away-from-the-target"},
		Run: func(t *T) {
			for i, q := range putsOver(t, 6, 3) {
				if _, has := q.Args.Get("cas"); has && i >= 3 {
					t.Mismatch("a.cas to a node that returned nothing", "present", "absent")
				}
			}
		},
	},
}

// putsOver has the target put version 6 of an item in the place of version 5,
// which the given number of n nodes hold. It returns one put to each node,
// those to holders first.
func putsOver(t *T, n, holders int) []*Query {
	item := signer(t, "")
	h := newHoard(t, item.Target(), n)
	for i := range holders {
		h.holds(i, item.Put(5-item.Base, "an older value"))
	}
	obey(t, "put_mutable", merge(item.command("a value", 6), map[string]any{"cas": 5}))
	got := puts(t, h.world)
	var out []*Query
	for _, node := range h.nodes {
		i := slices.IndexFunc(got, func(q *Query) bool { return q.To == node.Peer })
		if i < 0 {
			t.Inconclusivef("the node at %v was not put to", node.Addr())
		}
		out = append(out, got[i])
	}
	return out
}

// signer is an item of a key that nobody has used.
func signer(t *T, salt string) Item {
	return Item{Key: ed25519.NewKeyFromSeed(randomBytes(t, ed25519.SeedSize)), Salt: []byte(salt), Base: 1}
}

// hoard is a joined DHT whose nodes, closest to the key first, hold items.
type hoard struct {
	t     *T
	key   kademlia.ID
	world *World
	nodes []*Node
}

// newHoard has the target join n nodes.
func newHoard(t *T, key kademlia.ID, n int) *hoard {
	w := joined(t, n)
	return &hoard{t, key, w, ordered(w, key)}
}

// holds has node i answer get for the key with these keys beside the usual.
func (h *hoard) holds(i int, item Dict) {
	n := h.nodes[i]
	n.onKey(h.key, func(q *Query) { q.Reply(merge(merge(n.Nearest(q), Dict{"token": n.Token()}), item)) })
}

// mutable are the arguments of a get for the item.
func (h *hoard) mutable(i Item) map[string]any {
	return map[string]any{
		"target": h.key.String(), "k": hex.EncodeToString(i.Public()), "salt": hex.EncodeToString(i.Salt),
	}
}

// mustGet has the target get the item and ends the case unless it returns the
// value. The lookup must have reached every node, or nothing is judged.
func (h *hoard) mustGet(args map[string]any, want any) {
	reply, err := obey(h.t, "get", args)
	for _, n := range h.nodes {
		wasAsked(h.t, n, h.key)
	}
	h.judge(reply, err, want)
}

// allAsked reports whether the target asked every node for the key.
func (h *hoard) allAsked() bool {
	return !slices.ContainsFunc(h.nodes, func(n *Node) bool { return len(about(h.key, n.Queries)) == 0 })
}

// judge ends the case unless the reply to get has the value.
func (h *hoard) judge(reply map[string]any, err error, want any) {
	h.t.Earn()
	raw := hex.EncodeToString(bencode.MustAppend(nil, want))
	if got, _ := reply["v"].(string); err != nil || got != raw {
		h.t.Mismatch("the value that was found", fmt.Sprintf("%q (%v)", got, err), raw)
	}
}

// command are the arguments of put_mutable.
func (i Item) command(v any, seq int64) map[string]any {
	return map[string]any{
		"v": hex.EncodeToString(bencode.MustAppend(nil, v)), "secret": hex.EncodeToString(i.Key.Seed()),
		"salt": hex.EncodeToString(i.Salt), "seq": seq,
	}
}

// puts are the puts that reached the world once it has settled.
func puts(t *T, w *World) []*Query {
	w.settle()
	queries := w.Asked("put")
	if len(queries) == 0 {
		if len(w.Asked("get")) == 0 {
			t.Inconclusivef("the target asked nobody where to put the item")
		}
		t.Failf("the target asked for tokens but put the item nowhere")
	}
	t.Earn()
	return queries
}

// judgeSignedPuts checks each put against the item's key, salt and value. The
// seq is the target's choice.
func judgeSignedPuts(t *T, log []*Query, item Item, v any) {
	found := false
	for _, q := range log {
		if q.Method != "put" {
			continue
		}
		found = true
		t.Earn()
		k, _ := field(q.Args, "k")
		if sha1.Sum(append([]byte(k), item.Salt...)) != item.Target() {
			t.Mismatch("a.k", fmt.Sprintf("%x", k), fmt.Sprintf("%x", item.Public()))
		}
		if salt, _ := field(q.Args, "salt"); salt != string(item.Salt) {
			t.Mismatch("a.salt", fmt.Sprintf("%q", salt), fmt.Sprintf("%q", item.Salt))
		}
		seq, _ := q.Args.Get("seq")
		n, ok := seq.Int64()
		if !ok {
			t.Mismatch("a.seq", fmt.Sprintf("%q", seq.Raw()), "an integer")
		}
		if sig, _ := field(q.Args, "sig"); sig != string(item.Sign(item.Salt, n, v)) {
			t.Mismatch("a.sig", fmt.Sprintf("%x", sig), "the signature of salt, seq and v")
		}
	}
	if !found {
		t.Failf("the item with the salt %q was put nowhere", item.Salt)
	}
	if len(about(item.Target(), log)) == 0 {
		t.Failf("nobody was asked for the SHA-1 of key and salt, %v", item.Target())
	}
}
