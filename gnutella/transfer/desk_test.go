package transfer

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// desk is one participant with a disk, and a tester who plays everybody else, in
// text.
type desk struct {
	*testing.T
	*Node
	now   time.Duration
	last  spec.Conn // accepted
	slow  bool      // the disk reads nothing
	lines map[spec.Conn]*line

	pieces map[int32][]byte
	hashes map[int32]urn.SHA1
	dials  []netip.AddrPort
	drops  []string // clauses
	events []spec.Event
	done   map[spec.OpID]spec.Done
}

// line is what was written to a stream, and what is still to be read on it.
type line struct {
	wrote   strings.Builder
	closed  bool
	rest    []byte
	decoder spec.Decoder
}

const content = "hello gnutella world\n"

func hash() urn.SHA1 { return urn.Sum([]byte(content)).SHA1 }

func servent() wire.GUID { return wire.GUID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef} }

// newDesk shares three files: one with a hash, one of zeros without, and none.
func newDesk(t *testing.T, cfg Config) *desk {
	t.Helper()
	cfg.Addr, cfg.ServentID = addr(99), servent()
	cfg.Files = []File{
		{Index: 5, Size: uint32(len(content)), Name: "hello world 100%.txt", SHA1: hash()},
		{Index: 6, Size: 70_000, Name: "zeros"}, {Index: 8, Name: "empty"},
	}
	n, err := New(cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{
		T: t, Node: n, lines: map[spec.Conn]*line{}, done: map[spec.OpID]spec.Done{},
		pieces: map[int32][]byte{0: []byte(content), 1: make([]byte, 70_000)}, hashes: map[int32]urn.SHA1{9: hash()},
	}
}

func (d *desk) step(in spec.Input) {
	d.Helper()
	effects := d.Step(d.now, in, nil)
	if err := d.Check(); err != nil {
		d.Fatal(err)
	}
	for _, e := range effects {
		d.perform(e)
	}
}

func (d *desk) perform(e spec.Effect) {
	d.Helper()
	switch e := e.(type) {
	case spec.Dial:
		d.dials = append(d.dials, e.To)
		d.lines[e.Conn] = &line{decoder: Codec{}.Decoder()}
	case spec.Write:
		b, err := Codec{}.AppendMessage(nil, e.Msg)
		if err != nil {
			d.Fatal(err)
		}
		d.lines[e.Conn].wrote.Write(b)
		d.step(spec.Drained{Conn: e.Conn})
	case spec.Close:
		d.lines[e.Conn].closed = true
	case spec.Load:
		if !d.slow {
			d.step(spec.Loaded{Token: e.Token, Data: d.pieces[e.Piece][e.Begin : e.Begin+e.Length]})
		}
	case spec.Store:
		d.pieces[e.Piece] = append(d.pieces[e.Piece][:e.Begin], e.Data...)
		d.step(spec.Stored{Token: e.Token})
	case spec.Verify:
		d.step(spec.Verified{Token: e.Token, OK: urn.Sum(d.pieces[e.Piece]).SHA1 == d.hashes[e.Piece]})
	case spec.Notify:
		d.events = append(d.events, e.Event)
	case spec.Done:
		d.done[e.Op] = e
	case spec.Drop:
		d.drops = append(d.drops, e.Clause)
	}
}

func (d *desk) wait(by time.Duration) {
	d.Helper()
	d.now += by
	d.step(spec.Wake{})
}

// accept lets a host connect.
func (d *desk) accept() spec.Conn {
	d.last--
	d.lines[d.last] = &line{decoder: Codec{}.Decoder()}
	d.step(spec.Opened{Conn: d.last, Remote: addr(100 - int(d.last))})
	return d.last
}

// say lets the other side of a stream speak, and returns what is written then.
func (d *desk) say(c spec.Conn, text string) string {
	d.Helper()
	l := d.lines[c]
	before := l.wrote.Len()
	l.rest = append(l.rest, text...)
	for {
		m, n, err := l.decoder.Decode(l.rest)
		if err != nil {
			d.Fatal(err)
		}
		if n == 0 || l.closed {
			return l.wrote.String()[before:]
		}
		l.rest = bytes.Clone(l.rest[n:])
		d.step(spec.Got{Conn: c, Msg: m})
	}
}

// get asks on a new stream. Lines end with CR LF here.
func (d *desk) get(request string, headers ...string) (answer string, c spec.Conn) {
	d.Helper()
	c = d.accept()
	return d.say(c, head(request, headers...)), c
}

func head(first string, headers ...string) string {
	return strings.Join(append([]string{first}, headers...), "\r\n") + "\r\n\r\n"
}

// connected answers the latest dial.
func (d *desk) connected() spec.Conn {
	c := spec.Conn(len(d.dials))
	d.step(spec.Opened{Conn: c, Remote: d.dials[c-1]})
	return c
}

// answer is that of a source that has the whole file.
func answer(headers ...string) string {
	return head("HTTP/1.1 200 OK", append(headers, fmt.Sprintf("Content-Length: %d", len(content)))...) + content
}
