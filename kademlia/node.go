package kademlia

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults named, which are the
// paper's where it has one.
type Config struct {
	ID   ID       // own identifier, required unless it is truly 0
	Seed [32]byte // of the node's randomness: RPC identifiers, refresh targets

	// Contacts are known from an earlier run. They enter the routing table in
	// this order, unverified, as far as it has room; unusable ones are left out.
	Contacts []Contact

	IDBits      int  // width of the identifier space, 3…160; default 160
	K           int  // bucket size, and copies of a value, 1…64; default 20
	Alpha       int  // requests that a lookup has in flight, 1…32; default 3
	SplitBits   int  // b of the accelerated lookups, 1…8; default 1, the basic tree
	Spare       int  // replacement cache of a bucket, 0…64; negative: none; default 8
	DelayProbes bool // never ping to make room, wait for RPCs to fail (Kademlia §4.1)

	RPCTimeout time.Duration // patience with one request; default 2 s
	Refresh    time.Duration // a bucket without a lookup for so long gets one; default 1 h
	Replicate  time.Duration // a holder stores each value again this often; default 1 h
	Republish  time.Duration // a publisher does so this often; default 24 h
	Expire     time.Duration // life of a published value; default 24 h

	MaxLookups    int // lookups under way, 1…1024; default 16
	MaxPings      int // requests outside lookups under way, 1…1024; default 64
	MaxValues     int // values held for others, 1…65536; default 1024
	MaxPublished  int // values of our own kept alive, 1…65536; default 256
	MaxValueBytes int // size of a value, 1…65435; default 1024, so that a datagram fits a frame
}

func (c Config) withDefaults() (Config, error) {
	c.IDBits = cmp.Or(c.IDBits, MaxBits)
	c.K = cmp.Or(c.K, 20)
	c.Alpha = cmp.Or(c.Alpha, 3)
	c.MaxLookups = cmp.Or(c.MaxLookups, 16)
	c.MaxPings = cmp.Or(c.MaxPings, 64)
	c.MaxValues = cmp.Or(c.MaxValues, 1024)
	c.MaxPublished = cmp.Or(c.MaxPublished, 256)
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, 1024)
	c.RPCTimeout = cmp.Or(c.RPCTimeout, 2*time.Second)
	c.Refresh = cmp.Or(c.Refresh, time.Hour)
	c.Replicate = cmp.Or(c.Replicate, time.Hour)
	c.Republish = cmp.Or(c.Republish, 24*time.Hour)
	c.Expire = cmp.Or(c.Expire, 24*time.Hour)
	if err := checkLimits( // the table checks its own
		limit{"Alpha", c.Alpha, 1, MaxAlpha},
		limit{"MaxLookups", c.MaxLookups, 1, 1024},
		limit{"MaxPings", c.MaxPings, 1, 1024},
		limit{"MaxValues", c.MaxValues, 1, 1 << 16},
		limit{"MaxPublished", c.MaxPublished, 1, 1 << 16},
		limit{"MaxValueBytes", c.MaxValueBytes, 1, MaxWireValue},
	); err != nil {
		return c, err
	}
	for _, p := range []struct {
		name string
		d    time.Duration
	}{
		{"RPCTimeout", c.RPCTimeout},
		{"Refresh", c.Refresh},
		{"Replicate", c.Replicate},
		{"Republish", c.Republish},
		{"Expire", c.Expire},
	} {
		if p.d < time.Millisecond || p.d > maxPeriod {
			return c, fmt.Errorf("kademlia: %s is %v, want 1ms to %v", p.name, p.d, maxPeriod)
		}
	}
	return c, nil
}

// maxPeriod keeps sums of instants and periods far from overflow.
const maxPeriod = 365 * 24 * time.Hour

// MaxEffects bounds the effects of one Step, however many timers fire in it.
// What a Step sends is still under way when it ends, which is at most K or Alpha
// requests a lookup and MaxPings others, but for Alpha a lookup that may have
// been forgotten. To that comes one Done for each lookup and ping, and the reply
// or refusal of the input.
func (c Config) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	return c.MaxLookups*(max(c.K, c.Alpha)+c.Alpha+1) + 2*c.MaxPings + 2, nil
}

// A Node is one Kademlia participant. It implements [spec.Machine].
type Node struct {
	cfg   Config
	now   time.Duration
	rng   spec.Rand
	table Table

	rpcs       []rpc         // in the order of their deadlines
	searches   []search      // in the order of their beginnings
	lastSearch uint32        // serial of the newest
	retryAt    time.Duration // until then no upkeep: every lookup slot was taken; or Never

	values    []value       // held for others, ordered by key
	published []publication // our own, ordered by key
}

var _ spec.Machine = (*Node)(nil)

// New returns a node that knows nobody, or an error that names the field of cfg
// that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	table, err := NewTable(TableConfig{
		Self:        cfg.ID,
		IDBits:      cfg.IDBits,
		K:           cfg.K,
		SplitBits:   cfg.SplitBits,
		Spare:       cfg.Spare,
		KeepNearest: true,
	}, now)
	if err != nil {
		return nil, err
	}
	for _, c := range cfg.Contacts {
		if usable(c.Addr) {
			table.Offer(c, now)
		}
	}
	cfg.Contacts = nil
	return &Node{
		cfg:     cfg,
		now:     now,
		rng:     spec.NewRand(cfg.Seed),
		table:   table,
		retryAt: Never,
	}, nil
}

// ID is the own identifier.
func (n *Node) ID() ID { return n.cfg.ID }

// Table returns the routing table, to look at.
func (n *Node) Table() *Table { return &n.table }

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	out = n.fireTimers(out)
	switch in := in.(type) {
	case spec.Wake:
		return out
	case spec.Recv:
		return n.receive(in, out)
	case Join:
		return n.join(in, out)
	case Ping:
		return n.ping(in, out)
	case FindNode:
		return n.findNode(in, out)
	case FindValue:
		return n.findValue(in, out)
	case Store:
		return n.store(in, out)
	case Withdraw:
		return n.withdraw(in, out)
	}
	panic(fmt.Sprintf("kademlia: unknown input %T", in))
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
	index int // into values or published
}

// timerKind in the order in which timers of one instant fire.
type timerKind uint8

const (
	noTimer timerKind = iota
	rpcTimer
	expireTimer
	republishTimer
	replicateTimer
	refreshTimer
)

func (n *Node) nextTimer() timer {
	next := timer{at: math.MaxInt64}
	consider := func(at time.Duration, kind timerKind, index int) {
		if at < next.at || at == next.at && kind < next.kind {
			next = timer{at, kind, index}
		}
	}
	if len(n.rpcs) > 0 {
		consider(n.rpcs[0].deadline, rpcTimer, 0)
	}
	for i := range n.values {
		consider(n.values[i].expireAt, expireTimer, i)
		consider(max(n.values[i].replicateAt, n.retryAt), replicateTimer, i)
	}
	for i := range n.published {
		consider(max(n.published[i].republishAt, n.retryAt), republishTimer, i)
	}
	if n.table.Len() > 0 {
		consider(max(n.table.Quietest().Touched+n.cfg.Refresh, n.retryAt), refreshTimer, 0)
	}
	return next
}

// fireTimers fires everything due at or before now. Each firing moves its timer
// past now, so the loop ends.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	if n.retryAt <= n.now {
		n.retryAt = Never
	}
	for {
		t := n.nextTimer()
		if t.kind == noTimer || t.at > n.now {
			return out
		}
		switch t.kind {
		case rpcTimer:
			out = n.timeOut(out)
		case expireTimer:
			n.values = slices.Delete(n.values, t.index, t.index+1)
		case republishTimer:
			out = n.republish(t.index, out)
		case replicateTimer:
			out = n.replicate(t.index, out)
		case refreshTimer:
			out = n.refresh(out)
		}
	}
}

// refresh looks up a random identifier in the range of the bucket that has gone
// longest without a lookup.
//
// KAD-REFRESH-001, KAD-REFRESH-002 (Kademlia §2.3).
func (n *Node) refresh(out []spec.Effect) []spec.Effect {
	if !n.roomForLookup() {
		return n.postpone(out)
	}
	target := n.table.RandomID(n.table.Quietest(), &n.rng)
	return n.begin(search{purpose: forRefresh, expireAt: Never}, target, out)
}

// postpone puts upkeep off until a lookup slot may be free again.
func (n *Node) postpone(out []spec.Effect) []spec.Effect {
	n.retryAt = n.now + n.cfg.RPCTimeout
	return out
}
