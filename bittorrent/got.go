package bittorrent

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// got takes one message. Whoever says something is alive, unless what he says
// is refused.
func (n *step) got(in spec.Got) {
	c := n.connOf(in.Conn)
	if c == nil || c.phase == dialing {
		return
	}
	heard, begun := c.heard, c.begun
	c.heard = n.now
	switch m := in.Msg.(type) {
	case *wire.Handshake:
		if c.phase != shaking {
			n.drop(c, "BEP03-PEER-001", fmt.Errorf("%w: a second handshake", errOrder))
			return
		}
		n.shake(c, m)
	case *wire.Message:
		if c.phase != talking {
			n.drop(c, "BEP03-PEER-001", fmt.Errorf("%w: %v before the handshake", errOrder, m.Type))
			return
		}
		if !n.message(c, m) {
			c.heard, c.begun = heard, begun
		}
	case *wire.Hashes:
		if c.phase != talking {
			n.drop(c, "BEP03-PEER-001", fmt.Errorf("%w: %v before the handshake", errOrder, m.Type))
			return
		}
		n.gotHashes(c, m)
	default:
		panic(fmt.Sprintf("bittorrent: unknown message %T", in.Msg))
	}
}

// message takes a message after the handshake, and returns false when it was
// refused and left no trace.
func (n *step) message(c *conn, m *wire.Message) bool {
	if m.Type >= wire.Suggest && m.Type <= wire.AllowedFast && !c.fast {
		// BEP06-FAST-003, BEP06-FAST-004, BEP06-FAST-005, BEP06-FAST-006
		n.drop(c, "BEP06-FAST-003", fmt.Errorf("%w: %v", errNotAgreed, m.Type))
		return true
	}
	first := !c.begun
	if m.Type != wire.KeepAlive && m.Type != wire.Extended && m.Type != wire.Port {
		c.begun = true
	}
	switch m.Type {
	case wire.KeepAlive:
	case wire.Choke:
		n.gotChoke(c)
	case wire.Unchoke:
		n.gotUnchoke(c)
	case wire.Interested:
		n.setPeerInterest(c, true)
	case wire.NotInterested:
		n.setPeerInterest(c, false)
	case wire.Have:
		n.gotHave(c, m.Index)
	case wire.Bitfield, wire.HaveAll: // BEP03-PEER-021: aria2 sends them in the place of haves, too
		n.gotPieces(c, m)
	case wire.HaveNone:
		if !first { // BEP06-FAST-002
			n.drop(c, "BEP03-PEER-021", fmt.Errorf("%w: %v is not the first", errOrder, m.Type))
			return true
		}
		n.gotPieces(c, m)
	case wire.Request:
		return n.gotRequest(c, m)
	case wire.Piece:
		return n.gotBlock(c, m)
	case wire.Cancel:
		n.gotCancel(c, blockOf(m))
	case wire.Reject:
		n.gotReject(c, m)
	case wire.Port:
		n.gotPort(c, m.Port)
	case wire.Suggest:
		n.gotSuggested(c, m.Index)
	case wire.AllowedFast:
		n.gotAllowed(c, m.Index)
	case wire.Extended:
		return n.gotExtended(c, m)
	default: // BEP03-PEER-048: what nobody knows is skipped
	}
	return true
}

// gotPort hands a DHT node to the program, unless the torrent is private.
// BEP05-PEER-001, BEP27-PRIV-002
func (n *step) gotPort(c *conn, port uint16) {
	if port != 0 && n.hasDHT() {
		n.notify(DHTNode{netip.AddrPortFrom(c.remote.Addr(), port)})
	}
}

// gotPieces takes the message that says all that the peer has.
func (n *step) gotPieces(c *conn, m *wire.Message) {
	switch known := n.layout.Pieces > 0; {
	case !known:
		c.early.all = m.Type == wire.HaveAll
		if m.Type == wire.Bitfield {
			c.early.field = slices.Clone(m.Data)
		}
		return
	case m.Type == wire.HaveAll:
		n.picker.peerHasAll(&n.rng, &c.has)
	case m.Type == wire.Bitfield: // BEP03-PEER-024, BEP03-PEER-025
		if err := n.picker.peerBitfield(&n.rng, &c.has, m.Data); err != nil {
			n.drop(c, clauseOf(err, "BEP03-PEER-024"), err)
			return
		}
	}
	c.wants = n.missingOf(&c.has)
	n.showInterest(c)
	n.grant(c)
	n.fill(c)
}

// gotHave takes word of one piece, which may come without a bitfield before.
// BEP03-PEER-017, BEP03-PEER-026
func (n *step) gotHave(c *conn, index uint32) {
	if n.layout.Pieces == 0 && index < metainfo.MaxPieces && len(c.early.pieces) < maxEarly {
		c.early.pieces = append(c.early.pieces, int32(index))
		return
	}
	if index >= uint32(n.layout.Pieces) { // BEP03-PEER-020
		n.drop(c, "BEP03-PEER-020", fmt.Errorf("%w: have of piece %d", errRange, index))
		return
	}
	if n.picker.peerHas(&n.rng, &c.has, int32(index)) && !n.picker.have.has(int32(index)) {
		c.wants++
		n.showInterest(c)
		n.fill(c)
	}
}

// missingOf counts the pieces that a peer has and that are missing here.
func (n *Node) missingOf(has *bitfield) (count int32) {
	for i, w := range has.words {
		count += int32(bits.OnesCount64(w &^ n.picker.have.words[i]))
	}
	return count
}

// showInterest tells a peer when interest in its pieces begins or ends.
// BEP03-PEER-027
func (n *step) showInterest(c *conn) {
	if wants := c.wants > 0 && !n.cfg.UploadOnly; wants != c.amInterested {
		c.amInterested = wants
		t := wire.NotInterested
		if wants {
			t = wire.Interested
		}
		n.write(c, &wire.Message{Type: t})
	}
}

// clauseOf is the clause that an error of the codec names.
func clauseOf(err error, otherwise string) string {
	if e, ok := err.(*wire.Error); ok {
		return e.Clause
	}
	return otherwise
}

func keepAlive() *wire.Message { return &wire.Message{Type: wire.KeepAlive} }

// blockOf is the block that a request, or what is said about one, names. A
// number beyond every piece becomes a negative one.
func blockOf(m *wire.Message) block {
	return block{int32(m.Index), int32(m.Begin), int32(m.Length)}
}
