package broadcast

import (
	"encoding/json"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func echoCases() []Case {
	return []Case{
		{
			ID: "echo/payload/text", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-01", "GO-MS-02"},
			Explain: "Each of three nodes is sent texts as Maelstrom sends them, \"Please echo 17\", and answers echo_ok " +
				"with the same text.",
			Causes: []string{"the field is not called echo in the answer", "the answer goes to another client"},
			Run:    func(t *T) { echoes(t, `"Please echo 17"`, `"Please echo 18"`, `""`) },
		},
	}
}

// echoes sends payloads to each of three nodes and wants them back.
func echoes(t *T, payloads ...string) {
	c := cluster.New(t, cluster.Options{Nodes: 3, Plain: true})
	for _, node := range c.Nodes() {
		for _, p := range payloads {
			echoed(c, c.Call(node, "echo", args{"echo": json.RawMessage(p)}), p)
		}
	}
}

// echoed wants that an answer has the payload.
func echoed(c *cluster.Cluster, call *cluster.Call, payload string) {
	c.Answered(call)
	var reply struct{ Echo json.RawMessage }
	_ = call.Reply.Decode(&reply) // it is an object
	if cluster.Canonical(reply.Echo) != cluster.Canonical([]byte(payload)) {
		c.T().Fail(conformance.Failure{
			Message: call.Node + " does not answer with what it was sent", Where: "body.echo",
			Expected: []string{payload}, Got: string(call.Reply.Raw),
		})
	}
	c.T().Earn()
}
