package kademlia

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func rpcCases() []Case {
	return []Case{
		{
			ID: "kademlia/rpc/unknown-type-refused", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-RPC-002"},
			Explain: "A node finds what a client asks it for, so that it surely answers what it knows. Then a client sends a " +
				"request of an invented type. The answer is error 10: only then does the answer to a request that exists " +
				"mean that it was carried out.",
			Causes: []string{
				"the switch over the type has no default branch",
				"every request is answered with its type and _ok",
			},
			Kills: []string{"claims-all", "files-answers-alone", "one-too-few"},
			Run: func(t *T) {
				c := cluster.Shared(t, options())
				c.Once(func() {
					join(c, c.Nodes()...)
					settle(c)
				})
				finds(c, c.Members()[0], c.DrawID(), c.Members())
				if why := c.Refusal(); why != "" {
					t.Fail(conformance.Failure{Message: why, Expected: []string{`"type":"error","code":10`}})
				}
				t.Earn()
			},
		},
		{
			ID: "kademlia/rpc/identifier-outside-the-space-refused", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-METRIC-001"},
			Explain: "find_node, find_value and store are sent with an identifier that is no number below 2^bits: 2^bits " +
				"itself, a negative number, a fraction, a text, and none at all. Each is refused with error 12, and the " +
				"node goes on to find what is there.",
			Causes: []string{
				"the identifier is cut to its low bits instead of being compared with 2^bits",
				"a missing field is read as 0",
			},
			Kills: []string{"cuts-identifiers", "files-answers-alone", "one-too-few"},
			Run:   runOutside,
		},
		{
			ID: "kademlia/rpc/not-before-join", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-JOIN-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node that has not been told to join is asked for find_node, find_value and store. It answers " +
				"error 11: it is no member yet. Then it joins, and find_node is answered.",
			Causes: []string{"the node takes itself for a member from init on"},
			Kills: []string{
				"files-answers-alone", "joins-in-name", "leaves-itself-out", "member-from-init",
				"one-too-few",
			},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 3})
				join(c, "n0", "n1")
				for typ, field := range map[string]string{"find_node": "target", "find_value": "key", "store": "key"} {
					refusedWith(c, c.Call("n2", typ, args{field: c.DrawID(), "value": 1}), stdio.Unavailable)
				}
				join(c, "n2")
				finds(c, "n2", c.ID("n2"), c.Members())
			},
		},
		{
			ID: "kademlia/rpc/strange-messages-do-no-harm", Level: conformance.Must, Kind: conformance.Silence,
			Requirements: []string{"KAD-RPC-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Control:      "a lookup before and after",
			Explain: "A node that never joins seems to send a member answers that nobody awaits, requests of invented " +
				"types, and bodies without anything that belongs there. The member still finds the other members, " +
				"and does not die.",
			Causes: []string{
				"an answer is not matched with a request that is under way",
				"a field is used before it is known to be there",
			},
			Kills: []string{
				"dies-of-strange-requests", "dies-of-unawaited-answers", "files-answers-alone",
				"leaves-itself-out", "one-too-few", "subtracts",
			},
			Run: runStrange,
		},
		{
			ID: "kademlia/rpc/doubled-messages-do-no-harm", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-RPC-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Every other message between the nodes arrives twice, and they overtake each other. Lookups find " +
				"the closest members all the same, and each client gets one answer.",
			Causes: []string{"the second answer to a request is counted as that to another one"},
			Kills: []string{
				"dies-of-unawaited-answers", "files-answers-alone", "leaves-itself-out", "one-too-few",
				"subtracts",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{})
				f := c.Duplicate(0.5)
				findAll(c, c.Members(), 3)
				c.Touched(f)
			},
		},
	}
}

func runOutside(t *T) {
	c := joined(t)
	node := c.Members()[1]
	for _, bad := range []any{uint64(1) << c.Options().Bits, -1, 0.5, "5", nil} {
		for typ, field := range map[string]string{"find_node": "target", "find_value": "key", "store": "key"} {
			request := args{"value": 1}
			if bad != nil {
				request[field] = bad
			}
			refusedWith(c, c.Call(node, typ, request), stdio.MalformedRequest)
		}
	}
	finds(c, node, c.DrawID(), c.Members())
}

// refusedWith wants a call to be answered with an error of the code.
func refusedWith(c *cluster.Cluster, call *cluster.Call, code int) {
	if e := call.Err(); e == nil || e.Code != code {
		c.T().Fail(conformance.Failure{
			Message:  fmt.Sprintf("%s does not refuse %s", call.Node, call.Type),
			Expected: []string{fmt.Sprintf(`"type":"error","code":%d`, code)}, Got: string(call.Reply.Raw),
		})
	}
}

func runStrange(t *T) {
	c := fresh(t, cluster.Options{})
	members, stranger := c.Nodes()[:6], c.Nodes()[7]
	join(c, members...)
	settle(c)
	findAll(c, members, 1)
	for _, body := range []any{
		args{"type": "canary_of_a_peer", "msg_id": 1},
		args{"type": "canary_of_a_peer"},
		args{"type": "error", "in_reply_to": 1, "code": 11, "text": "not now"},
		args{"type": "find_node_ok", "in_reply_to": 2, "nodes": []string{"n99", stranger}},
		args{"type": "FIND_NODE", "msg_id": 2},
		args{"type": "find_node", "msg_id": 3, "target": "far"},
		args{"type": "store", "msg_id": 4, "key": -1, "value": []any{nil, args{"deep": []any{}}}},
	} {
		for _, member := range members {
			c.Inject(stranger, member, body)
		}
	}
	c.Pass(2 * c.Options().Timeout)
	findAll(c, members, 1)
}
