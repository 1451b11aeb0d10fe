package kademlia

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// storeMutants are wrong about values.
func storeMutants() []Mutant {
	return []Mutant{
		{Name: "keeps-to-itself", What: "it sends nobody a STORE", bend: func(b *bent) {
			b.OnSend(func(s spec.Send) []spec.Effect {
				if isStore(s) {
					return nil
				}
				return []spec.Effect{s}
			})
		}},
		{Name: "stores-once", What: "it sends a STORE to the closest node alone", bend: storesOnce},
		{Name: "keeps-the-first", What: "it keeps the first value that it was sent under a key", bend: keepsTheFirst},
		{Name: "null-is-none", What: "it takes null for no value", bend: func(b *bent) {
			b.OnOutcome = func(typ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if value, ok := done.Result.(kademlia.Value); ok && string(value.Value) == "null" {
					return nil, stdio.Errorf(stdio.KeyDoesNotExist, "nothing")
				}
				return fields, failed
			}
		}},
		{Name: "none-is-null", What: "it finds null where there is nothing", bend: func(b *bent) {
			b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if typ == "find_value" && failed != nil {
					return args{"value": nil}, nil
				}
				return fields, failed
			}
		}},
		{Name: "asks-on", What: "it goes on asking when it has found the value", bend: asksOn},
		{Name: "never-caches", What: "it does not store a value that it has found", bend: func(b *bent) {
			b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
				if slices.ContainsFunc(effects, isFound) {
					effects = slices.DeleteFunc(effects, isStore)
				}
				return effects
			}
		}},
		{Name: "never-hands-over", What: "it gives a newcomer none of its values", bend: neverHandsOver},
		{Name: "never-copies", What: "it does not copy the values that it holds again",
			configure: func(cfg *kademlia.Config) { cfg.Replicate = never }},
		{Name: "lives-for-ever", What: "its values never expire", bend: livesForEver,
			configure: func(cfg *kademlia.Config) { cfg.Expire = never }},
		{Name: "lives-six-hours", What: "its values expire after six hours", configure: func(cfg *kademlia.Config) {
			cfg.Expire = 6 * time.Hour
		}},
		{Name: "never-republishes", What: "it does not publish its values again", configure: func(cfg *kademlia.Config) {
			cfg.Republish = never
		}},
	}
}

func isFound(e spec.Effect) bool {
	done, _ := e.(spec.Done)
	_, ok := done.Result.(kademlia.Value)
	return ok
}

// storesOnce lets the first STORE of a step pass: the closest is first.
func storesOnce(b *bent) {
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		sent := false
		return slices.DeleteFunc(effects, func(e spec.Effect) bool {
			again := isStore(e) && sent
			sent = sent || isStore(e)
			return again
		})
	}
}

func keepsTheFirst(b *bent) {
	first := map[kademlia.ID][]byte{}
	keep := func(key kademlia.ID, value []byte) []byte {
		if old, ok := first[key]; ok {
			return old
		}
		first[key] = value
		return value
	}
	b.OnInput = func(in spec.Input) spec.Input {
		switch in := in.(type) {
		case kademlia.Store:
			keep(in.Key, in.Value)
		case spec.Recv:
			if m, ok := in.Msg.(kademlia.StoreRequest); ok {
				m.Value = keep(m.Key, slices.Clone(m.Value))
				in.Msg = m
				return in
			}
		}
		return in
	}
}

// asksOn begins a lookup of nodes when a value is found.
func asksOn(b *bent) {
	b.OnEffects = func(_ spec.Input, effects []spec.Effect) []spec.Effect {
		i := slices.IndexFunc(effects, isFound)
		if i < 0 {
			return effects
		}
		found := effects[i].(spec.Done).Result.(kademlia.Value)
		return b.Machine.Step(b.Now, kademlia.FindNode{Op: ^spec.OpID(0), Target: found.Key}, effects)
	}
}

// neverHandsOver swallows a STORE that goes to whoever has just been heard of.
func neverHandsOver(b *bent) {
	b.OnEffects = func(in spec.Input, effects []spec.Effect) []spec.Effect {
		recv, ok := in.(spec.Recv)
		if _, asks := sender(in); !ok || !asks {
			return effects
		}
		return slices.DeleteFunc(effects, func(e spec.Effect) bool {
			send, _ := e.(spec.Send)
			return isStore(e) && send.To == recv.From
		})
	}
}

// livesForEver gives each value that it is sent a new life.
func livesForEver(b *bent) {
	b.OnInput = func(in spec.Input) spec.Input {
		if recv, ok := in.(spec.Recv); ok {
			if m, ok := recv.Msg.(kademlia.StoreRequest); ok {
				m.TTL = never
				recv.Msg = m
				return recv
			}
		}
		return in
	}
}
