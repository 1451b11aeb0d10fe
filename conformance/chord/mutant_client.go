package chord

import (
	"errors"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// clientMutants are wrong in what they answer to clients.
func clientMutants() []Mutant {
	return []Mutant{
		{
			Name: "closed-open", What: "it looks up the key that follows: its intervals are closed where they begin",
			bend: closedOpen,
		},
		{Name: "no-hops", What: "it says 0 hops of every lookup", bend: func(b *bent) {
			b.changing("lookup", func(f args) { f["hops"] = 0 })
		}},
		{Name: "hops-count-itself", What: "it counts itself among the hops", bend: func(b *bent) {
			b.changing("lookup", func(f args) { f["hops"] = f["hops"].(int32) + 1 })
		}},
		{Name: "hops-as-text", What: "its hops are a text", bend: func(b *bent) {
			b.changing("lookup", func(f args) { f["hops"] = fmt.Sprint(f["hops"]) })
		}},
		{Name: "modulo", What: "it takes keys modulo 2^m", bend: modulo},
		{Name: "dies-of-a-bad-key", What: "it ends when a key is no number", bend: diesOfBadKey},
		{Name: "knows-everything", What: "it answers every unknown request with ok", bend: knowsEverything},
		{
			Name: "serves-before-join", What: "before it is told to join it answers for itself alone",
			bend: servesBeforeJoin,
		},
		{Name: "joins-at-once", What: "it answers join_ok before it has found its place", bend: joinsAtOnce},
		{Name: "stays", What: "it answers leave_ok and stays", bend: func(b *bent) {
			b.answering("leave", func(stdio.Body) (args, *stdio.Error) { return nil, nil })
		}},
		{Name: "no-predecessor-told", What: "its state never has a predecessor", bend: func(b *bent) {
			b.telling(func(s args) { s["predecessor"] = nil })
		}},
		{
			Name: "forgets-its-predecessor", What: "its state has a predecessor every other time",
			bend: forgetsPredecessor,
		},
		{
			Name: "list-with-itself", What: "its successor list in a small ring goes on to itself",
			bend: listWithItself,
		},
		{Name: "fingers-from-two", What: "its finger i is the owner of n + 2^i", bend: fingersFromTwo},
	}
}

func closedOpen(b *bent) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if body.Type != "lookup" {
			return false, nil, nil, nil
		}
		in, fields, failed := b.tongue.Command(op, body)
		if lookup, ok := in.(chord.Lookup); ok {
			lookup.Key = lookup.Key.AddPower(0, b.tongue.place.Overlay.Bits)
			in = lookup
		}
		return true, in, fields, failed
	}
}

func modulo(b *bent) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if _, failed := b.tongue.place.Key(body, "key"); failed == nil || !strings.Contains("lookup put get", body.Type) {
			return false, nil, nil, nil
		}
		var f struct{ Key *int64 }
		if body.Decode(&f) != nil || f.Key == nil || !b.member() {
			return false, nil, nil, nil
		}
		return true, nil, args{"node": b.tongue.place.Name, "hops": 0, "value": nil}, nil
	}
}

func diesOfBadKey(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if _, failed := b.tongue.place.Key(body, "key"); failed != nil && strings.Contains("lookup put get", body.Type) {
			b.Dead = errors.New("exit status 2")
		}
		return false, nil, nil, nil
	}
}

func knowsEverything(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		return strings.HasPrefix(body.Type, "canary"), nil, nil, nil
	}
}

func servesBeforeJoin(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		alone := !b.member() && body.Type == "lookup"
		return alone, nil, args{"node": b.tongue.place.Name, "hops": 0}, nil
	}
}

// joinsAtOnce answers, and the join goes on behind.
func joinsAtOnce(b *bent) {
	var joining spec.Input
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if body.Type != "join" {
			return false, nil, nil, nil
		}
		in, _, failed := b.tongue.Command(op, body)
		joining = in
		return true, nil, nil, failed
	}
	b.OnInput = func(in spec.Input) spec.Input {
		if _, wakes := in.(spec.Wake); wakes && joining != nil {
			in, joining = joining, nil
		}
		return in
	}
}

func forgetsPredecessor(b *bent) {
	told := 0
	b.telling(func(s args) {
		if told++; told%2 == 0 {
			s["predecessor"] = nil
		}
	})
}

func listWithItself(b *bent) {
	b.telling(func(s args) {
		if list := s["successors"].([]string); len(list) > 0 && len(list) < b.tongue.place.Overlay.Successors {
			s["successors"] = append(list, b.tongue.place.Name)
		}
	})
}

func fingersFromTwo(b *bent) {
	b.telling(func(s args) {
		if f := s["fingers"].([]string); len(f) > 0 {
			s["fingers"] = append(f[1:], f[len(f)-1])
		}
	})
}
