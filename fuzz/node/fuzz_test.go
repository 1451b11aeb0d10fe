// Package node holds the fuzz target of the DHT node:
//
//	go test -fuzz FuzzMainline ./fuzz/node
//
// Without -fuzz, go test runs the seeds: scripts made from the published
// vectors.
package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// A script is a list of inputs. Each begins with a byte that says what it is;
// the operands follow.
const (
	opWait     = iota // uint16: seconds that pass
	opWake            // until the deadline
	opDatagram        // byte: source; uint16 and bytes: payload
	opReply           // byte: which query of the node; uint16 and bytes: payload
	opToken           // byte: which token of the node goes to the next datagram
	opCommand         // byte: which; byte: target
	opCodes
)

// FuzzMainline: no sequence of inputs makes the node panic, break an
// invariant, exceed its bounds, keep a trace of what it refused, wake for
// nothing, or forget a command.
func FuzzMainline(f *testing.F) {
	f.Add([]byte{opCommand, 0, 1, opReply, 0, 0, 0, opWake, opWake})
	var packets [][]byte
	for _, protocol := range []string{"krpc", "bep44"} {
		file, err := vectors.Load(protocol)
		if err != nil {
			f.Fatal(err)
		}
		for _, v := range file.Select("parse") {
			packets = append(packets, v.Input.Bytes("packet"))
		}
	}
	var all []byte
	for i, p := range packets {
		one := append(datagram(byte(i), p), opToken, 0)
		one = append(append(one, datagram(byte(i), p)...), opCommand, byte(i), byte(i))
		for j := range 3 {
			one = append(one, opReply, byte(j), byte(len(p)>>8), byte(len(p)))
			one = append(one, p...)
		}
		f.Add(append(one, opWake, opWait, 3, 132, opWake))
		all = append(all, one...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &runner{Script: check.NewScript(t, script)}
		r.begin()
		r.Play(r.step)
		r.Drain(r.see)
	})
}

func datagram(source byte, p []byte) []byte {
	return append([]byte{opDatagram, source, byte(len(p) >> 8), byte(len(p))}, p...)
}

// runner plays one script.
type runner struct {
	*check.Script
	asked  []spec.Send // queries of the node, newest last
	tokens [][]byte    // that it gave
	token  []byte      // for the next datagram
}

func (r *runner) begin() {
	cfg := mainline.Config{
		Families: mainline.IPv4 | mainline.IPv6, K: 4, MaxPending: 64,
		MaxTorrents: 4, MaxPeers: 3, MaxItems: 3, VotesNeeded: 2,
		EnforceBEP42: r.First()&64 != 0, ReadOnly: r.First()&128 != 0,
	}
	r.MaxEffects = cfg.MaxEffects()
	var err error
	if r.Machine, err = mainline.New(cfg, 0); err != nil {
		r.Fatal(err)
	}
}

func source(b byte) netip.AddrPort {
	if b%4 == 3 {
		ip := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: b / 4 % 16}
		return netip.AddrPortFrom(netip.AddrFrom16(ip), 6881)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b / 4 % 16}), 6880+uint16(b%4))
}

func (r *runner) step() {
	switch r.Byte() % opCodes {
	case opWait:
		r.see(r.Wait(time.Duration(r.Uint16()) * time.Second))
	case opWake:
		r.see(r.Wake())
	case opDatagram:
		from := source(r.Byte())
		if m := r.message(); m != nil {
			if r.token != nil {
				m.Token, r.token = r.token, nil
			}
			r.see(r.Input(spec.Recv{From: from, Msg: m}))
		}
	case opReply:
		i := int(r.Byte())
		if m := r.message(); m != nil && len(r.asked) > 0 {
			s := r.asked[max(0, len(r.asked)-1-i%8)]
			m.T = s.Msg.(*mainline.Message).T
			r.see(r.Input(spec.Recv{From: s.To, Msg: m}))
		}
	case opToken:
		if i := int(r.Byte()); len(r.tokens) > 0 {
			r.token = r.tokens[i%len(r.tokens)]
		}
	case opCommand:
		which, operand := r.Byte(), r.Byte()
		r.see(r.Command(func(op spec.OpID) spec.Input { return command(op, which, operand) }))
	}
}

// message reads a payload as the node's driver would.
func (r *runner) message() *mainline.Message {
	m, err := mainline.ParseMessage(r.Payload(int(r.Uint16())))
	if err != nil {
		return nil
	}
	return m.(*mainline.Message)
}

func command(op spec.OpID, which, b byte) spec.Input {
	target := kademlia.ID([]byte("mnopqrstuvwxyz123456"))
	target[0] ^= b
	at := source(b)
	item := mainline.Item{V: []byte("12:Hello World!")}
	switch which % 8 {
	case 0:
		return mainline.Bootstrap{Op: op, Nodes: []netip.AddrPort{at}}
	case 1:
		return mainline.Ping{Op: op, Addr: at}
	case 2:
		return mainline.FindNode{Op: op, Target: target}
	case 3:
		return mainline.GetPeers{Op: op, InfoHash: target, Scrape: true}
	case 4:
		return mainline.Announce{Op: op, InfoHash: target, Port: uint16(b)}
	case 5:
		return mainline.GetItem{Op: op, Target: item.Target()}
	case 6:
		return mainline.PutImmutable{Op: op, V: item.V}
	default:
		return mainline.Sample{Op: op, Addr: at}
	}
}

// see has a look at what the node sends.
func (r *runner) see(effects []spec.Effect) {
	for _, e := range effects {
		if s, ok := e.(spec.Send); ok {
			r.sent(s)
		}
	}
}

// sent notes what can be answered, and checks that it fits a packet: items may
// exceed it (BEP 44).
func (r *runner) sent(s spec.Send) {
	b, err := mainline.AppendMessage(nil, s.Msg)
	if err != nil {
		r.Fatal(err)
	}
	m := s.Msg.(*mainline.Message)
	if len(b) > mainline.MaxPacket && m.Item == nil {
		r.Fatalf("%d bytes: %q", len(b), b)
	}
	if m.Kind == mainline.Query {
		r.asked = append(r.asked, s)
	} else if m.Token != nil {
		r.tokens = append(r.tokens, m.Token)
	}
}
