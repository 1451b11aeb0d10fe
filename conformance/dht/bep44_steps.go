package dht

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha1"
	"encoding/hex"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
)

// Item is a mutable item and who signs it (BEP 44 §Mutable items).
type Item struct {
	Key  ed25519.PrivateKey
	Salt []byte
	// Base is the lowest seq that the target takes: above what it already
	// stores, should a run with this seed have been there before.
	Base int64
}

// newItem draws a key and checks that the target stores items at all.
func newItem(t *T, salt []byte) Item {
	item := Item{Key: ed25519.NewKeyFromSeed(randomBytes(t, ed25519.SeedSize)), Salt: salt, Base: 1}
	a, _ := ready(NewPeer(t), item.Target())
	if a.Has("seq") {
		item.Base = a.Int("seq") + 1
	}
	return item
}

// Public is the item's public key, 32 bytes.
func (i Item) Public() []byte { return i.Key.Public().(ed25519.PublicKey) }

// Target is SHA-1 of the public key and the salt.
func (i Item) Target() kademlia.ID { return sha1.Sum(append(bytes.Clone(i.Public()), i.Salt...)) }

// Put are the arguments of a signed put, without its token.
func (i Item) Put(seq int64, v any) Dict {
	args := Dict{"k": i.Public(), "seq": i.Base + seq, "v": v, "sig": i.Sign(i.Salt, i.Base+seq, v)}
	if len(i.Salt) > 0 {
		args["salt"] = i.Salt
	}
	return args
}

// Sign signs salt, seq and v as BEP 44 writes them before one another.
func (i Item) Sign(salt []byte, seq int64, v any) []byte {
	var b []byte
	if len(salt) > 0 {
		b = bencode.AppendBytes(append(b, "4:salt"...), salt)
	}
	b = bencode.AppendInt(append(b, "3:seq"...), seq)
	b = append(append(b, "1:v"...), bencode.MustAppend(nil, v)...)
	return ed25519.Sign(i.Key, b)
}

// ready asks for the item under key and returns the answer with the token to
// write there. A target that does not store items says so: get or put is error
// 204, or get is answered like any unknown method.
func ready(p *Peer, key kademlia.ID) (*Answer, []byte) {
	a := p.Ask("get", Dict{"target": key[:]})
	p.supported(a)
	a.Response()
	if !a.Has("token") {
		put := p.Ask("put", Dict{"token": "", "v": "p2pspec"})
		if put.Kind == Error && put.Code == 204 {
			p.t.Unsupportedf("put is %s", put)
		}
	}
	return a, a.Token()
}

// Put stores an item with a fresh token; anything but a response ends the case.
func (p *Peer) Put(key kademlia.ID, args Dict) {
	_, token := ready(p, key)
	p.Expect("put", merge(Dict{"token": token}, args))
}

// TryPut sends a put with a fresh token that the target may refuse or drop. It
// ends the case only if the path fails.
func (p *Peer) TryPut(note string, key kademlia.ID, args Dict) *Answer {
	_, token := ready(p, key)
	a := p.AskMalformed(note, "put", merge(Dict{"token": token}, args))
	a.What = "put with " + note
	if a.Kind == None {
		p.Ping()
	}
	return a
}

// fetch asks a new address for the item under key.
func fetch(t *T, key kademlia.ID) *Answer {
	a, _ := ready(NewPeer(t), key)
	return a
}

// mustStore ends the case unless the target returns the value under key.
func mustStore(t *T, key kademlia.ID, v any) *Answer {
	a := fetch(t, key)
	got, _ := a.R.Get("v")
	if want := bencode.MustAppend(nil, v); !bytes.Equal(got.Raw(), want) {
		t.Mismatch("r.v", a.show("v"), fmt.Sprintf("%.80q", want))
	}
	return a
}

// mustNotStore ends the case if the target returns any value under key.
func mustNotStore(t *T, key kademlia.ID, why string) {
	if a := fetch(t, key); a.Has("v") {
		t.Mismatch("r.v", a.show("v"), "absent, because "+why)
	}
}

// immutableKey is SHA-1 of the bencoded value.
func immutableKey(v any) kademlia.ID { return sha1.Sum(bencode.MustAppend(nil, v)) }

// The public key and the signatures of the document's test vectors.
const (
	exampleKey = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"
	exampleSig = "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff" +
		"1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
	exampleSaltedSig = "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d" +
		"df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
)

// judgeExample puts a published vector and gets it back.
func judgeExample(t *T, salt, signature string) {
	key, _ := hex.DecodeString(exampleKey) // constant
	sig, _ := hex.DecodeString(signature)
	target := kademlia.ID(sha1.Sum(append(bytes.Clone(key), salt...)))
	args := Dict{"k": key, "seq": 1, "sig": sig, "v": "Hello World!"}
	if salt != "" {
		args["salt"] = salt
	}
	NewPeer(t).Put(target, args)
	judgeSigned(t, mustStore(t, target, "Hello World!"), args)
}

// judgeUnusable puts an item with each of the bad arguments in turn, which must
// not be stored, and then as it should be.
func judgeUnusable(t *T, bad func(k, sig []byte) []Dict) {
	item, p := newItem(t, nil), NewPeer(t)
	_, token := ready(p, item.Target())
	args := merge(item.Put(0, "value"), Dict{"token": token})
	for _, b := range bad(item.Public(), args["sig"].([]byte)) {
		p.SendMalformed(p.Query("put", merge(args, b)), fmt.Sprintf("put with %.40v", b))
		p.Ping()
	}
	mustNotStoreNew(t, item, "no put had a key, a signature and a seq that fit")
	p.Expect("put", args)
	mustStore(t, item.Target(), "value")
}

// stored puts an item with the value "value" and returns it with its target.
func stored(t *T, seq int64) (Item, kademlia.ID) {
	item := newItem(t, nil)
	target := item.Target()
	NewPeer(t).Put(target, item.Put(seq, "value"))
	mustStore(t, target, "value")
	return item, target
}

// judgeSigned compares what came back with what was put.
func judgeSigned(t *T, a *Answer, put Dict) {
	if got := a.Bytes("k"); !bytes.Equal(got, put["k"].([]byte)) {
		t.Mismatch("r.k", hex.EncodeToString(got), hex.EncodeToString(put["k"].([]byte)))
	}
	if got := a.Bytes("sig"); !bytes.Equal(got, put["sig"].([]byte)) {
		t.Mismatch("r.sig", hex.EncodeToString(got), hex.EncodeToString(put["sig"].([]byte)))
	}
	if got := a.Int("seq"); fmt.Sprint(got) != fmt.Sprint(put["seq"]) {
		t.Mismatch("r.seq", got, fmt.Sprint(put["seq"]))
	}
	if !a.Has("v") {
		t.Mismatch("r.v", "absent", "the stored value")
	}
}

// mustNotStoreNew ends the case if the target stores a version of the item
// that this case put.
func mustNotStoreNew(t *T, item Item, why string) {
	if a := fetch(t, item.Target()); a.Has("seq") && a.Int("seq") >= item.Base {
		t.Mismatch("r.seq", a.Int("seq"), "absent, because "+why)
	}
}
