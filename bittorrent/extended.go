package bittorrent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// The ids under which extended messages are wanted here. BEP10-EXT-006
const (
	idMetadata = 1 + iota
	idPEX
	idDontHave
	idUploadOnly
)

// maxEarly bounds the have messages of one peer that are kept until the
// metadata is known: fetching it takes seconds, and peers complete few pieces
// meanwhile.
const maxEarly = 4096

// extensions is what a peer's extension handshakes say.
type extensions struct {
	metadata, pex, dontHave, uploadOnly uint8 // ids; 0: none
	metadataSize                        int64
}

// hasPEX says whether peers are exchanged. Before the metadata is known nobody
// can tell that the torrent is not private. BEP27-PRIV-002, BEP27-PRIV-006
func (n *Node) hasPEX() bool {
	return !n.cfg.NoPEX && !n.cfg.NoExtended && n.layout.Pieces > 0 && !n.layout.Private
}

// introduce writes the extension handshake, the first or one more.
// BEP10-EXT-002 to BEP10-EXT-004, BEP10-EXT-008 to BEP10-EXT-012
func (n *step) introduce(c *conn) {
	uploadOnly := n.wantsNothing()
	h := wire.ExtensionHandshake{
		M: []wire.Extension{
			{Name: wire.ExtDontHave, ID: idDontHave},
			{Name: wire.ExtMetadata, ID: idMetadata},
			{Name: wire.ExtUploadOnly, ID: idUploadOnly},
		},
		Version: n.cfg.Version, YourIP: c.remote.Addr(), Reqq: int32(n.cfg.MaxRequestsIn),
		MetadataSize: int64(len(n.raw)),                     // BEP09-META-001
		UploadOnly:   uploadOnly, HasUploadOnly: uploadOnly, // BEP21-PART-001
	}
	if n.hasPEX() {
		h.M = append(h.M, wire.Extension{Name: wire.ExtPex, ID: idPEX})
	}
	if c.outgoing() {
		h.Port = n.cfg.ListenPort
	}
	n.extended(c, 0, h.Append(nil))
}

func (n *step) extended(c *conn, id uint8, payload []byte) {
	n.write(c, &wire.Message{Type: wire.Extended, ExtID: id, Data: payload})
}

// gotExtended takes an extended message. One with an id that was not given
// out is ignored, as is a payload that cannot be read: it leaves no trace.
// BEP10-EXT-001, BEP10-EXT-009
func (n *step) gotExtended(c *conn, m *wire.Message) bool {
	if !c.ext {
		n.refuse(c, "BEP10-EXT-001", fmt.Errorf("%w: extended message %d", errNotAgreed, m.ExtID))
		return false
	}
	var err error
	switch m.ExtID {
	case 0:
		err = n.gotIntroduction(c, m.Data)
	case idMetadata:
		err = n.gotMetadata(c, m.Data)
	case idPEX:
		err = n.gotPEX(c, m.Data)
	case idDontHave:
		err = n.gotDontHave(c, m.Data)
	case idUploadOnly:
		err = n.gotUploadOnly(c, m.Data)
	}
	if err != nil {
		n.refuse(c, clauseOf(err, "BEP10-EXT-009"), err)
	}
	return err == nil
}

// gotIntroduction takes an extension handshake. A later one changes what it
// names and leaves the rest. BEP10-EXT-005 to BEP10-EXT-008, BEP10-EXT-010
func (n *step) gotIntroduction(c *conn, payload []byte) error {
	h, err := wire.ParseExtensionHandshake(payload)
	if err != nil {
		return err
	}
	for _, e := range [...]struct {
		name string
		id   *uint8
	}{
		{wire.ExtMetadata, &c.their.metadata},
		{wire.ExtPex, &c.their.pex},
		{wire.ExtDontHave, &c.their.dontHave},
		{wire.ExtUploadOnly, &c.their.uploadOnly},
	} {
		if id, ok := h.Lookup(e.name); ok {
			*e.id = id
		}
	}
	if h.Reqq > 0 {
		c.limit = min(h.Reqq, int32(n.cfg.MaxRequestsOut))
	}
	if h.HasUploadOnly {
		c.uploadOnly = h.UploadOnly
	}
	if h.MetadataSize > 0 && h.MetadataSize <= MaxMetadata { // BEP09-META-009
		c.their.metadataSize = h.MetadataSize
	}
	if h.Port != 0 && !c.outgoing() {
		c.listen = netip.AddrPortFrom(c.remote.Addr(), h.Port)
		n.learn(c.listen, FromInbound)
		n.known.taken(c.listen)
	}
	n.pursue()
	return nil
}

// gotUploadOnly takes word that the peer wants nothing any more, or again.
// BEP21-PART-001
func (n *step) gotUploadOnly(c *conn, payload []byte) error {
	on, err := wire.ParseUploadOnly(payload)
	if err == nil && on != c.uploadOnly {
		c.uploadOnly, n.reseat = on, true
	}
	return err
}

// gotDontHave takes word that a peer lost a piece. What was asked of it is
// rejected, or without BEP 6 gone. BEP54-DH-001, BEP54-DH-003
func (n *step) gotDontHave(c *conn, payload []byte) error {
	index, err := wire.ParseDontHave(payload)
	if err != nil {
		return err
	}
	if index >= uint32(n.layout.Pieces) {
		return &wire.Error{Clause: "BEP54-DH-001", What: fmt.Sprintf("lt_donthave of piece %d", index)}
	}
	piece := int32(index)
	if !n.picker.peerLost(&n.rng, &c.has, piece) {
		return nil
	}
	if !n.picker.have.has(piece) {
		c.wants--
		n.showInterest(c)
	}
	if !c.fast {
		for i := range c.asked {
			if c.asked[i].piece == piece {
				n.giveBack(c, &c.asked[i])
			}
		}
		n.rebalance = true
	}
	return nil
}

// dropPiece tells those who know the message that a piece is gone. Requests
// for it are answered as for any piece that is missing. BEP54-DH-002
func (n *step) dropPiece(in DropPiece) {
	piece := in.Piece
	if !n.picker.have.has(piece) {
		n.emit(spec.Done{Op: in.Op, Err: ErrPiece})
		return
	}
	n.done(in.Op, nil)
	n.picker.failed(&n.rng, piece, false)
	n.wasLeft = true
	for _, c := range n.conns {
		if c == nil || c.phase != talking {
			continue
		}
		if c.their.dontHave != 0 {
			n.extended(c, c.their.dontHave, wire.AppendDontHave(nil, uint32(piece)))
		}
		c.queue = slices.DeleteFunc(c.queue, func(b block) bool {
			if b.piece == piece {
				n.reject(c, b)
			}
			return b.piece == piece
		})
		if c.has.has(piece) {
			c.wants++
			n.showInterest(c)
		}
	}
	n.rebalance, n.reseat = true, true
}
