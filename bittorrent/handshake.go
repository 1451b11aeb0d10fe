package bittorrent

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// clientID begins the peer ids that are drawn. BEP20-ID-001
const clientID = "-PS0001-"

// newPeerID draws a peer id, of characters that every log can show.
func newPeerID(rng *spec.Rand) (id [20]byte) {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	for i := copy(id[:], clientID); i < len(id); i++ {
		id[i] = digits[rng.Below(uint64(len(digits)))]
	}
	return id
}

// handshake is the own. BEP03-PEER-001
func (n *Node) handshake() *wire.Handshake {
	h := &wire.Handshake{InfoHash: n.cfg.InfoHash, PeerID: n.peerID}
	if !n.cfg.NoExtended {
		h.Offer(wire.FeatureExtension)
	}
	if !n.cfg.NoFast {
		h.Offer(wire.FeatureFast)
	}
	if n.hasDHT() {
		h.Offer(wire.FeatureDHT)
	}
	if n.hybrid() { // BEP52-PEER-001
		h.Offer(wire.FeatureV2)
	}
	return h
}

// hybrid says whether the torrent is known to have both versions, and so two
// names.
func (n *Node) hybrid() bool { return n.info != nil && n.info.HasV1 && n.info.HasV2 }

// named reports whether a handshake's hash is a name of the torrent.
// BEP52-META-008
func (n *Node) named(hash [20]byte) bool {
	return hash == n.cfg.InfoHash || n.hybrid() && hash == [20]byte(n.info.InfoHashV2[:])
}

// hasDHT says whether peers are told of a DHT node. BEP27-PRIV-002
func (n *Node) hasDHT() bool { return n.cfg.DHTPort != 0 && !n.layout.Private }

// shake takes the handshake of a peer: who has another torrent, is the own
// self or is connected already is left alone. Unknown reserved bits mean
// nothing (BEP03-PEER-008), and every peer id is good (BEP20-ID-002).
func (n *step) shake(c *conn, h *wire.Handshake) {
	switch {
	case !n.named(h.InfoHash): // BEP03-PEER-002
		n.drop(c, "BEP03-PEER-002", fmt.Errorf("%w: %x", errHash, h.InfoHash))
		return
	case h.PeerID == n.peerID: // BEP03-PEER-009
		n.known.remove(c.remote)
		n.drop(c, "BEP03-PEER-009", errSelf)
		return
	}
	if twin := n.twinOf(c, h.PeerID); twin != nil {
		if !n.prefers(c, twin, h.PeerID) {
			n.refuse(c, "BEP03-PEER-009", fmt.Errorf("%w: %q", errTwice, h.PeerID))
			n.close(c)
			n.found(twin, c)
			return
		}
		n.close(twin)
		n.found(c, twin)
	}
	c.phase, c.since, c.heard, c.turned = talking, n.now, n.now, n.now
	c.peerID = h.PeerID
	c.fast = !n.cfg.NoFast && h.Offers(wire.FeatureFast)
	c.ext = !n.cfg.NoExtended && h.Offers(wire.FeatureExtension)
	c.dht = n.hasDHT() && h.Offers(wire.FeatureDHT)
	c.has = newBitfield(n.layout.Pieces)
	if c.outgoing() {
		c.listen = c.remote
	}
	n.known.reached(c.remote)
	if !c.outgoing() {
		own := n.handshake()
		own.InfoHash = h.InfoHash // of a hybrid the name that was asked for
		n.write(c, own)
	}
	n.choker.joined(&n.rng, c.id)
	n.greet(c)
}

// twinOf returns another connection to the peer of an id, or nil.
func (n *Node) twinOf(c *conn, id [20]byte) *conn {
	for _, d := range n.conns {
		if d != nil && d != c && d.phase == talking && d.peerID == id {
			return d
		}
	}
	return nil
}

// found notes that the peer of the connection that stays is at the address of
// the one that ended, lest it is dialled again.
func (n *Node) found(stays, ended *conn) {
	if ended.outgoing() && !stays.listen.IsValid() {
		stays.listen = ended.remote
	}
	n.known.taken(stays.listen)
}

// prefers decides between two connections to one peer. When each end has
// dialled the other, both have to keep the same one: that of the smaller peer
// id. In all other cases the first stays, so that nobody can end somebody
// else's connection by taking his id.
func (n *Node) prefers(c, twin *conn, id [20]byte) bool {
	if c.outgoing() == twin.outgoing() || c.remote.Addr() != twin.remote.Addr() {
		return false
	}
	return c.outgoing() == (bytes.Compare(n.peerID[:], id[:]) < 0)
}

// greet writes what follows the handshake: first which pieces there are.
// BEP03-PEER-021, BEP03-PEER-022, BEP06-FAST-002
func (n *step) greet(c *conn) {
	held, pieces := n.picker.have.count, n.layout.Pieces
	switch {
	case c.fast && pieces > 0 && held == pieces:
		n.write(c, &wire.Message{Type: wire.HaveAll})
	case c.fast && held == 0:
		n.write(c, &wire.Message{Type: wire.HaveNone})
	case held > 0:
		n.write(c, &wire.Message{Type: wire.Bitfield, Data: n.picker.have.append(nil)})
	}
	if c.ext { // BEP10-EXT-003
		n.introduce(c)
	}
	if c.dht {
		n.write(c, &wire.Message{Type: wire.Port, Port: n.cfg.DHTPort})
	}
}
