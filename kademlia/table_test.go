package kademlia

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// contact returns a contact whose address is derived from its ID, so that two
// contacts with one ID are equal.
func contact(id ID) Contact {
	v := binary.BigEndian.Uint32(id[:4])
	addr := netip.AddrFrom4([4]byte{127, byte(v >> 24), byte(v >> 16), byte(v>>8) | 1})
	return Contact{id, netip.AddrPortFrom(addr, 1+binary.BigEndian.Uint16(id[2:4])/2)}
}

func small(v uint64, bits int) Contact { return contact(FromUint(v, bits)) }

func newTable(t require.TestingT, cfg TableConfig) *Table {
	table, err := NewTable(cfg, 0)
	require.NoError(t, err)
	return &table
}

// nearest is the oracle of Closest: sort everything, cut.
func nearest(target ID, n int, all []Contact) []Contact {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Contact) int {
		return Distance(target, a.ID).Cmp(Distance(target, b.ID))
	})
	return all[:min(n, len(all))]
}

func contacts(t *Table) []Contact {
	all := []Contact{}
	for e := range t.All() {
		all = append(all, e.Contact())
	}
	return all
}

func drawTableConfig(t *rapid.T) TableConfig {
	bits := rapid.SampledFrom([]int{3, 5, 8, 64, 160}).Draw(t, "bits")
	return TableConfig{
		Self:        drawID(t, bits, "self"),
		IDBits:      bits,
		K:           rapid.IntRange(1, 6).Draw(t, "k"),
		SplitBits:   rapid.IntRange(1, 5).Draw(t, "b"),
		Spare:       rapid.IntRange(-1, 4).Draw(t, "spare"),
		KeepNearest: rapid.Bool().Draw(t, "nearest"),
		GoodFor:     time.Duration(rapid.IntRange(0, 2).Draw(t, "good")) * time.Minute,
		StaleAfter:  3,
		EvictAfter:  rapid.IntRange(1, 3).Draw(t, "evict"),
	}
}

// drawID favours shared prefixes: uniform draws would never fill a deep bucket.
func drawID(t *rapid.T, bits int, label string) ID {
	var seed [32]byte
	seed[0] = rapid.Byte().Draw(t, label)
	rng := spec.NewRand(seed)
	prefix := RandomID(&rng, bits)
	seed[1] = rapid.Byte().Draw(t, label+" tail")
	rng = spec.NewRand(seed)
	return RandomWithPrefix(&rng, prefix, rapid.IntRange(0, bits).Draw(t, label+" depth"), bits)
}

// Any history of messages and failures leaves a well-formed table whose
// Closest agrees with the oracle.
//
// KAD-TABLE-002, KAD-BUCKET-010, KAD-BUCKET-017, KAD-RPC-005, KAD-RPC-006.
func TestTableKeepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawTableConfig(t)
		table := newTable(t, cfg)
		now := time.Duration(0)
		for range rapid.IntRange(1, 80).Draw(t, "messages") {
			now += time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second
			id := drawID(t, cfg.IDBits, "id")
			before := table.Len()
			var r Result
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0:
				r = table.Replied(contact(id), now)
			case 1:
				r = table.Heard(contact(id), now)
			case 2:
				r = table.Queried(contact(id), now)
			case 3:
				r = table.Failed(id, now)
			case 4:
				table.Remove(id)
			case 5:
				table.Unprobe(id)
			}
			require.NoError(t, table.Check())
			if r.Probes() {
				e, ok := table.Get(r.Probe.ID)
				require.True(t, ok && e.probed, "probe of a stranger")
			}
			if r.Change == Replaced {
				require.Equal(t, before, table.Len())
			}
		}
		target, n := drawID(t, cfg.IDBits, "target"), rapid.IntRange(0, 12).Draw(t, "n")
		require.Equal(t, nearest(target, n, contacts(table)),
			append([]Contact{}, table.Closest(target, n, nil, nil)...))
	})
}
