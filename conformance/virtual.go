package conformance

import (
	"container/heap"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Host is a participant of a [VirtualNetwork] at the level of payloads, so
// that even one which speaks no protocol at all can be judged.
type Host interface {
	// Deliver hands over one datagram and appends what the host sends.
	Deliver(now time.Duration, d Datagram, out []Outgoing) []Outgoing
	// Wake lets time pass.
	Wake(now time.Duration, out []Outgoing) []Outgoing
	// Deadline is when the host wants to be woken.
	Deadline() (time.Duration, bool)
}

// Outgoing is one payload that a host sends. The zero From means the host's
// own address of To's family.
type Outgoing struct {
	From, To netip.AddrPort
	Payload  []byte
}

// VirtualLatency is the one-way delay on a [VirtualNetwork].
const VirtualLatency = time.Millisecond

// VirtualNetwork joins the harness to hosts on virtual time: waiting a
// quarter of an hour costs nothing, and a run repeats exactly.
type VirtualNetwork struct {
	now     time.Duration
	seq     uint64
	queue   flights
	hosts   []attached
	sockets map[netip.AddrPort]bool
	next    uint32
	woken   bool
}

type attached struct {
	addrs []netip.AddrPort
	host  Host
}

// NewVirtualNetwork returns an empty network at time zero.
func NewVirtualNetwork() *VirtualNetwork {
	return &VirtualNetwork{sockets: map[netip.AddrPort]bool{}}
}

// Attach places a host at its addresses, at most one of each family.
func (n *VirtualNetwork) Attach(h Host, addrs ...netip.AddrPort) {
	n.hosts = append(n.hosts, attached{addrs: addrs, host: h})
}

// Detach removes a host; what is under way to it is lost.
func (n *VirtualNetwork) Detach(h Host) {
	for i, a := range n.hosts {
		if a.host == h {
			n.hosts = append(n.hosts[:i], n.hosts[i+1:]...)
			return
		}
	}
}

// Emit sends what a host produced outside Deliver and Wake.
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
	if !local.Addr().IsValid() {
		n.next++
		local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(n.next >> 8), byte(n.next)}), local.Port())
	}
	if local.Port() == 0 {
		n.seq++
		local = netip.AddrPortFrom(local.Addr(), uint16(20000+n.seq%40000))
	}
	if n.sockets[local] {
		return netip.AddrPort{}, fmt.Errorf("%v is in use", local)
	}
	n.sockets[local] = true
	return local, nil
}

// Close releases a socket.
func (n *VirtualNetwork) Close(local netip.AddrPort) { delete(n.sockets, local) }

// Send puts one payload on its way.
func (n *VirtualNetwork) Send(from, to netip.AddrPort, payload []byte) error {
	n.seq++
	heap.Push(&n.queue, flight{
		seq: n.seq, d: Datagram{At: n.now + VirtualLatency, From: from, To: to, Data: append([]byte(nil), payload...)},
	})
	return nil
}

// Recv advances virtual time to the next datagram for the harness.
func (n *VirtualNetwork) Recv(until time.Duration) (Datagram, bool) {
	for !n.woken {
		at, due := n.nextWake()
		if len(n.queue) > 0 && (due == nil || n.queue[0].d.At <= at) {
			if n.queue[0].d.At > until {
				break
			}
			f := heap.Pop(&n.queue).(flight)
			n.now = f.d.At
			if n.sockets[f.d.To] {
				return f.d, true
			}
			n.handOver(f.d)
			continue
		}
		if due == nil || at > until {
			break
		}
		n.now = max(n.now, at)
		n.post(*due, due.host.Wake(n.now, nil))
	}
	if !n.woken {
		n.now = max(n.now, until)
	}
	n.woken = false
	return Datagram{}, false
}

func (n *VirtualNetwork) nextWake() (at time.Duration, due *attached) {
	for i := range n.hosts {
		if d, ok := n.hosts[i].host.Deadline(); ok && (due == nil || d < at) {
			at, due = d, &n.hosts[i]
		}
	}
	return at, due
}

func (n *VirtualNetwork) handOver(d Datagram) {
	for _, a := range n.hosts {
		for _, addr := range a.addrs {
			if addr == d.To {
				n.post(a, a.host.Deliver(n.now, d, nil))
				return
			}
		}
	}
}

func (n *VirtualNetwork) post(a attached, out []Outgoing) {
	for _, o := range out {
		from := o.From
		for _, addr := range a.addrs {
			if !from.IsValid() && addr.Addr().Is4() == o.To.Addr().Is4() {
				from = addr
			}
		}
		if from.IsValid() {
			_ = n.Send(from, o.To, o.Payload) // never fails
		}
	}
}

type flight struct {
	seq uint64
	d   Datagram
}

// flights is a heap by (arrival, sequence).
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].d.At < f[j].d.At || f[i].d.At == f[j].d.At && f[i].seq < f[j].seq
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}

// MachineHost makes a host of a machine and its codec.
type MachineHost struct {
	Machine spec.Machine
	Codec   spec.Codec
	// OnEffect sees what is not sent: Done, Notify, Drop. It may be nil.
	OnEffect func(now time.Duration, e spec.Effect)
	effects  []spec.Effect
}

// Apply steps the machine with one input of the driver's own.
func (h *MachineHost) Apply(now time.Duration, in spec.Input, out []Outgoing) []Outgoing {
	h.effects = h.Machine.Step(now, in, h.effects[:0])
	for _, e := range h.effects {
		send, ok := e.(spec.Send)
		if !ok {
			if h.OnEffect != nil {
				h.OnEffect(now, e)
			}
			continue
		}
		b, err := h.Codec.AppendMessage(nil, send.Msg)
		if err != nil {
			panic(fmt.Sprintf("conformance: the machine sent what its codec refuses: %v", err))
		}
		out = append(out, Outgoing{To: send.To, Payload: b})
	}
	return out
}

// Deliver parses one datagram; what does not parse is dropped.
func (h *MachineHost) Deliver(now time.Duration, d Datagram, out []Outgoing) []Outgoing {
	m, err := h.Codec.ParseMessage(d.Data)
	if err != nil {
		return out
	}
	return h.Apply(now, spec.Recv{From: d.From, Msg: m}, out)
}

// Wake lets the machine's timers fire.
func (h *MachineHost) Wake(now time.Duration, out []Outgoing) []Outgoing {
	return h.Apply(now, spec.Wake{}, out)
}

// Deadline is the machine's.
func (h *MachineHost) Deadline() (time.Duration, bool) { return h.Machine.Deadline() }
