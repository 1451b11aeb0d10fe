package gnutella

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// conn is a stream from Dial or Opened on.
type conn struct {
	id     spec.Conn
	remote netip.AddrPort
	listen netip.AddrPort // where others reach it, where that is known
	phase  phase
	mode   Mode // of the other
	old    bool // dialled as 0.4
	agent  string

	offers   offers
	maxTTL   uint8 // that it wants queries with (GN-UQ-21)
	degree   int32 // how many ultrapeers it has
	hopsFlow uint8 // it wants queries that have made fewer hops (GN-VE-04)

	due    time.Duration // of what is waited for
	heard  time.Duration // when something came that was of use
	ponged time.Duration // when a ping was answered with many pongs; or never
	paced  time.Duration // when its own queries so far would all have been in time (GN-QY-05)
	reset  time.Duration // and when the tables that it began

	files, kilobytes uint32 // of its own pong

	standsFor wire.GUID      // servent id of a leaf that pushes are taken for; zero: of none
	proxy     netip.AddrPort // where an ultrapeer takes pushes for this servent, if it does

	routes qrp.Receiver // what it can answer
	taken  [32]byte     // a hash of all that the routes were made of
	told   bool         // it has the servent's table

	queue    []queued
	queued   int32 // bytes
	inFlight int32 // bytes written since the last Drained
	choked   bool  // its queries are dropped until the queue is shorter
}

// phase is how far a connection has come.
type phase uint8

const (
	dialing  phase = iota // until Opened
	asked                 // own Connect is out
	awaiting              // the other's is not yet in
	answered              // own 200 is out, the third step is not yet in
	talking
	leaving // own Bye is out: see GN-BY-06
	ended
)

// live says whether a connection takes a place.
func (c *conn) live() bool { return c.phase != ended }

// host is an address that could be dialled.
type host struct {
	addr  netip.AddrPort
	ultra bool          // as somebody said
	after time.Duration // not to be dialled before
}

func (n *Node) find(id spec.Conn) *conn {
	for _, c := range n.conns {
		if c.id == id && c.phase != ended {
			return c
		}
	}
	return nil
}

// connect executes Connect.
func (n *step) connect(in Connect) {
	if len(in.Addrs) > MaxAddrs {
		n.fail(in.Op, ErrTooMany)
		return
	}
	n.stopped = false
	known := int32(0)
	for _, a := range in.Addrs {
		if n.learn(a, n.mode != Flat) {
			known++
		}
	}
	n.done(in.Op, Added{known})
}

// learn remembers an address, and says whether that is new.
func (n *Node) learn(a netip.AddrPort, ultra bool) bool {
	if !a.Addr().Is4() || a.Port() == 0 || a == n.cfg.Addr || a.Addr().IsUnspecified() {
		return false
	}
	if at := slices.IndexFunc(n.hosts, func(h host) bool { return h.addr == a }); at >= 0 {
		n.hosts[at].ultra = n.hosts[at].ultra || ultra
		return false
	}
	if len(n.hosts) == n.cfg.MaxHosts {
		at := max(0, n.spare())
		n.hosts = slices.Delete(n.hosts, at, at+1)
	}
	n.hosts = append(n.hosts, host{a, ultra, n.now})
	return true
}

// spare is the oldest address that could be dialled now, by its place, or -1. It is
// what makes room for another: one that was just tried in vain stays, or it would
// come again as new.
func (n *Node) spare() int {
	return slices.IndexFunc(n.hosts, func(h host) bool { return h.after <= n.now })
}

// hear remembers an address that another servent named.
func (n *Node) hear(from *conn, a netip.AddrPort, ultra bool) {
	if !n.cfg.OnlyGiven && !from.isBeyond(a) && (len(n.hosts) < n.cfg.MaxHosts || n.spare() >= 0) {
		n.learn(a, ultra)
	}
}

// isBeyond says whether an address is in a private network and the other host is not:
// it could not use that address, and cannot know it.
//
// GN-PG-15.
func (c *conn) isBeyond(a netip.AddrPort) bool { return private(a.Addr()) && !private(c.remote.Addr()) }

func private(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }

// postpone keeps an address from being dialled for a while.
func (n *Node) postpone(a netip.AddrPort) {
	for i := range n.hosts {
		if n.hosts[i].addr == a {
			n.hosts[i].after = n.now + n.cfg.RetryAfter
		}
	}
}

// count says how many connections with equals and with leaves there are, the ones
// under way included, and how many accepted ones are neither yet.
func (n *Node) count() (peers, leaves, unknown int) {
	for _, c := range n.conns {
		switch {
		case !c.live():
		case c.phase == awaiting:
			unknown++
		case n.isMyLeaf(c):
			leaves++
		default:
			peers++
		}
	}
	return peers, leaves, unknown
}

// isMyLeaf says whether the servent stands for the other.
func (n *Node) isMyLeaf(c *conn) bool { return n.mode == Ultrapeer && c.mode == Leaf }

// dial fills the places for equals.
func (n *step) dial() {
	peers, leaves, _ := n.count()
	room := min(n.wanted()-peers, n.cfg.Peers+n.cfg.Leaves-peers-leaves)
	for i := 0; i < len(n.hosts) && room > 0 && !n.stopped; i++ {
		h := &n.hosts[i]
		if h.after > n.now || slices.ContainsFunc(n.conns, func(c *conn) bool {
			return c.remote == h.addr || c.listen == h.addr
		}) {
			continue
		}
		h.after = n.now + n.cfg.RetryAfter
		n.dialOne(h.addr, n.mode == Flat)
		room--
	}
}

// wanted is how many equals the servent looks for. An ultrapeer that became a leaf
// wants a leaf's.
func (n *Node) wanted() int {
	if n.mode != n.cfg.Mode {
		return min(n.cfg.Peers, leafPeers)
	}
	return n.cfg.Peers
}

func (n *step) dialOne(to netip.AddrPort, old bool) {
	n.lastDial++
	c := n.newConn(n.lastDial, to, dialing)
	c.listen, c.old = to, old
	n.emit(spec.Dial{Conn: c.id, To: to})
}

func (n *Node) newConn(id spec.Conn, remote netip.AddrPort, p phase) *conn {
	c := &conn{
		id: id, remote: remote, phase: p, due: n.now + n.cfg.HandshakeTimeout, heard: n.now, ponged: never, paced: n.now,
		reset: n.now, maxTTL: uint8(n.cfg.MaxTTL), hopsFlow: wantsAll, degree: defaultDegree,
	}
	n.conns = append(n.conns, c)
	return c
}

func (n *step) opened(in spec.Opened) {
	if in.Conn < 0 {
		if _, _, unknown := n.count(); unknown >= n.cfg.Handshakes || n.find(in.Conn) != nil {
			n.emit(spec.Close{Conn: in.Conn})
			return
		}
		n.newConn(in.Conn, in.Remote, awaiting)
		return
	}
	c := n.find(in.Conn)
	if c == nil || c.phase != dialing {
		return
	}
	c.phase, c.due = asked, n.now+n.cfg.HandshakeTimeout
	n.emit(spec.Write{Conn: c.id, Msg: n.greeting(c)})
}

// closed ends a connection, and dials anew as 0.4 whoever hung up on 0.6.
//
// GN-HS-14.
func (n *step) closed(in spec.Closed) {
	c := n.find(in.Conn)
	if c == nil {
		return
	}
	again := c.phase == asked && !c.old && !n.cfg.NoFallback && !n.stopped
	n.retire(c, 0)
	if again {
		n.dialOne(c.remote, true)
	}
}

// overdue ends a connection that did not do in time what was waited for, unless
// it has said something since.
func (n *step) overdue(c *conn) {
	if silentAt := c.heard + n.cfg.PeerTimeout; c.phase == talking && silentAt > n.now {
		c.due = silentAt
		return
	}
	if c.phase == talking {
		n.bye(c, wire.ByeIdle, "Silent for too long")
		return
	}
	n.close(c, 0)
}

// close ends a connection.
func (n *step) close(c *conn, bye uint16) {
	if c.phase != ended {
		n.emit(spec.Close{Conn: c.id})
		n.retire(c, bye)
	}
}

// retire marks a connection as ended; sweep removes it.
func (n *step) retire(c *conn, bye uint16) {
	n.table.dirty = n.table.dirty || n.isMyLeaf(c) && c.routes.Table() != nil
	if c.phase == talking || c.phase == leaving {
		n.notify(Disconnected{c.id, bye})
	} else if c.id > 0 {
		n.postpone(c.remote)
	}
	c.phase, c.due = ended, never
}

// bye says farewell where that is understood, and closes otherwise.
//
// GN-BY-02, GN-BY-03, GN-BY-06, GN-BY-09.
func (n *step) bye(c *conn, code uint16, text string) {
	if c.phase != talking || !c.offers.has(offersBye) {
		n.close(c, 0)
		return
	}
	y := wire.Bye{Code: code, Text: []byte(text), Headers: []byte("Server: " + n.cfg.UserAgent + "\r\n\r\n")}
	n.write(c, wire.Descriptor{GUID: wire.NewGUID(&n.rng), Type: wire.TypeBye, TTL: 1, Payload: y.Append(nil)})
	c.phase, c.due = leaving, n.now+n.cfg.ByeGrace
	c.queue, c.queued = nil, 0
}

// shutdown executes Shutdown.
func (n *step) shutdown(in Shutdown) {
	n.stopped = true
	for _, c := range n.conns {
		if c.live() && c.phase != leaving {
			n.bye(c, wire.ByeExit, "Shutting down")
		}
	}
	n.dynamic, n.owed, n.promised = nil, nil, nil
	n.done(in.Op, nil)
}

// sweep forgets ended connections, and the queries of leaves that are gone. An
// ultrapeer that became a leaf is its own master again when it is alone.
func (n *step) sweep() {
	n.conns = slices.DeleteFunc(n.conns, func(c *conn) bool { return c.phase == ended })
	if n.mode != n.cfg.Mode && len(n.conns) == 0 {
		n.mode = n.cfg.Mode
		n.notify(ModeChanged{n.mode})
	}
	n.dynamic = slices.DeleteFunc(n.dynamic, func(d dynamic) bool { return d.from != own && n.find(d.from) == nil })
}
