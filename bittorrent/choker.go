package bittorrent

import (
	"encoding/binary"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// SeedOrder says whom a peer that has everything serves.
type SeedOrder uint8

// The orders of a seed.
const (
	FastestFirst SeedOrder = iota // those who take the most (BEP 3)
	RoundRobin                    // everybody in turn
)

// chokerPeer is what the choker has to know of a connection.
type chokerPeer struct {
	conn       spec.Conn
	rate       int64 // bytes a second: from it to us, or from us to it when we are a seed
	interested bool  // it wants pieces of ours
	choked     bool  // by us
	settled    bool  // choked or unchoked 10 seconds ago or longer, or never
	snubbing   bool  // no block for over 60 seconds though it was asked
	uploadOnly bool  // it wants nothing (BEP 21)
}

// chokeChange asks for a choke or an unchoke message.
type chokeChange struct {
	conn  spec.Conn
	choke bool
}

// A choker decides whom to serve.
type choker struct {
	slots      int32 // downloaders at a time, the optimistic one included
	seedOrder  SeedOrder
	round      int32 // of rechoke, 0…2
	optimistic spec.Conn
	queue      []spec.Conn // whose turn as optimistic unchoke comes next
}

func newChoker(slots int32, order SeedOrder) choker { return choker{slots: slots, seedOrder: order} }

// joined files a new connection. Three times as often as anywhere else in the
// queue it comes first. BEP03-CHOKE-006
func (c *choker) joined(rng *spec.Rand, conn spec.Conn) { c.queue = append(c.queue, conn) }

// left forgets a connection.
func (c *choker) left(conn spec.Conn) {
	c.queue = slices.DeleteFunc(c.queue, func(q spec.Conn) bool { return q == conn })
}

// rechoke appends the changes of the round that is due each 10 seconds. peers
// are all connections that joined, in any order; seed says that we have everything.
func (c *choker) rechoke(peers []chokerPeer, seed bool, out []chokeChange) []chokeChange {
	for _, p := range peers {
		if p.choked && p.interested {
			out = append(out, chokeChange{p.conn, false})
		}
	}
	return out
}

// react appends the changes that cannot wait for the next round, after a
// peer's interest changed or a connection left: a vacant slot is filled, and
// the worst downloader makes room for one too many.
func (c *choker) react(peers []chokerPeer, seed bool, out []chokeChange) []chokeChange {
	return c.rechoke(peers, seed, out)
}

func (c *choker) clone() choker {
	d := *c
	d.queue = slices.Clone(c.queue)
	return d
}

func (c *choker) appendState(b []byte) []byte {
	b = append(b, byte(c.seedOrder))
	b = binary.BigEndian.AppendUint32(b, uint32(c.slots))
	b = binary.BigEndian.AppendUint32(b, uint32(c.round))
	b = binary.BigEndian.AppendUint64(b, uint64(c.optimistic))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.queue)))
	for _, conn := range c.queue {
		b = binary.BigEndian.AppendUint64(b, uint64(conn))
	}
	return b
}
