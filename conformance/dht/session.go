package dht

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// Dict is a message, or a part of one, before it is encoded. A nil value
// leaves its key out, which is how a case takes away what a builder has put in.
type Dict = map[string]any

// How long a case waits for an answer, and how often it asks. A datagram may
// be lost and a target may be rate limited, so a query that changes nothing
// when it is repeated is asked twice.
const (
	AnswerWithin = 1500 * time.Millisecond
	Attempts     = 2
)

// Peer is one source address of the harness with a node id. It asks; it does
// not answer, unless a handler says so.
type Peer struct {
	// ID is sent as the querying node's id.
	ID kademlia.ID
	// On holds what answers the target's queries, by method; "" answers the
	// methods that have no handler of their own. Without a handler a query is
	// recorded only.
	On map[string]Handler
	// Queries are all that the target asked this address, in order.
	Queries []*Query
	// Strays are the responses and errors that belong to no question asked.
	Strays []*Answer
	// Foreign are the datagrams that did not come from the target's address.
	Foreign []conformance.Datagram
	// Garbage are the datagrams that are not KRPC messages.
	Garbage []conformance.Datagram

	t      *conformance.T
	sock   *conformance.Socket
	prefix [2]byte
	asked  uint16
	open   map[string]*Answer // by transaction id
	hear   func(*Query)       // a world's log
}

// NewPeer opens a peer with a random id at a source address of its own.
func NewPeer(t *conformance.T) *Peer { return NewPeerAt(t, netip.AddrPort{}) }

// NewPeerAt opens a peer at a given address; a zero port asks for any. A peer
// at an IPv6 address speaks to the target's IPv6 address.
func NewPeerAt(t *conformance.T, local netip.AddrPort) *Peer {
	p := &Peer{
		ID: randomID(t), On: map[string]Handler{},
		t: t, open: map[string]*Answer{},
	}
	t.Fresh().Fill(p.prefix[:])
	p.sock = t.OpenAt(local)
	p.sock.Handle = p.receive
	return p
}

// Sibling opens a peer with another id and port at the same IP address.
func (p *Peer) Sibling() *Peer { return NewPeerAt(p.t, netip.AddrPortFrom(p.Addr().Addr(), 0)) }

// target is the target's address of the peer's family. Asking for it starts
// the target, so that a case can open its nodes before that.
func (p *Peer) target() netip.AddrPort {
	if p.Addr().Addr().Is6() {
		return p.t.Instance().Addr6()
	}
	return p.t.Target()
}

// Addr is the address that the target sees.
func (p *Peer) Addr() netip.AddrPort { return p.sock.Addr() }

// Close ends the peer: the target finds nobody at its address.
func (p *Peer) Close() { p.sock.Close() }

// Query builds a query with a new transaction id. The keys of args join the
// id in "a"; those of top replace or join the top level.
func (p *Peer) Query(method string, args Dict, top ...Dict) Dict {
	a := merge(Dict{"id": p.ID[:]}, args)
	msg := Dict{"t": p.transaction(), "y": "q", "q": method, "a": a}
	for _, m := range top {
		msg = merge(msg, m)
	}
	return msg
}

// transaction is unique within the run for all practical purposes: a prefix of
// this peer and a count. A late answer to an earlier case matches nothing.
func (p *Peer) transaction() []byte {
	p.asked++
	return binary.BigEndian.AppendUint16(bytes.Clone(p.prefix[:]), p.asked)
}

// Ask sends a query and waits for the answer with its transaction id from the
// target's exact address. Nothing within the time gives an answer of kind
// None. The query is repeated once if it goes unanswered.
func (p *Peer) Ask(method string, args Dict, top ...Dict) *Answer {
	return p.repeat(func() *Answer { return p.Begin(method, args, top...) })
}

// AskMalformed is [Peer.Ask] with a query that is wrong on purpose; the note
// says how.
func (p *Peer) AskMalformed(note, method string, args Dict, top ...Dict) *Answer {
	return p.repeat(func() *Answer { return p.SendMalformed(p.Query(method, args, top...), note) })
}

func (p *Peer) repeat(ask func() *Answer) *Answer {
	var first *Answer
	for range Attempts {
		a := ask()
		if first == nil {
			first = a
		}
		if p.t.Until(func() bool { return first.Kind != None || a.Kind != None }, AnswerWithin) {
			if first.Kind != None {
				return first
			}
			return a
		}
	}
	return first
}

// Begin sends a query and returns at once; the answer fills in as it arrives.
func (p *Peer) Begin(method string, args Dict, top ...Dict) *Answer {
	return p.Send(p.Query(method, args, top...), method)
}

// Send sends a well-formed message and returns the place of its answer.
func (p *Peer) Send(msg Dict, note string) *Answer {
	a := p.expect(msg, note)
	p.sock.SendTo(p.target(), Encode(msg), note)
	return a
}

// SendMalformed sends a message that is wrong on purpose; the note says how.
func (p *Peer) SendMalformed(msg Dict, note string) *Answer {
	a := p.expect(msg, note)
	p.SendBytes(Encode(msg), note)
	return a
}

// SendBytes sends any bytes as one datagram, from an IPv4 peer.
func (p *Peer) SendBytes(payload []byte, note string) { p.sock.SendMalformed(payload, note) }

// Wait waits for one answer and reports whether it came.
func (p *Peer) Wait(a *Answer) bool {
	return p.t.Until(func() bool { return a.Kind != None }, AnswerWithin)
}

func (p *Peer) expect(msg Dict, what string) *Answer {
	a := &Answer{t: p.t, What: what, sent: p.t.Now()}
	if key, ok := text(msg["t"]); ok {
		p.open[key] = a
	}
	return a
}

// Expect is [Peer.Ask] for a query that a node has to answer with a response.
// Anything else ends the case: an error or a malformed response as a mismatch,
// and silence as one only if the target answers a ping right after it.
func (p *Peer) Expect(method string, args Dict, top ...Dict) *Answer {
	a := p.Ask(method, args, top...)
	p.Answered(a)
	a.Response()
	return a
}

// Answered ends the case unless the query of a was answered. The fault is the
// target's if it answers a ping right after; otherwise nothing is known.
func (p *Peer) Answered(a *Answer) {
	if a.Kind != None {
		return
	}
	p.Ping()
	p.t.Fail(conformance.Failure{
		Message:  "the target did not answer " + a.What + ", but answered a ping right after it",
		Expected: []string{"a response"}, Got: p.instead(a), Where: a.What,
	})
}

// instead is what came in the place of an answer to a.
func (p *Peer) instead(a *Answer) string {
	for _, s := range p.Strays {
		if s.RTT >= a.sent { // a stray's runs from time zero
			key, _ := field(s.Msg, "t")
			return fmt.Sprintf("an answer with the transaction id %x, which was not asked", key)
		}
	}
	for _, d := range p.Garbage {
		if d.At >= a.sent {
			return fmt.Sprintf("%d bytes that are no KRPC message", len(d.Data))
		}
	}
	return "silence"
}

// supported ends the case if the target says that it does not know the query's
// method: by error 204, or by the silence that it also keeps about a method
// that nobody knows.
func (p *Peer) supported(a *Answer) {
	if a.Kind == Error && a.Code == 204 {
		p.t.Unsupportedf("%s is met with %s", a.What, a)
	}
	if a.Kind == None {
		p.Ping()
		if canary := p.Ask("p2pspec_nosuch", nil); canary.Kind == None {
			p.t.Unsupportedf("%s is not answered, like a method that nobody knows", a.What)
		}
	}
	p.Answered(a)
}

// Ping is the control: a plain ping and a response with its transaction id and
// a 20-byte id. It returns the round trip, or ends the case as inconclusive.
func (p *Peer) Ping() time.Duration {
	a := p.Ask("ping", nil)
	switch {
	case a.Kind == None:
		p.t.Inconclusivef("a ping from %v was met with %s", p.Addr(), p.instead(a))
	case a.Kind != Response || a.Fault != "":
		p.t.Inconclusivef("a ping from %v was answered by %s", p.Addr(), a)
	}
	return a.RTT
}

// PingBehind pings, and leaves the answer to an earlier query a moment more:
// some targets deal with each query by itself, and the ping may overtake it.
func (p *Peer) PingBehind(a *Answer) {
	p.Ping()
	p.t.Until(func() bool { return a.Kind != None }, StoredWithin)
}

// TargetID is the node id that the target states in its answer to a ping.
func (p *Peer) TargetID() kademlia.ID {
	a := p.Ask("ping", nil)
	if a.Kind != Response || a.Fault != "" {
		p.t.Inconclusivef("a ping from %v brought %s, and the case needs the target's id", p.Addr(), a)
	}
	return a.ID
}

// Silent reports whether the target gave no answer at all to what stimulus
// sends from this peer: no response and no error. Its own queries are free.
func (p *Peer) Silent(stimulus func() *Answer) bool {
	var a *Answer
	before := len(p.Strays)
	return p.t.Silent(p.Ping, func() { a = stimulus() }, func() bool {
		return a != nil && a.Kind != None || len(p.Strays) > before
	})
}

// receive sorts what arrives at the peer's address.
func (p *Peer) receive(d conformance.Datagram) {
	if d.From != p.target() {
		p.Foreign = append(p.Foreign, d)
		return
	}
	msg, err := bencode.Parse(d.Data, bencode.Options{Lenient: true})
	kind, _ := field(msg, "y")
	switch {
	case err != nil:
		p.Garbage = append(p.Garbage, d)
	case kind == "q":
		p.asks(d, msg)
	case kind == "r" || kind == "e":
		p.answers(d, msg, Kind(kind))
	default:
		p.Garbage = append(p.Garbage, d)
	}
}

func (p *Peer) answers(d conformance.Datagram, msg bencode.Value, kind Kind) {
	key, _ := field(msg, "t")
	a, ok := p.open[key]
	if !ok || a.Kind != None {
		stray := &Answer{t: p.t, What: "nothing that was asked"}
		stray.fill(d, msg, kind)
		p.Strays = append(p.Strays, stray)
		return
	}
	a.fill(d, msg, kind)
	if a.ID == p.ID && kind == Response {
		a.Kind, a.Fault = None, "" // our own words, sent back to us
		p.t.Notef("a response that carries the harness's own id is an echo and counts for nothing")
		return
	}
	if a.Fault == "" {
		p.t.Earn()
	}
}

func (p *Peer) asks(d conformance.Datagram, msg bencode.Value) {
	q := newQuery(p, d, msg)
	if q.ID == p.ID {
		p.t.Notef("a query that carries the harness's own id is an echo and is not answered")
		return
	}
	p.Queries = append(p.Queries, q)
	if p.hear != nil {
		p.hear(q)
	}
	handle, ok := p.On[q.Method]
	if !ok {
		handle = p.On[""]
	}
	if handle != nil {
		handle(q)
	}
}

// Encode is the bencoding of a message with the keys left out that are nil.
func Encode(msg Dict) []byte { return bencode.MustAppend(nil, prune(msg)) }

func prune(d Dict) Dict {
	out := make(Dict, len(d))
	for k, v := range d {
		switch v := v.(type) {
		case nil:
		case Dict:
			out[k] = prune(v)
		default:
			out[k] = v
		}
	}
	return out
}

// merge returns base with the keys of over on top.
func merge(base, over Dict) Dict {
	out := make(Dict, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	default:
		return "", false
	}
}

// field is the string under key.
func field(v bencode.Value, key string) (string, bool) {
	e, _ := v.Get(key)
	s, ok := e.Bytes()
	return string(s), ok
}

// Lint refuses what a correct peer may not send, by the word of the verified
// core.
func Lint(payload []byte) error {
	var m mainline.Message
	if err := m.Parse(payload); err != nil {
		return err
	}
	if m.Fault.Clause != "" {
		return fmt.Errorf("%s (%s)", m.Fault.Text, m.Fault.Clause)
	}
	return nil
}
