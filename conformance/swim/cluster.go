package swim

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// Cluster is the target and the members that the harness plays around it. It is a
// case's [T] as well.
type Cluster struct {
	*T
	// Format is how the members speak; a case of labels or keys changes it before
	// it adds members.
	Format wire.Format
	// Self is what the target said of itself when the case began.
	Self wire.NodeState
	// Members are those that the harness plays, in the order of their birth.
	Members []*Member
}

// AnswerWithin is how long the target may take to answer what it answers at once.
const AnswerWithin = 1500 * time.Millisecond

// playing makes the Run of a case that begins with a running target which the
// harness has met. In the end its members leave, so that the target does not go
// on to probe them.
func playing(run func(*Cluster)) func(*T) {
	return func(t *T) {
		c := &Cluster{T: t}
		defer c.Disband()
		c.Meet()
		run(c)
	}
}

// Meet asks the target who it is, by a push/pull that tells it nothing.
func (c *Cluster) Meet() {
	table := c.Table()
	for _, n := range table {
		if n.Addr == c.Target() {
			c.Self = n
			return
		}
	}
	if alive := table.In(wire.StateAlive); len(alive) == 1 {
		c.Self = alive[0] // it tells others another address than ours
		return
	}
	c.Inconclusivef("no member that the target tells of has its address %v: %v", c.Target(), table)
}

// Table is what the target tells of the members, itself included.
type Table []wire.NodeState

// Find is the entry of a member.
func (t Table) Find(name string) (n wire.NodeState, ok bool) {
	i := slices.IndexFunc(t, func(n wire.NodeState) bool { return n.Name == name })
	if i < 0 {
		return wire.NodeState{}, false
	}
	return t[i], true
}

// In are the entries in a state.
func (t Table) In(s wire.State) (in Table) {
	for _, n := range t {
		if n.State == s {
			in = append(in, n)
		}
	}
	return in
}

// Table reads what the target believes, by a push/pull that tells it nothing.
func (c *Cluster) Table() Table {
	p := c.Exchange(wire.PushPull{})
	if p == nil {
		c.Inconclusivef("the target does not answer a push/pull")
	}
	return p.Nodes
}

// Entry reads what the target believes of one member.
func (c *Cluster) Entry(name string) (n wire.NodeState, ok bool) { return c.Table().Find(name) }

// lookEvery is the pause between two looks at the target's table.
const lookEvery = 50 * time.Millisecond

// Await waits until one of the members hears what matches: nil if none does in time.
// The target tells some members and leaves it to them to tell the others.
func (c *Cluster) Await(within time.Duration, match func(*Heard) bool) (h *Heard) {
	c.Until(func() bool {
		for _, m := range c.Members {
			if all := m.Of(match); len(all) > 0 {
				h = all[0]
			}
		}
		return h != nil
	}, within)
	return h
}

// Becomes reads the table until the entry of a member is as asked for, and returns
// the last that it read.
func (c *Cluster) Becomes(
	name string, within time.Duration, as func(wire.NodeState) bool,
) (last wire.NodeState, ok bool) {
	limit := c.Now() + within
	for {
		n, known := c.Entry(name)
		if known && as(n) {
			return n, true
		}
		if c.Now() >= limit {
			return n, false
		}
		c.Wait(lookEvery)
	}
}

// being is the condition of a state and an incarnation.
func being(s wire.State, incarnation uint32) func(wire.NodeState) bool {
	return func(n wire.NodeState) bool { return n.State == s && n.Incarnation == incarnation }
}

// Add makes a member that the target does not know yet.
func (c *Cluster) Add() *Member {
	sock := c.Open()
	m := &Member{
		Name: fmt.Sprintf("p2pspec-%08x-%d", c.Fresh().Uint64()>>32, len(c.Members)+1), Incarnation: 1,
		Versions: c.Self.Versions, c: c, sock: sock, seq: uint32(c.Fresh().Uint64() >> 49),
	}
	sock.Handle = m.receive
	m.listener = c.ListenAt(sock.Addr(), m.accept)
	c.Members = append(c.Members, m)
	return m
}

// Join adds members and has each join the target. It ends the case unless the
// target then tells that they are alive.
func (c *Cluster) Join(n int) (joined []*Member) {
	for range n {
		m := c.Add()
		m.Join()
		joined = append(joined, m)
	}
	return joined
}

// One is a single member that has joined.
func (c *Cluster) One() *Member { return c.Join(1)[0] }

// gone is the incarnation with which members leave: above any that a case makes up.
const gone = math.MaxUint32 - 1

// Disband has every member leave. One that is believed dead comes back for that:
// the dead are gossiped to, and what is told to them the next case's members miss.
func (c *Cluster) Disband() {
	for _, m := range c.Members {
		if m.known {
			m.Incarnation = gone
			m.Tell(m.Alive())
			m.Tell(m.Dead(m.Name))
		}
	}
}

// crowd is how many others the target may gossip with.
func (c *Cluster) crowd() int {
	table := c.Table()
	return len(table) - len(table.In(wire.StateLeft)) - 1
}

// fewEnough is how many members a target gossips with in one round, at least.
const fewEnough = 3

// MustHear waits until a member is sent what matches, or ends the case as failed: as
// inconclusive if there are so many others that chance may have passed it by.
func (c *Cluster) MustHear(m *Member, what string, match func(*Heard) bool) *Heard {
	h := m.Await(gossipWithin, match)
	if h != nil {
		return h
	}
	c.Survives("what it is to tell of")
	if n := c.crowd(); n > fewEnough {
		c.Inconclusivef("%s is not told to a member out of %d", what, n)
	}
	c.Failf("%s is not told", what)
	return nil
}

// Control is a ping that the target answers, and how long that took.
func (c *Cluster) Control() time.Duration {
	rtt, ok := c.answers()
	if !ok {
		c.Inconclusivef("the target does not answer a ping")
	}
	return rtt
}

// Survives ends the case as failed unless the target goes on to answer pings.
func (c *Cluster) Survives(what string) {
	for until := c.Now() + lastWords; c.Now() < until; { // the engine tells an end from a silence
		if _, ok := c.answers(); ok {
			return
		}
	}
	c.Failf("after %s the target answers no ping for %v", what, lastWords)
}

// lastWords is how long a target may take to get over something, or to end: the
// trace of a crash is long, and the machine may be busy.
const lastWords = 10 * time.Second

// attempts is how often a ping is repeated: a datagram may be lost.
const attempts = 2

func (c *Cluster) answers() (rtt time.Duration, ok bool) {
	m := c.stranger()
	for range attempts {
		sent := c.Now()
		if m.Answered(m.Ping(c.Self.Name)) {
			return c.Now() - sent, true
		}
	}
	return 0, false
}

// stranger is a member of the harness that the target never hears of.
func (c *Cluster) stranger() *Member {
	for _, m := range c.Members {
		if !m.known && m.aside {
			return m
		}
	}
	m := c.Add()
	m.aside = true
	return m
}

// Quietly sends what must not change the target's belief about a member, and ends
// the case as failed if it does. The twin that must be heeded is the case's to send.
func (c *Cluster) Quietly(name, what string, stimulus func()) {
	before, known := c.Entry(name)
	c.RTT(c.Control())
	stimulus()
	c.Wait(c.SilenceWait())
	c.Survives(what)
	after, still := c.Entry(name)
	if known != still || !sameEntry(before, after) {
		c.Fail(conformance.Failure{
			Message: what + " changes what the target believes", Expected: []string{showEntry(before, known)},
			Got: showEntry(after, still), Where: name,
		})
	}
}

func sameEntry(a, b wire.NodeState) bool {
	return a.State == b.State && a.Incarnation == b.Incarnation && a.Addr == b.Addr &&
		string(a.Meta) == string(b.Meta) && a.Versions == b.Versions
}

func showEntry(n wire.NodeState, known bool) string {
	if !known {
		return "unknown"
	}
	return fmt.Sprintf("%s in incarnation %d at %v with %q", stateName(n.State), n.Incarnation, n.Addr, n.Meta)
}

func stateName(s wire.State) string {
	switch s {
	case wire.StateAlive:
		return "alive"
	case wire.StateSuspect:
		return "suspect"
	case wire.StateDead:
		return "dead"
	case wire.StateLeft:
		return "left"
	default:
		return fmt.Sprintf("state %d", s)
	}
}

// gossipWithin is how long news may take to be told: some rounds of gossip in the
// slowest profile, which has two a second.
const gossipWithin = 3 * time.Second
