package epidemic

import (
	"bytes"
	"cmp"
	"time"
)

// A Stamp is a Lamport timestamp. Stamps are totally ordered, by Counter and
// then by Site, and no two updates of honest nodes have the same one.
type Stamp struct {
	Counter uint64
	Site    int32 // index in Config.Peers of who made the update
}

// Compare orders stamps: negative when s is the older one.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Counter, t.Counter), cmp.Compare(s.Site, t.Site))
}

// An Update is one version of one key: a value, or the death certificate of the
// versions before it. It is not to be changed.
type Update struct {
	Key     string
	Value   []byte // nil in a death certificate
	Stamp   Stamp
	Deleted bool          // it is a death certificate
	Age     time.Duration // of a death certificate since it was issued or awakened, when it was sent
}

// Supersedes reports whether u replaces v, another version of the same key: the
// later one wins. Of two with one stamp, which no honest node makes, the
// certificate and then the larger value wins, so that merging is commutative
// whatever the network says. The age is no part of a version.
//
// GO-EP-01 (Demers et al. 1987, §1.1, ResolveDifference).
func (u *Update) Supersedes(v *Update) bool {
	if c := u.Stamp.Compare(v.Stamp); c != 0 {
		return c > 0
	}
	if u.Deleted != v.Deleted {
		return u.Deleted
	}
	return bytes.Compare(u.Value, v.Value) > 0
}

// digest is a hash of the version (FNV-1a, stirred so that sums of digests stay
// apart): databases are compared by the sum over their versions.
//
// GO-EP-01 (Demers et al. 1987, §1.3, checksums).
func (u *Update) digest() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	add := func(v uint64) {
		for range 8 {
			h = (h ^ v&0xff) * prime
			v >>= 8
		}
	}
	add(uint64(len(u.Key)))
	for i := range len(u.Key) {
		h = (h ^ uint64(u.Key[i])) * prime
	}
	for _, c := range u.Value {
		h = (h ^ uint64(c)) * prime
	}
	add(u.Stamp.Counter)
	add(uint64(u.Stamp.Site))
	if u.Deleted {
		h++
	}
	h = (h ^ h>>31) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// own returns u without anything borrowed.
func (u *Update) own() Update {
	c := *u
	c.Value = bytes.Clone(u.Value)
	return c
}
