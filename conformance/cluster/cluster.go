package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// Cluster is what a case sees of its nodes. A case runs on a single goroutine;
// messages move only while it waits.
type Cluster struct {
	t       *conformance.T
	inst    *instance
	router  *Router
	opt     Options
	ids     map[string]uint64
	members []string
	able    map[string]bool // the capabilities that every node has named
	log     []Passed
	story   story
}

// Options say which nodes a case wants. Zero fields take the defaults named.
type Options struct {
	Nodes int      // that may ever take part, at most [MaxNodes]; default one for each of IDs, or 8
	Bits  int      // width of the identifiers, 3…32; default 16
	IDs   []uint64 // of the nodes in order; default drawn, all different

	Successors int // chord: length of the list; default 3
	K, Alpha   int // kademlia; default 3 and 2

	Period  time.Duration // how often to do the upkeep; default 50 ms
	Timeout time.Duration // the patience with a peer; default 200 ms
	// Latency of messages between nodes; default uniform between 1 and 10 ms.
	// Twice its Max has to be below Timeout.
	Latency Latency

	slack int64 // by which Timeout was multiplied

	// Plain is for Maelstrom's own workloads: init has no key "overlay", the nodes
	// may ask the services, and answers that nobody waits for are overlooked, but
	// kept in [Cluster.Odd].
	Plain bool
}

// MaxNodes bounds a cluster: so many processes still start on a small machine.
const MaxNodes = 32

// Defaults that leave room: a round trip of at most 20 ms in a time out of 200
// ms is not missed by a machine that is busy.
const (
	DefaultNodes   = 8
	DefaultBits    = 16
	DefaultPeriod  = 50 * time.Millisecond
	DefaultTimeout = 200 * time.Millisecond
)

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Nodes, cmp.Or(len(o.IDs), DefaultNodes))
	set(&o.Bits, DefaultBits)
	set(&o.Successors, 3)
	set(&o.K, 3)
	set(&o.Alpha, 2)
	if o.Period == 0 {
		o.Period = DefaultPeriod
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Latency == (Latency{}) {
		o.Latency = Uniform(time.Millisecond, 10*time.Millisecond)
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Nodes < 1 || o.Nodes > MaxNodes:
		return fmt.Errorf("%d nodes, want 1 to %d", o.Nodes, MaxNodes)
	case o.Bits < 3 || o.Bits > 32:
		return fmt.Errorf("%d bits, want 3 to 32", o.Bits)
	case len(o.IDs) > 0 && len(o.IDs) != o.Nodes:
		return fmt.Errorf("%d identifiers for %d nodes", len(o.IDs), o.Nodes)
	case 2*o.Latency.Max() >= o.Timeout:
		return fmt.Errorf("a round trip may take %v, which the time out of %v does not allow", 2*o.Latency.Max(), o.Timeout)
	}
	return nil
}

// New starts a cluster for this case alone: one with [conformance.NeedFresh], or
// the first that shares one. All nodes run and are initialized; none has joined.
func New(t *conformance.T, opt Options) *Cluster {
	opt = opt.withDefaults()
	if err := opt.check(); err != nil {
		t.Harnessf("cluster: %v", err)
	}
	inst := t.Instance().(*instance)
	opt.slack = inst.slack.factor()
	opt.Timeout *= time.Duration(opt.slack)
	c := &Cluster{t: t, inst: inst, router: inst.router, opt: opt, ids: map[string]uint64{}}
	r := c.router
	r.clear()
	var seed [32]byte
	t.Rand().Fill(seed[:])
	r.lag, r.draw = 0, c.diagrams
	r.rand, r.latency, r.see = spec.NewRand(seed), opt.Latency, c.see
	if r.plain, r.services = opt.Plain, nil; opt.Plain {
		r.services = newServices()
	}
	c.drawIDs()
	for i := range opt.Nodes {
		c.seat(nodeName(i))
	}
	c.initialize(c.Nodes()...)
	inst.cluster, inst.formed = c, false
	return c
}

// Shared is the cluster that cases share where a fresh one has a cost: it is made
// by the first that asks, and again when a case has left it broken.
func Shared(t *conformance.T, opt Options) *Cluster {
	inst := t.Instance().(*instance)
	c := inst.cluster
	if c == nil || inst.Exited() != nil || c.opt.slack != inst.slack.factor() || c.opt.Nodes != opt.withDefaults().Nodes {
		return New(t, opt)
	}
	c.t, c.log, c.story = t, nil, story{}
	c.router.draw = c.diagrams
	return c
}

// Once runs what makes a cluster ready, unless an earlier case that shares it
// has done so.
func (c *Cluster) Once(form func()) {
	if !c.inst.formed {
		form()
		c.inst.formed = true
	}
}

// T is the case.
func (c *Cluster) T() *conformance.T { return c.t }

// Options are those that the cluster was made with, and the defaults.
func (c *Cluster) Options() Options { return c.opt }

// Now is the cluster's time.
func (c *Cluster) Now() time.Duration { return c.router.Now() }

// Nodes are the names of all that may take part: n0, n1 ….
func (c *Cluster) Nodes() []string {
	names := make([]string, c.opt.Nodes)
	for i := range names {
		names[i] = nodeName(i)
	}
	return names
}

func nodeName(i int) string { return "n" + strconv.Itoa(i) }

// ID is the identifier of a node.
func (c *Cluster) ID(node string) uint64 { return c.ids[node] }

// Members are the nodes that were told to join, answered that they have, and were
// neither killed nor told to leave since.
func (c *Cluster) Members() []string { return slices.Clone(c.members) }

// Joined says that a node is a member from now on; Left that it is none.
func (c *Cluster) Joined(node string) { c.members = append(c.members, node) }

// Left is described at [Cluster.Joined].
func (c *Cluster) Left(node string) {
	c.members = slices.DeleteFunc(c.members, func(m string) bool { return m == node })
}

// Able reports that all nodes have named a capability in init_ok.
func (c *Cluster) Able(capability string) bool { return c.able[capability] }

// Until carries messages until cond holds, and reports whether it did within the
// given time.
func (c *Cluster) Until(cond func() bool, within time.Duration) bool {
	held := c.t.Until(cond, within)
	c.checkLag()
	return held
}

// checkLag excuses the nodes of what may be due to a machine that is too busy,
// and gives later ones more patience.
func (c *Cluster) checkLag() {
	if lag := c.router.lag; lag > c.opt.Timeout/lagShare {
		c.router.lag = 0
		c.t.Excuse("this machine was too busy: a message was carried %v late, and the nodes' patience is %v",
			lag.Round(time.Millisecond), c.opt.Timeout)
		c.inst.slack.raise(c.opt.slack)
	}
}

// lagShare is the part of the nodes' patience that our own delays may take: as
// much may go to the nodes', twice, and leaves a rest for the network's.
const lagShare = 5

// Pass lets time pass.
func (c *Cluster) Pass(d time.Duration) { c.Until(func() bool { return false }, d) }

// Periods is the time of so many rounds of upkeep.
func (c *Cluster) Periods(n int) time.Duration { return time.Duration(n) * c.opt.Period }

// Log is what the router has passed on between nodes since the last call, and
// what it has lost: at most the last [logKept].
func (c *Cluster) Log() []Passed {
	log := c.log
	c.log = nil
	return log
}

// Odd is what the nodes have sent clients that had not asked for it: only kept
// where it is no breach of the protocol, with [Options.Plain].
func (c *Cluster) Odd() []string { return c.router.odd }

// logKept bounds the log.
const logKept = 1 << 16

// see keeps a message, and shows it in the transcript: those of clients always,
// those between nodes while a client waits for what may depend on them.
func (c *Cluster) see(p Passed) {
	c.story.add(happening{Passed: p})
	from, to := c.router.clients[p.Msg.Src] != nil, c.router.clients[p.Msg.Dest] != nil
	via, note := p.Msg.Src+" → "+p.Msg.Dest, ""
	if p.Lost != "" {
		note = "lost: " + p.Lost
	}
	switch {
	case from:
		c.t.Record(">", via, p.Msg.Body.Raw, note)
	case to:
		c.t.Record("<", via, p.Msg.Body.Raw, note)
	default:
		if len(c.log) < logKept {
			c.log = append(c.log, p)
		}
		if c.waiting() {
			c.t.Record("~", via, p.Msg.Body.Raw, note)
		}
	}
}

func (c *Cluster) waiting() bool {
	for _, cl := range c.router.clients {
		if cl.busy() {
			return true
		}
	}
	return false
}

func (c *Cluster) seatOf(node string) *seat {
	s := c.router.seat(node)
	if s == nil || s.link == nil {
		c.t.Harnessf("%s does not run", node)
	}
	return s
}

// drawIDs gives each node an identifier.
func (c *Cluster) drawIDs() {
	taken := map[uint64]bool{}
	for i, name := range c.Nodes() {
		if len(c.opt.IDs) > 0 {
			c.ids[name] = c.opt.IDs[i]
			continue
		}
		id := c.t.Rand().Below(1 << c.opt.Bits)
		for taken[id] {
			id = c.t.Rand().Below(1 << c.opt.Bits)
		}
		taken[id], c.ids[name] = true, id
	}
}
