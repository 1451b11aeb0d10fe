package tracker

import (
	"fmt"
	"time"
)

// ClientConfig describes a [Client]. Zero fields take the default named.
type ClientConfig struct {
	Seed [32]byte // of all randomness

	InfoHash Hash
	PeerID   PeerID
	Port     uint16 // on which the peer listens
	// Key tells trackers that announces from different addresses are of one
	// peer; default: drawn. BEP07-TRK-002, BEP15-UDP-016
	Key uint32

	// Tiers are the announce URLs, tier by tier (BEP 12). http, https and udp
	// can be asked; others are left out.
	Tiers [][]string

	NumWant     int32         // peers wanted; default -1: as the tracker sees fit (BEP15-UDP-013)
	Retransmits int32         // of a UDP packet; default 8 (BEP15-UDP-018), or 1 where other trackers can be asked
	Timeout     time.Duration // of an HTTP announce; default 30 s, as libtorrent
	RetryAfter  time.Duration // of all trackers after a failure, then twice as long; default 30 s
	Interval    time.Duration // where a tracker tells none; default 30 min
	MinInterval time.Duration // whatever a tracker tells, not to flood it; default 5 s
}

const (
	// udpTimeout is the wait for the answer to the first packet; each further
	// one is waited for twice as long. BEP15-UDP-018
	udpTimeout = 15 * time.Second
	maxShift   = 8
	// connectionLife is how long a connection id is used. BEP15-UDP-006
	connectionLife = time.Minute
	// stopTimeout is how long a client that ends waits to have told so, as
	// libtorrent does.
	stopTimeout = 5 * time.Second
	// maxRest bounds the pause after rounds in which nobody answered.
	maxRest    = 30 * time.Minute
	maxBackoff = 6
	// maxTrackers bounds the announce URLs of one torrent: several times what
	// the longest public lists have.
	maxTrackers = 1000
)

func (c ClientConfig) withDefaults() (ClientConfig, error) {
	total := 0
	for _, tier := range c.Tiers {
		total += len(tier)
	}
	if total == 0 || total > maxTrackers {
		return c, fmt.Errorf("tracker: Tiers has %d trackers, want 1 to %d", total, maxTrackers)
	}
	if c.NumWant == 0 {
		c.NumWant = -1
	}
	if c.Retransmits == 0 {
		c.Retransmits = maxShift
		if total > 1 {
			c.Retransmits = 1
		}
	}
	if c.Retransmits < 0 || c.Retransmits > maxShift {
		return c, fmt.Errorf("tracker: Retransmits is %d, want 1 to %d", c.Retransmits, maxShift)
	}
	for _, d := range []struct {
		name     string
		v        *time.Duration
		standard time.Duration
	}{
		{"Timeout", &c.Timeout, 30 * time.Second},
		{"RetryAfter", &c.RetryAfter, 30 * time.Second},
		{"Interval", &c.Interval, 30 * time.Minute},
		{"MinInterval", &c.MinInterval, 5 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < time.Second || *d.v > maxInterval {
			return c, fmt.Errorf("tracker: %s is %v, want 1s to %v", d.name, *d.v, maxInterval)
		}
	}
	return c, nil
}

// interval is how long to wait until the next regular announce.
func (c *ClientConfig) interval(r AnnounceResponse) time.Duration {
	told := r.Interval
	if told <= 0 {
		told = c.Interval
	}
	return min(max(told, r.MinInterval, c.MinInterval), maxInterval)
}
