package check

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// echo is a machine of streams: it greets whoever connects, and returns what
// it is told. The bugs break what the rules say of streams.
type echo struct {
	bug   string
	count uint64
	conn  spec.Conn
}

type word struct{ b []byte }

func (word) IsMessage() {}

func (m *echo) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case spec.Opened:
		m.conn = in.Conn
		return append(out, spec.Write{Conn: in.Conn, Msg: word{[]byte("hello")}})
	case spec.Got:
		b := strings.Clone(string(in.Msg.(word).b))
		if b == "" {
			if m.bug == "stained" {
				m.count++
			}
			return append(out, spec.Drop{Clause: "ECHO-1", Reason: errors.New("nothing said")})
		}
		m.count++
		return append(out, spec.Write{Conn: in.Conn, Msg: word{[]byte(b)}})
	case spec.Wake:
		return out
	}
	panic("echo: unknown input")
}

func (m *echo) Deadline() (time.Duration, bool) { return 0, false }
func (m *echo) Check() error                    { return nil }
func (m *echo) Clone() spec.Machine             { c := *m; return &c }

func (m *echo) AppendState(b []byte) []byte {
	return append(b, byte(m.conn), byte(m.count), byte(m.count>>8))
}

// echoCodec writes a length and that many bytes; the first word of a stream
// has an exclamation mark before it.
type echoCodec struct{ bug string }

func (echoCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	w := m.(word).b
	if string(w) == "hello" {
		b = append(b, '!')
	}
	return append(append(b, byte(len(w))), w...), nil
}

func (c echoCodec) Decoder() spec.Decoder { return &echoDecoder{bug: c.bug} }

type echoDecoder struct {
	bug   string
	begun bool
}

func (d *echoDecoder) Decode(b []byte) (spec.Message, int, error) {
	n := 0
	if !d.begun {
		if b[0] != '!' {
			return nil, 0, errors.New("no greeting")
		}
		d.begun, n = d.bug != "forgetful", 1
	}
	size := int(b[n])
	w := b[n+1 : n+1+size]
	switch d.bug {
	case "lossy":
		w = w[:size-1]
	case "short":
		size--
	}
	return word{w}, n + 1 + size, nil
}

// drawEcho opens streams, and answers what was written to them.
func drawEcho(g *Gen) spec.Input {
	for _, e := range g.Asked {
		if w, ok := e.(spec.Write); ok && g.Below(4) > 0 {
			return spec.Got{Conn: w.Conn, Msg: word{[]byte("words")[:g.Below(6)]}}
		}
	}
	return spec.Opened{Conn: -spec.Conn(g.Op)}
}

func echoSubject(bug string) Subject {
	s := Subject{
		New: func(uint64, time.Duration) spec.Machine { return &echo{bug: bug} }, Input: drawEcho,
		StreamCodec: echoCodec{bug}, MaxEffects: func(spec.Input) int { return 1 },
		NotState: map[string]string{"bug": "it is the test's"},
	}
	s.fill()
	return s
}

func TestStreamsKeepTheContract(t *testing.T) {
	for _, name := range []string{"refused", "replay", "clone", "state", "poison", "wire"} {
		s := echoSubject("")
		if err := ruleNamed(t, name)(&s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStreamRulesBite(t *testing.T) {
	for _, bite := range []struct{ rule, bug, says string }{
		{"refused", "stained", "a refused message changed the state"},
		{"wire", "lossy", "wrote word{"},
		{"wire", "short", "of which 6 were read"},
		{"wire", "forgetful", "no greeting"},
	} {
		s := echoSubject(bite.bug)
		err := ruleNamed(t, bite.rule)(&s)
		if err == nil || !strings.Contains(err.Error(), bite.says) {
			t.Errorf("%s over a %s echo: %v; want %q", bite.rule, bite.bug, err, bite.says)
		}
	}
}
