package plumtree

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		View: hyparview.Config{
			Self: contractAddr(5), Active: 3, Passive: 5, ARWL: 4, PRWL: 2, ShuffleActive: 2, ShufflePassive: 2,
			ShuffleTTL: 3, ShufflePeriod: 15 * time.Second, Patience: 3 * time.Second, MaxPending: 6,
		},
		Threshold: 3, AnnounceDelay: 4 * time.Second, KeepPayload: 10 * time.Second, KeepID: 20 * time.Second,
		MaxPayload: 4, MaxMessages: 6, MaxMissing: 4,
	}
	switch seed % 4 {
	case 1:
		cfg.AnnounceDelay = -1
	case 2:
		cfg.Threshold = -1
	case 3:
		cfg.Flood = seed%8 == 3
	}
	binary.BigEndian.PutUint64(cfg.View.Seed[:], seed)
	return cfg
}

func TestContract(t *testing.T) {
	bound, err := contractConfig(0).MaxEffects()
	if err != nil {
		t.Fatal(err)
	}
	const replaced = "replaced, never changed"
	check.Run(t, check.Subject{
		New:         check.Seeded(New, contractConfig),
		Input:       contractInput,
		MaxEffects:  func(spec.Input) int { return bound },
		StreamCodec: StreamCodec(),
		Seeds:       12,
		Steps:       700,
		MaxGap:      8 * time.Second,
		Golden:      "testdata/contract.golden",
		NotState: map[string]string{
			"view.cfg":         "it never changes",
			"view.now":         "deadlines are relative to it",
			"tree.cfg":         "it never changes",
			"tree.now":         "deadlines are relative to it",
			"tree.store.index": "follows from the list",
			"tree.store.first": "numbers are relative to it",
		},
		Shared: map[string]string{
			"view.links[].peers":        "never changed",
			"tree.missing[].by":         replaced,
			"tree.store.list[].payload": replaced,
		},
	})
}

// contractInput plays the application, the streams, and 16 peers that are honest,
// confused or hostile.
func contractInput(g *check.Gen) spec.Input {
	switch g.Below(20) {
	case 0:
		return hyparview.Enter{Op: g.Op, Contact: contractAddr(byte(g.Below(16)))}
	case 1:
		if g.Below(6) == 0 {
			return hyparview.Leave{Op: g.Op}
		}
		return spec.Closed{Conn: contractConn(g)}
	case 2:
		return Broadcast{Op: g.Op, Payload: contractPayload(g)}
	case 3, 4:
		return spec.Opened{Conn: -spec.Conn(g.Op), Remote: contractAddr(byte(g.Below(16)))}
	case 5, 6:
		return spec.Opened{Conn: contractDialled(g)}
	case 7:
		return spec.Got{Conn: contractDialled(g), Msg: hyparview.NeighborReply{Accepted: g.Below(3) > 0}}
	case 8, 9, 10:
		return spec.Got{Conn: contractConn(g), Msg: contractView(g)}
	}
	return spec.Got{Conn: contractConn(g), Msg: contractMessage(g)}
}

// contractConn is a stream that was accepted or written to lately.
func contractConn(g *check.Gen) spec.Conn {
	for range g.Asked {
		if w, ok := g.Asked[g.Below(uint64(len(g.Asked)))].(spec.Write); ok && g.Below(4) > 0 {
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

// contractView is a message of the membership.
func contractView(g *check.Gen) spec.Message {
	p := contractAddr(byte(g.Below(16)))
	switch g.Below(10) {
	case 0, 1:
		return hyparview.Join{Peer: p}
	case 2:
		return hyparview.ForwardJoin{Peer: p, TTL: uint8(g.Below(5))}
	case 3, 4:
		return hyparview.Neighbor{Peer: p, High: g.Below(2) == 0}
	case 5:
		return hyparview.Disconnect{}
	case 6, 7, 8:
		return hyparview.Shuffle{Origin: p, TTL: uint8(g.Below(5)), Peers: []netip.AddrPort{contractAddr(17)}}
	}
	return hyparview.ShuffleReply{Peers: []netip.AddrPort{p}}
}

func contractMessage(g *check.Gen) spec.Message {
	switch g.Below(10) {
	case 0, 1, 2:
		return Gossip{contractID(g), uint16(g.Below(12)), contractPayload(g)}
	case 3, 4, 5, 6:
		list := make([]Announcement, 1+g.Below(4))
		for i := range list {
			list[i] = Announcement{contractID(g), 1 + uint16(g.Below(6))}
		}
		return IHave{list}
	case 7:
		return Graft{true, contractID(g)}
	case 8:
		return Graft{}
	}
	return Prune{}
}

func contractID(g *check.Gen) ID { return ID{byte(g.Below(12))} }

func contractPayload(g *check.Gen) []byte {
	p := make([]byte, g.Below(6)) // 5 is one too many
	g.Fill(p)
	return p
}

func contractAddr(i byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), 4000)
}
