package gnutella

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// got takes one message of a stream.
func (n *step) got(in spec.Got) {
	c := n.find(in.Conn)
	if c == nil {
		return
	}
	switch m := in.Msg.(type) {
	case wire.Connect:
		n.gotConnect(c, m)
	case wire.Status:
		n.gotStatus(c, m)
	case wire.Descriptor:
		n.gotDescriptor(c, m)
	default:
		panic(fmt.Sprintf("gnutella: unknown message %T", in.Msg))
	}
}

// gotDescriptor holds a descriptor to the rules for all, and hands it to that of
// its type. What is refused leaves no trace, not even a sign of life.
func (n *step) gotDescriptor(c *conn, d wire.Descriptor) {
	relayed := d.Type == wire.TypeQueryHit || d.Type == wire.TypePush
	switch {
	case c.phase == leaving && !relayed: // GN-BY-07
		return
	case c.phase != talking && c.phase != leaving:
		n.refuse(c, "GN-HS-04", errOrder)
		n.close(c, 0)
		return
	}
	clause, reason := n.limits(&d)
	if reason == nil {
		d.Payload = bytes.Clone(d.Payload) // it may be kept, and be a part of effects
		clause, reason = n.dispatch(c, d)
	}
	if reason != nil {
		n.refuse(c, clause, reason)
		return
	}
	c.heard = n.now
}

// limits refuses TTL and hops that no rule allows, and lowers a TTL above the
// servent's maximum.
//
// GN-HD-10 to GN-HD-13.
func (n *Node) limits(d *wire.Descriptor) (clause string, reason error) {
	broadcast := d.Type == wire.TypePing || d.Type == wire.TypeQuery
	switch {
	case d.TTL == 0 && d.Hops == 0:
		return "GN-HD-12", errTTL
	case broadcast && d.TTL > topTTL:
		return "GN-HD-11", errTTL
	case d.Hops == 0xff:
		return "GN-HD-10", errTTL
	}
	if broadcast {
		d.TTL = uint8(min(int(d.TTL), max(0, n.cfg.MaxTTL-int(d.Hops))))
	}
	return "", nil
}

func (n *step) dispatch(c *conn, d wire.Descriptor) (clause string, reason error) {
	switch d.Type {
	case wire.TypePing:
		return n.gotPing(c, d)
	case wire.TypePong:
		return n.gotPong(c, d)
	case wire.TypeQuery:
		return n.gotQuery(c, d)
	case wire.TypeQueryHit:
		return n.gotHit(c, d)
	case wire.TypePush:
		return n.gotPush(c, d)
	case wire.TypeQRP:
		return n.gotTable(c, d)
	case wire.TypeBye:
		return n.gotBye(c, d)
	case wire.TypeVendor, wire.TypeStandardVendor:
		return n.gotVendor(c, d)
	}
	return "GN-HD-16", fmt.Errorf("%w: %v", errType, d.Type)
}

// forwarded is a descriptor as it is passed on; ok is false where it may not be.
//
// GN-HD-07, GN-HD-08, GN-HD-09.
func forwarded(d wire.Descriptor) (out wire.Descriptor, ok bool) {
	if d.TTL <= 1 {
		return d, false
	}
	d.TTL--
	d.Hops++
	return d, true
}

// isNeighbours says whether a descriptor is one between neighbours, which travels
// no further.
func isNeighbours(d *wire.Descriptor) bool { return d.TTL == 1 && d.Hops == 0 }

// gotBye closes at once, without a word.
//
// GN-BY-04, GN-BY-05.
func (n *step) gotBye(c *conn, d wire.Descriptor) (clause string, reason error) {
	if !isNeighbours(&d) {
		return "GN-BY-04", errTTL
	}
	y, err := wire.ParseBye(d.Payload)
	if err != nil {
		return "GN-BY-01", err
	}
	n.close(c, y.Code)
	return "", nil
}

// gotHit passes a hit on where its query came from, or hands it to the
// application.
//
// GN-QH-05, GN-QH-06, GN-QH-12.
func (n *step) gotHit(c *conn, d wire.Descriptor) (clause string, reason error) {
	from, known := n.seen.find(seenKey{wire.TypeQuery, d.GUID})
	h, err := wire.ParseQueryHit(d.Payload)
	switch {
	case err != nil:
		return "GN-QH-01", err
	case h.Count == 0 && h.Trailer == nil:
		return "GN-QH-12", errEmpty
	case !known:
		return "GN-QH-05", errNoRoute
	case from == c.id:
		return "GN-QH-05", errBack
	}
	to := n.find(from)
	out, ok := forwarded(d)
	switch {
	case from != own && to == nil:
		return "GN-QH-05", errNoRoute
	case from != own && !ok:
		return "GN-HD-07", errTTL
	case from != own && int(size(&out)) > max(maxHit, n.cfg.QueueBytes/4):
		return "GN-QH-11", errSize
	}
	n.servents.put(seenKey{wire.TypePush, h.ServentID}, c.id, n.cfg.MaxSeen)
	for i := range n.dynamic {
		if n.dynamic[i].guid == d.GUID {
			n.dynamic[i].results += int32(h.Count)
		}
	}
	if from != own {
		n.send(to, out)
		return "", nil
	}
	n.countHits(d.GUID, h.Count)
	n.notify(hitEvent(&d, &h))
	return "", nil
}

// gotPush acts on a push for the servent itself, and passes another on where hits
// of its servent came from.
//
// GN-PU-02, GN-PU-03, GN-PU-05.
func (n *step) gotPush(c *conn, d wire.Descriptor) (clause string, reason error) {
	p, err := wire.ParsePush(d.Payload)
	key := seenKey{wire.TypePush, d.GUID}
	if _, seen := n.seen.find(key); err != nil || seen {
		if err == nil {
			return "GN-PU-05", errDuplicate
		}
		return "GN-PU-01", err
	}
	if p.ServentID == n.id {
		if p.Addr.Port() == 0 || p.Addr == n.cfg.Addr || isGroup(p.Addr.Addr()) || c.isBeyond(p.Addr) {
			return "GN-PU-01", errAddr
		}
		n.seen.put(key, c.id, n.cfg.MaxSeen)
		f, _ := n.cfg.Library.File(p.Index)
		n.notify(PushRequested{p.Addr, p.ServentID, p.Index, f.Name})
		return "", nil
	}
	from, _ := n.servents.find(seenKey{wire.TypePush, p.ServentID})
	to := n.find(from)
	out, ok := forwarded(d)
	switch {
	case to == nil:
		return "GN-PU-03", errNoRoute
	case to == c:
		return "GN-PU-03", errBack
	case !ok:
		return "GN-HD-07", errTTL
	}
	if len(p.GGEP) > 0 && !to.offers.has(offersGGEP) { // GN-PG-17
		out.Payload = bytes.Clone(out.Payload[:len(out.Payload)-len(p.GGEP)])
	}
	n.seen.put(key, c.id, n.cfg.MaxSeen)
	n.send(to, out)
	return "", nil
}

// push executes Push. The GUID is new, not that of the hit.
//
// GN-PU-04.
func (n *step) push(in Push) {
	from, _ := n.servents.find(seenKey{wire.TypePush, in.ServentID})
	to := n.find(from)
	switch {
	case n.cfg.Firewalled:
		n.fail(in.Op, ErrFirewalled)
		return
	case to == nil || to.phase != talking:
		n.fail(in.Op, ErrNoRoute)
		return
	}
	p := wire.Push{ServentID: in.ServentID, Index: in.Index, Addr: n.cfg.Addr}
	d := wire.Descriptor{
		GUID: wire.NewGUID(&n.rng), Type: wire.TypePush, TTL: uint8(n.cfg.MaxTTL), Payload: p.Append(nil),
	}
	n.seen.put(seenKey{wire.TypePush, d.GUID}, own, n.cfg.MaxSeen)
	n.send(to, d)
	n.done(in.Op, nil)
}

// equals are the connections, but one, with hosts that queries are passed on to:
// all but the servent's leaves.
func (n *Node) equals(but spec.Conn) (list []*conn) {
	for _, c := range n.conns {
		if c.phase == talking && c.id != but && !n.isMyLeaf(c) {
			list = append(list, c)
		}
	}
	return list
}

// myLeaves are the leaves that are connected, but one.
func (n *Node) myLeaves(but spec.Conn) (list []*conn) {
	for _, c := range n.conns {
		if c.phase == talking && c.id != but && n.isMyLeaf(c) {
			list = append(list, c)
		}
	}
	return list
}

// relays says whether what came by a connection goes on to another: leaves never
// relay for an ultrapeer.
//
// GN-UQ-01, GN-HS-31.
func (n *Node) relays(from, to *conn) bool {
	return n.mode != Leaf || from.mode != Ultrapeer && to.mode != Ultrapeer
}

// isIn says whether a connection is in a list.
func isIn(list []spec.Conn, c *conn) bool { return slices.Contains(list, c.id) }

var (
	errTable  = errors.New("gnutella: no query routing table is taken of this host")
	errTables = errors.New("gnutella: too many query routing tables in a short time")
)
