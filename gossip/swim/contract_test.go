package swim

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := LAN()
	if seed%3 == 1 {
		cfg = Local()
	}
	cfg.Name, cfg.Addr, cfg.Meta = "m03", contractAddr(3), []byte{1}
	cfg.GossipToTheDead, cfg.StreamTimeout = 4*time.Second, 3*time.Second
	cfg.DeadNodeReclaim = time.Duration(seed%2) * 2 * time.Second
	cfg.PushPullInterval = 5 * time.Second
	cfg.MaxMembers, cfg.MaxRelays, cfg.MaxStreams, cfg.MaxCommands, cfg.MaxUser = 10, 3, 3, 3, 3
	switch seed % 5 {
	case 2:
		cfg.RandomTarget, cfg.NoNack, cfg.NoBuddy = true, true, true
		cfg.AwarenessMax, cfg.SuspicionMaxTimeoutMult = 1, 1
	case 3:
		cfg.NoSuspicion = true
	case 4:
		cfg.Known = contractKnown()
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func contractKnown() []*Member {
	list := make([]*Member, 6)
	for i := range list {
		list[i] = &Member{
			Name: contractName(i), Addr: contractAddr(i), Versions: contractVersions, Incarnation: 1,
		}
	}
	return list
}

var contractVersions = wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}

func contractAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 7946)
}

func contractName(i int) string { return "m" + string([]byte{'0' + byte(i/10), '0' + byte(i%10)}) }

func contractSubject() check.Subject {
	const replaced = "replaced, never changed"
	format := &wire.Format{Label: "red", Keys: [][]byte{make([]byte, 16)}, Version: 1}
	return check.Subject{
		New:         check.Seeded(New, contractConfig),
		Input:       contractInput,
		MaxEffects:  func(in spec.Input) int { return contractBound(in) },
		Codec:       format,
		StreamCodec: format.Stream(),
		Seeds:       15,
		Steps:       700,
		MaxGap:      2 * time.Second,
		Golden:      "testdata/contract.golden",
		NotState: map[string]string{
			"cfg":           "it never changes",
			"now":           "instants are relative to it",
			"doubtDue":      "the least of doubts[].due",
			"next":          "it follows from all that have a time",
			"shares":        "it is about memory alone",
			"rumors.byNode": "it follows from rumors.list",
			"news.byNode":   "rumors of users have no names",
			"news.lastID":   "that of the latest follows from it and the list",
			"rumors.lastID": "that of the latest follows from it and the list",
		},
		Shared: map[string]string{
			"cfg":                       "it never changes",
			"nodes[].Meta":              replaced,
			"probe.target.Meta":         replaced,
			"doubts[].voices":           replaced,
			"rumors.list[].rumor.bytes": replaced,
			"news.list[].rumor.bytes":   replaced,
			"shared":                    replaced,
			"streams[].payload":         replaced,
			"joins[].left":              replaced,
		},
	}
}

func contractBound(in spec.Input) int {
	bound, err := contractConfig(0).MaxEffects(in)
	if err != nil {
		panic(err)
	}
	return bound
}

func TestContract(t *testing.T) { check.Run(t, contractSubject()) }

// contractInput plays the application and a cluster of a dozen members, honest
// when they answer what the node asked, confused or hostile otherwise.
func contractInput(g *check.Gen) spec.Input {
	switch {
	case len(g.Sent) > 0 && g.Below(3) == 0:
		latest := uint64(min(len(g.Sent), 5)) // likely still awaited
		if in := contractAnswer(g, g.Sent[len(g.Sent)-1-int(g.Below(latest))]); in != nil {
			return in
		}
	case len(g.Asked) > 0 && g.Below(4) == 0:
		if in := contractStream(g, g.Asked[len(g.Asked)-1-int(g.Below(uint64(min(len(g.Asked), 4))))]); in != nil {
			return in
		}
	}
	from := contractAddr(int(g.Below(12)))
	switch g.Below(40) {
	case 0:
		return Join{Op: g.Op, Addrs: []netip.AddrPort{from, contractAddr(int(g.Below(12)))}}
	case 1:
		if g.Below(12) == 0 {
			return Leave{Op: g.Op}
		}
		return Join{Op: g.Op, Addrs: make([]netip.AddrPort, g.Below(2))}
	case 2:
		return Update{Op: g.Op, Meta: contractBytes(g)}
	case 3, 4:
		return Broadcast{Op: g.Op, Payload: contractBytes(g)}
	case 5:
		return SendUser{Op: g.Op, To: from, Payload: contractBytes(g), Reliable: g.Below(2) == 0}
	case 6:
		return Share{Op: g.Op, State: contractBytes(g)}
	case 7, 8, 9:
		return spec.Opened{Conn: -spec.Conn(g.Op), Remote: from}
	case 10:
		return spec.Closed{Conn: spec.Conn(1 + g.Below(20))}
	case 11:
		return spec.Recv{From: from, Msg: wire.Frame{Msg: wire.Nack{}}}
	case 12:
		return spec.Recv{From: from, Msg: wire.Packet{}}
	case 13, 14: // an answered part first: what comes of the packet is never a Drop alone
		parts := []wire.Message{wire.Ping{SeqNo: uint32(g.Below(99)), Node: "m03"}}
		for range g.Below(5) {
			parts = append(parts, contractMessage(g))
		}
		return spec.Recv{From: from, Msg: wire.Packet{Parts: parts}}
	}
	return spec.Recv{From: from, Msg: wire.Packet{Parts: []wire.Message{contractMessage(g)}}}
}

func contractMessage(g *check.Gen) wire.Message {
	i := int(g.Below(12))
	name, from := contractName(i), contractName(int(g.Below(12)))
	incarnation := uint32(g.Below(5))
	if g.Below(100) == 0 {
		incarnation = math.MaxUint32 - uint32(g.Below(2))
	}
	switch g.Below(16) {
	case 0, 1, 2, 3, 4:
		return contractAlive(g, i, incarnation)
	case 5, 6, 7:
		return wire.Suspect{Incarnation: incarnation, Node: name, From: from}
	case 8:
		return wire.Dead{Incarnation: incarnation, Node: name, From: from}
	case 9:
		return wire.Dead{Incarnation: incarnation, Node: name, From: name}
	case 10:
		return wire.User{Payload: contractBytes(g)}
	case 11:
		return wire.Ping{SeqNo: uint32(g.Below(50)), Node: name}
	case 12:
		return wire.Ping{SeqNo: uint32(g.Below(50)), Source: wire.Source{Addr: contractAddr(i), Node: name}}
	case 13:
		return wire.IndirectPing{SeqNo: uint32(g.Below(50)), Node: name, Target: contractAddr(i), Nack: g.Below(2) == 0}
	case 14:
		return wire.Ack{SeqNo: uint32(g.Below(50))}
	}
	return wire.Error{Text: "no"}
}

func contractAlive(g *check.Gen, i int, incarnation uint32) wire.Alive {
	a := wire.Alive{
		Incarnation: incarnation, Node: contractName(i), Addr: contractAddr(i), Versions: contractVersions,
	}
	a.Versions.ProtocolMax -= uint8(g.Below(3))
	switch g.Below(20) {
	case 0:
		a.Versions = wire.Versions{ProtocolMin: 3, ProtocolMax: uint8(g.Below(4))}
	case 1:
		a.Node = ""
	case 2, 3:
		a.Addr = contractAddr(int(g.Below(12)))
	case 4:
		a.Addr = netip.AddrPort{}
	case 5:
		a.Meta = contractBytes(g)
	case 6:
		a.Meta = make([]byte, wire.MaxMeta+1)
	}
	return a
}

func contractState(g *check.Gen) wire.PushPull {
	p := wire.PushPull{Join: g.Below(2) == 0, User: contractBytes(g)}
	for i := range 12 {
		if g.Below(3) > 0 {
			continue
		}
		a := contractAlive(g, i, uint32(g.Below(5)))
		p.Nodes = append(p.Nodes, wire.NodeState{
			Name: a.Node, Addr: a.Addr, Meta: a.Meta, Incarnation: a.Incarnation, Versions: a.Versions,
			State: wire.State(g.Below(5)),
		})
	}
	return p
}

// contractAnswer answers s as its receiver would, or nearly.
func contractAnswer(g *check.Gen, s spec.Send) spec.Input {
	var answer wire.Message
	switch m := s.Msg.(wire.Packet).Parts[0].(type) {
	case wire.Ping:
		if answer = (wire.Ack{SeqNo: m.SeqNo}); g.Below(8) == 0 {
			answer = wire.Nack{SeqNo: m.SeqNo}
		}
	case wire.IndirectPing:
		if answer = (wire.Ack{SeqNo: m.SeqNo}); g.Below(3) > 0 {
			answer = wire.Nack{SeqNo: m.SeqNo}
		}
	default:
		return nil
	}
	return spec.Recv{From: s.To, Msg: wire.Packet{Parts: []wire.Message{answer}}}
}

// contractStream goes on with a stream as the other side would, or nearly.
func contractStream(g *check.Gen, asked spec.Effect) spec.Input {
	switch e := asked.(type) {
	case spec.Dial:
		if g.Below(4) == 0 {
			return spec.Closed{Conn: e.Conn, Err: ErrNoAnswer}
		}
		return spec.Opened{Conn: e.Conn, Remote: e.To}
	case spec.Write:
		var answer wire.Message = contractState(g)
		switch m := e.Msg.(wire.Frame).Msg.(type) {
		case wire.Ping:
			answer = wire.Ack{SeqNo: m.SeqNo + uint32(g.Below(2))}
		case wire.PushPull:
			if g.Below(8) == 0 {
				answer = wire.Error{Text: "no"}
			}
		}
		return spec.Got{Conn: e.Conn, Msg: wire.Frame{Msg: answer}}
	}
	// Of accepted streams nothing is asked before their message: guess a number.
	answer := []wire.Message{
		contractState(g), wire.Ping{SeqNo: 7}, wire.Ping{Node: "m00"},
		wire.User{Payload: contractBytes(g)}, wire.Nack{}, nil,
	}[g.Below(6)]
	conn := -spec.Conn(uint64(g.Op) - g.Below(12))
	return spec.Got{Conn: conn, Msg: wire.Frame{Msg: answer, Opens: g.Below(8) > 0}}
}

func contractBytes(g *check.Gen) []byte {
	if g.Below(30) == 0 {
		return make([]byte, 1500) // more than a packet holds
	}
	v := make([]byte, g.Below(6))
	g.Fill(v)
	return v
}
