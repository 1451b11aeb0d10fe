package broadcast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// access is a request about one key.
type access struct {
	key             int
	typ             string // read, write or cas
	value, from, to string // of the last two types
}

// result is what it was answered with.
type result struct {
	ok    bool
	value string // of a read; "" says that there is no key
}

// registers is one of porcupine's models: a map of keys to values, key by key.
func registers() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, linearKeys)
			for _, op := range history {
				key := op.Input.(access).key
				parts[key] = append(parts[key], op)
			}
			return parts
		},
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			in := input.(access)
			got, known := output.(result)
			switch in.typ {
			case "read":
				return !known || got.value == state, state
			case "write":
				return true, in.value
			}
			applies := state == in.from
			if applies {
				state = in.to
			}
			return !known || got.ok == applies, state
		},
		Equal: func(a, b any) bool { return a == b },
	}
}

// Of a run that is judged for linearizability.
const (
	linearClients  = 3
	linearRequests = 10 // of each client, three times
	linearKeys     = 2
	linearValues   = 4 // so few that a cas meets its value now and then
)

func runLinear(t *T, disturb func(*store) *cluster.Fault) {
	s := stores(t)
	s.Log()
	history := s.accesses()
	f := disturb(s)
	history = append(history, s.accesses()...)
	if f != nil {
		s.Heal(f)
		s.ready()
		talked := slices.ContainsFunc(s.Log(), func(p cluster.Passed) bool {
			return strings.HasPrefix(p.Msg.Src, "n") && strings.HasPrefix(p.Msg.Dest, "n")
		})
		if talked {
			s.Touched(f)
		}
	}
	history = append(history, s.accesses()...)
	cluster.Linear{Model: registers(), Want: "linearizable keys", Share: 3, Tell: told}.Judge(t, history)
}

// accesses has the clients work, each through the nodes in turn.
func (s *store) accesses() []porcupine.Operation {
	type client struct {
		call *cluster.Call
		what access
		done int
	}
	clients := make([]client, linearClients)
	var history []porcupine.Operation
	open := func(c client) bool {
		return c.call != nil && !c.call.Done() && s.Now()-c.call.Sent < openAfter
	}
	for {
		busy := false
		for i := range clients {
			c := &clients[i]
			if open(*c) {
				busy = true
				continue
			}
			if c.call != nil {
				history = append(history, operation(i, c.what, c.call))
				c.call = nil
			}
			if c.done < linearRequests {
				c.what = s.drawAccess()
				c.call = s.Go(s.Nodes()[(i+c.done)%3], c.what.typ, c.what.fields())
				c.done++
				busy = true
			}
		}
		if !busy {
			return history
		}
		s.Pass(time.Millisecond) // so that what follows an answer is later
		s.Until(func() bool {
			return slices.ContainsFunc(clients, func(c client) bool { return c.call != nil && !open(c) })
		}, openAfter)
	}
}

// openAfter is when a client takes a request for open and goes on: sooner than
// elsewhere, so that a partition does not hold up all clients for long.
const openAfter = time.Second

func (s *store) drawAccess() access {
	r := s.t.Rand()
	draw := func() string { return fmt.Sprint(r.Below(linearValues)) }
	return access{
		key: int(r.Below(linearKeys)), typ: []string{"read", "write", "cas"}[r.Below(3)],
		value: draw(), from: draw(), to: draw(),
	}
}

func (a access) fields() args {
	number := func(text string) int { return int(text[0] - '0') }
	switch a.typ {
	case "read":
		return args{"key": a.key}
	case "write":
		return args{"key": a.key, "value": number(a.value)}
	}
	return args{"key": a.key, "from": number(a.from), "to": number(a.to)}
}

// operation is a request as porcupine reads it. One that surely has not happened,
// for a reason that is not the key's, tells nothing: it is left open.
func operation(client int, what access, call *cluster.Call) porcupine.Operation {
	var output any
	e := call.Err()
	switch {
	case call.OK() && what.typ == "read":
		output = result{ok: true, value: valueOf(call.Reply)}
	case call.OK():
		output = result{ok: true}
	case e != nil && e.Code == stdio.KeyDoesNotExist && what.typ != "write",
		e != nil && e.Code == stdio.PreconditionFailed && what.typ == "cas":
		output = result{}
	}
	return call.Operation(client, what, output)
}

func told(op porcupine.Operation) string {
	in := op.Input.(access)
	what := map[string]string{
		"read": "read", "write": "write " + in.value, "cas": "cas " + in.from + " to " + in.to,
	}[in.typ]
	switch got, known := op.Output.(result); {
	case known && !got.ok:
		what += ": refused"
	case known && in.typ == "read":
		what += ": " + got.value
	}
	return fmt.Sprintf("key %d, %s", in.key, what)
}
