package chord

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func quorumCases() []Case {
	return []Case{
		{
			ID: "chord/quorum/linearizable", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-QUORUM-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Of nodes that name the capability quorum. Four clients put and get two keys through all nodes at " +
				"the same time, for 120 requests, in a stable group whose messages overtake each other. There is an order " +
				"of all that agrees with what was answered and with what had ended before what began.",
			Causes: []string{
				"a get returns what a put that is under way has written at one node, and the next get does not",
				"a put goes to the owner and the answer does not wait for a majority",
			},
			Kills: []string{
				"answers-puts-at-once", "first-put-stays", "joins-at-once", "no-second-life", "values-as-text",
				"versionless",
			},
			Run: func(t *T) { runRegister(t, func(*cluster.Cluster) *cluster.Fault { return nil }) },
		},
		{
			ID: "chord/quorum/linearizable-with-messages-twice", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-QUORUM-004", "CHORD-QUORUM-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "The same, and every fifth message between the nodes is delivered twice.",
			Causes:       []string{"a write that is delivered again undoes a later one: values carry no version"},
			Kills: []string{
				"answers-puts-at-once", "dies-of-a-repetition", "first-put-stays", "joined-by-n0-alone",
				"tells-no-predecessor", "values-as-text", "versionless",
			},
			Run: func(t *T) {
				runRegister(t, func(c *cluster.Cluster) *cluster.Fault { return c.Duplicate(0.2) })
			},
		},
	}
}

// access is a put or a get of one key; what it returned is a text, or "" for
// nothing.
type access struct {
	key   uint64
	put   bool
	value string
}

// register is one of porcupine's models: a map of keys to texts, key by key.
func register() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[uint64][]porcupine.Operation{}
			var keys []uint64
			for _, op := range history {
				key := op.Input.(access).key
				if !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
				byKey[key] = append(byKey[key], op)
			}
			var parts [][]porcupine.Operation
			for _, key := range keys {
				parts = append(parts, byKey[key])
			}
			return parts
		},
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			if in := input.(access); in.put {
				return true, in.value
			}
			return output == nil || output == state, state
		},
		Equal: func(a, b any) bool { return a == b },
	}
}

// Of the run that is judged for linearizability.
const (
	registerClients  = 4
	registerRequests = 30 // of each client
	registerKeys     = 2
)

func runRegister(t *T, disturb func(*cluster.Cluster) *cluster.Fault) {
	c := formed(t, cluster.Options{Nodes: 5, Latency: cluster.Exponential(5 * time.Millisecond)})
	need(c, "quorum")
	c.Pass(c.Periods(periodsOfStorage)) // until the group is what it stays
	f := disturb(c)
	var keys []uint64
	for range registerKeys {
		keys = append(keys, drawEven(c))
	}
	history := accesses(c, keys)
	if f != nil {
		c.Touched(f)
	}
	cluster.Linear{
		Model: register(), Want: "linearizable registers, as the capability quorum says", Share: 2, Tell: tell,
	}.Judge(t, history)
}

// accesses has the clients work, each through the members in turn, and returns
// what each request asked for and got. One without an answer may have happened
// at any time, or never.
func accesses(c *cluster.Cluster, keys []uint64) []porcupine.Operation {
	type worker struct {
		call *cluster.Call
		what access
		done int
	}
	workers := make([]worker, registerClients)
	var history []porcupine.Operation
	end := func(i int) {
		w := &workers[i]
		history = append(history, operation(i, w.what, w.call))
		w.done++
	}
	begin := func(i int) {
		w, r := &workers[i], c.T().Rand()
		w.what = access{key: keys[r.Below(uint64(len(keys)))], put: r.Below(2) == 0}
		node, typ, fields := c.Members()[(i+w.done)%len(c.Members())], "get", args{"key": w.what.key}
		if w.what.put {
			w.what.value = fmt.Sprintf("%d of client %d", w.done, i)
			typ, fields["value"] = "put", w.what.value
		}
		w.call = c.Go(node, typ, fields)
	}
	for i := range workers {
		begin(i)
	}
	for busy := registerClients; busy > 0; {
		c.Until(func() bool {
			return slices.ContainsFunc(workers, func(w worker) bool { return w.call != nil && w.call.Done() })
		}, cluster.Patience)
		for i := range workers {
			w := &workers[i]
			if w.call == nil || !w.call.Done() && c.Now()-w.call.Sent < cluster.Patience {
				continue
			}
			end(i)
			if w.call = nil; w.done < registerRequests {
				begin(i)
			} else {
				busy--
			}
		}
	}
	return history
}

// operation is a request as porcupine reads it. A definite error means that it
// did not happen: a get then tells nothing, and a put is left out as one that
// nobody has seen.
func operation(client int, what access, call *cluster.Call) porcupine.Operation {
	var output any
	switch {
	case call.OK() && what.put:
		output = "put"
	case call.OK():
		output, _ = call.Reply.Fields()["value"].(string)
	case call.Err() != nil && call.Err().Code == stdio.KeyDoesNotExist && !what.put:
		output = ""
	}
	return call.Operation(client, what, output)
}

func tell(op porcupine.Operation) string {
	in := op.Input.(access)
	if in.put {
		return fmt.Sprintf("put %d ← %q", in.key, in.value)
	}
	return fmt.Sprintf("get %d → %v", in.key, op.Output)
}
