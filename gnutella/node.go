package gnutella

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Node is one servent, a [spec.Machine].
type Node struct {
	cfg *Config
	now time.Duration // of the last Step
	rng spec.Rand
	id  wire.GUID

	mode    Mode // an ultrapeer may become a leaf
	stopped bool // until Connect

	lastDial   spec.Conn
	conns      []*conn // in the order of their beginnings
	hosts      []host  // that could be dialled, the oldest first
	maintainAt time.Duration

	seen     routes // pings, queries and pushes
	servents routes // by servent id: where its hits came from
	pongs    []cached

	table   merged
	dynamic []dynamic // queries under way, in the order of their beginnings

	searches []searching // of a leaf itself, the latest

	owed     []owed // hits out of band: of the servent
	promised []promised
}

var _ spec.Machine = (*Node)(nil)

// never is a deadline that is not armed.
const never = time.Duration(1<<63 - 1)

// New returns a servent that starts at now. It does nothing until it is told whom
// to dial or is connected to. The error names the field of cfg that is wrong.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: &cfg, now: now, rng: spec.NewRand(cfg.Seed), mode: cfg.Mode, maintainAt: never}
	n.id = wire.NewGUID(&n.rng)
	n.seen, n.servents = newRoutes(cfg.Seed), newRoutes(cfg.Seed)
	return n, nil
}

// ServentID is what hits name the servent by; it never changes (GN-QH-10).
func (n *Node) ServentID() wire.GUID { return n.id }

// Mode is the role at present.
func (n *Node) Mode() Mode { return n.mode }

// Library is what is shared.
func (n *Node) Library() *Library { return n.cfg.Library }

// Link is a connection whose handshake has ended well.
type Link struct {
	Conn   spec.Conn
	Remote netip.AddrPort
	Mode   Mode
	Table  int // words in the query routing table that came, and prefixes; -1: none came
}

// Links lists the connections that can be used.
func (n *Node) Links() (list []Link) {
	for _, c := range n.conns {
		if c.phase != talking {
			continue
		}
		link := Link{c.id, c.remote, c.mode, -1}
		if t := c.routes.Table(); t != nil {
			link.Table = t.Filled()
		}
		list = append(list, link)
	}
	return list
}

// Seen is how many descriptors and how many servents are remembered.
func (n *Node) Seen() (descriptors, servents int) { return len(n.seen.list), len(n.servents.list) }

// Step implements [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	s := step{Node: n, out: out}
	s.fireTimers()
	s.apply(in)
	s.settle()
	return s.out
}

// step is a node while it takes a Step, with the effects so far: what may have
// effects is a method of step, the rest is the node's.
type step struct {
	*Node
	//pure:state lives only while Node.Step runs
	out []spec.Effect
}

func (n *step) apply(in spec.Input) {
	switch in := in.(type) {
	case spec.Wake:
	case spec.Got:
		n.got(in)
	case spec.Recv:
		n.received(in)
	case spec.Drained:
		n.drained(in)
	case spec.Opened:
		n.opened(in)
	case spec.Closed:
		n.closed(in)
	case Connect:
		n.connect(in)
	case Search:
		n.search(in)
	case Push:
		n.push(in)
	case Relay:
		n.relay(in)
	case Shutdown:
		n.shutdown(in)
	default:
		panic(fmt.Sprintf("gnutella: unknown input %T", in))
	}
}

// Deadline implements [spec.Machine].
func (n *Node) Deadline() (at time.Duration, ok bool) {
	at = n.maintainAt
	for _, c := range n.conns {
		at = min(at, c.due)
	}
	for i := range n.dynamic {
		at = min(at, n.dynamic[i].at)
	}
	return at, at != never
}

// fireTimers fires what is due, in the order of instants. Each firing ends its
// timer or moves it past now, so the loop ends.
func (n *step) fireTimers() {
	for {
		at, _ := n.Deadline()
		if at > n.now {
			return
		}
		n.fire(at)
		n.settle()
	}
}

func (n *step) fire(at time.Duration) {
	for _, c := range n.conns {
		if c.due == at {
			n.overdue(c)
			return
		}
	}
	for i := range n.dynamic {
		if n.dynamic[i].at == at {
			n.advance(i)
			return
		}
	}
	n.maintain()
}

// maintain is the periodic round.
func (n *step) maintain() {
	n.maintainAt = n.now + n.cfg.Maintain
	n.refreshTables()
	n.pingAll()
	n.forgetOOB()
}

// settle removes what has ended, and dials in its place.
func (n *step) settle() {
	n.sweep()
	n.dial()
	switch idle := len(n.conns) == 0 && (n.stopped || len(n.hosts) == 0); {
	case idle:
		n.maintainAt = never
	case n.maintainAt == never:
		n.maintainAt = n.now + n.cfg.Maintain
	}
}

func (n *step) emit(e spec.Effect)           { n.out = append(n.out, e) }
func (n *step) notify(e spec.Event)          { n.emit(spec.Notify{Event: e}) }
func (n *step) fail(op spec.OpID, err error) { n.emit(spec.Done{Op: op, Err: err}) }

func (n *step) done(op spec.OpID, result spec.Event) { n.emit(spec.Done{Op: op, Result: result}) }

// refuse drops what a connection sent.
func (n *step) refuse(c *conn, clause string, reason error) {
	n.emit(spec.Drop{From: c.remote, Clause: clause, Reason: reason})
}
