package broadcast

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// bentSet makes nodes of a set that a rule bends.
func bentSet(d dialect) func(func(*bent)) func() stdio.Node {
	return func(rule func(*bent)) func() stdio.Node {
		return func() stdio.Node {
			t := &setTongue{replicaTongue{life: 1}, d}
			b := &bent{
				Bent: &cluster.Bent{Tongue: t}, node: func() *replica { return t.node },
				name: func() string { return t.place.Name },
			}
			rule(b)
			return cluster.NewBent(b.Bent)
		}
	}
}

// setMutants are wrong about a set.
func setMutants(d dialect) []Mutant {
	bend := bentSet(d)
	read := func(change func(b *bent, list []json.RawMessage) any) func() stdio.Node {
		return bend(func(b *bent) {
			b.reading("read", func(fields args) args {
				return args{d.reads: change(b, fields[d.reads].([]json.RawMessage))}
			})
		})
	}
	return append(spreadMutants(bend), []Mutant{
		{"lists-every-copy", "it lists a value as often as it has heard it", bend(func(b *bent) { listsCopies(b, d) })},
		{"invents-a-value", "its own name is among the values", read(func(b *bent, list []json.RawMessage) any {
			return append(list, json.RawMessage(strconv.Quote(b.name())))
		})},
		{"drops-each-tenth", "it acknowledges each tenth value, and forgets it", bend(func(b *bent) { dropsTenth(b, d) })},
		{"reads-its-own-alone", "it reads what its own clients have added", read(func(b *bent, _ []json.RawMessage) any {
			list := []json.RawMessage{}
			for _, e := range b.node().entries {
				if !e.learned.IsValid() {
					list = append(list, json.RawMessage(e.Key))
				}
			}
			return list
		})},
		{"reads-the-past", "it reads what it knew three seconds ago", bend(func(b *bent) { readsThePast(b, d) })},
		{"flickers", "every other read lacks its newest value", bend(func(b *bent) {
			odd := false
			b.reading("read", func(fields args) args {
				list := fields[d.reads].([]json.RawMessage)
				if odd = !odd; odd && len(list) > 0 {
					list = list[:len(list)-1]
				}
				return args{d.reads: list}
			})
		})},
		{"null-for-none", "it reads null when there is nothing", read(func(_ *bent, list []json.RawMessage) any {
			if len(list) == 0 {
				return nil
			}
			return list
		})},
		{"list-as-text", "it reads a text that has a list in it", read(func(_ *bent, list []json.RawMessage) any {
			text, _ := json.Marshal(list)
			return string(text)
		})},
		{"whole-numbers-alone", "it refuses what is no whole number", bend(func(b *bent) {
			b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				in, fields, failed := b.Tongue.Command(op, body)
				if c, ok := in.(change); ok {
					if _, err := strconv.Atoi(c.entry.Key); err != nil {
						return true, nil, nil, stdio.Errorf(stdio.MalformedRequest, "want a whole number")
					}
				}
				return true, in, fields, failed
			}
		})},
		{"values-by-node", "a value that two nodes were asked to add is two for it", bend(func(b *bent) {
			valuesByNode(b, d)
		})},
	}...)
}

func listsCopies(b *bent, d dialect) {
	copies := map[string]int{}
	b.hearing(func(m news) news {
		for _, e := range m.entries {
			if slices.ContainsFunc(b.node().entries, func(old entry) bool { return old.Key == e.Key }) {
				copies[e.Key]++
			}
		}
		return m
	})
	b.reading("read", func(fields args) args {
		list := fields[d.reads].([]json.RawMessage)
		for _, value := range slices.Clone(list) {
			list = append(list, slices.Repeat([]json.RawMessage{value}, copies[string(value)])...)
		}
		return args{d.reads: list}
	})
}

func dropsTenth(b *bent, d dialect) {
	n := 0
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		if body.Type == d.add {
			n++
		}
		return body.Type == d.add && n%10 == 0, nil, nil, nil
	}
}

func readsThePast(b *bent, d dialect) {
	type snapshot struct {
		at    time.Duration
		known int
	}
	var past []snapshot
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		past = append(past, snapshot{b.Now, len(b.node().entries)})
		return effects
	}
	b.answering("read", func(_ stdio.Body, fields args, failed *stdio.Error) (args, *stdio.Error) {
		known := 0
		for _, s := range past {
			if s.at+3*time.Second <= b.Now {
				known = s.known
			}
		}
		return args{d.reads: fields[d.reads].([]json.RawMessage)[:known]}, failed
	})
}

func valuesByNode(b *bent, d dialect) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		in, fields, failed := b.Tongue.Command(op, body)
		if c, ok := in.(change); ok {
			c.entry.Key = `["` + b.name() + `",` + c.entry.Key + `]`
			in = c
		}
		if list, ok := fields[d.reads].([]json.RawMessage); ok {
			for i := range list {
				var pair [2]json.RawMessage
				_ = json.Unmarshal(list[i], &pair) // it is ours
				list[i] = pair[1]
			}
		}
		return true, in, fields, failed
	}
}

// broadcastMutants are wrong about a topology, or wasteful.
func broadcastMutants() []Mutant {
	bend := bentSet(broadcasts())
	return []Mutant{
		{"one-step", "it tells its neighbours what its own clients have added, and nothing else", bend(func(b *bent) {
			b.telling(func(s spec.Send, m news) []spec.Effect {
				m.entries = slices.DeleteFunc(slices.Clone(m.entries), func(e entry) bool { return e.learned.IsValid() })
				s.Msg = m
				return []spec.Effect{s}
			})
		})},
		{"refuses-a-topology", "it does not know the topology message", bend(func(b *bent) {
			b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				return body.Type == "topology", nil, nil, noRequest(body)
			}
		})},
		{"says-it-thrice", "it sends all news three times", bend(func(b *bent) {
			b.telling(func(s spec.Send, _ news) []spec.Effect { return []spec.Effect{s, s, s} })
		})},
		{"tells-late", "it waits a second before it tells what is new", bend(func(b *bent) {
			b.OnStart = func() { b.node().wait = time.Second }
			b.OnEffects = func(in spec.Input, effects []spec.Effect) []spec.Effect {
				if _, wakes := in.(spec.Wake); wakes {
					return effects
				}
				return slices.DeleteFunc(effects, func(e spec.Effect) bool {
					s, _ := e.(spec.Send)
					m, ok := s.Msg.(news)
					return ok && len(m.entries) > 0
				})
			}
		})},
	}
}
