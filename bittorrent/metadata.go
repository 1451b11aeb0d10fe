package bittorrent

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

const (
	// metadataPipeline is how many blocks of metadata one peer is asked for at
	// a time: enough for a round trip of each 16 KiB, few for flood protection.
	metadataPipeline = 4

	// metadataTimeout is when a block is asked of another peer.
	metadataTimeout = 10 * time.Second

	// metadataPause is how long a peer is left alone that refused, or did not
	// answer. BEP09-META-011
	metadataPause = 30 * time.Second

	// maxMetadataServed bounds, for each connection, the requests that are
	// answered with data: each block of the longest dictionary, three times.
	// BEP09-META-012
	maxMetadataServed = 3 * MaxMetadata / wire.MetadataBlock
)

// dictionary is the metadata while it is fetched. All blocks are asked of
// peers who name the same size: a wrong one costs an attempt, and no memory
// but for the blocks that came. BEP09-META-010
type dictionary struct {
	size   int64         // that of the attempt; 0: there is none
	alone  spec.Conn     // the only peer that is asked; 0: all are
	single bool          // the next attempt asks one peer, so that it can be blamed
	blocks [][]byte      // nil: missing
	from   []spec.Conn   // who sent some, each once
	asks   []metadataAsk // unanswered
}

type metadataAsk struct {
	conn  spec.Conn
	index int32
	at    time.Duration
}

// pursue asks for metadata while it is missing.
func (n *step) pursue() {
	if n.layout.Pieces > 0 || n.spoilt {
		return
	}
	if n.meta.size == 0 || !n.hasSource() && len(n.meta.asks) == 0 {
		n.attempt()
	}
	for _, c := range n.conns {
		if c == nil || !n.isSource(c) {
			continue
		}
		for asked := n.meta.askedOf(c.id); asked < metadataPipeline; asked++ {
			index := n.meta.next()
			if index < 0 {
				return
			}
			n.meta.asks = append(n.meta.asks, metadataAsk{c.id, index, n.now})
			n.metadata(c, wire.Metadata{Type: wire.MetadataRequest, Piece: index})
		}
	}
}

// attempt begins anew, with the size that the peer names who failed least.
func (n *step) attempt() {
	var best *conn
	for _, c := range n.conns {
		if c != nil && n.couldSend(c) && (best == nil || c.metaFails < best.metaFails) {
			best = c
		}
	}
	single := n.meta.single
	n.meta = dictionary{single: single}
	if best == nil {
		return
	}
	n.meta.size = best.their.metadataSize
	n.meta.blocks = make([][]byte, (n.meta.size+wire.MetadataBlock-1)/wire.MetadataBlock)
	if single {
		n.meta.alone = best.id
	}
}

// couldSend says whether a peer is worth asking at all.
func (n *Node) couldSend(c *conn) bool {
	return c.phase == talking && c.their.metadata != 0 && c.their.metadataSize > 0 && c.metaRest <= n.now
}

// isSource says whether a peer takes part in the attempt.
func (n *Node) isSource(c *conn) bool {
	return n.couldSend(c) && c.their.metadataSize == n.meta.size &&
		(n.meta.alone == 0 || n.meta.alone == c.id)
}

func (n *Node) hasSource() bool {
	return slices.ContainsFunc(n.conns, func(c *conn) bool { return c != nil && n.isSource(c) })
}

func (d *dictionary) askedOf(id spec.Conn) (count int) {
	for _, a := range d.asks {
		if a.conn == id {
			count++
		}
	}
	return count
}

// next is a block that is missing and not asked for, or -1.
func (d *dictionary) next() int32 {
	for i := range d.blocks {
		if d.blocks[i] == nil &&
			!slices.ContainsFunc(d.asks, func(a metadataAsk) bool { return int(a.index) == i }) {
			return int32(i)
		}
	}
	return -1
}

// metadata writes one message of ut_metadata. BEP09-META-013
func (n *step) metadata(c *conn, m wire.Metadata) {
	n.extended(c, c.their.metadata, m.Append(nil))
}

// gotMetadata takes a request, a block or a refusal. BEP09-META-007
func (n *step) gotMetadata(c *conn, payload []byte) error {
	m, err := wire.ParseMetadata(payload)
	if err != nil {
		return err
	}
	switch m.Type {
	case wire.MetadataRequest:
		n.serveMetadata(c, m.Piece)
	case wire.MetadataData:
		return n.gotMetadataBlock(c, m)
	case wire.MetadataReject: // BEP09-META-011
		if n.meta.answered(c.id, m.Piece) {
			c.metaRest = n.now + metadataPause
			n.pursue()
		}
	}
	return nil
}

// serveMetadata answers a request with a block, or a refusal.
// BEP09-META-002 to BEP09-META-006, BEP09-META-012
func (n *step) serveMetadata(c *conn, index int32) {
	if c.their.metadata == 0 {
		return
	}
	begin := int64(index) * wire.MetadataBlock
	if begin >= int64(len(n.raw)) || c.metaServed >= maxMetadataServed || c.unread > maxUnread {
		n.metadata(c, wire.Metadata{Type: wire.MetadataReject, Piece: index})
		return
	}
	c.metaServed++
	n.metadata(c, wire.Metadata{
		Type: wire.MetadataData, Piece: index, TotalSize: int64(len(n.raw)),
		Data: n.raw[begin:min(begin+wire.MetadataBlock, int64(len(n.raw)))],
	})
}

// answered takes out a request. It is false for one that was not made.
func (d *dictionary) answered(id spec.Conn, index int32) bool {
	i := slices.IndexFunc(d.asks, func(a metadataAsk) bool { return a.conn == id && a.index == index })
	if i >= 0 {
		d.asks = slices.Delete(d.asks, i, i+1)
	}
	return i >= 0
}

// gotMetadataBlock takes a block that was asked for. total_size is not looked
// at: some send the block's length in it. BEP09-META-003
func (n *step) gotMetadataBlock(c *conn, m wire.Metadata) error {
	d := &n.meta
	if !slices.ContainsFunc(d.asks, func(a metadataAsk) bool { return a.conn == c.id && a.index == m.Piece }) {
		return &wire.Error{Clause: "BEP09-META-003", What: fmt.Sprintf("block %d was not asked for", m.Piece)}
	}
	d.answered(c.id, m.Piece)
	want := min(d.size-int64(m.Piece)*wire.MetadataBlock, wire.MetadataBlock)
	if int64(len(m.Data)) != want { // BEP09-META-002
		c.metaRest = n.now + metadataPause
		c.metaFails++
		n.pursue()
		return nil
	}
	d.blocks[m.Piece] = slices.Clone(m.Data)
	if !slices.Contains(d.from, c.id) {
		d.from = append(d.from, c.id)
	}
	if slices.ContainsFunc(d.blocks, func(b []byte) bool { return b == nil }) {
		n.pursue()
		return nil
	}
	n.assemble()
	return nil
}

// assemble holds the dictionary to its hash. Of a wrong one a sole sender is
// guilty; if there were several, one is asked alone the next time.
// BEP09-META-008
func (n *step) assemble() {
	raw := slices.Concat(n.meta.blocks...)
	if !n.isMetadata(raw) {
		from := n.meta.from
		n.meta = dictionary{single: true}
		for _, id := range from {
			c := n.connOf(id)
			if c == nil {
				continue
			}
			c.metaFails++
			if len(from) == 1 {
				n.refuse(c, "BEP09-META-008", errMetadata)
				n.ban(contributor(c.remote), errMetadata)
			}
		}
		n.pursue()
		return
	}
	n.meta = dictionary{}
	info, err := metainfo.ParseInfo(raw, metainfo.Options{Lenient: true})
	if err != nil {
		n.spoilt = true
		n.notify(MetadataBad{err})
		return
	}
	n.learnTorrent(info)
}

// isMetadata says whether a dictionary is the one that was asked for: of
// version 2 its whole hash counts, where it is known. BEP52-META-008
func (n *Node) isMetadata(raw []byte) bool {
	if n.cfg.InfoHashV2 != ([32]byte{}) {
		return sha256.Sum256(raw) == n.cfg.InfoHashV2
	}
	v2 := sha256.Sum256(raw)
	return sha1.Sum(raw) == n.cfg.InfoHash || [20]byte(v2[:]) == n.cfg.InfoHash
}

// learnTorrent begins the download when the metadata is there. What peers said
// of their pieces before counts now. BEP27-PRIV-006
func (n *step) learnTorrent(info *metainfo.Info) {
	n.begin(LayoutOf(info))
	n.info, n.raw = info, info.Raw()
	n.lackHashes()
	n.notify(MetadataReceived{Info: n.raw, Private: info.Private})
	if info.Private {
		n.dropStrangers()
	}
	for _, c := range slices.Clone(n.conns) {
		if c == nil || c.phase != talking {
			continue
		}
		if n.recall(c); c.phase == talking && c.ext {
			n.introduce(c)
		}
	}
	n.lapseHashes()
	n.rebalance = true
}

// early is what a peer said of its pieces while their number was not known.
type early struct {
	all    bool
	field  []byte // of a bitfield message; nil: none came
	pieces []int32
}

// recall takes what a peer said before the metadata was known.
func (n *step) recall(c *conn) {
	said := c.early
	c.early = early{}
	c.has = newBitfield(n.layout.Pieces)
	switch {
	case said.all:
		n.gotPieces(c, &wire.Message{Type: wire.HaveAll})
	case said.field != nil:
		n.gotPieces(c, &wire.Message{Type: wire.Bitfield, Data: said.field})
	}
	for _, piece := range said.pieces {
		if c.phase == talking {
			n.gotHave(c, uint32(piece))
		}
	}
}

// lapseMetadata asks others for blocks that did not come.
func (n *step) lapseMetadata() {
	n.meta.asks = slices.DeleteFunc(n.meta.asks, func(a metadataAsk) bool {
		c := n.connOf(a.conn)
		late := n.now-a.at >= metadataTimeout
		if c != nil && late {
			c.metaRest = n.now + metadataPause
			c.metaFails++
		}
		return c == nil || late
	})
	n.pursue()
}
