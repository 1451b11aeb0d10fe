package bittorrent

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// Limits that no Config changes.
const (
	// MaxMetadata is the longest info dictionary that is fetched or served, in
	// bytes: libtorrent's limit, and what 2^20 pieces of version 1 take.
	// BEP09-META-009
	MaxMetadata = 30 << 20

	// MaxAddrs bounds the addresses of one AddPeers command: what the largest
	// trackers return, several times.
	MaxAddrs = 1024

	// maxRejects is how many requests a peer may reject without sending a block,
	// beyond those that were on their way, before the connection is closed:
	// libtorrent's max_rejects.
	maxRejects = 50

	// maxListed bounds the pieces that a peer may allow or suggest; the
	// canonical set has 10 (BEP 6), suggestions 16 in libtorrent.
	maxListed = 64

	// maxBanned bounds the addresses that are kept out. The oldest make room.
	maxBanned = 1024

	// maxVersion bounds Version, in bytes: it is part of every extension
	// handshake.
	maxVersion = 64
)

// Config describes a torrent and how to take part in it. Zero fields take the
// default named.
type Config struct {
	Seed [32]byte // of all randomness

	// PeerID is the own. Zero: "-PS0001-" and 12 random characters. BEP20-ID-001
	PeerID [20]byte

	// InfoHash is that of handshakes: of a torrent of version 2 alone, the
	// first 20 bytes of InfoHashV2. Zero: that of Info.
	InfoHash [20]byte
	// InfoHashV2 is the whole SHA-256 where only version 2 is known. Metadata
	// is then held to it.
	InfoHashV2 [32]byte

	// Info is nil while only a magnet link is known; the machine then fetches
	// it. A program that has no hashes, such as a simulation, gives a Layout.
	Info   *metainfo.Info
	Layout Layout

	// Have is the bitfield of the pieces that are stored and verified, as on
	// the wire; nil: none.
	Have []byte

	ExternalIP netip.Addr // own address as others see it, for BEP 40; may be unknown
	ListenPort uint16     // where others connect to; told in the extension handshake
	DHTPort    uint16     // 0: none; told to those who have a DHT node (BEP 5)
	Version    string     // told in the extension handshake; default "p2pspec"

	// Without what extensions to be: the zero value has them all.
	NoFast, NoExtended, NoPEX bool

	// UploadOnly fetches nothing, and says so (BEP 21).
	UploadOnly bool

	// TerseHave tells a finished piece only to those who lack it (BEP 3
	// §have): fewer messages, but nobody else sees the progress.
	TerseHave bool

	Order     PieceOrder // of what is fetched
	SeedOrder SeedOrder  // of who is served, once all is there

	// NoOptimistic leaves out the optimistic unchoke. It is for experiments
	// that show what that is good for.
	NoOptimistic bool

	MaxConns       int // streams, dialled ones included; default 50, as anacrolix has a torrent
	MaxHalfOpen    int // dialled and not yet opened; default 8: home routers drop more
	MaxKnown       int // addresses that could be dialled; default 1000
	MaxRequestsOut int // unanswered requests to one peer; default 500, as libtorrent
	MaxRequestsIn  int // of one peer, told as reqq; default 500 as others ask for
	MinRequestsOut int // kept unanswered at any rate; default 5 (economics paper)
	MaxStoring     int // blocks being stored when no more are asked for; default 2048 (32 MiB)
	BlockSize      int // bytes of a request; default and limit of BEP 3: 16 KiB
	UploadSlots    int // peers unchoked by merit; default 4 (economics paper)
	MaxBegun       int // pieces begun and not finished; default 1024
	UploadWindow   int // bytes on their way to one peer; default 256 KiB: 2 ms of 1 Gbit/s

	RechokeInterval  time.Duration // default 10 s (economics paper)
	SnubAfter        time.Duration // without a block asked for; default 60 s (economics paper)
	RequestTimeout   time.Duration // until others are asked, too; default 60 s, as libtorrent
	DialTimeout      time.Duration // default 15 s, as libtorrent
	HandshakeTimeout time.Duration // default 10 s, as libtorrent. BEP03-PEER-010
	KeepAlive        time.Duration // silence before one is sent; default 2 min (BEP 3)
	PeerTimeout      time.Duration // silence before it is gone; default 3 min: a keep-alive may be late
	RetryAfter       time.Duration // of the first retry of an address, then twice as long; default 60 s
	PEXInterval      time.Duration // default and least 1 min (BEP11-PEX-004)
}

func (c Config) withDefaults() (Config, error) {
	if c.Version == "" {
		c.Version = "p2pspec"
	}
	for _, n := range []struct {
		name              string
		v                 *int
		standard, lo, top int
	}{
		{"MaxConns", &c.MaxConns, 50, 1, 1 << 12},
		{"MaxHalfOpen", &c.MaxHalfOpen, 8, 1, 1 << 12},
		{"MaxKnown", &c.MaxKnown, 1000, 1, 1 << 16},
		{"MaxRequestsOut", &c.MaxRequestsOut, 500, 1, 1 << 14},
		{"MaxRequestsIn", &c.MaxRequestsIn, 500, 1, 1 << 14},
		{"MinRequestsOut", &c.MinRequestsOut, min(5, c.maxRequestsOut()), 1, c.maxRequestsOut()},
		{"MaxStoring", &c.MaxStoring, 2048, 1, 1 << 20},
		{"BlockSize", &c.BlockSize, wire.DefaultMaxBlock, 1, metainfo.MaxPieceLength},
		{"UploadSlots", &c.UploadSlots, 4, 1, 1 << 12},
		{"MaxBegun", &c.MaxBegun, 1024, 1, 1 << 20},
		{"UploadWindow", &c.UploadWindow, 256 << 10, 1, 1 << 30},
	} {
		if *n.v == 0 {
			*n.v = n.standard
		}
		if *n.v < n.lo || *n.v > n.top {
			return c, fmt.Errorf("bittorrent: %s is %d, want %d to %d", n.name, *n.v, n.lo, n.top)
		}
	}
	for _, d := range []struct {
		name          string
		v             *time.Duration
		standard, low time.Duration
	}{
		{"RechokeInterval", &c.RechokeInterval, 10 * time.Second, time.Second},
		{"SnubAfter", &c.SnubAfter, 60 * time.Second, time.Second},
		{"RequestTimeout", &c.RequestTimeout, 60 * time.Second, time.Second},
		{"DialTimeout", &c.DialTimeout, 15 * time.Second, time.Second},
		{"HandshakeTimeout", &c.HandshakeTimeout, 10 * time.Second, time.Second},
		{"KeepAlive", &c.KeepAlive, 2 * time.Minute, time.Second},
		{"PeerTimeout", &c.PeerTimeout, 3 * time.Minute, time.Second},
		{"RetryAfter", &c.RetryAfter, time.Minute, time.Second},
		{"PEXInterval", &c.PEXInterval, time.Minute, time.Minute},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < d.low || *d.v > maxInterval {
			return c, fmt.Errorf("bittorrent: %s is %v, want %v to %v", d.name, *d.v, d.low, maxInterval)
		}
	}
	return c.withTorrent()
}

// maxInterval keeps sums of durations from overflowing.
const maxInterval = 24 * time.Hour

// maxRequestsOut is the field or its default.
func (c *Config) maxRequestsOut() int {
	if c.MaxRequestsOut == 0 {
		return 500
	}
	return c.MaxRequestsOut
}

// withTorrent checks what Config says of the torrent.
func (c Config) withTorrent() (Config, error) {
	if c.Info != nil {
		c.Layout = LayoutOf(c.Info)
		if c.InfoHash == ([20]byte{}) {
			c.InfoHash = handshakeHash(c.Info)
		}
		c.InfoHashV2 = c.Info.InfoHashV2
	}
	if c.InfoHash == ([20]byte{}) {
		c.InfoHash = [20]byte(c.InfoHashV2[:20])
	}
	switch {
	case c.InfoHash == ([20]byte{}):
		return c, fmt.Errorf("bittorrent: InfoHash is missing")
	case len(c.Version) > maxVersion:
		return c, fmt.Errorf("bittorrent: Version has %d bytes, at most %d", len(c.Version), maxVersion)
	case c.Layout.Pieces == 0 && c.Have != nil:
		return c, fmt.Errorf("bittorrent: Have without Info or Layout")
	case c.Layout.Pieces == 0:
		return c, nil
	}
	if err := c.Layout.check(); err != nil {
		return c, err
	}
	if c.Have != nil {
		if err := wire.CheckBitfield(c.Have, c.Layout.Pieces); err != nil {
			return c, fmt.Errorf("bittorrent: Have: %w", err)
		}
	}
	return c, nil
}

// handshakeHash is how handshakes name a torrent. BEP52-META-008
func handshakeHash(info *metainfo.Info) [20]byte {
	if info.HasV1 {
		return info.InfoHash
	}
	return [20]byte(info.InfoHashV2[:20])
}

// MaxEffects bounds the effects of one Step: each connection may end, be asked
// for all that it may be, be served or refused all that it asked for, and be
// told a few things; addresses are dialled, and after a Start pieces verified.
func (c Config) MaxEffects() int {
	c, err := c.withDefaults()
	if err != nil {
		return 0
	}
	const told = 32 // a have, interest, chokes, extension handshake, allowed pieces, metadata, …
	return c.MaxConns*(c.MaxRequestsOut+2*c.MaxRequestsIn+told) + 2*c.MaxHalfOpen + c.MaxBegun + 16
}
