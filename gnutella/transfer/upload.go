package transfer

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// upload is a body that is being sent.
type upload struct {
	piece          int32
	begin, at, end int32      // at: written so far
	token          spec.Token // of the Load under way; 0: none
	inFlight       int32      // bytes written since the last Drained
	last           bool       // the stream ends with it
}

// queueVersion is that of the queue (GN-PU-17).
const queueVersion = "0.1"

// turn says whether a stream may have a body now, place 0, or which place in the
// queue it gets or has.
//
// GN-PU-16, GN-PU-17.
func (n *Node) turn(c *conn) (place int, early bool) {
	busy := 0
	for _, o := range n.conns {
		if o.phase == sending {
			busy++
		}
	}
	at := slices.IndexFunc(n.queue, func(w waiter) bool { return w.conn == c.id })
	if at < 0 {
		at = len(n.queue)
	} else if n.now < n.queue[at].from {
		return 0, true
	}
	if busy+at < n.cfg.Uploads {
		n.queue = slices.DeleteFunc(n.queue, func(w waiter) bool { return w.conn == c.id })
		return 0, false
	}
	return at + 1, false
}

// enqueue gives a stream its place, or leaves it there; false says that there is no
// room.
func (n *Node) enqueue(c *conn, place int) bool {
	if place > n.cfg.Queue {
		return false
	}
	w := waiter{c.id, n.now + n.cfg.PollMin, n.now + n.cfg.PollMax}
	if place > len(n.queue) {
		n.queue = append(n.queue, w)
	}
	n.queue[place-1] = w
	return true
}

// queueText tells a place, and when to ask again, in seconds.
func (n *Node) queueText(place int) string {
	return fmt.Sprintf("position=%d,length=%d,limit=%d,pollMin=%d,pollMax=%d", place, len(n.queue), n.cfg.Uploads,
		(n.cfg.PollMin+time.Second-1)/time.Second, n.cfg.PollMax/time.Second)
}

// begin sends the first bytes of a body.
func (n *step) begin(c *conn, a ask) {
	c.phase, c.due = sending, n.now+n.cfg.StallTimeout
	c.body = upload{piece: a.piece, begin: a.begin, at: a.begin, end: a.end, last: a.last}
	n.load(c)
}

// load asks the storage for more, one block at a time, as long as the other side
// takes what is written.
func (n *step) load(c *conn) {
	u := &c.body
	if u.token != 0 || u.at == u.end || int(u.inFlight) >= n.cfg.Window {
		return
	}
	u.token = n.token()
	n.emit(spec.Load{Token: u.token, Piece: u.piece, Begin: u.at, Length: min(int32(n.cfg.Block), u.end-u.at)})
}

// loaded sends what the storage has read. A file that cannot be read ends its
// stream, as only so the other side learns of it.
func (n *step) loaded(in spec.Loaded) {
	i := slices.IndexFunc(n.conns, func(c *conn) bool { return c.phase == sending && c.body.token == in.Token })
	if i < 0 || in.Token == 0 {
		return
	}
	c := n.conns[i]
	u := &c.body
	if in.Err != nil || len(in.Data) != int(min(int32(n.cfg.Block), u.end-u.at)) {
		n.close(c)
		return
	}
	data := in.Data
	if !in.Lent {
		data = slices.Clone(data)
	}
	n.emit(spec.Write{Conn: c.id, Msg: Body{data}})
	u.token, u.at, u.inFlight = 0, u.at+int32(len(data)), u.inFlight+int32(len(data))
	c.due = n.now + n.cfg.StallTimeout
	if u.at < u.end {
		n.load(c)
		return
	}
	n.notify(Uploaded{c.remote, u.piece, uint32(u.begin), uint32(u.end)})
	n.answered(c, u.last)
}

// drained sends more.
func (n *step) drained(in spec.Drained) {
	c := n.find(in.Conn)
	if c == nil || c.phase != sending {
		return
	}
	c.body.inFlight, c.due = 0, n.now+n.cfg.StallTimeout
	n.load(c)
}

// answered ends a stream, or answers the next request on it.
//
// GN-PU-13, GN-PU-14.
func (n *step) answered(c *conn, last bool) {
	if last {
		n.close(c)
		return
	}
	c.phase, c.due, c.body = open, n.now+n.idleTime(c), upload{}
	if len(c.waiting) > 0 {
		next := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		n.answer(c, next)
	}
}

// idleTime is how long the next request may take.
func (n *Node) idleTime(c *conn) time.Duration {
	if slices.ContainsFunc(n.queue, func(w waiter) bool { return w.conn == c.id }) {
		return n.cfg.PollMax
	}
	return n.cfg.IdleTimeout
}
