package mainline

import (
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
)

// items stores the values of BEP 44.
type items struct {
	targets keys
	items   []storedItem
}

// storedItem is an Item without its salt, which no answer contains
// (BEP44-ITEM-013) and the target vouches for.
type storedItem struct {
	expires time.Duration
	mutable bool
	seq     int64
	k       [ed25519.PublicKeySize]byte
	sig     [ed25519.SignatureSize]byte
	v       []byte // never changes
}

// get returns the item stored under target, nil if there is none.
func (s *items) get(target kademlia.ID, now time.Duration) *storedItem {
	if i, ok := s.targets.find(target); ok && s.items[i].expires > now {
		return &s.items[i]
	}
	return nil
}

// add stores a verified item in the place of an earlier one. It reports false,
// and changes nothing, when the store is full.
func (s *items) add(
	target kademlia.ID, it *Item, expires time.Duration, self kademlia.ID, limit int,
) bool {
	i, known := s.targets.find(target)
	if !known {
		at, gone, ok := s.targets.admit(target, self, limit)
		if !ok {
			return false
		}
		if gone >= 0 {
			s.items = slices.Delete(s.items, gone, gone+1)
		}
		s.items = slices.Insert(s.items, at, storedItem{})
		i = at
	}
	s.items[i] = storedItem{
		expires: expires, mutable: it.Mutable, seq: it.Seq, k: it.K, sig: it.Sig, v: slices.Clone(it.V),
	}
	return true
}

// sweep takes out what has expired. BEP44-ITEM-018
func (s *items) sweep(now time.Duration) {
	kept := 0
	for i := range s.items {
		if s.items[i].expires > now {
			s.targets[kept], s.items[kept] = s.targets[i], s.items[i]
			kept++
		}
	}
	clear(s.items[kept:])
	s.targets, s.items = s.targets[:kept], s.items[:kept]
}
