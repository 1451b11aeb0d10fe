package gnutella

import (
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// desk is one servent, and a tester who plays everybody else.
type desk struct {
	*testing.T
	*Node
	now  time.Duration
	last spec.Conn // accepted
}

func newDesk(t *testing.T, cfg Config, names ...string) *desk {
	t.Helper()
	cfg.Addr, cfg.Library = addr(99), library(t, names...)
	n, err := New(cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{T: t, Node: n}
}

func (d *desk) step(in spec.Input) []spec.Effect {
	d.Helper()
	out := d.Step(d.now, in, nil)
	if err := d.Check(); err != nil {
		d.Fatal(err)
	}
	return out
}

func (d *desk) wait(by time.Duration) []spec.Effect {
	d.now += by
	return d.step(spec.Wake{})
}

// accept lets a host connect and introduce itself, and returns what is answered.
func (d *desk) accept(h ...wire.Header) (spec.Conn, []spec.Effect) {
	d.last--
	d.step(spec.Opened{Conn: d.last, Remote: addr(int(-d.last))})
	return d.last, d.step(spec.Got{Conn: d.last, Msg: wire.Connect{Version: wire.V06(), Headers: h}})
}

// join lets a host connect and stay. What it is told at first is thrown away.
func (d *desk) join(h ...wire.Header) spec.Conn {
	d.Helper()
	c, out := d.accept(h...)
	if s := status(out); s.Code != wire.Accepted {
		d.Fatalf("refused: %v", out)
	}
	d.step(spec.Got{Conn: c, Msg: wire.Status{Code: wire.Accepted, Phrase: "OK"}})
	d.step(spec.Drained{Conn: c})
	return c
}

func (d *desk) got(c spec.Conn, m wire.Descriptor) []spec.Effect {
	d.Helper()
	return d.step(spec.Got{Conn: c, Msg: m})
}

func ultrapeer() wire.Header { return wire.Header{Name: "X-Ultrapeer", Value: "True"} }
func leaf() wire.Header      { return wire.Header{Name: "X-Ultrapeer", Value: "False"} }

// status is the handshake's answer among effects.
func status(out []spec.Effect) (s wire.Status) {
	for _, e := range out {
		if w, ok := e.(spec.Write); ok {
			if m, ok := w.Msg.(wire.Status); ok {
				s = m
			}
		}
	}
	return s
}

// sent are the descriptors of a type among effects, with who gets them.
func sent(out []spec.Effect, typ wire.Type) (to []spec.Conn, list []wire.Descriptor) {
	for _, e := range out {
		if w, ok := e.(spec.Write); ok {
			if m, ok := w.Msg.(wire.Descriptor); ok && m.Type == typ {
				to, list = append(to, w.Conn), append(list, m)
			}
		}
	}
	return to, list
}

// clause is that of the only effect, a Drop.
func clause(out []spec.Effect) string {
	if len(out) == 1 {
		if e, ok := out[0].(spec.Drop); ok {
			return e.Clause
		}
	}
	return ""
}

func closes(out []spec.Effect, c spec.Conn) bool {
	return slices.Contains(out, spec.Effect(spec.Close{Conn: c}))
}

func query(guid byte, ttl, hops uint8, text string) wire.Descriptor {
	q := wire.Query{Flags: wire.QueryMarked, Text: []byte(text)}
	b, _ := q.Append(nil)
	return wire.Descriptor{GUID: wire.GUID{guid}, Type: wire.TypeQuery, TTL: ttl, Hops: hops, Payload: b}
}
