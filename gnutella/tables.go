package gnutella

import (
	"crypto/sha256"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// merged is the table of an ultrapeer and its leaves as its neighbours have it.
type merged struct {
	table  *qrp.Table // nil until somebody was told; replaced, never changed
	digest [32]byte   // a hash of all updates that it was made of
	dirty  bool       // a leaf's table has changed since
}

// byeBadTable is the code that gtk-gnutella gives for a broken table; the
// documents have none (GN-BY-08).
const byeBadTable = 413

// How often a neighbour may begin a new table, which costs memory and time: servents
// do when they connect, and every ten seconds or minutes when something has changed.
const (
	resetBurst = 32
	resetPace  = 2 * time.Second
)

// gotTable takes a part of a neighbour's table.
//
// GN-UQ-08 to GN-UQ-12.
func (n *step) gotTable(c *conn, d wire.Descriptor) (clause string, reason error) {
	switch {
	case !isNeighbours(&d):
		return "GN-UQ-08", errTTL
	case n.mode != Ultrapeer || c.mode == Flat:
		return "GN-UQ-08", errTable
	}
	m, err := qrp.Parse(d.Payload)
	if _, isReset := m.(qrp.Reset); isReset && !n.inTime(&c.reset, resetBurst, resetPace) {
		err = errTables
	}
	if err == nil {
		err = c.routes.Take(m)
	}
	if err != nil {
		n.bye(c, byeBadTable, "Broken query routing table")
		return "GN-UQ-10", err
	}
	c.taken = sha256.Sum256(append(c.taken[:], d.Payload...))
	n.table.dirty = n.table.dirty || n.isMyLeaf(c)
	return "", nil
}

// ownTable is what the servent can answer, with its leaves.
//
// GN-UQ-05, GN-UQ-07.
func (n *Node) ownTable() *qrp.Table {
	t, err := qrp.NewTable(uint32(n.cfg.QRPSlots), qrp.DefaultInfinity)
	if err != nil {
		panic("gnutella: " + err.Error()) // Config was checked
	}
	n.cfg.Library.AddTo(t)
	for _, leaf := range n.myLeaves(own) {
		if has := leaf.routes.Table(); has != nil {
			t.Merge(has)
		}
	}
	return t
}

// tellTable sends the whole table to a new neighbour that wants it.
//
// GN-UQ-02, GN-HS-34, GN-HS-35.
func (n *step) tellTable(c *conn) {
	switch {
	case c.mode != Ultrapeer || n.mode == Flat:
	case n.mode == Leaf && c.offers.has(offersRouting):
		n.sendTable(c, mustUpdate(n.ownTable(), nil, qrp.Shape{}))
	case n.mode == Ultrapeer && c.offers.has(offersUltraRouting):
		if n.table.table == nil {
			n.replaceTable(n.ownTable())
		}
		c.told = true
		n.sendTable(c, mustUpdate(n.table.table, nil, qrp.Shape{}))
	}
}

// refreshTables tells the neighbours what has changed, from time to time.
//
// GN-UQ-17.
func (n *step) refreshTables() {
	if n.mode != Ultrapeer || n.table.table == nil || !n.table.dirty {
		return
	}
	had, has := n.table.table, n.ownTable()
	for _, c := range n.conns {
		if c.phase == talking && c.told {
			n.sendTable(c, mustUpdate(has, had, qrp.Shape{}))
		}
	}
	n.replaceTable(has)
}

func (n *Node) replaceTable(t *qrp.Table) {
	b := n.table.digest[:]
	for _, m := range mustUpdate(t, n.table.table, qrp.Shape{Plain: true}) {
		b = qrp.Append(b, m)
	}
	n.table = merged{table: t, digest: sha256.Sum256(b)}
}

// mustUpdate are the messages that lead from one table to another. It relies on
// infinities that leave differences small enough for any shape. Entries of one bit
// would be smaller, for who says X-Query-Routing: 0.2; but gtk-gnutella 1.2.3, which
// says it, spoils its table by them.
//
// GN-UQ-06, GN-UQ-13.
func mustUpdate(t, had *qrp.Table, shape qrp.Shape) []qrp.Message {
	list, err := t.Update(had, shape)
	if err != nil {
		panic("gnutella: " + err.Error())
	}
	return list
}

// sendTable writes past the queue: the order of the parts matters.
func (n *step) sendTable(c *conn, list []qrp.Message) {
	for _, m := range list {
		n.write(c, wire.Descriptor{
			GUID: wire.NewGUID(&n.rng), Type: wire.TypeQRP, TTL: 1, Payload: qrp.Append(nil, m),
		})
	}
}
