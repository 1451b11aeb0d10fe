package tracker

import (
	"bytes"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// Mutant is a tracker that is wrong in one way on purpose: the reference
// tracker behind something that bends what it hears and says, or with another
// configuration. Each case names the mutants that it finds, and a test holds
// it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*tracker.ServerConfig)
	bend      func(*bent)
	front     front
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(
		replyMutants(), refusalMutants(), externalMutants(), peerMutants(), entryMutants(), choiceMutants(),
		familyMutants(), packetFamilyMutants(), queryMutants(), meaningMutants(), lenientMutants(), frontMutants(),
		eventMutants(), countMutants(), connectMutants(), noiseMutants(), idMutants(), otherIDMutants(),
		packetMutants(), heardMutants(), optionMutants(),
		scrapeMutants(), scrapeQueryMutants(), packetScrapeMutants(),
	)
}

// Target is the mutant on virtual time.
func (m Mutant) Target() conformance.Target {
	target := Builtin{}.Targets()
	target.Mutant, target.Virtual = m.Name, m.place
	return target.OnVirtualTime()
}

// place starts a mutant, as it was before anything has happened to it.
func (m Mutant) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	b := &bent{memory: map[string]any{}}
	inst, err := Builtin{
		Configure: m.configure,
		Wrap: func(machine spec.Machine) spec.Machine {
			b.Machine = machine
			if m.bend != nil {
				m.bend(b)
			}
			return b
		},
		Codec: packets{},
	}.place(net, opt)
	if err != nil {
		return nil, err
	}
	host := inst.(*virtualInstance).host
	host.front = m.front
	return mutantInstance{inst, b, host}, nil
}

type mutantInstance struct {
	conformance.Instance
	bent *bent
	host *httpHost
}

func (i mutantInstance) Exited() error {
	if i.bent.dead || i.host.dead {
		return errCrash
	}
	return nil
}

var errCrash = errors.New("exit status 2")

// packets leaves payloads as they are: a bent tracker reads and writes them.
type packets struct{}

type packet []byte

func (packet) IsMessage() {}

func (packets) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return append(b, m.(packet)...), nil
}

func (packets) ParseMessage(b []byte) (spec.Message, error) { return packet(bytes.Clone(b)), nil }

// bent is the reference tracker behind rules that change what it hears and
// says. A rule that is nil changes nothing.
type bent struct {
	spec.Machine

	ask     func(q *tracker.Query, f *form) bool               // a query over HTTP; false: it goes unanswered
	say     func(q tracker.Query, f form, body Dict)           // the dictionary of the answer
	write   func(q tracker.Query, r *tracker.Respond)          // its bytes
	read    func(from netip.AddrPort, p []byte) []byte         // a packet; nil loses it
	request func(from *netip.AddrPort, r *tracker.Request)     // the same, parsed
	answer  func(r *tracker.Request, a *tracker.Response)      // the answer to it
	send    func(from netip.AddrPort, r, p []byte) []byte      // its bytes; nil swallows them
	ids     func(from netip.AddrPort, r *tracker.Request) bool // replaces the check of connection ids

	memory map[string]any // of the rules
	now    time.Duration
	dead   bool
}

// Dict is a bencoded dictionary.
type Dict = map[string]any

// form is a query, key by key in its order.
type form []pair

type pair struct{ key, value string } // unescaped

func parseForm(rawQuery string) (f form) {
	for part := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(part, "=")
		if text, err := url.PathUnescape(value); err == nil {
			value = text
		}
		f = append(f, pair{key, value})
	}
	return f
}

func (f form) encode() string {
	parts := make([]string, len(f))
	for i, p := range f {
		parts[i] = p.key + "=" + escape(p.value)
	}
	return strings.Join(parts, "&")
}

func (f form) get(key string) string {
	for _, p := range f {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

func (f form) has(key string) bool {
	return slices.ContainsFunc(f, func(p pair) bool { return p.key == key })
}

func (f *form) del(key string) {
	*f = slices.DeleteFunc(*f, func(p pair) bool { return p.key == key })
}

func (f *form) set(key, value string) {
	f.del(key)
	*f = append(*f, pair{key, value})
}

// Step lets the tracker act, between the rules.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = now
	switch in := in.(type) {
	case tracker.Query:
		return b.query(in, out)
	case spec.Recv:
		return b.packet(in.From, in.Msg.(packet), out)
	default:
		return b.Machine.Step(now, in, out)
	}
}

func (b *bent) query(q tracker.Query, out []spec.Effect) []spec.Effect {
	f := parseForm(q.RawQuery)
	if b.ask != nil {
		before := f.encode()
		if !b.ask(&q, &f) {
			return out
		}
		if after := f.encode(); after != before {
			q.RawQuery = after
		}
	}
	for _, e := range b.Machine.Step(b.now, q, nil) {
		if r, ok := e.(tracker.Respond); ok {
			b.respond(q, f, &r)
			e = r
		}
		out = append(out, e)
	}
	return out
}

// respond lets the rules change an answer over HTTP.
func (b *bent) respond(q tracker.Query, f form, r *tracker.Respond) {
	if b.say != nil {
		v, _ := bencode.Parse(r.Body, bencode.Options{})
		body := v.Any().(Dict)
		b.say(q, f, body)
		r.Body = bencode.MustAppend(nil, body)
	}
	if b.write != nil {
		b.write(q, r)
	}
}

func (b *bent) packet(from netip.AddrPort, p []byte, out []spec.Effect) []spec.Effect {
	if b.read != nil {
		p = b.read(from, p)
	}
	r, err := tracker.ParseRequest(p)
	if p == nil || err != nil || b.dead {
		return out
	}
	original := bytes.Clone(p)
	if b.ids != nil && r.Action != tracker.ActionConnect {
		r.Connection = ^b.idFor(from)
		if b.ids(from, mustParse(original)) {
			r.Connection = ^r.Connection
		}
	}
	source := from
	if b.request != nil {
		b.request(&source, r)
	}
	for _, e := range b.Machine.Step(b.now, spec.Recv{From: source, Msg: r}, nil) {
		send, isSend := e.(spec.Send)
		if !isSend {
			out = append(out, e)
			continue
		}
		a := send.Msg.(*tracker.Response)
		if b.answer != nil {
			b.answer(r, a)
		}
		payload, _ := tracker.AppendResponse(nil, a)
		if b.send != nil {
			payload = b.send(from, original, payload)
		}
		if payload != nil {
			out = append(out, spec.Send{To: from, Msg: packet(payload)})
		}
	}
	return out
}

func mustParse(p []byte) *tracker.Request {
	r, err := tracker.ParseRequest(p)
	if err != nil {
		panic("tracker: " + err.Error()) // it was parsed before
	}
	return r
}

// idFor is a connection id that the tracker itself takes from an address now.
func (b *bent) idFor(from netip.AddrPort) uint64 {
	connect := &tracker.Request{Action: tracker.ActionConnect}
	for _, e := range b.Machine.Clone().Step(b.now, spec.Recv{From: from, Msg: connect}, nil) {
		if s, ok := e.(spec.Send); ok {
			return s.Msg.(*tracker.Response).Connection
		}
	}
	return 0
}

// onAsk adds a rule for announces over HTTP.
func onAsk(f func(q *tracker.Query, f *form)) func(*bent) {
	return func(b *bent) {
		b.ask = func(q *tracker.Query, fields *form) bool {
			if q.Path == "/announce" {
				f(q, fields)
			}
			return true
		}
	}
}

// onReply adds a rule for answers to announces over HTTP that were served.
func onReply(f func(q tracker.Query, f form, body Dict)) func(*bent) {
	return func(b *bent) {
		b.say = func(q tracker.Query, fields form, body Dict) {
			if body["interval"] != nil {
				f(q, fields, body)
			}
		}
	}
}

// onFailure adds a rule for refusals over HTTP.
func onFailure(f func(body Dict)) func(*bent) {
	return func(b *bent) {
		b.say = func(_ tracker.Query, _ form, body Dict) {
			if body["failure reason"] != nil {
				f(body)
			}
		}
	}
}

// openToAll serves every torrent.
func openToAll(cfg *tracker.ServerConfig) { cfg.Whitelist = nil }
