// Package sim is a deterministic network on virtual time for [spec.Machine]
// nodes: the same seed and the same calls give the same run, on every
// architecture, so that any failing run repeats from its seed.
//
// A [Network] owns the clock. Nothing happens between its events, so an hour
// of idle protocol costs as much as its timers. Messages travel as typed
// values, or, with [Config.Codec], as the bytes of the wire format. Every
// schedule decision is integer arithmetic on one [spec.Rand] stream.
//
// Datagrams have the properties of a [Link]. Streams arrive whole and in order
// after the latency of the link, drawn once for each direction of a stream, and
// share the rates of a [Host]. Nothing compresses them: [spec.Deflate] has no effect,
// and a message counts for its own bytes. Pieces are kept by the same host: Store, Load
// and Verify cost time, but no content is kept.
//
// A Network is not safe for concurrent use; run many of them side by side.
package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a network. The zero value is a perfect one: no latency, no
// loss, typed messages, seed zero.
type Config struct {
	Seed  [32]byte
	Link  Link       // every path that SetLink does not override
	Codec spec.Codec // nil: messages travel as values
	Check bool       // call Machine.Check after every step and panic on a violation

	Host        Host                   // of every node that SetHost does not place
	StreamCodec spec.StreamCodec       // nil: the messages of streams travel as values
	StreamSize  func(spec.Message) int // bytes that such a value counts for; nil: TypedSize
	// Piece is what Verify finds: the bytes there are to hash, and whether they
	// have the right hash. nil: every piece is good and empty.
	Piece func(node netip.AddrPort, piece int32) (size int64, good bool)
}

// Stats counts datagrams since New. At any moment
//
//	Sent + Duplicated = Delivered + Lost + Cut + Unreachable + Malformed + InFlight
type Stats struct {
	Sent        uint64 // Send effects performed
	Duplicated  uint64 // extra copies made by Link.Duplicate
	Delivered   uint64 // copies handed to a machine
	Lost        uint64 // dropped by Link.Loss
	Cut         uint64 // dropped by Cut or Partition
	Unreachable uint64 // nobody at the address, when sent or when delivered
	Malformed   uint64 // refused by the codec, either way
	InFlight    uint64 // copies under way
	Bytes       uint64 // payload of every copy that entered a link, see TypedSize
	Steps       uint64 // Machine.Step calls
}

// Network is a set of machines, the messages between them and a clock.
type Network struct {
	cfg   Config
	rand  spec.Rand
	now   time.Duration
	queue queue
	seq   uint64 // of the last event pushed; 0 is never used

	nodes   []node
	index   map[netip.AddrPort]int32
	packets slab[packet]
	calls   slab[func()]
	base    linkState // Config.Link
	links   map[path]*linkState
	cuts    []cut

	hosts   []*host
	flights slab[flight]
	answers slab[answer]
	pending []pending
	zeroes  []byte // what a Load finds, shared
	streams StreamStats

	depth   int           // of steps under way
	out     []spec.Effect // reused between steps
	observe func(at time.Duration, addr netip.AddrPort, e spec.Effect)
	trace   *Trace
	stats   Stats
}

// node is one address; machine is nil while it is down.
type node struct {
	machine spec.Machine
	addr    netip.AddrPort
	clock   Clock
	wakeAt  time.Duration
	wakeSeq uint64 // of the one valid wake event in the queue, 0 when none
	party   *party // nil without streams and pieces
	life    uint32 // tells its machines apart: none hears what another asked
}

// New returns an empty network at time zero.
func New(cfg Config) *Network {
	return &Network{
		cfg:   cfg,
		rand:  spec.NewRand(cfg.Seed),
		base:  linkState{Link: cfg.Link},
		index: make(map[netip.AddrPort]int32),
		links: make(map[path]*linkState),
	}
}

// Now is the virtual time since New.
func (n *Network) Now() time.Duration { return n.now }

// Stats returns the counters.
func (n *Network) Stats() Stats { return n.stats }

// Rand is the network's own stream, for scripts that must repeat with it.
func (n *Network) Rand() *spec.Rand { return &n.rand }

// OnEffect sets the observer of every effect that the network does not perform
// itself: Notify, Done, Drop and a core's own. It may call the network again. A
// message that the codec refuses is shown to it as a [spec.Drop] without a
// clause.
func (n *Network) OnEffect(f func(at time.Duration, addr netip.AddrPort, e spec.Effect)) {
	n.observe = f
}

// Add puts a machine that was created at Now (see [Network.LocalNow] for a
// skewed clock) at addr. It panics when a node is up there.
func (n *Network) Add(addr netip.AddrPort, m spec.Machine) {
	i := n.slot(addr)
	if n.nodes[i].machine != nil {
		panic(fmt.Sprintf("sim: Add: a node is already up at %v", addr))
	}
	n.nodes[i].machine = m
	n.record(i, Started{})
	n.arm(i)
}

// Machine returns the machine at addr, nil when none is up. It is the live
// one: look, do not Step.
func (n *Network) Machine(addr netip.AddrPort) spec.Machine {
	i, ok := n.index[addr]
	if !ok {
		return nil
	}
	return n.nodes[i].machine
}

// Crash takes the node at addr down with all its state. Messages to it are
// lost until Restart; those it has sent still arrive. Its streams are reset.
func (n *Network) Crash(addr netip.AddrPort) {
	if i, ok := n.index[addr]; ok {
		n.nodes[i].machine, n.nodes[i].wakeSeq = nil, 0
		n.nodes[i].life++
		n.abandon(i)
	}
}

// Restart replaces whatever is at addr by the machine that start returns. Now
// is the node's own clock. An address not seen before is added.
func (n *Network) Restart(addr netip.AddrPort, start func(now time.Duration) spec.Machine) {
	n.Crash(addr)
	n.Add(addr, start(n.LocalNow(addr)))
}

// Remove forgets the node at addr, with its clock. Its slot stays allocated,
// so an address that comes back is better served by Crash and Restart.
func (n *Network) Remove(addr netip.AddrPort) {
	n.Crash(addr)
	delete(n.index, addr)
}

// Input steps the node at addr with a local command at Now. It reports whether
// a node was up there.
func (n *Network) Input(addr netip.AddrPort, in spec.Input) bool {
	i, ok := n.index[addr]
	if !ok || n.nodes[i].machine == nil {
		return false
	}
	n.step(i, in)
	return true
}

// At calls f at time t, or at once when t has passed, in the order of events.
func (n *Network) At(t time.Duration, f func()) {
	slot, call := n.calls.take()
	*call = f
	n.push(max(t, n.now), kindCall, slot)
}

// Step performs the next event and reports whether there was one.
func (n *Network) Step() bool {
	for {
		e, ok := n.queue.pop()
		if !ok {
			return false
		}
		if n.perform(e) {
			return true
		}
	}
}

// RunUntil performs every event up to and including t, then sets Now to t.
func (n *Network) RunUntil(t time.Duration) {
	for len(n.queue) > 0 && n.queue[0].at <= t {
		n.perform(n.queue.mustPop())
	}
	n.now = max(n.now, t)
}

// RunFor is RunUntil(Now + d).
func (n *Network) RunFor(d time.Duration) { n.RunUntil(n.now + d) }

// RunIdle performs events until no message is under way and no disk at work, or
// until the next event lies after the time limit. It reports whether the network fell quiet.
// Armed timers do not count: a machine with a periodic one is never idle.
func (n *Network) RunIdle(limit time.Duration) bool {
	for n.stats.InFlight > 0 || n.flights.used() > 0 || n.answers.used() > 0 {
		if len(n.queue) == 0 || n.queue[0].at > limit {
			return false
		}
		n.perform(n.queue.mustPop())
	}
	return true
}

// perform applies one event. It reports false for one that was superseded.
func (n *Network) perform(e event) bool {
	switch e.kind {
	case kindPacket:
		n.now = e.at
		n.deliver(e.slot)
	case kindWake:
		return n.wake(e)
	case kindArrive:
		n.now = e.at
		n.arrive(e.slot)
	case kindDeliver:
		n.now = e.at
		n.flights.at(e.slot).to.waiting--
		n.handOver(e.slot)
	case kindUplink:
		return n.uplinkDue(e)
	case kindAnswer:
		n.now = e.at
		a := *n.answers.at(e.slot)
		n.answers.release(e.slot)
		n.replied(a)
	case kindCall:
		n.now = e.at
		f := *n.calls.at(e.slot)
		n.calls.release(e.slot)
		f()
	}
	return true
}

// wake fires the timers of a node. Deadlines move later far more often than
// earlier, so a pending wake is left in the queue and only looked at here.
func (n *Network) wake(e event) bool {
	i := int32(e.slot)
	nd := &n.nodes[i]
	if nd.wakeSeq != e.seq {
		return false
	}
	nd.wakeSeq = 0
	at, ok := nd.machine.Deadline()
	if !ok {
		return false
	}
	if due := nd.clock.global(at); due > e.at {
		n.schedule(i, due)
		return false
	}
	n.now = e.at
	n.step(i, spec.Wake{})
	return true
}

// step hands one input to a node and performs what comes back. Observers may
// reenter, so the effects buffer is taken away while it is in use.
func (n *Network) step(i int32, in spec.Input) {
	n.record(i, in)
	n.stats.Steps++
	nd := &n.nodes[i]
	out := nd.machine.Step(nd.clock.local(n.now), in, n.out[:0])
	n.out = nil
	if n.cfg.Check {
		if err := nd.machine.Check(); err != nil {
			n.fail(i, err)
		}
	}
	n.arm(i)
	n.depth++
	life := n.nodes[i].life
	for _, e := range out {
		n.effect(i, life, e)
	}
	n.depth--
	clear(out)
	n.out = out
	n.flush()
}

// effect performs one effect of the given life of a node. An observer may have
// ended it since: its streams and its disk are gone then.
func (n *Network) effect(i int32, life uint32, e spec.Effect) {
	gone := n.nodes[i].life != life
	switch e := e.(type) {
	case spec.Send:
		n.send(i, e)
	case spec.Dial, spec.Write, spec.Close:
		if !gone {
			n.onStream(i, e)
		}
	case spec.Load, spec.Store, spec.Verify:
		if !gone {
			n.onDisk(i, e)
		}
	case spec.Deflate: // messages do not get shorter here
	default:
		n.tell(i, e)
	}
}

// arm makes sure that a wake event lies at or before the node's deadline.
func (n *Network) arm(i int32) {
	nd := &n.nodes[i]
	at, ok := nd.machine.Deadline()
	if !ok {
		return
	}
	due := nd.clock.global(at)
	if due <= n.now {
		n.fail(i, fmt.Errorf("Deadline %v is not after the step at %v", at, nd.clock.local(n.now)))
	}
	if nd.wakeSeq == 0 || due < nd.wakeAt {
		n.schedule(i, due)
	}
}

func (n *Network) schedule(i int32, due time.Duration) {
	n.nodes[i].wakeAt = due
	n.nodes[i].wakeSeq = n.push(due, kindWake, uint32(i))
}

func (n *Network) push(at time.Duration, kind uint8, slot uint32) uint64 {
	n.seq++
	n.queue.push(event{at: at, seq: n.seq, slot: slot, kind: kind})
	return n.seq
}

func (n *Network) tell(i int32, e spec.Effect) {
	if n.observe != nil {
		n.observe(n.now, n.nodes[i].addr, e)
	}
}

func (n *Network) slot(addr netip.AddrPort) int32 {
	i, ok := n.index[addr]
	if !ok {
		i = int32(len(n.nodes))
		n.nodes = append(n.nodes, node{addr: addr})
		n.index[addr] = i
	}
	return i
}

func (n *Network) record(i int32, in spec.Input) {
	if n.trace != nil {
		nd := &n.nodes[i]
		n.trace.Records = append(n.trace.Records, Record{nd.clock.local(n.now), nd.addr, in})
	}
}

// fail stops a run in which a machine broke its contract.
func (n *Network) fail(i int32, err error) {
	panic(fmt.Sprintf("sim: seed %x, at %v, node %v: %v", n.cfg.Seed, n.now, n.nodes[i].addr, err))
}
