package cluster

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Member is the other side of the protocol: a machine behind lines, as a
// [stdio.Node]. What is special to a family is in its [Tongue].
type Member struct {
	tongue  Tongue
	place   *Place // once init has come
	machine spec.Machine
	able    []string
	skew    time.Duration // by how much advance_clock has moved its time
	lastOp  spec.OpID
	waiting map[spec.OpID]request
	effects []spec.Effect
}

// request is a client's, whose command is under way.
type request struct {
	client, typ string
	id          int64
}

// Place is what a node has learned from init.
type Place struct {
	Name    string
	Names   []string
	Overlay Overlay // zero in Maelstrom's own workloads
}

// Addr is the address by which the machine knows a node or a service: there is no
// network behind it. The zero value means that there is none of the name.
func (p *Place) Addr(name string) netip.AddrPort {
	if i := slices.Index(p.Names, name); i >= 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
	}
	if i := slices.Index(Services(), name); i >= 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 1)
	}
	return netip.AddrPort{}
}

// At is the node or the service with the address.
func (p *Place) At(addr netip.AddrPort) string {
	a := addr.Addr().As4()
	names := p.Names
	if a[1] == 1 {
		names = Services()
	}
	return names[int(a[2])<<8|int(a[3])]
}

// Tongue translates between the bodies of one family and its core. One serves
// one node.
type Tongue interface {
	// Start makes the machine and tells what it can do beyond what it must.
	Start(now time.Duration, p *Place) (m spec.Machine, capabilities []string, err error)
	// Command turns a client's request into an input of the machine, or answers
	// it at once: with fields, or with an error.
	Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error)
	// Outcome is the answer to the request of a command that has ended.
	Outcome(typ string, done spec.Done) (map[string]any, *stdio.Error)
	// Encode is the body of a message to another node, reserved keys included, as
	// [encoding/json] writes it.
	Encode(m spec.Message) any
	// Decode reads the body of a message from another node.
	Decode(from string, body stdio.Body) (spec.Message, error)
}

// NewMember returns a node that waits for init.
func NewMember(t Tongue) *Member {
	return &Member{tongue: t, waiting: map[spec.OpID]request{}}
}

// Line takes a request, an answer or a message of a peer. What it cannot read it
// leaves alone.
func (m *Member) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	msg, err := stdio.Parse(line)
	switch {
	case err != nil:
		return out
	case msg.Body.Type == "init":
		return m.init(now, msg, out)
	case strings.HasPrefix(msg.Src, clientPrefix):
		return m.serve(now, msg, out)
	case m.place == nil || !m.place.Addr(msg.Src).IsValid():
		return out
	}
	peer, err := m.tongue.Decode(msg.Src, msg.Body)
	if err != nil {
		return out
	}
	return m.step(now, spec.Recv{From: m.place.Addr(msg.Src), Msg: peer}, out)
}

// Wake lets the machine's timers fire.
func (m *Member) Wake(now time.Duration, out [][]byte) [][]byte {
	if m.machine == nil {
		return out
	}
	return m.step(now, spec.Wake{}, out)
}

// Deadline is the machine's.
func (m *Member) Deadline() (time.Duration, bool) {
	if m.machine == nil {
		return 0, false
	}
	at, ok := m.machine.Deadline()
	return at - m.skew, ok
}

func (m *Member) init(now time.Duration, msg stdio.Message, out [][]byte) [][]byte {
	var body struct {
		NodeID  string   `json:"node_id"`
		NodeIDs []string `json:"node_ids"`
		Overlay Overlay  `json:"overlay"`
	}
	if err := msg.Body.Decode(&body); err != nil || msg.Body.MsgID == nil {
		return out // nobody to answer to, or by what name
	}
	m.place = &Place{Name: body.NodeID, Names: body.NodeIDs, Overlay: body.Overlay}
	r := request{client: msg.Src, typ: "init", id: *msg.Body.MsgID}
	machine, able, err := m.tongue.Start(now, m.place)
	if err != nil {
		return m.refuse(r, stdio.Errorf(stdio.MalformedRequest, "init: %v", err), out)
	}
	m.machine, m.able = machine, able
	var fields map[string]any
	if len(able) > 0 {
		fields = map[string]any{"capabilities": able}
	}
	return m.answer(r, fields, out)
}

// serve begins what a client asks for.
func (m *Member) serve(now time.Duration, msg stdio.Message, out [][]byte) [][]byte {
	if msg.Body.MsgID == nil {
		return out // it wants no answer
	}
	r := request{client: msg.Src, typ: msg.Body.Type, id: *msg.Body.MsgID}
	switch {
	case m.machine == nil:
		return m.refuse(r, stdio.Errorf(stdio.Unavailable, "init has not come yet"), out)
	case r.typ == "advance_clock" && slices.Contains(m.able, r.typ):
		return m.advance(now, r, msg.Body, out)
	}
	m.lastOp++
	in, fields, failed := m.tongue.Command(m.lastOp, msg.Body)
	switch {
	case failed != nil:
		return m.refuse(r, failed, out)
	case in == nil:
		return m.answer(r, fields, out)
	}
	m.waiting[m.lastOp] = r
	return m.step(now, in, out)
}

// maxAdvance bounds one advance_clock: a year.
const maxAdvance = 365 * 24 * time.Hour

func (m *Member) advance(now time.Duration, r request, body stdio.Body, out [][]byte) [][]byte {
	var args struct {
		MS *int64 `json:"ms"`
	}
	if body.Decode(&args) != nil || args.MS == nil || *args.MS < 0 || *args.MS > maxAdvance.Milliseconds() {
		return m.refuse(r, stdio.Errorf(stdio.MalformedRequest, "ms: want a number from 0 to that of a year"), out)
	}
	m.skew += time.Duration(*args.MS) * time.Millisecond
	return m.step(now, spec.Wake{}, m.answer(r, nil, out))
}

// step has the machine act.
func (m *Member) step(now time.Duration, in spec.Input, out [][]byte) [][]byte {
	m.effects = m.machine.Step(now+m.skew, in, m.effects[:0])
	for _, e := range m.effects {
		switch e := e.(type) {
		case spec.Send:
			out = append(out, stdio.Append(nil, m.place.Name, m.place.At(e.To), m.tongue.Encode(e.Msg)))
		case spec.Done:
			r, ok := m.waiting[e.Op]
			if !ok {
				continue
			}
			delete(m.waiting, e.Op)
			fields, failed := m.tongue.Outcome(r.typ, e)
			if failed != nil {
				out = m.refuse(r, failed, out)
			} else {
				out = m.answer(r, fields, out)
			}
		}
	}
	return out
}

func (m *Member) answer(r request, fields map[string]any, out [][]byte) [][]byte {
	return append(out, stdio.Append(nil, m.place.Name, r.client, stdio.Answer(r.typ+"_ok", r.id, fields)))
}

func (m *Member) refuse(r request, e *stdio.Error, out [][]byte) [][]byte {
	name := "n?" // whoever asks before init knows whom
	if m.place != nil {
		name = m.place.Name
	}
	return append(out, stdio.Append(nil, name, r.client, stdio.Answer("error", r.id, e.Fields())))
}

// Key reads an identifier out of a request: a number below 2^bits.
func (p *Place) Key(body stdio.Body, field string) (uint64, *stdio.Error) {
	var fields map[string]json.RawMessage
	if err := body.Decode(&fields); err != nil {
		return 0, stdio.Errorf(stdio.MalformedRequest, "%v", err)
	}
	var key *uint64
	if err := json.Unmarshal(fields[field], &key); err != nil || key == nil || *key>>p.Overlay.Bits > 0 {
		return 0, stdio.Errorf(stdio.MalformedRequest, "%s: want a number below 2^%d, got %.50s",
			field, p.Overlay.Bits, fields[field])
	}
	return *key, nil
}

// Value reads what is to be stored: any JSON.
func (p *Place) Value(body stdio.Body) ([]byte, *stdio.Error) {
	var fields struct {
		Value json.RawMessage `json:"value"`
	}
	if body.Decode(&fields) != nil || fields.Value == nil {
		return nil, stdio.Errorf(stdio.MalformedRequest, "value is missing")
	}
	return fields.Value, nil
}

// Via is the node through which a request asks to join; "" when it asks for none.
func (p *Place) Via(body stdio.Body) (string, *stdio.Error) {
	var fields struct {
		Via *string `json:"via"`
	}
	switch err := body.Decode(&fields); {
	case err != nil:
		return "", stdio.Errorf(stdio.MalformedRequest, "via: want the name of a node")
	case fields.Via == nil:
		return "", nil
	case *fields.Via == p.Name || !p.Addr(*fields.Via).IsValid():
		return "", stdio.Errorf(stdio.MalformedRequest, "via: %q is not another node", *fields.Via)
	}
	return *fields.Via, nil
}
