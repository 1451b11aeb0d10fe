package transfer

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Node serves files and fetches them: a [spec.Machine].
type Node struct {
	cfg *Config
	now time.Duration // of the last Step

	lastDial  spec.Conn
	lastToken spec.Token
	conns     []*conn // in the order of their beginnings
	queue     []waiter
	downloads []*download
	tasks     []task             // storage effects of downloads, unanswered, by token
	locations [][]netip.AddrPort // of each file, the others who have it, the latest last
}

var _ spec.Machine = (*Node)(nil)

// never is a deadline that is not armed.
const never = time.Duration(1<<63 - 1)

// New returns a participant that starts at now. The error names the field of cfg
// that is wrong.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg.Files = slices.Clone(cfg.Files)
	return &Node{cfg: &cfg, now: now, locations: make([][]netip.AddrPort, len(cfg.Files))}, nil
}

// Step implements [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	s := step{Node: n, out: out}
	s.fireTimers()
	s.apply(in)
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
	case spec.Loaded:
		n.loaded(in)
	case spec.Stored:
		n.stored(in)
	case spec.Drained:
		n.drained(in)
	case spec.Opened:
		n.opened(in)
	case spec.Closed:
		n.closed(in)
	case spec.Verified:
		n.verified(in)
	case Download:
		n.download(in)
	case Cancel:
		n.cancel(in)
	case Offer:
		n.offer(in)
	case NoPush:
		n.noPush(in)
	case Relayed:
		n.relayed(in)
	default:
		panic(fmt.Sprintf("transfer: unknown input %T", in))
	}
}

// Deadline implements [spec.Machine].
func (n *Node) Deadline() (at time.Duration, ok bool) {
	at = never
	for _, c := range n.conns {
		at = min(at, c.due)
	}
	for _, d := range n.downloads {
		at = min(at, d.due)
	}
	for _, w := range n.queue {
		at = min(at, w.until)
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
	}
}

func (n *step) fire(at time.Duration) {
	for _, c := range n.conns {
		if c.due == at {
			n.close(c)
			return
		}
	}
	for _, d := range n.downloads {
		if d.due == at {
			n.overdue(d)
			return
		}
	}
	n.queue = slices.DeleteFunc(n.queue, func(w waiter) bool { return w.until == at })
}

// got takes one message of a stream.
func (n *step) got(in spec.Got) {
	c := n.find(in.Conn)
	if c == nil || c.phase == dialing {
		return
	}
	d := n.of(c)
	switch m := in.Msg.(type) {
	case Request:
		if d == nil {
			n.gotRequest(c, m)
			return
		}
	case Giv:
		if d == nil {
			n.gotGiv(c, m)
			return
		}
	case Response:
		if d != nil && d.phase == asked {
			n.gotResponse(c, d, m)
			return
		}
	case Body:
		if d != nil {
			n.gotBody(c, d, m.Data, in.Lent)
			return
		}
	default:
		panic(fmt.Sprintf("transfer: unknown message %T", m))
	}
	n.refuse(c, "GN-PU-10", errOrder)
	if d != nil {
		n.lose(d, useless)
		return
	}
	n.close(c)
}

func (n *step) emit(e spec.Effect)           { n.out = append(n.out, e) }
func (n *step) notify(e spec.Event)          { n.emit(spec.Notify{Event: e}) }
func (n *step) fail(op spec.OpID, err error) { n.emit(spec.Done{Op: op, Err: err}) }

// refuse drops what a stream brought.
func (n *step) refuse(c *conn, clause string, reason error) {
	n.emit(spec.Drop{From: c.remote, Clause: clause, Reason: reason})
}

// token is that of the next storage effect.
func (n *Node) token() spec.Token {
	n.lastToken++
	return n.lastToken
}
