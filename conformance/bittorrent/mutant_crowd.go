package bittorrent

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/spec"
)

func crowdMutants() []Mutant {
	ordered := func(x, y []byte) []byte {
		if bytes.Compare(x, y) > 0 {
			x, y = y, x
		}
		return append(bytes.Clone(x), y...)
	}
	castagnoli := func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
	masked := func(a netip.AddrPort, mask [4]byte) []byte {
		ip := a.Addr().As4()
		for i := range ip {
			ip[i] &= mask[i]
		}
		return ip[:]
	}
	// always ranks addresses by one mask.
	always := func(mask [4]byte) func(own, peer netip.AddrPort) uint32 {
		return func(own, peer netip.AddrPort) uint32 {
			return castagnoli(ordered(masked(own, mask), masked(peer, mask)))
		}
	}
	return []Mutant{
		{
			Name: "full-house-is-closed", What: "whoever comes to a full house is sent away",
			configure: func(c *core.Config) { c.ExternalIP = netip.Addr{} },
		},
		{
			Name: "one-place-less", What: "one connection less is kept than there are places",
			configure: func(c *core.Config) {
				if c.MaxConns > 0 {
					c.MaxConns--
				}
			},
		},
		{
			Name: "newest-stays", What: "whoever comes to a full house takes the place of the oldest",
			configure: roomy, bend: ranks(nil),
		},
		{
			Name: "lower-priority-stays", What: "the connections of the lowest priority are kept",
			configure: roomy, bend: ranks(func(own, peer netip.AddrPort) uint32 { return ^core.PeerPriority(own, peer) }),
		},
		{
			Name: "priority-of-whole-addresses", What: "addresses are never masked",
			configure: roomy, bend: ranks(always([4]byte{0xFF, 0xFF, 0xFF, 0xFF})),
		},
		{
			Name: "priority-by-one-mask", What: "addresses of one network are masked as those of strangers",
			configure: roomy, bend: ranks(always([4]byte{0xFF, 0xFF, 0x55, 0x55})),
		},
		{
			Name: "priority-of-networks", What: "the last byte of addresses does not count",
			configure: roomy, bend: ranks(always([4]byte{0xFF, 0xFF, 0xFF, 0})),
		},
		{
			Name: "priority-out-of-order", What: "ports are hashed as they come, the own first",
			configure: roomy, bend: ranks(func(own, peer netip.AddrPort) uint32 {
				if own.Addr() != peer.Addr() {
					return core.PeerPriority(own, peer)
				}
				b := binary.BigEndian.AppendUint16(nil, own.Port())
				return castagnoli(binary.BigEndian.AppendUint16(b, peer.Port()))
			}),
		},
	}
}

// roomy leaves the limit to the mutant.
func roomy(c *core.Config) { c.MaxConns = 0 }

// ranks has the mutant itself decide who leaves a full house, by another number;
// without one the oldest does. The peer behind it has places enough.
func ranks(by func(own, peer netip.AddrPort) uint32) func(*bent) {
	type visitor struct {
		id   spec.Conn
		rank uint32
	}
	return func(b *bent) {
		var here []visitor // in the order of their coming
		leave := func(id spec.Conn) {
			here = slices.DeleteFunc(here, func(v visitor) bool { return v.id == id })
		}
		b.ignores = func(in spec.Input) bool {
			if ended, ok := in.(spec.Closed); ok {
				leave(ended.Conn)
			}
			came, ok := in.(spec.Opened)
			if !ok || b.places == 0 {
				return false
			}
			v := visitor{id: came.Conn}
			if by != nil {
				v.rank = by(virtualAddr, came.Remote)
			}
			if here = append(here, v); len(here) > b.places {
				worst := slices.MinFunc(here, func(x, y visitor) int { return cmp.Compare(x.rank, y.rank) })
				leave(worst.id)
				b.inputs = append(b.inputs, spec.Closed{Conn: worst.id})
				b.replies = append(b.replies, spec.Close{Conn: worst.id})
			}
			return false
		}
	}
}
