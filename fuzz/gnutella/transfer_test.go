package gnutella

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// FuzzTransferStream: whatever arrives, in whatever pieces, is read in the same way,
// and what was read is written as something that reads the same.
func FuzzTransferStream(f *testing.F) {
	f.Add([]byte("GIV 5:0123456789abcdef0123456789abcdef/a b\n\nGET /get/5/a b HTTP/1.1\r\nRange: bytes=1-2\r\n\r\n"), 3)
	f.Add([]byte("HTTP/1.1 206 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.0 200 OK\n\nthe rest"), 1)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		whole, wholeErr := readAll(transfer.Codec{}, b, len(b))
		parts, partsErr := readAll(transfer.Codec{}, b, max(1, step))
		if (wholeErr == nil) != (partsErr == nil) || !reflect.DeepEqual(whole, parts) {
			t.Fatalf("at once %+v, %v; in parts %+v, %v", whole, wholeErr, parts, partsErr)
		}
		var again []byte
		for _, m := range whole {
			var err error
			if again, err = (transfer.Codec{}).AppendMessage(again, m); err != nil {
				t.Fatalf("%+v was read, and cannot be written: %v", m, err)
			}
		}
		if twice, err := readAll(transfer.Codec{}, again, len(again)); err != nil || !reflect.DeepEqual(whole, twice) {
			t.Fatalf("%+v was written as %q, which is read as %+v, %v", whole, again, twice, err)
		}
	})
}

// readAll reads a stream that comes in pieces of so many bytes. Bodies that follow
// one another are put together, up to the largest.
func readAll(codec spec.StreamCodec, b []byte, step int) (list []spec.Message, err error) {
	d := codec.Decoder()
	var buffer []byte
	for len(b) > 0 {
		n := min(step, len(b))
		buffer, b = append(buffer, b[:n]...), b[n:]
		for {
			m, n, err := d.Decode(buffer)
			if err != nil || n == 0 {
				if err != nil {
					return list, err
				}
				break
			}
			if body, ok := m.(transfer.Body); ok {
				m = transfer.Body{Data: bytes.Clone(body.Data)}
				if before, follows := lastBody(list); follows && len(before.Data)+len(body.Data) <= transfer.MaxBody {
					list, m = list[:len(list)-1], transfer.Body{Data: append(before.Data, body.Data...)}
				}
			}
			list, buffer = append(list, m), bytes.Clone(buffer[n:])
		}
	}
	return list, nil
}

func lastBody(list []spec.Message) (transfer.Body, bool) {
	if len(list) == 0 {
		return transfer.Body{}, false
	}
	b, ok := list[len(list)-1].(transfer.Body)
	return b, ok
}

// The steps of a script that is played to a machine on streams.
const (
	stepAccept  = iota // somebody connects
	stepSay            // stream (1), length (2), bytes: on the stream they come
	stepWake           // until the deadline
	stepWait           // seconds (1)
	stepAnswer         // the oldest unanswered Dial, Load, Store or Verify: well (0) or not (1)
	stepClose          // stream (1)
	stepDrain          // stream (1)
	stepFetch          // size (1), bytes at hand (1), who (1), how (1)
	stepOffer          // to whom (1)
	stepCancel         // which command (1)
	stepCommand        // one of the machine's own (1)
	transferSteps
)

// player plays the application, the storage and all other hosts, by a script.
type player struct {
	*check.Script
	codec    spec.StreamCodec
	command  func(op spec.OpID, which byte) spec.Input
	accepted spec.Conn
	streams  map[spec.Conn]*reader
	asked    []spec.Effect
}

// reader is what has come on a stream.
type reader struct {
	spec.Decoder
	rest []byte
}

func someAddr(b byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b}), 6346)
}

func (p *player) step() {
	switch p.Byte() % transferSteps {
	case stepAccept:
		p.accepted--
		p.open(p.accepted)
		p.see(p.Input(spec.Opened{Conn: p.accepted, Remote: someAddr(byte(-p.accepted))}))
	case stepSay:
		c := p.stream()
		p.say(c, p.Payload(int(p.Uint16())))
	case stepWake:
		p.see(p.Wake())
	case stepWait:
		p.see(p.Wait(time.Duration(p.Byte()) * time.Second))
	case stepAnswer:
		p.answer(p.Byte()%2 == 0)
	case stepClose:
		c := p.stream()
		delete(p.streams, c)
		p.see(p.Input(spec.Closed{Conn: c}))
	case stepDrain:
		p.see(p.Input(spec.Drained{Conn: p.stream()}))
	case stepFetch:
		d := transfer.Download{Piece: 5, Size: uint32(p.Byte()), Have: uint32(p.Byte())}
		who, how := p.Byte(), p.Byte()
		d.SHA1[0] = how & 1
		d.Sources = []transfer.Source{
			{Addr: someAddr(who), Index: 1, Name: "x", ServentID: wire.GUID{how & 3}, Push: how&4 > 0}, {Addr: someAddr(how)},
		}
		p.see(p.Command(func(op spec.OpID) spec.Input { d.Op = op; return d }))
	case stepOffer:
		to := someAddr(p.Byte())
		p.see(p.Command(func(op spec.OpID) spec.Input { return transfer.Offer{Op: op, To: to, Index: 1, Name: "x"} }))
	case stepCancel:
		task := spec.OpID(p.Byte())
		p.see(p.Command(func(op spec.OpID) spec.Input { return transfer.Cancel{Op: op, Task: task} }))
	case stepCommand:
		which := p.Byte()
		p.see(p.Command(func(op spec.OpID) spec.Input { return p.command(op, which) }))
	}
}

// stream is one of the streams, by its last bits: those below 128 were dialled.
func (p *player) stream() spec.Conn {
	b := p.Byte()
	if b < 128 {
		return spec.Conn(b)
	}
	return -spec.Conn(b - 127)
}

func (p *player) open(c spec.Conn) { p.streams[c] = &reader{Decoder: p.codec.Decoder()} }

// say lets bytes arrive, and ends a stream whose bytes are no message.
func (p *player) say(c spec.Conn, b []byte) {
	r := p.streams[c]
	if r == nil {
		return
	}
	r.rest = append(r.rest, b...)
	for p.streams[c] == r {
		m, n, err := r.Decode(r.rest)
		if err != nil {
			delete(p.streams, c)
			p.see(p.Input(spec.Closed{Conn: c, Err: err}))
			return
		}
		if n == 0 {
			return
		}
		in := spec.Got{Conn: c, Msg: m}
		p.see(p.Input(in))
		r.rest = bytes.Clone(r.rest[n:])
	}
}

func (p *player) see(effects []spec.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Dial, spec.Load, spec.Store, spec.Verify:
			p.asked = append(p.asked, e)
		case spec.Close:
			delete(p.streams, e.Conn)
		case spec.Write:
			if _, err := p.codec.AppendMessage(nil, e.Msg); err != nil {
				p.Fatalf("%+v cannot be written: %v", e.Msg, err)
			}
		}
	}
}

var errScript = errors.New("it failed")

func (p *player) answer(well bool) {
	if len(p.asked) == 0 {
		return
	}
	e := p.asked[0]
	p.asked = p.asked[1:]
	failed := errScript
	if well {
		failed = nil
	}
	switch e := e.(type) {
	case spec.Dial:
		if !well {
			p.see(p.Input(spec.Closed{Conn: e.Conn, Err: failed}))
			return
		}
		p.open(e.Conn)
		p.see(p.Input(spec.Opened{Conn: e.Conn, Remote: e.To}))
	case spec.Load:
		p.see(p.Input(spec.Loaded{Token: e.Token, Data: make([]byte, e.Length), Err: failed}))
	case spec.Store:
		p.see(p.Input(spec.Stored{Token: e.Token, Err: failed}))
	case spec.Verify:
		p.see(p.Input(spec.Verified{Token: e.Token, OK: well}))
	}
}

func saying(conn byte, text string) []byte {
	return append([]byte{stepSay, conn, byte(len(text) >> 8), byte(len(text))}, text...)
}

// script is a list of steps.
func script(list ...[]byte) []byte { return bytes.Join(list, nil) }

const fuzzedGet = "GET /get/1/alpha HTTP/1.1\r\n\r\n"

// transferScripts are conversations about files.
func transferScripts() [][]byte {
	return [][]byte{
		script([]byte{stepAccept}, saying(128, fuzzedGet+fuzzedGet+"GET /get/1/../x HTTP/1.1\r\n\r\n"),
			[]byte{stepAnswer, 0, stepAnswer, 0, stepDrain, 128, stepAnswer, 0, stepWake, stepWake}),
		script([]byte{stepAccept, stepAccept}, saying(128, fuzzedGet),
			saying(129, strings.ReplaceAll(fuzzedGet, "1.1\r\n", "1.1\r\nX-Queue: 0.1\r\n")),
			[]byte{stepClose, 128, stepWait, 31}, saying(129, fuzzedGet)),
		script([]byte{stepFetch, 5, 0, 7, 1, stepAnswer, 0}, saying(1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
			[]byte{stepAnswer, 0, stepAnswer, 1, stepWake, stepAnswer, 0}),
		script([]byte{stepFetch, 5, 1, 7, 7, stepAccept}, saying(128, "GIV 1:03"+strings.Repeat("0", 30)+"/x\n\n"),
			saying(128, "HTTP/1.1 206 OK\r\nContent-Range: bytes 1-4/5\r\n\r\nello"), []byte{stepAnswer, 0, stepAnswer, 0}),
		script([]byte{stepFetch, 9, 0, 7, 0, stepAnswer, 1, stepAnswer, 0, stepWake},
			saying(2, "HTTP/1.1 503 Busy\r\nX-Queue: pollMin=4\r\n\r\n"), []byte{stepWake, stepCancel, 1}),
		{stepOffer, 4, stepAnswer, 0, stepWake},
	}
}

// FuzzTransfer: no conversation makes the machine panic, break an invariant or exceed
// its bounds; what it refuses leaves no trace, and every command ends.
func FuzzTransfer(f *testing.F) {
	for _, s := range transferScripts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := transfer.Config{
			Files: []transfer.File{{Index: 1, Size: 100, Name: "alpha", SHA1: urn.SHA1{1}}},
			Addr:  someAddr(99), Uploads: 1, Queue: 2, Conns: 4, Downloads: 2, Sources: 3, Block: 64,
		}
		n, err := transfer.New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		p := &player{Script: check.NewScript(t, b), codec: transfer.Codec{}, streams: map[spec.Conn]*reader{}}
		p.Machine, p.MaxEffects = n, cfg.MaxEffects()
		p.command = func(op spec.OpID, which byte) spec.Input { return transfer.Cancel{Op: op, Task: spec.OpID(which)} }
		p.Play(p.step)
		p.Drain(p.see)
	})
}
