package chord

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		ID: FromUint(20), IDBits: 6, Successors: 3, RPCBits: 8,
		MaxLookups: 4, MaxRequests: 8, MaxSteps: 3, MaxWaiting: 3, LateAnswers: 3,
		RoundTrip: time.Minute, RPCTimeout: 2 * time.Minute,
		MaxValues: 6, MaxValueBytes: 8, MaxOperations: 3,
		Stabilize: 5 * time.Minute, FixFingers: 7 * time.Minute, Jitter: time.Minute,
	}
	if seed%4 >= 2 {
		cfg.Storage = Quorum
	}
	if seed%5 == 4 {
		cfg.Tries = 2
	}
	if seed%3 == 2 {
		cfg.Variant = Original
	}
	if seed%2 == 1 { // patient enough for operations to end well
		cfg.RPCTimeout = 15 * time.Minute
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func TestContract(t *testing.T) {
	bound, err := contractConfig(0).MaxEffects()
	if err != nil {
		t.Fatal(err)
	}
	const replaced = "replaced, never changed"
	check.Run(t, check.Subject{
		New:        check.Seeded(New, contractConfig),
		Input:      contractInput,
		MaxEffects: func(spec.Input) int { return bound },
		Codec:      Codec{},
		Seeds:      12,
		Steps:      700,
		MaxGap:     3 * time.Minute,
		Golden:     "testdata/contract.golden",
		NotState: map[string]string{
			"cfg": "it never changes",
			"now": "deadlines are relative to it",
		},
		Shared: map[string]string{
			"cfg":               "it never changes",
			"rng":               replaced,
			"successors":        replaced,
			"waiting":           replaced,
			"late":              replaced,
			"fingers":           replaced,
			"lookups[].untried": replaced,
			"lookups[].owners":  replaced,
			"lookups[].failed":  replaced,

			"store.records[].copies":   replaced,
			"store.records[].value":    replaced,
			"store.operations[].group": replaced,
			"store.operations[].value": replaced,
		},
	})
}

// contractInput plays the application and a network of 64 peers, honest when
// they answer what the node asked, confused or hostile otherwise.
func contractInput(g *check.Gen) spec.Input {
	if len(g.Sent) > 0 && g.Below(2) == 0 {
		latest := uint64(min(len(g.Sent), 6)) // likely still awaited
		return contractReply(g, g.Sent[len(g.Sent)-1-int(g.Below(latest))])
	}
	id := FromUint(g.Below(64))
	switch g.Below(30) {
	case 0:
		return Create{Op: g.Op, Ring: contractRing(g, FromUint(20), 6)}
	case 1, 2:
		return Join{Op: g.Op, Via: contractPeer(g)}
	case 3, 4, 5:
		return Lookup{Op: g.Op, Key: id, Mode: Mode(g.Below(2))}
	case 6:
		if g.Below(6) == 0 {
			return Leave{Op: g.Op}
		}
		return Create{Op: g.Op}
	case 7, 8:
		return Put{Op: g.Op, Key: id, Value: contractValue(g)}
	case 9:
		return Get{Op: g.Op, Key: id}
	}
	from := contractPeer(g)
	h := Header{RPC: uint32(g.Below(16)), Sender: from.ID}
	if g.Below(20) == 0 {
		h.Sender = id // may be the receiver's own, or known elsewhere
	}
	if g.Below(20) == 0 {
		h.Sender[0] = 1 // outside the circle
	}
	return spec.Recv{From: from.Addr, Msg: contractMessage(g, h, id)}
}

func contractMessage(g *check.Gen, h Header, id ID) spec.Message {
	switch g.Below(14) {
	case 10:
		return Read{h, id}
	case 11, 12:
		return Write{h, id, contractStamp(g), contractValue(g)}
	case 13:
		return Offer{h, id, contractStamp(g)}
	case 0:
		return Ping{h}
	case 1, 2:
		return GetNeighbors{h}
	case 3:
		return Notify{h}
	case 4:
		return Leaving{h, contractPeer(g)}
	case 5, 6:
		return ClosestPreceding{h, id}
	case 7:
		return FindSuccessor{h, Peer{ID: h.Sender}, id, uint16(g.Below(10))}
	case 8:
		return FindSuccessor{h, contractPeer(g), id, uint16(g.Below(10))}
	}
	return Neighbors{h, contractPeer(g), contractRing(g, h.Sender, 3)} // unasked
}

// contractReply answers s as its receiver would, or nearly.
func contractReply(g *check.Gen, s spec.Send) spec.Input {
	from := s.To
	sender := FromUint(uint64(from.Addr().As4()[3]))
	if g.Below(25) == 0 {
		from = contractPeer(g).Addr
	}
	if g.Below(25) == 0 {
		sender = FromUint(g.Below(64))
	}
	var reply spec.Message
	switch m := s.Msg.(type) {
	case Ping:
		reply = Pong{Header{m.RPC, sender}}
	case GetNeighbors:
		h := Header{m.RPC, sender}
		if reply = (Neighbors{h, contractPeer(g), contractRing(g, sender, 3)}); g.Below(3) == 0 {
			reply = Busy{h}
		}
	case ClosestPreceding:
		reply = Step{Header{m.RPC, sender}, contractSteps(g, sender, m.Key), contractRing(g, m.Key, 2)}
	case Read:
		reply = ReadAck{Header{m.RPC, sender}, m.Key, g.Below(8) == 0, contractStamp(g), contractValue(g)}
	case Write:
		reply = WriteAck{Header{m.RPC, sender}, m.Key, g.Below(8) == 0, m.Stamp, g.Below(2) > 0, true}
	case Offer:
		reply = WriteAck{Header{m.RPC, sender}, m.Key, false, m.Stamp, g.Below(2) > 0, g.Below(2) > 0}
	case FindSuccessor:
		reply = FoundSuccessor{Header{m.RPC, sender}, contractPeer(g), uint16(g.Below(4))}
	default: // an answer of the node: send its own words back
		reply = s.Msg
	}
	return spec.Recv{From: from, Msg: reply}
}

func contractPeer(g *check.Gen) Peer {
	i := byte(g.Below(64))
	p := Peer{FromUint(uint64(i)), netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), 4000)}
	switch g.Below(50) {
	case 0:
		p.Addr = netip.AddrPortFrom(p.Addr.Addr(), 0)
	case 1:
		p.Addr = netip.AddrPort{}
	case 2:
		p.ID[0] = 1
	}
	return p
}

// contractRing mostly goes clockwise from after.
func contractRing(g *check.Gen, after ID, limit uint64) []Peer {
	list := make([]Peer, 0, limit)
	for range g.Below(limit + 1) {
		p, last := contractPeer(g), after
		if len(list) > 0 {
			last = list[len(list)-1].ID
		}
		if Between(last, p.ID, after) || g.Below(10) == 0 {
			list = append(list, p)
		}
	}
	return list
}

func contractSteps(g *check.Gen, from, key ID) []Peer {
	var list []Peer
	for range 6 {
		if p := contractPeer(g); Between(from, p.ID, key) || g.Below(20) == 0 {
			list = append(list, p)
		}
	}
	return list
}

func contractStamp(g *check.Gen) Stamp {
	if g.Below(6) == 0 {
		return Stamp{}
	}
	return Stamp{g.Below(4) + 1, contractPeer(g).ID, g.Below(4)}
}

func contractValue(g *check.Gen) []byte {
	v := make([]byte, g.Below(10)) // 9 is one too many
	g.Fill(v)
	return v
}
