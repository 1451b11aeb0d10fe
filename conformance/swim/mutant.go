package swim

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Mutant is a member that is wrong in one way on purpose: the reference member
// behind something that bends its messages, or with another configuration. Each
// case names the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*core.Config)
	bend      func(*bent)
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(pingMutants(), packetMutants(), beliefMutants(), refutationMutants(), pushPullMutants(),
		probeMutants(), indirectMutants(), suspicionMutants(),
		gossipMutants(), entryMutants(), secretMutants(), hostileMutants(), leaveMutants())
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
	b := &bent{}
	if m.bend != nil {
		m.bend(b)
	}
	inst, err := Builtin{
		Configure: m.configure,
		Wrap: func(machine spec.Machine) spec.Machine {
			b.Machine, b.node = machine, machine.(*core.Node)
			return b
		},
		Packets: func(f wire.Format) spec.Codec {
			b.format = f
			if b.version != nil {
				f.Version = *b.version
			}
			return bentPackets{f, b}
		},
		Streams: func(f wire.Format) spec.StreamCodec { return bentStreams{f.Stream(), b} },
	}.place(net, opt)
	if err != nil {
		return nil, err
	}
	return mutantInstance{inst.(*virtualInstance), b}, nil
}

type mutantInstance struct {
	*virtualInstance
	bent *bent
}

// errCrash is what a mutant says that a message has ended.
var errCrash = errors.New("the process ended at a message")

func (i mutantInstance) Exited() error {
	if i.bent.dead {
		return errCrash
	}
	return nil
}

// bent is the reference member behind rules that change what it hears and says. A
// rule that is nil changes nothing.
type bent struct {
	spec.Machine
	node *core.Node

	// hear gives what the member hears in the place of one message of a packet, say
	// what it says in the place of one.
	hear func(from netip.AddrPort, m wire.Message) []wire.Message
	say  func(to netip.AddrPort, m wire.Message) []wire.Message
	// hearFrame and sayFrame do so for messages on streams; raw bytes can be said.
	hearFrame func(c spec.Conn, m wire.Message) []wire.Message
	sayFrame  func(c spec.Conn, m wire.Message) []spec.Message
	// packet changes a whole packet that is sent.
	packet func(to netip.AddrPort, p wire.Packet) wire.Packet
	// input gives the inputs in the place of one that is neither a packet nor a
	// message on a stream, effect the effects in the place of one that sends neither.
	input  func(in spec.Input) []spec.Input
	effect func(e spec.Effect) []spec.Effect
	// read changes the bytes of a packet before they are read, written after they were
	// written.
	read, written func(b []byte) []byte
	// decode reads from a stream what the codec would refuse; ok is false where it has
	// nothing to say.
	decode func(b []byte) (m spec.Message, n int, ok bool)

	// version, if set, is that of the encryption of what is sent.
	version *uint8
	format  wire.Format // of the cluster
	dead    bool        // the process has crashed

	now     time.Duration
	replies []spec.Effect // to be done after the step
}

// reply sends a message of the mutant's own after the step.
func (b *bent) reply(to netip.AddrPort, parts ...wire.Message) {
	b.replies = append(b.replies, spec.Send{To: to, Msg: wire.Packet{Parts: parts}})
}

// entry is what the member believes of a name.
func (b *bent) entry(name string) core.Member {
	m, _ := b.node.Member(name)
	return m
}

// Step bends an input, and what the member does of it.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = now
	for _, in := range b.inputs(in) {
		for _, e := range b.Machine.Step(now, in, nil) {
			out = append(out, b.effects(e)...)
		}
	}
	out = append(out, b.replies...)
	b.replies = nil
	return out
}

// inputs are those in the place of one.
func (b *bent) inputs(in spec.Input) []spec.Input {
	switch x := in.(type) {
	case spec.Recv:
		p := x.Msg.(wire.Packet)
		if b.hear == nil {
			break
		}
		var parts []wire.Message
		for _, m := range p.Parts {
			parts = append(parts, b.hear(x.From, m)...)
		}
		if p.Parts = parts; len(parts) == 0 {
			return []spec.Input{spec.Wake{}}
		}
		return []spec.Input{spec.Recv{From: x.From, Msg: p}}
	case spec.Got:
		f := x.Msg.(wire.Frame)
		if b.hearFrame == nil || f.Msg == nil {
			break
		}
		all := []spec.Input{spec.Wake{}}
		for _, m := range b.hearFrame(x.Conn, f.Msg) {
			f.Msg = m
			all = append(all, spec.Got{Conn: x.Conn, Msg: f})
		}
		return all
	default:
		if b.input != nil {
			return append([]spec.Input{spec.Wake{}}, b.input(in)...)
		}
	}
	return []spec.Input{in}
}

// effects are those in the place of one.
func (b *bent) effects(e spec.Effect) []spec.Effect {
	switch x := e.(type) {
	case spec.Send:
		p := x.Msg.(wire.Packet)
		if b.say != nil {
			var parts []wire.Message
			for _, m := range p.Parts {
				parts = append(parts, b.say(x.To, m)...)
			}
			p.Parts = parts
		}
		if b.packet != nil {
			p = b.packet(x.To, p)
		}
		if len(p.Parts) == 0 {
			return nil
		}
		return []spec.Effect{spec.Send{To: x.To, Msg: p}}
	case spec.Write:
		f, ok := x.Msg.(wire.Frame)
		if b.sayFrame == nil || !ok {
			break
		}
		var all []spec.Effect
		for _, m := range b.sayFrame(x.Conn, f.Msg) {
			if msg, ok := m.(wire.Message); ok {
				f.Msg = msg
				m = f
			}
			all = append(all, spec.Write{Conn: x.Conn, Msg: m})
		}
		return all
	default:
		if b.effect != nil {
			return b.effect(e)
		}
	}
	return []spec.Effect{e}
}

// raw is bytes that are written to a stream as they are.
type raw []byte

func (raw) IsMessage() {}

type bentPackets struct {
	wire.Format
	bent *bent
}

func (c bentPackets) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	whole, err := c.Format.AppendMessage(nil, m)
	if err == nil && c.bent.written != nil {
		whole = c.bent.written(whole)
	}
	return append(b, whole...), err
}

func (c bentPackets) ParseMessage(b []byte) (spec.Message, error) {
	if c.bent.read != nil {
		b = c.bent.read(slices.Clone(b))
	}
	return c.Format.ParseMessage(b)
}

type bentStreams struct {
	spec.StreamCodec
	bent *bent
}

func (c bentStreams) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if r, ok := m.(raw); ok {
		return append(b, r...), nil
	}
	return c.StreamCodec.AppendMessage(b, m)
}

func (c bentStreams) Decoder() spec.Decoder { return bentDecoder{c.StreamCodec.Decoder(), c.bent} }

type bentDecoder struct {
	spec.Decoder
	bent *bent
}

func (d bentDecoder) Decode(b []byte) (spec.Message, int, error) {
	if d.bent.decode != nil {
		if m, n, ok := d.bent.decode(b); ok {
			return m, n, nil
		}
	}
	return d.Decoder.Decode(b)
}

// The parts that many mutants are made of.

func same(m wire.Message) []wire.Message { return []wire.Message{m} }

// hearing replaces the messages of one kind in packets that the member hears.
func hearing[M wire.Message](hear func(b *bent, m M) []wire.Message) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
			if x, ok := m.(M); ok {
				return hear(b, x)
			}
			return same(m)
		}
	}
}

// saying replaces the messages of one kind in packets that the member sends.
func saying[M wire.Message](say func(b *bent, m M) []wire.Message) func(*bent) {
	return func(b *bent) {
		b.say = func(_ netip.AddrPort, m wire.Message) []wire.Message {
			if x, ok := m.(M); ok {
				return say(b, x)
			}
			return same(m)
		}
	}
}

// hearingFrame and sayingFrame do so on streams.
func hearingFrame[M wire.Message](hear func(b *bent, m M) []wire.Message) func(*bent) {
	return func(b *bent) {
		b.hearFrame = func(_ spec.Conn, m wire.Message) []wire.Message {
			if x, ok := m.(M); ok {
				return hear(b, x)
			}
			return same(m)
		}
	}
}

func sayingFrame[M wire.Message](say func(b *bent, m M) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.sayFrame = func(_ spec.Conn, m wire.Message) []spec.Message {
			if x, ok := m.(M); ok {
				return say(b, x)
			}
			return []spec.Message{m}
		}
	}
}
