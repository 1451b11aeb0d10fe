package cluster

import (
	"container/heap"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Router carries the messages of a cluster: between nodes with the latency and
// the faults that a case asks for, to and from clients at once. It is the
// [conformance.Network] of its case, and what it does is done in Recv.
//
// Its nodes are machines on virtual time, or processes on real time; never both.
type Router struct {
	noSockets
	virtual bool
	began   time.Time
	now     time.Duration // on virtual time
	rand    spec.Rand
	latency Latency
	seq     uint64
	queue   flights
	seats   []*seat
	faults  []*Fault
	clients map[string]*client
	carried int           // messages between nodes, since the start
	lag     time.Duration // by which we were late ourselves, at most
	woken   bool
	bell    chan struct{}
	mu      sync.Mutex
	rung    bool

	plain    bool               // as Maelstrom has it: with services, and lenient towards what its clients overlook
	services map[string]service // by name; nil unless plain
	odd      []string           // what its clients overlook
	mayEnd   bool               // a node that ends is dead, and no more

	// draw illustrates what has happened; nil while there is no cluster.
	draw func() []conformance.Diagram
	// see is told of each message as it is handed over, or lost.
	see func(Passed)
	// breach is the first thing that a node did which the protocol forbids.
	breach *Breach
}

// Passed is a message that the router has seen.
type Passed struct {
	Sent time.Duration // when its sender wrote it
	At   time.Duration // when it was handed over, or lost
	Msg  stdio.Message
	Lost string // why it was not handed over, or ""
}

// Breach is something that a node did which the protocol forbids: it wrote what
// is no message, answered what it was not asked, or ended.
type Breach struct {
	Node string
	Err  error
}

func (b *Breach) Error() string { return b.Node + ": " + b.Err.Error() }

// Failure words the verdict of the case in which it happened.
func (b *Breach) Failure() conformance.Failure {
	f := conformance.Failure{Message: b.Error(), Whose: conformance.TargetFault}
	var line *stdio.LineError
	if errors.As(b.Err, &line) {
		f.Message = b.Node + " writes a line that is no message"
		f.Expected, f.Got, f.Causes = []string{string(line.Rule)}, line.Text, line.Causes()
		if line.Err != nil {
			f.Where = line.Err.Error()
		}
	}
	return f
}

// maxCarried bounds the messages between the nodes of one cluster: a hundred
// times what any case needs. Nodes that answer each other for ever would not let
// virtual time pass.
const maxCarried = 1 << 20

// seat is the place of one node, which a process or a machine fills.
type seat struct {
	name   string
	link   link
	begun  bool // it has answered init: until then nothing but a client's request reaches it
	paused bool
	held   [][]byte // what came while it had not begun, or was paused
	down   bool     // killed, or never started
}

func newRouter(virtual bool) *Router {
	return &Router{
		virtual: virtual, began: time.Now(), latency: Constant(time.Millisecond),
		clients: map[string]*client{}, bell: make(chan struct{}, 1),
	}
}

// Now is the time since the router was made.
func (r *Router) Now() time.Duration {
	if r.virtual {
		return r.now
	}
	return time.Since(r.began)
}

// Virtual reports that waiting costs no real time.
func (r *Router) Virtual() bool { return r.virtual }

// Wake makes a Recv that is under way return.
func (r *Router) Wake() {
	r.mu.Lock()
	r.rung = true
	r.mu.Unlock()
	r.ring()
}

// ring lets a Recv that waits look what processes have written.
func (r *Router) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// Recv carries messages until one reaches a client, a node breaks the protocol,
// or the time has come. It never returns an arrival.
func (r *Router) Recv(until time.Duration) (conformance.Arrival, bool) {
	for !r.wakeUp() {
		at, due := r.next()
		switch now := r.Now(); {
		case due != nil && at <= now:
			r.late(now - at)
			due()
		case now >= until:
			return nil, false
		case due == nil || at > until:
			r.sleep(until)
		default:
			r.sleep(at)
		}
	}
	return nil, false
}

// late keeps the longest delay of our own: a machine that is too busy makes
// nodes miss the answers of their peers. On virtual time there is none: what is
// overdue there is a timer of a node that was paused.
func (r *Router) late(by time.Duration) {
	if !r.virtual {
		r.lag = max(r.lag, by)
	}
}

// wakeUp collects what nodes have written, and reports whether Recv is to return.
func (r *Router) wakeUp() bool {
	for _, s := range r.seats {
		if s.link != nil {
			r.collect(s)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	woken := r.woken || r.rung
	r.woken, r.rung = false, false
	return woken
}

// sleep waits until a time, or until a process has written something.
func (r *Router) sleep(until time.Duration) {
	if r.virtual {
		r.now = max(r.now, until)
		return
	}
	until = min(until, r.Now()+longestSleep)
	timer := time.NewTimer(until - r.Now())
	defer timer.Stop()
	select {
	case <-r.bell:
	case <-timer.C:
		r.late(r.Now() - until)
	}
}

// longestSleep is how often at least the router sees whether it is woken in time.
const longestSleep = 20 * time.Millisecond

// next is the earliest thing to do.
func (r *Router) next() (at time.Duration, due func()) {
	if len(r.queue) > 0 {
		at, due = r.queue[0].at, r.land
	}
	for _, s := range r.seats {
		if s.link == nil || s.paused {
			continue
		}
		if d, ok := s.link.deadline(); ok && (due == nil || d < at) {
			at, due = d, func() { s.link.wake(r.Now()) }
		}
	}
	return at, due
}

// collect routes what a node has written.
func (r *Router) collect(s *seat) {
	lines, err := s.link.read()
	for _, line := range lines {
		if r.breach != nil {
			return // the case is over, and the rest may be a flood
		}
		r.accept(s, line)
	}
	switch {
	case err == nil:
	case r.mayEnd:
		s.link.kill()
		s.link, s.down, r.woken = nil, true, true
		r.odd = append(r.odd, s.name+": "+err.Error())
	default:
		r.breaks(s.name, err)
	}
}

func (r *Router) accept(s *seat, line []byte) {
	m, err := stdio.Parse(line)
	switch {
	case err != nil:
		r.breaks(s.name, err)
		return
	case m.Src != s.name && !(r.plain && r.knows(m.Src)):
		r.breaks(s.name, fmt.Errorf("src is the name of the node itself, and not %q; the line is %.200q", m.Src, line))
		return
	}
	m.Src = s.name // who passes on a client's request leaves the client's name in the line, as Maelstrom allows
	if c := r.clients[m.Dest]; c != nil {
		if m.Body.Type == "init_ok" {
			s.begun = true
			r.release(s)
		}
		r.pass(Passed{Sent: r.Now(), At: r.Now(), Msg: m})
		r.woken = true
		if err := c.hear(r.Now(), m, r.plain); err != nil {
			r.oddly(s.name, fmt.Errorf("%w; the line is %.200q", err, line))
		}
		return
	}
	if r.seat(m.Dest) == nil && r.services[m.Dest] == nil {
		r.unknown(s, m)
		return
	}
	r.carry(m, line)
}

// knows reports that there is somebody of the name.
func (r *Router) knows(name string) bool {
	return r.seat(name) != nil || r.clients[name] != nil || r.services[name] != nil
}

// oddly takes what a client is sent and has not asked for: Maelstrom overlooks it.
func (r *Router) oddly(node string, err error) {
	switch {
	case !r.plain:
		r.breaks(node, err)
	case len(r.odd) < oddKept:
		r.odd = append(r.odd, node+": "+err.Error())
	}
}

// oddKept bounds what is kept of a node that goes on like that.
const oddKept = 8

// unknown answers a message to nobody: the node may have made up a name.
func (r *Router) unknown(s *seat, m stdio.Message) {
	r.pass(Passed{Sent: r.Now(), At: r.Now(), Msg: m, Lost: "there is no node of that name"})
	if m.Body.MsgID == nil || strings.HasPrefix(m.Dest, clientPrefix) {
		return
	}
	why := stdio.Errorf(stdio.NodeNotFound, "there is no node %s", m.Dest)
	s.link.write(r.Now(), stdio.Append(nil, m.Dest, m.Src, stdio.Answer("error", *m.Body.MsgID, why.Fields())))
}

// carry puts a message between nodes on its way.
func (r *Router) carry(m stdio.Message, line []byte) {
	if r.carried++; r.carried > maxCarried {
		r.breaks(m.Src, fmt.Errorf("the nodes have sent more than %d messages", maxCarried))
		return
	}
	copies := 1
	for _, f := range r.befalls(m) {
		if f.dropsAtSend(m, &r.rand) {
			r.pass(Passed{Sent: r.Now(), At: r.Now(), Msg: m, Lost: f.what})
			return
		}
		if f.duplicates(m, &r.rand) {
			copies++
		}
	}
	for range copies {
		r.seq++
		now := r.Now()
		heap.Push(&r.queue, flight{sent: now, at: now + r.latency.draw(&r.rand), seq: r.seq, msg: m, line: line})
	}
}

// land hands over the message that is due.
func (r *Router) land() {
	f := heap.Pop(&r.queue).(flight)
	for _, fault := range r.befalls(f.msg) {
		if fault.dropsAtArrival(f.msg) {
			r.pass(Passed{Sent: f.sent, At: r.Now(), Msg: f.msg, Lost: fault.what})
			return
		}
	}
	r.hand(f.sent, f.msg, f.line)
}

// befalls are the faults that a message may meet: one to or from a service none.
func (r *Router) befalls(m stdio.Message) []*Fault {
	if r.services[m.Src] != nil || r.services[m.Dest] != nil {
		return nil
	}
	return r.faults
}

// serve has a service answer.
func (r *Router) serve(by service, m stdio.Message) {
	fields, failed := by.handle(&r.rand, m.Src, m.Body)
	if m.Body.MsgID == nil {
		return // it wants no answer
	}
	typ := m.Body.Type + "_ok"
	if failed != nil {
		typ, fields = "error", failed.Fields()
	}
	line := stdio.Append(nil, m.Dest, m.Src, stdio.Answer(typ, *m.Body.MsgID, fields))
	answer, _ := stdio.Parse(line) // it is ours
	r.carry(answer, line)
}

// hand gives a message to its node, or keeps it for one that is not ready for it.
func (r *Router) hand(sent time.Duration, m stdio.Message, line []byte) {
	p := Passed{Sent: sent, At: r.Now(), Msg: m}
	if by := r.services[m.Dest]; by != nil {
		r.pass(p)
		r.serve(by, m)
		return
	}
	s := r.seat(m.Dest)
	switch {
	case s.down:
		p.Lost = m.Dest + " is dead"
	case s.paused:
		p.Lost = m.Dest + " is paused"
		s.held = append(s.held, line)
	case !s.begun && r.seat(m.Src) != nil:
		s.held = append(s.held, line) // of a node whose init came first: none has to know what to do with it
	default:
		s.link.write(r.Now(), line)
	}
	for _, f := range r.faults {
		f.count(p)
	}
	r.pass(p)
}

// release hands over what was kept.
func (r *Router) release(s *seat) {
	if !s.begun || s.paused {
		return
	}
	for _, line := range s.held {
		s.link.write(r.Now(), line)
	}
	s.held = nil
}

func (r *Router) pass(p Passed) {
	if r.see != nil {
		r.see(p)
	}
}

// breaks records the first breach of the protocol.
func (r *Router) breaks(node string, err error) {
	if r.breach == nil {
		r.breach = &Breach{node, err}
	}
	r.woken = true
}

func (r *Router) seat(name string) *seat {
	i := slices.IndexFunc(r.seats, func(s *seat) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return r.seats[i]
}

// Diagrams show what has gone over the network.
func (r *Router) Diagrams() []conformance.Diagram {
	if r.draw == nil {
		return nil
	}
	return r.draw()
}

// Shut kills all nodes.
func (r *Router) Shut() { r.clear() }

func (r *Router) clear() {
	for _, s := range r.seats {
		if s.link != nil {
			s.link.kill()
		}
	}
	r.seats, r.queue, r.faults, r.breach, r.carried, r.odd = nil, nil, nil, nil, 0, nil
	r.draw, r.mayEnd = nil, false
}

// flight is a message under way.
type flight struct {
	sent time.Duration
	at   time.Duration
	seq  uint64
	msg  stdio.Message
	line []byte
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

// noSockets is the part of a [conformance.Network] that a cluster has not: its
// nodes have no addresses.
type noSockets struct{}

var errNoSockets = errors.New("the nodes of a cluster speak on stdin and stdout alone")

func (noSockets) Open(netip.AddrPort) (netip.AddrPort, error)       { return netip.AddrPort{}, errNoSockets }
func (noSockets) Close(netip.AddrPort)                              {}
func (noSockets) Send(netip.AddrPort, netip.AddrPort, []byte) error { return errNoSockets }
func (noSockets) Listen(netip.AddrPort) (netip.AddrPort, error) {
	return netip.AddrPort{}, errNoSockets
}
func (noSockets) Unlisten(netip.AddrPort)                                {}
func (noSockets) Dial(netip.AddrPort, netip.AddrPort) (spec.Conn, error) { return 0, errNoSockets }
func (noSockets) Write(spec.Conn, []byte) error                          { return errNoSockets }
func (noSockets) Consume(spec.Conn, int)                                 {}
func (noSockets) CloseWrite(spec.Conn)                                   {}
func (noSockets) CloseStream(spec.Conn)                                  {}
func (noSockets) Abort(spec.Conn)                                        {}
