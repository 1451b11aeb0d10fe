package swim

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A Node is one member. It implements [spec.Machine]. What every Step looks at
// comes first: simulations have many nodes, and caches are small.
type Node struct {
	cfg  *Config
	now  time.Duration
	next timer // the first that is due

	doubtDue   time.Duration // the soonest of doubts; never: none is due
	probeAt    time.Duration // the next period; never
	gossipAt   time.Duration // the next round of gossip; never while there is nothing to tell
	pushPullAt time.Duration // the next exchange; never

	probe    probe
	sequence uint32 // of the last ping
	health   int32  // the local health score; 0: well
	missed   bool   // a period began during a probe: the next begins at its end
	left     bool   // Leave has begun: the own state is Left
	shares   bool   // nodes is still Config.Known
	probed   int32  // of order: those that had their turn
	relays   []relay
	streams  []stream // in the order of their beginnings
	waits    []wait
	rumors   queue // about members
	news     queue // of users

	order  []int32   // into nodes: the round of probes, without the node itself
	nodes  []*Member // in the order of their names; a Member is replaced, never changed
	doubts []doubt   // of the members that are not alive, in the order of their names

	joins       []join
	lastOut     spec.Conn // the last stream dialled
	shared      []byte    // the application's state
	gossipPhase time.Duration

	rng spec.Rand
}

var _ spec.Machine = (*Node)(nil)

// never is after every instant.
const never time.Duration = math.MaxInt64

// New returns a member that knows Config.Known, or itself alone, or an error
// that names the field of cfg that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: &cfg, now: now, rng: spec.NewRand(cfg.Seed),
		probe:    noProbe(),
		doubtDue: never, probeAt: never, gossipAt: never, pushPullAt: never,
	}
	if !cfg.NoProbe {
		n.probeAt = now + n.within(cfg.ProbeInterval)
	}
	n.gossipPhase = now + n.within(cfg.GossipInterval)
	if cfg.PushPullInterval > 0 {
		n.pushPullAt = now + n.within(cfg.PushPullInterval)
	}
	if len(cfg.Known) > 0 {
		n.nodes, n.shares = cfg.Known, true
	} else {
		n.nodes = []*Member{{
			Name: cfg.Name, Addr: cfg.Addr, Meta: cfg.Meta, Versions: cfg.Versions,
			Incarnation: 1, State: wire.StateAlive,
		}}
		n.announce(n.nodes[0])
	}
	n.order = make([]int32, 0, len(n.nodes)-1)
	n.beginRound()
	n.next = n.nextTimer()
	return n, nil
}

// within draws a phase: members whose periods are equal do not act at once.
func (n *Node) within(period time.Duration) time.Duration {
	return 1 + time.Duration(n.rng.Below(uint64(max(1, period))))
}

// Name is the own name.
func (n *Node) Name() string { return n.cfg.Name }

// Members returns all that the node knows, itself included, in the order of
// their names; those that died or left until they are forgotten.
func (n *Node) Members() []Member {
	list := make([]Member, len(n.nodes))
	for i, m := range n.nodes {
		list[i] = *m
	}
	return list
}

// Member returns what the node believes of one; false when it knows none of that
// name.
func (n *Node) Member(name string) (Member, bool) {
	if i, ok := n.find(name); ok {
		return *n.nodes[i], true
	}
	return Member{}, false
}

// Health is the local health score of Lifeguard: 0 is well, and the longest
// probe lasts Health+1 periods (GO-LH-01, GO-LH-02).
func (n *Node) Health() int { return int(n.health) }

// Queued is how many rumors and broadcasts are still to be told.
func (n *Node) Queued() int { return len(n.rumors.list) + len(n.news.list) }

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	if n.next.at <= n.now {
		out = n.fireTimers(out)
	}
	switch in := in.(type) {
	case spec.Wake:
	case spec.Recv:
		out = n.receive(in, out)
	case spec.Opened:
		out = n.opened(in, out)
	case spec.Got:
		out = n.got(in, out)
	case spec.Closed:
		out = n.closed(in, out)
	case spec.Drained:
	case Join:
		out = n.join(in, out)
	case Leave:
		out = n.leave(in, out)
	case Update:
		out = n.update(in, out)
	case Broadcast:
		out = n.broadcast(in, out)
	case SendUser:
		out = n.sendUser(in, out)
	case Share:
		out = n.share(in, out)
	default:
		panic(fmt.Sprintf("swim: unknown input %T", in))
	}
	out = n.condemn(out) // a last confirmation may end a suspicion at once
	n.next = n.nextTimer()
	return out
}

// Deadline is the next instant at which a timer is due. See [spec.Machine].
func (n *Node) Deadline() (time.Duration, bool) {
	return n.next.at, n.next.at != never
}

// timer names the timer that is due first.
type timer struct {
	at    time.Duration
	kind  timerKind
	index int32 // into streams or waits
}

// timerKind in the order in which timers of one instant fire. A period that
// begins when a probe ends has been missed by a moment, and begins then.
type timerKind uint8

const (
	relayTimer timerKind = iota
	probeTimer
	ackTimer
	probeEndTimer
	doubtTimer
	streamTimer
	waitTimer
	gossipTimer
	pushPullTimer
)

func (n *Node) nextTimer() timer {
	next := timer{at: never}
	consider := func(at time.Duration, kind timerKind, index int) {
		if at < next.at {
			next = timer{at, kind, int32(index)}
		}
	}
	if len(n.relays) > 0 { // all are equally patient
		consider(n.relays[0].due, relayTimer, 0)
	}
	consider(n.probeAt, probeTimer, 0)
	consider(n.probe.patience, ackTimer, 0)
	consider(n.probe.end, probeEndTimer, 0)
	consider(n.doubtDue, doubtTimer, 0)
	for i := range n.streams {
		consider(n.streams[i].due, streamTimer, i)
	}
	for i := range n.waits {
		consider(n.waits[i].due, waitTimer, i)
	}
	consider(n.gossipAt, gossipTimer, 0)
	consider(n.pushPullAt, pushPullTimer, 0)
	return next
}

// fireTimers fires everything due at or before now. Each firing moves its timer
// past now, or ends it, so the loop ends.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	for {
		t := n.nextTimer()
		if t.at > n.now || t.at == never {
			return out
		}
		switch t.kind {
		case relayTimer:
			out = n.relayTimedOut(out)
		case probeTimer:
			out = n.beginPeriod(out)
		case ackTimer:
			out = n.askOthers(out)
		case probeEndTimer:
			out = n.probeFailed(out)
		case doubtTimer:
			out = n.condemn(out)
		case streamTimer:
			out = n.streamTimedOut(int(t.index), out)
		case waitTimer:
			out = append(out, spec.Done{Op: n.waits[t.index].op, Err: ErrTimeout})
			n.waits = dropped(n.waits, int(t.index))
		case gossipTimer:
			out = n.gossip(out)
		case pushPullTimer:
			out = n.pushPull(out)
		}
	}
}

// following is the first instant after now that is a number of periods after at.
func (n *Node) following(at, period time.Duration) time.Duration {
	if at > n.now {
		return at
	}
	return at + ((n.now-at)/period+1)*period
}
