package dht

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
)

// Mutant is a client that is wrong in one way on purpose: the reference node
// behind something that bends its messages, or with another configuration.
// Each case names the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*mainline.Config)
	bend      func(*bent)
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(
		answerMutants(), storeMutants(), hostileMutants(), tableMutants(), itemMutants(),
		queryMutants(), lookupMutants(), requesterMutants(),
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
	b := &bent{readOnly: opt.ReadOnly}
	inst, err := Builtin{
		Configure: m.configure,
		Wrap: func(machine spec.Machine) spec.Machine {
			b.Machine, b.node = machine, machine.(*mainline.Node)
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
	return mutantInstance{inst, b}, nil
}

type mutantInstance struct {
	conformance.Instance
	bent *bent
}

func (i mutantInstance) Exited() error { return i.bent.dead }

// packets leaves payloads as they are: a bent node reads and writes them.
type packets struct{}

type packet []byte

func (packet) IsMessage() {}

func (packets) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return append(b, m.(packet)...), nil
}

func (packets) ParseMessage(b []byte) (spec.Message, error) { return packet(bytes.Clone(b)), nil }

// bent is the reference node behind rules that change what it hears and says.
// A rule that is nil changes nothing.
type bent struct {
	spec.Machine // the node; replies to a Step go through the rules
	node         *mainline.Node

	read  func(payload []byte) []byte                              // what arrives; nil loses it
	hear  func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) // what arrives, if it is a dictionary
	say   func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict)   // what the node sends; nil swallows it
	write func(payload []byte) []byte                              // the bytes of what it sends
	input func(spec.Input)                                         // commands
	done  func(spec.Done) spec.Done                                // and their results

	readOnly bool           // as it was asked to be started
	dead     error          // why it has crashed
	asked    []*question    // the node's own queries, in order
	query    Dict           // the query that is being answered
	asker    netip.AddrPort // and who sent it
	known    []acquaintance // everybody heard of, in that order

	now   time.Duration
	out   []spec.Effect
	later []spec.Recv // what the node is to hear next
}

// question is one of the node's own queries.
type question struct {
	t       string
	to      netip.AddrPort
	m       Dict
	at      time.Duration
	answers int // that came from that address
}

// acquaintance is an address that sent a query or answered one, with the id
// that it first went by.
type acquaintance struct {
	Contact
	seen     time.Duration
	answered bool
}

var errCrash = errors.New("exit status 2")

// crash ends the client for good.
func (b *bent) crash() { b.dead = errCrash }

// Step lets the node act, between the rules.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now, b.out = now, out
	recv, ok := in.(spec.Recv)
	switch {
	case b.dead != nil:
	case ok:
		b.receive(recv.From, recv.Msg.(packet))
	default:
		if b.input != nil {
			b.input(in)
		}
		b.forward(in)
	}
	return b.out
}

// Deadline is the node's, as long as it lives.
func (b *bent) Deadline() (time.Duration, bool) {
	if b.dead != nil {
		return 0, false
	}
	return b.Machine.Deadline()
}

func (b *bent) receive(from netip.AddrPort, payload []byte) {
	if b.read != nil {
		payload = b.read(payload)
	}
	v, err := bencode.Parse(payload, bencode.Options{Lenient: true})
	if m, ok := v.Any().(Dict); ok && err == nil {
		b.meet(from, m)
		if payload, from = b.listen(payload, from, m); payload == nil {
			return
		}
	}
	msg, err := mainline.ParseMessage(payload)
	if err == nil && b.dead == nil {
		b.forward(spec.Recv{From: from, Msg: msg})
	}
	b.query = nil
}

// listen applies the rule for what is heard. What it does not change stays as
// it is to the byte, well-formed or not.
func (b *bent) listen(payload []byte, from netip.AddrPort, m Dict) ([]byte, netip.AddrPort) {
	if b.hear != nil {
		before := Encode(m)
		if from, m = b.hear(from, m); m == nil {
			return nil, from
		}
		if after := Encode(m); !bytes.Equal(before, after) {
			payload = after
		}
	}
	if m["y"] == "q" {
		b.query, b.asker = m, from
	}
	return payload, from
}

// meet keeps the books of who was heard and which queries were answered.
func (b *bent) meet(from netip.AddrPort, m Dict) {
	id, ok := idOf(m)
	q := b.question(m)
	answers := q != nil && q.to == from
	if answers {
		q.answers++
	}
	if !ok {
		return
	}
	i := slices.IndexFunc(b.known, func(a acquaintance) bool { return a.Addr == from })
	if i < 0 {
		i = len(b.known)
		b.known = append(b.known, acquaintance{Contact: Contact{ID: id, Addr: from}})
	}
	a := &b.known[i]
	a.seen = b.now
	a.answered = a.answered || answers
}

// question is the node's own query that the message answers by its
// transaction id; nil if there is none.
func (b *bent) question(m Dict) *question {
	if m["y"] == "q" {
		return nil
	}
	i := slices.IndexFunc(b.asked, func(q *question) bool { return q.t == m["t"] })
	if i < 0 {
		return nil
	}
	return b.asked[i]
}

// forward has the node act and sends on what it says.
func (b *bent) forward(in spec.Input) {
	for _, e := range b.Machine.Step(b.now, in, nil) {
		switch e := e.(type) {
		case spec.Send:
			b.send(e)
		case spec.Done:
			if b.done != nil {
				e = b.done(e)
			}
			b.out = append(b.out, e)
		default:
			b.out = append(b.out, e)
		}
	}
	for len(b.later) > 0 && b.dead == nil {
		next := b.later[0]
		b.later = b.later[1:]
		b.forward(next)
	}
}

func (b *bent) send(e spec.Send) {
	payload, err := mainline.AppendMessage(nil, e.Msg)
	if err != nil {
		panic("dht: " + err.Error()) // the node's own message
	}
	v, _ := bencode.Parse(payload, bencode.Options{})
	m := v.Any().(Dict)
	if m["y"] == "q" {
		b.asked = append(b.asked, &question{t: m["t"].(string), to: e.To, m: v.Any().(Dict), at: b.now})
	}
	if b.say == nil {
		b.put(e.To, payload)
	} else if to, m := b.say(e.To, m); m != nil {
		b.emit(to, m)
	}
}

// hears adds a rule for what is heard behind those that there are.
func (b *bent) hears(rule func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict)) {
	first := b.hear
	b.hear = func(from netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
		if first != nil {
			if from, m = first(from, m); m == nil {
				return from, nil
			}
		}
		return rule(from, m)
	}
}

// says adds a rule for what is said behind those that there are.
func (b *bent) says(rule func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict)) {
	first := b.say
	b.say = func(to netip.AddrPort, m Dict) (netip.AddrPort, Dict) {
		if first != nil {
			if to, m = first(to, m); m == nil {
				return to, nil
			}
		}
		return rule(to, m)
	}
}

// emit sends a message as it is.
func (b *bent) emit(to netip.AddrPort, m Dict) { b.put(to, Encode(m)) }

func (b *bent) put(to netip.AddrPort, payload []byte) {
	if b.write != nil {
		payload = b.write(payload)
	}
	b.out = append(b.out, spec.Send{To: to, Msg: packet(payload)})
}

// tell has the node hear a message next, as if it came from that address.
func (b *bent) tell(from netip.AddrPort, m Dict) {
	msg, err := mainline.ParseMessage(Encode(m))
	if err != nil {
		panic("dht: " + err.Error()) // a mutant's own message
	}
	b.later = append(b.later, spec.Recv{From: from, Msg: msg})
}

// reply answers the query that is being heard in the node's place.
func (b *bent) reply(to netip.AddrPort, query, r Dict) {
	id := b.node.ID()
	b.emit(to, Dict{"t": query["t"], "y": "r", "r": merge(Dict{"id": id[:]}, r)})
}

// refuse answers with an error in the node's place.
func (b *bent) refuse(to netip.AddrPort, query Dict, code int) {
	b.emit(to, Dict{"t": query["t"], "y": "e", "e": []any{code, "refused"}})
}

// token is what the node itself would take for the key from that address.
func (b *bent) token(from netip.AddrPort, key string) string {
	if len(key) != K20 {
		return ""
	}
	ask := mainline.Message{Kind: mainline.Query, T: []byte("?"), Method: mainline.MethodGetPeers}
	ask.Has, ask.InfoHash = mainline.HasID|mainline.HasInfoHash, kademlia.ID([]byte(key))
	for _, e := range b.node.Clone().Step(b.now, spec.Recv{From: from, Msg: &ask}, nil) {
		if s, ok := e.(spec.Send); ok && s.To == from {
			return string(s.Msg.(*mainline.Message).Token)
		}
	}
	return ""
}
