package bittorrent

import (
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// allowedFast is how many pieces a peer may ask for while it is choked, and
// how many it may have itself. BEP06-FAST-019
const allowedFast = 10

// grant tells a starting peer which pieces it may have while choked, once: each
// byte of them as often as it takes for one lost connection.
// BEP06-FAST-019, BEP06-FAST-020
func (n *step) grant(c *conn) {
	if !c.fast || c.granted != nil || c.has.count >= allowedFast || n.picker.have.count == 0 {
		return
	}
	set := AllowedFastSet(n.cfg.InfoHash, c.remote.Addr(), n.layout.Pieces, allowedFast)
	for _, piece := range set {
		if !c.has.has(piece) && n.picker.have.has(piece) {
			c.granted = append(c.granted, piece)
			c.credit += 2 * int64(n.layout.Size(piece))
			n.write(c, &wire.Message{Type: wire.AllowedFast, Index: uint32(piece)})
		}
	}
}

// mayChoked says whether a choked peer may have a block. Who has enough to
// trade, or took it again and again, may not. BEP06-FAST-011, BEP06-FAST-021
func (c *conn) mayChoked(b block) bool {
	return slices.Contains(c.granted, b.piece) && c.has.count < allowedFast && c.credit >= int64(b.length)
}

// gotAllowed takes a piece that may be asked for while choked, if the peer has
// it. BEP06-FAST-017, BEP06-FAST-018
func (n *step) gotAllowed(c *conn, index uint32) {
	c.allowed = n.listed(c.allowed, index)
	n.fill(c)
}

// gotSuggested takes a piece that the peer would like to send.
// BEP06-FAST-022
func (n *step) gotSuggested(c *conn, index uint32) { c.suggested = n.listed(c.suggested, index) }

// listed appends a piece to a list that holds each once. Numbers beyond the
// torrent mean nothing.
func (n *Node) listed(list []int32, index uint32) []int32 {
	known := n.layout.Pieces > 0 && index >= uint32(n.layout.Pieces)
	if known || index > 1<<31-1 || len(list) >= maxListed || slices.Contains(list, int32(index)) {
		return list
	}
	return append(list, int32(index))
}
