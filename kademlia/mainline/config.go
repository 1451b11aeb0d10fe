package mainline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
)

// Limits that no Config changes.
const (
	// MaxPacket is the size limit in bytes of what a node sends. BEP32-DHT6-003
	MaxPacket = 1024

	// MaxBootstrap bounds the addresses of one Bootstrap command, all asked at
	// once.
	MaxBootstrap = 16

	// MaxPeersFound bounds the peers that one lookup collects: more than a
	// client can connect to.
	MaxPeersFound = 1024

	// maxPings bounds the pings under way on behalf of the routing table, so
	// that strangers' queries cannot make the node send much.
	maxPings = 64

	// maxToken bounds the tokens that are kept, in bytes: known nodes use 4 to
	// 20, and an announce with this one still fits a packet.
	maxToken = 256

	// maxVersion bounds the version, in bytes: it is part of every packet.
	maxVersion = 16

	// maxVotes bounds the claims about the own address that are kept: a claim
	// with votesNeeded votes has the majority when half as many contradict.
	maxVotes = 32

	// maxSampled bounds the nodes that were sampled and have to be left alone.
	maxSampled = 1024
)

// Config describes a node. Zero fields take the default named.
type Config struct {
	Seed [32]byte // of all randomness: ids, tokens, transaction ids

	// ID is the node's own. Zero: drawn, and bound to ExternalIP if that is
	// known (BEP 42).
	ID         kademlia.ID
	ExternalIP netip.Addr

	Families Families // default IPv4; both share one id (BEP32-DHT6-002)
	Version  string   // v of every message; default "PS" and two bytes

	IDBits int // width of the identifier space, 3…160; default 160
	K      int // contacts a bucket holds, and nodes a lookup ends with; default 8
	Alpha  int // requests a lookup has in flight, 1…8; default 3

	ReadOnly     bool // send ro=1 and answer nothing (BEP 43)
	EnforceBEP42 bool // keep nodes whose id does not fit their address out

	QueryTimeout   time.Duration // until a query counts as unanswered; default 5 s
	GoodFor        time.Duration // how long a sign of life counts; default 15 min
	RefreshAfter   time.Duration // quiet time of a bucket; default 15 min
	TokenRotation  time.Duration // life of a secret; default 5 min
	PeerLife       time.Duration // life of an announce; default 30 min
	ItemLife       time.Duration // life of an item; default 2 h (BEP 44)
	SampleInterval time.Duration // life of a sample, whole s; default 6 h (BEP 51); < 0: none

	MaxTorrents int // info-hashes stored; default 2000
	MaxPeers    int // peers stored an info-hash; default 500
	MaxItems    int // items stored; default 700
	MaxPending  int // queries in flight; default 512

	// VotesNeeded is how many nodes at different addresses must name the same
	// address of ours before the id follows it (BEP 42); default 8.
	VotesNeeded int

	// Contacts are saved from an earlier run. The first Bootstrap asks them.
	Contacts []kademlia.Contact
}

func (c Config) withDefaults() (Config, error) {
	if c.Families == 0 {
		c.Families = IPv4
	}
	if c.Version == "" {
		c.Version = "PS\x00\x01"
	}
	for _, n := range []struct {
		name              string
		v                 *int
		standard, lo, top int
	}{
		{"IDBits", &c.IDBits, kademlia.MaxBits, 3, kademlia.MaxBits},
		{"K", &c.K, 8, 1, 16}, // 16 contacts of each family fit a packet
		{"Alpha", &c.Alpha, 3, 1, 8},
		{"MaxTorrents", &c.MaxTorrents, 2000, 1, 1 << 20},
		{"MaxPeers", &c.MaxPeers, 500, 1, 6000}, // more than a filter can count: BEP33-SCRAPE-006
		{"MaxItems", &c.MaxItems, 700, 1, 1 << 20},
		{"MaxPending", &c.MaxPending, 512, 64, 1 << 16},
		{"VotesNeeded", &c.VotesNeeded, 8, 1, maxVotes},
	} {
		if *n.v == 0 {
			*n.v = n.standard
		}
		if *n.v < n.lo || *n.v > n.top {
			return c, fmt.Errorf("mainline: %s is %d, want %d to %d", n.name, *n.v, n.lo, n.top)
		}
	}
	if c.SampleInterval < 0 {
		c.SampleInterval = noInterval
	}
	for _, d := range []struct {
		name          string
		v             *time.Duration
		standard, top time.Duration
	}{
		{"QueryTimeout", &c.QueryTimeout, 5 * time.Second, time.Hour},
		{"GoodFor", &c.GoodFor, 15 * time.Minute, 24 * time.Hour},
		{"RefreshAfter", &c.RefreshAfter, 15 * time.Minute, 24 * time.Hour},
		{"TokenRotation", &c.TokenRotation, 5 * time.Minute, 24 * time.Hour},
		{"PeerLife", &c.PeerLife, 30 * time.Minute, 24 * time.Hour},
		{"ItemLife", &c.ItemLife, 2 * time.Hour, 24 * time.Hour},
		{"SampleInterval", &c.SampleInterval, 6 * time.Hour, 6 * time.Hour},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < 0 || *d.v > d.top {
			return c, fmt.Errorf("mainline: %s is %v, want more than 0, at most %v", d.name, *d.v, d.top)
		}
	}
	switch {
	case c.Families&^(IPv4|IPv6) != 0:
		return c, fmt.Errorf("mainline: Families is %d, want IPv4, IPv6 or both", c.Families)
	case len(c.Version) > maxVersion:
		return c, fmt.Errorf("mainline: Version has %d bytes, at most %d", len(c.Version), maxVersion)
	case !c.ID.Fits(c.IDBits):
		return c, fmt.Errorf("mainline: ID %v exceeds %d bits", c.ID, c.IDBits)
	}
	return c, nil
}

// noInterval is a SampleInterval that rounds to 0 s: each query gets a new
// sample.
const noInterval = time.Nanosecond
