package hyparview

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults, which are the paper's
// for 10,000 nodes where it names one. All nodes of an overlay share ARWL and
// ShuffleTTL at least.
//
// GO-PX-01 (HyParView §5.1).
type Config struct {
	Self netip.AddrPort // where the node accepts streams, and its name; required
	Seed [32]byte       // of the randomness: every choice in both views

	Active  int // size of the active view: the fanout, and one; 1…32; default 5
	Passive int // size of the passive view, 1…1024; default 30

	ARWL int // active random walk length: steps of a ForwardJoin, 1…255; default 6
	PRWL int // passive random walk length: the TTL at which it enters passive views, 1…ARWL; default 3

	ShuffleActive  int           // neighbours in a Shuffle (ka), 1…16; default 3
	ShufflePassive int           // others in it (kp), 1…16; default 4
	ShuffleTTL     int           // steps of a Shuffle, 1…255; default 6
	ShufflePeriod  time.Duration // between two Shuffles: a cycle; default 10 s

	Patience   time.Duration // with a stream that is being opened or introduced; default 5 s
	MaxPending int           // streams that are not in the active view, 2…1024; default 64
}

// maxPeriod keeps sums of instants and periods far from overflow.
const maxPeriod = 365 * 24 * time.Hour

func (c Config) withDefaults() (Config, error) {
	c.Active = cmp.Or(c.Active, 5)
	c.Passive = cmp.Or(c.Passive, 30)
	c.ARWL = cmp.Or(c.ARWL, 6)
	c.PRWL = cmp.Or(c.PRWL, min(3, c.ARWL))
	c.ShuffleActive = cmp.Or(c.ShuffleActive, 3)
	c.ShufflePassive = cmp.Or(c.ShufflePassive, 4)
	c.ShuffleTTL = cmp.Or(c.ShuffleTTL, 6)
	c.ShufflePeriod = cmp.Or(c.ShufflePeriod, 10*time.Second)
	c.Patience = cmp.Or(c.Patience, 5*time.Second)
	c.MaxPending = cmp.Or(c.MaxPending, 64)
	for _, l := range []struct {
		name         string
		v, low, high int
	}{
		{"Active", c.Active, 1, 32},
		{"Passive", c.Passive, 1, 1024},
		{"ARWL", c.ARWL, 1, math.MaxUint8},
		{"PRWL", c.PRWL, 1, c.ARWL},
		{"ShuffleActive", c.ShuffleActive, 1, 16},
		{"ShufflePassive", c.ShufflePassive, 1, 16},
		{"ShuffleTTL", c.ShuffleTTL, 1, math.MaxUint8},
		{"MaxPending", c.MaxPending, 2, 1024},
	} {
		if l.v < l.low || l.v > l.high {
			return c, fmt.Errorf("hyparview: Config.%s is %d, want %d to %d", l.name, l.v, l.low, l.high)
		}
	}
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"ShufflePeriod", c.ShufflePeriod}, {"Patience", c.Patience}} {
		if p.d < time.Millisecond || p.d > maxPeriod {
			return c, fmt.Errorf("hyparview: Config.%s is %v, want 1ms to %v", p.name, p.d, maxPeriod)
		}
	}
	if !dialable(c.Self) {
		return c, fmt.Errorf("hyparview: Config.Self is %v: no stream can be dialled there", c.Self)
	}
	return c, nil
}

// MaxEffects bounds the effects of one Step: the end of every stream with what
// it was for, twice, and what one message and the repair of the view cause.
func (c Config) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	return 4*(c.Active+c.MaxPending) + repairEffects, nil
}

// repairEffects bounds what one message causes besides: a member of the active
// view disconnected, two streams of the sender replaced, the answer, the events,
// a Dial, and a Shuffle with a Dial of its own.
const repairEffects = 24

// A Node is one participant of the overlay. It implements [spec.Machine].
type Node struct {
	cfg Config
	now time.Duration
	rng spec.Rand

	links    []link    // in the order in which they began
	lastConn spec.Conn // dialled
	passive  []netip.AddrPort

	tried     []netip.AddrPort // by the repair of the active view that is under way
	isolated  bool             // and the application knows
	sent      []netip.AddrPort // in the last Shuffle
	awaiting  bool             // its reply
	shuffleAt time.Duration
}

var _ spec.Machine = (*Node)(nil)

// never is after every instant.
const never time.Duration = math.MaxInt64

// New returns a node without neighbours, or an error that names the field of
// cfg that is out of range. It sends nothing: the first node of an overlay
// waits for others, the others are told to [Enter].
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, now: now, rng: spec.NewRand(cfg.Seed), isolated: true}
	// Nodes that begin together do not shuffle together.
	n.shuffleAt = now + 1 + time.Duration(n.rng.Below(uint64(cfg.ShufflePeriod)))
	return n, nil
}

// Self is the own address.
func (n *Node) Self() netip.AddrPort { return n.cfg.Self }

// Active appends the active view, the oldest neighbour first.
func (n *Node) Active(list []netip.AddrPort) []netip.AddrPort {
	for i := range n.links {
		if n.links[i].state == active {
			list = append(list, n.links[i].peer)
		}
	}
	return list
}

// Passive appends the passive view, which has nobody of the active one.
func (n *Node) Passive(list []netip.AddrPort) []netip.AddrPort { return append(list, n.passive...) }

// Conn returns the stream of a neighbour, false when peer is none.
func (n *Node) Conn(peer netip.AddrPort) (spec.Conn, bool) {
	if i := n.neighbor(peer); i >= 0 {
		return n.links[i].conn, true
	}
	return 0, false
}

// Neighbor returns whose stream conn is, false when it is no neighbour's.
func (n *Node) Neighbor(conn spec.Conn) (netip.AddrPort, bool) {
	if i := n.find(conn); i >= 0 && n.links[i].state == active {
		return n.links[i].peer, true
	}
	return netip.AddrPort{}, false
}

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	out = n.fireTimers(out)
	switch in := in.(type) {
	case spec.Wake, spec.Drained:
	case spec.Opened:
		return n.opened(in, out)
	case spec.Got:
		return n.got(in, out)
	case spec.Closed:
		return n.closed(in.Conn, out)
	case Enter:
		return n.enter(in, out)
	case Leave:
		return n.leave(in, out)
	default:
		panic(fmt.Sprintf("hyparview: unknown input %T", in))
	}
	return out
}

// Deadline is the next instant at which a timer is due. See [spec.Machine].
func (n *Node) Deadline() (time.Duration, bool) {
	at, _ := n.nextTimer()
	return at, true
}

// nextTimer returns the timer that is due first: that of a link, or with -1 the
// Shuffle's.
func (n *Node) nextTimer() (at time.Duration, index int) {
	at, index = never, -1
	for i := range n.links {
		if n.links[i].deadline < at {
			at, index = n.links[i].deadline, i
		}
	}
	if n.shuffleAt < at {
		return n.shuffleAt, -1
	}
	return at, index
}

// fireTimers fires everything due at or before now. Each firing ends a link or
// moves its timer past now, so the loop ends.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	for {
		at, i := n.nextTimer()
		switch {
		case at > n.now:
			return out
		case i < 0:
			out = n.cycle(out)
		default:
			conn := n.links[i].conn
			out = n.closed(conn, append(out, spec.Close{Conn: conn}))
		}
	}
}

// enter executes Enter.
func (n *Node) enter(in Enter, out []spec.Effect) []spec.Effect {
	switch {
	case !n.usable(in.Contact):
		return append(out, spec.Done{Op: in.Op, Err: ErrBadPeer})
	case n.neighbor(in.Contact) >= 0:
		return append(out, spec.Done{Op: in.Op})
	case n.has(joining):
		return append(out, spec.Done{Op: in.Op, Err: ErrBusy})
	}
	return n.dial(link{peer: in.Contact, state: joining, op: in.Op}, out)
}

// leave executes Leave.
func (n *Node) leave(in Leave, out []spec.Effect) []spec.Effect {
	for i := range n.links {
		out = append(out, spec.Close{Conn: n.links[i].conn})
	}
	for i := range n.links {
		switch l := &n.links[i]; l.state {
		case active:
			out = append(out, spec.Notify{Event: NeighborDown{l.peer}})
		case joining:
			out = append(out, spec.Done{Op: l.op, Err: ErrNoAnswer})
		}
	}
	n.links, n.passive, n.tried, n.sent = nil, nil, nil, nil
	n.isolated, n.awaiting = true, false
	return append(out, spec.Done{Op: in.Op})
}
