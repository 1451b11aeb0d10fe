package mainline

import (
	"crypto/ed25519"
	"crypto/sha1"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
)

const (
	// MaxItem is the size limit of a stored value in bytes, bencoded
	// (BEP 44 says "less than 1000" once and "1000" elsewhere). BEP44-ITEM-008
	MaxItem = 1000

	// MaxSalt is the size limit of a salt in bytes. BEP44-ITEM-009
	MaxSalt = 64
)

// Item is a value that the DHT stores (BEP 44). An immutable item has only V;
// a mutable one is signed.
type Item struct {
	Mutable bool
	V       []byte // bencoded, at most MaxItem bytes
	K       [ed25519.PublicKeySize]byte
	Salt    []byte // at most MaxSalt bytes; not bencoded
	Seq     int64
	Sig     [ed25519.SignatureSize]byte
}

// SignItem returns the mutable item with the value v, signed with the key
// that the seed expands to.
func SignItem(seed [ed25519.SeedSize]byte, salt []byte, seq int64, v []byte) Item {
	key := ed25519.NewKeyFromSeed(seed[:])
	it := Item{Mutable: true, V: v, Salt: salt, Seq: seq}
	copy(it.K[:], key[ed25519.SeedSize:])
	copy(it.Sig[:], ed25519.Sign(key, it.AppendSigned(nil)))
	return it
}

// Target is the key under which the item is stored: the SHA-1 of the value
// or, for a mutable item, of public key and salt.
//
// BEP44-ITEM-002, BEP44-ITEM-004
func (it *Item) Target() kademlia.ID {
	if !it.Mutable {
		return sha1.Sum(it.V)
	}
	return mutableTarget(it.K[:], it.Salt)
}

func mutableTarget(k, salt []byte) kademlia.ID {
	b := make([]byte, 0, ed25519.PublicKeySize+MaxSalt)
	return sha1.Sum(append(append(b, k...), salt...))
}

// AppendSigned appends the bytes that the signature of a mutable item covers:
// the part of a dictionary with the keys salt, unless it is empty, seq and v.
//
// BEP44-ITEM-017, BEP44-ITEM-021
func (it *Item) AppendSigned(b []byte) []byte {
	if len(it.Salt) > 0 {
		b = bencode.AppendBytes(append(b, "4:salt"...), it.Salt)
	}
	b = bencode.AppendInt(append(b, "3:seq"...), it.Seq)
	return append(append(b, "1:v"...), it.V...)
}

// Fault reports the first reason why no node should store the item or believe
// it; Code is the error to answer with. The zero Code means none.
func (it *Item) Fault() (code int32, fault Fault) {
	switch {
	case len(it.V) > MaxItem: // BEP44-ITEM-008
		return CodeValueTooBig, Fault{"BEP44-ITEM-008", "v exceeds 1000 bytes"}
	case len(it.Salt) > MaxSalt: // BEP44-ITEM-009
		return CodeSaltTooBig, Fault{"BEP44-ITEM-009", "salt exceeds 64 bytes"}
	}
	if _, err := bencode.Parse(it.V, bencode.Options{}); err != nil { // BEP44-ITEM-010
		return CodeProtocol, Fault{"BEP44-ITEM-010", "v is not canonical bencoding"}
	}
	if it.Mutable && !it.verify() { // BEP44-ITEM-003
		return CodeBadSignature, Fault{"BEP44-ITEM-003", "sig does not match"}
	}
	return 0, Fault{}
}

func (it *Item) verify() bool {
	b := make([]byte, 0, MaxItem+MaxSalt+64) // on the stack
	return ed25519.Verify(it.K[:], it.AppendSigned(b), it.Sig[:])
}
