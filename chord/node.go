package chord

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults named, which are the
// paper's where it has one. All nodes of a ring share IDBits and Successors.
//
// Without Jitter, where latency never varies, nodes of one period may ask a busy
// node at its busy moment each time, for ever (CHORD-BUSY-002).
type Config struct {
	ID   ID       // own identifier, required unless it is truly 0
	Seed [32]byte // of the randomness: jitter of periods, where the serials of writes begin

	IDBits     int // m: width of the circle, 3…160; default 160
	Successors int // r: length of the successor list, 1…32; default 8

	Variant  Variant // default Corrected
	Storage  Storage // default BestEffort
	Replicas int     // nodes that hold a key, the owner included, 1…Successors; default 3, if that fits

	RoundTrip  time.Duration // the worst that the network is taken to need, busy nodes apart; default 1 s
	RPCTimeout time.Duration // patience with one request, more than RoundTrip; default 2 s
	Tries      int           // requests without an answer before their node is dead, 1…16; default 1: none get lost
	Stabilize  time.Duration // between two stabilizations; default 30 s
	FixFingers time.Duration // between two fingers' repairs; negative: never, fingers stay; default 30 s
	Jitter     time.Duration // a period is that much longer or shorter at most; negative: none; default a quarter
	RPCBits    int           // width of RPC identifiers, 2…32; default 32. A few make the states of an exploration recur

	MaxLookups  int // lookups under way, those of fingers and joins included, 1…1024; default 32
	MaxRequests int // requests of one lookup, and hops of a recursive one, 1…65535; default 256
	MaxSteps    int // nodes in the answer to a step of a lookup, 1…64; default 8
	MaxWaiting  int // queries stored while busy; further ones are asked again, 1…1024; default 64
	LateAnswers int // timed-out requests remembered to tell a late answer, …64; negative: none; default 8

	MaxOperations int // Puts and Gets under way, each of them in a lookup at first, 1…1024; default 32
	MaxValues     int // values held, 1…65536; default 1024: with their bounds a megabyte
	MaxValueBytes int // size of a value, 1…32768; default 1024, so that a datagram fits a frame
}

// Variant is which ring maintenance the node follows.
type Variant uint8

const (
	// Corrected is Zave's protocol: a ring that kept its assumptions is never lost.
	Corrected Variant = iota
	// Original is that of the 2001 paper, for teaching: it loses its ring.
	Original
)

// Storage is what Put and Get promise.
type Storage uint8

const (
	// BestEffort copies to successors and reads from the owner.
	BestEffort Storage = iota
	// Quorum reads and writes through a majority of the key's replica group.
	Quorum
)

// MaxSuccessors bounds Config.Successors.
const MaxSuccessors = 32

func (c Config) withDefaults() (Config, error) {
	c.IDBits = cmp.Or(c.IDBits, MaxBits)
	c.Successors = cmp.Or(c.Successors, 8)
	c.Replicas = cmp.Or(c.Replicas, min(3, c.Successors))
	c.RoundTrip = cmp.Or(c.RoundTrip, time.Second)
	c.RPCTimeout = cmp.Or(c.RPCTimeout, 2*time.Second)
	c.Tries = cmp.Or(c.Tries, 1)
	c.Stabilize = cmp.Or(c.Stabilize, 30*time.Second)
	c.FixFingers = cmp.Or(c.FixFingers, 30*time.Second)
	c.Jitter = max(0, cmp.Or(c.Jitter, c.shortestPeriod()/4))
	c.RPCBits = cmp.Or(c.RPCBits, 32)
	c.MaxLookups = cmp.Or(c.MaxLookups, 32)
	c.MaxRequests = cmp.Or(c.MaxRequests, 256)
	c.MaxSteps = cmp.Or(c.MaxSteps, 8)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 64)
	c.LateAnswers = max(0, cmp.Or(c.LateAnswers, 8))
	c.MaxOperations = cmp.Or(c.MaxOperations, 32)
	c.MaxValues = cmp.Or(c.MaxValues, 1024)
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, 1024)
	for _, l := range []struct {
		name         string
		v, low, high int
	}{
		{"IDBits", c.IDBits, 3, MaxBits},
		{"Successors", c.Successors, 1, MaxSuccessors},
		{"Variant", int(c.Variant), int(Corrected), int(Original)},
		{"Storage", int(c.Storage), int(BestEffort), int(Quorum)},
		{"Replicas", c.Replicas, 1, c.Successors},
		{"RPCBits", c.RPCBits, 2, 32},
		{"Tries", c.Tries, 1, 16},
		{"MaxLookups", c.MaxLookups, 1, 1024},
		{"MaxRequests", c.MaxRequests, 1, math.MaxUint16},
		{"MaxSteps", c.MaxSteps, 1, maxWirePeers},
		{"MaxWaiting", c.MaxWaiting, 1, 1024},
		{"LateAnswers", c.LateAnswers, 0, 64},
		{"MaxOperations", c.MaxOperations, 1, 1024},
		{"MaxValues", c.MaxValues, 1, 1 << 16},
		{"MaxValueBytes", c.MaxValueBytes, 1, maxWireValue},
	} {
		if l.v < l.low || l.v > l.high {
			return c, fmt.Errorf("chord: Config.%s is %d, want %d to %d", l.name, l.v, l.low, l.high)
		}
	}
	if !c.ID.Fits(c.IDBits) {
		return c, fmt.Errorf("chord: Config.ID %v exceeds %d bits", c.ID, c.IDBits)
	}
	return c, c.checkPeriods()
}

// checkPeriods includes the assumption that failures are told from delays.
//
// CHORD-ASSUME-003 (Zave 2017, failure detection).
func (c *Config) checkPeriods() error {
	for _, p := range []struct {
		name string
		d    time.Duration
	}{
		{"RoundTrip", c.RoundTrip}, {"RPCTimeout", c.RPCTimeout}, {"Stabilize", c.Stabilize},
		{"FixFingers", max(c.FixFingers, time.Millisecond)},
	} {
		if p.d < time.Millisecond || p.d > maxPeriod {
			return fmt.Errorf("chord: Config.%s is %v, want 1ms to %v", p.name, p.d, maxPeriod)
		}
	}
	if c.RPCTimeout <= c.RoundTrip {
		return fmt.Errorf("chord: Config.RPCTimeout is %v, want more than RoundTrip, %v: "+
			"a live node must not be taken for dead", c.RPCTimeout, c.RoundTrip)
	}
	if c.Jitter >= c.shortestPeriod() {
		return fmt.Errorf("chord: Config.Jitter is %v, want less than the periods", c.Jitter)
	}
	return nil
}

func (c *Config) shortestPeriod() time.Duration {
	if c.FixFingers > 0 {
		return min(c.Stabilize, c.FixFingers)
	}
	return c.Stabilize
}

// maxPeriod keeps sums of instants and periods far from overflow.
const maxPeriod = 365 * 24 * time.Hour

// MaxEffects bounds the effects of one Step, however many timers fire in it:
// a request or result of each lookup, an answer to each stored query, and those
// of one input and of the maintenance that it sets off.
func (c Config) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	return 2*c.MaxLookups + c.MaxWaiting + maintenanceEffects + c.storageEffects(), nil
}

// maintenanceEffects bounds what one input and the timers of the ring cause: a
// request or its end with two events and a Notify, twice each, then a
// rectification with its event, a new request, and a reply.
const maintenanceEffects = 16

// A Node is one Chord participant. It implements [spec.Machine].
type Node struct {
	cfg *Config
	now time.Duration
	rng *spec.Rand // replaced by each draw, so that clones share it

	member      bool
	leaving     bool // the keys are being handed over
	leaveOp     spec.OpID
	leaveBy     time.Duration // whether or not somebody has taken the keys; or never
	successors  []Peer        // replaced, never changed in place
	predecessor Peer          // zero: none

	lastRPC     uint32
	query       query         // the request that may change the ring's pointers
	candidate   Peer          // stabilizing with it, the second step; zero: none
	rectifyWith Peer          // the best notifier whose turn has not come; zero: none
	waiting     []waiter      // queries that wait for the own one to end; replaced
	late        []late        // requests that timed out, oldest first; replaced
	stabilizeAt time.Duration // or never: while the query is one of stabilization
	task        uint8         // of the Original variant: what comes next

	lookups    []lookup // in the order of their beginnings
	fingers    []finger // runs of equal fingers, ordered; replaced
	fixAt      time.Duration
	nextFinger uint8 // whose turn is next

	store store // values, and the commands on them
}

var _ spec.Machine = (*Node)(nil)

// never is after every instant.
const never time.Duration = math.MaxInt64

// New returns a node that is in no ring, or an error that names the field of
// cfg that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	rng := spec.NewRand(cfg.Seed)
	n := &Node{
		cfg:         &cfg,
		now:         now,
		rng:         &rng,
		leaveBy:     never,
		query:       noneAsked(),
		stabilizeAt: never,
		fixAt:       never,
	}
	n.store = newStore(&rng)
	return n, nil
}

// ID is the own identifier.
func (n *Node) ID() ID { return n.cfg.ID }

// Member reports whether the node is in a ring.
func (n *Node) Member() bool { return n.member }

// Successors returns the successor list, the nearest first. It is not to be
// changed, and does not change. It is shorter than Config.Successors after a
// failure, and while fewer other members are known; it is empty when the node
// is alone: then it is its own successor.
func (n *Node) Successors() []Peer { return n.successors }

// Predecessor returns the predecessor, false when none is known.
func (n *Node) Predecessor() (Peer, bool) { return n.predecessor, n.predecessor.known() }

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	out = n.fireTimers(out)
	switch in := in.(type) {
	case spec.Wake:
	case spec.Recv:
		out = n.receive(in, out)
	case Create:
		out = n.create(in, out)
	case Join:
		out = n.join(in, out)
	case Lookup:
		out = n.lookUp(in, out)
	case Put:
		out = n.put(in, out)
	case Get:
		out = n.get(in, out)
	case Leave:
		out = n.leave(in, out)
	default:
		panic(fmt.Sprintf("chord: unknown input %T", in))
	}
	return n.settle(out)
}

// Deadline is the next instant at which a timer is due. See [spec.Machine].
func (n *Node) Deadline() (time.Duration, bool) {
	t := n.nextTimer()
	return t.at, t.kind != noTimer
}

// timer names the timer that is due first.
type timer struct {
	at    time.Duration
	kind  timerKind
	index int // into lookups
}

// timerKind in the order in which timers of one instant fire.
type timerKind uint8

const (
	noTimer timerKind = iota
	leaveTimer
	queryTimer
	lookupTimer
	stabilizeTimer
	fixTimer
	storageTimer
)

func (n *Node) nextTimer() timer {
	next := timer{at: never}
	consider := func(at time.Duration, kind timerKind, index int) {
		if at < next.at {
			next = timer{at, kind, index}
		}
	}
	consider(n.leaveBy, leaveTimer, 0)
	consider(n.query.deadline, queryTimer, 0)
	for i := range n.lookups {
		consider(n.lookups[i].deadline, lookupTimer, i)
	}
	if n.query.kind == noQuery { // else its turn comes when that has ended
		consider(n.stabilizeAt, stabilizeTimer, 0)
	}
	consider(n.fixAt, fixTimer, 0)
	consider(n.storeDeadline(), storageTimer, 0)
	return next
}

// fireTimers fires everything due at or before now. Each firing moves its timer
// past now, so the loop ends.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	for {
		t := n.nextTimer()
		if t.kind == noTimer || t.at > n.now {
			return out
		}
		switch t.kind {
		case leaveTimer:
			out = n.depart(ErrNoAnswer, out)
		case queryTimer:
			out = n.queryTimedOut(out)
		case lookupTimer:
			out = n.lookupTimedOut(t.index, out)
		case stabilizeTimer:
			out = n.stabilize(out)
		case fixTimer:
			out = n.fixFinger(out)
		case storageTimer:
			out = n.storeTimer(out)
		}
		out = n.settle(out)
	}
}

// settle begins what had to wait for the query under way.
//
// CHORD-RECT-001 (Zave 2017, Rectify).
func (n *Node) settle(out []spec.Effect) []spec.Effect {
	if n.query.kind == noQuery && n.rectifyWith.known() {
		out = n.rectify(out)
	}
	if n.query.kind == noQuery && n.stabilizeAt <= n.now {
		out = n.stabilize(out)
	}
	if n.store.misplaced {
		out = n.placeChanged(out)
	}
	return out
}

// period returns p with jitter.
func (n *Node) period(p time.Duration) time.Duration {
	if n.cfg.Jitter == 0 {
		return p
	}
	rng := *n.rng
	n.rng = &rng
	return p - n.cfg.Jitter + time.Duration(rng.Below(uint64(2*n.cfg.Jitter)))
}

// create executes Create.
func (n *Node) create(in Create, out []spec.Effect) []spec.Effect {
	if n.busyJoining() || n.member {
		return fail(in.Op, ErrMember, out)
	}
	ring, at, err := n.sortRing(in.Ring)
	if err != nil {
		return fail(in.Op, err, out)
	}
	n.enter()
	others := len(ring)
	if others > 0 && ring[(at+others-1)%others].ID == n.cfg.ID {
		others--
	}
	if others > 0 {
		successors := make([]Peer, min(others, n.cfg.Successors))
		for i := range successors {
			successors[i] = ring[(at+i)%len(ring)]
		}
		out = n.setSuccessors(successors, out)
		out = n.setPredecessor(ring[(at+others-1)%len(ring)], out)
		n.fillFingers(ring)
	}
	out = n.doubtMembers(out)
	return append(out, spec.Done{Op: in.Op})
}

// sortRing returns the members in the order of their identifiers, and which of
// them comes first after the own one. A ring in order is not copied, because
// simulations hand the same one to thousands of nodes.
func (n *Node) sortRing(ring []Peer) ([]Peer, int, error) {
	if !increasing(ring) {
		ring = slices.SortedStableFunc(slices.Values(ring), func(a, b Peer) int { return a.ID.Cmp(b.ID) })
		if !increasing(ring) {
			return nil, 0, ErrBadPeer
		}
	}
	for i := range ring {
		if p := &ring[i]; !reachable(p.Addr) && p.ID != n.cfg.ID || !p.ID.Fits(n.cfg.IDBits) {
			return nil, 0, ErrBadPeer
		}
	}
	at, found := slices.BinarySearchFunc(ring, n.cfg.ID, byID)
	if found {
		at++
	}
	return ring, at, nil
}

func increasing(ring []Peer) bool {
	for i := 1; i < len(ring); i++ {
		if ring[i-1].ID.Cmp(ring[i].ID) >= 0 {
			return false
		}
	}
	return true
}

func byID(p Peer, id ID) int { return p.ID.Cmp(id) }

// enter begins the periods of a member.
func (n *Node) enter() {
	n.member = true
	n.stabilizeAt = n.now + n.period(n.cfg.Stabilize)
	if n.cfg.FixFingers > 0 {
		n.fixAt = n.now + n.period(n.cfg.FixFingers)
	}
}

func fail(op spec.OpID, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Done{Op: op, Err: err})
}
