package gnutella

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// offers are what a host said in its headers.
type offers uint16

const (
	offersGGEP         offers = 1 << iota // GN-HS-22
	offersBye                             // GN-HS-21
	offersVendor                          // GN-HS-23
	offersRouting                         // it understands query routing tables (GN-HS-34)
	offersUltraRouting                    // also between ultrapeers (GN-HS-35)
	offersDynamic                         // GN-HS-38
	offersInflate                         // it reads what is compressed (GN-HS-24)
	offersDeflate                         // it is going to compress
	needsLeaves                           // it wants an ultrapeer to become its leaf (GN-HS-32)
)

func (o offers) has(all offers) bool { return o&all == all }

const (
	defaultDegree = 6    // of who does not say: what servents without dynamic queries have
	maxDegree     = 1024 // that is believed
)

// greeting is the first step of a handshake.
//
// GN-HS-01, GN-HS-12.
func (n *Node) greeting(c *conn) spec.Message {
	if c.old {
		return wire.Connect{Version: wire.V04()}
	}
	return wire.Connect{Version: wire.V06(), Headers: n.headers(c)}
}

// headers introduce the servent.
//
// GN-HS-18, GN-HS-20 to GN-HS-23, GN-HS-28, GN-HS-29, GN-HS-34 to GN-HS-40.
func (n *Node) headers(c *conn) wire.Headers {
	h := wire.Headers{{Name: "User-Agent", Value: n.cfg.UserAgent}, {Name: "Pong-Caching", Value: "0.1"},
		{Name: "Bye-Packet", Value: "0.1"}, {Name: "GGEP", Value: "0.5"}, {Name: "Vendor-Message", Value: "0.1"},
		{Name: "Listen-IP", Value: n.cfg.Addr.String()}}
	if c.remote.IsValid() {
		h = append(h, wire.Header{Name: "Remote-IP", Value: c.remote.Addr().String()})
	}
	if n.cfg.Deflate {
		h = append(h, wire.Header{Name: "Accept-Encoding", Value: "deflate"})
	}
	switch n.mode {
	case Leaf:
		return append(h, wire.Header{Name: "X-Ultrapeer", Value: "False"}, wire.Header{Name: "X-Query-Routing", Value: "0.2"},
			wire.Header{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"})
	case Ultrapeer:
		h = append(h, wire.Header{Name: "X-Ultrapeer", Value: "True"}, wire.Header{Name: "X-Query-Routing", Value: "0.2"},
			wire.Header{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"},
			wire.Header{Name: "X-Max-TTL", Value: strconv.Itoa(n.cfg.QueryTTL)},
			wire.Header{Name: "X-Degree", Value: strconv.Itoa(n.cfg.Peers)})
		if !n.cfg.NoDynamic {
			h = append(h, wire.Header{Name: "X-Dynamic-Querying", Value: "0.1"})
		}
	}
	return h
}

// learnHeaders takes what the other says of itself.
func (n *Node) learnHeaders(c *conn, h wire.Headers) {
	for _, o := range []struct {
		name string
		flag offers
	}{
		{"GGEP", offersGGEP}, {"Bye-Packet", offersBye}, {"Vendor-Message", offersVendor},
		{"X-Query-Routing", offersRouting}, {"X-Ultrapeer-Query-Routing", offersUltraRouting},
		{"X-Dynamic-Querying", offersDynamic},
	} {
		if value, ok := h.Get(o.name); ok && value != "" {
			c.offers |= o.flag
		}
	}
	if h.Lists("Accept-Encoding", "deflate") {
		c.offers |= offersInflate
	}
	if h.Lists("Content-Encoding", "deflate") {
		c.offers |= offersDeflate
	}
	if h.Lists("X-Ultrapeer-Needed", "false") {
		c.offers |= needsLeaves
	}
	if agent, ok := h.Get("User-Agent"); ok {
		c.agent = strings.Clone(agent[:min(len(agent), maxUserAgent)])
	}
	c.maxTTL = uint8(number(h, "X-Max-TTL", int32(c.maxTTL), 1, int32(n.cfg.MaxTTL)))
	c.degree = number(h, "X-Degree", c.degree, 2, maxDegree)
	switch {
	case h.Lists("X-Ultrapeer", "true"): // GN-HS-09
		c.mode = Ultrapeer
	case h.Lists("X-Ultrapeer", "false"):
		c.mode = Leaf
	}
	n.learnAddresses(c, h)
}

// learnAddresses takes the other's own address and those that it recommends.
//
// GN-HS-17, GN-HS-33.
func (n *Node) learnAddresses(c *conn, h wire.Headers) {
	if text, ok := h.Get("Listen-IP"); ok {
		if a, err := netip.ParseAddrPort(text); err == nil && a.Addr().Is4() && a.Port() != 0 {
			c.listen = a
			if c.mode != Leaf { // which takes nobody
				n.hear(c, a, c.mode == Ultrapeer)
			}
		}
	}
	for _, name := range []string{"X-Try-Ultrapeers", "X-Try"} {
		list, _ := h.Get(name)
		for i, text := range strings.Split(list, ",") {
			if i == maxXTry {
				break
			}
			if a, err := netip.ParseAddrPort(strings.TrimSpace(text)); err == nil {
				n.hear(c, a, name == "X-Try-Ultrapeers")
			}
		}
	}
}

// number is the value of a header, within bounds.
func number(h wire.Headers, name string, otherwise, low, high int32) int32 {
	text, _ := h.Get(name)
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return otherwise
	}
	return min(max(int32(v), low), high)
}

// gotConnect answers the first step.
func (n *step) gotConnect(c *conn, m wire.Connect) {
	if c.phase != awaiting {
		n.refuse(c, "GN-HS-01", errOrder)
		n.close(c, 0)
		return
	}
	if m.Version.Old() {
		if n.objection(c) != "" {
			n.close(c, 0)
			return
		}
		n.emit(spec.Write{Conn: c.id, Msg: wire.Status{Old: true, Code: wire.Accepted, Phrase: "OK"}}) // GN-HS-11
		n.begin(c)
		return
	}
	n.learnHeaders(c, m.Headers)
	if why := n.objection(c); why != "" {
		n.emit(spec.Write{Conn: c.id, Msg: wire.Status{Code: wire.Busy, Phrase: why, Headers: n.advice(c)}})
		n.close(c, 0)
		return
	}
	h := n.headers(c)
	if n.mode == Ultrapeer && c.mode == Ultrapeer {
		needed := "True"
		if n.full(c) {
			needed = "False" // GN-HS-32
		}
		h = append(h, wire.Header{Name: "X-Ultrapeer-Needed", Value: needed})
	}
	if n.compresses(c) {
		h = append(h, wire.Header{Name: "Content-Encoding", Value: "deflate"}) // GN-HS-25, GN-HS-27
	}
	n.emit(spec.Write{Conn: c.id, Msg: wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: h}})
	if n.compresses(c) {
		n.emit(spec.Deflate{Conn: c.id, Out: true})
	}
	c.phase, c.due = answered, n.now+n.cfg.HandshakeTimeout
}

// objection says why a host is refused, "" if it is not.
//
// GN-HS-16, GN-HS-30, GN-HS-31.
func (n *Node) objection(c *conn) string {
	peers, leaves, _ := n.count()
	room := peers+leaves < n.cfg.Peers+n.cfg.Leaves
	switch {
	case n.stopped:
		return "Shutting down"
	case n.mode == Leaf && n.shielded():
		return "I am a shielded leaf"
	case n.isMyLeaf(c) && (leaves >= n.cfg.Leaves || !room):
		return "No room for a leaf"
	case n.isMyLeaf(c):
		return ""
	case n.mode == Ultrapeer && c.mode == Ultrapeer && n.full(c) && leaves < n.cfg.Leaves && room:
		return "" // it may become a leaf, see last
	case n.full(c) || !room:
		return "Busy"
	}
	return ""
}

// shielded says whether the servent is a leaf of somebody.
func (n *Node) shielded() bool {
	return slices.ContainsFunc(n.conns, func(c *conn) bool { return c.phase == talking && c.mode == Ultrapeer })
}

// full says whether there is no place for one more equal.
func (n *Node) full(c *conn) bool {
	peers, _, _ := n.count()
	if c.phase != awaiting && !n.isMyLeaf(c) {
		peers-- // itself
	}
	return peers >= n.cfg.Peers
}

// compresses says whether the servent is to compress what it sends.
//
// GN-HS-24, GN-HS-27.
func (n *Node) compresses(c *conn) bool { return n.cfg.Deflate && c.offers.has(offersInflate) }

// advice names hosts to somebody who is refused: ultrapeers apart.
//
// GN-HS-15, GN-HS-33, GN-PG-15.
func (n *Node) advice(to *conn) wire.Headers {
	var ultra, others []string
	for _, c := range n.conns {
		known := c.phase == talking && c.mode == Ultrapeer && c.listen.IsValid()
		if known && !to.isBeyond(c.listen) && len(ultra) < maxXTry {
			ultra = append(ultra, c.listen.String())
		}
	}
	for i := range n.hosts {
		h := &n.hosts[len(n.hosts)-1-i]
		switch {
		case to.isBeyond(h.addr):
		case h.ultra && len(ultra) < maxXTry && !slices.Contains(ultra, h.addr.String()):
			ultra = append(ultra, h.addr.String())
		case !h.ultra && len(others) < maxXTry:
			others = append(others, h.addr.String())
		}
	}
	h := wire.Headers{{Name: "User-Agent", Value: n.cfg.UserAgent}}
	if len(ultra) > 0 {
		h = append(h, wire.Header{Name: "X-Try-Ultrapeers", Value: strings.Join(ultra, ",")})
	}
	if len(others) > 0 {
		h = append(h, wire.Header{Name: "X-Try", Value: strings.Join(others, ",")})
	}
	return h
}

// gotStatus takes the second or the third step.
func (n *step) gotStatus(c *conn, m wire.Status) {
	switch {
	case c.phase == asked && m.Code != wire.Accepted, c.phase == answered && m.Code != wire.Accepted:
		n.learnHeaders(c, m.Headers)
		n.notify(Refused{c.remote, m.Code, m.Phrase}) // GN-HS-05
		n.close(c, 0)
	case c.phase == asked && m.Old:
		n.begin(c)
	case c.phase == asked && !c.old:
		n.third(c, m.Headers)
	case c.phase == answered && !m.Old:
		n.last(c, m.Headers)
	default:
		n.refuse(c, "GN-HS-04", errOrder)
		n.close(c, 0)
	}
}

// third says whether the servent still wants a host that has introduced itself.
//
// GN-HS-04, GN-HS-32.
func (n *step) third(c *conn, h wire.Headers) {
	n.learnHeaders(c, h)
	answer := wire.Status{Code: wire.Accepted, Phrase: "OK"}
	peers, leaves, _ := n.count()
	if n.mode == Ultrapeer && c.mode == Ultrapeer && c.offers.has(needsLeaves) && leaves == 0 && peers == 1 {
		n.mode, n.table = Leaf, merged{}
		n.notify(ModeChanged{Leaf})
		answer.Headers = append(answer.Headers, wire.Header{Name: "X-Ultrapeer", Value: "False"})
	}
	if n.compresses(c) {
		answer.Headers = append(answer.Headers, wire.Header{Name: "Content-Encoding", Value: "deflate"})
	}
	if n.isMyLeaf(c) && leaves > n.cfg.Leaves {
		n.emit(spec.Write{Conn: c.id, Msg: wire.Status{Code: wire.Busy, Phrase: "No room for a leaf"}})
		n.close(c, 0)
		return
	}
	n.emit(spec.Write{Conn: c.id, Msg: answer})
	n.inflate(c, n.compresses(c))
	n.begin(c)
}

// last takes the third step.
func (n *step) last(c *conn, h wire.Headers) {
	n.learnHeaders(c, h)
	if n.mode == Ultrapeer && c.mode != Leaf && n.full(c) {
		n.refuse(c, "GN-HS-32", errMode) // it did not become a leaf, and there is no other room
		n.close(c, 0)
		return
	}
	if _, leaves, _ := n.count(); n.isMyLeaf(c) && leaves > n.cfg.Leaves {
		n.refuse(c, "GN-HS-32", errMode) // it became one where there is no room for a leaf
		n.close(c, 0)
		return
	}
	n.inflate(c, false)
	n.begin(c)
}

// inflate tells the driver about the layer below.
func (n *step) inflate(c *conn, out bool) {
	if in := n.cfg.Deflate && c.offers.has(offersDeflate); in || out {
		n.emit(spec.Deflate{Conn: c.id, In: in, Out: out})
	}
}

// begin ends a handshake well: the first ping follows, and what this servent's
// role wants.
//
// GN-VE-03, GN-VE-08.
func (n *step) begin(c *conn) {
	c.phase, c.heard, c.due = talking, n.now, n.now+n.cfg.PeerTimeout
	n.notify(Connected{c.id, c.remote, c.mode, c.agent})
	n.ping(c)
	if c.offers.has(offersVendor) {
		n.write(c, wire.Descriptor{
			GUID: wire.NewGUID(&n.rng), Type: wire.TypeVendor, TTL: 1, Payload: n.supported(),
		})
	}
	n.askProxy(c)
	n.tellTable(c)
}
