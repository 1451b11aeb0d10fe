package chord

import (
	"encoding/json"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// storeMutants are wrong about values.
func storeMutants() []Mutant {
	return []Mutant{
		{
			Name: "keeps-values-to-itself", What: "a value stays at the node that was told to put it",
			bend: keepsToItself,
		},
		{Name: "values-as-text", What: "it returns every value as a text", bend: func(b *bent) {
			b.changing("get", func(f args) { f["value"] = string(f["value"].(json.RawMessage)) })
		}},
		{Name: "null-is-none", What: "it takes null for no value", bend: nullIsNone},
		{Name: "none-is-null", What: "it answers null where there is no value", bend: noneIsNull},
		{Name: "missing-value-is-null", What: "it puts null where the value is missing", bend: missingValue},
		{Name: "first-put-stays", What: "a key that has a value keeps it", bend: firstPutStays},
		{
			Name: "no-copies", What: "values are at their owner alone",
			configure: func(cfg *chord.Config) { cfg.Replicas = 1 },
		},
		{Name: "values-do-not-move", What: "values stay where they were put", bend: swallows(func(m spec.Message) bool {
			_, offer := m.(chord.Offer)
			return offer
		})},
		{
			Name: "leaves-with-its-values", What: "it leaves without handing over, and there are no copies",
			configure: func(cfg *chord.Config) { cfg.Replicas = 1 }, bend: leavesAtOnce,
		},
		{Name: "answers-puts-at-once", What: "it answers put_ok before anything is written", bend: answersPuts},
		{
			Name: "versionless", What: "what is delivered last is the value, also for the second time",
			bend: versionless,
		},
	}
}

func keepsToItself(b *bent) {
	kept := map[uint64]json.RawMessage{}
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		key, failed := b.tongue.place.Key(body, "key")
		var f struct{ Value json.RawMessage }
		if failed != nil || body.Decode(&f) != nil || !b.member() {
			return false, nil, nil, nil
		}
		switch {
		case body.Type == "put" && f.Value != nil:
			kept[key] = f.Value
			return true, nil, nil, nil
		case body.Type == "get" && kept[key] == nil:
			return true, nil, nil, stdio.Errorf(stdio.KeyDoesNotExist, "none here")
		case body.Type == "get":
			return true, nil, args{"value": kept[key]}, nil
		}
		return false, nil, nil, nil
	}
}

func nullIsNone(b *bent) {
	b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		if value, _ := fields["value"].(json.RawMessage); typ == "get" && failed == nil && string(value) == "null" {
			return nil, stdio.Errorf(stdio.KeyDoesNotExist, "none")
		}
		return fields, failed
	}
}

func noneIsNull(b *bent) {
	b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		if typ == "get" && failed != nil && failed.Code == stdio.KeyDoesNotExist {
			return args{"value": nil}, nil
		}
		return fields, failed
	}
}

func missingValue(b *bent) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		key, failed := b.tongue.place.Key(body, "key")
		var f struct{ Value json.RawMessage }
		if body.Type != "put" || failed != nil || !b.member() || body.Decode(&f) != nil || f.Value != nil {
			return false, nil, nil, nil
		}
		return true, chord.Put{Op: op, Key: chord.FromUint(key), Value: []byte("null")}, nil, nil
	}
}

// firstPutStays acknowledges what it does not write.
func firstPutStays(b *bent) {
	has := map[chord.ID]chord.Stamp{}
	var owed []spec.Effect
	b.OnInput = func(in spec.Input) spec.Input {
		recv, ok := in.(spec.Recv)
		if !ok {
			return in
		}
		m, ok := recv.Msg.(chord.Write)
		if !ok {
			return in
		}
		if first, there := has[m.Key]; there && first != m.Stamp {
			h := chord.Header{RPC: m.RPC, Sender: b.tongue.node.ID()}
			owed = append(owed, spec.Send{To: recv.From, Msg: chord.WriteAck{Header: h, Key: m.Key, Stamp: m.Stamp}})
			return spec.Wake{}
		}
		has[m.Key] = m.Stamp
		return in
	}
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		effects, owed = append(effects, owed...), nil
		return effects
	}
}

// leavesAtOnce forgets all at the moment at which it is told to leave.
func leavesAtOnce(b *bent) {
	gone := false
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		gone = gone || body.Type == "leave"
		return body.Type == "leave", nil, nil, nil
	}
	b.Deaf = func(string, stdio.Body) bool { return gone }
	b.OnSend(func(s spec.Send) []spec.Effect {
		if gone {
			return nil
		}
		return []spec.Effect{s}
	})
}

// answersPuts answers, and the put goes on behind.
func answersPuts(b *bent) {
	var putting []spec.Input
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if body.Type != "put" || !b.member() {
			return false, nil, nil, nil
		}
		in, _, failed := b.tongue.Command(op, body)
		if in != nil {
			putting = append(putting, in)
		}
		return true, nil, nil, failed
	}
	b.OnInput = func(in spec.Input) spec.Input {
		if _, wakes := in.(spec.Wake); wakes && len(putting) > 0 {
			in, putting = putting[0], putting[1:]
		}
		return in
	}
}

// versionless takes every write for a new one.
func versionless(b *bent) {
	count := uint64(1) << 40
	b.OnInput = func(in spec.Input) spec.Input {
		recv, ok := in.(spec.Recv)
		if !ok {
			return in
		}
		if m, ok := recv.Msg.(chord.Write); ok {
			count++
			m.Stamp.Counter = count
			recv.Msg = m
		}
		return recv
	}
}
