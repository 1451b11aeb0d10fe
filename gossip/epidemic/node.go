package epidemic

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults named. All nodes of a
// system share all of it but Self and Seed.
type Config struct {
	Self  int32            // own index in Peers
	Peers []netip.AddrPort // every node, the own one included, 2…2^24: kept as it is, and never to be changed
	Seed  [32]byte         // of the randomness: who is contacted, and coins

	Mongering   Mongering
	AntiEntropy AntiEntropy
	Deletion    Deletion

	MaxEntries    int // keys held, death certificates included, 1…65536; default 4096
	MaxRumors     int // updates that are hot at a time, the oldest gives way, 1…65535; default 1024
	MaxValueBytes int // size of a value, 1…60000; default 1024
	PacketSize    int // encoded size of a message, 256…65000, room for the largest update; default 1400
}

// Mongering is how rumors are spread (Demers et al. 1987, §1.4).
type Mongering struct {
	Period   time.Duration // from one cycle to the next; negative: no cycles, only answers; default 1 s
	Phase    time.Duration // from New to the first cycle, up to Period; default Period
	Exchange Exchange      // who sends rumors in a contact
	Interest Interest      // how a node loses interest in a rumor
	K        int           // of that rule, 1…254; default 2

	Connections int // contacts of others accepted in a cycle, …65535; default 0: any number
	Hunt        int // further partners that a node tries in a cycle when one is busy, …255; default 0

	Cool   int // cycles in state C of MedianCounter, 1…65535; default K
	Rounds int // cycles after which MedianCounter gives up in any case, 1…65535; default 4 log2 N
}

// AntiEntropy is how databases are compared (Demers et al. 1987, §1.3). It
// reaches everybody in the end, which rumors do not.
type AntiEntropy struct {
	Period   time.Duration // from one comparison to the next; negative: none, only answers; default 10 s
	Phase    time.Duration // from New to the first, up to Period; default Period
	Compare  Compare       // what is sent to find the differences
	Exchange Exchange      // of Full and Checksum: who sends updates; the others go both ways
}

// Compare is how two nodes find out where their databases differ.
type Compare uint8

const (
	Ranges   Compare = iota // sums over ranges of keys, split where they differ, as down a Merkle tree
	Full                    // all is sent
	Checksum                // a sum over the database goes first, and all only where it differs
	PeelBack                // the latest updates first, until the sums agree
)

// Deletion is how long death certificates are kept (Demers et al. 1987, §2).
type Deletion struct {
	Tau1      time.Duration // by everybody; default 30 days
	Tau2      time.Duration // after that, dormant, by few; default 180 days
	Retainers int           // that few, drawn from the certificate, 1…255; default 4
}

// Exchange is the direction in which a contact carries updates.
type Exchange uint8

const (
	Push     Exchange = iota // from who calls to who is called
	Pull                     // the other way
	PushPull                 // both ways
)

// Interest is the rule by which a node loses interest in a rumor, which is what
// ends the epidemic. Useless is a cycle in which all nodes that the rumor was
// told knew it before.
type Interest uint8

const (
	FeedbackCounter Interest = iota // after K useless cycles in a row
	FeedbackCoin                    // with probability 1/K after each useless cycle
	BlindCounter                    // after it was told K times
	BlindCoin                       // with probability 1/K each time it is told
	MedianCounter                   // when most partners have known it for longer (Karp et al. 2000)
)

const (
	// MaxKeyBytes bounds keys: three of them and a value fit a datagram.
	MaxKeyBytes = 64
	// MaxCounter bounds the clocks of stamps, so that they never run over.
	MaxCounter = 1 << 62

	maxPeers  = 1 << 24              // identifiers of sites and memory stay reasonable
	maxPeriod = 365 * 24 * time.Hour // sums of instants and periods stay far from overflow
)

func (c Config) withDefaults() (Config, error) {
	m := &c.Mongering
	m.Period = cmp.Or(m.Period, time.Second)
	m.Phase = cmp.Or(m.Phase, m.Period)
	m.K = cmp.Or(m.K, 2)
	m.Cool = cmp.Or(m.Cool, m.K)
	m.Rounds = cmp.Or(m.Rounds, 4*bitLength(len(c.Peers)))
	a, d := &c.AntiEntropy, &c.Deletion
	a.Period = cmp.Or(a.Period, 10*time.Second)
	a.Phase = cmp.Or(a.Phase, a.Period)
	d.Tau1 = cmp.Or(d.Tau1, 30*24*time.Hour)
	d.Tau2 = cmp.Or(d.Tau2, 180*24*time.Hour)
	d.Retainers = cmp.Or(d.Retainers, 4)
	c.MaxEntries = cmp.Or(c.MaxEntries, 4096)
	c.MaxRumors = cmp.Or(c.MaxRumors, 1024)
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, 1024)
	c.PacketSize = cmp.Or(c.PacketSize, 1400)
	for _, l := range []struct {
		name         string
		v, low, high int
	}{
		{"Peers", len(c.Peers), 2, maxPeers},
		{"Self", int(c.Self), 0, len(c.Peers) - 1},
		{"Mongering.Exchange", int(m.Exchange), int(Push), int(PushPull)},
		{"Mongering.Interest", int(m.Interest), int(FeedbackCounter), int(MedianCounter)},
		{"Mongering.K", m.K, 1, Cooling - 1},
		{"Mongering.Connections", m.Connections, 0, math.MaxUint16},
		{"Mongering.Hunt", m.Hunt, 0, math.MaxUint8},
		{"Mongering.Cool", m.Cool, 1, math.MaxUint16},
		{"Mongering.Rounds", m.Rounds, 1, math.MaxUint16},
		{"AntiEntropy.Compare", int(a.Compare), int(Ranges), int(PeelBack)},
		{"AntiEntropy.Exchange", int(a.Exchange), int(Push), int(PushPull)},
		{"Deletion.Retainers", d.Retainers, 1, math.MaxUint8},
		{"MaxEntries", c.MaxEntries, 1, 1 << 16},
		{"MaxRumors", c.MaxRumors, 1, math.MaxUint16},
		{"MaxValueBytes", c.MaxValueBytes, 1, 60000},
		{"PacketSize", c.PacketSize, 256, 65000},
	} {
		if l.v < l.low || l.v > l.high {
			return c, fmt.Errorf("epidemic: Config.%s is %d, want %d to %d", l.name, l.v, l.low, l.high)
		}
	}
	return c, c.check()
}

// check judges what depends on several fields.
func (c *Config) check() error {
	m, a := &c.Mongering, &c.AntiEntropy
	for _, p := range []struct {
		name   string
		d, max time.Duration
	}{
		{"Mongering.Period", max(m.Period, 1), maxPeriod},
		{"Mongering.Phase", m.Phase, m.Period},
		{"AntiEntropy.Period", max(a.Period, 1), maxPeriod},
		{"AntiEntropy.Phase", a.Phase, a.Period},
		{"Deletion.Tau1", c.Deletion.Tau1, maxPeriod},
		{"Deletion.Tau2", c.Deletion.Tau2, maxPeriod},
	} {
		if p.max > 0 && (p.d < 1 || p.d > p.max) { // else there are no periods
			return fmt.Errorf("epidemic: Config.%s is %v, want 1ns to %v", p.name, p.d, p.max)
		}
	}
	if need := messageBytes + 3*MaxKeyBytes + c.MaxValueBytes + rumorBytes; need > c.PacketSize {
		return fmt.Errorf("epidemic: Config.PacketSize is %d; the largest update needs %d", c.PacketSize, need)
	}
	if m.Interest == MedianCounter && m.Exchange != PushPull {
		return fmt.Errorf("epidemic: Config.Mongering: MedianCounter compares what goes both ways: want PushPull")
	}
	return nil
}

func bitLength(n int) (bits int) {
	for ; n > 0; n >>= 1 {
		bits++
	}
	return bits
}

// MaxEffects bounds the effects of one Step: the database twice, by a timer and
// by an answer, an update to a message; what is learned from a message; and the
// parts of the ranges of a Summary.
func (c Config) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	return 2*(c.MaxEntries+1) + (rangeParts+1)*maxBatch + 8, nil
}

// A Node is one participant. It implements [spec.Machine].
//
// What every Step looks at comes first: the simulations of a million nodes wait
// for memory most of their time.
type Node struct {
	cfg     *Config // shared with all nodes of the system, without Self and Seed
	now     time.Duration
	self    int32
	entries []entry
	rumors  []rumor // in the order in which they became hot

	cycleAt  time.Duration // when the next cycle begins, or never
	syncAt   time.Duration // when anti-entropy begins next, or never
	expireAt time.Duration // no certificate changes before, or never
	partner  int32         // whom this cycle's contact is with, -1: nobody, or it has ended
	first    uint16        // number of the rumor that the next message begins with
	accepted uint16        // contacts of others in this cycle
	hunted   uint8         // partners tried after the first, in this cycle

	clock uint64 // largest counter of a stamp seen
	sum   uint64 // of the digests of all entries that are not dormant
	rng   spec.Rand
}

var _ spec.Machine = (*Node)(nil)

// never is after every instant.
const never time.Duration = math.MaxInt64

// New returns a node with an empty database, or an error that names the field of
// cfg that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return newNode(&cfg, cfg.Self, cfg.Seed, now), nil
}

// Sibling returns another node of the system, as New does, but for less memory:
// it shares the configuration of n. It panics when there is no peer self.
func (n *Node) Sibling(self int32, seed [32]byte, now time.Duration) *Node {
	_ = n.cfg.Peers[self]
	return newNode(n.cfg, self, seed, now)
}

func newNode(cfg *Config, self int32, seed [32]byte, now time.Duration) *Node {
	n := &Node{
		cfg: cfg, self: self, now: now, rng: spec.NewRand(seed), partner: -1,
		cycleAt: never, syncAt: never, expireAt: never,
	}
	if cfg.Mongering.Period > 0 {
		n.cycleAt = now + cfg.Mongering.Phase
	}
	if cfg.AntiEntropy.Period > 0 {
		n.syncAt = now + cfg.AntiEntropy.Phase
	}
	return n
}

// Len is the number of entries, death certificates included.
func (n *Node) Len() int { return len(n.entries) }

// Hot is the number of rumors that the node is interested in.
func (n *Node) Hot() int { return len(n.rumors) }

// Updates returns the database in the order of keys, death certificates
// included. The values are not to be changed.
func (n *Node) Updates() []Update {
	list := make([]Update, len(n.entries))
	for i := range n.entries {
		list[i] = n.outgoing(&n.entries[i])
	}
	return list
}

// Lookup returns the update of a key, false when there is none here. It may be a
// death certificate.
func (n *Node) Lookup(key string) (Update, bool) {
	i, found := n.find(key)
	if !found {
		return Update{}, false
	}
	return n.outgoing(&n.entries[i]), true
}

// Step advances the node to now and applies in. See [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	out = n.fireTimers(out)
	switch in := in.(type) {
	case spec.Wake:
	case spec.Recv:
		out = n.receive(in, out)
	case Put:
		out = n.put(in, out)
	case Delete:
		out = n.delete(in, out)
	case Get:
		out = n.get(in, out)
	case Sync:
		out = n.synchronize(in, out)
	default:
		panic(fmt.Sprintf("epidemic: unknown input %T", in))
	}
	if n.expireAt <= n.now { // a certificate came past its time
		n.expire()
	}
	return out
}

// fireTimers fires everything due at or before now, in the order in which it is
// due. Each firing moves its timer past now, so the loop ends.
func (n *Node) fireTimers(out []spec.Effect) []spec.Effect {
	for {
		switch due, _ := n.Deadline(); {
		case due > n.now:
			return out
		case due == n.expireAt:
			n.expire()
		case due == n.cycleAt:
			n.cycleAt = after(n.cycleAt, n.cfg.Mongering.Period, n.now)
			out = n.cycle(out)
		default:
			n.syncAt = after(n.syncAt, n.cfg.AntiEntropy.Period, n.now)
			out = n.compareWith(n.cfg.Peers[n.someone()], out)
		}
	}
}

// after is the first instant after now that lies whole periods after at: a node
// that was not woken in time skips cycles, and stays in step with the others.
func after(at, period, now time.Duration) time.Duration {
	return at + period*((now-at)/period+1)
}

// Deadline is the next instant at which a timer is due. See [spec.Machine].
func (n *Node) Deadline() (time.Duration, bool) {
	at := min(n.cycleAt, n.syncAt, n.expireAt)
	return at, at != never
}

// someone draws a node other than this one.
func (n *Node) someone() int32 {
	i := int32(n.rng.Below(uint64(len(n.cfg.Peers) - 1)))
	if i >= n.self {
		i++
	}
	return i
}
