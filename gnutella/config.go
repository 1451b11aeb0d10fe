package gnutella

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
)

// Mode is the role of a servent.
type Mode uint8

// The roles.
const (
	Flat      Mode = iota // 0.4: all servents are equal, and flood
	Leaf                  // shielded by its ultrapeers, which know what it has
	Ultrapeer             // stands for its leaves
)

// String is the role's name.
func (m Mode) String() string {
	switch m {
	case Flat:
		return "flat"
	case Leaf:
		return "leaf"
	case Ultrapeer:
		return "ultrapeer"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// Limits that no Config changes.
const (
	MaxAddrs = 256 // of one Connect command: more than a host cache hands out
	MaxText  = 256 // bytes of a search: longer queries may be dropped (GN-QY-02)

	topTTL         = 15      // a broadcast above it is dropped (GN-HD-11)
	topXMaxTTL     = 4       // of X-Max-TTL (GN-HS-36)
	maxQuery       = 4 << 10 // bytes of a query that is passed on (GN-QY-02)
	maxHit         = 2 << 10 // bytes of a hit that is made, with its header (GN-QH-11)
	leafPeers      = 3       // ultrapeers of a leaf
	maxXTry        = 10      // addresses in a refusal
	pongsPerAnswer = 10      // to a ping (GN-PG-06)
	maxKeptGGEP    = 256     // bytes of a pong's GGEP that the cache keeps: ours
	maxUserAgent   = 64      // bytes: it is in every handshake
	bytesPerKB     = 1 << 10 // of what pongs count
	tryTimeout     = time.Hour * 24
)

// Config describes a servent. Zero fields take the default named.
type Config struct {
	Seed [32]byte // of all randomness: GUIDs, the servent's own included

	Mode       Mode           // default Flat
	Addr       netip.AddrPort // IPv4, where others reach it: told in pongs, hits and pushes
	Firewalled bool           // nobody does: hits ask for a push
	Library    *Library       // what is shared; nil: nothing
	UserAgent  string         // default "p2pspec"
	Vendor     [4]byte        // in hits; default "PSPC"
	Speed      uint32         // of the line in kbit/s, told in hits; default 1000

	Deflate    bool // offer and accept compression: see [spec.Deflate]
	NoFallback bool // never dial again as 0.4 whoever hangs up on 0.6 (GN-HS-14)
	NoDynamic  bool // flood what leaves ask with QueryTTL instead of querying dynamically
	OutOfBand  bool // ask for hits by datagrams and send them so: see [wire.DatagramCodec] (GN-VE-05)
	OnlyGiven  bool // dial the addresses of Connect alone, not those that others name

	Peers      int // connections with equals, and a leaf's with ultrapeers; default 4, leaf 3, ultrapeer 32
	Leaves     int // connections with leaves; default 30 for an ultrapeer, which alone has some
	Handshakes int // accepted streams that have not yet said which they are; default 16
	MaxTTL     int // TTL and hops of what is forwarded, together; default 7 (GN-HD-10), at most 10 (GN-QY-03)
	QueryTTL   int // of own queries; default 7 for Flat, 3 otherwise; an ultrapeer's at most 4
	MaxSeen    int // GUIDs remembered: of all types together, and of servents; default 16384
	MaxHosts   int // addresses remembered; default 200
	MaxPongs   int // of others in the cache; default 60
	MaxQueries int // dynamic ones under way, of a leaf those it counts hits for, hits out of band; default 64
	MaxResults int // files in the answers to one query; default 255
	QRPSlots   int // of the table sent; default 65536 (GN-UQ-07)
	Window     int // bytes written that were not yet Drained; default 16384
	QueueBytes int // that wait behind them on a connection; default 65536

	HandshakeTimeout time.Duration // of a dial, and of each step; default 10 s
	PeerTimeout      time.Duration // silence before it is gone; default 3 min
	Maintain         time.Duration // between two rounds of pings, dials and table updates; default 30 s
	RetryAfter       time.Duration // until a host is dialled again; default 1 min
	ByeGrace         time.Duration // the receiver of a Bye has to close; default 3 s: "a few" (GN-BY-06)
}

// maxInterval keeps sums of durations from overflowing.
const maxInterval = tryTimeout

func (c Config) withDefaults() (Config, error) {
	if c.UserAgent == "" {
		c.UserAgent = "p2pspec"
	}
	if c.Vendor == ([4]byte{}) {
		c.Vendor = [4]byte{'P', 'S', 'P', 'C'}
	}
	if c.Speed == 0 {
		c.Speed = 1000
	}
	if c.Library == nil {
		c.Library = &Library{}
	}
	switch {
	case c.Mode > Ultrapeer:
		return c, fmt.Errorf("gnutella: Config.Mode is %d", c.Mode)
	case !c.Addr.Addr().Is4() || c.Addr.Port() == 0:
		return c, fmt.Errorf("gnutella: Config.Addr is %v, want an IPv4 address with a port", c.Addr)
	case len(c.UserAgent) > maxUserAgent || !printable(c.UserAgent):
		return c, fmt.Errorf("gnutella: Config.UserAgent is %.70q, want at most %d visible letters",
			c.UserAgent, maxUserAgent)
	}
	peers, queryTTL, leaves := 4, 7, 0
	switch c.Mode {
	case Leaf:
		peers, queryTTL = leafPeers, 3
	case Ultrapeer:
		peers, queryTTL, leaves = 32, 3, 30
	}
	for _, n := range []struct {
		name              string
		v                 *int
		standard, lo, top int
	}{
		{"Peers", &c.Peers, peers, 1, 1 << 10},
		{"Leaves", &c.Leaves, leaves, 0, 1 << 12},
		{"Handshakes", &c.Handshakes, 16, 1, 1 << 10},
		{"MaxTTL", &c.MaxTTL, 7, 1, 10},
		{"QueryTTL", &c.QueryTTL, queryTTL, 1, 7},
		{"MaxSeen", &c.MaxSeen, 1 << 14, 1, 1 << 21},
		{"MaxHosts", &c.MaxHosts, 200, 1, 1 << 14},
		{"MaxPongs", &c.MaxPongs, 60, 1, 1 << 10},
		{"MaxQueries", &c.MaxQueries, 64, 1, 1 << 12},
		{"MaxResults", &c.MaxResults, 255, 1, 1 << 12},
		{"QRPSlots", &c.QRPSlots, qrp.DefaultSlots, 2, qrp.MaxSlots},
		{"Window", &c.Window, 16 << 10, 1, 1 << 24},
		{"QueueBytes", &c.QueueBytes, 64 << 10, 1 << 10, 1 << 24},
	} {
		if *n.v == 0 {
			*n.v = n.standard
		}
		if *n.v < n.lo || *n.v > n.top {
			return c, fmt.Errorf("gnutella: Config.%s is %d, want %d to %d", n.name, *n.v, n.lo, n.top)
		}
	}
	return c.withTimes()
}

// withTimes checks durations, and what depends on two fields.
func (c Config) withTimes() (Config, error) {
	for _, d := range []struct {
		name     string
		v        *time.Duration
		standard time.Duration
	}{
		{"HandshakeTimeout", &c.HandshakeTimeout, 10 * time.Second},
		{"PeerTimeout", &c.PeerTimeout, 3 * time.Minute},
		{"Maintain", &c.Maintain, 30 * time.Second},
		{"RetryAfter", &c.RetryAfter, time.Minute},
		{"ByeGrace", &c.ByeGrace, 3 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < time.Millisecond || *d.v > maxInterval {
			return c, fmt.Errorf("gnutella: Config.%s is %v, want 1ms to %v", d.name, *d.v, maxInterval)
		}
	}
	switch {
	case c.QRPSlots&(c.QRPSlots-1) != 0:
		return c, fmt.Errorf("gnutella: Config.QRPSlots is %d, want a power of two", c.QRPSlots)
	case c.Mode != Ultrapeer && c.Leaves > 0:
		return c, fmt.Errorf("gnutella: Config.Leaves is %d, only an ultrapeer has some", c.Leaves)
	case c.Mode == Ultrapeer && c.QueryTTL > topXMaxTTL:
		return c, fmt.Errorf("gnutella: Config.QueryTTL is %d, an ultrapeer's is at most %d (GN-HS-36)",
			c.QueryTTL, topXMaxTTL)
	}
	return c, nil
}

// printable says whether a text is visible ASCII and spaces.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// MaxEffects bounds the effects of one Step: every connection may end, with a
// Bye, be replaced by a dial, or be written all that waits for it, a table, pongs,
// hits, and the next step of each dynamic query.
func (c Config) MaxEffects() int {
	c, err := c.withDefaults()
	if err != nil {
		return 0
	}
	const (
		told       = 16   // of a connection: handshake, end, ping, pong, push, events
		tablePiece = 1024 // bytes of a slot's half byte each: what package qrp cuts
		smallest   = 23   // bytes that an entry of a queue takes
	)
	conns := c.Peers + c.Leaves + c.Handshakes
	each := told + pongsPerAnswer + c.QueueBytes/smallest + c.QRPSlots/2/tablePiece + 3
	return conns*(each+c.MaxQueries) + c.MaxResults + told
}
