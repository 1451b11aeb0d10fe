package tracker

import (
	"fmt"
	"net/netip"
	"time"
)

// ServerConfig describes a [Server]. Zero fields take the default named.
type ServerConfig struct {
	Seed [32]byte // of all randomness: connection ids and the choice of peers

	Interval    time.Duration // between announces, whole seconds; default 30 min
	MinInterval time.Duration // the least that is tolerated; default 5 min, at most Interval
	PeerLife    time.Duration // of a peer that is not heard of; default twice Interval

	NumWant    int32 // peers for a request that does not say; default 50
	MaxNumWant int32 // peers for any request; default 200

	MaxSwarms     int32 // torrents with peers; default 2^14
	MaxSwarmPeers int32 // peers of one torrent; default 5000
	MaxPeers      int32 // peers of all torrents, of about 100 bytes; default 2^18

	// Whitelist, unless it is nil, holds the only torrents that are served.
	Whitelist []Hash

	// TrustIP are the senders whose ip parameter is believed: those that speak
	// for others, such as a proxy. BEP03-TRK-020
	TrustIP []netip.Prefix
}

// maxLife bounds what a server keeps of those who went away.
const maxLife = 2 * maxInterval

func (c ServerConfig) withDefaults() (ServerConfig, error) {
	if c.Interval == 0 {
		c.Interval = 30 * time.Minute
	}
	for _, d := range []struct {
		name          string
		v             *time.Duration
		standard, top time.Duration
	}{
		{"Interval", &c.Interval, 0, maxInterval},
		{"MinInterval", &c.MinInterval, min(5*time.Minute, c.Interval), c.Interval},
		{"PeerLife", &c.PeerLife, 2 * c.Interval, maxLife},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < time.Second || *d.v > d.top {
			return c, fmt.Errorf("tracker: %s is %v, want 1s to %v", d.name, *d.v, d.top)
		}
	}
	return c, c.checkCounts()
}

func (c *ServerConfig) checkCounts() error {
	for _, n := range []struct {
		name          string
		v             *int32
		standard, top int32
	}{
		{"NumWant", &c.NumWant, 50, 1000},
		{"MaxNumWant", &c.MaxNumWant, 200, 1000},
		{"MaxSwarms", &c.MaxSwarms, 1 << 14, 1 << 20},
		{"MaxSwarmPeers", &c.MaxSwarmPeers, 5000, 1 << 16},
		{"MaxPeers", &c.MaxPeers, 1 << 18, 1 << 24},
	} {
		if *n.v == 0 {
			*n.v = n.standard
		}
		if *n.v < 1 || *n.v > n.top {
			return fmt.Errorf("tracker: %s is %d, want 1 to %d", n.name, *n.v, n.top)
		}
	}
	return nil
}
