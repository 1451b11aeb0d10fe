package gossip

import (
	"bytes"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/gossip/plumtree"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// A script is a list of inputs for a node of an overlay. Each begins with a byte
// that says what it is; the operands follow.
const (
	opWait    = iota // byte: seconds that pass
	opWake           // until the deadline
	opAccept         // a peer opens a stream
	opOpened         // the stream that was dialled last opens
	opMessage        // byte: which stream; byte and bytes: what arrives on it
	opClosed         // byte: which stream
	opCommand        // byte: which; byte: operand
	opCodes
)

// overlayRunner plays one script.
type overlayRunner struct {
	*check.Script
	codec      spec.StreamCodec
	broadcasts bool

	streams  []spec.Conn // that are open, the newest last
	dialled  []spec.Conn // that are not open yet
	accepted spec.Conn
}

func (r *overlayRunner) run() {
	r.Play(r.step)
	r.Drain(r.see)
}

func (r *overlayRunner) step() {
	switch r.Byte() % opCodes {
	case opWait:
		r.see(r.Wait(time.Duration(r.Byte()) * time.Second))
	case opWake:
		r.see(r.Wake())
	case opAccept:
		r.accepted--
		r.streams = append(r.streams, r.accepted)
		r.see(r.Input(spec.Opened{Conn: r.accepted, Remote: overlayPeer(1)}))
	case opOpened:
		if last := len(r.dialled) - 1; last >= 0 {
			conn := r.dialled[last]
			r.dialled = r.dialled[:last]
			r.streams = append(r.streams, conn)
			r.see(r.Input(spec.Opened{Conn: conn}))
		}
	case opMessage:
		conn, payload := r.stream(), r.Payload(int(r.Byte()))
		if m, _, err := r.codec.Decoder().Decode(payload); err == nil && m != nil {
			r.see(r.Input(spec.Got{Conn: conn, Msg: m}))
		}
	case opClosed:
		r.see(r.Input(spec.Closed{Conn: r.stream()}))
	case opCommand:
		which, operand := r.Byte(), r.Byte()
		r.see(r.Command(func(op spec.OpID) spec.Input { return r.command(op, which, operand) }))
	}
}

// stream is one of the newest eight.
func (r *overlayRunner) stream() spec.Conn {
	i := len(r.streams) - 1 - int(r.Byte()%8)
	if i < 0 {
		return 0
	}
	return r.streams[i]
}

func (r *overlayRunner) command(op spec.OpID, which, b byte) spec.Input {
	switch {
	case which%4 == 0:
		return hyparview.Leave{Op: op}
	case which%4 == 1 && r.broadcasts:
		return plumtree.Broadcast{Op: op, Payload: []byte("1234")[:b%5]}
	}
	return hyparview.Enter{Op: op, Contact: overlayPeer(b)}
}

// see notes the streams, and checks that what is written has an encoding.
func (r *overlayRunner) see(effects []spec.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Dial:
			r.dialled = append(r.dialled, e.Conn)
		case spec.Write:
			if _, err := r.codec.AppendMessage(nil, e.Msg); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// seedOverlay adds conversations: each message on an accepted stream, on one that
// was dialled, and all of them on the streams of neighbours.
func seedOverlay(f *testing.F, codec spec.StreamCodec, messages []spec.Message) {
	join := encodeStream(f, codec, hyparview.Join{Peer: overlayPeer(2)})
	begin := append([]byte{opAccept, opMessage, 0, byte(len(join))}, join...)
	begin = append(begin, opCommand, 2, 7, opOpened)
	all := bytes.Clone(begin)
	for _, m := range messages {
		b := encodeStream(f, codec, m)
		one := append([]byte{opAccept, opMessage, 0, byte(len(b))}, b...)
		all = append(append(all, one...), opMessage, 1, byte(len(b)))
		all = append(append(all, b...), opWake, opOpened, opCommand, 1, 2)
		f.Add(one)
		f.Add(append(bytes.Clone(begin), append([]byte{opMessage, 0, byte(len(b))}, b...)...))
	}
	f.Add(append(all, opClosed, 0, opWait, 30, opCommand, 0, 0))
}

func encodeStream(f *testing.F, codec spec.StreamCodec, m spec.Message) []byte {
	b, err := codec.AppendMessage(nil, m)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// decodeStream reads messages until there is none.
func decodeStream(t *testing.T, codec spec.StreamCodec, b []byte) {
	d := codec.Decoder()
	for {
		m, n, err := d.Decode(b)
		if err != nil || n == 0 {
			return
		}
		again, err := codec.AppendMessage(nil, m)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", m, err)
		}
		if !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x\nis written as\n%x", b[:n], again)
		}
		b = b[n:]
	}
}
