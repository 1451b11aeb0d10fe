package mainline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

const (
	// staleAfter unanswered queries in a row make a contact bad; one that
	// stands in a newcomer's way is out after evictAfter, the first ping and
	// one retry. BEP05-TBL-004
	staleAfter = 3
	evictAfter = 2

	// sweepEvery is how often expired peers and items are taken out. They are
	// not handed out even before.
	sweepEvery = time.Minute

	// refreshPause separates the refreshes of quiet buckets.
	refreshPause = 5 * time.Second
)

// Node is a DHT node, a [spec.Machine].
type Node struct {
	cfg      Config
	id       kademlia.ID
	external netip.Addr // own address as agreed by others; zero: not known
	rng      spec.Rand
	now      time.Duration // of the last Step

	families [2]family // IPv4 and IPv6, see familyOf
	tokens   tokens
	torrents torrents
	items    items
	sample   sample
	sweepAt  time.Duration // never: nothing is stored
	votes    []vote

	queries []query // in flight, oldest first
	pings   int32   // those among them that serve the routing table
	ops     []*op   // oldest first
	lastOp  uint32
	saved   []kademlia.Contact // for the first Bootstrap
	rests   []rest             // nodes that were sampled
}

// family is one of the two DHTs of BEP 32, which share nothing but the id.
type family struct {
	on        bool
	table     kademlia.Table
	refreshAt time.Duration
}

// New returns a node that starts at now. It sends nothing until it is told to
// Bootstrap or is asked something. The error names the field of cfg that is
// out of range.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:      cfg,
		id:       cfg.ID,
		external: cfg.ExternalIP.Unmap(),
		rng:      spec.NewRand(cfg.Seed),
		now:      now,
		sweepAt:  never,
		sample:   sample{hashes: []byte{}, taken: now},
	}
	if n.id == (kademlia.ID{}) {
		n.id = n.newID()
	}
	n.tokens = newTokens(&n.rng, cfg.TokenRotation, now)
	for i, f := range [...]Families{IPv4, IPv6} {
		if n.families[i].on = cfg.Families&f != 0; n.families[i].on {
			n.families[i].table = n.newTable(now)
			n.families[i].refreshAt = now + cfg.RefreshAfter
		}
	}
	for _, c := range cfg.Contacts {
		if len(n.saved) < kademlia.MaxShortlist && n.usable(c) {
			n.saved = append(n.saved, c)
		}
	}
	n.cfg.Contacts = nil
	return n, nil
}

// newID draws an id, one that BEP 42 allows if the own address is known.
func (n *Node) newID() kademlia.ID {
	id := kademlia.RandomID(&n.rng, n.cfg.IDBits)
	if n.external.IsValid() && n.cfg.IDBits == kademlia.MaxBits {
		id = SecureID(n.external, id)
	}
	return id
}

// newTable returns an empty table around the own id: the paper's, with the
// standings of BEP 5. BEP05-TBL-001, BEP05-TBL-005
func (n *Node) newTable(now time.Duration) kademlia.Table {
	table, err := kademlia.NewTable(kademlia.TableConfig{
		Self:       n.id,
		IDBits:     n.cfg.IDBits,
		K:          n.cfg.K,
		Spare:      n.cfg.K,
		GoodFor:    n.cfg.GoodFor,
		StaleAfter: staleAfter,
		EvictAfter: evictAfter,
	}, now)
	if err != nil {
		panic("mainline: " + err.Error()) // withDefaults checked it all
	}
	return table
}

// ID is the own node id. It changes when IDChanged is notified.
func (n *Node) ID() kademlia.ID { return n.id }

// Contacts returns what is worth saving for the next run: the contacts of the
// routing tables that are not bad. BEP05-TBL-009
func (n *Node) Contacts() []kademlia.Contact {
	var contacts []kademlia.Contact
	for i := range n.families {
		f := &n.families[i]
		if !f.on {
			continue
		}
		for e := range f.table.All() {
			if f.table.Status(&e, n.now) != kademlia.Bad {
				contacts = append(contacts, e.Contact())
			}
		}
	}
	return contacts
}

// Step implements [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	s := step{n, out}
	s.fireTimers()
	s.apply(in)
	return s.out
}

// step is a node while it takes a Step, with the effects so far: what may
// have effects is a method of step, the rest is the node's.
type step struct {
	*Node
	//pure:state lives only while Node.Step runs
	out []spec.Effect
}

// apply is the one place that inputs go through.
func (n *step) apply(in spec.Input) {
	switch in := in.(type) {
	case spec.Wake:
	case spec.Recv:
		n.receive(in)
	case Bootstrap:
		n.bootstrap(in)
	case Ping:
		n.ping(in)
	case FindNode:
		n.startWalk(&op{id: in.Op, kind: opFindNode, target: in.Target})
	case GetPeers:
		n.startWalk(&op{
			id: in.Op, kind: opGetPeers, target: in.InfoHash, scrape: in.Scrape, noSeed: in.NoSeed,
		})
	case Announce:
		n.announce(in)
	case GetItem:
		n.getItem(in)
	case PutImmutable:
		n.put(in.Op, Item{V: in.V}, nil)
	case PutMutable:
		n.put(in.Op, in.Item, in.CAS)
	case Sample:
		n.sampleNode(in)
	default:
		panic(fmt.Sprintf("mainline: unknown input %T", in))
	}
}

// MaxEffects bounds the effects of one Step: each query that can be in flight
// may end and be replaced, each command may end, and one input causes a
// handful more.
func (c Config) MaxEffects() int {
	c, err := c.withDefaults()
	if err != nil {
		return 0
	}
	return 2*(c.MaxPending+maxPings) + 8
}

// never is a deadline that is not armed.
const never = time.Duration(1<<63 - 1)

// Deadline implements [spec.Machine].
func (n *Node) Deadline() (at time.Duration, ok bool) {
	_, at = n.nextTimer()
	return at, at != never
}

// timer names what fires; their order decides among equal deadlines.
type timer uint8

const (
	timeoutTimer timer = iota // the oldest query in flight
	refreshTimer4
	refreshTimer6
	sweepTimer
)

func (n *Node) nextTimer() (timer, time.Duration) {
	which, at := timeoutTimer, never
	if len(n.queries) > 0 {
		at = n.queries[0].sent + n.cfg.QueryTimeout
	}
	for i := range n.families {
		if f := &n.families[i]; f.on && f.refreshAt < at {
			which, at = refreshTimer4+timer(i), f.refreshAt
		}
	}
	if n.sweepAt < at {
		which, at = sweepTimer, n.sweepAt
	}
	return which, at
}

// fireTimers fires what is due. Each timer is armed anew after now, so the
// loop ends.
func (n *step) fireTimers() {
	for {
		which, at := n.nextTimer()
		if at > n.now {
			return
		}
		switch which {
		case timeoutTimer:
			n.timeOut()
		case refreshTimer4, refreshTimer6:
			n.refresh(&n.families[which-refreshTimer4])
		case sweepTimer:
			n.sweep()
		}
	}
}

func (n *step) emit(e spec.Effect) { n.out = append(n.out, e) }

func (n *step) done(id spec.OpID, result spec.Event, err error) {
	n.emit(spec.Done{Op: id, Result: result, Err: err})
}

// sweep takes out what has expired. It runs while anything is stored.
func (n *Node) sweep() {
	n.torrents.sweep(n.now)
	n.items.sweep(n.now)
	if n.sweepAt = n.now + sweepEvery; len(n.torrents.hashes) == 0 && len(n.items.targets) == 0 {
		n.sweepAt = never
	}
}

// stored arms the sweep.
func (n *Node) stored() {
	if n.sweepAt == never {
		n.sweepAt = n.now + sweepEvery
	}
}
