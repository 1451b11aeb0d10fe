package bittorrent

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// optimisticRounds is how many rounds of the choker an optimistic unchoke
// lasts: 30 seconds of 10 second rounds, time for a peer to find out, to
// unchoke us in turn, and for what it sends then to show (economics paper §3.3).
const optimisticRounds = 3

// newcomerWeight is how much likelier than any other place in the queue its
// head is for a new connection (BEP 3).
const newcomerWeight = 3

// SeedOrder says whom a peer that has everything serves.
type SeedOrder uint8

// The orders of a seed.
const (
	FastestFirst SeedOrder = iota // those who take the most (BEP 3; economics paper §3.5)
	RoundRobin                    // everybody in turn, as libtorrent by default
)

// chokerPeer is what the choker has to know of a connection.
type chokerPeer struct {
	conn       spec.Conn // not 0
	rate       int64     // bytes a second: from it to us, or from us to it when we are a seed
	interested bool      // it wants pieces of ours
	choked     bool      // by us
	settled    bool      // for 10 seconds it was neither choked nor unchoked
	snubbing   bool      // no block came for over 60 seconds though it was asked
	uploadOnly bool      // it wants nothing (BEP 21)
}

// chokeChange asks for a choke or an unchoke message.
type chokeChange struct {
	conn  spec.Conn
	choke bool
}

// A choker decides whom to serve. It plays tit-for-tat (economics paper §3): it
// serves those who serve us best, so that it pays to be generous, and a
// stranger now and then, for how else would it learn that there are better
// partners, and how would a newcomer ever begin?
//
//   - The peers that want pieces and send us the most hold all slots but one.
//   - The last slot is for the optimistic unchoke: whoever is at the head of
//     a queue, for 30 seconds.
//   - A peer that sends nothing for over a minute snubs us and gets no slot by
//     merit. Slots that stay vacant are filled from the queue: the paper's
//     exception to there being one optimistic unchoke.
//   - A peer that would deserve a slot and wants nothing is unchoked as well.
//     Once it is interested, the worst downloader makes room.
//   - A peer that was just choked or unchoked stays so for 10 seconds, because
//     TCP behaves badly when senders come and go (§3.2). This makes
//     fibrillation impossible, whatever the peers do.
//
// Use: joined and left as connections come and go, rechoke every 10 seconds,
// react when a peer's interest changes or a connection has left. All are pure
// functions of the queue and of what the owner says of its connections; cost
// O(n log n) for n of them.
type choker struct {
	slots      int32 // downloaders at a time, the optimistic unchoke included
	seedOrder  SeedOrder
	meritOnly  bool  // no optimistic unchoke: for experiments that show what it is good for
	round      int32 // 0 when the optimistic unchoke was just chosen
	optimistic spec.Conn
	queue      []spec.Conn // all connections; the next optimistic unchoke comes first
}

func newChoker(slots int32, order SeedOrder) choker { return choker{slots: slots, seedOrder: order} }

// joined files a new connection, often at the head of the queue.
//
// BEP03-CHOKE-006 (BEP 3 §Choking)
func (c *choker) joined(rng *spec.Rand, conn spec.Conn) {
	place := int(rng.Below(uint64(len(c.queue) + newcomerWeight)))
	c.queue = slices.Insert(c.queue, max(place-(newcomerWeight-1), 0), conn)
}

// left forgets a connection.
func (c *choker) left(conn spec.Conn) {
	c.queue = slices.DeleteFunc(c.queue, func(q spec.Conn) bool { return q == conn })
}

// rechoke appends the changes of a round. peers are all connections that
// joined, in any order; seed says that we have everything.
//
// BEP03-CHOKE-001 to BEP03-CHOKE-005, BEP03-CHOKE-007
func (c *choker) rechoke(peers []chokerPeer, seed bool, out []chokeChange) []chokeChange {
	c.round = (c.round + 1) % optimisticRounds
	isTurn := c.round == 0
	line := c.line(peers)
	isRoundRobin := seed && c.seedOrder == RoundRobin
	regular := int(c.slots) - 1 // slots by merit
	switch {
	case isRoundRobin:
		regular = 0
	case c.meritOnly:
		regular = int(c.slots)
	}
	var served []spec.Conn
	floor := int64(0) // a peer that sends more deserves a slot
	for _, p := range byMerit(line, seed) {
		if p.settled && len(served) >= regular {
			break
		}
		served, floor = append(served, p.conn), p.rate
	}
	if len(served) < regular { // there is room for all
		floor = 0
	}
	if !isRoundRobin && !c.meritOnly {
		served = c.unchokeOptimistic(line, served, isTurn)
	}
	for len(served) < int(c.slots) && (isRoundRobin || !c.meritOnly) {
		next := c.next(line, served, isTurn)
		if next == 0 {
			break
		}
		served = append(served, next)
	}
	for _, p := range peers {
		isBetter := !p.interested && !p.uploadOnly && !p.snubbing && p.rate > floor // BEP03-CHOKE-003
		isServed := isBetter || slices.Contains(served, p.conn)
		if p.settled && isServed == p.choked {
			out = append(out, chokeChange{p.conn, !isServed})
		}
	}
	return out
}

// react appends the changes that cannot wait for the next round: a vacant slot
// is filled, and the worst downloader makes room for one too many. It ranks
// nobody anew.
//
// BEP03-CHOKE-003
func (c *choker) react(peers []chokerPeer, seed bool, out []chokeChange) []chokeChange {
	vacant, waits := int(c.slots), false
	for _, p := range peers {
		if p.wants() && !p.choked {
			vacant--
		}
		waits = waits || p.wants() && p.settled && p.choked
	}
	if vacant == 0 || vacant > 0 && !waits {
		return out // as after most changes, without ranking anybody
	}
	var waiting, working []chokerPeer
	for _, p := range c.line(peers) {
		switch {
		case !p.wants() || !p.settled:
		case p.choked:
			waiting = append(waiting, p)
		case p.conn != c.optimistic:
			working = append(working, p)
		}
	}
	for _, p := range byRate(waiting, seed)[:min(len(waiting), max(vacant, 0))] {
		out = append(out, chokeChange{p.conn, false})
	}
	working = byRate(working, seed)
	for _, p := range working[len(working)-min(len(working), max(-vacant, 0)):] {
		out = append(out, chokeChange{p.conn, true})
	}
	return out
}

// unchokeOptimistic adds the optimistic unchoke to those served, another one
// when its turn has come or the last no longer needs it.
//
// BEP03-CHOKE-005 (economics paper §3.3 Optimistic Unchoking)
func (c *choker) unchokeOptimistic(line []chokerPeer, served []spec.Conn, isTurn bool) []spec.Conn {
	if len(served) >= int(c.slots) {
		return served
	}
	mayStay := !slices.Contains(served, c.optimistic) &&
		slices.ContainsFunc(line, func(p chokerPeer) bool { return p.conn == c.optimistic && p.canServe() })
	if isTurn || !mayStay {
		c.optimistic = c.next(line, served, isTurn)
	}
	if c.optimistic != 0 {
		served = append(served, c.optimistic)
	}
	return served
}

// next returns who of the line can be served and is not, and sends it to the
// end of the queue. In a turn those come first who are choked, otherwise those
// who are not. 0: nobody.
func (c *choker) next(line []chokerPeer, served []spec.Conn, isTurn bool) spec.Conn {
	found := spec.Conn(0)
	for _, p := range line {
		if !p.canServe() || slices.Contains(served, p.conn) {
			continue
		}
		if found == 0 || p.choked == isTurn {
			found = p.conn
		}
		if p.choked == isTurn {
			break
		}
	}
	if at := slices.Index(c.queue, found); at >= 0 {
		c.queue = append(slices.Delete(c.queue, at, at+1), found)
	}
	return found
}

// line returns the connections in the order of the queue.
func (c *choker) line(peers []chokerPeer) []chokerPeer {
	byConn := slices.Clone(peers)
	compare := func(a, b chokerPeer) int { return cmp.Compare(a.conn, b.conn) }
	slices.SortStableFunc(byConn, compare)
	line := make([]chokerPeer, 0, len(peers))
	for _, conn := range c.queue {
		if at, ok := slices.BinarySearchFunc(byConn, chokerPeer{conn: conn}, compare); ok {
			line = append(line, byConn[at])
		}
	}
	return line
}

// byMerit returns who can be served and does not snub us, the best first:
// before all others who was unchoked a moment ago.
//
// BEP03-CHOKE-002, BEP03-CHOKE-004, BEP03-CHOKE-007
func byMerit(line []chokerPeer, seed bool) []chokerPeer {
	var best []chokerPeer
	for _, p := range line {
		if p.canServe() && (seed || !p.snubbing || !p.settled) {
			best = append(best, p)
		}
	}
	best = byRate(best, seed)
	slices.SortStableFunc(best, func(a, b chokerPeer) int { return compareBool(a.settled, b.settled) })
	return best
}

// byRate sorts the best first: who does not snub us, who is faster, who is
// unchoked already, who waits longer.
func byRate(line []chokerPeer, seed bool) []chokerPeer {
	slices.SortStableFunc(line, func(a, b chokerPeer) int {
		return cmp.Or(
			compareBool(a.snubbing && !seed, b.snubbing && !seed),
			cmp.Compare(b.rate, a.rate),
			compareBool(a.choked, b.choked))
	})
	return line
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// wants reports whether the peer takes a slot when it is unchoked.
func (p *chokerPeer) wants() bool { return p.interested && !p.uploadOnly }

// canServe reports whether the peer may have a slot.
func (p *chokerPeer) canServe() bool { return p.wants() && (p.settled || !p.choked) }

func (c *choker) clone() choker {
	d := *c
	d.queue = slices.Clone(c.queue)
	return d
}

func (c *choker) appendState(b []byte) []byte {
	b = appendBool(append(b, byte(c.seedOrder)), c.meritOnly)
	b = appendInts(b, c.slots, c.round)
	b = binary.BigEndian.AppendUint64(b, uint64(c.optimistic))
	b = appendInts(b, int32(len(c.queue)))
	for _, conn := range c.queue {
		b = binary.BigEndian.AppendUint64(b, uint64(conn))
	}
	return b
}
