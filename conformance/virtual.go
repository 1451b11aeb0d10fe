package conformance

import (
	"container/heap"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Host is a participant of a [VirtualNetwork] at the level of payloads, so
// that even one which speaks no protocol at all can be judged.
type Host interface {
	// Deliver hands over one datagram and appends what the host does.
	Deliver(now time.Duration, d Datagram, out []Outgoing) []Outgoing
	// Wake lets time pass.
	Wake(now time.Duration, out []Outgoing) []Outgoing
	// Deadline is when the host wants to be woken.
	Deadline() (time.Duration, bool)
}

// StreamHost is a host that also accepts streams. Another refuses them.
type StreamHost interface {
	Host
	// Stream hands over what happened to one of the host's streams and appends
	// what the host does.
	Stream(now time.Duration, e StreamEvent, out []Outgoing) []Outgoing
}

// Outgoing is one thing that a host does. The zero Op sends Payload as a
// datagram; the zero From means the host's own address of To's family.
type Outgoing struct {
	Op       StreamOp
	From, To netip.AddrPort
	Conn     spec.Conn // of the stream, as the host numbers them
	Payload  []byte
}

// StreamOp is what a host does with one of its streams. It numbers those that
// it dials as [spec.Conn] says; the network numbers those that it accepts.
type StreamOp uint8

const (
	DialStream       StreamOp = iota + 1 // open Conn to To
	WriteStream                          // write Payload
	CloseStreamWrite                     // end this direction, after what was written
	CloseStream                          // end both, after what was written, and hear no more
	AbortStream                          // reset it, and hear no more
)

// VirtualLatency is the one-way delay on a [VirtualNetwork].
const VirtualLatency = time.Millisecond

// VirtualNetwork joins the harness to hosts on virtual time: waiting a
// quarter of an hour costs nothing, and a run repeats exactly.
type VirtualNetwork struct {
	now     time.Duration
	seq     uint64
	queue   flights
	hosts   []*attached
	harness attached // its own streams and listeners
	sockets map[netip.AddrPort]bool
	next    uint32
	woken   bool
}

// attached is a party of the network.
type attached struct {
	addrs    []netip.AddrPort // of the harness: where it listens
	host     Host             // nil for the harness
	streams  map[spec.Conn]*virtualEnd
	dialled  spec.Conn // the last numbers that the network gave
	accepted spec.Conn
}

// NewVirtualNetwork returns an empty network at time zero.
func NewVirtualNetwork() *VirtualNetwork {
	return &VirtualNetwork{
		sockets: map[netip.AddrPort]bool{}, harness: attached{streams: map[spec.Conn]*virtualEnd{}},
	}
}

// Attach places a host at its addresses, at most one of each family.
func (n *VirtualNetwork) Attach(h Host, addrs ...netip.AddrPort) {
	n.hosts = append(n.hosts, &attached{addrs: addrs, host: h, streams: map[spec.Conn]*virtualEnd{}})
}

// Detach removes a host: what is under way to it is lost, and its streams are
// reset.
func (n *VirtualNetwork) Detach(h Host) {
	for i, a := range n.hosts {
		if a.host == h {
			n.hosts = append(n.hosts[:i], n.hosts[i+1:]...)
			n.resetAll(a)
			return
		}
	}
}

// Emit does what a host wants done outside Deliver, Stream and Wake.
func (n *VirtualNetwork) Emit(h Host, out []Outgoing) {
	for _, a := range n.hosts {
		if a.host == h {
			n.post(a, out)
		}
	}
}

// Now is virtual time; it moves only in Recv.
func (n *VirtualNetwork) Now() time.Duration { return n.now }

// Virtual is true.
func (n *VirtualNetwork) Virtual() bool { return true }

// Wake ends the Recv that is under way, which a host's effect may call for.
func (n *VirtualNetwork) Wake() { n.woken = true }

// Shut has nothing to release.
func (n *VirtualNetwork) Shut() {}

// Open binds a socket; the zero address means the next of 127.1.0.0/16.
func (n *VirtualNetwork) Open(local netip.AddrPort) (netip.AddrPort, error) {
	local = n.source(local)
	if n.sockets[local] {
		return netip.AddrPort{}, fmt.Errorf("%v is in use", local)
	}
	n.sockets[local] = true
	return local, nil
}

func (n *VirtualNetwork) source(local netip.AddrPort) netip.AddrPort {
	if !local.Addr().IsValid() {
		n.next++
		local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(n.next >> 8), byte(n.next)}), local.Port())
	}
	if local.Port() == 0 {
		n.seq++
		local = netip.AddrPortFrom(local.Addr(), uint16(20000+n.seq%40000))
	}
	return local
}

// Close releases a socket.
func (n *VirtualNetwork) Close(local netip.AddrPort) { delete(n.sockets, local) }

// Send puts one payload on its way.
func (n *VirtualNetwork) Send(from, to netip.AddrPort, payload []byte) error {
	n.launch(flight{datagram: Datagram{
		At: n.now + VirtualLatency, From: from, To: to, Data: append([]byte(nil), payload...),
	}}, VirtualLatency)
	return nil
}

// Recv advances virtual time to the next arrival at the harness.
func (n *VirtualNetwork) Recv(until time.Duration) (Arrival, bool) {
	for !n.woken {
		at, due := n.nextWake()
		if len(n.queue) > 0 && (due == nil || n.queue[0].at <= at) {
			if n.queue[0].at > until {
				break
			}
			f := heap.Pop(&n.queue).(flight)
			n.now = f.at
			if a := n.land(f); a != nil {
				return a, true
			}
			continue
		}
		if due == nil || at > until {
			break
		}
		n.now = max(n.now, at)
		n.post(due, due.host.Wake(n.now, nil))
	}
	if !n.woken {
		n.now = max(n.now, until)
	}
	n.woken = false
	return nil, false
}

func (n *VirtualNetwork) nextWake() (at time.Duration, due *attached) {
	for _, a := range n.hosts {
		if d, ok := a.host.Deadline(); ok && (due == nil || d < at) {
			at, due = d, a
		}
	}
	return at, due
}

// land hands a flight to its host, or returns what is for the harness.
func (n *VirtualNetwork) land(f flight) Arrival {
	switch {
	case f.dial != nil:
		return n.connect(f.dial)
	case f.end != nil:
		return n.landStream(f.end, f.event)
	case n.sockets[f.datagram.To]:
		return f.datagram
	}
	if a := n.at(f.datagram.To); a != nil {
		n.post(a, a.host.Deliver(n.now, f.datagram, nil))
	}
	return nil
}

// at is the host with the address, or nil.
func (n *VirtualNetwork) at(addr netip.AddrPort) *attached {
	for _, a := range n.hosts {
		if slices.Contains(a.addrs, addr) {
			return a
		}
	}
	return nil
}

func (n *VirtualNetwork) post(a *attached, out []Outgoing) {
	for _, o := range out {
		if o.Op != 0 {
			n.act(a, o)
			continue
		}
		if from := a.source(o); from.IsValid() {
			_ = n.Send(from, o.To, o.Payload) // never fails
		}
	}
}

// source is the address that a host sends from.
func (a *attached) source(o Outgoing) netip.AddrPort {
	from := o.From
	for _, addr := range a.addrs {
		if !from.IsValid() && addr.Addr().Is4() == o.To.Addr().Is4() {
			from = addr
		}
	}
	return from
}

// flight is what is under way: a datagram, a request to connect, or an event
// of a stream.
type flight struct {
	at       time.Duration
	seq      uint64
	datagram Datagram
	dial     *virtualEnd
	end      *virtualEnd
	event    StreamEvent
}

// launch puts f on its way; flights of one instant land in order.
func (n *VirtualNetwork) launch(f flight, after time.Duration) {
	n.seq++
	f.at, f.seq = n.now+after, n.seq
	heap.Push(&n.queue, f)
}

// flights is a heap by (arrival, sequence).
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at < f[j].at || f[i].at == f[j].at && f[i].seq < f[j].seq
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}
