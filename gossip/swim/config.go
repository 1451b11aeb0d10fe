package swim

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a member. Begin with [LAN], [WAN] or [Local], which are
// memberlist's, and set Name, Addr and Seed. Zero limits take the defaults
// named. Label and keys are the codec's, see [wire.Format].
type Config struct {
	Seed [32]byte // of all random choices, and of nonces: from the operating system where there are keys
	Name string   // of the node, unique in the cluster, at most [wire.MaxName] bytes
	Addr netip.AddrPort
	Meta []byte // the application's, at most [wire.MaxMeta] bytes; not to be changed

	// Versions are announced. Zero: protocol 1 to 5, speaking 2, as memberlist.
	Versions wire.Versions

	ProbeInterval  time.Duration // the period: one member is probed in each
	ProbeTimeout   time.Duration // patience with a ping, before others are asked to ping; below ProbeInterval
	IndirectChecks int           // k: members asked to ping a silent one, …16
	TCPPing        bool          // a silent member is pinged over a stream, too (GO-FD-05)

	SuspicionMult           int // of the shortest time under suspicion, 1…64 (GO-FD-09)
	SuspicionMaxTimeoutMult int // the longest is so many times the shortest, 1…64 (GO-FD-10)
	AwarenessMax            int // the health score stays below, 1…64; 1: no local health (GO-LH-01)

	GossipInterval  time.Duration // between two rounds of gossip; 0: rumors travel on pings and acks alone
	GossipNodes     int           // members told in a round, …16
	GossipToTheDead time.Duration // how long the dead are told and kept (GO-FD-20)
	RetransmitMult  int           // of the number of times that a rumor is told, 1…64 (GO-GS-02)
	PacketSize      int           // bytes of a datagram's parts with their lengths; 1024…65000 (GO-GS-04)

	PushPullInterval time.Duration // between two exchanges of all state; 0: none but for a Join (GO-AE-01)
	StreamTimeout    time.Duration // patience with a stream
	BroadcastTimeout time.Duration // patience of Leave and Update with the spreading of their news

	// DeadNodeReclaim is how long a dead node's name is kept from another address;
	// 0: for as long as the node is known (GO-FD-15).
	DeadNodeReclaim time.Duration

	// The switches to the plain protocol of the SWIM paper, all off in memberlist.
	// Lifeguard's local health and its shrinking suspicion are off when
	// AwarenessMax and SuspicionMaxTimeoutMult are 1.
	RandomTarget bool // each period probes a member at random, not in turn (SWIM §3.1 for §4.3)
	NoSuspicion  bool // who fails a probe is dead at once (SWIM §3 for §4.2)
	NoNack       bool // silence of those asked to ping is not counted (Lifeguard §IV-A)
	NoBuddy      bool // a suspect hears of it by gossip, not with the next ping (GO-FD-19)

	NoProbe bool // it only answers: for members that a suite plays

	// Known are members that are believed alive from the start, in the order of
	// their names, the node itself among them: the cluster has begun already. Many
	// machines may share one slice and its members, which nothing ever changes.
	Known []*Member

	MaxMembers  int // known at a time, the dead included, …2^20; default 16384
	MaxRelays   int // pings under way for others, …65536; default 1024 as memberlist's queue
	MaxStreams  int // open at a time, …1024; default 128 as memberlist's push/pulls (GO-WF-18)
	MaxCommands int // Joins, Updates and streams of SendUser under way, …1024; default 16
	MaxUser     int // user broadcasts queued, …65536; default 1024
}

// MaxJoin bounds the addresses of one [Join].
const MaxJoin = 64

// LAN is memberlist's default configuration for a local network.
func LAN() Config {
	return Config{
		ProbeInterval:           time.Second,
		ProbeTimeout:            500 * time.Millisecond,
		IndirectChecks:          3,
		TCPPing:                 true,
		SuspicionMult:           4,
		SuspicionMaxTimeoutMult: 6,
		AwarenessMax:            8,
		GossipInterval:          200 * time.Millisecond,
		GossipNodes:             3,
		GossipToTheDead:         30 * time.Second,
		RetransmitMult:          4,
		PacketSize:              1400,
		PushPullInterval:        30 * time.Second,
		StreamTimeout:           10 * time.Second,
		BroadcastTimeout:        5 * time.Second,
	}
}

// WAN is memberlist's default configuration for the internet.
func WAN() Config {
	c := LAN()
	c.ProbeInterval = 5 * time.Second
	c.ProbeTimeout = 3 * time.Second
	c.SuspicionMult = 6
	c.GossipInterval = 500 * time.Millisecond
	c.GossipNodes = 4
	c.GossipToTheDead = time.Minute
	c.PushPullInterval = time.Minute
	c.StreamTimeout = 30 * time.Second
	return c
}

// Local is memberlist's default configuration for members on one host.
func Local() Config {
	c := LAN()
	c.ProbeTimeout = 200 * time.Millisecond
	c.IndirectChecks = 1
	c.SuspicionMult = 3
	c.GossipInterval = 100 * time.Millisecond
	c.GossipToTheDead = 15 * time.Second
	c.RetransmitMult = 2
	c.PushPullInterval = 15 * time.Second
	c.StreamTimeout = time.Second
	return c
}

func (c Config) withDefaults() (Config, error) {
	c.Versions = cmp.Or(c.Versions, wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2})
	c.MaxMembers = cmp.Or(c.MaxMembers, 1<<14)
	c.MaxRelays = cmp.Or(c.MaxRelays, 1024)
	c.MaxStreams = cmp.Or(c.MaxStreams, 128)
	c.MaxCommands = cmp.Or(c.MaxCommands, 16)
	c.MaxUser = cmp.Or(c.MaxUser, 1024)
	for _, l := range []struct {
		name         string
		v, low, high int
	}{
		{"IndirectChecks", c.IndirectChecks, 0, 16},
		{"SuspicionMult", c.SuspicionMult, 1, 64},
		{"SuspicionMaxTimeoutMult", c.SuspicionMaxTimeoutMult, 1, 64},
		{"AwarenessMax", c.AwarenessMax, 1, 64},
		{"GossipNodes", c.GossipNodes, 0, 16},
		{"RetransmitMult", c.RetransmitMult, 1, 64},
		{"PacketSize", c.PacketSize, 1024, 65000},
		{"MaxMembers", c.MaxMembers, 1, wire.MaxNodes},
		{"MaxRelays", c.MaxRelays, 1, 1 << 16},
		{"MaxStreams", c.MaxStreams, 1, 1024},
		{"MaxCommands", c.MaxCommands, 1, 1024},
		{"MaxUser", c.MaxUser, 1, 1 << 16},
		{"Known", len(c.Known), 0, c.MaxMembers},
	} {
		if l.v < l.low || l.v > l.high {
			return c, fmt.Errorf("swim: Config.%s is %d, want %d to %d", l.name, l.v, l.low, l.high)
		}
	}
	if err := c.checkPeriods(); err != nil {
		return c, err
	}
	return c, c.checkIdentity()
}

// MaxEffects bounds the effects of one Step with in: a verdict of each suspicion,
// an answer for each relay, the end of each stream and command, those of one
// period; then of the input what each part or node of it says.
func (c Config) MaxEffects(in spec.Input) (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	timers := c.MaxMembers + c.MaxRelays + 3*(c.MaxStreams+2*c.MaxCommands) +
		c.GossipNodes + 2*c.IndirectChecks + periodEffects
	claims := 1
	switch in := in.(type) {
	case spec.Recv:
		if p, ok := in.Msg.(wire.Packet); ok {
			claims += len(p.Parts) + len(p.Faults)
		}
	case spec.Got:
		if f, ok := in.Msg.(wire.Frame); ok {
			if p, ok := f.Msg.(wire.PushPull); ok {
				claims += min(len(p.Nodes), c.MaxMembers)
			}
		}
	default: // makes one claim at most
	}
	return timers + claimEffects*claims, nil
}

const (
	// periodEffects bounds what a period costs besides: the end of a probe, the
	// next ping, the streams of both, and an exchange of state.
	periodEffects = 16
	// claimEffects bounds what comes of a claim: an event, a Drop, and a suspicion
	// that ends.
	claimEffects = 3
)

func (c *Config) checkPeriods() error {
	for _, p := range []struct {
		name         string
		d, low, high time.Duration
	}{
		{"ProbeInterval", c.ProbeInterval, 1, maxProbeInterval},
		{"ProbeTimeout", c.ProbeTimeout, 1, maxProbeInterval},
		{"GossipInterval", c.GossipInterval, 0, maxPeriod},
		{"PushPullInterval", c.PushPullInterval, 0, maxPeriod},
		{"GossipToTheDead", c.GossipToTheDead, 0, maxPeriod},
		{"DeadNodeReclaim", c.DeadNodeReclaim, 0, maxPeriod},
		{"StreamTimeout", c.StreamTimeout, 1, maxPeriod},
		{"BroadcastTimeout", c.BroadcastTimeout, 1, maxPeriod},
	} {
		if p.d < p.low || p.d > p.high || p.d > 0 && p.d < time.Millisecond {
			return fmt.Errorf("swim: Config.%s is %v, want %v to %v", p.name, p.d, p.low*time.Millisecond, p.high)
		}
	}
	if c.ProbeTimeout >= c.ProbeInterval {
		return fmt.Errorf("swim: Config.ProbeTimeout is %v, want less than ProbeInterval, %v",
			c.ProbeTimeout, c.ProbeInterval)
	}
	return nil
}

// Longest periods. They keep sums of instants far from overflow, and the longest
// suspicion, which is 64 times 64 times 7 periods of probing.
const (
	maxProbeInterval = time.Hour
	maxPeriod        = 365 * 24 * time.Hour
)

func (c *Config) checkIdentity() error {
	switch v := c.Versions; {
	case c.Name == "" || len(c.Name) > wire.MaxName:
		return fmt.Errorf("swim: Config.Name has %d bytes, want 1 to %d", len(c.Name), wire.MaxName)
	case !reachable(c.Addr):
		return fmt.Errorf("swim: Config.Addr is %v, want one that others can send to", c.Addr)
	case len(c.Meta) > wire.MaxMeta:
		return fmt.Errorf("swim: Config.Meta has %d bytes, want at most %d", len(c.Meta), wire.MaxMeta)
	case !understandable(v) || v.Protocol < v.ProtocolMin || v.Protocol > v.ProtocolMax:
		return fmt.Errorf("swim: Config.Versions are %v, want 1 <= ProtocolMin <= Protocol <= ProtocolMax", v)
	}
	own := len(c.Known) == 0
	for i := range c.Known {
		m := c.Known[i]
		if i > 0 && c.Known[i-1].Name >= m.Name {
			return fmt.Errorf("swim: Config.Known is not in the order of names at %d, %q", i, m.Name)
		}
		if m.State != wire.StateAlive || !reachable(m.Addr) {
			return fmt.Errorf("swim: Config.Known has %q, which is not alive at an address", m.Name)
		}
		own = own || m.Name == c.Name && m.Addr == c.Addr
	}
	if !own {
		return fmt.Errorf("swim: Config.Known lacks the node itself, %q at %v", c.Name, c.Addr)
	}
	return nil
}

// reachable reports whether a datagram or stream can go to a.
func reachable(a netip.AddrPort) bool {
	ip := a.Addr()
	return a.Port() != 0 && ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast()
}

// understandable reports whether v says which protocol to speak.
//
// GO-FD-16 (memberlist aliveNode).
func understandable(v wire.Versions) bool {
	return v.ProtocolMin != 0 && v.ProtocolMin <= v.ProtocolMax
}
