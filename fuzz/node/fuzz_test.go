// Package node holds the fuzz target of the DHT node:
//
//	go test -fuzz FuzzMainline ./fuzz/node
//
// Without -fuzz, go test runs the seeds: scripts made from the published
// vectors.
package node

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
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

// maxSteps keeps one execution short.
const maxSteps = 400

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
		r := &runner{T: t, script: script, open: map[spec.OpID]bool{}}
		r.node = r.new()
		for i := 0; i < maxSteps && len(r.script) > 0; i++ {
			r.step()
		}
		r.drain()
	})
}

func datagram(source byte, p []byte) []byte {
	return append([]byte{opDatagram, source, byte(len(p) >> 8), byte(len(p))}, p...)
}

// runner plays one script.
type runner struct {
	*testing.T
	script []byte
	cfg    mainline.Config
	node   *mainline.Node
	now    time.Duration
	op     spec.OpID
	open   map[spec.OpID]bool
	asked  []spec.Send // queries of the node, newest last
	tokens [][]byte    // that it gave
	token  []byte      // for the next datagram
}

func (r *runner) new() *mainline.Node {
	r.cfg = mainline.Config{
		Families: mainline.IPv4 | mainline.IPv6, K: 4, MaxPending: 64,
		MaxTorrents: 4, MaxPeers: 3, MaxItems: 3, VotesNeeded: 2,
	}
	if len(r.script) > 0 {
		r.cfg.EnforceBEP42, r.cfg.ReadOnly = r.script[0]&64 != 0, r.script[0]&128 != 0
	}
	n, err := mainline.New(r.cfg, 0)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// take reads n bytes of the script, zeros past its end.
func (r *runner) take(n int) []byte {
	b := make([]byte, n)
	r.script = r.script[copy(b, r.script):]
	return b
}

func (r *runner) payload() []byte {
	size := int(binary.BigEndian.Uint16(r.take(2)))
	return r.take(min(size, len(r.script)))
}

func source(b byte) netip.AddrPort {
	if b%4 == 3 {
		ip := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: b / 4 % 16}
		return netip.AddrPortFrom(netip.AddrFrom16(ip), 6881)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b / 4 % 16}), 6880+uint16(b%4))
}

func (r *runner) step() {
	switch r.take(1)[0] % opCodes {
	case opWait:
		r.now += time.Duration(binary.BigEndian.Uint16(r.take(2))) * time.Second
		r.input(spec.Wake{})
	case opWake:
		if at, ok := r.node.Deadline(); ok {
			r.now = at
		}
		r.input(spec.Wake{})
	case opDatagram:
		from := source(r.take(1)[0])
		if m := r.parse(r.payload()); m != nil {
			if r.token != nil {
				m.Token, r.token = r.token, nil
			}
			r.input(spec.Recv{From: from, Msg: m})
		}
	case opReply:
		i := int(r.take(1)[0])
		if m := r.parse(r.payload()); m != nil && len(r.asked) > 0 {
			s := r.asked[max(0, len(r.asked)-1-i%8)]
			m.T = s.Msg.(*mainline.Message).T
			r.input(spec.Recv{From: s.To, Msg: m})
		}
	case opToken:
		if i := int(r.take(1)[0]); len(r.tokens) > 0 {
			r.token = r.tokens[i%len(r.tokens)]
		}
	case opCommand:
		b := r.take(2)
		r.op++
		r.open[r.op] = true
		r.input(r.command(b[0], b[1]))
	}
}

// parse reads a payload as the node's driver would.
func (r *runner) parse(b []byte) *mainline.Message {
	m, err := mainline.ParseMessage(b)
	if err != nil {
		return nil
	}
	return m.(*mainline.Message)
}

func (r *runner) command(which, b byte) spec.Input {
	target := kademlia.ID([]byte("mnopqrstuvwxyz123456"))
	target[0] ^= b
	at := source(b)
	item := mainline.Item{V: []byte("12:Hello World!")}
	switch which % 8 {
	case 0:
		return mainline.Bootstrap{Op: r.op, Nodes: []netip.AddrPort{at}}
	case 1:
		return mainline.Ping{Op: r.op, Addr: at}
	case 2:
		return mainline.FindNode{Op: r.op, Target: target}
	case 3:
		return mainline.GetPeers{Op: r.op, InfoHash: target, Scrape: true}
	case 4:
		return mainline.Announce{Op: r.op, InfoHash: target, Port: uint16(b)}
	case 5:
		return mainline.GetItem{Op: r.op, Target: item.Target()}
	case 6:
		return mainline.PutImmutable{Op: r.op, V: item.V}
	default:
		return mainline.Sample{Op: r.op, Addr: at}
	}
}

// input steps the node and holds it to its promises.
func (r *runner) input(in spec.Input) {
	before := r.node.Clone()
	effects := r.node.Step(r.now, in, nil)
	if err := r.node.Check(); err != nil {
		r.Fatalf("after %#v: %v", in, err)
	}
	if len(effects) > r.cfg.MaxEffects() {
		r.Fatalf("%d effects, the bound is %d", len(effects), r.cfg.MaxEffects())
	}
	if at, ok := r.node.Deadline(); ok && at <= r.now {
		r.Fatalf("deadline %v at %v", at, r.now)
	}
	refused := false
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Send:
			r.sent(e)
		case spec.Done:
			if !r.open[e.Op] {
				r.Fatalf("command %d ended twice", e.Op)
			}
			delete(r.open, e.Op)
		case spec.Drop:
			refused = true
			if e.Clause == "" || e.Reason == nil {
				r.Fatalf("%#v", e)
			}
		}
	}
	if refused {
		before.Step(r.now, spec.Wake{}, nil)
		if !bytes.Equal(before.AppendState(nil), r.node.AppendState(nil)) {
			r.Fatalf("%#v was refused, but left a trace", in)
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

// drain lets every command end by itself.
func (r *runner) drain() {
	for range 10_000 {
		at, ok := r.node.Deadline()
		if !ok || len(r.open) == 0 {
			break
		}
		r.now = at
		r.input(spec.Wake{})
	}
	if len(r.open) > 0 {
		r.Fatalf("commands %v never ended", r.open)
	}
}
