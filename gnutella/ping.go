package gnutella

import (
	"bytes"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// cached is a pong that others may get to see.
type cached struct {
	addr    netip.AddrPort
	payload []byte // as it came, GGEP included (GN-PG-11)
	hops    uint8
	from    spec.Conn
	at      time.Duration
}

const (
	pongLife     = time.Minute // of the cache: twice the default of Config.Maintain
	pongThrottle = time.Second // between two answers of many pongs (GN-PG-06, GN-PG-07)
	pongSize     = 14          // bytes without GGEP
)

// ping asks a neighbour for its pong and those that it knows.
func (n *step) ping(c *conn) {
	d := wire.Descriptor{GUID: wire.NewGUID(&n.rng), Type: wire.TypePing, TTL: uint8(n.cfg.MaxTTL)}
	n.seen.put(seenKey{wire.TypePing, d.GUID}, own, n.cfg.MaxSeen)
	n.send(c, d)
}

// pingAll keeps connections and the cache alive.
func (n *step) pingAll() {
	for _, c := range n.conns {
		if c.phase == talking {
			n.ping(c)
		}
	}
}

// gotPing answers a ping: with the own pong, and with others if it may travel on.
// A flat servent passes it on, too; others answer from their cache instead.
//
// GN-PG-03 to GN-PG-08, GN-PG-15, GN-HD-17.
func (n *step) gotPing(c *conn, d wire.Descriptor) (clause string, reason error) {
	key := seenKey{wire.TypePing, d.GUID}
	if _, seen := n.seen.find(key); seen {
		return "GN-HD-17", errDuplicate
	}
	n.seen.put(key, c.id, n.cfg.MaxSeen)
	many := d.TTL > 1
	if many && c.ponged != never && n.now-c.ponged < pongThrottle {
		return "", nil
	}
	n.pong(c, &d, 0, n.ownPong())
	if !many {
		return "", nil
	}
	c.ponged = n.now
	switch {
	case n.mode == Flat:
		n.floodPing(c, d)
	case d.TTL == 2 && d.Hops == 0: // of a crawler
		for _, o := range n.conns {
			if o != c && o.phase == talking && o.listen.IsValid() && !c.isBeyond(o.listen) {
				p := wire.Pong{Addr: o.listen, Files: o.files, Kilobytes: o.kilobytes}
				n.pong(c, &d, 1, p.Append(nil))
			}
		}
	default:
		n.cachedPongs(c, &d)
	}
	return "", nil
}

func (n *step) floodPing(c *conn, d wire.Descriptor) {
	out, ok := forwarded(d)
	if !ok {
		return
	}
	for _, o := range n.equals(c.id) {
		q := out
		if !o.offers.has(offersGGEP) { // GN-PG-17
			q.Payload = nil
		}
		n.send(o, q)
	}
}

// pong answers a ping. A pong that had made hops before goes on with them, and
// with a TTL that its way may still have.
//
// GN-PG-05, GN-PG-12, GN-PG-17.
func (n *step) pong(c *conn, ping *wire.Descriptor, hops uint8, payload []byte) (sent bool) {
	ttl := ping.Hops + 1
	if hops > 0 {
		left := int(hopsOfPong) - int(hops)
		if left < 1 || left < int(ping.Hops) {
			return false
		}
		ttl = uint8(left)
	}
	if !c.offers.has(offersGGEP) {
		payload = payload[:pongSize]
	}
	n.send(c, wire.Descriptor{GUID: ping.GUID, Type: wire.TypePong, TTL: ttl, Hops: hops, Payload: payload})
	return true
}

// hopsOfPong is how far a cached pong may get in all (GN-PG-12).
const hopsOfPong = 7

func (n *step) cachedPongs(c *conn, ping *wire.Descriptor) {
	left := pongsPerAnswer - 1
	for i := len(n.pongs) - 1; i >= 0 && left > 0; i-- {
		p := &n.pongs[i]
		if p.from == c.id || n.now-p.at > pongLife || c.isBeyond(p.addr) {
			continue
		}
		if n.pong(c, ping, p.hops+1, p.payload) {
			left--
		}
	}
}

// ownPong tells of the servent. An ultrapeer rounds its kilobytes up to the power
// of two that marks it; who cannot be reached has port 0.
//
// GN-PG-02, GN-PG-09, GN-PG-10, GN-PG-14.
func (n *Node) ownPong() []byte {
	kilobytes := n.cfg.Library.kilobytes
	if n.mode == Ultrapeer {
		kilobytes = 1 << min(31, bits.Len32(max(kilobytes, 8)-1))
	}
	addr := n.cfg.Addr
	if n.cfg.Firewalled {
		addr = netip.AddrPortFrom(addr.Addr(), 0)
	}
	p := wire.Pong{Addr: addr, Files: uint32(len(n.cfg.Library.files)), Kilobytes: kilobytes}
	return p.Append(nil)
}

// gotPong caches a pong, and passes it on where its ping came from.
//
// GN-PG-13 to GN-PG-15, GN-PG-18.
func (n *step) gotPong(c *conn, d wire.Descriptor) (clause string, reason error) {
	from, known := n.seen.find(seenKey{wire.TypePing, d.GUID})
	p, err := wire.ParsePong(d.Payload)
	switch {
	case err != nil:
		return "GN-PG-02", err
	case !known:
		return "GN-PG-13", errNoRoute
	case from == c.id:
		return "GN-PG-13", errBack
	}
	to := n.find(from)
	out, ok := forwarded(d)
	switch {
	case from != own && to == nil:
		return "GN-PG-13", errNoRoute
	case from != own && !ok:
		return "GN-HD-07", errTTL
	}
	if d.Hops == 0 {
		c.files, c.kilobytes = p.Files, p.Kilobytes
	}
	if p.Addr.Port() == 0 {
		return "", nil
	}
	n.keepPong(c, &d, &p)
	if c.mode != Leaf || d.Hops > 0 { // a leaf takes nobody
		n.hear(c, p.Addr, p.Ultrapeer())
	}
	if from != own && !to.isBeyond(p.Addr) {
		if !to.offers.has(offersGGEP) {
			out.Payload = bytes.Clone(out.Payload[:pongSize])
		}
		n.send(to, out)
	}
	return "", nil
}

// keepPong puts a pong at the end of the cache, in place of an older one of the
// same host or of the oldest.
func (n *Node) keepPong(c *conn, d *wire.Descriptor, p *wire.Pong) {
	payload := d.Payload
	whole := len(p.GGEP) <= maxKeptGGEP
	if whole {
		_, size, err := ggep.Parse(p.GGEP)
		whole = err == nil && size == len(p.GGEP)
	}
	if !whole {
		payload = bytes.Clone(payload[:pongSize])
	}
	n.pongs = slices.DeleteFunc(n.pongs, func(k cached) bool { return k.addr == p.Addr })
	if len(n.pongs) == n.cfg.MaxPongs {
		n.pongs = slices.Delete(n.pongs, 0, 1)
	}
	n.pongs = append(n.pongs, cached{p.Addr, payload, d.Hops, c.id, n.now})
}
