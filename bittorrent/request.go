package bittorrent

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// queueTime is how much of what a peer sends is asked for ahead, so that it
// need not wait for the next request: libtorrent's request_queue_time.
const queueTime = 3 * time.Second

// spread gives every idle connection something to fetch, after blocks that
// others were asked for came back.
func (n *step) spread() {
	for _, c := range n.conns {
		if c != nil && c.wants > 0 {
			n.fill(c)
		}
	}
}

// fill asks a peer for blocks until as many requests are unanswered as its
// speed is worth. BEP03-PEER-028 to BEP03-PEER-032, BEP03-PEER-038
func (n *step) fill(c *conn) {
	room := min(c.depth, c.limit) - int32(len(c.asked))
	if room <= 0 || c.phase != talking || !c.amInterested || n.lacking || n.failed || n.stopped ||
		int(n.storing) >= n.cfg.MaxStoring || c.peerChoking && len(c.allowed) == 0 {
		return
	}
	from := source{
		conn: c.id, has: &c.has, choked: c.peerChoking, alone: n.blame.onParole(contributor(c.remote)),
		allowed: c.allowed, suggested: c.suggested,
	}
	n.scratch = n.picker.pick(&n.rng, &n.layout, &from, room, n.scratch[:0])
	if len(n.scratch) > 0 && len(c.asked) == 0 {
		c.gave = n.now
	}
	for _, b := range n.scratch {
		c.asked = append(c.asked, asked{block: b, at: n.now})
		n.write(c, request(wire.Request, b))
	}
}

func request(t wire.Type, b block) *wire.Message {
	return &wire.Message{Type: t, Index: uint32(b.piece), Begin: uint32(b.begin), Length: uint32(b.length)}
}

// gotBlock takes a block that was asked for, which goes to the storage. Any
// other is refused; with BEP 6 or 52 it costs the connection.
// BEP03-PEER-041, BEP06-FAST-013, BEP52-PEER-010
func (n *step) gotBlock(c *conn, m *wire.Message) bool {
	b := block{int32(m.Index), int32(m.Begin), int32(len(m.Data))}
	i := c.find(b)
	if i < 0 {
		reason := fmt.Errorf("%w: %d bytes at %d of piece %d", errUnasked, b.length, m.Begin, m.Index)
		if c.fast {
			n.drop(c, "BEP06-FAST-013", reason)
			return true
		}
		n.refuse(c, "BEP03-PEER-041", reason)
		return false
	}
	c.asked = cut(c.asked, i)
	c.gave, c.rejects = n.now, 0
	c.down.add(n.now, int64(b.length))
	n.downloaded += int64(b.length)
	others, wanted := n.picker.arrived(c.id, b, n.others[:0])
	n.others = others
	for _, id := range others {
		n.cancel(id, b)
	}
	if wanted && !n.failed {
		n.store(c, b, m.Data)
	} else if wanted {
		n.picker.storeFailed(b)
	}
	n.deepen(c)
	n.fill(c)
	return true
}

// deepen lets more requests be unanswered with each block that comes, until
// they are worth queueTime of what the peer sends.
func (n *step) deepen(c *conn) {
	if c.depth < int32(n.cfg.MaxRequestsOut) {
		worth := c.down.perSecond(n.now) * int64(queueTime/time.Second) / int64(n.cfg.BlockSize)
		if int64(c.depth) <= worth || n.now-c.since < queueTime {
			c.depth++
		}
	}
}

// cancel takes a request back because the block has come from elsewhere. The
// peer may have answered already, and with BEP 6 it will. BEP03-PEER-045
func (n *step) cancel(id spec.Conn, b block) {
	c := n.connOf(id)
	if c == nil {
		return
	}
	if i := c.find(b); i >= 0 {
		c.asked[i].lapsed = true
		n.write(c, request(wire.Cancel, b))
	}
}

// find returns the index of a request, or -1. Answers mostly come in order.
func (c *conn) find(b block) int {
	return slices.IndexFunc(c.asked, func(a asked) bool { return a.block == b })
}

// gotReject takes the refusal of a request. BEP06-FAST-014, BEP06-FAST-016
func (n *step) gotReject(c *conn, m *wire.Message) {
	b := blockOf(m)
	i := c.find(b)
	if i < 0 {
		n.drop(c, "BEP06-FAST-014", fmt.Errorf("%w: reject of %d bytes at %d of piece %d",
			errUnasked, m.Length, m.Begin, m.Index))
		return
	}
	lapsed := c.asked[i].lapsed
	c.asked = cut(c.asked, i)
	if lapsed { // it answers a cancel
		n.fill(c)
		return
	}
	n.picker.returned(&n.rng, c.id, b)
	if !c.peerChoking { // it may keep no more than these
		c.rejects++
		c.depth = max(int32(len(c.asked)), int32(n.cfg.MinRequestsOut))
	}
	if int(c.rejects) > maxRejects+n.cfg.MaxRequestsOut {
		n.drop(c, "BEP06-FAST-014", fmt.Errorf("%w: %d rejects and no block", errTooMany, c.rejects))
		return
	}
	c.allowed = without(c.allowed, b.piece)
	n.rebalance = true
}

// gotChoke takes a choke, which answers every request unless BEP 6 is agreed
// on: then the peer does. BEP06-FAST-015
func (n *step) gotChoke(c *conn) {
	c.peerChoking = true
	if !c.fast {
		for i := range c.asked {
			n.giveBack(c, &c.asked[i])
		}
	}
	n.rebalance = true
}

// gotUnchoke begins the requests again. Blocks of the time before the choke no
// longer count as asked for. BEP03-PEER-040
func (n *step) gotUnchoke(c *conn) {
	if c.peerChoking && !c.fast {
		c.asked = c.asked[:0]
	}
	c.peerChoking = false
	n.fill(c)
}

// giveBack lets others have a block of c.
func (n *step) giveBack(c *conn, a *asked) {
	if !a.lapsed {
		a.lapsed = true
		n.picker.returned(&n.rng, c.id, a.block)
	}
}

// returnAsked gives all blocks of a connection back that ends.
func (n *step) returnAsked(c *conn) {
	for i := range c.asked {
		n.giveBack(c, &c.asked[i])
	}
	c.asked = nil
}

// lapse lets others have what a peer takes too long for, and forgets requests
// that only BEP 6 has answered.
func (n *step) lapse(c *conn) {
	if !c.fast {
		c.asked = slices.DeleteFunc(c.asked, func(a asked) bool {
			return a.lapsed && n.now-a.at >= n.cfg.RequestTimeout
		})
	}
	for i := range c.asked {
		a := &c.asked[i]
		if n.now-a.at < n.cfg.RequestTimeout {
			return
		}
		if !a.lapsed && !a.late {
			a.late, c.depth = true, int32(n.cfg.MinRequestsOut)
			n.picker.overdue(c.id, a.block)
			n.rebalance = true
		}
	}
}

// snubbing says that a peer was asked for blocks and gave none for long.
// BEP03-CHOKE-007
func (n *Node) snubbing(c *conn) bool {
	return len(c.asked) > 0 && n.now-c.gave > n.cfg.SnubAfter
}

func without(list []int32, piece int32) []int32 {
	if i := slices.Index(list, piece); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
