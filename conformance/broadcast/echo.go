package broadcast

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func echoCases() []Case {
	return []Case{
		{
			ID: "echo/payload/text", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-01", "GO-MS-02", "GO-MS-10"},
			Explain: "Each of three nodes is sent texts as Maelstrom sends them, \"Please echo 17\", and answers echo_ok " +
				"with the same text.",
			Causes: []string{"the field is not called echo in the answer", "the answer goes to another client"},
			Run:    func(t *T) { echoes(t, `"Please echo 17"`, `"Please echo 18"`, `"Please echo 17"`) },
		},
		{
			ID: "echo/payload/unicode", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-01", "GO-MS-10"},
			Explain: "Texts with quotes, backslashes, line feeds, other alphabets and characters beyond 16 bits come back as " +
				"they were: they are JSON, escaped or not.",
			Causes: []string{"a line is put together by hand, without escapes", "texts are not UTF-8"},
			Run: func(t *T) {
				echoes(t, `"a \"quoted\" \\ backslash"`, `"two\nlines\tand a tab"`, `"Grüße, 世界"`, `"\ud83c\udf10"`,
					`"\u0000\u2028"`, `"`+strings.Repeat("long ", 2000)+`"`)
			},
		},
		{
			ID: "echo/payload/nested", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-01", "GO-MS-10"},
			Explain: "Payloads that are no texts: true, lists in lists, objects in objects, empty ones. Maelstrom's schema " +
				"allows any JSON.",
			Causes: []string{"the payload is kept as a text of the language", "the order of a list is not kept"},
			Run: func(t *T) {
				echoes(t, `true`, `[3,1,[2,[]],{}]`, `{"b":{"a":[1,"x"]},"type":"read","msg_id":9}`, `""`)
			},
		},
		{
			ID: "echo/payload/null", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-10"},
			Explain:      "Payloads that a language may take for nothing come back: null, false, 0.",
			Causes:       []string{"a field that is false or zero is left out of the answer"},
			Run:          func(t *T) { echoes(t, `false`, `0`, `null`) },
		},
		{
			ID: "echo/payload/numbers", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-10"},
			Explain: "Whole numbers up to 2^53 and fractions come back with the value that they had: so much every JSON " +
				"parser keeps.",
			Causes: []string{"numbers are read into 32 bits, or written in another form with less digits"},
			Run:    func(t *T) { echoes(t, `9007199254740991`, `-4294967297`, `0.1`, `1.5`, `[1,2.25]`) },
		},
		{
			ID: "echo/payload/big-numbers", Level: conformance.May, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-10"},
			Explain: "A whole number of 19 digits comes back with all of them. Languages whose numbers are all floating " +
				"point cannot.",
			Causes: []string{"numbers are read as floating point"},
			Run:    func(t *T) { echoes(t, `9223372036854775807`, `1234567890123456789`) },
		},
		{
			ID: "echo/client/same-number", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-01", "GO-MS-10"},
			Explain: "Five clients ask one node at the same time, and their requests have the same msg_id: each counts for " +
				"itself. Each is answered with its own payload.",
			Causes: []string{"requests are kept by msg_id alone", "answers go to whoever has asked last"},
			Run:    runSameNumber,
		},
		{
			ID: "echo/reply/no-other-keys", Level: conformance.Should, Kind: conformance.Reply,
			Requirements: []string{"GO-MS-10", "GO-MS-15"},
			Explain: "echo_ok has the field echo and no other one of its own, and clients are sent nothing else: Maelstrom " +
				"reports further keys as malformed.",
			Causes: []string{"the answer is made of the request, with its fields left in", "a request is answered twice"},
			Run: func(t *T) {
				c := cluster.New(t, few(2))
				calls := []*cluster.Call{c.Go("n0", "echo", args{"echo": "one"}), c.Go("n1", "echo", args{"echo": "two"})}
				echoed(c, calls[0], `"one"`)
				echoed(c, calls[1], `"two"`)
				bare(c, map[string]string{"echo": "echo"}, calls)
			},
		},
		unknownRequest("echo", func(t *T) *cluster.Cluster {
			c := cluster.New(t, few(1))
			echoed(c, c.Call("n0", "echo", args{"echo": "known"}), `"known"`)
			return c
		}),
	}
}

// echoes sends payloads to each of three nodes and wants them back.
func echoes(t *T, payloads ...string) {
	c := cluster.New(t, few(3))
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

func runSameNumber(t *T) {
	c := cluster.New(t, few(5))
	for round := range 5 {
		var calls []*cluster.Call
		var payloads []string
		for i := range 5 { // each has initialized one node, and counts alike
			payloads = append(payloads, fmt.Sprintf(`"client %d, round %d"`, i, round))
			calls = append(calls, c.Go("n0", "echo", args{"echo": json.RawMessage(payloads[i])}))
		}
		for i, call := range calls {
			echoed(c, call, payloads[i])
		}
	}
}
