package hyparview

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		Self: contractAddr(5), Active: 3, Passive: 5, ARWL: 4, PRWL: 2, ShuffleActive: 2, ShufflePassive: 2,
		ShuffleTTL: 3, ShufflePeriod: 5 * time.Second, Patience: 3 * time.Second, MaxPending: 6,
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func TestContract(t *testing.T) {
	bound, err := contractConfig(0).MaxEffects()
	if err != nil {
		t.Fatal(err)
	}
	check.Run(t, check.Subject{
		New:         check.Seeded(New, contractConfig),
		Input:       contractInput,
		MaxEffects:  func(spec.Input) int { return bound },
		StreamCodec: Stream{Codec{}, MaxMessage},
		Seeds:       10,
		Steps:       600,
		MaxGap:      8 * time.Second,
		Golden:      "testdata/contract.golden",
		NotState: map[string]string{
			"cfg": "it never changes",
			"now": "deadlines are relative to it",
		},
		Shared: map[string]string{"links[].peers": "never changed"},
	})
}

// contractInput plays the application, the streams, and 24 peers that are honest,
// confused or hostile.
func contractInput(g *check.Gen) spec.Input {
	switch g.Below(16) {
	case 0:
		return Enter{Op: g.Op, Contact: contractPeer(g)}
	case 1:
		if g.Below(6) == 0 {
			return Leave{Op: g.Op}
		}
		return spec.Closed{Conn: contractConn(g)}
	case 2, 3:
		return spec.Opened{Conn: -spec.Conn(g.Op), Remote: contractPeer(g)}
	case 4, 5, 6:
		return spec.Opened{Conn: contractDialled(g)}
	case 7:
		return spec.Closed{Conn: contractDialled(g)}
	case 8, 9:
		return spec.Got{Conn: contractDialled(g), Msg: NeighborReply{g.Below(3) > 0}}
	}
	return spec.Got{Conn: contractConn(g), Msg: contractMessage(g)}
}

// contractConn is a stream that was accepted or written to lately.
func contractConn(g *check.Gen) spec.Conn {
	for range g.Asked {
		if w, ok := g.Asked[g.Below(uint64(len(g.Asked)))].(spec.Write); ok && g.Below(3) > 0 {
			return w.Conn
		}
	}
	return -spec.Conn(g.Op - min(g.Op, 1+spec.OpID(g.Below(8))))
}

// contractDialled is a stream that was dialled lately.
func contractDialled(g *check.Gen) spec.Conn {
	for _, e := range slices.Backward(g.Asked) {
		if d, ok := e.(spec.Dial); ok && g.Below(3) > 0 {
			return d.Conn
		}
	}
	return spec.Conn(g.Below(4))
}

func contractMessage(g *check.Gen) spec.Message {
	ttl := uint8(g.Below(6))
	switch g.Below(11) {
	case 0, 1:
		return Join{contractPeer(g)}
	case 2, 3:
		return ForwardJoin{contractPeer(g), ttl}
	case 4, 5:
		return Neighbor{contractPeer(g), g.Below(2) == 0}
	case 6:
		return NeighborReply{g.Below(2) == 0}
	case 7:
		return Disconnect{}
	case 8, 9:
		return Shuffle{contractPeer(g), ttl, contractPeers(g, 6)}
	}
	return ShuffleReply{contractPeers(g, 7)}
}

func contractPeers(g *check.Gen, most uint64) []netip.AddrPort {
	list := make([]netip.AddrPort, g.Below(most))
	for i := range list {
		list[i] = contractPeer(g)
	}
	return list
}

func contractAddr(i byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), 4000)
}

// contractPeer may be the node itself, or nobody who can be dialled.
func contractPeer(g *check.Gen) netip.AddrPort {
	p := contractAddr(byte(g.Below(24)))
	if g.Below(30) == 0 {
		return netip.AddrPortFrom(p.Addr(), 0)
	}
	return p
}
