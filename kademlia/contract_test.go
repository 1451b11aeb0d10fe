package kademlia

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
		ID: FromUint(9, 6), IDBits: 6, K: 3, Alpha: 2, Spare: 2,
		MaxLookups: 4, MaxPings: 5, MaxValues: 6, MaxPublished: 3, MaxValueBytes: 8,
		DelayProbes: seed%4 >= 2,
		Contacts:    []Contact{{FromUint(1, 6), contractAddr(1)}},
	}
	if seed%2 == 0 { // busy upkeep
		cfg.Refresh, cfg.Replicate = 5*time.Minute, 7*time.Minute
		cfg.Republish, cfg.Expire = 30*time.Minute, 29*time.Minute
	}
	if seed%2 == 1 { // patient enough for lookups to end well
		cfg.RPCTimeout = 10 * time.Minute
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func contractAddr(id byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, id}), 4000)
}

func TestContract(t *testing.T) {
	bound, err := contractConfig(0).MaxEffects()
	if err != nil {
		t.Fatal(err)
	}
	check.Run(t, check.Subject{
		New:        check.Seeded(New, contractConfig),
		Input:      contractInput,
		MaxEffects: func(spec.Input) int { return bound },
		Codec:      Codec{},
		Seeds:      4,
		Steps:      700,
		MaxGap:     3 * time.Minute,
		Golden:     "testdata/contract.golden",
		NotState: map[string]string{
			"cfg.Contacts": "filed by New and dropped",
		},
		Shared: map[string]string{
			"values[].data":         "replaced, never changed",
			"published[].data":      "replaced, never changed",
			"searches[].data":       "replaced, never changed",
			"searches[].neighbours": "set once",
		},
	})
}

// contractInput plays the application and a network of 64 peers, honest when
// they answer what the node asked, confused or hostile otherwise.
func contractInput(g *check.Gen) spec.Input {
	if len(g.Sent) > 0 && g.Below(2) == 0 {
		latest := uint64(min(len(g.Sent), 8)) // likely still awaited
		return contractReply(g, g.Sent[len(g.Sent)-1-int(g.Below(latest))])
	}
	id := FromUint(g.Below(64), 6)
	switch g.Below(14) {
	case 0:
		return Join{Op: g.Op, Seeds: contractContacts(g, 5)}
	case 1:
		return Ping{Op: g.Op, To: contractPeer(g).Addr}
	case 2, 3:
		return FindNode{Op: g.Op, Target: id}
	case 4, 5:
		return FindValue{Op: g.Op, Key: id}
	case 6:
		return Store{Op: g.Op, Key: id, Value: contractValue(g)}
	case 7:
		return Withdraw{Op: g.Op, Key: id}
	}
	from := contractPeer(g)
	h := Header{RPC: RandomID(g.Rand, MaxBits), Sender: from.ID}
	if g.Below(20) == 0 {
		h.Sender = id // may be the receiver's own, or known elsewhere
	}
	if g.Below(20) == 0 {
		h.Sender[19] = 1 // outside the space
	}
	switch g.Below(6) {
	case 0:
		return spec.Recv{From: from.Addr, Msg: PingRequest{h}}
	case 1, 2:
		ttl := time.Duration(g.Below(uint64(2 * time.Hour)))
		return spec.Recv{From: from.Addr, Msg: StoreRequest{h, id, ttl, contractValue(g)}}
	case 3:
		return spec.Recv{From: from.Addr, Msg: FindNodeRequest{h, id}}
	case 4:
		return spec.Recv{From: from.Addr, Msg: FindValueRequest{h, id}}
	}
	return spec.Recv{From: from.Addr, Msg: NodesReply{h, contractContacts(g, 3)}} // unasked
}

// contractReply answers s as its receiver would, or nearly.
func contractReply(g *check.Gen, s spec.Send) spec.Input {
	from := s.To
	sender := FromUint(uint64(from.Addr().As4()[3]), 6)
	if g.Below(25) == 0 {
		from = contractPeer(g).Addr
	}
	if g.Below(25) == 0 {
		sender = FromUint(g.Below(64), 6)
	}
	var reply spec.Message
	switch m := s.Msg.(type) {
	case PingRequest:
		reply = PingReply{Header{m.RPC, sender}}
	case StoreRequest:
		reply = StoreReply{Header{m.RPC, sender}}
	case FindNodeRequest:
		reply = NodesReply{Header{m.RPC, sender}, contractContacts(g, 4)}
	case FindValueRequest:
		if reply = (NodesReply{Header{m.RPC, sender}, contractContacts(g, 4)}); g.Below(4) == 0 {
			ttl := time.Duration(g.Below(uint64(time.Hour)))
			reply = ValueReply{Header{m.RPC, sender}, ttl, contractValue(g)}
		}
	default: // a reply of the node: send its own words back
		reply = s.Msg
	}
	return spec.Recv{From: from, Msg: reply}
}

func contractPeer(g *check.Gen) Contact {
	i := byte(g.Below(64))
	c := Contact{FromUint(uint64(i), 6), contractAddr(i)}
	if g.Below(40) == 0 {
		c.Addr = netip.AddrPortFrom(c.Addr.Addr(), 0)
	}
	return c
}

func contractContacts(g *check.Gen, limit uint64) []Contact {
	list := make([]Contact, 0, limit)
	for range g.Below(limit + 1) {
		list = append(list, contractPeer(g))
	}
	return list
}

func contractValue(g *check.Gen) []byte {
	v := make([]byte, g.Below(10)) // 9 is one too many
	g.Fill(v)
	return v
}
