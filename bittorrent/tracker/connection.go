package tracker

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

const (
	// idEpoch and idEpochs accept a connection id for at least two minutes, as
	// BEP 15 asks, and at most two and a half. BEP15-UDP-007
	idEpoch  = 30 * time.Second
	idEpochs = 5
)

// connectionIDs makes and checks the connection ids of BEP 15 without
// remembering any: an id is the start of SHA-1(key ‖ epoch ‖ address), so that
// nobody can guess it or use another's. BEP15-UDP-009
type connectionIDs struct {
	key   [16]byte
	start time.Duration // of epoch 0
}

func newConnectionIDs(rng *spec.Rand, now time.Duration) connectionIDs {
	c := connectionIDs{start: now}
	rng.Fill(c.key[:])
	return c
}

func (c *connectionIDs) issue(now time.Duration, ip netip.Addr) uint64 {
	return c.sum(c.epoch(now), ip)
}

func (c *connectionIDs) valid(id uint64, now time.Duration, ip netip.Addr) bool {
	last := c.epoch(now)
	for epoch := last; epoch >= 0 && epoch > last-idEpochs; epoch-- {
		if id == c.sum(epoch, ip) {
			return true
		}
	}
	return false
}

func (c *connectionIDs) epoch(now time.Duration) int64 { return int64((now - c.start) / idEpoch) }

func (c *connectionIDs) sum(epoch int64, ip netip.Addr) uint64 {
	b := make([]byte, 0, len(c.key)+8+16)
	b = append(b, c.key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = append(b, ip.AsSlice()...)
	hash := sha1.Sum(b)
	return binary.BigEndian.Uint64(hash[:])
}
