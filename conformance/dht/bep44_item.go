package dht

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep44Immutable judges get, put and items that never change.
var bep44Immutable = []Case{
	{
		ID: "bep44/get/token-for-an-unknown-target", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-001"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "get for a target that nobody stored must be answered with a token, the closest " +
			"nodes that the target knows, and without v, k, sig and seq.",
		Causes: []string{"the token is only sent with a value", "an empty v is sent"},
		Kills:  []string{"nodes-as-list"},
		Run: func(t *T) {
			a, _ := ready(NewPeer(t), randomID(t))
			a.Nodes()
			for _, key := range []string{"v", "k", "sig", "seq"} {
				absent(a, key)
			}
		},
	},
	{
		ID: "bep44/immutable/stored-under-its-hash", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-002", "BEP44-ITEM-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "The document's value, the string Hello World!, is put. get for the SHA-1 of its 15 " +
			"bencoded bytes, e5f96f6f…, must return it, with token and nodes, to another address.",
		Causes: []string{"the bare string is hashed", "the value is returned decoded or encoded twice"},
		Kills:  []string{"immutable-items-lost", "nodes-as-list"},
		Run: func(t *T) {
			v := "Hello World!"
			NewPeer(t).Put(immutableKey(v), Dict{"v": v})
			a := mustStore(t, immutableKey(v), v)
			a.Token()
			a.Nodes()
		},
	},
	{
		ID: "bep44/immutable/values-of-every-type", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-002"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the puts, which are answered",
		Explain: "An integer, a negative one, an empty string, a list and a dictionary are put. Each " +
			"must come back byte for byte under the SHA-1 of its bencoding.",
		Causes: []string{
			"only strings are stored",
			"the value is decoded and encoded again in another form",
		},
		Kills: []string{"immutable-items-lost", "strings-alone-stored"},
		Run: func(t *T) {
			n := int(t.Fresh().Below(1 << 40))
			for _, v := range []any{n, -n, []any{"a", n, []any{}}, Dict{"a": n, "b": Dict{"": "x"}}, ""} {
				NewPeer(t).Put(immutableKey(v), Dict{"v": v})
				mustStore(t, immutableKey(v), v)
			}
		},
	},
	{
		ID:  "bep44/immutable/just-under-a-thousand-bytes",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "A value of 999 bencoded bytes is put. The document bounds values by 1000, in one " +
			"place including and in another excluding it, so 999 must be stored.",
		Causes: []string{"the limit counts the whole message", "the receive buffer is too short"},
		Kills: []string{
			"immutable-items-lost", "reads-512-bytes", "values-limited-to-512-bytes",
		},
		Run: func(t *T) {
			v := randomBytes(t, 995)
			NewPeer(t).Put(immutableKey(v), Dict{"v": v})
			mustStore(t, immutableKey(v), v)
		},
	},
	{
		ID: "bep44/immutable/exactly-a-thousand-bytes", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP44-ITEM-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get for the token, which is answered",
		Explain: "A value of exactly 1000 bencoded bytes is put. The document contradicts itself " +
			"there; what the target does is recorded.",
		Kills: []string{
			"immutable-items-lost", "reads-512-bytes", "thousand-bytes-refused",
			"values-limited-to-512-bytes",
		},
		Run: func(t *T) {
			v := randomBytes(t, 996)
			NewPeer(t).TryPut("1000 bytes", immutableKey(v), Dict{"v": v})
			if !fetch(t, immutableKey(v)).Has("v") {
				t.Infof("a value of 1000 bytes is not stored")
			}
		},
	},
	{
		ID: "bep44/immutable/oversized-is-error-205", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP44-ITEM-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get for the token, which is answered",
		Explain: "A value of 1001 bencoded bytes is put. A node may refuse it with error 205; whether " +
			"this one does, and whether it stores the value, is recorded.",
		Kills: []string{
			"immutable-items-lost", "oversized-value-is-error-203", "oversized-values-stored",
			"reads-512-bytes",
		},
		Run: func(t *T) {
			v := randomBytes(t, 997)
			p := NewPeer(t)
			_, token := ready(p, immutableKey(v))
			a := p.AskMalformed("1001 bytes", "put", Dict{"v": v, "token": token})
			if a.Kind != Error || a.Code != 205 {
				p.Ping()
				t.Infof("a value of 1001 bytes is met with %s", a)
			}
			mustNotStore(t, immutableKey(v), "it was refused")
		},
	},
	{
		ID:  "bep44/immutable/ill-formed-value-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-010"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed put, which is stored",
		Explain: "A dictionary whose keys are out of order is put. It must not be stored: nodes that " +
			"decode and encode it again would make another value of it, with another hash.",
		Causes: []string{"the value is taken as raw bytes", "the value is sorted before it is hashed"},
		Kills: []string{
			"ill-formed-values-stored", "immutable-items-lost", "strings-alone-stored",
		},
		Run: func(t *T) {
			twin := Dict{"a": randomBytes(t, 4), "b": 1}
			NewPeer(t).Put(immutableKey(twin), Dict{"v": twin})
			mustStore(t, immutableKey(twin), twin)
			bad := bencode.Raw(fmt.Sprintf("d1:bi1e1:a4:%se", randomBytes(t, 4)))
			p := NewPeer(t)
			_, token := ready(p, immutableKey(bad))
			p.SendMalformed(p.Query("put", Dict{"v": bad, "token": token}), "keys of v are out of order")
			p.Ping()
			mustNotStore(t, immutableKey(bad), "its keys are out of order")
		},
	},
	{
		ID: "bep44/put/token-needed", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-011"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same put with its token, which is stored",
		Explain: "A value is put without a token, with an empty and with an invented one. It must not " +
			"be stored; with the right token it must.",
		Causes: []string{"put does not check tokens, only announce_peer does"},
		Kills: []string{
			"accepts-any-token", "announces-need-no-token", "immutable-items-lost",
			"put-needs-no-token",
		},
		Run: func(t *T) {
			p, v := NewPeer(t), randomBytes(t, 20)
			_, token := ready(p, immutableKey(v))
			for _, bad := range []any{nil, "", randomBytes(t, max(4, len(token)))} {
				p.SendMalformed(p.Query("put", Dict{"v": v, "token": bad}), fmt.Sprintf("the token is %x", bad))
				p.Ping()
			}
			mustNotStore(t, immutableKey(v), "no put had a valid token")
			p.Expect("put", Dict{"v": v, "token": token})
			mustStore(t, immutableKey(v), v)
		},
	},
	{
		ID: "bep44/put/token-bound-to-the-address", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-011"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "the same put from the token's owner, which is stored",
		Explain: "A value is put with a token that was given to another address. It must not be " +
			"stored; from that address it must.",
		Causes: []string{"the token does not depend on the address"},
		Kills: []string{
			"accepts-any-token", "immutable-items-lost", "token-not-bound-to-ip",
			"token-used-once",
		},
		Run: func(t *T) {
			owner, thief, v := NewPeer(t), NewPeer(t), randomBytes(t, 20)
			_, token := ready(owner, immutableKey(v))
			thief.SendMalformed(thief.Query("put", Dict{"v": v, "token": token}), "somebody else's token")
			thief.Ping()
			mustNotStore(t, immutableKey(v), "the token was given to another address")
			owner.Expect("put", Dict{"v": v, "token": token})
			mustStore(t, immutableKey(v), v)
		},
	},
	{
		ID: "bep44/put/bad-token-is-error-203", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-011"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "A put with an invented token should be answered by error 203, as for announce_peer.",
		Causes: []string{
			"the put is dropped",
			"another code is used",
			"the put is answered as if it had been stored",
		},
		Kills: []string{
			"accepts-any-token", "bad-token-is-error-201", "immutable-items-lost",
			"refuses-in-silence",
		},
		Run: func(t *T) {
			p, v := NewPeer(t), randomBytes(t, 20)
			_, token := ready(p, immutableKey(v))
			a := p.AskMalformed("an invented token", "put", Dict{"v": v, "token": randomBytes(t, max(4, len(token)))})
			p.Answered(a)
			a.Refused(203)
		},
	},
	{
		ID: "bep44/item/kept-for-almost-two-hours", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-018"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "get right after the put, which returns the value", Within: hours(3),
		Explain: "A value is put once. After an hour and fifty minutes it should still be there: " +
			"publishers come back every hour, and items may be dropped after two.",
		Causes: []string{"items expire with the token or with announced peers"},
		Kills:  []string{"immutable-items-lost", "items-kept-for-an-hour"},
		Run: func(t *T) {
			v := randomBytes(t, 20)
			NewPeer(t).Put(immutableKey(v), Dict{"v": v})
			mustStore(t, immutableKey(v), v)
			t.Wait(110 * minute)
			mustStore(t, immutableKey(v), v)
		},
	},
}
