package bittorrent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// conn is one stream and what both ends have said on it.
type conn struct {
	id     spec.Conn
	remote netip.AddrPort
	phase  phase
	since  time.Duration // when the phase began
	heard  time.Duration // when the peer said something last
	sent   time.Duration // when it was told something last
	unread int32         // messages written since the stream drained last

	peerID [20]byte
	listen netip.AddrPort // where others can connect to the peer; may be unknown
	fast   bool           // BEP 6 is agreed on
	ext    bool           // both know BEP 10
	dht    bool           // the peer has a DHT node
	begun  bool           // something came that a bitfield may not follow

	amChoking, amInterested     bool
	peerChoking, peerInterested bool
	turned                      time.Duration // when amChoking changed; since, if never

	has   bitfield // the pieces that the peer says to have
	wants int32    // those among them that are missing here

	asked     []asked       // unanswered requests to the peer, oldest first
	depth     int32         // how many there may be
	limit     int32         // how many the peer keeps, if it said so
	rejects   int32         // since the last block
	allowed   []int32       // pieces that may be asked for while choked (BEP 6)
	suggested []int32       // pieces that the peer has at hand (BEP 6)
	gave      time.Duration // when the last block came, or the first request since went out

	queue   []block // unanswered requests of the peer that are not being loaded, oldest first
	granted []int32 // pieces that the peer may ask for while choked; nil: it was not told
	credit  int64   // bytes of them that it may have
	loads   int32   // blocks being loaded for the peer
	loading int32   // their bytes
	written int32   // bytes written to it and perhaps on their way

	their        extensions
	early        early
	metaRest     time.Duration    // until then no metadata is asked for
	metaFails    int32            // attempts that were in vain
	metaServed   int32            // blocks of metadata that were sent
	hashRest     time.Duration    // until then no hashes are asked for
	hashesServed int32            // that were sent
	pexTold      []netip.AddrPort // contacts that the peer has been told of, sorted
	pexNext      time.Duration    // when it may be told more
	pexHeard     time.Duration    // until when it may not tell more

	up, down   rate // of blocks
	uploadOnly bool // the peer wants nothing (BEP 21)
}

// phase is how far a connection has come.
type phase uint8

const (
	dialing phase = iota // Dial is unanswered
	shaking              // the stream is open; the peer's handshake is due
	talking              // both have shaken hands
	gone                 // closed, in the course of a Step
)

// asked is a request to a peer.
type asked struct {
	block
	at     time.Duration
	late   bool // others may be asked, too
	lapsed bool // the picker no longer counts on it
}

// outgoing says that the own side dialled.
func (c *conn) outgoing() bool { return c.id > 0 }

// opened begins an inbound connection, or goes on with one that was dialled.
func (n *step) opened(in spec.Opened) {
	if c := n.connOf(in.Conn); c != nil {
		if c.phase != dialing {
			return
		}
		n.halfOpen--
		c.phase, c.since = shaking, n.now
		n.write(c, n.handshake())
		n.dial()
		return
	}
	if in.Conn > 0 {
		return // closed while the answer to Dial was under way
	}
	remote := netip.AddrPortFrom(in.Remote.Addr().Unmap(), in.Remote.Port())
	if n.stopped || n.isBanned(remote) || !n.makeRoom(remote) {
		n.emit(spec.Close{Conn: in.Conn})
		return
	}
	n.newConn(in.Conn, remote, shaking)
	n.known.taken(remote)
}

// newConn takes the lowest free slot.
func (n *Node) newConn(id spec.Conn, remote netip.AddrPort, p phase) *conn {
	c := &conn{
		id: id, remote: remote, phase: p, since: n.now, heard: n.now, sent: n.now, turned: n.now,
		amChoking: true, peerChoking: true, depth: int32(n.cfg.MinRequestsOut), // BEP03-PEER-015
		limit: int32(n.cfg.MaxRequestsOut),
		up:    newRate(n.now), down: newRate(n.now),
		gave: n.now, metaRest: n.now, pexNext: n.now, pexHeard: n.now, hashRest: n.now,
	}
	slot := slices.Index(n.conns, nil)
	if slot < 0 {
		slot = len(n.conns)
		n.conns = append(n.conns, nil)
	}
	n.conns[slot] = c
	n.slots[id] = int32(slot)
	n.live++
	n.arm()
	return c
}

// connOf returns the connection of a stream, or nil: a driver may have had an
// input under way when the machine closed it.
func (n *Node) connOf(id spec.Conn) *conn {
	if slot, ok := n.slots[id]; ok {
		return n.conns[slot]
	}
	return nil
}

// makeRoom says whether there is a place for a peer. In a full house it makes
// one where the canonical priority is lower. BEP40-PRIO-001
func (n *step) makeRoom(remote netip.AddrPort) bool {
	if int(n.live) < n.cfg.MaxConns {
		return true
	}
	var worst *conn
	for _, c := range n.conns {
		if c != nil && c.phase == talking && (worst == nil || n.priority(c.remote) < n.priority(worst.remote)) {
			worst = c
		}
	}
	if worst == nil || n.priority(remote) <= n.priority(worst.remote) {
		return false
	}
	n.close(worst)
	return true
}

// write sends one message, unless the peer does not take what is sent to it.
func (n *step) write(c *conn, m spec.Message) {
	c.sent = n.now
	c.unread++
	n.emit(spec.Write{Conn: c.id, Msg: m})
}

// drop closes a connection because of what the peer did.
func (n *step) drop(c *conn, clause string, reason error) {
	n.refuse(c, clause, reason)
	n.known.failed(c.remote)
	n.close(c)
}

// refuse says what was wrong with a message that otherwise leaves no trace.
func (n *step) refuse(c *conn, clause string, reason error) {
	n.emit(spec.Drop{From: c.remote, Clause: clause, Reason: reason})
}

func (n *step) close(c *conn) {
	n.emit(spec.Close{Conn: c.id})
	n.forget(c)
}

// closed takes note of a stream that ended by itself, or could not be dialled.
func (n *step) closed(in spec.Closed) {
	c := n.connOf(in.Conn)
	if c == nil {
		return
	}
	if in.Err != nil || c.phase != talking {
		n.known.failed(c.remote)
	}
	n.forget(c)
	n.dial()
}

// forget frees what a connection held, here and at the helpers.
func (n *step) forget(c *conn) {
	slot := n.slots[c.id]
	n.conns[slot] = nil
	delete(n.slots, c.id)
	for len(n.conns) > 0 && n.conns[len(n.conns)-1] == nil {
		n.conns = n.conns[:len(n.conns)-1]
	}
	n.live--
	if c.phase == dialing {
		n.halfOpen--
	}
	n.known.released(c.remote, n.now, n.cfg.RetryAfter)
	n.known.released(c.listen, n.now, n.cfg.RetryAfter)
	if c.phase == talking {
		n.returnAsked(c)
		if n.layout.Pieces > 0 {
			n.picker.peerLeft(&n.rng, &c.has)
		}
		if n.layout.Pieces > 0 && c.has.isFull() || c.uploadOnly {
			n.known.isSeed(c.listen)
		}
		n.choker.left(c.id)
		n.rebalance, n.reseat = true, true
	}
	c.phase = gone
}
