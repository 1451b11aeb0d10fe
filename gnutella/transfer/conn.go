package transfer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// conn is a stream. Others ask on those that they opened and on those that an Offer
// has dialled; on the rest a download asks.
type conn struct {
	id       spec.Conn
	remote   netip.AddrPort
	phase    phase
	fetching bool
	task     spec.OpID // of the download, if it is fetching
	due      time.Duration

	giv     Giv   // of an Offer: to be said when it is open
	waiting []ask // requests, while another is being answered
	body    upload
}

// phase is what a stream on which others ask is in.
type phase uint8

const (
	dialing  phase = iota // until Opened
	open                  // a request may come, or the download's phase says more
	sending               // a body
	relaying              // until Relayed
	ended
)

// waiter is a stream whose turn for an upload will come.
//
// GN-PU-17.
type waiter struct {
	conn        spec.Conn
	from, until time.Duration // it may ask again from then on, and has to before then
}

func (n *Node) find(id spec.Conn) *conn {
	for _, c := range n.conns {
		if c.id == id {
			return c
		}
	}
	return nil
}

// of is the download of a stream, or nil.
func (n *Node) of(c *conn) *download {
	if !c.fetching {
		return nil
	}
	for _, d := range n.downloads {
		if d.op == c.task {
			return d
		}
	}
	return nil
}

// serving counts the streams on which others ask.
func (n *Node) serving() (streams int) {
	for _, c := range n.conns {
		if !c.fetching {
			streams++
		}
	}
	return streams
}

func (n *step) opened(in spec.Opened) {
	c := n.find(in.Conn)
	if in.Conn < 0 {
		switch {
		case c != nil:
			return
		case n.serving() >= n.cfg.Conns:
			n.emit(spec.Close{Conn: in.Conn})
			return
		}
		n.conns = append(n.conns, &conn{id: in.Conn, remote: in.Remote, phase: open, due: n.now + n.cfg.HeadTimeout})
		return
	}
	if c == nil || c.phase != dialing {
		return
	}
	c.phase = open
	if d := n.of(c); d != nil {
		c.due = never
		n.ask(c, d)
		return
	}
	c.due = n.now + n.cfg.HeadTimeout
	n.emit(spec.Write{Conn: c.id, Msg: c.giv})
}

// closed ends a stream, and lets its download go on elsewhere.
func (n *step) closed(in spec.Closed) {
	c := n.find(in.Conn)
	if c == nil {
		return
	}
	d, dialled := n.of(c), c.phase != dialing
	n.retire(c)
	switch {
	case d == nil:
	case dialled:
		n.lose(d, broken)
	default:
		n.lose(d, unreachable)
	}
}

// offer executes Offer. Of the streams only a part may be those of offers that wait
// for an answer to the dial: anybody can have silent hosts dialled.
func (n *step) offer(in Offer) {
	full := n.serving() >= n.cfg.Conns || n.offering() >= max(1, n.cfg.Conns/offersShare)
	if full || len(in.Name) > maxName || !isLine(in.Name) {
		n.fail(in.Op, ErrTooMany)
		return
	}
	c := n.dial(in.To)
	c.giv = Giv{in.Index, n.cfg.ServentID, in.Name}
	n.emit(spec.Done{Op: in.Op})
}

// offering counts the offers that are being dialled.
func (n *Node) offering() (dials int) {
	for _, c := range n.conns {
		if !c.fetching && c.phase == dialing {
			dials++
		}
	}
	return dials
}

func (n *step) dial(to netip.AddrPort) *conn {
	n.lastDial++
	c := &conn{id: n.lastDial, remote: to, due: n.now + n.cfg.HeadTimeout}
	n.conns = append(n.conns, c)
	n.emit(spec.Dial{Conn: c.id, To: to})
	return c
}

// close ends a stream.
func (n *step) close(c *conn) {
	if c.phase != ended {
		n.emit(spec.Close{Conn: c.id})
		n.retire(c)
	}
}

// retire forgets a stream that has ended.
func (n *Node) retire(c *conn) {
	c.phase = ended
	n.conns = slices.DeleteFunc(n.conns, func(o *conn) bool { return o == c })
	n.queue = slices.DeleteFunc(n.queue, func(w waiter) bool { return w.conn == c.id })
}
