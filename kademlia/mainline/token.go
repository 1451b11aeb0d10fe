package mainline

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

const (
	// tokenSize in bytes: 2^64 guesses, and short, because the reply that
	// carries a token is larger than the query.
	tokenSize = 8

	// tokenEpochs is the number of secrets that are accepted. With rotation
	// every 5 minutes, 3 accept each token for at least 10 minutes and none
	// for longer than 15. BEP05-RPC-006
	tokenEpochs = 3
)

// tokens makes and checks write tokens. A token is bound to the querier's IP
// address (BEP 5 §get_peers) and to the info-hash or target, so that one
// lookup does not buy the right to fill the node with other keys.
//
// The secret of an epoch is the pair of a key drawn once and the epoch's
// number: it changes every rotation, without a timer and without state.
type tokens struct {
	key      [16]byte
	start    time.Duration // of epoch 0
	rotation time.Duration
}

func newTokens(rng *spec.Rand, rotation, now time.Duration) tokens {
	t := tokens{start: now, rotation: rotation}
	rng.Fill(t.key[:])
	return t
}

// issue appends the token for the address and key to b.
func (t *tokens) issue(b []byte, now time.Duration, ip netip.Addr, key kademlia.ID) []byte {
	token := t.sum(t.epoch(now), ip, key)
	return append(b, token[:]...)
}

// valid reports whether token was issued to the same address for the same key
// recently enough. BEP05-RPC-005
func (t *tokens) valid(token []byte, now time.Duration, ip netip.Addr, key kademlia.ID) bool {
	last := t.epoch(now)
	for epoch := last; epoch >= 0 && epoch > last-tokenEpochs; epoch-- {
		if want := t.sum(epoch, ip, key); bytes.Equal(token, want[:]) {
			return true
		}
	}
	return false
}

func (t *tokens) epoch(now time.Duration) int64 { return int64((now - t.start) / t.rotation) }

// sum is the start of SHA-1(secret ‖ address ‖ key).
func (t *tokens) sum(epoch int64, ip netip.Addr, key kademlia.ID) [tokenSize]byte {
	b := make([]byte, 0, len(t.key)+8+16+len(key))
	b = append(b, t.key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	if ip = ip.Unmap(); ip.Is4() {
		ip4 := ip.As4()
		b = append(b, ip4[:]...)
	} else {
		ip16 := ip.As16()
		b = append(b, ip16[:]...)
	}
	hash := sha1.Sum(append(b, key[:]...))
	return [tokenSize]byte(hash[:tokenSize])
}
