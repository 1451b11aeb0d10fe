package dht

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep44Mutable judges signed items.
var bep44Mutable = []Case{
	{
		ID: "bep44/mutable/published-example", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-004", "BEP44-ITEM-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "The document's first test vector is put. get for the SHA-1 of its public key must " +
			"return its v, k, seq and sig to another address.",
		Causes: []string{
			"the signed bytes are put together in another order",
			"the key is stored in hexadecimal",
		},
		Kills: []string{"signature-over-a-dictionary"},
		Run:   func(t *T) { judgeExample(t, "", exampleSig) },
	},
	{
		ID: "bep44/salt/published-example", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-004", "BEP44-ITEM-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "The document's second test vector, with the salt foobar, is put. get for the SHA-1 " +
			"of public key and salt must return it.",
		Causes: []string{
			"the salt is not part of the target",
			"the salt is not part of the signed bytes",
		},
		Kills: []string{"salted-items-refused", "signature-over-a-dictionary"},
		Run:   func(t *T) { judgeExample(t, "foobar", exampleSaltedSig) },
	},
	{
		ID: "bep44/mutable/bad-signature-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same put with its signature, which is stored",
		Explain: "An item is put with one bit of its signature flipped, then with the signature of " +
			"another value. Neither may be stored; with the right signature it must be.",
		Causes: []string{"the signature is not checked before storing"},
		Kills:  []string{"no-signature-check", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			args := item.Put(0, "value")
			sig := bytes.Clone(args["sig"].([]byte))
			sig[40] ^= 1
			p.TryPut("a flipped bit in sig", item.Target(), merge(args, Dict{"sig": sig}))
			p.TryPut("another value", item.Target(), merge(args, Dict{"v": "eulav"}))
			mustNotStoreNew(t, item, "no put had a valid signature")
			p.Put(item.Target(), args)
			mustStore(t, item.Target(), "value")
		},
	},
	{
		ID: "bep44/mutable/bad-signature-is-error-206", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-003"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "An item is put with a flipped bit in its signature. The document reserves error 206 " +
			"for that.",
		Causes: []string{"another code is used", "the put is dropped"},
		Kills:  []string{"bad-signature-is-error-203", "no-signature-check"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			args := item.Put(0, "value")
			args["sig"].([]byte)[7] ^= 1
			p.TryPut("a flipped bit in sig", item.Target(), args).Refused(206)
		},
	},
	{
		ID:  "bep44/mutable/signature-covers-seq-and-salt",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-003", "BEP44-ITEM-017"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the same put with its signature, which is stored",
		Explain: "Salted items are put whose signature was made for another seq, for another salt and " +
			"for none. None may be stored: whoever overhears an item could replay it elsewhere.",
		Causes: []string{"only v is signed", "the salt is left out of the signed bytes"},
		Kills: []string{
			"no-signature-check", "salted-items-refused", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item, p := newItem(t, []byte("pepper")), NewPeer(t)
			args := item.Put(0, "value")
			for _, bad := range []struct {
				note string
				sig  []byte
			}{
				{"the signature of another seq", item.Sign(item.Salt, item.Base+1, "value")},
				{"the signature without a salt", item.Sign(nil, item.Base, "value")},
				{"the signature of another salt", item.Sign([]byte("salt"), item.Base, "value")},
			} {
				p.TryPut(bad.note, item.Target(), merge(args, Dict{"sig": bad.sig}))
			}
			mustNotStoreNew(t, item, "no put had a valid signature")
			p.Put(item.Target(), args)
			mustStore(t, item.Target(), "value")
		},
	},
	{
		ID:  "bep44/mutable/unusable-key-or-signature-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same put with its key and signature, which is stored",
		Explain: "Items are put with a k of 31 bytes, a sig of 63, either missing or of another type, " +
			"and a seq that is missing or no integer. None may be stored under the key's target, and the " +
			"target must go on answering. That it takes a put without a usable k for one of an immutable " +
			"item is its own affair.",
		Causes: []string{"the length is not checked before the key is used"},
		Kills: []string{
			"crashes-on-keys-of-a-wrong-size", "no-signature-check",
			"signature-over-a-dictionary", "token-used-once",
		},
		Run: func(t *T) {
			judgeUnusable(t, func(k, sig []byte) []Dict {
				return []Dict{
					{"k": k[1:]}, {"sig": sig[1:]}, {"sig": nil}, {"seq": nil}, {"seq": "1"}, {"k": 5}, {"sig": []any{}},
				}
			})
		},
	},
	{
		ID:  "bep44/mutable/overlong-key-or-signature-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same put with its key and signature, which is stored",
		Explain: "Items are put with a k of 33 bytes and with a sig of 65: valid ones and one byte " +
			"more. They should not be stored, since what was signed and by whom is then anybody's choice " +
			"of where to cut.",
		Causes: []string{"the strings are cut to their size"},
		Kills: []string{
			"crashes-on-keys-of-a-wrong-size", "no-signature-check",
			"signature-over-a-dictionary", "token-used-once",
		},
		Run: func(t *T) {
			judgeUnusable(t, func(k, sig []byte) []Dict {
				return []Dict{{"k": append(bytes.Clone(k), 0)}, {"sig": append(bytes.Clone(sig), 0)}}
			})
		},
	},
	{
		ID: "bep44/seq/higher-replaces", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "An item is put with one seq and then, with another value, with a higher one. get " +
			"must return the later value, seq and signature.",
		Causes: []string{
			"what is stored is never replaced",
			"the value is replaced and the signature is not",
		},
		Kills: []string{"first-version-stays", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(1, "old"))
			mustStore(t, item.Target(), "old")
			p.Put(item.Target(), item.Put(4, "new"))
			judgeSigned(t, mustStore(t, item.Target(), "new"), item.Put(4, "new"))
		},
	},
	{
		ID: "bep44/seq/lower-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "An item is put, then another value with a lower seq. It must not be stored, and get " +
			"must return the first: an old version must not undo a new one.",
		Causes: []string{"the last put wins, not the highest seq"},
		Kills:  []string{"seq-may-fall", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(5, "five"))
			p.TryPut("a lower seq", item.Target(), item.Put(4, "four"))
			mustStore(t, item.Target(), "five")
		},
	},
	{
		ID: "bep44/seq/lower-is-error-302", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP44-ITEM-005"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the first put, which is answered",
		Explain: "A put with a seq lower than what is stored may be answered by error 302. What the " +
			"target answers is recorded.",
		Kills: []string{"lower-seq-is-error-203", "seq-may-fall", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(5, "five"))
			p.TryPut("a lower seq", item.Target(), item.Put(4, "four")).Refused(302)
		},
	},
	{
		ID:  "bep44/seq/equal-with-another-value-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "An item is put, then another value under the same seq. It must not replace the " +
			"first: two values of one version would split the network.",
		Causes: []string{"seq is compared with less-than only"},
		Kills:  []string{"equal-seq-replaces", "seq-may-fall", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(5, "first"))
			p.TryPut("an equal seq", item.Target(), item.Put(5, "second"))
			mustStore(t, item.Target(), "first")
		},
	},
	{
		ID:  "bep44/seq/equal-with-the-same-value-is-taken",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-005", "BEP44-ITEM-018"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "The same item is put twice. The second put should be answered by a response: " +
			"publishers repeat items every hour to keep them alive.",
		Causes: []string{"an equal seq is refused without a look at the value"},
		Kills: []string{
			"equal-seq-refused", "first-version-stays", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item := newItem(t, nil)
			for range 2 {
				NewPeer(t).Put(item.Target(), item.Put(5, "same"))
				mustStore(t, item.Target(), "same")
			}
		},
	},
	{
		ID: "bep44/seq/beyond-32-bits", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "An item is put with a seq of about 2^40. Sequence numbers are often milliseconds; " +
			"it should come back as it was.",
		Causes: []string{"seq is kept in 32 bits", "seq is kept as a floating-point number"},
		Kills:  []string{"seq-of-32-bits", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item := newItem(t, nil)
			NewPeer(t).Put(item.Target(), item.Put(1<<40+1, "value"))
			judgeSigned(t, mustStore(t, item.Target(), "value"), item.Put(1<<40+1, "value"))
		},
	},
	{
		ID: "bep44/cas/mismatch-is-error-301", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-006"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "An item is stored; a higher seq is put with a cas that names another version. It " +
			"must be answered by error 301, and what is stored must not change: that is how two writers " +
			"notice each other.",
		Causes: []string{"cas is not known", "cas is compared with the new seq"},
		Kills: []string{
			"cas-ignored", "cas-mismatch-is-error-302", "first-version-stays",
			"signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(2, "two"))
			args := merge(item.Put(3, "three"), Dict{"cas": item.Base + 1})
			p.TryPut("a cas that does not match", item.Target(), args).Refused(301)
			mustStore(t, item.Target(), "two")
		},
	},
	{
		ID: "bep44/cas/match-is-stored", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-006"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first put, which is stored",
		Explain: "An item is stored; a higher seq is put with a cas that names the stored one. It " +
			"must be stored.",
		Causes: []string{"cas is compared with the new seq"},
		Kills: []string{
			"cas-always-refused", "first-version-stays", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item, p := newItem(t, nil), NewPeer(t)
			p.Put(item.Target(), item.Put(2, "two"))
			p.Put(item.Target(), merge(item.Put(3, "three"), Dict{"cas": item.Base + 2}))
			mustStore(t, item.Target(), "three")
		},
	},
	{
		ID:  "bep44/cas/ignored-without-a-stored-value",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-007"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get for the token, which is answered",
		Explain: "An item that the target does not have is put with a cas. It should be stored: the " +
			"version that cas names may have been lost with the node that held it.",
		Causes: []string{"a missing value counts as version 0"},
		Kills: []string{
			"cas-always-refused", "cas-needs-a-stored-value", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item := newItem(t, nil)
			if fetch(t, item.Target()).Has("v") {
				t.Inconclusivef("the target already stores this item from an earlier run with the same seed")
			}
			NewPeer(t).Put(item.Target(), merge(item.Put(3, "value"), Dict{"cas": 7}))
			mustStore(t, item.Target(), "value")
		},
	},
	{
		ID: "bep44/salt/empty-is-none", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-021"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the put, which is answered",
		Explain: "An item is put with a salt of no bytes, signed as one without a salt. It must be " +
			"stored under the SHA-1 of the bare key: an empty salt is the same as none.",
		Causes: []string{"the presence of the key decides what is signed"},
		Kills:  []string{"salted-items-refused", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item := newItem(t, nil)
			NewPeer(t).Put(item.Target(), merge(item.Put(1, "value"), Dict{"salt": ""}))
			judgeSigned(t, mustStore(t, item.Target(), "value"), item.Put(1, "value"))
		},
	},
	{
		ID: "bep44/salt/separate-items", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-004"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the puts, which are answered",
		Explain: "One key signs three items: without a salt, with one of a byte and with one of 64 " +
			"bytes. All must be kept apart, each under its own target.",
		Causes: []string{"items are stored by public key alone", "the longest salt is refused"},
		Kills: []string{
			"one-item-for-a-key", "salted-items-refused", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			plain := newItem(t, nil)
			items := []Item{plain, plain, plain}
			items[1].Salt, items[2].Salt = []byte("1"), randomBytes(t, 64)
			for i, item := range items {
				NewPeer(t).Put(item.Target(), item.Put(1, fmt.Sprint("value ", i)))
			}
			for i, item := range items {
				mustStore(t, item.Target(), fmt.Sprint("value ", i))
			}
		},
	},
	{
		ID:  "bep44/salt/longer-than-64-bytes-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same key with a salt of 64 bytes, which is stored",
		Explain: "Items with salts of 65 and 700 bytes are put. They must be refused, with error 207 " +
			"or silence, and the target must go on answering: one client copied them into a fixed " +
			"buffer.",
		Causes: []string{"the length of the salt is not checked"},
		Kills: []string{
			"crashes-on-long-salt", "long-salt-stored", "salted-items-refused",
			"signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item, p := newItem(t, randomBytes(t, 64)), NewPeer(t)
			p.Put(item.Target(), item.Put(0, "value"))
			mustStore(t, item.Target(), "value")
			for _, n := range []int{65, 700} {
				long := item
				long.Salt = randomBytes(t, n)
				_, token := ready(p, long.Target())
				p.SendMalformed(p.Query("put", merge(long.Put(0, "value"), Dict{"token": token})), "a long salt")
				p.Ping()
				mustNotStore(t, long.Target(), fmt.Sprintf("its salt has %d bytes", n))
			}
		},
	},
	{
		ID:  "bep44/salt/longer-than-64-bytes-is-error-207",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-009"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "An item with a salt of 65 bytes is put. The document reserves error 207 for that.",
		Causes:  []string{"another code is used", "the put is dropped"},
		Kills: []string{
			"crashes-on-long-salt", "long-salt-is-error-203", "long-salt-stored",
			"signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item := newItem(t, randomBytes(t, 65))
			NewPeer(t).TryPut("a salt of 65 bytes", item.Target(), item.Put(0, "value")).Refused(207)
		},
	},
	{
		ID: "bep44/salt/not-returned", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-013"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the value, which is returned",
		Explain: "A salted item is put and got. The answer must not have the salt: whoever asks knows " +
			"it, and others must not learn it.",
		Causes: []string{"what was put is returned whole"},
		Kills:  []string{"salt-returned", "salted-items-refused", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item := newItem(t, []byte("secret"))
			NewPeer(t).Put(item.Target(), item.Put(0, "value"))
			absent(mustStore(t, item.Target(), "value"), "salt")
		},
	},
	{
		ID:  "bep44/get/seq-not-below-the-stored-omits-the-value",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP44-ITEM-012"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get without seq, which returns the value",
		Explain: "get is asked with the stored seq and with a higher one. The answers should have seq " +
			"but no v, k and sig: the asker has that version already.",
		Causes: []string{"seq is not looked at in get"},
		Kills: []string{
			"one-item-for-a-key", "seq-ignored-in-get", "signature-over-a-dictionary",
		},
		Run: func(t *T) {
			item, target := stored(t, 5)
			for _, seq := range []int64{5, 6} {
				a := NewPeer(t).Expect("get", Dict{"target": target[:], "seq": item.Base + seq})
				for _, key := range []string{"v", "k", "sig"} {
					absent(a, key)
				}
			}
		},
	},
	{
		ID: "bep44/get/lower-seq-returns-the-value", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP44-ITEM-012", "BEP44-ITEM-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "get without seq, which returns the value",
		Explain: "get is asked with a seq lower than the stored one. The answer must have the value: " +
			"that is what the asker has not seen.",
		Causes: []string{"the presence of seq decides, not its value"},
		Kills:  []string{"seq-in-get-hides-the-value", "signature-over-a-dictionary"},
		Run: func(t *T) {
			item, target := stored(t, 5)
			a := NewPeer(t).Expect("get", Dict{"target": target[:], "seq": item.Base + 4})
			judgeSigned(t, a, item.Put(5, "value"))
		},
	},
}
