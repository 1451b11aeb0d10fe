package bittorrent

import (
	"math/bits"

	"github.com/p2pspec/p2pspec/spec"
)

// The wanted pieces in order of rarity: one array, most common first, that
// falls into a run for each number of copies. above says where the runs begin.
// A piece whose number of copies changes by one swaps places with the piece at
// the edge of its run, and the edge moves by one. Then it swaps with a random
// piece of its new run, so that ties are broken at random.
//
// The rarest come last, so that taking one away moves few others.

// shortScan is how many of the rarest pieces are tried one by one before all
// pieces that the peer has are looked at 64 at a time. Both find the same.
const shortScan = 32

// A bitfield counts from the first of the following calls with it until
// peerLeft, and nothing else may change it meanwhile.

// peerBitfield makes f what a peer's first message said. With an error f is
// what it was. BEP03-PEER-021
func (p *picker) peerBitfield(rng *spec.Rand, f *bitfield, wired []byte) error {
	p.uncount(rng, f)
	err := f.load(wired)
	p.count(rng, f)
	return err
}

// peerHasAll makes f full.
func (p *picker) peerHasAll(rng *spec.Rand, f *bitfield) {
	p.uncount(rng, f)
	f.fill()
	p.count(rng, f)
}

// peerHas adds a piece to f and reports whether it was missing.
func (p *picker) peerHas(rng *spec.Rand, f *bitfield, piece int32) bool {
	if !f.set(piece) {
		return false
	}
	p.raise(rng, piece)
	return true
}

// peerLost takes a piece out of f and reports whether it was there. A seed that
// loses a piece is counted piece by piece from then on, even when it gets the
// piece back, lest two messages in turn cost all pieces each time. BEP 54
func (p *picker) peerLost(rng *spec.Rand, f *bitfield, piece int32) bool {
	if !f.unset(piece) {
		return false
	}
	if !f.asSeed {
		p.lower(rng, piece)
		return true
	}
	f.asSeed = false
	p.seeds--
	p.count(rng, f)
	return true
}

// peerLeft no longer counts f.
func (p *picker) peerLeft(rng *spec.Rand, f *bitfield) { p.uncount(rng, f) }

func (p *picker) count(rng *spec.Rand, f *bitfield) {
	if f.isFull() {
		f.asSeed = true
		p.seeds++
		return
	}
	f.each(func(i int32) { p.raise(rng, i) })
}

func (p *picker) uncount(rng *spec.Rand, f *bitfield) {
	if f.asSeed {
		f.asSeed = false
		p.seeds--
		return
	}
	f.each(func(i int32) { p.lower(rng, i) })
}

// raise counts one copy more of a piece.
func (p *picker) raise(rng *spec.Rand, i int32) {
	e := &p.pieces[i]
	e.copies++
	if e.state != pieceWanted {
		return
	}
	if int(e.copies) == len(p.above) {
		p.above = append(p.above, 0)
	}
	edge := p.above[e.copies-1]
	p.above[e.copies-1]++
	p.swap(e.place, edge)
	p.mix(rng, i)
}

// lower counts one copy less.
func (p *picker) lower(rng *spec.Rand, i int32) {
	e := &p.pieces[i]
	e.copies--
	if e.state != pieceWanted {
		return
	}
	p.above[e.copies]--
	p.swap(e.place, p.above[e.copies])
	p.mix(rng, i)
}

// want puts a piece into the order.
func (p *picker) want(rng *spec.Rand, i int32) {
	e := &p.pieces[i]
	e.state, e.place = pieceWanted, int32(len(p.wanted))
	p.wanted = append(p.wanted, i)
	p.open.set(i)
	for int(e.copies) >= len(p.above) {
		p.above = append(p.above, 0)
	}
	for a := range e.copies { // through the runs of the rarer ones
		p.swap(e.place, p.above[a])
		p.above[a]++
	}
	p.mix(rng, i)
}

// unwant takes a piece out of the order.
func (p *picker) unwant(i int32) {
	e := &p.pieces[i]
	for a := e.copies; a > 0; a-- {
		p.above[a-1]--
		p.swap(e.place, p.above[a-1])
	}
	p.swap(e.place, int32(len(p.wanted)-1))
	p.wanted = p.wanted[:len(p.wanted)-1]
	p.open.unset(i)
}

// mix swaps a piece with a random one of as many copies.
func (p *picker) mix(rng *spec.Rand, i int32) {
	e := &p.pieces[i]
	first, end := p.above[e.copies], int32(len(p.wanted))
	if e.copies > 0 {
		end = p.above[e.copies-1]
	}
	if end-first > 1 {
		p.swap(e.place, first+int32(rng.Below(uint64(end-first))))
	}
}

func (p *picker) swap(a, b int32) {
	w := p.wanted
	w[a], w[b] = w[b], w[a]
	p.pieces[w[a]].place, p.pieces[w[b]].place = a, b
}

// firstOpen returns the first of a list that is wanted and that the source may
// be asked for, or -1. The list may hold anything. BEP06-FAST-022
func (p *picker) firstOpen(from *source, list []int32) int32 {
	for _, i := range list {
		if p.open.has(i) && from.mayAsk(i) {
			return i
		}
	}
	return -1
}

// rarestOpen returns the rarest wanted piece that a peer has, or -1.
//
// BEP03-CHOKE-008 (economics paper §2.4.2 Rarest First)
func (p *picker) rarestOpen(has *bitfield) int32 {
	for at := len(p.wanted) - 1; at >= max(0, len(p.wanted)-shortScan); at-- {
		if has.has(p.wanted[at]) {
			return p.wanted[at]
		}
	}
	best := int32(-1)
	for w, open := range p.open.words {
		for set := has.words[w] & open; set != 0; {
			bit := bits.LeadingZeros64(set)
			set &^= 1 << (63 - bit)
			best = max(best, p.pieces[64*w+bit].place)
		}
	}
	if best < 0 {
		return -1
	}
	return p.wanted[best]
}

// leastOpen returns the first wanted piece that a peer has, or -1.
func (p *picker) leastOpen(has *bitfield) int32 {
	for w, open := range p.open.words {
		if set := has.words[w] & open; set != 0 {
			return int32(64*w + bits.LeadingZeros64(set))
		}
	}
	return -1
}

// randomOpen returns a random one of the wanted pieces that a peer has, each
// as likely as the others, or -1.
//
// BEP03-CHOKE-009 (economics paper §2.4.3 Random First Piece)
func (p *picker) randomOpen(rng *spec.Rand, has *bitfield) int32 {
	n := 0
	for w, open := range p.open.words {
		n += bits.OnesCount64(has.words[w] & open)
	}
	if n == 0 {
		return -1
	}
	skip := int(rng.Below(uint64(n)))
	for w, open := range p.open.words {
		set := has.words[w] & open
		if ones := bits.OnesCount64(set); skip >= ones {
			skip -= ones
			continue
		}
		for ; skip > 0; skip-- {
			set &^= 1 << (63 - bits.LeadingZeros64(set))
		}
		return int32(64*w + bits.LeadingZeros64(set))
	}
	return -1
}
