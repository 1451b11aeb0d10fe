package gnutella

import (
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// wish is a query, understood.
type wish struct {
	flags    wire.QueryFlags
	text     string
	hashes   []urn.SHA1
	wantsURN bool // in each result (GN-QY-15)

	keys    []qrp.Key // of the words
	hashKey []qrp.Key // of each hash
}

// browse is the text that asks for all that is shared (GN-QY-08).
const browse = "    "

// understand reads the text and the extensions of a query.
//
// GN-QY-10, GN-QY-15 to GN-QY-18.
func understand(q *wire.Query) wish {
	w := wish{flags: q.Flags, text: decoded(q.Text)}
	w.keys = qrp.Keys(nil, w.text)
	for rest := q.Extensions; len(rest) > 0; {
		var kind wire.ExtensionKind
		var part []byte
		kind, part, rest = wire.NextExtension(rest)
		switch kind {
		case wire.ExtensionURN:
			w.wantsURN = true
			if hash, err := urn.Parse(string(part)); err == nil {
				w.hashes = append(w.hashes, hash)
			}
		case wire.ExtensionGGEP:
			block, _, err := ggep.Parse(part)
			if e, ok := ggep.Find(block, "H"); err == nil && ok {
				if hash, ok := hashOfH(e.Data); ok {
					w.hashes = append(w.hashes, hash)
				}
			}
		}
	}
	for _, h := range w.hashes {
		w.hashKey = append(w.hashKey, qrp.KeyOf(h.String()))
	}
	return w
}

// mayBeIn says whether a host may have an answer, as far as its table tells. A nil
// table tells nothing; and of short words no table does.
//
// GN-UQ-01, GN-UQ-02.
func (w *wish) mayBeIn(t *qrp.Table) bool {
	switch {
	case t == nil:
		return true
	case slices.ContainsFunc(w.hashKey, t.Has):
		return true
	case len(w.keys) == 0:
		return len(words(w.text)) > 0
	}
	return t.Match(w.keys)
}

// What a neighbour may ask itself: people and their programs do not ask faster.
const (
	queryBurst = 32
	queryPace  = time.Second / 4
)

// inTime says whether one more keeps to a pace, of so many at once and one every so
// often, and counts it then. at is when all so far would have been in time.
func (n *Node) inTime(at *time.Duration, burst int, every time.Duration) bool {
	if *at > n.now+time.Duration(burst-1)*every {
		return false
	}
	*at = max(*at, n.now) + every
	return true
}

// gotQuery answers a query, and passes it on: at most once, whichever way it comes.
//
// GN-QY-01, GN-QY-02, GN-QY-05, GN-HD-17, GN-FC-01.
func (n *step) gotQuery(c *conn, d wire.Descriptor) (clause string, reason error) {
	key := seenKey{wire.TypeQuery, d.GUID}
	_, seen := n.seen.find(key)
	q, err := wire.ParseQuery(d.Payload)
	switch {
	case err != nil:
		return "GN-QY-01", err
	case len(d.Payload) > maxQuery:
		return "GN-QY-02", errSize
	case seen:
		return "GN-HD-17", errDuplicate
	case c.choked:
		return "GN-FC-01", errFlow
	case n.isMyLeaf(c) && !n.cfg.NoDynamic && !n.hasRoomFor(c):
		return "GN-QY-05", errBusy
	}
	isOwn := d.Hops == 0 || n.isMyLeaf(c) // a leaf relays for nobody
	if isOwn && !n.inTime(&c.paced, queryBurst, queryPace) {
		return "GN-QY-05", errBusy
	}
	n.seen.put(key, c.id, n.cfg.MaxSeen)
	w := understand(&q)
	answers := n.answer(c, &d, &w)
	n.toLeaves(c.id, d, &w)
	if n.isMyLeaf(c) {
		n.askFor(c, d, &w, answers)
		return "", nil
	}
	n.broadcast(c, d, &w)
	return "", nil
}

// toLeaves passes a query on to the leaves that may have an answer, even if it
// goes nowhere else: then with a TTL of 0.
//
// GN-UQ-01, GN-UQ-03.
func (n *step) toLeaves(from spec.Conn, d wire.Descriptor, w *wish) {
	if from != own {
		if d.TTL == 0 {
			return
		}
		d.TTL--
		d.Hops++
	}
	for _, leaf := range n.myLeaves(from) {
		if w.mayBeIn(leaf.routes.Table()) && d.Hops < leaf.hopsFlow {
			n.send(leaf, d)
		}
	}
}

// broadcast passes a query on to all equals; on its last hop to those alone whose
// tables have it.
//
// GN-QY-04, GN-UQ-04, GN-UQ-18.
func (n *step) broadcast(from *conn, d wire.Descriptor, w *wish) {
	out, ok := forwarded(d)
	if !ok {
		return
	}
	for _, c := range n.equals(from.id) {
		if n.relays(from, c) && wantsQuery(c, &out, w) {
			n.send(c, out)
		}
	}
}

// wantsQuery says whether a query is to be sent to an equal.
//
// GN-UQ-04, GN-VE-04.
func wantsQuery(c *conn, d *wire.Descriptor, w *wish) bool {
	return d.Hops < c.hopsFlow && (d.TTL > 1 || w.mayBeIn(c.routes.Table()))
}

// search executes Search.
//
// GN-QY-03, GN-QY-12, GN-QY-15, GN-QY-16, GN-UQ-24.
func (n *step) search(in Search) {
	ttl := in.TTL
	if ttl == 0 {
		ttl = uint8(n.cfg.QueryTTL)
	}
	dynamic := n.mode == Ultrapeer && !n.cfg.NoDynamic && in.Text != browse
	switch {
	case len(in.Text) > MaxText || strings.IndexByte(in.Text, 0) >= 0 || int(ttl) > n.cfg.MaxTTL:
		n.fail(in.Op, ErrTooLong)
		return
	case len(words(in.Text)) == 0 && in.SHA1 == (urn.SHA1{}) && in.Text != browse:
		n.fail(in.Op, ErrNoWords)
		return
	case len(n.equals(own)) == 0 && len(n.myLeaves(own)) == 0:
		n.fail(in.Op, ErrNotConnected)
		return
	case dynamic && len(n.dynamic) == n.cfg.MaxQueries:
		n.fail(in.Op, ErrTooMany)
		return
	}
	if in.Text == browse {
		ttl = 1
	}
	d := wire.Descriptor{GUID: n.oobGUID(), Type: wire.TypeQuery, TTL: ttl, Payload: n.payload(&in)}
	n.seen.put(seenKey{wire.TypeQuery, d.GUID}, own, n.cfg.MaxSeen)
	n.done(in.Op, Searching{d.GUID})
	if n.mode == Leaf {
		n.remember(d.GUID)
	}
	q, _ := wire.ParseQuery(d.Payload)
	w := understand(&q)
	n.toLeaves(own, d, &w)
	if dynamic {
		n.begun(own, d, wantedOwn)
		return
	}
	for _, c := range n.equals(own) {
		if wantsQuery(c, &d, &w) || in.Text == browse && d.Hops < c.hopsFlow {
			n.send(c, d)
		}
	}
}

// payload is that of a Search. Its text has no NUL.
func (n *Node) payload(in *Search) []byte {
	q := wire.Query{Flags: wire.QueryMarked, Text: []byte(in.Text), Extensions: []byte("urn:")}
	if n.mode == Leaf {
		q.Flags |= wire.QueryGuidance
	}
	if n.cfg.Firewalled {
		q.Flags |= wire.QueryFirewalled
	}
	if n.asksOutOfBand() {
		q.Flags |= wire.QueryOutOfBand
	}
	if in.SHA1 != (urn.SHA1{}) {
		q.Extensions = []byte(in.SHA1.String())
	}
	b, _ := q.Append(nil)
	return b
}

// hasRoomFor says whether another dynamic query of a leaf can be taken, which may
// have half of all.
func (n *Node) hasRoomFor(leaf *conn) bool {
	queries := 0
	for i := range n.dynamic {
		if n.dynamic[i].from == leaf.id {
			queries++
		}
	}
	return len(n.dynamic) < n.cfg.MaxQueries && queries < max(1, n.cfg.MaxQueries/2)
}
