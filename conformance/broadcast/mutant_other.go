package broadcast

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// echoMutants are wrong about what they were sent.
func echoMutants() []Mutant {
	answer := func(change func(raw json.RawMessage) any) func() stdio.Node {
		return func() stdio.Node {
			b := &bent{Bent: &cluster.Bent{Tongue: &echoTongue{}}}
			b.reading("echo", func(fields args) args { return args{"echo": change(fields["echo"].(json.RawMessage))} })
			return cluster.NewBent(b.Bent)
		}
	}
	parsed := func(change func(v any) any) func() stdio.Node {
		return answer(func(raw json.RawMessage) any {
			var v any
			_ = json.Unmarshal(raw, &v) // it was read before
			return change(v)
		})
	}
	return []Mutant{
		{"knows-texts-alone", "it answers with a text that has the payload in it", parsed(func(v any) any {
			if text, ok := v.(string); ok {
				return text
			}
			return fmt.Sprint(v)
		})},
		{"drops-nothings", "it takes false, zero and null for no payload", answer(func(raw json.RawMessage) any {
			if slices.Contains([]string{"false", "0", "null"}, string(raw)) {
				return "nothing"
			}
			return raw
		})},
		{"numbers-as-floats", "its numbers are floating point", parsed(func(v any) any { return v })},
		{"numbers-of-32-bits", "its numbers have 32 bits", parsed(func(v any) any {
			if n, ok := v.(float64); ok {
				return int32(int64(n))
			}
			return v
		})},
		{"ascii-alone", "it knows no character beyond ASCII", parsed(func(v any) any {
			if text, ok := v.(string); ok {
				return strings.Map(func(r rune) rune { return min(r, 127) }, text)
			}
			return v
		})},
		{"sorts-lists", "it sorts the list that it was sent", parsed(func(v any) any {
			if list, ok := v.([]any); ok {
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			return v
		})},
		{"remembers-its-first", "it answers with what it was sent first", rememberFirst},
		{"answers-the-last", "of requests with one msg_id it answers the one that came last, as often as there are",
			func() stdio.Node { return &mixer{Node: newEchoNode(1), asker: map[int64]string{}} }},
	}
}

func rememberFirst() stdio.Node {
	var first any
	b := &bent{Bent: &cluster.Bent{Tongue: &echoTongue{}}}
	b.reading("echo", func(fields args) args {
		if first == nil {
			first = fields["echo"]
		}
		return args{"echo": first}
	})
	return cluster.NewBent(b.Bent)
}

// mixer keeps who has asked by msg_id alone, and answers a little later.
type mixer struct {
	stdio.Node
	asker map[int64]string
	held  [][]byte
	at    time.Duration
}

func (x *mixer) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	m, _ := stdio.Parse(line) // it is the harness's
	if m.Body.MsgID != nil {
		x.asker[*m.Body.MsgID] = m.Src
	}
	x.held, x.at = x.Node.Line(now, line, x.held), now+time.Millisecond
	return out
}

func (x *mixer) Wake(now time.Duration, out [][]byte) [][]byte {
	for _, line := range x.held {
		m, _ := stdio.Parse(line) // it is ours
		out = append(out, stdio.Append(nil, m.Src, x.asker[*m.Body.InReplyTo], json.RawMessage(m.Body.Raw)))
	}
	x.held = nil
	return out
}

func (x *mixer) Deadline() (time.Duration, bool) { return x.at, len(x.held) > 0 }

// uniqueMutants give an identifier twice, or none.
func uniqueMutants() []Mutant {
	giving := func(id func(b *bent, u *uniqueTongue, n int64) any) func() stdio.Node {
		return func() stdio.Node {
			u := &uniqueTongue{life: 1}
			b := &bent{Bent: &cluster.Bent{Tongue: u}}
			b.reading("generate", func(args) args { return args{"id": id(b, u, u.last)} })
			return cluster.NewBent(b.Bent)
		}
	}
	name := func(u *uniqueTongue, n any) any { return fmt.Sprint(u.place.Name, "-", n) }
	return []Mutant{
		{"counts-alone", "its identifier is a count", giving(func(_ *bent, _ *uniqueTongue, n int64) any { return n })},
		{"counts-again", "its identifier is its name and a count, which begins again with it",
			giving(func(_ *bent, u *uniqueTongue, n int64) any { return name(u, n) })},
		{"milliseconds", "its identifier is its name and the time", giving(func(b *bent, u *uniqueTongue, _ int64) any {
			return name(u, b.Now.Milliseconds())
		})},
		{"eight-bits", "its count has eight bits", giving(func(_ *bent, u *uniqueTongue, n int64) any {
			return name(u, fmt.Sprint(u.life, "-", n%256))
		})},
		{"null-at-first", "its first identifier is null", giving(func(_ *bent, u *uniqueTongue, n int64) any {
			if n == 1 {
				return nil
			}
			return name(u, fmt.Sprint(u.life, "-", n))
		})},
		{"gives-again-after-a-rest", "when it was not asked for half a second it gives its last identifier again",
			givesAgain(500 * time.Millisecond)},
	}
}

func givesAgain(rest time.Duration) func() stdio.Node {
	return func() stdio.Node {
		u := &uniqueTongue{life: 1}
		b := &bent{Bent: &cluster.Bent{Tongue: u}}
		var last time.Duration
		var id any
		b.reading("generate", func(fields args) args {
			if id == nil || b.Now-last < rest {
				id = fields["id"]
			}
			last = b.Now
			return args{"id": id}
		})
		return cluster.NewBent(b.Bent)
	}
}

// linKVMutants are stores that are not linearizable, or answer wrongly.
func linKVMutants() []Mutant {
	asking := func(service string, bend func(b *bent, t *proxyTongue)) func() stdio.Node {
		return func() stdio.Node {
			t := &proxyTongue{service: service}
			b := &bent{Bent: &cluster.Bent{Tongue: t}}
			bend(b, t)
			return cluster.NewBent(b.Bent)
		}
	}
	rewriting := func(change func(fields map[string]json.RawMessage, typ string)) func() stdio.Node {
		return asking(cluster.LinKV, func(b *bent, _ *proxyTongue) {
			b.OnInput = func(in spec.Input) spec.Input {
				p, ok := in.(pass)
				if !ok {
					return in
				}
				var fields map[string]json.RawMessage
				_ = p.body.Decode(&fields) // it is an object
				change(fields, p.body.Type)
				p.body.Raw, _ = json.Marshal(fields)
				return p
			}
		})
	}
	failing := func(change func(e *stdio.Error) (args, *stdio.Error)) func() stdio.Node {
		return asking(cluster.LinKV, func(b *bent, _ *proxyTongue) {
			b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if failed != nil {
					return change(failed)
				}
				return fields, failed
			}
		})
	}
	plain := func(*bent, *proxyTongue) {}
	return []Mutant{
		{"sequential", "it keeps its keys in seq-kv", asking(cluster.SeqKV, plain)},
		{"eventual", "it keeps its keys in lww-kv", asking(cluster.LWWKV, plain)},
		{"caches", "what it has read once it reads again for a while without asking", asking(cluster.LinKV, caches)},
		{"answers-writes-at-once", "it answers a write before it is done", asking(cluster.LinKV, writesAtOnce)},
		{"overlooks-from", "a cas is a write to it", rewriting(func(fields map[string]json.RawMessage, typ string) {
			if typ == "cas" {
				fields["type"], fields["value"] = json.RawMessage(`"write"`), fields["to"]
			}
		})},
		{"overlooks-keys", "all keys are one to it", rewriting(func(fields map[string]json.RawMessage, _ string) {
			fields["key"] = json.RawMessage("0")
		})},
		{"cas-creates", "a cas makes its key", rewriting(func(fields map[string]json.RawMessage, _ string) {
			fields["create_if_not_exists"] = json.RawMessage("true")
		})},
		{"cas-does-nothing", "a cas answers cas_ok, and changes nothing", asking(cluster.LinKV, casNothing)},
		{"null-for-none", "a key that is not there reads as null", failing(func(e *stdio.Error) (args, *stdio.Error) {
			if e.Code == stdio.KeyDoesNotExist {
				return args{"value": nil}, nil
			}
			return nil, e
		})},
		{"aborts", "a cas that does not apply is answered with error 14", failing(func(e *stdio.Error) (args, *stdio.Error) {
			if e.Code == stdio.PreconditionFailed {
				e.Code = stdio.Abort
			}
			return nil, e
		})},
	}
}

func casNothing(b *bent, _ *proxyTongue) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		return body.Type == "cas", nil, nil, nil
	}
}

// cacheLife is long beside a round trip to a service.
const cacheLife = 100 * time.Millisecond

func caches(b *bent, _ *proxyTongue) {
	type cached struct {
		at    time.Duration
		value any
	}
	known := map[string]cached{}
	keys := map[spec.OpID]string{}
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		key := fmt.Sprint(body.Fields()["key"])
		keys[op] = key
		if c, ok := known[key]; ok && body.Type == "read" && b.Now-c.at < cacheLife {
			return true, nil, args{"value": c.value}, nil
		}
		return false, nil, nil, nil
	}
	b.OnOutcome = func(_ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		if value, ok := fields["value"]; ok {
			known[keys[done.Op]] = cached{b.Now, value}
		}
		return fields, failed
	}
}

func writesAtOnce(b *bent, t *proxyTongue) {
	var behind []spec.Input
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		in, _, _ := t.Command(op, body)
		if body.Type != "write" {
			return false, nil, nil, nil
		}
		behind = append(behind, in)
		return true, nil, nil, nil
	}
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		for _, in := range behind {
			effects = append(effects, b.Machine.Step(b.Now, in, nil)...)
		}
		behind = nil
		return effects
	}
}
