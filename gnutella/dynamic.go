package gnutella

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// dynamic is a query that an ultrapeer asks for a leaf or for itself: one
// neighbour after another, and no further than the results so far make necessary.
type dynamic struct {
	guid wire.GUID
	from spec.Conn // the leaf's, or own
	hops uint8     // that it has made

	sent    []spec.Conn   // who was asked
	results int32         // so far
	wanted  int32         // when to stop
	reached int32         // hosts, by estimation
	at      time.Duration // of the next step
	guided  bool          // the leaf says how many results it has (GN-UQ-24)
	waits   bool          // for that

	payload []byte
}

const (
	wantedOwn  = 150 // results of a query of the servent itself (GN-UQ-23)
	wantedLeaf = 50  // of a leaf's: it asks other ultrapeers, too

	horizon    = 200_000                 // hosts (GN-UQ-23): the lower of the two in the document
	probeLinks = 3                       // with TTL 2 (GN-UQ-20)
	probeHits  = 10                      // with TTL 1, of those whose tables have it
	probeWait  = 6 * time.Second         // GN-UQ-20
	hopWait    = 2400 * time.Millisecond // per hop, between two links (GN-UQ-22)
)

// askFor queries for a leaf, whose TTL counts for nothing.
//
// GN-UQ-18.
func (n *step) askFor(leaf *conn, d wire.Descriptor, w *wish, answers int32) {
	d.Hops++
	if !n.cfg.NoDynamic {
		n.begun(leaf.id, d, wantedLeaf)
		if last := len(n.dynamic) - 1; last >= 0 && n.dynamic[last].guid == d.GUID {
			n.dynamic[last].results += answers
			n.dynamic[last].guided = w.flags.Has(wire.QueryGuidance) && leaf.offers.has(offersVendor)
		}
		return
	}
	d.TTL = uint8(max(0, min(n.cfg.QueryTTL, n.cfg.MaxTTL-int(d.Hops))))
	for _, c := range n.equals(leaf.id) {
		if d.TTL > 0 && wantsQuery(c, &d, w) {
			n.send(c, d)
		}
	}
}

// begun starts a dynamic query with its probe.
func (n *step) begun(from spec.Conn, d wire.Descriptor, wanted int32) {
	n.dynamic = append(n.dynamic, dynamic{guid: d.GUID, from: from, hops: d.Hops, payload: d.Payload, wanted: wanted})
	n.advance(len(n.dynamic) - 1)
}

// advance takes the next step of a dynamic query, or ends it.
//
// GN-UQ-20, GN-UQ-22, GN-UQ-23, GN-UQ-24.
func (n *step) advance(i int) {
	d := &n.dynamic[i]
	q, _ := wire.ParseQuery(d.payload)
	w := understand(&q)
	links := slices.DeleteFunc(n.equals(d.from), func(c *conn) bool { return isIn(d.sent, c) })
	switch leaf := n.find(d.from); {
	case len(d.sent) == 0:
		d.at = n.now + probeWait
		n.probe(d, links, &w)
	case d.waits: // in vain
		d.at = never
	case d.guided && d.at <= n.now && leaf != nil && leaf.phase == talking:
		n.askLeaf(d, leaf)
	default:
		d.at = never
		n.askNext(d, links, &w)
	}
	if d.at == never || len(d.sent) == 0 {
		n.dynamic = slices.Delete(n.dynamic, i, i+1)
	}
}

// probe asks those whose tables have it, if they are some, and otherwise any few.
func (n *step) probe(d *dynamic, links []*conn, w *wish) {
	hits := slices.DeleteFunc(slices.Clone(links), func(c *conn) bool {
		return c.routes.Table() == nil || !w.mayBeIn(c.routes.Table())
	})
	if len(hits) >= probeLinks {
		for _, c := range hits[:min(len(hits), probeHits)] {
			n.ask(d, c, 1, w)
		}
		return
	}
	for _, c := range links[:min(len(links), probeLinks)] {
		n.ask(d, c, 2, w)
	}
}

// askNext asks one more neighbour. A query that ends leaves at as it is: never.
func (n *step) askNext(d *dynamic, links []*conn, w *wish) {
	for i, c := range links {
		if d.results >= d.wanted || d.reached >= horizon || len(d.sent) >= n.cfg.Peers {
			return
		}
		ttl := nextTTL(d, c, int32(len(links)-i), uint8(n.cfg.QueryTTL))
		if n.ask(d, c, ttl, w) {
			d.at = n.now + time.Duration(ttl)*hopWait
			return
		}
	}
}

// ask sends the query to a neighbour, unless it does not want it.
func (n *step) ask(d *dynamic, c *conn, ttl uint8, w *wish) bool {
	ttl = min(ttl, c.maxTTL, uint8(max(0, n.cfg.MaxTTL-int(d.hops)))) // GN-HD-10
	d.sent = append(d.sent, c.id)
	out := wire.Descriptor{GUID: d.guid, Type: wire.TypeQuery, TTL: ttl, Hops: d.hops, Payload: d.payload}
	if ttl == 0 || !wantsQuery(c, &out, w) {
		return false
	}
	d.reached = min(horizon, d.reached+hosts(c.degree, ttl))
	n.send(c, out)
	return true
}

// nextTTL is the least that reaches as many hosts as should have what is missing,
// if they answer as those before did: each of the links that are left its share.
//
// GN-UQ-21.
func nextTTL(d *dynamic, c *conn, links int32, limit uint8) uint8 {
	limit = max(1, min(limit, c.maxTTL))
	if d.results == 0 {
		return limit
	}
	need := int64(d.wanted-d.results) * int64(d.reached) / int64(d.results) / int64(links)
	for ttl := uint8(1); ttl < limit; ttl++ {
		if int64(hosts(c.degree, ttl)) >= need {
			return ttl
		}
	}
	return limit
}

// hosts is how many a query with a TTL reaches through a neighbour of that degree,
// if all have it and no two ways meet: 1, and degree-1 times as many at each hop.
// It stops at the horizon.
//
// GN-UQ-21.
func hosts(degree int32, ttl uint8) int32 {
	total, layer := int64(0), int64(1)
	for range ttl {
		if total += layer; total >= horizon {
			return horizon
		}
		layer *= int64(degree - 1)
	}
	return int32(total)
}
