package servent

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/spec"
)

// Node is a servent with its files, a [spec.Machine].
type Node struct {
	now     time.Duration // of the last Step
	overlay *gnutella.Node
	files   *transfer.Node

	lastDial spec.Conn
	streams  []stream // in the order of their beginnings
}

var _ spec.Machine = (*Node)(nil)

// New returns a servent that starts at now. It does nothing until it is told whom
// to dial or is connected to. The error names the field of cfg that is wrong.
func New(cfg Config, now time.Duration) (*Node, error) {
	overlay, err := gnutella.New(cfg.overlay(), now)
	if err != nil {
		return nil, wrong("Node", err)
	}
	files, err := transfer.New(cfg.complete(overlay), now)
	if err != nil {
		return nil, wrong("Transfer", err)
	}
	return &Node{now: now, overlay: overlay, files: files}, nil
}

// Overlay is the part that finds, to look at: only Step may change it. The numbers
// of streams in what it tells are its own.
func (n *Node) Overlay() *gnutella.Node { return n.overlay }

// Step implements [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	s := step{Node: n, out: out}
	s.run(ofOverlay, spec.Wake{})
	s.run(ofFiles, spec.Wake{})
	s.apply(in)
	n.streams = slices.DeleteFunc(n.streams, func(s stream) bool { return s.ended })
	return s.out
}

// step is a node while it takes a Step, with the effects so far.
type step struct {
	*Node
	//pure:state lives only while Node.Step runs
	out []spec.Effect
}

func (n *step) apply(in spec.Input) {
	switch in := in.(type) {
	case spec.Wake:
	case spec.Opened:
		n.opened(in)
	case spec.Got:
		n.got(in)
	case spec.Drained:
		if s := n.find(in.Conn); s != nil {
			n.run(s.owner, spec.Drained{Conn: s.inner})
		}
	case spec.Closed:
		n.closed(in)
	case spec.Recv, gnutella.Connect, gnutella.Search, gnutella.Push, gnutella.Relay, gnutella.Shutdown:
		n.run(ofOverlay, in)
	case spec.Loaded, spec.Stored, spec.Verified,
		transfer.Download, transfer.Cancel, transfer.Offer, transfer.NoPush, transfer.Relayed:
		n.run(ofFiles, in)
	case Fetch:
		n.run(ofFiles, in.download())
	default:
		panic(fmt.Sprintf("servent: unknown input %T", in))
	}
}

// Deadline implements [spec.Machine].
func (n *Node) Deadline() (at time.Duration, ok bool) {
	at, ok = n.overlay.Deadline()
	if other, armed := n.files.Deadline(); armed && (!ok || other < at) {
		return other, true
	}
	return at, ok
}

// run steps one of the two parts, and performs what it wants of the other.
func (n *step) run(o owner, in spec.Input) {
	for _, e := range n.stepOf(o, in) {
		n.pass(o, e)
	}
}

func (n *step) stepOf(o owner, in spec.Input) []spec.Effect {
	if o == ofFiles {
		return n.files.Step(n.now, in, nil)
	}
	return n.overlay.Step(n.now, in, nil)
}

// order steps a part for the other, and returns the error of what is done at once.
func (n *step) order(o owner, in spec.Input) (err error) {
	for _, e := range n.stepOf(o, in) {
		if d, ok := e.(spec.Done); ok {
			err = d.Err
			continue
		}
		n.pass(o, e)
	}
	return err
}

// pass hands an effect on, with the numbers of streams that the driver knows.
func (n *step) pass(o owner, e spec.Effect) {
	switch e := e.(type) {
	case spec.Dial:
		e.Conn = n.dialled(o, e.Conn)
		n.emit(e)
	case spec.Write:
		e.Conn = n.outer(o, e.Conn)
		n.emit(e)
	case spec.Deflate:
		e.Conn = n.outer(o, e.Conn)
		n.emit(e)
	case spec.Close:
		e.Conn = n.outer(o, e.Conn)
		n.end(e.Conn)
		n.emit(e)
	case spec.Notify:
		n.told(o, e.Event)
	default:
		n.emit(e)
	}
}

// told acts on what one part wants of the other, and tells the application the rest.
//
// GN-PU-02, GN-PU-06, GN-VE-08.
func (n *step) told(o owner, event spec.Event) {
	switch event := event.(type) {
	case gnutella.PushRequested:
		// Without room for another stream nobody is dialled, as if it had not come.
		_ = n.order(ofFiles, transfer.Offer{To: event.To, Index: event.Index, Name: event.Name})
	case transfer.PushNeeded:
		if n.order(ofOverlay, gnutella.Push{ServentID: event.ServentID, Index: event.Index}) != nil {
			n.run(ofFiles, transfer.NoPush{ServentID: event.ServentID})
		}
	case transfer.RelayWanted:
		order := gnutella.Relay{ServentID: event.ServentID, Index: event.Index, To: event.To}
		n.run(ofFiles, transfer.Relayed{Conn: event.Conn, OK: n.order(ofOverlay, order) == nil})
	case gnutella.Connected:
		event.Conn = n.outer(o, event.Conn)
		n.emit(spec.Notify{Event: event})
	case gnutella.Disconnected:
		event.Conn = n.outer(o, event.Conn)
		n.emit(spec.Notify{Event: event})
	default:
		n.emit(spec.Notify{Event: event})
	}
}

func (n *step) emit(e spec.Effect) { n.out = append(n.out, e) }
