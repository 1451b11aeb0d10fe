package bittorrent

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// The hashes of a torrent of version 2 are in its piece layers, which a magnet
// link does not lead to: peers are asked for them, file by file, and each
// answer is proved against the file's root. BEP 52 §hash request

const (
	// hashTimeout is when another peer is asked for hashes.
	hashTimeout = 10 * time.Second

	// hashPause is how long a peer is left alone that had none.
	hashPause = 30 * time.Second

	// hashShares is how often one connection may be served all piece layers.
	hashShares = 3
)

// layerFetch is the piece layer that is being fetched.
type layerFetch struct {
	file   int32         // in Info.Files; the first that lacks its layer
	hashes []byte        // of its layer, so far
	conn   spec.Conn     // who was asked for the next; 0: nobody
	at     time.Duration // when
}

// gotHashes takes a hash request, or an answer to the own one. Any other
// answer costs the connection. BEP52-PEER-006
func (n *step) gotHashes(c *conn, m *wire.Hashes) {
	switch {
	case m.Type == wire.HashRequest:
		n.serveHashes(c, m)
	case !n.lacking || n.fetch.conn != c.id || !sameRange(m, n.hashRequest()):
		n.drop(c, "BEP52-PEER-006", fmt.Errorf("%w: %v", errUnasked, m.Type))
	case m.Type == wire.HashReject:
		c.hashRest = n.now + hashPause
		n.askHashes()
	default:
		n.takeHashes(c, m)
	}
}

// serveHashes answers a request for hashes of a piece layer, and rejects any
// other. It is served while choked as well (BEP52-PEER-009).
// BEP52-PEER-002, BEP52-PEER-003, BEP52-PEER-005, BEP52-PEER-007
func (n *step) serveHashes(c *conn, m *wire.Hashes) {
	answer := *m
	answer.Type, answer.Hashes = wire.HashesMessage, n.prove(c, m)
	if answer.Hashes == nil {
		answer.Type = wire.HashReject
	}
	n.write(c, &answer)
	if c.unread > maxUnread {
		n.close(c)
	}
}

// prove returns the hashes that a request names, or nil.
func (n *Node) prove(c *conn, m *wire.Hashes) []byte {
	if n.info == nil || m.Check() != nil || m.Count > metainfo.AskHashes ||
		int(m.BaseLayer) != metainfo.PieceLayerOf(n.info.PieceLength) ||
		int64(c.hashesServed) > hashShares*(int64(n.layout.Pieces)+metainfo.AskHashes) {
		return nil
	}
	file := slices.IndexFunc(n.info.Files, func(f metainfo.File) bool { return f.PiecesRoot == m.PiecesRoot })
	if file < 0 || n.info.PieceLayer(file) == nil {
		return nil
	}
	r, height := rangeOf(m), metainfo.TreeHeight(n.info.Files[file].Length)
	joined := n.info.PieceLayer(file)
	layer := make([][32]byte, len(joined)/32)
	for i := range layer {
		layer[i] = [32]byte(joined[32*i:])
	}
	hashes, ok := r.Prove(layer, height)
	if !ok {
		return nil
	}
	c.hashesServed += int32(m.Count)
	var out []byte
	for i := range hashes {
		out = append(out, hashes[i][:]...)
	}
	return out
}

func rangeOf(m *wire.Hashes) metainfo.HashRange {
	return metainfo.HashRange{
		BaseLayer: int(m.BaseLayer), Index: int(m.Index), Length: int(m.Count), ProofLayers: int(m.ProofLayers),
	}
}

// sameRange compares what is asked for and what is answered.
func sameRange(a, b *wire.Hashes) bool {
	return a.PiecesRoot == b.PiecesRoot && a.BaseLayer == b.BaseLayer && a.Index == b.Index &&
		a.Count == b.Count && a.ProofLayers == b.ProofLayers
}

// lackHashes finds the first layer that is missing and without which pieces
// cannot be verified, those of version 1 being enough.
func (n *Node) lackHashes() {
	n.fetch, n.lacking = layerFetch{at: n.now}, false
	if n.info.HasV1 {
		return
	}
	for i := range n.info.Files {
		f := &n.info.Files[i]
		if f.Length > n.info.PieceLength && n.info.PieceLayer(i) == nil {
			n.fetch.file, n.lacking = int32(i), true
			return
		}
	}
}

// hashRequest is the next that is wanted, with a proof up to the file's root.
// BEP52-PEER-003
func (n *Node) hashRequest() *wire.Hashes {
	f := &n.info.Files[n.fetch.file]
	base, height := metainfo.PieceLayerOf(n.info.PieceLength), metainfo.TreeHeight(f.Length)
	return &wire.Hashes{
		Type: wire.HashRequest, PiecesRoot: f.PiecesRoot, BaseLayer: uint32(base),
		Index:       uint32(len(n.fetch.hashes) / 32),
		Count:       uint32(min(metainfo.AskHashes, 1<<(height-base))),
		ProofLayers: uint32(height - base - 1),
	}
}

// askHashes asks the first peer who did not lately fail to answer.
func (n *step) askHashes() {
	n.fetch.conn = 0
	for _, c := range n.conns {
		if c != nil && c.phase == talking && c.hashRest <= n.now {
			n.fetch.conn, n.fetch.at = c.id, n.now
			n.write(c, n.hashRequest())
			return
		}
	}
}

// lapseHashes asks another peer when one does not answer, or is gone.
func (n *step) lapseHashes() {
	if !n.lacking {
		return
	}
	c := n.connOf(n.fetch.conn)
	if c != nil && n.now-n.fetch.at < hashTimeout {
		return
	}
	if c != nil {
		c.hashRest = n.now + hashPause
	}
	n.askHashes()
}

// takeHashes holds an answer to the file's root. Who sends what does not lead
// there is banned.
func (n *step) takeHashes(c *conn, m *wire.Hashes) {
	f := &n.info.Files[n.fetch.file]
	hashes := make([][32]byte, len(m.Hashes)/32)
	for i := range hashes {
		hashes[i] = [32]byte(m.Hashes[32*i:])
	}
	if !rangeOf(m).Verify(f.PiecesRoot, metainfo.TreeHeight(f.Length), hashes) {
		n.refuse(c, "BEP52-PEER-005", errHashes)
		n.ban(contributor(c.remote), errHashes)
		n.askHashes()
		return
	}
	whole := 32 * int((f.Length+n.info.PieceLength-1)/n.info.PieceLength)
	n.fetch.hashes = append(n.fetch.hashes, m.Hashes[:min(32*int(m.Count), whole-len(n.fetch.hashes))]...)
	if len(n.fetch.hashes) < whole {
		n.askHashes()
		return
	}
	info, err := n.info.WithPieceLayer(f.PiecesRoot, n.fetch.hashes)
	if err != nil { // each part was proved
		panic("bittorrent: " + err.Error())
	}
	n.info = info
	if n.lackHashes(); n.lacking {
		n.askHashes()
		return
	}
	n.notify(LayersReceived{info})
	n.rebalance = true
}
