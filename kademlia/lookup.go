package kademlia

import (
	"cmp"
	"fmt"
	"slices"

	"net/netip"
)

const (
	// MaxAlpha bounds the requests that one lookup has in flight.
	MaxAlpha = 32

	// MaxShortlist bounds the contacts that one lookup remembers, and with them
	// the requests it ever sends.
	MaxShortlist = 1024
)

// LookupConfig describes one lookup. Zero fields take the defaults named.
type LookupConfig struct {
	Target ID
	Self   ID  // never asked
	K      int // contacts wanted, 1…64; default 20
	Alpha  int // requests in flight, 1…32; default 3

	// Limit bounds the shortlist, K…1024; default 4·K, at least 64. A contact
	// that was asked is never forgotten, so Limit also bounds the requests.
	Limit int
}

// A Lookup is one iterative, parallel node lookup: a pure sub-machine that
// names the contacts to ask and is told how each fared. The caller owns the
// requests, their timeouts, and whatever else the answers carry.
//
//	l, err := NewLookup(cfg)
//	l.Add(seeds)
//	for !l.Done() {
//		ask = l.Next(ask[:0])      // send a request to each
//		…                          // later, in any order:
//		l.Answered(id, contacts)   // or l.Failed(id)
//	}
//	closest = l.Closest(closest[:0])
//
// It asks no contact twice, keeps at most Alpha requests in flight, and is done
// when the K closest contacts that it saw and that did not fail have all
// answered.
//
// KAD-LOOKUP-004 (Kademlia §2.3); BEP05-RPC-011.
type Lookup struct {
	target   ID
	self     ID
	k        int32
	alpha    int32
	limit    int32
	inFlight int32
	asked    int32
	list     []candidate // ordered by distance to target
}

// candidate is a contact on the shortlist.
type candidate struct {
	Contact
	key   uint64 // the top of the distance: orders all but near twins
	hops  uint16 // 1 for a seed, else one more than the contact that named it
	state candidateState
}

type candidateState uint8

const (
	unasked candidateState = iota
	asked
	answered
	failed
)

// NewLookup returns a lookup without seeds, or an error that names the field
// out of range.
func NewLookup(cfg LookupConfig) (Lookup, error) {
	k := cmp.Or(cfg.K, 20)
	alpha := cmp.Or(cfg.Alpha, 3)
	total := cmp.Or(cfg.Limit, max(4*k, 64))
	if err := checkLimits(
		limit{"lookup K", k, 1, MaxK},
		limit{"Alpha", alpha, 1, MaxAlpha},
		limit{"shortlist", total, k, MaxShortlist},
	); err != nil {
		return Lookup{}, err
	}
	return Lookup{
		target: cfg.Target,
		self:   cfg.Self,
		k:      int32(k),
		alpha:  int32(alpha),
		limit:  int32(total),
	}, nil
}

// Target is the identifier looked for.
func (l *Lookup) Target() ID { return l.target }

// Asked counts the contacts that Next has named.
func (l *Lookup) Asked() int { return int(l.asked) }

// Add puts seeds on the shortlist: contacts that the caller knows by itself.
func (l *Lookup) Add(seeds []Contact) { l.add(seeds, 1) }

// Next appends the contacts to ask now: the closest not yet asked among the K
// closest that have not failed, as far as Alpha allows.
//
// KAD-LOOKUP-001, KAD-LOOKUP-002, KAD-LOOKUP-003 (Kademlia §2.3). The paper lets
// a stalled lookup ask all of the K closest at once (KAD-LOOKUP-006); here they
// are all asked, still Alpha at a time.
func (l *Lookup) Next(out []Contact) []Contact {
	live := int32(0)
	for i := range l.list {
		if live == l.k || l.inFlight == l.alpha {
			break
		}
		c := &l.list[i]
		if c.state == failed {
			continue
		}
		live++
		if c.state == unasked {
			c.state = asked
			l.inFlight++
			l.asked++
			out = append(out, c.Contact)
		}
	}
	return out
}

// Answered notes that the contact from, which Next named, answered with the
// given contacts. It reports false, and changes nothing, when no answer of from
// was due. A contact that Failed may still answer late
// (KAD-LOOKUP-005).
func (l *Lookup) Answered(from ID, contacts []Contact) bool {
	i, known := l.position(&from)
	if !known {
		return false
	}
	c := &l.list[i]
	switch c.state {
	case asked:
		l.inFlight--
	case failed:
	default:
		return false
	}
	c.state = answered
	l.add(contacts, c.hops+1)
	return true
}

// Failed notes that the contact from, which Next named, did not answer in time.
// It reports false, and changes nothing, when no answer of from was due.
func (l *Lookup) Failed(from ID) bool {
	i, known := l.position(&from)
	if !known || l.list[i].state != asked {
		return false
	}
	l.list[i].state = failed
	l.inFlight--
	return true
}

// Done reports whether the K closest contacts that have not failed have all
// answered, or all there are if fewer. Requests may still be in flight to
// contacts farther away.
//
// KAD-LOOKUP-007 (Kademlia §2.3).
func (l *Lookup) Done() bool {
	live := int32(0)
	for i := range l.list {
		switch l.list[i].state {
		case unasked, asked:
			return false
		case answered:
			if live++; live == l.k {
				return true
			}
		}
	}
	return true
}

// Closest appends the K closest contacts that answered, nearest first.
func (l *Lookup) Closest(out []Contact) []Contact {
	n := int32(0)
	for i := range l.list {
		if n == l.k {
			break
		}
		if l.list[i].state == answered {
			out = append(out, l.list[i].Contact)
			n++
		}
	}
	return out
}

// Hops is the length of the chain of answers that led to id: 1 for a seed, 0
// for a contact that is not on the shortlist.
func (l *Lookup) Hops(id ID) int {
	if i, known := l.position(&id); known {
		return int(l.list[i].hops)
	}
	return 0
}

// add inserts what is new, unspecific addresses and the own node left out. A
// full shortlist keeps the closest, except that it never forgets a contact that
// was asked.
func (l *Lookup) add(contacts []Contact, hops uint16) {
	for i := range contacts {
		c := &contacts[i]
		if c.ID == l.self || !usable(c.Addr) {
			continue
		}
		at, known := l.position(&c.ID)
		if known || len(l.list) >= int(l.limit) && !l.makeRoom(at) {
			continue
		}
		l.list = slices.Insert(l.list, at, candidate{
			Contact: *c,
			key:     high(&c.ID) ^ high(&l.target),
			hops:    hops,
		})
	}
}

// makeRoom drops the farthest contact that was not asked, if it lies at or
// behind position at.
func (l *Lookup) makeRoom(at int) bool {
	for i := len(l.list) - 1; i >= at; i-- {
		if l.list[i].state == unasked {
			l.list = slices.Delete(l.list, i, i+1)
			return true
		}
	}
	return false
}

// position returns where id stands or belongs.
func (l *Lookup) position(id *ID) (int, bool) {
	key := high(id) ^ high(&l.target)
	lo, hi := 0, len(l.list)
	for lo < hi {
		mid := (lo + hi) / 2
		c := &l.list[mid]
		if c.key < key || c.key == key && compare(&l.target, &c.ID, id) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(l.list) && l.list[lo].ID == *id
}

// usable reports whether a datagram can be sent to a.
func usable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified()
}

// Clone returns a lookup that shares nothing with l.
func (l *Lookup) Clone() Lookup {
	c := *l
	c.list = slices.Clone(l.list)
	return c
}

// AppendState appends every field.
func (l *Lookup) AppendState(b []byte) []byte {
	b = append(b, l.target[:]...)
	b = append(b, l.self[:]...)
	for _, v := range [...]int32{l.k, l.alpha, l.limit, l.inFlight, l.asked} {
		b = appendUint32(b, uint32(v))
	}
	b = appendUint32(b, uint32(len(l.list)))
	for i := range l.list {
		c := &l.list[i]
		b = appendContact(b, &c.Contact)
		b = append(b, uint8(c.state), uint8(c.hops>>8), uint8(c.hops))
		b = appendUint64(b, c.key)
	}
	return b
}

// Check reports the first broken invariant: the shortlist is strictly ordered
// by distance, within its limit and without the own node; at most Alpha
// requests are in flight; the counters agree with the list.
func (l *Lookup) Check() error {
	var inFlight, total int32
	for i := range l.list {
		c := &l.list[i]
		switch {
		case c.ID == l.self:
			return fmt.Errorf("kademlia: lookup lists the own node")
		case i > 0 && compare(&l.target, &l.list[i-1].ID, &c.ID) >= 0:
			return fmt.Errorf("kademlia: shortlist out of order at %d", i)
		case c.key != high(&c.ID)^high(&l.target):
			return fmt.Errorf("kademlia: candidate %d has a wrong key", i)
		}
		inFlight += int32(boolByte(c.state == asked))
		total += int32(boolByte(c.state != unasked))
	}
	switch {
	case len(l.list) > int(l.limit):
		return fmt.Errorf("kademlia: shortlist holds %d, limit %d", len(l.list), l.limit)
	case inFlight != l.inFlight || total != l.asked:
		return fmt.Errorf("kademlia: %d in flight of %d asked, counted %d of %d",
			l.inFlight, l.asked, inFlight, total)
	case inFlight > l.alpha:
		return fmt.Errorf("kademlia: %d requests in flight, Alpha is %d", inFlight, l.alpha)
	}
	return nil
}
