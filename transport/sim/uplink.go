package sim

import (
	"slices"
	"time"
)

// uplink is a processor-sharing queue, kept in virtual time: the service that
// each active stream has had. A stream's turn ends when virtual time reaches
// the tag of its first message.
type uplink struct {
	since   time.Duration // virtual is of this time; later than now while packets go between
	virtual int64         // in fractions of a nanosecond
	active  []*end        // a heap by tag, then order of turns
	turns   uint64
	wakeAt  time.Duration
	wakeSeq uint64 // of the one valid event in the queue, 0 when none
}

// fraction is how fine virtual time is, so that rounding loses nothing that
// shows: up to 1/1024 ns at each change. It overflows after 104 days of an
// uplink that was never idle.
const fraction = 1024

// turn is the place of a stream in an uplink.
type turn struct {
	tag   int64 // virtual time at which its first message will have left
	seq   uint64
	began time.Duration
	place int32 // in the heap, or idle
}

const idle = -1

func (t *turn) before(u *turn) bool {
	return t.tag < u.tag || t.tag == u.tag && t.seq < u.seq
}

// advance brings virtual time to now.
func (u *uplink) advance(now time.Duration) {
	if now <= u.since {
		return
	}
	if k := int64(len(u.active)); k > 0 {
		u.virtual += int64(now-u.since) * fraction / k
	} else {
		u.virtual = 0
	}
	u.since = now
}

// due is when the first active stream will have sent its first message.
func (u *uplink) due() time.Duration {
	left := max(0, u.active[0].turn.tag-u.virtual)
	return u.since + time.Duration((left*int64(len(u.active))+fraction-1)/fraction)
}

// enqueue gives a flight to the uplink of its sender.
func (n *Network) enqueue(e *end, slot uint32) {
	u, f := &e.host.up, n.flights.at(slot)
	if len(e.queue) > 0 {
		e.queue = append(e.queue, slot)
		return
	}
	if e.host.Up == 0 || f.size <= packetSize {
		left := n.now
		if e.host.Up > 0 {
			u.advance(n.now)
			u.since += service(f.size, e.host.Up)
			left = u.since
		}
		n.leave(e, slot, left)
		n.drained(e)
		return
	}
	e.queue = append(e.queue, slot)
	u.advance(n.now)
	e.turn.tag = u.virtual
	n.enter(e)
	n.wakeUplink(e.host)
}

// enter begins the turn of the first message in the queue of a stream; tag is
// when the one before ended.
func (n *Network) enter(e *end) {
	u := &e.host.up
	size := n.flights.at(e.queue[e.first]).size
	e.turn.tag += int64(service(size, e.host.Up)) * fraction
	u.turns++
	e.turn.seq, e.turn.began = u.turns, n.now
	u.active = append(u.active, e)
	u.rise(len(u.active) - 1)
}

// wakeUplink makes sure that an event lies at or before the end of the next
// turn.
func (n *Network) wakeUplink(h *host) {
	u := &h.up
	if len(u.active) == 0 {
		return
	}
	if due := u.due(); u.wakeSeq == 0 || due < u.wakeAt {
		u.wakeAt = due
		u.wakeSeq = n.push(due, kindUplink, h.number)
	}
}

// uplinkDue sends off the messages whose turn has ended. Turns are prolonged
// far more often than shortened, so an event may find that none has.
func (n *Network) uplinkDue(e event) bool {
	h := n.hosts[e.slot]
	u := &h.up
	if u.wakeSeq != e.seq {
		return false
	}
	u.wakeSeq = 0
	if len(u.active) == 0 {
		return false
	}
	if due := u.due(); due > e.at {
		n.wakeUplink(h)
		return false
	}
	n.now = e.at
	u.advance(n.now)
	for len(u.active) > 0 && u.active[0].turn.tag <= u.virtual {
		first := u.active[0]
		u.leave(first)
		slot := first.queue[first.first]
		n.flights.at(slot).took = n.now - first.turn.began
		n.leave(first, slot, n.now)
		first.first++
		if first.first < len(first.queue) {
			n.enter(first)
			continue
		}
		first.queue, first.first = first.queue[:0], 0
		n.drained(first)
	}
	n.wakeUplink(h)
	n.flush()
	return true
}

// leave puts a flight on its way whose last byte leaves at the given time.
func (n *Network) leave(e *end, slot uint32, left time.Duration) {
	f := n.flights.at(slot)
	if f.kind == flightFin {
		e.state = ended
	}
	e.host.sent += uint64(f.size)
	n.streams.Bytes += uint64(f.size)
	n.push(left+e.latency, kindArrive, slot)
}

// rise restores the heap from a place upwards.
func (u *uplink) rise(i int) {
	e := u.active[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !e.turn.before(&u.active[parent].turn) {
			break
		}
		u.active[i] = u.active[parent]
		u.active[i].turn.place = int32(i)
		i = parent
	}
	u.active[i] = e
	e.turn.place = int32(i)
}

// leave takes a stream out of the heap, if it is there.
func (u *uplink) leave(e *end) {
	i := int(e.turn.place)
	if i == idle {
		return
	}
	e.turn.place = idle
	last := len(u.active) - 1
	moved := u.active[last]
	u.active = slices.Delete(u.active, last, last+1)
	if i == last {
		return
	}
	u.active[i] = moved
	u.sink(i)
	u.rise(int(moved.turn.place))
}

// sink restores the heap from a place downwards.
func (u *uplink) sink(i int) {
	e := u.active[i]
	for {
		c := 2*i + 1
		if c >= len(u.active) {
			break
		}
		if r := c + 1; r < len(u.active) && u.active[r].turn.before(&u.active[c].turn) {
			c = r
		}
		if !u.active[c].turn.before(&e.turn) {
			break
		}
		u.active[i] = u.active[c]
		u.active[i].turn.place = int32(i)
		i = c
	}
	u.active[i] = e
	e.turn.place = int32(i)
}
