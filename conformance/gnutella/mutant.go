package gnutella

import (
	"errors"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/servent"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Mutant is a servent that is wrong in one way on purpose: the reference servent
// behind something that bends its messages, or with another configuration. Each
// case names the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*core.Config)
	files     func(*transfer.Config)
	bend      func(*bent)
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(oldMutants(), handshakeMutants(), headerMutants(), callMutants(), codingMutants(),
		hostileMutants(), streamMutants(), routingMutants(), pingMutants(), pongMutants(), queryMutants(), answerMutants(),
		searchMutants(),
		wayMutants(), byeMutants(), vendorMutants(), flowMutants(),
		qrpMutants(), ggepMutants(), dutyMutants(),
		httpMutants(), downloadMutants(),
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
	b := &bent{memory: map[any]any{}}
	if m.bend != nil {
		m.bend(b)
	}
	inst, err := Builtin{
		Configure: m.configure, ConfigureFiles: m.files,
		Wrap: func(machine spec.Machine) spec.Machine {
			b.Machine = machine
			return b
		},
		Codec: bentCodec{bent: b},
	}.place(net, opt)
	if err != nil {
		return nil, err
	}
	i := inst.(*virtualInstance)
	b.node = i.node.Overlay()
	return mutantInstance{i, b}, nil
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

// bent is the reference servent behind rules that change what it hears and says. A
// rule that is nil changes nothing.
type bent struct {
	spec.Machine
	node *core.Node

	// hear gives what the servent hears in the place of a message, say what it says in
	// the place of one: wire.Connect, wire.Status, wire.Descriptor or, to say only, raw
	// bytes.
	hear func(c conn, m spec.Message) []message
	say  func(c conn, m spec.Message) []message
	// input gives the inputs in the place of one that is no message, effect the effects
	// in the place of one that writes none.
	input  func(in spec.Input) []spec.Input
	effect func(e spec.Effect) []spec.Effect
	// waits has the servent wait for more, whatever the codec says of what came.
	waits func(b []byte, begun bool) bool
	// reread gives bytes that are read in the place of the first n; begun is false for
	// the first message of a stream.
	reread func(b []byte, begun bool) (instead []byte, n int)

	memory map[any]any // of the rules
	dead   bool        // the process has crashed

	now     time.Duration
	replies []spec.Effect // to be done after the step
	late    []lateEffect  // in the order of their times
}

// lateEffect is one to be done at a time.
type lateEffect struct {
	at time.Duration
	e  spec.Effect
}

// later does an effect after a while. All of a mutant's whiles are equally long.
func (b *bent) later(after time.Duration, e spec.Effect) {
	b.late = append(b.late, lateEffect{b.now + after, e})
}

// Deadline is the servent's, or that of what is to be done later.
func (b *bent) Deadline() (at time.Duration, ok bool) {
	at, ok = b.Machine.Deadline()
	if len(b.late) > 0 && (!ok || b.late[0].at < at) {
		at, ok = b.late[0].at, true
	}
	return at, ok
}

// reply writes a message of the mutant's own at the end of the step.
func (b *bent) reply(c conn, m spec.Message) {
	b.replies = append(b.replies, spec.Write{Conn: c, Msg: m})
}

// close ends a stream at the end of the step, and tells the servent.
func (b *bent) close(c conn) {
	b.replies = append(b.replies, spec.Close{Conn: c})
	b.Machine.Step(b.now, spec.Closed{Conn: c}, nil)
}

// The words of every rule.
type (
	conn    = spec.Conn
	message = spec.Message
)

// raw is bytes that are written as they are.
type raw []byte

func (raw) IsMessage() {}

// Step bends an input, and what the servent does of it.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = now
	for len(b.late) > 0 && b.late[0].at <= now {
		out = append(out, b.late[0].e)
		b.late = b.late[1:]
	}
	for _, in := range b.inputs(in) {
		for _, e := range b.Machine.Step(now, in, nil) {
			out = append(out, b.effects(e)...)
		}
	}
	out = append(out, b.replies...)
	b.replies = nil
	return out
}

// inputs are those in the place of one. Time passes in any case.
func (b *bent) inputs(in spec.Input) []spec.Input {
	got, ok := in.(spec.Got)
	switch {
	case ok && b.hear != nil:
		list := []spec.Input{spec.Wake{}}
		for _, m := range b.hear(got.Conn, got.Msg) {
			list = append(list, spec.Got{Conn: got.Conn, Msg: m})
		}
		return list
	case !ok && b.input != nil:
		return append([]spec.Input{spec.Wake{}}, b.input(in)...)
	}
	return []spec.Input{in}
}

// effects are those in the place of one.
func (b *bent) effects(e spec.Effect) (list []spec.Effect) {
	w, ok := e.(spec.Write)
	switch {
	case ok && b.say != nil:
		for _, m := range b.say(w.Conn, w.Msg) {
			list = append(list, spec.Write{Conn: w.Conn, Msg: m})
		}
		return list
	case !ok && b.effect != nil:
		return b.effect(e)
	}
	return []spec.Effect{e}
}

// bentCodec writes raw bytes as well, and reads what the mutant can read.
type bentCodec struct {
	servent.Codec
	bent *bent
}

func (c bentCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if r, ok := m.(raw); ok {
		return append(b, r...), nil
	}
	return c.Codec.AppendMessage(b, m)
}

func (c bentCodec) Decoder() spec.Decoder {
	return &bentDecoder{Decoder: c.Codec.Decoder(), bent: c.bent}
}

type bentDecoder struct {
	spec.Decoder
	bent  *bent
	begun bool // the first message is through
}

func (d *bentDecoder) Decode(b []byte) (spec.Message, int, error) {
	if d.bent.waits != nil && d.bent.waits(b, d.begun) {
		return nil, 0, nil
	}
	if d.bent.reread != nil {
		if instead, n := d.bent.reread(b, d.begun); n > 0 {
			d.begun = true
			m, _, err := d.Decoder.Decode(instead)
			return m, n, err
		}
	}
	m, n, err := d.Decoder.Decode(b)
	d.begun = d.begun || n > 0
	return m, n, err
}

// The parts that many mutants are made of.

func same(m spec.Message) []message { return []message{m} }

// saying replaces the messages of one kind that the servent sends.
func saying[M spec.Message](say func(b *bent, c conn, m M) []message) func(*bent) {
	return func(b *bent) {
		b.say = func(c conn, m spec.Message) []message {
			if x, ok := m.(M); ok {
				return say(b, c, x)
			}
			return same(m)
		}
	}
}

// hearing replaces the messages of one kind that it hears.
func hearing[M spec.Message](hear func(b *bent, c conn, m M) []message) func(*bent) {
	return func(b *bent) {
		b.hear = func(c conn, m spec.Message) []message {
			if x, ok := m.(M); ok {
				return hear(b, c, x)
			}
			return same(m)
		}
	}
}

// sayingType and hearingType do so for descriptors of one type.
func sayingType(t wire.Type, say func(b *bent, c conn, d wire.Descriptor) []message) func(*bent) {
	return saying(func(b *bent, c conn, d wire.Descriptor) []message {
		if d.Type != t {
			return same(d)
		}
		return say(b, c, d)
	})
}

func hearingType(t wire.Type, hear func(b *bent, c conn, d wire.Descriptor) []message) func(*bent) {
	return hearing(func(b *bent, c conn, d wire.Descriptor) []message {
		if d.Type != t {
			return same(d)
		}
		return hear(b, c, d)
	})
}

// changing replaces the header fields of descriptors of a type that it sends.
func changing(t wire.Type, change func(d *wire.Descriptor)) func(*bent) {
	return sayingType(t, func(_ *bent, _ conn, d wire.Descriptor) []message {
		change(&d)
		return same(d)
	})
}
