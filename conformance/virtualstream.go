package conformance

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// virtualEnd is one end of a stream. What it sends arrives complete, in order
// and after [VirtualLatency], as far as the other end's window allows.
type virtualEnd struct {
	owner         *attached
	conn          spec.Conn
	local, remote netip.AddrPort
	peer          *virtualEnd // nil until the other side has accepted
	queue         [][]byte    // written, and beyond the peer's window
	queued        int
	room          int  // what the peer's window still takes
	finishing     bool // this direction ends after the queue
	finished      bool // the peer has been told so
	closed        bool // the owner hears no more
}

// Listen accepts streams at an address; the zero address is the next free one.
func (n *VirtualNetwork) Listen(local netip.AddrPort) (netip.AddrPort, error) {
	local = n.source(local)
	if slices.Contains(n.harness.addrs, local) {
		return netip.AddrPort{}, fmt.Errorf("%v is in use", local)
	}
	n.harness.addrs = append(n.harness.addrs, local)
	return local, nil
}

// Unlisten stops accepting.
func (n *VirtualNetwork) Unlisten(local netip.AddrPort) {
	n.harness.addrs = slices.DeleteFunc(n.harness.addrs, func(a netip.AddrPort) bool { return a == local })
}

// Dial sends a request to connect.
func (n *VirtualNetwork) Dial(local, to netip.AddrPort) (spec.Conn, error) {
	if !local.Addr().IsValid() && to.Addr().Is6() {
		local = netip.AddrPortFrom(netip.IPv6Loopback(), local.Port())
	}
	if len(n.harness.streams) >= MaxStreams {
		return 0, fmt.Errorf("the harness has %d streams open", MaxStreams)
	}
	n.harness.dialled++
	n.dial(&n.harness, n.harness.dialled, n.source(local), to)
	return n.harness.dialled, nil
}

func (n *VirtualNetwork) dial(a *attached, c spec.Conn, local, to netip.AddrPort) {
	if c <= 0 || a.streams[c] != nil {
		panic(fmt.Sprintf("conformance: a host dials its stream %d twice, or out of range", c))
	}
	e := &virtualEnd{owner: a, conn: c, local: local, remote: to, room: StreamWindow}
	a.streams[c] = e
	n.launch(flight{dial: e}, VirtualLatency)
}

// connect answers a request to connect on behalf of whoever is at its address.
func (n *VirtualNetwork) connect(from *virtualEnd) Arrival {
	if from.closed {
		return nil
	}
	a := n.listening(from.remote)
	if a == nil {
		n.tell(from, StreamEvent{Kind: StreamBroken, Err: ErrRefused})
		return nil
	}
	a.accepted--
	e := &virtualEnd{
		owner: a, conn: a.accepted, local: from.remote, remote: from.local, room: StreamWindow, peer: from,
	}
	a.streams[e.conn] = e
	from.peer = e
	n.tell(from, StreamEvent{Kind: StreamOpened})
	n.flush(from)
	return n.landStream(e, StreamEvent{Kind: StreamAccepted})
}

// listening is who accepts a stream at the address, or nil.
func (n *VirtualNetwork) listening(addr netip.AddrPort) *attached {
	if slices.Contains(n.harness.addrs, addr) && len(n.harness.streams) < MaxStreams {
		return &n.harness
	}
	if a := n.at(addr); a != nil {
		if _, ok := a.host.(StreamHost); ok && len(a.streams) < MaxStreams {
			return a
		}
	}
	return nil
}

// tell puts an event for an end on its way.
func (n *VirtualNetwork) tell(e *virtualEnd, event StreamEvent) {
	n.launch(flight{end: e, event: event}, VirtualLatency)
}

// landStream hands an event to the owner of the end.
func (n *VirtualNetwork) landStream(e *virtualEnd, event StreamEvent) Arrival {
	if e.closed || event.Kind == StreamData && e.owner != &n.harness {
		n.consume(e, len(event.Data)) // a host takes what it is given
	}
	if e.closed || event.Kind == StreamDrained && len(e.queue) > 0 { // more was written meanwhile
		return nil
	}
	event.At, event.Conn, event.Local, event.Remote = n.now, e.conn, e.local, e.remote
	if event.Kind == StreamBroken {
		n.forget(e)
	}
	if e.owner == &n.harness {
		return event
	}
	n.post(e.owner, e.owner.host.(StreamHost).Stream(n.now, event, nil))
	return nil
}

func (n *VirtualNetwork) forget(e *virtualEnd) {
	e.closed = true
	delete(e.owner.streams, e.conn)
}

// act does what a host wants done with a stream. One that has ended meanwhile
// is past caring.
func (n *VirtualNetwork) act(a *attached, o Outgoing) {
	if o.Op == DialStream {
		n.dial(a, o.Conn, n.source(netip.AddrPortFrom(a.source(o).Addr(), 0)), o.To)
		return
	}
	e := a.streams[o.Conn]
	if e == nil {
		return
	}
	switch o.Op {
	case WriteStream:
		n.write(e, o.Payload)
	case CloseStreamWrite:
		e.finishing = true
		n.flush(e)
	case CloseStream:
		n.closeEnd(e)
	case AbortStream:
		n.abort(e)
	}
}

// Write queues bytes.
func (n *VirtualNetwork) Write(c spec.Conn, b []byte) error {
	e := n.harness.streams[c]
	switch {
	case e == nil:
		return ErrReset
	case e.queued+len(b) > StreamQueue:
		return ErrClogged
	}
	n.write(e, b)
	return nil
}

func (n *VirtualNetwork) write(e *virtualEnd, b []byte) {
	if e.finishing || len(b) == 0 {
		return
	}
	e.queue = append(e.queue, append([]byte(nil), b...))
	e.queued += len(b)
	n.flush(e)
}

// flush sends what the peer's window takes, and then the end of this direction.
func (n *VirtualNetwork) flush(e *virtualEnd) {
	if e.peer == nil {
		return
	}
	sent := false
	for len(e.queue) > 0 && e.room > 0 {
		b := e.queue[0]
		size := min(len(b), e.room)
		e.queue[0] = b[size:]
		if size == len(b) {
			e.queue = e.queue[1:]
		}
		e.room, e.queued, sent = e.room-size, e.queued-size, true
		n.tell(e.peer, StreamEvent{Kind: StreamData, Data: b[:size:size]})
	}
	switch {
	case len(e.queue) > 0 || e.finished:
	case e.finishing:
		e.finished = true
		n.tell(e.peer, StreamEvent{Kind: StreamEnded})
	case sent:
		n.launch(flight{end: e, event: StreamEvent{Kind: StreamDrained}}, 0)
	}
}

// Consume makes room in the window of the other end.
func (n *VirtualNetwork) Consume(c spec.Conn, size int) {
	if e := n.harness.streams[c]; e != nil {
		n.consume(e, size)
	}
}

func (n *VirtualNetwork) consume(e *virtualEnd, size int) {
	if e.peer != nil {
		e.peer.room += size
		n.flush(e.peer)
	}
}

// CloseWrite ends this direction.
func (n *VirtualNetwork) CloseWrite(c spec.Conn) {
	if e := n.harness.streams[c]; e != nil {
		e.finishing = true
		n.flush(e)
	}
}

// CloseStream ends the stream in good order.
func (n *VirtualNetwork) CloseStream(c spec.Conn) {
	if e := n.harness.streams[c]; e != nil {
		n.closeEnd(e)
	}
}

// closeEnd stops listening; what the other end still writes is lost, and does
// not hold it up.
func (n *VirtualNetwork) closeEnd(e *virtualEnd) {
	e.finishing = true
	n.forget(e)
	n.flush(e)
	if e.peer != nil {
		n.consume(e, StreamWindow)
	}
}

// Abort resets the stream.
func (n *VirtualNetwork) Abort(c spec.Conn) {
	if e := n.harness.streams[c]; e != nil {
		n.abort(e)
	}
}

func (n *VirtualNetwork) abort(e *virtualEnd) {
	n.forget(e)
	e.queue = nil
	if e.peer != nil {
		n.tell(e.peer, StreamEvent{Kind: StreamBroken, Err: ErrReset})
	}
}

func (n *VirtualNetwork) resetAll(a *attached) {
	for _, c := range slices.Sorted(maps.Keys(a.streams)) {
		n.abort(a.streams[c])
	}
}
