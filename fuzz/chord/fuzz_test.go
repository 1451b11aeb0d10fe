// Package chord holds the fuzz targets of Chord:
//
//	go test -fuzz FuzzParse ./fuzz/chord
//	go test -fuzz FuzzNode ./fuzz/chord
//
// Without -fuzz, go test runs the seeds.
package chord

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

func peer(b byte) chord.Peer {
	host := netip.AddrFrom4([4]byte{203, 0, 113, b % 64})
	return chord.Peer{ID: chord.FromUint(uint64(b % 64)), Addr: netip.AddrPortFrom(host, 4000)}
}

// seeds is a message of each type from the node at 33.
func seeds() [][]byte {
	h := chord.Header{RPC: 1, Sender: peer(33).ID}
	list := []chord.Peer{peer(40), peer(50)}
	var encoded [][]byte
	for _, m := range []spec.Message{
		chord.Ping{Header: h}, chord.Pong{Header: h}, chord.GetNeighbors{Header: h}, chord.Busy{Header: h},
		chord.Notify{Header: h}, chord.Leaving{Header: h, Predecessor: peer(5)},
		chord.Neighbors{Header: h, Predecessor: peer(5), Successors: list},
		chord.ClosestPreceding{Header: h, Key: peer(45).ID},
		chord.Step{Header: h, Preceding: []chord.Peer{peer(40)}, Owners: list},
		chord.FindSuccessor{Header: h, Origin: peer(33), Key: peer(45).ID, Hops: 1},
		chord.FoundSuccessor{Header: h, Owner: peer(50), Hops: 2},
		chord.Read{Header: h, Key: peer(1).ID},
		chord.ReadAck{Header: h, Key: peer(1).ID, Stamp: stamp(1), Value: []byte("v")},
		chord.Write{Header: h, Key: peer(1).ID, Stamp: stamp(1), Value: []byte("v")},
		chord.Offer{Header: h, Key: peer(1).ID, Stamp: stamp(2)},
		chord.WriteAck{Header: h, Key: peer(1).ID, Stamp: stamp(2), Owner: true},
	} {
		b, err := chord.Codec{}.AppendMessage(nil, m)
		if err != nil {
			panic(err)
		}
		encoded = append(encoded, b)
	}
	return encoded
}

func stamp(counter uint64) chord.Stamp {
	return chord.Stamp{Counter: counter, Writer: peer(33).ID, Serial: 7}
}

// FuzzParse: no input makes the parser panic, and what it accepts has that one
// encoding.
func FuzzParse(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := chord.Codec{}.ParseMessage(b)
		if err != nil {
			return
		}
		again, err := chord.Codec{}.AppendMessage(nil, m)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", m, err)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x\nis written as\n%x", b, again)
		}
	})
}

// A script is a list of inputs. Each begins with a byte that says what it is;
// the operands follow.
const (
	opWait     = iota // byte: seconds that pass
	opWake            // until the deadline
	opDatagram        // byte: source; byte and bytes: payload
	opReply           // byte: which request of the node; byte and bytes: payload
	opCommand         // byte: which; byte: operand
	opCodes
)

// FuzzNode: no sequence of inputs makes the node panic, break an invariant,
// exceed its bounds, keep a trace of what it refused, or forget a command.
func FuzzNode(f *testing.F) {
	create, join := []byte{opCommand, 0, 33}, []byte{opCommand, 1, 33}
	for _, begin := range [][]byte{create, join} {
		script := bytes.Clone(begin)
		for i, b := range seeds() {
			one := append([]byte{opDatagram, 33, byte(len(b))}, b...)
			reply := append([]byte{opWake, opReply, 0, byte(len(b))}, b...)
			script = append(append(append(script, one...), reply...), opCommand, byte(i), byte(7*i))
			f.Add(append(bytes.Clone(begin), append(one, reply...)...))
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &runner{Script: check.NewScript(t, script)}
		r.begin()
		r.Play(r.step)
		r.Drain(r.see)
	})
}

// runner plays one script.
type runner struct {
	*check.Script
	asked []spec.Send // requests of the node, newest last
}

func (r *runner) begin() {
	cfg := chord.Config{
		ID: chord.FromUint(20), IDBits: 6, Successors: 3, RPCBits: 8, MaxLookups: 3, MaxRequests: 6, MaxSteps: 3,
		MaxWaiting: 2, LateAnswers: 2, MaxValues: 3, MaxValueBytes: 8, MaxOperations: 2, Tries: 2,
	}
	if r.First()&64 != 0 {
		cfg.Variant = chord.Original
	}
	if r.First()&128 != 0 {
		cfg.Storage = chord.Quorum
	}
	var err error
	if r.MaxEffects, err = cfg.MaxEffects(); err != nil {
		r.Fatal(err)
	}
	if r.Machine, err = chord.New(cfg, 0); err != nil {
		r.Fatal(err)
	}
}

func (r *runner) message() spec.Message {
	m, err := chord.Codec{}.ParseMessage(r.Payload(int(r.Byte())))
	if err != nil {
		return nil
	}
	return m
}

func (r *runner) step() {
	switch r.Byte() % opCodes {
	case opWait:
		r.see(r.Wait(time.Duration(r.Byte()) * time.Second))
	case opWake:
		r.see(r.Wake())
	case opDatagram:
		from := peer(r.Byte())
		if m := r.message(); m != nil {
			r.see(r.Input(spec.Recv{From: from.Addr, Msg: m}))
		}
	case opReply:
		i := int(r.Byte())
		if m := r.message(); m != nil && len(r.asked) > 0 {
			s := r.asked[max(0, len(r.asked)-1-i%8)]
			r.see(r.Input(spec.Recv{From: s.To, Msg: answering(m, s)}))
		}
	case opCommand:
		which, operand := r.Byte(), r.Byte()
		r.see(r.Command(func(op spec.OpID) spec.Input { return command(op, which, operand) }))
	}
}

// answering gives a reply the identifiers with which it is accepted.
func answering(m spec.Message, s spec.Send) spec.Message {
	sender := peer(s.To.Addr().As4()[3]).ID
	switch asked := s.Msg.(type) {
	case chord.GetNeighbors:
		if n, ok := m.(chord.Neighbors); ok {
			n.Header = chord.Header{RPC: asked.RPC, Sender: sender}
			return n
		}
		return chord.Busy{Header: chord.Header{RPC: asked.RPC, Sender: sender}}
	case chord.Ping:
		return chord.Pong{Header: chord.Header{RPC: asked.RPC, Sender: sender}}
	case chord.ClosestPreceding:
		if n, ok := m.(chord.Step); ok {
			n.Header = chord.Header{RPC: asked.RPC, Sender: sender}
			return n
		}
	case chord.Read:
		if n, ok := m.(chord.ReadAck); ok {
			n.Header, n.Key = chord.Header{RPC: asked.RPC, Sender: sender}, asked.Key
			return n
		}
	case chord.Write:
		return chord.WriteAck{
			Header: chord.Header{RPC: asked.RPC, Sender: sender}, Key: asked.Key, Stamp: asked.Stamp,
		}
	}
	return m
}

func command(op spec.OpID, which, b byte) spec.Input {
	switch which % 7 {
	case 0:
		return chord.Create{Op: op, Ring: []chord.Peer{peer(b), peer(b + 9), peer(b + 19)}[:b%4%3+1]}
	case 1:
		return chord.Join{Op: op, Via: peer(b)}
	case 2:
		return chord.Put{Op: op, Key: peer(b).ID, Value: []byte("123456789")[:b%10]}
	case 3:
		return chord.Get{Op: op, Key: peer(b).ID}
	case 4:
		return chord.Leave{Op: op}
	default:
		return chord.Lookup{Op: op, Key: peer(b).ID, Mode: chord.Mode(which & 1)}
	}
}

// see notes what can be answered, and checks that it has an encoding.
func (r *runner) see(effects []spec.Effect) {
	for _, e := range effects {
		s, ok := e.(spec.Send)
		if !ok {
			continue
		}
		if _, err := (chord.Codec{}).AppendMessage(nil, s.Msg); err != nil {
			r.Fatal(err)
		}
		switch s.Msg.(type) {
		case chord.GetNeighbors, chord.Ping, chord.ClosestPreceding, chord.FindSuccessor, chord.Read, chord.Write:
			r.asked = append(r.asked, s)
		}
	}
}
