package gossip

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// A script of a SWIM member is a list of inputs. Each begins with a byte that says
// what it is; the operands follow.
const (
	swimWait     = iota // byte: tenths of a second that pass
	swimWake            // until the deadline
	swimDatagram        // byte: source; uint16 and bytes: payload
	swimAnswer          // byte: which ping of the node; byte: ack or nack
	swimOpen            // byte: source; uint16 and bytes: what it says over a new stream
	swimReply           // byte: which stream that the node dialled; uint16 and bytes: what comes
	swimCommand         // byte: which; byte: operand
	swimCodes
)

// FuzzSWIM: no sequence of inputs makes the member panic, break an invariant,
// exceed its bounds, keep a trace of what it refused, wake for nothing, or forget
// a command.
func FuzzSWIM(f *testing.F) {
	format := &wire.Format{}
	var all []byte
	for i, m := range swimMessages() {
		b, err := format.AppendMessage(nil, wire.Packet{Parts: []wire.Message{m, wire.User{}}, CRC: i%2 == 0})
		if err != nil {
			f.Fatal(err)
		}
		one := append(swimPayload(swimDatagram, byte(i), b), swimWake, swimAnswer, 0, byte(i))
		f.Add(one)
		all = append(all, one...)
	}
	for i, m := range []wire.Message{
		wire.PushPull{Join: true, User: []byte("u"), Nodes: swimNodes()},
		wire.Ping{SeqNo: 1}, wire.User{Payload: []byte("x")},
	} {
		b, err := format.Stream().AppendMessage(nil, wire.Frame{Msg: m, Opens: true})
		if err != nil {
			f.Fatal(err)
		}
		one := append(swimPayload(swimOpen, byte(i), b), swimCommand, byte(i), 3, swimCommand, byte(3+i), 5)
		one = append(append(one, swimPayload(swimReply, 0, b)...), swimWake, swimWait, 200)
		f.Add(one)
		all = append(all, one...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, script []byte) {
		p := &swimPlayer{Script: check.NewScript(t, script)}
		p.begin()
		p.Play(p.step)
		p.Drain(p.see)
	})
}

func swimPayload(code, source byte, b []byte) []byte {
	return append([]byte{code, source, byte(len(b) >> 8), byte(len(b))}, b...)
}

var swimVersions = wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}

func swimMessages() []wire.Message {
	return []wire.Message{
		wire.Ping{SeqNo: 1, Node: "m0"}, wire.Ping{SeqNo: 2, Source: wire.Source{Addr: swimAddr(2), Node: "m2"}},
		wire.IndirectPing{SeqNo: 3, Target: swimAddr(2), Node: "m2", Nack: true}, wire.Ack{SeqNo: 1}, wire.Nack{SeqNo: 1},
		wire.Alive{Incarnation: 2, Node: "m1", Addr: swimAddr(1), Versions: swimVersions, Meta: []byte("m")},
		wire.Suspect{Incarnation: 2, Node: "m1", From: "m2"}, wire.Suspect{Incarnation: 7, Node: "m0", From: "m2"},
		wire.Dead{Incarnation: 2, Node: "m1", From: "m2"}, wire.Dead{Incarnation: 2, Node: "m1", From: "m1"},
	}
}

func swimNodes() (list []wire.NodeState) {
	for i := range wire.StateLeft + 1 {
		list = append(list, wire.NodeState{
			Name: "m" + string(rune('0'+i)), Addr: swimAddr(byte(i)), Incarnation: 3, State: i, Versions: swimVersions,
		})
	}
	return list
}

func swimAddr(b byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b % 8}), 7946)
}

// swimPlayer plays one script.
type swimPlayer struct {
	*check.Script
	pings  []spec.Send // that can be answered, newest last
	dialed []spec.Dial
	conns  spec.Conn // accepted
}

func (p *swimPlayer) begin() {
	cfg := swim.LAN()
	cfg.Name, cfg.Addr = "m0", swimAddr(0)
	cfg.MaxMembers, cfg.MaxRelays, cfg.MaxStreams, cfg.MaxCommands, cfg.MaxUser = 8, 3, 3, 3, 3
	cfg.GossipToTheDead, cfg.DeadNodeReclaim = 3*time.Second, 2*time.Second
	cfg.NoSuspicion, cfg.RandomTarget = p.First()&64 != 0, p.First()&128 != 0
	n, err := swim.New(cfg, 0)
	if err != nil {
		p.Fatal(err)
	}
	// Of all inputs the longest is a state of as many nodes as can be known.
	longest := wire.PushPull{Nodes: make([]wire.NodeState, cfg.MaxMembers)}
	most, err := cfg.MaxEffects(spec.Got{Msg: wire.Frame{Msg: longest}})
	if err != nil {
		p.Fatal(err)
	}
	perPart := most - p.leastEffects(cfg)
	p.Machine, p.MaxEffects = n, most+perPart*(wire.MaxParts+wire.MaxFaults)/cfg.MaxMembers
}

// leastEffects is the bound for what says nothing.
func (p *swimPlayer) leastEffects(cfg swim.Config) int {
	least, err := cfg.MaxEffects(spec.Wake{})
	if err != nil {
		p.Fatal(err)
	}
	return least
}

func (p *swimPlayer) step() {
	format := &wire.Format{}
	switch p.Byte() % swimCodes {
	case swimWait:
		p.see(p.Wait(time.Duration(p.Byte()) * 100 * time.Millisecond))
	case swimWake:
		p.see(p.Wake())
	case swimDatagram:
		from := swimAddr(p.Byte())
		m, err := format.ParseMessage(p.Payload(int(p.Uint16())))
		if err != nil {
			return
		}
		packet := m.(wire.Packet)
		if len(packet.Parts)+len(packet.Faults) > 1 { // of several parts one may be refused: the packet is not then
			packet.Parts = append([]wire.Message{wire.Ping{}}, packet.Parts[:min(len(packet.Parts), wire.MaxParts-1)]...)
		}
		p.see(p.Input(spec.Recv{From: from, Msg: packet}))
	case swimAnswer:
		i, nack := int(p.Byte()), p.Byte()%4 == 0
		if len(p.pings) == 0 {
			return
		}
		s := p.pings[max(0, len(p.pings)-1-i%8)]
		sequence, _ := sequenceOf(s)
		var answer wire.Message = wire.Ack{SeqNo: sequence}
		if nack {
			answer = wire.Nack{SeqNo: sequence}
		}
		p.see(p.Input(spec.Recv{From: s.To, Msg: wire.Packet{Parts: []wire.Message{answer}}}))
	case swimOpen:
		p.conns--
		p.see(p.Input(spec.Opened{Conn: p.conns, Remote: swimAddr(p.Byte())}))
		p.say(p.conns)
	case swimReply:
		i := int(p.Byte())
		if len(p.dialed) == 0 {
			return
		}
		d := p.dialed[max(0, len(p.dialed)-1-i%4)]
		p.see(p.Input(spec.Opened{Conn: d.Conn, Remote: d.To}))
		p.say(d.Conn)
	case swimCommand:
		which, operand := p.Byte(), p.Byte()
		p.see(p.Command(func(op spec.OpID) spec.Input { return swimOrder(op, which, operand) }))
	}
}

// say lets the other side of a stream say what a new decoder makes of the payload.
func (p *swimPlayer) say(c spec.Conn) {
	m, n, err := (&wire.Format{}).Stream().Decoder().Decode(p.Payload(int(p.Uint16())))
	if err != nil || n == 0 {
		p.see(p.Input(spec.Closed{Conn: c, Err: err}))
		return
	}
	p.see(p.Input(spec.Got{Conn: c, Msg: m}))
}

func swimOrder(op spec.OpID, which, b byte) spec.Input {
	switch which % 6 {
	case 0:
		return swim.Join{Op: op, Addrs: []netip.AddrPort{swimAddr(b), swimAddr(b + 1)}}
	case 1:
		return swim.Update{Op: op, Meta: []byte{b}}
	case 2:
		return swim.Broadcast{Op: op, Payload: make([]byte, 6*int(b))}
	case 3:
		return swim.SendUser{Op: op, To: swimAddr(b), Payload: []byte{b}, Reliable: b%2 == 0}
	case 4:
		return swim.Share{Op: op, State: []byte{b}}
	}
	return swim.Leave{Op: op}
}

// see remembers what can be answered, and checks that all that goes out can be
// written and fits its packet.
func (p *swimPlayer) see(effects []spec.Effect) {
	format := &wire.Format{}
	for _, e := range effects {
		var b []byte
		var err error
		switch e := e.(type) {
		case spec.Send:
			if b, err = format.AppendMessage(nil, e.Msg); len(b) > 1400+5 { // and the checksum
				p.Fatalf("a packet of %d bytes: %v", len(b), e.Msg)
			}
			if _, ok := sequenceOf(e); ok {
				p.pings = append(p.pings, e)
			}
		case spec.Write:
			_, err = format.Stream().AppendMessage(nil, e.Msg)
		case spec.Dial:
			p.dialed = append(p.dialed, e)
		}
		if err != nil {
			p.Fatalf("%v cannot be written: %v", e, err)
		}
	}
}

func sequenceOf(s spec.Send) (uint32, bool) {
	switch m := s.Msg.(wire.Packet).Parts[0].(type) {
	case wire.Ping:
		return m.SeqNo, true
	case wire.IndirectPing:
		return m.SeqNo, true
	}
	return 0, false
}
