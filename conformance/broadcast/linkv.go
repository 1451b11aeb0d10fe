package broadcast

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func linKVCases() []Case {
	return []Case{
		{
			ID: "lin-kv/key/missing", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-13"},
			Explain:      "A read and a cas of a key that nobody has written are answered with error 20 by every node.",
			Causes:       []string{"a key that is not there reads as null", "a cas creates its key"},
			Run: func(t *T) {
				s := stores(t)
				for i, node := range s.Nodes() {
					s.refused(node, "read", args{"key": i}, stdio.KeyDoesNotExist)
					s.refused(node, "cas", args{"key": i, "from": 0, "to": 1}, stdio.KeyDoesNotExist)
					s.refused(node, "read", args{"key": i}, stdio.KeyDoesNotExist)
				}
			},
		},
		{
			ID: "lin-kv/write/read-everywhere", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain: "A key is written at one node, and once that has answered every node reads the value. The same for the " +
				"next value, written at another node.",
			Causes: []string{"a node answers from its own copy", "write_ok is sent before the others know"},
			Run: func(t *T) {
				s := stores(t)
				for i := range 10 {
					s.Ask(s.Nodes()[i%3], "write", args{"key": 1, "value": i})
					for _, node := range s.Nodes() {
						s.reads(node, 1, fmt.Sprint(i))
					}
				}
			},
		},
		{
			ID: "lin-kv/write/keys-apart", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain:      "Ten keys are written, and then read at other nodes: each has its own value.",
			Causes:       []string{"there is one value, and the key is overlooked"},
			Run: func(t *T) {
				s := stores(t)
				for key := range 10 {
					s.Ask(s.Nodes()[key%3], "write", args{"key": key, "value": 100 + key})
				}
				for key := range 10 {
					s.reads(s.Nodes()[(key+1)%3], key, fmt.Sprint(100+key))
				}
			},
		},
		{
			ID: "lin-kv/cas/applies", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain:      "A cas whose from is the value of the key is answered with cas_ok, and all nodes read its to.",
			Causes:       []string{"a cas answers and changes nothing"},
			Run: func(t *T) {
				s := stores(t)
				s.Ask("n0", "write", args{"key": 1, "value": 0})
				for i := range 6 {
					s.Ask(s.Nodes()[i%3], "cas", args{"key": 1, "from": i, "to": i + 1})
					s.reads(s.Nodes()[(i+1)%3], 1, fmt.Sprint(i+1))
				}
			},
		},
		{
			ID: "lin-kv/cas/precondition", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain:      "A cas whose from is not the value of the key is answered with error 22, and changes nothing.",
			Causes:       []string{"from is overlooked", "it is answered with another error"},
			Run: func(t *T) {
				s := stores(t)
				s.Ask("n0", "write", args{"key": 1, "value": 4})
				for _, node := range s.Nodes() {
					s.refused(node, "cas", args{"key": 1, "from": 3, "to": 5}, stdio.PreconditionFailed)
					s.reads(node, 1, "4")
				}
			},
		},
		{
			ID: "lin-kv/cas/one-winner", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain: "Three nodes are asked at the same moment to change the same value to three others. At most one of them " +
				"answers cas_ok, and the key has its value then. Ten rounds.",
			Causes: []string{"the value is compared at one time and set at another"},
			Run:    runOneWinner,
		},
		{
			ID: "lin-kv/order/linearizable", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13"},
			Explain: "Three clients read, write and cas two keys through all nodes at the same time, 90 times. There is " +
				"an order of all that agrees with what was answered and with what had ended before what began.",
			Causes: []string{"a node reads its own copy, or an older one", "a change is acknowledged before it is sure"},
			Run: func(t *T) {
				runLinear(t, func(*store) *cluster.Fault { return nil })
			},
		},
		{
			ID: "lin-kv/order/partition", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"GO-MS-13", "GO-MS-14"},
			Explain: "The same, and for a third of the requests one node cannot reach the other two. Requests may stay open: " +
				"they have happened at any time, or never.",
			Causes: []string{"a leader that is cut off goes on to answer reads", "two nodes take themselves for the leader"},
			Run: func(t *T) {
				runLinear(t, func(s *store) *cluster.Fault { return s.Partition(halves(s.Cluster)[0]) })
			},
		},
		unknownRequest("lin-kv", func(t *T) *cluster.Cluster {
			s := stores(t)
			s.Ask("n0", "write", args{"key": 1, "value": 3})
			s.reads("n0", 1, "3")
			return s.Cluster
		}),
	}
}

// store is one case's use of nodes that keep keys and values.
type store struct {
	*cluster.Cluster
	t *T
}

// electionTime is what nodes have to find a leader, if they want one.
const electionTime = 15 * time.Second

// stores are three nodes that answer: one that has no leader yet says so with an
// error, or says nothing.
func stores(t *T) *store {
	s := &store{cluster.New(t, few(3)), t}
	s.ready()
	return s
}

// ready waits until all nodes answer, or have had time enough to find a leader.
func (s *store) ready() {
	for end := s.Now() + electionTime; ; s.Pass(100 * time.Millisecond) {
		ready := true
		for _, node := range s.Nodes() {
			call := s.Go(node, "read", args{"key": "is there a leader"})
			answered := s.Wait(time.Second, call)
			ready = ready && answered && (call.OK() || call.Err().Code == stdio.KeyDoesNotExist)
		}
		if ready || s.Now() >= end {
			return
		}
	}
}

// refused wants that a request fails with the code.
func (s *store) refused(node, typ string, fields args, code int) {
	call := s.Call(node, typ, fields)
	if e := call.Err(); e == nil || e.Code != code {
		s.t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("%s answers a %s wrongly that cannot be done", node, typ),
			Expected: []string{fmt.Sprintf("error %d", code)}, Got: string(call.Reply.Raw),
		})
	}
	s.t.Earn()
}

// reads wants that a node reads a value.
func (s *store) reads(node string, key int, value string) {
	body := s.Ask(node, "read", args{"key": key})
	if got := valueOf(body); got != value {
		s.t.Mismatch(fmt.Sprintf("the value of key %d that %s reads", key, node), got, value)
	}
	s.t.Earn()
}

func valueOf(body stdio.Body) string {
	var reply struct{ Value json.RawMessage }
	_ = body.Decode(&reply) // it is an object
	return cluster.Canonical(reply.Value)
}

func runOneWinner(t *T) {
	s := stores(t)
	s.Ask("n0", "write", args{"key": 1, "value": 0})
	now := 0
	for round := range 10 {
		calls := map[int]*cluster.Call{}
		for i, node := range s.Nodes() {
			to := 10*(round+1) + i
			calls[to] = s.Go(node, "cas", args{"key": 1, "from": now, "to": to})
		}
		var winners []int
		open := 0
		for i := range s.Nodes() {
			to := 10*(round+1) + i
			answered := s.Wait(cluster.Patience, calls[to])
			switch call := calls[to]; {
			case answered && call.OK():
				winners = append(winners, to)
			case !answered || call.Err() == nil || call.Err().Code != stdio.PreconditionFailed:
				open++
			}
		}
		if len(winners) > 1 || len(winners)+open == 0 {
			t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("of three cas from %d at the same time, %d succeed", now, len(winners)),
				Expected: []string{"one: the others are answered with error 22"}, Got: fmt.Sprint("values set: ", winners),
			})
		}
		if open > 0 {
			t.Inconclusivef("%d of three cas were neither done nor refused with error 22", open)
		}
		now = winners[0]
		s.reads(s.Nodes()[round%3], 1, fmt.Sprint(now))
	}
}
