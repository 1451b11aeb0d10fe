package gnutella

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// The vendor messages that are understood, by their vendors.
const (
	bear          = "BEAR"
	hopsFlow      = 4  // the sender wants queries that have made fewer hops (GN-VE-04)
	statusRequest = 11 // how many hits has the query got? (GN-UQ-24)
	statusReply   = 12

	lime         = "LIME"
	claimHits    = 11 // so many are wanted out of band (GN-VE-06)
	offerHits    = 12 // so many files are found
	proxyRequest = 21 // take pushes by HTTP for the leaf of this servent id (GN-VE-08)
	proxyReply   = 22 // at this address
)

// wantsAll is the hops flow of who has said nothing: no query has made more hops.
const wantsAll = 0xff

const (
	guidanceWait = 10 * time.Second // for a reply (GN-UQ-24)
	enough       = 0xffff           // the reply of a leaf that wants no more
)

// searching is a query of a leaf itself, for which it guides its ultrapeers.
type searching struct {
	guid wire.GUID
	hits int32 // results that came
}

// supported is the list of the vendor messages that are understood.
//
// GN-VE-03.
func (n *Node) supported() []byte {
	messages := []wire.VendorMessage{
		vendorMessage(bear, hopsFlow, 1, nil), vendorMessage(bear, statusRequest, 1, nil),
		vendorMessage(bear, statusReply, 1, nil), vendorMessage(lime, proxyRequest, 1, nil),
		vendorMessage(lime, proxyReply, 2, nil),
	}
	if n.cfg.OutOfBand {
		messages = append(messages,
			vendorMessage(lime, claimHits, secured, nil), vendorMessage(lime, offerHits, secured, nil))
	}
	list := binary.LittleEndian.AppendUint16(nil, uint16(len(messages)))
	for _, m := range messages {
		list = m.Append(list) // without data it is what an entry is
	}
	return (&wire.VendorMessage{Data: list}).Append(nil)
}

func vendorMessage(vendor string, selector, version uint16, data []byte) wire.VendorMessage {
	return wire.VendorMessage{Vendor: [4]byte([]byte(vendor)), Selector: selector, Version: version, Data: data}
}

// gotVendor takes what is understood; the rest is dropped.
//
// GN-VE-01, GN-VE-02, GN-VE-04, GN-VE-08, GN-UQ-24.
func (n *step) gotVendor(c *conn, d wire.Descriptor) (clause string, reason error) {
	v, err := wire.ParseVendorMessage(d.Payload)
	switch vendor := string(v.Vendor[:]); {
	case err != nil:
		return "GN-VE-01", err
	case !isNeighbours(&d):
		return "GN-VE-02", errTTL
	case v.Vendor == [4]byte{} && v.Selector == 0: // what the other understands; nothing follows
		return "", nil
	case vendor == bear && v.Selector == hopsFlow && len(v.Data) == 1:
		c.hopsFlow = v.Data[0]
		return "", nil
	case vendor == bear && v.Selector == statusRequest && n.mode == Leaf && c.mode == Ultrapeer:
		n.guide(c, d.GUID)
		return "", nil
	case vendor == bear && v.Selector == statusReply && len(v.Data) == 2:
		return n.guided(c, d.GUID, binary.LittleEndian.Uint16(v.Data))
	case vendor == lime && v.Selector == proxyRequest && n.isMyLeaf(c):
		n.standFor(c, d.GUID)
		return "", nil
	case vendor == lime && v.Selector == proxyReply && n.wantsProxy(c):
		return n.gotProxy(c, v.Data)
	}
	return "GN-VE-02", errType
}

// remember begins to count the hits of a leaf's own query. The oldest makes room.
func (n *Node) remember(guid wire.GUID) {
	if len(n.searches) == n.cfg.MaxQueries {
		n.searches = slices.Delete(n.searches, 0, 1)
	}
	n.searches = append(n.searches, searching{guid: guid})
}

func (n *Node) countHits(guid wire.GUID, results uint8) {
	for i := range n.searches {
		if s := &n.searches[i]; s.guid == guid {
			s.hits = min(s.hits+int32(results), enough-1)
		}
	}
}

// guide tells an ultrapeer how many hits a query has got; of one that is forgotten
// it wants no more.
//
// GN-UQ-24.
func (n *step) guide(c *conn, guid wire.GUID) {
	hits := uint16(enough)
	if i := slices.IndexFunc(n.searches, func(s searching) bool { return s.guid == guid }); i >= 0 {
		hits = uint16(n.searches[i].hits)
	}
	n.tell(c, guid, vendorMessage(bear, statusReply, 1, binary.LittleEndian.AppendUint16(nil, hits)))
}

// guided goes on with a dynamic query, or ends it, as its leaf says: who wants no
// more gives a number that no query wants.
//
// GN-UQ-24.
func (n *step) guided(c *conn, guid wire.GUID, hits uint16) (clause string, reason error) {
	i := slices.IndexFunc(n.dynamic, func(d dynamic) bool { return d.guid == guid && d.from == c.id && d.waits })
	if i < 0 {
		return "GN-UQ-24", errNoRoute
	}
	n.dynamic[i].results, n.dynamic[i].waits = int32(hits), false
	n.advance(i)
	return "", nil
}

// tell sends a vendor message.
func (n *step) tell(c *conn, guid wire.GUID, v wire.VendorMessage) {
	n.send(c, wire.Descriptor{GUID: guid, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)})
}

// askLeaf asks the leaf of a dynamic query for its hits, if it has offered to say.
func (n *step) askLeaf(d *dynamic, leaf *conn) {
	d.waits, d.at = true, n.now+guidanceWait
	n.tell(leaf, d.guid, vendorMessage(bear, statusRequest, 1, nil))
}
