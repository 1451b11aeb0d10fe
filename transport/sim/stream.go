package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Why a stream ended that nobody closed, as [spec.Closed] reports it.
var (
	ErrRefused = errors.New("sim: nobody accepts connections there")
	ErrTimeout = errors.New("sim: the connection timed out")
	ErrReset   = errors.New("sim: the connection was reset")
)

// DialTimeout is how long a Dial across a partition waits for an answer.
const DialTimeout = 20 * time.Second

// StreamStats counts the streams and their messages since New. At any moment
//
//	Written = Arrived + Lost + Malformed + UnderWay
type StreamStats struct {
	Dialled   uint64 // Dial effects performed
	Opened    uint64 // of these, accepted by the other side
	Written   uint64 // Write effects performed
	Arrived   uint64 // messages handed to a machine
	Lost      uint64 // their stream ended first
	Malformed uint64 // refused by the codec, either way
	UnderWay  uint64
	Bytes     uint64 // of all that have left an uplink
}

// StreamStats returns the counters of streams.
func (n *Network) StreamStats() StreamStats { return n.streams }

// end is one end of a stream: what leaves here for the peer, and what came.
type end struct {
	node    int32
	remote  int32
	conn    spec.Conn
	state   endState
	drains  bool          // Drained is pending
	host    *host         // of node
	peer    *end          // nil until the other side has accepted
	latency time.Duration // from here to the peer

	queue []uint32 // flights that have not left the host; those before first have
	first int
	turn  turn

	heard   time.Duration // when the last that came from the peer is through the downlink
	waiting int32         // flights on their way through it
	decoder spec.Decoder
	unread  []byte
}

type endState uint8

const (
	opening endState = iota
	open
	closing // by its own machine: sends what is queued, hears nothing
	severed // by a partition: carries nothing, and its machine will be told
	ended
)

// flight is a message of a stream, or what sets a stream up and ends it, from
// the moment it is written until it is handed over.
type flight struct {
	to   *end
	kind flightKind
	took time.Duration // from its first byte leaving to its last
	size int64
	msg  spec.Message
	raw  []byte // with a codec, instead of msg
	err  error
}

type flightKind uint8

const (
	flightData flightKind = iota
	flightSyn             // asks the remote node of to, which dials, to accept
	flightOpen            // tells it that it did
	flightFin             // ends to, with err
)

func (n *Network) onStream(i int32, e spec.Effect) {
	switch e := e.(type) {
	case spec.Dial:
		n.dial(i, e)
	case spec.Write:
		n.write(i, e)
	case spec.Close:
		n.close(i, e)
	}
}

// dial begins a stream: the other side learns of it after the latency
// of the path, and the dialler has its answer after one round trip.
func (n *Network) dial(i int32, d spec.Dial) {
	n.streams.Dialled++
	p := n.party(i)
	if d.Conn != spec.Conn(len(p.dialled)+1) {
		n.fail(i, fmt.Errorf("Dial of stream %d, want %d", d.Conn, len(p.dialled)+1))
	}
	e := &end{node: i, conn: d.Conn, host: p.host}
	e.turn.place = idle
	p.dialled = append(p.dialled, e)
	remote, ok := n.index[d.To]
	if !ok {
		e.latency = n.base.Latency.Draw(&n.rand)
		n.control(e, flightFin, 2*e.latency, ErrRefused)
		return
	}
	e.remote = remote
	e.latency = n.link(i, remote).Latency.Draw(&n.rand)
	n.control(e, flightSyn, e.latency, nil)
}

// accept is the arrival of the dialler's first packet at the remote node.
func (n *Network) accept(dialler *end) {
	i := dialler.remote
	if dialler.state != opening {
		return
	}
	back := n.link(i, dialler.node).Latency.Draw(&n.rand)
	switch {
	case n.isCut(dialler.node, i) || n.isCut(i, dialler.node):
		n.control(dialler, flightFin, DialTimeout-dialler.latency, ErrTimeout)
		return
	case n.nodes[i].machine == nil:
		n.control(dialler, flightFin, back, ErrRefused)
		return
	}
	n.streams.Opened++
	p := n.party(i)
	e := &end{
		node: i, remote: dialler.node, conn: -spec.Conn(len(p.accepted) + 1), state: open,
		host: p.host, peer: dialler, latency: back,
	}
	e.turn.place = idle
	p.accepted = append(p.accepted, e)
	dialler.peer = e
	n.control(dialler, flightOpen, back, nil)
	n.step(i, spec.Opened{Conn: e.conn, Remote: n.nodes[dialler.node].addr})
}

// write hands one message to the uplink. One that fits into a packet
// does not wait for the messages of other streams.
func (n *Network) write(i int32, w spec.Write) {
	e := n.mustEnd(i, w.Conn, "Write")
	n.streams.Written++
	if e.state == severed {
		n.streams.Lost++
		return
	}
	slot, f := n.flights.take()
	f.to, f.kind, f.size, f.took, f.err = e.peer, flightData, TypedSize, 0, nil
	switch {
	case n.cfg.StreamCodec != nil:
		raw, err := n.cfg.StreamCodec.AppendMessage(f.raw[:0], w.Msg)
		if err != nil {
			n.streams.Malformed++
			n.flights.release(slot)
			n.tell(i, spec.Drop{From: n.nodes[i].addr, Reason: err})
			return
		}
		f.raw, f.size = raw, int64(len(raw))
	case n.cfg.StreamSize != nil:
		f.msg, f.size = w.Msg, int64(n.cfg.StreamSize(w.Msg))
	default:
		f.msg = w.Msg
	}
	n.streams.UnderWay++
	n.enqueue(e, slot)
}

// close sends what is queued, and then that it was all.
func (n *Network) close(i int32, c spec.Close) {
	e := n.mustEnd(i, c.Conn, "Close")
	n.party(i).forget(e)
	if e.peer == nil { // not accepted yet
		e.state = ended
		return
	}
	e.state = closing
	slot, f := n.flights.take()
	f.to, f.kind, f.size, f.took, f.err = e.peer, flightFin, 0, 0, nil
	n.enqueue(e, slot)
}

// mustEnd finds the stream of an effect; a machine that names one which it
// never had, or was told the end of, breaks the contract.
func (n *Network) mustEnd(i int32, c spec.Conn, effect string) *end {
	p := n.party(i)
	e := p.end(c)
	if e == nil || effect == "Write" && e.state == opening {
		n.fail(i, fmt.Errorf("%s on stream %d, which is not open", effect, c))
	}
	return e
}

// control launches what is not a message and weighs nothing.
func (n *Network) control(to *end, kind flightKind, after time.Duration, err error) {
	slot, f := n.flights.take()
	f.to, f.kind, f.size, f.took, f.err = to, kind, 0, 0, err
	n.push(n.now+after, kindArrive, slot)
}

// arrive is the last byte of a flight at the receiver's downlink.
func (n *Network) arrive(slot uint32) {
	f := n.flights.at(slot)
	e := f.to
	if f.kind == flightSyn {
		n.flights.release(slot)
		n.accept(e)
		return
	}
	at := n.now
	if f.kind == flightData && e.state == open {
		at = e.host.receive(n.now, f.size, f.took)
	}
	e.heard = max(e.heard, at)
	if e.waiting > 0 || e.heard > n.now {
		e.waiting++
		n.push(e.heard, kindDeliver, slot)
		return
	}
	n.handOver(slot)
}

// handOver gives an arrived flight to the machine at its end.
func (n *Network) handOver(slot uint32) {
	f := *n.flights.at(slot)
	e := f.to
	n.flights.at(slot).msg = nil // for the garbage collector
	n.flights.release(slot)      // f.raw is good until the next take
	switch f.kind {
	case flightOpen:
		if e.state == opening {
			e.state = open
			n.step(e.node, spec.Opened{Conn: e.conn, Remote: n.nodes[e.remote].addr})
		}
	case flightFin:
		if e.state == opening || e.state == open || e.state == severed {
			n.party(e.node).forget(e)
			n.discard(e)
			n.step(e.node, spec.Closed{Conn: e.conn, Err: f.err})
		}
	case flightData:
		n.streams.UnderWay--
		switch {
		case e.state != open:
			n.streams.Lost++
		case n.cfg.StreamCodec == nil:
			n.streams.Arrived++
			n.step(e.node, spec.Got{Conn: e.conn, Msg: f.msg})
		default:
			n.decode(e, f.raw)
		}
	}
}

// decode hands over every message that the bytes complete. The codec's refusal
// ends the stream on both sides.
func (n *Network) decode(e *end, raw []byte) {
	if e.decoder == nil {
		e.decoder = n.cfg.StreamCodec.Decoder()
	}
	n.streams.Arrived++ // each flight is one message of the sender
	e.unread = append(e.unread, raw...)
	for len(e.unread) > 0 {
		m, k, err := e.decoder.Decode(e.unread)
		if err != nil {
			n.streams.Arrived--
			n.streams.Malformed++
			n.party(e.node).forget(e)
			n.discard(e)
			n.control(e.peer, flightFin, e.latency, ErrReset)
			n.step(e.node, spec.Closed{Conn: e.conn, Err: err})
			return
		}
		if k == 0 {
			return
		}
		n.step(e.node, spec.Got{Conn: e.conn, Msg: m})
		if e.state != open {
			return
		}
		e.unread = e.unread[:copy(e.unread, e.unread[k:])]
	}
}

// discard ends an end with all that waits in it.
func (n *Network) discard(e *end) {
	e.state = ended
	e.unread, e.decoder = nil, nil
	e.host.up.advance(n.now)
	e.host.up.leave(e)
	n.wakeUplink(e.host)
	for _, slot := range e.queue[e.first:] {
		if f := n.flights.at(slot); f.kind == flightData {
			n.streams.UnderWay--
			n.streams.Lost++
			f.msg = nil
		}
		n.flights.release(slot)
	}
	e.queue, e.first = nil, 0
}

// abandon ends every stream of a node that goes down. The other sides learn of
// it when the last packet that it sent could have arrived.
func (n *Network) abandon(i int32) {
	p := n.nodes[i].party
	if p == nil {
		return
	}
	for _, ends := range [][]*end{p.dialled, p.accepted} {
		for _, e := range ends {
			if e == nil {
				continue
			}
			if e.peer != nil {
				left := max(n.now, p.host.up.since) // packets may still be leaving
				n.control(e.peer, flightFin, left-n.now+e.latency, ErrReset)
			}
			n.discard(e)
		}
	}
	p.dialled, p.accepted = nil, nil
}

// sever ends every stream that crosses a cut, on both sides. What was under
// way is lost.
func (n *Network) sever() {
	for i := range n.nodes {
		p := n.nodes[i].party
		if p == nil {
			continue
		}
		for _, ends := range [][]*end{p.dialled, p.accepted} {
			for _, e := range ends {
				if e == nil || e.peer == nil || !n.isCut(e.node, e.remote) && !n.isCut(e.remote, e.node) {
					continue
				}
				n.discard(e)
				e.state = severed
				n.control(e, flightFin, 0, ErrTimeout)
			}
		}
	}
}
