package napster

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

// Mutant is a server that is wrong in one way on purpose: the reference server
// behind something that bends what it hears and says. Each case names the mutants
// that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*core.ServerConfig)
	bend      func(*bent)
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(framingMutants(), loginMutants(), accountMutants(), fieldMutants(), shareMutants(),
		searchMutants(), browseMutants(), downloadMutants(), pushMutants(), whoisMutants(), hostileMutants())
}

// Target is the mutant on virtual time.
func (m Mutant) Target() conformance.Target {
	target := Builtin{}.Targets()
	target.Mutant, target.Virtual = m.Name, m.place
	return target.OnVirtualTime()
}

// place starts a mutant, as it was before anything has happened to it.
func (m Mutant) place(net *conformance.VirtualNetwork, opt conformance.StartOptions) (conformance.Instance, error) {
	b := &bent{users: map[spec.Conn]*guest{}}
	if m.bend != nil {
		m.bend(b)
	}
	inst, err := Builtin{
		Configure: m.configure,
		Wrap: func(s *core.Server) spec.Machine {
			b.Machine = s
			return b
		},
		Codec: bentCodec{bent: b},
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

// bent is the reference server behind rules that change what it hears and says. A
// rule that is nil changes nothing.
type bent struct {
	spec.Machine

	// input gives the inputs in the place of one, effect the effects.
	input  func(in spec.Input) []spec.Input
	effect func(e spec.Effect) []spec.Effect
	// decode reads from a stream in another way than the codec; ok is false where it
	// has nothing to say. Encode writes in another way.
	decode func(b []byte) (m core.Message, n int, ok bool)
	encode func(m core.Message) []byte
	dead   bool // the process has crashed

	users   map[spec.Conn]*guest // by stream, who is there and who is to come
	replies []spec.Effect        // to be done after the step
}

// guest is what a mutant knows of a stream.
type guest struct {
	core.Login
	there bool        // the login was acknowledged
	files []core.File // oldest first
	query core.Search // the last
	found int         // results since then
}

// reply says something of the mutant's own after the step.
func (b *bent) reply(c spec.Conn, t core.Type, text string) {
	b.replies = append(b.replies, spec.Write{Conn: c, Msg: core.Message{Type: t, Text: text}})
}

// Step bends an input, and what the server does of it.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.learn(in)
	all := []spec.Input{in}
	if b.input != nil {
		all = append([]spec.Input{spec.Wake{}}, b.input(in)...)
	}
	for _, in := range all {
		for _, e := range b.Machine.Step(now, in, nil) {
			if w, ok := e.(spec.Write); ok {
				switch w.Msg.(core.Message).Type {
				case core.TypeLoginAck:
					b.guest(w.Conn).there = true
				case core.TypeResult:
					b.guest(w.Conn).found++
				}
			}
			if b.effect == nil {
				out = append(out, e)
			} else {
				out = append(out, b.effect(e)...)
			}
		}
	}
	out = append(out, b.replies...)
	b.replies = nil
	if closed, ok := in.(spec.Closed); ok {
		delete(b.users, closed.Conn)
	}
	return out
}

// learn notes what is said of users and files.
func (b *bent) learn(in spec.Input) {
	got, ok := in.(spec.Got)
	if !ok {
		return
	}
	m, g := got.Msg.(core.Message), b.guest(got.Conn)
	switch m.Type {
	case core.TypeLogin:
		if l, err := core.ParseLogin(m.Text); err == nil && !g.there {
			g.Login = l
		}
	case core.TypeNewUser:
		if u, err := core.ParseNewUser(m.Text); err == nil && !g.there {
			g.Login = u.Login
		}
	case core.TypeShare:
		if f, err := core.ParseFile(m.Text); err == nil {
			g.files = append(g.files, f)
		}
	case core.TypeUnshare:
		g.files = slices.DeleteFunc(g.files, func(f core.File) bool { return f.Name == m.Text })
	case core.TypeSearch:
		g.query, _ = core.ParseSearch(m.Text)
		g.found = 0
	}
}

func (b *bent) guest(c spec.Conn) *guest {
	if b.users[c] == nil {
		b.users[c] = &guest{}
	}
	return b.users[c]
}

// named is who is there with a nick, by stream, or 0.
func (b *bent) named(nick string) spec.Conn {
	for c, g := range b.users {
		if g.there && strings.EqualFold(g.Nick, nick) {
			return c
		}
	}
	return 0
}

// conns are the streams of all users, first accepted first.
func (b *bent) conns() []spec.Conn {
	return slices.SortedFunc(maps.Keys(b.users), func(x, y spec.Conn) int { return cmp.Compare(y, x) })
}

type bentCodec struct {
	core.Codec
	bent *bent
}

func (c bentCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if c.bent.encode != nil {
		return append(b, c.bent.encode(m.(core.Message))...), nil
	}
	return c.Codec.AppendMessage(b, m)
}

func (c bentCodec) Decoder() spec.Decoder { return bentDecoder{c.Codec.Decoder(), c.bent} }

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

// hearing replaces the messages of a type that the server hears.
func hearing(t core.Type, hear func(b *bent, c spec.Conn, text string) []spec.Input) func(*bent) {
	return func(b *bent) {
		b.input = func(in spec.Input) []spec.Input {
			got, ok := in.(spec.Got)
			if m, _ := got.Msg.(core.Message); ok && m.Type == t {
				return hear(b, got.Conn, m.Text)
			}
			return []spec.Input{in}
		}
	}
}

// saying replaces the messages of a type that the server says.
func saying(t core.Type, say func(b *bent, c spec.Conn, text string) []spec.Effect) func(*bent) {
	return func(b *bent) {
		b.effect = func(e spec.Effect) []spec.Effect {
			w, ok := e.(spec.Write)
			if m, _ := w.Msg.(core.Message); ok && m.Type == t {
				return say(b, w.Conn, m.Text)
			}
			return []spec.Effect{e}
		}
	}
}

// heard is a message that the server hears, and said one that it says.
func heard(c spec.Conn, t core.Type, text string) []spec.Input {
	return []spec.Input{spec.Got{Conn: c, Msg: core.Message{Type: t, Text: text}}}
}

func said(c spec.Conn, t core.Type, text string) []spec.Effect {
	return []spec.Effect{spec.Write{Conn: c, Msg: core.Message{Type: t, Text: text}}}
}

// rehearing changes the text of the messages of a type before they are heard.
func rehearing(t core.Type, change func(b *bent, c spec.Conn, text string) string) func(*bent) {
	return hearing(t, func(b *bent, c spec.Conn, text string) []spec.Input { return heard(c, t, change(b, c, text)) })
}

// resaying changes the text of the messages of a type before they are said.
func resaying(t core.Type, change func(b *bent, c spec.Conn, text string) string) func(*bent) {
	return saying(t, func(b *bent, c spec.Conn, text string) []spec.Effect { return said(c, t, change(b, c, text)) })
}

// instead says another type than the server does.
func instead(of, t core.Type) func(*bent) {
	return saying(of, func(_ *bent, c spec.Conn, text string) []spec.Effect { return said(c, t, text) })
}

// deaf does not hear the messages of a type.
func deaf(t core.Type) func(*bent) {
	return hearing(t, func(*bent, spec.Conn, string) []spec.Input { return nil })
}

// mute does not say the messages of a type.
func mute(t core.Type) func(*bent) {
	return saying(t, func(*bent, spec.Conn, string) []spec.Effect { return nil })
}

// texted is that of a form that can be written.
func texted(m core.Message, err error) string {
	if err != nil {
		panic(err)
	}
	return m.Text
}
