package dht

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep5KRPC judges the envelope of messages: BEP 5 §KRPC Protocol.
var bep5KRPC = []Case{
	{
		ID: "bep5/krpc/canonical-bencoding", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-001"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "ping, find_node and get_peers are asked. Each answer must be one bencoded " +
			"dictionary and nothing else, with its keys in order and t and y as strings, because strict " +
			"readers drop anything else.",
		Causes: []string{"keys are written in the order of a hash map", "bytes follow the dictionary"},
		Kills:  []string{"keys-in-reverse-order"},
		Run: func(t *T) {
			p := NewPeer(t)
			key := randomID(t)
			for _, a := range []*Answer{
				p.Expect("ping", nil),
				p.Expect("find_node", Dict{"target": key[:]}),
				p.Expect("get_peers", Dict{"info_hash": key[:]}),
			} {
				if _, err := bencode.Parse(a.Raw, bencode.Options{}); err != nil {
					t.Mismatch("the answer to "+a.What, err, "canonical bencoding")
				}
			}
		},
	},
	{
		ID: "bep5/krpc/echoes-transaction-id", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-002"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with the suite's usual transaction id",
		Explain: "Pings with transaction ids of 1, 2, 4, 8 and 15 bytes, with zero and high bytes " +
			"among them. Each must come back byte for byte: the querier chooses the id and knows its " +
			"answers by nothing else. The document asks for a short string and names no limit; longer " +
			"ones than that are dropped by jech/dht and sent by nobody.",
		Causes: []string{
			"the id is kept as a two-byte number", "the id is treated as text", "a zero byte ends it",
		},
		Kills: []string{"transaction-id-cut-to-four", "transaction-id-filled-to-four"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			for _, n := range []int{1, 2, 4, 8, 15} {
				tx := randomBytes(t, n)
				tx[n-1] = 0
				tx[0] |= 0x80
				a := p.Ask("ping", nil, Dict{"t": tx})
				a.What = fmt.Sprintf("ping with the transaction id %x", tx)
				p.Answered(a)
				a.Response()
			}
		},
	},
	{
		ID: "bep5/krpc/empty-transaction-id", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP05-KRPC-002"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with the suite's usual transaction id",
		Explain: "A ping whose transaction id is the empty string, which the document neither asks " +
			"for nor rules out. What the target does is recorded.",
		Kills: []string{"empty-transaction-id-refused", "transaction-id-filled-to-four"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			a := p.Ask("ping", nil, Dict{"t": ""})
			if a.Kind == None {
				p.Ping()
				t.Infof("a ping with an empty transaction id is not answered")
			}
			a.Response()
		},
	},
	{
		ID: "bep5/krpc/same-id-in-every-response", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-004"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "ping, find_node and get_peers are asked from two addresses. Every response must " +
			"carry the same 20-byte id in r: a node has one id, and routing tables know it by that.",
		Causes: []string{
			"the querier's id or the target of the query is sent back",
			"an id is drawn for each answer",
		},
		Kills: []string{"answers-with-the-target-as-id"},
		Run: func(t *T) {
			id := NewPeer(t).TargetID()
			p, key := NewPeer(t), randomID(t)
			for _, a := range []*Answer{
				p.Expect("ping", nil),
				p.Expect("find_node", Dict{"target": key[:]}),
				p.Expect("get_peers", Dict{"info_hash": key[:]}),
			} {
				if a.ID != id {
					t.Mismatch("r.id of the answer to "+a.What, a.ID, id.String())
				}
			}
		},
	},
	{
		ID: "bep5/krpc/unknown-method-is-error-204", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-005"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "A query for a method that nobody has, without a target. A query that cannot be " +
			"fulfilled is answered by an error with its transaction id; for an unknown method the code " +
			"is 204. The document lists the code and says that errors are sent, not that they must " +
			"be, and of five common clients one does so: it is taken for a should.",
		Causes: []string{
			"the query is dropped",
			"another code is used",
			"e is not a list of an integer and a string",
		},
		Kills: []string{"unknown-method-ignored", "unknown-method-is-error-203"},
		Run: func(t *T) {
			p := NewPeer(t)
			a := p.Ask("p2pspec_nosuch", nil)
			p.Answered(a)
			a.Refused(204)
		},
	},
	{
		ID: "bep5/krpc/unknown-method-with-target", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-008"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "A query for a method that nobody has, with a target. It is accepted to answer it " +
			"like find_node, so that lookups of later extensions still get closer, or with error 204.",
		Causes: []string{"the query is dropped", "another error code is used"},
		Kills:  []string{"nodes-as-list", "unknown-method-ignored"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			a := p.Ask("p2pspec_nosuch", Dict{"target": key[:]})
			p.Answered(a)
			if a.Kind == Response {
				a.Response()
				a.Nodes()
				t.Observef("answered like find_node")
				return
			}
			a.Refused(204)
			t.Observef("answered with error 204")
		},
	},
	{
		ID: "bep5/krpc/unknown-keys-ignored", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-007"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "ping and find_node with keys that no document defines, of all four types, at the " +
			"top level and among the arguments. They must be answered as if the keys were not there: " +
			"extensions rely on it.",
		Causes: []string{
			"the message is decoded into a fixed shape that refuses what it does not know",
		},
		Kills: []string{"nodes-as-list", "unknown-keys-refused"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			odd := Dict{"0odd": 1, "odd": "text", "odd list": []any{1, "x"}, "zodd": Dict{"a": Dict{"b": 2}}}
			p.Expect("ping", odd, odd)
			p.Expect("find_node", merge(odd, Dict{"target": key[:]}), odd).Nodes()
		},
	},
	{
		ID: "bep5/krpc/any-version-accepted", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-006"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping without v",
		Explain: "Pings without v and with a v of 0, 4 and 20 bytes. All must be answered: the key is " +
			"informative, and nobody may rely on it.",
		Causes: []string{"v is required", "v is read into four bytes"},
		Kills:  []string{"version-of-four-bytes-only"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Expect("ping", nil)
			for _, v := range []string{"", "PS01", "twenty bytes or more"} {
				p.Expect("ping", nil, Dict{"v": v})
			}
		},
	},
	{
		ID: "bep5/krpc/states-its-version", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-006"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "The answer to a ping should carry v, the client's two letters and its version, so " +
			"that faults can be traced to the software that has them.",
		Causes: []string{"v is not sent", "v is put into r"},
		Kills:  []string{"no-version"},
		Run: func(t *T) {
			a := NewPeer(t).Expect("ping", nil)
			v, ok := field(a.Msg, "v")
			if !ok || len(v) < 2 {
				t.Mismatch("v", fmt.Sprintf("%q", v), "a string of a two-letter client and its version")
			}
			t.Observef("v is %q", v)
		},
	},
	{
		ID: "bep5/krpc/replies-to-the-source-port", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-012"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Two sockets at one address, with one node id, ask in turn. Each must get the answer " +
			"to its own question, from the very address and port that it asked.",
		Causes: []string{
			"the answer goes to the port last seen for that id or address",
			"answers leave by another socket",
		},
		Kills: []string{"answers-every-port-of-an-address", "answers-twice"},
		Run: func(t *T) {
			a := NewPeer(t)
			b := a.Sibling()
			b.ID = a.ID
			for range 2 {
				a.Expect("ping", nil)
				b.Expect("ping", nil)
			}
			for _, p := range []*Peer{a, b} {
				if len(p.Foreign) > 0 {
					t.Mismatch("the source of an answer", p.Foreign[0].From, p.target().String())
				}
				if len(p.Strays) > 0 {
					t.Mismatch("an answer at "+p.Addr().String(), "one to another socket's query", "none")
				}
			}
		},
	},
	{
		ID: "bep5/krpc/one-answer-to-a-query", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-015"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "ping, find_node, get_peers and a method that nobody has are asked once each. Each " +
			"must be answered by at most one packet: the protocol does not repeat answers, and one who " +
			"forges a sender's address would make the target send more than it was sent.",
		Causes: []string{"an answer is repeated in case it was lost", "an error follows the response"},
		Kills:  []string{"answers-twice"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			t.RTT(p.Ping())
			p.Begin("ping", nil)
			p.Begin("find_node", Dict{"target": key[:]})
			p.Begin("get_peers", Dict{"info_hash": key[:]})
			p.Begin("p2pspec_nosuch", nil)
			t.Wait(t.SilenceWait())
			p.Ping()
			if len(p.Strays) > 0 {
				t.Mismatch("answers beyond the first to a query", len(p.Strays), "none")
			}
		},
	},
	{
		ID: "bep5/krpc/stray-response-gets-no-answer", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-011"},
		Role:         conformance.Responder, Kind: conformance.Silence,
		Control: "a ping before and after from the same socket",
		Explain: "A response and an error that answer nothing are sent. Nothing may come back: two " +
			"nodes that answer each other's answers never stop.",
		Causes: []string{
			"an unknown transaction is answered by an error",
			"the key y is not looked at",
		},
		Kills: []string{"answers-strays", "answers-twice"},
		Run: func(t *T) {
			p := NewPeer(t)
			if !p.Silent(func() *Answer {
				p.Send(Dict{"t": "r???", "y": "r", "r": Dict{"id": p.ID[:]}}, "a response to nothing")
				return p.Send(Dict{"t": "e???", "y": "e", "e": []any{201, "generic"}}, "an error to nothing")
			}) {
				t.Failf("the target answered a message that is itself an answer")
			}
		},
	},
	{
		ID: "bep5/krpc/second-answer-gets-no-answer", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-011"},
		Role:         conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedBootstrap},
		Control: "a ping before and after from the same socket",
		Explain: "The target's first contact answers one of its queries a second time, as a late or " +
			"repeated datagram does. The target must not send an error or a response to it.",
		Causes: []string{"answers that come late are reported to their sender as errors"},
		Kills:  []string{"answers-twice", "errors-for-late-answers"},
		Run: func(t *T) {
			n := NewNode(t, randomID(t))
			t.Start(conformance.StartOptions{Bootstrap: bootstrap(n)})
			if !t.Until(func() bool { return len(n.Queries) > 0 }, AskedWithin) {
				t.Inconclusivef("the target never asked its first contact")
			}
			if !n.Silent(func() *Answer { n.Queries[0].Reply(Dict{"nodes": ""}); return nil }) {
				t.Failf("the target answered the repeated answer to its %s", n.Queries[0].Method)
			}
		},
	},
}
