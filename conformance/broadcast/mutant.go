package broadcast

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Mutant is a node that is wrong on purpose in one way. The cases of its workload
// have to find it, and each says which ones it finds.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	make func() stdio.Node
}

// Target is nodes of this kind on virtual time.
func (m Mutant) Target() conformance.Target {
	return cluster.Machines{Name: m.Name, New: func(string) stdio.Node { return m.make() }}
}

// Mutants are those of the workload.
func (w Workload) Mutants() []Mutant {
	own := map[string]func() []Mutant{
		"broadcast":  func() []Mutant { return slices.Concat(setMutants(broadcasts()), broadcastMutants()) },
		"g-set":      func() []Mutant { return setMutants(gSets()) },
		"g-counter":  func() []Mutant { return slices.Concat(counterMutants(), gCounterMutants()) },
		"pn-counter": func() []Mutant { return slices.Concat(counterMutants(), pnCounterMutants()) },
		"echo":       echoMutants,
		"unique-ids": uniqueMutants,
		"lin-kv":     linKVMutants,
	}
	return append(own[w.Name](), w.lineMutants()...)
}

// lineMutants are wrong in what they write, whatever it is about.
func (w Workload) lineMutants() []Mutant {
	around := func(wrap func(stdio.Node) stdio.Node) func() stdio.Node {
		return func() stdio.Node { return wrap(w.NewNode(1)) }
	}
	all := []Mutant{
		{"answers-twice", "it sends each answer to a client twice", around(func(n stdio.Node) stdio.Node {
			return &rewriter{Node: n, change: func(m stdio.Message, line []byte) [][]byte {
				if strings.HasPrefix(m.Dest, "c") && m.Body.Type != "init_ok" {
					return [][]byte{line, line}
				}
				return [][]byte{line}
			}}
		})},
		{"tells-its-name", "its answers to clients have a key more", around(func(n stdio.Node) stdio.Node {
			return &rewriter{Node: n, change: func(m stdio.Message, line []byte) [][]byte {
				if !strings.HasPrefix(m.Dest, "c") || m.Body.Type == "init_ok" {
					return [][]byte{line}
				}
				var fields map[string]json.RawMessage
				_ = m.Body.Decode(&fields) // it is an object
				fields["node"] = json.RawMessage(strconv.Quote(m.Src))
				return [][]byte{stdio.Append(nil, m.Src, m.Dest, fields)}
			}}
		})},
		{"dies-of-the-unknown", "it ends when it does not know the type of a request", around(func(n stdio.Node) stdio.Node {
			return &rewriter{Node: n, dies: true}
		})},
	}
	if w.Name == "lin-kv" {
		return all[2:] // nothing is said there about keys
	}
	return all
}

// rewriter changes the lines that a node writes.
type rewriter struct {
	stdio.Node
	change func(m stdio.Message, line []byte) [][]byte
	dies   bool // when it answers with error 10
	ended  error
}

func (r *rewriter) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	return r.rewrite(r.Node.Line(now, line, nil), out)
}

func (r *rewriter) Wake(now time.Duration, out [][]byte) [][]byte {
	return r.rewrite(r.Node.Wake(now, nil), out)
}

func (r *rewriter) rewrite(lines, out [][]byte) [][]byte {
	for _, line := range lines {
		m, _ := stdio.Parse(line) // it is ours
		switch {
		case r.dies && m.Body.Type == "error" && m.Body.Fields()["code"] == float64(stdio.NotSupported):
			r.ended = errors.New("exit status 1")
		case r.change == nil:
			out = append(out, line)
		default:
			out = append(out, r.change(m, line)...)
		}
	}
	return out
}

func (r *rewriter) Ended() error { return r.ended }

// bent is what a rule sees: a reference node and how to bend it.
type bent struct {
	*cluster.Bent
	node func() *replica // once it has started; nil where there is none
	name func() string
}

// reading bends the fields of the answers to one type of request.
func (b *bent) reading(typ string, change func(fields args) args) {
	b.answering(typ, func(_ stdio.Body, fields args, failed *stdio.Error) (args, *stdio.Error) {
		if failed == nil {
			fields = change(fields)
		}
		return fields, failed
	})
}

// answering takes the answer to one type of request from the node, where it gives
// it at once.
func (b *bent) answering(
	typ string, answer func(body stdio.Body, fields args, failed *stdio.Error) (args, *stdio.Error),
) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		if body.Type != typ {
			return false, nil, nil, nil
		}
		in, fields, failed := b.Tongue.Command(op, body)
		if in == nil {
			fields, failed = answer(body, fields, failed)
		}
		return true, in, fields, failed
	}
}

// hearing is told of the news that the node hears, and may change them.
func (b *bent) hearing(change func(m news) news) {
	b.OnInput = func(in spec.Input) spec.Input {
		if recv, ok := in.(spec.Recv); ok {
			if m, ok := recv.Msg.(news); ok {
				recv.Msg = change(m)
				return recv
			}
		}
		return in
	}
}

// telling bends the news that the node sends; no result swallows them.
func (b *bent) telling(change func(to spec.Send, m news) []spec.Effect) {
	b.OnSend(func(s spec.Send) []spec.Effect {
		if m, ok := s.Msg.(news); ok {
			return change(s, m)
		}
		return []spec.Effect{s}
	})
}

// spreadMutants are wrong in how they spread what they know: sets and counters
// alike.
func spreadMutants(make func(func(*bent)) func() stdio.Node) []Mutant {
	return []Mutant{
		{"keeps-to-itself", "it tells no other node what it knows", make(func(b *bent) {
			b.telling(func(spec.Send, news) []spec.Effect { return nil })
		})},
		{"never-sends-again", "what is lost it does not send again", make(func(b *bent) {
			b.OnStart = func() { b.node().wait = 1000 * time.Hour }
		})},
		{"acknowledges-gaps", "it acknowledges what it has not heard, when it hears what follows", make(func(b *bent) {
			b.hearing(func(m news) news {
				m.after = 0
				return m
			})
		})},
		{"newest-alone", "it tells the newest of its news, and takes the others for told", make(func(b *bent) {
			b.telling(func(s spec.Send, m news) []spec.Effect {
				m.entries = m.entries[max(0, len(m.entries)-1):]
				s.Msg = m
				return []spec.Effect{s}
			})
		})},
		{"gives-up", "a node that it has not heard for three messages is dead for it", make(givesUp)},
		{"greets-nobody", "when it starts again it asks nobody what it has forgotten", make(func(b *bent) {
			b.OnSend(func(s spec.Send) []spec.Effect {
				if _, ok := s.Msg.(hello); ok {
					return nil
				}
				return []spec.Effect{s}
			})
		})},
		{"knows-one-neighbour", "it tells the first of its neighbours, and no other", make(func(b *bent) {
			b.telling(func(s spec.Send, _ news) []spec.Effect {
				if b.node().peers[0].addr == s.To {
					return []spec.Effect{s}
				}
				return nil
			})
		})},
	}
}

func givesUp(b *bent) {
	unheard := map[string]int{}
	b.OnInput = func(in spec.Input) spec.Input {
		if recv, ok := in.(spec.Recv); ok {
			if unheard[recv.From.String()] <= 3 {
				unheard[recv.From.String()] = 0
			}
		}
		return in
	}
	b.telling(func(s spec.Send, m news) []spec.Effect {
		if len(m.entries) > 0 && m.after < m.upTo {
			unheard[s.To.String()]++
		}
		if unheard[s.To.String()] > 3 {
			return nil
		}
		return []spec.Effect{s}
	})
}
