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

// maxSteps keeps one execution short.
const maxSteps = 400

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
		r := &runner{T: t, script: script, open: map[spec.OpID]bool{}}
		r.begin()
		for i := 0; i < maxSteps && len(r.script) > 0; i++ {
			r.step()
		}
		r.drain()
	})
}

// runner plays one script.
type runner struct {
	*testing.T
	script []byte
	bound  int
	node   *chord.Node
	now    time.Duration
	op     spec.OpID
	open   map[spec.OpID]bool
	asked  []spec.Send // requests of the node, newest last
}

func (r *runner) begin() {
	cfg := chord.Config{
		ID: chord.FromUint(20), IDBits: 6, Successors: 3, RPCBits: 8, MaxLookups: 3, MaxRequests: 6, MaxSteps: 3,
		MaxWaiting: 2, LateAnswers: 2, MaxValues: 3, MaxValueBytes: 8, MaxOperations: 2, Tries: 2,
	}
	if len(r.script) > 0 && r.script[0]&64 != 0 {
		cfg.Variant = chord.Original
	}
	if len(r.script) > 0 && r.script[0]&128 != 0 {
		cfg.Storage = chord.Quorum
	}
	var err error
	if r.bound, err = cfg.MaxEffects(); err != nil {
		r.Fatal(err)
	}
	if r.node, err = chord.New(cfg, 0); err != nil {
		r.Fatal(err)
	}
}

func (r *runner) byte() byte {
	if len(r.script) == 0 {
		return 0
	}
	b := r.script[0]
	r.script = r.script[1:]
	return b
}

func (r *runner) message() spec.Message {
	n := min(int(r.byte()), len(r.script))
	payload := r.script[:n]
	r.script = r.script[n:]
	m, err := chord.Codec{}.ParseMessage(payload)
	if err != nil {
		return nil
	}
	return m
}

func (r *runner) step() {
	switch r.byte() % opCodes {
	case opWait:
		r.now += time.Duration(r.byte()) * time.Second
		r.input(spec.Wake{})
	case opWake:
		if at, ok := r.node.Deadline(); ok {
			r.now = at
		}
		r.input(spec.Wake{})
	case opDatagram:
		from := peer(r.byte())
		if m := r.message(); m != nil {
			r.input(spec.Recv{From: from.Addr, Msg: m})
		}
	case opReply:
		i := int(r.byte())
		if m := r.message(); m != nil && len(r.asked) > 0 {
			s := r.asked[max(0, len(r.asked)-1-i%8)]
			r.input(spec.Recv{From: s.To, Msg: answering(m, s)})
		}
	case opCommand:
		which, operand := r.byte(), r.byte()
		r.op++
		r.open[r.op] = true
		r.input(r.command(which, operand))
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

func (r *runner) command(which, b byte) spec.Input {
	switch which % 7 {
	case 0:
		return chord.Create{Op: r.op, Ring: []chord.Peer{peer(b), peer(b + 9), peer(b + 19)}[:b%4%3+1]}
	case 1:
		return chord.Join{Op: r.op, Via: peer(b)}
	case 2:
		return chord.Put{Op: r.op, Key: peer(b).ID, Value: []byte("123456789")[:b%10]}
	case 3:
		return chord.Get{Op: r.op, Key: peer(b).ID}
	case 4:
		return chord.Leave{Op: r.op}
	default:
		return chord.Lookup{Op: r.op, Key: peer(b).ID, Mode: chord.Mode(which & 1)}
	}
}

// input steps the node and holds it to its promises.
func (r *runner) input(in spec.Input) {
	before := r.node.Clone()
	effects := r.node.Step(r.now, in, nil)
	if err := r.node.Check(); err != nil {
		r.Fatalf("after %#v: %v", in, err)
	}
	if len(effects) > r.bound {
		r.Fatalf("%d effects, the bound is %d", len(effects), r.bound)
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

// sent notes what can be answered, and checks that it has an encoding.
func (r *runner) sent(s spec.Send) {
	if _, err := (chord.Codec{}).AppendMessage(nil, s.Msg); err != nil {
		r.Fatal(err)
	}
	switch s.Msg.(type) {
	case chord.GetNeighbors, chord.Ping, chord.ClosestPreceding, chord.FindSuccessor, chord.Read, chord.Write:
		r.asked = append(r.asked, s)
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
