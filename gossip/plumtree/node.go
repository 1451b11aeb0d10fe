package plumtree

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults named. The seed is that
// of View.
type Config struct {
	View hyparview.Config // the membership, and the fanout

	Flood     bool // never prune: the eager gossip that the paper compares itself with
	Threshold int  // hops that a lazy link must save to be swapped in, 1…65535; negative: never; default 7

	MissingTimeout time.Duration // from the first announcement of what is missing to a Graft; default 1 s
	GraftTimeout   time.Duration // from that to the next one; default 500 ms, which exceeds a round trip
	AnnounceDelay  time.Duration // announcements are collected for so long; negative: not at all; default 50 ms

	KeepPayload time.Duration // how long a broadcast can be had from here; default 30 s
	KeepID      time.Duration // how long it is known as delivered, not less than that; default 90 s

	MaxPayload  int // bytes of a payload, 1…65535; default 1024
	MaxMessages int // broadcasts that are remembered, 1…65536; default 4096: with their payloads 4 MB
	MaxMissing  int // broadcasts that are announced and missing, 1…65536; default 1024
}

// maxPeriod keeps sums of instants and periods far from overflow.
const maxPeriod = 365 * 24 * time.Hour

// The clause of the default threshold is GO-PX-05 (Plumtree, experimental setting).
func (c Config) withDefaults() (Config, error) {
	c.Threshold = cmp.Or(c.Threshold, 7)
	c.MissingTimeout = cmp.Or(c.MissingTimeout, time.Second)
	c.GraftTimeout = cmp.Or(c.GraftTimeout, 500*time.Millisecond)
	c.AnnounceDelay = cmp.Or(c.AnnounceDelay, 50*time.Millisecond)
	c.KeepPayload = cmp.Or(c.KeepPayload, 30*time.Second)
	c.KeepID = cmp.Or(c.KeepID, 90*time.Second)
	c.MaxPayload = cmp.Or(c.MaxPayload, 1024)
	c.MaxMessages = cmp.Or(c.MaxMessages, 4096)
	c.MaxMissing = cmp.Or(c.MaxMissing, 1024)
	for _, l := range []struct {
		name    string
		v, high int
	}{
		{"Threshold", max(1, c.Threshold), math.MaxUint16},
		{"MaxPayload", c.MaxPayload, maxWirePayload},
		{"MaxMessages", c.MaxMessages, 1 << 16},
		{"MaxMissing", c.MaxMissing, 1 << 16},
	} {
		if l.v < 1 || l.v > l.high {
			return c, fmt.Errorf("plumtree: Config.%s is %d, want 1 to %d", l.name, l.v, l.high)
		}
	}
	for _, p := range []struct {
		name string
		d    time.Duration
	}{
		{"MissingTimeout", c.MissingTimeout}, {"GraftTimeout", c.GraftTimeout},
		{"AnnounceDelay", max(time.Millisecond, c.AnnounceDelay)},
		{"KeepPayload", c.KeepPayload}, {"KeepID", c.KeepID},
	} {
		if p.d < time.Millisecond || p.d > maxPeriod {
			return c, fmt.Errorf("plumtree: Config.%s is %v, want 1ms to %v", p.name, p.d, maxPeriod)
		}
	}
	if c.KeepID < c.KeepPayload {
		return c, fmt.Errorf("plumtree: Config.KeepID is %v, want at least KeepPayload, %v", c.KeepID, c.KeepPayload)
	}
	return c, nil
}

// MaxEffects bounds the effects of one Step: a Graft for everything that is
// missing, the announcements that were collected and those for a new neighbour,
// one message passed on to all, and what the membership does.
func (c Config) MaxEffects() (int, error) {
	view, err := c.View.MaxEffects()
	if err != nil {
		return 0, err
	}
	c, err = c.withDefaults()
	if err != nil {
		return 0, err
	}
	const neighbours = 32
	lists := neighbours*(maxQueued/maxWireList+1) + c.MaxMessages/maxWireList + 1
	return view + c.MaxMissing + 2*lists + neighbours + 8, nil
}

// A Node is one participant: a member of the overlay, and what it knows of the
// tree. It implements [spec.Machine].
type Node struct {
	view hyparview.Node
	tree tree
}

var _ spec.Machine = (*Node)(nil)

// never is after every instant.
const never time.Duration = math.MaxInt64

// New returns a node without neighbours, or an error that names the field of cfg
// that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	view, err := hyparview.New(cfg.View, now)
	if err != nil {
		return nil, err
	}
	return &Node{*view, newTree(cfg, now)}, nil
}

// View is the membership. Look at it, do not Step it.
func (n *Node) View() *hyparview.Node { return &n.view }

// Eager appends the neighbours to which broadcasts are pushed, the oldest first:
// the links of the tree.
func (n *Node) Eager(list []netip.AddrPort) []netip.AddrPort { return n.tree.appendPeers(list, true) }

// Lazy appends the neighbours to which broadcasts are announced.
func (n *Node) Lazy(list []netip.AddrPort) []netip.AddrPort { return n.tree.appendPeers(list, false) }

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.tree.now = max(n.tree.now, now)
	out = n.fireTimers(out)
	begin := len(out)
	switch in := in.(type) {
	case Broadcast:
		n.view.Step(n.tree.now, spec.Wake{}, nil) // nothing is due: its time passes
		return n.route(n.tree.broadcast(in, out), begin)
	case spec.Got:
		switch in.Msg.(type) {
		case Gossip, IHave, Graft, Prune:
			n.view.Step(n.tree.now, spec.Wake{}, nil)
			peer, ok := n.view.Neighbor(in.Conn)
			if !ok {
				return append(out, spec.Drop{Clause: "GO-PX-04", Reason: errStranger})
			}
			return n.route(n.tree.receive(peer, in.Msg, out), begin)
		}
	}
	return n.stepView(in, out)
}

// Deadline is the next instant at which a timer is due. See [spec.Machine].
func (n *Node) Deadline() (time.Duration, bool) {
	at, ok := n.view.Deadline()
	return min(at, n.tree.deadline()), ok
}

// fireTimers fires everything due at or before now.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	for {
		view, _ := n.view.Deadline()
		tree := n.tree.deadline()
		switch {
		case min(view, tree) > n.tree.now:
			return out
		case tree <= view:
			begin := len(out)
			out = n.route(n.tree.fire(out), begin)
		default:
			out = n.stepView(spec.Wake{}, out)
		}
	}
}

// stepView gives the membership its input, and the tree the news.
func (n *Node) stepView(in spec.Input, out []spec.Effect) []spec.Effect {
	begin := len(out)
	out = n.view.Step(n.tree.now, in, out)
	end := len(out)
	for _, e := range out[begin:end] {
		if told, ok := e.(spec.Notify); ok {
			switch event := told.Event.(type) {
			case hyparview.NeighborUp:
				out = n.tree.up(event.Peer, out)
			case hyparview.NeighborDown:
				n.tree.down(event.Peer)
			}
		}
	}
	return n.route(out, end)
}

// route puts what the tree sends to neighbours on their streams.
func (n *Node) route(out []spec.Effect, begin int) []spec.Effect {
	kept := out[:begin]
	for _, e := range out[begin:] {
		if s, ok := e.(spec.Send); ok {
			conn, up := n.view.Conn(s.To)
			if !up {
				continue
			}
			e = spec.Write{Conn: conn, Msg: s.Msg}
		}
		kept = append(kept, e)
	}
	return kept
}
