package kademlia

import (
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// stores returns the STOREs among what was sent.
func stores(sent []spec.Send) (list []spec.Send) {
	for _, s := range sent {
		if _, ok := s.Msg.(StoreRequest); ok {
			list = append(list, s)
		}
	}
	return list
}

// settle lets every peer answer each request, naming nobody, until all is quiet.
func (d *dialogue) settle(sent []spec.Send) (stored []spec.Send, done []spec.Done) {
	for len(sent) > 0 {
		s := sent[0]
		stored = append(stored, stores(sent[:1])...)
		more, ended := d.answer(Contact{peerAt[s.To], s.To}, s)
		sent, done = append(sent[1:], more...), append(done, ended...)
	}
	return stored, done
}

// peerAt maps the addresses of the 8-bit space to identifiers.
var peerAt = func() map[any]ID {
	m := map[any]ID{}
	for v := range uint64(256) {
		m[peer(v).Addr] = peer(v).ID
	}
	return m
}()

// KAD-STORE-001: STORE goes to the k closest that answered; a node that is one
// of them keeps the value itself.
func TestStoreDialogue(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82), peer(0x84), peer(0x88), peer(1))
	key := FromUint(0x80, 8)
	sent, _ := d.step(Store{Op: 1, Key: key, Value: []byte("v")})
	stored, done := d.settle(sent)
	require.Equal(t, []spec.Done{{Op: 1, Result: Stored{key, 3}}}, done)
	require.Len(t, stored, 3)
	for i, v := range []uint64{0x81, 0x82, 0x84} {
		require.Equal(t, peer(v).Addr, stored[i].To)
		m := stored[i].Msg.(StoreRequest)
		require.Equal(t, StoreRequest{m.Header, key, 24 * time.Hour, []byte("v")}, m)
	}
	require.Nil(t, d.n.value(key))

	key = FromUint(2, 8) // closest: 0, which is the node itself, and 1
	sent, _ = d.step(Store{Op: 2, Key: key, Value: []byte("w")})
	stored, done = d.settle(sent)
	require.Equal(t, []spec.Done{{Op: 2, Result: Stored{key, 3}}}, done)
	require.Len(t, stored, 2)
	require.NotNil(t, d.n.value(key))
	_, done = d.step(FindValue{Op: 3, Key: key})
	require.Equal(t, []byte("w"), done[0].Result.(Value).Value, "found without a message")
}

// Nobody takes the value: the command fails, the publication stays and is tried
// again; alone, a node keeps its own values.
func TestStoreFails(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82), peer(0x84))
	key := FromUint(0xff, 8)
	sent, _ := d.step(Store{Op: 1, Key: key})
	for len(stores(sent)) == 0 {
		more, _ := d.answer(Contact{peerAt[sent[0].To], sent[0].To}, sent[0])
		sent = append(sent[1:], more...)
	}
	_, done := d.pass()
	require.Equal(t, []spec.Done{{Op: 1, Err: ErrNoAnswer}}, done)
	require.Len(t, d.n.published, 1)

	alone := begin(t)
	_, done = alone.step(Store{Op: 1, Key: key})
	require.Equal(t, []spec.Done{{Op: 1, Result: Stored{key, 1}}}, done)
}

// KAD-STORE-002: every 24 hours, until withdrawn.
func TestRepublication(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82), peer(0x84))
	key := FromUint(0xff, 8)
	sent, _ := d.step(Store{Op: 1, Key: key, Value: []byte("v")})
	d.settle(sent)
	republished := func() (list []spec.Send) {
		for end := d.now + 24*time.Hour; ; {
			at, _ := d.n.Deadline()
			if at > end {
				d.now = end
				return list
			}
			sent, _ := d.pass()
			stored, _ := d.settle(sent)
			list = append(list, stored...)
		}
	}
	list := republished()
	require.Len(t, list, 3)
	require.Equal(t, 24*time.Hour, list[0].Msg.(StoreRequest).TTL, "a life of its own")
	_, done := d.step(Withdraw{Op: 2, Key: key})
	require.Equal(t, []spec.Done{{Op: 2}}, done)
	require.Empty(t, republished())
}

// holder is a node that was sent one value at time 0, with three neighbours.
func holder(t *testing.T, key ID) *dialogue {
	d := begin(t, peer(1), peer(2), peer(4))
	d.hear(peer(1), StoreRequest{from(peer(1)), key, 24 * time.Hour, []byte("v")})
	return d
}

// replication lets time pass to the next STORE and returns when it came.
func (d *dialogue) replication() (time.Duration, []spec.Send) {
	for {
		sent, _ := d.pass()
		if stored, _ := d.settle(sent); len(stored) > 0 {
			return d.now, stored
		}
	}
}

// KAD-STORE-005, KAD-STORE-007: once an hour, give or take an eighth, and near
// the own identifier without a lookup.
func TestReplication(t *testing.T) {
	key := FromUint(3, 8)
	d := holder(t, key)
	at, stored := d.replication()
	require.Greater(t, at, time.Hour*7/8-1)
	require.LessOrEqual(t, at, time.Hour)
	require.Len(t, stored, 2, "the third is here")
	m := stored[0].Msg.(StoreRequest)
	require.Equal(t, StoreRequest{m.Header, key, 24*time.Hour - at, []byte("v")}, m)

	d = holder(t, key)
	at, _ = d.n.Deadline()
	d.now = at
	sent, _ := d.step(spec.Wake{})
	require.Len(t, stores(sent), len(sent), "no FIND_NODE")
}

// KAD-STORE-006: a STORE within the hour puts the replication off.
func TestReplicationIsPutOff(t *testing.T) {
	key := FromUint(3, 8)
	d := holder(t, key)
	d.now = 30 * time.Minute
	d.hear(peer(2), StoreRequest{from(peer(2)), key, 23 * time.Hour, []byte("v")})
	at, _ := d.replication()
	require.Greater(t, at, 30*time.Minute+time.Hour*7/8-1)
}

// KAD-STORE-008, KAD-STORE-009: a newcomer gets the values that it should hold
// from the known node closest to the key.
func TestHandOver(t *testing.T) {
	for _, tc := range []struct {
		why      string
		key      uint64
		newcomer uint64
		given    bool
	}{
		{"we are closest, it is second", 0x20, 0x30, true},
		{"we are closest, it is fourth", 0x08, 0x80, false},
		{"peer 4 is closer than we are", 0x05, 0x06, false},
		{"we are closest but for the newcomer", 0x20, 0x21, true},
	} {
		d := holder(t, FromUint(tc.key, 8))
		c := peer(tc.newcomer)
		sent, _ := d.hear(c, PingRequest{from(c)})
		require.Equal(t, tc.given, len(stores(sent)) == 1, tc.why)
		again, _ := d.hear(c, PingRequest{from(c)})
		require.Empty(t, stores(again), "it is new once")
	}
}

// KAD-STORE-004: the life of a value halves with every k nodes between its
// holder and the key.
func TestLifeFallsWithDistance(t *testing.T) {
	var known []Contact
	for v := uint64(1); v < 256; v++ {
		known = append(known, peer(v))
	}
	d := begin(t, known...)
	day := 24 * time.Hour
	life := func(v uint64) time.Duration { return d.n.lifetime(FromUint(v, 8)) }
	require.Equal(t, day, life(0))
	require.Equal(t, day, life(2))
	last := day
	for _, v := range []uint64{8, 16, 32, 64, 128} {
		require.Less(t, life(v), last, "key %#x", v)
		last = life(v)
	}
	// The table knows 3 of the 128 nodes nearest to 0x80, and infers the rest.
	between := d.n.table.Between(FromUint(0x80, 8))
	require.InDelta(t, 128, between, 70)
	require.Equal(t, day>>(between/3), life(0x80))
}
