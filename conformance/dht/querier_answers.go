package dht

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep5Replies judges what the target makes of the answers to its queries. One
// of the nodes that it knows lies; another names the node that the lookup has
// to go on to.
var bep5Replies = []Case{
	{
		ID:  "bep5/reply/from-another-port-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A query of the lookup is answered with its transaction id and the right node " +
			"id, but from another port of the same address. The node that this answer names " +
			"must not be asked.",
		Causes: []string{
			"answers are matched by transaction id alone",
			"only the IP address of the sender is compared",
		},
		Kills: []string{
			"accepts-any-source", "accepts-wrong-source-port", "asks-all-it-hears-of",
			"asks-its-own-table-alone",
		},
		Run: func(t *T) {
			judgeForgery(t, "in an answer from another port", func(f *fork, q *Query) {
				forger := f.liar.Sibling()
				forger.ID = f.liar.ID
				q.replyFrom(forger, f.liar.naming(f.trap))
			})
		},
	},
	{
		ID:  "bep5/reply/from-another-address-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A query of the lookup is answered with its transaction id and the right node " +
			"id, but from another address. The node that this answer names must not be asked.",
		Causes: []string{
			"answers are matched by transaction id alone",
			"answers are matched by node id",
		},
		Kills: []string{
			"accepts-any-source", "asks-all-it-hears-of", "asks-its-own-table-alone",
		},
		Run: func(t *T) {
			judgeForgery(t, "in an answer from another address", func(f *fork, q *Query) {
				forger := NewPeer(t)
				forger.ID = f.liar.ID
				q.replyFrom(forger, f.liar.naming(f.trap))
			})
		},
	},
	{
		ID:  "bep5/reply/with-another-transaction-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A query of the lookup is answered from the right address with transaction ids " +
			"that the target did not choose: longer, shorter and altered. The node that these " +
			"answers name must not be asked.",
		Causes: []string{
			"answers are matched by address alone",
			"only a prefix of the transaction id is compared",
		},
		Kills: []string{"answers-matched-by-address", "asks-its-own-table-alone"},
		Run: func(t *T) {
			judgeForgery(t, "under another transaction id", func(f *fork, q *Query) {
				chosen := q.T
				altered := bytes.Clone(chosen)
				altered[len(altered)-1] ^= 0x55
				for _, tx := range [][]byte{append(bytes.Clone(chosen), '!'), altered, chosen[:len(chosen)-1]} {
					q.T = tx
					q.Reply(f.liar.naming(f.trap))
				}
				q.T = chosen
			})
		},
	},
	{
		ID:  "bep5/reply/under-another-id-is-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A node that the target knows under one id answers a query of the lookup under " +
			"another. The target should not ask the node that this answer names: whoever asks " +
			"for an id expects its holder.",
		Causes: []string{"the id of an answer is not compared with that of the node asked"},
		Kills: []string{
			"answer-id-not-compared", "asks-all-it-hears-of", "asks-its-own-table-alone",
		},
		Run: func(t *T) {
			other := randomID(t)
			judgeForgery(t, "under another id", func(f *fork, q *Query) {
				q.Reply(merge(f.liar.naming(f.trap), Dict{"id": other[:]}))
			})
		},
	},
	{
		ID:  "bep5/reply/malformed-nodes-are-survived",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-014"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "Nodes answer a lookup with nodes of 25, 27 and 1 bytes, with a list and with " +
			"an integer in its place. The target may use whole entries or nothing; the lookup " +
			"must go on and the target answer a ping.",
		Causes: []string{
			"the string is cut into 26 bytes without looking at its length",
			"one bad answer ends the lookup",
		},
		Kills: []string{"asks-its-own-table-alone", "crashes-on-malformed-nodes"},
		Run: func(t *T) {
			f := newFork(t, func(f *fork, q *Query) {
				whole := f.liar.naming(f.trap)["nodes"].([]byte)
				for _, nodes := range []any{whole[:25], append(whole, 1), "x", []any{whole}, 26} {
					q.Malformed(Dict{"t": q.T, "y": "r", "r": Dict{"id": f.liar.ID[:], "nodes": nodes}},
						fmt.Sprintf("nodes is %.60q", fmt.Sprint(nodes)))
				}
			})
			f.follow(t)
			NewPeer(t).Expect("ping", nil)
		},
	},
	{
		ID:  "bep5/reply/unknown-keys-are-ignored",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-007"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "another node's plain answer, which the lookup uses", Within: LookupCase,
		Explain: "A node answers a lookup with keys that no document defines, of all four " +
			"types, at the top level and in r. The node that this answer names must be asked: " +
			"extensions rely on it.",
		Causes: []string{
			"the message is decoded into a fixed shape that refuses what it does not know",
		},
		Kills: []string{"asks-its-own-table-alone", "unknown-keys-refused"},
		Run: func(t *T) {
			odd := Dict{"0odd": 1, "odd": "text", "odd list": []any{1, "x"}, "zodd": Dict{"a": Dict{"b": 2}}}
			f := newFork(t, func(f *fork, q *Query) { q.Reply(merge(f.liar.naming(f.trap), odd), odd) })
			f.follow(t)
			if len(about(f.key, f.trap.Queries)) == 0 {
				t.Failf("the node that an answer with unknown keys named was not asked")
			}
		},
	},
	{
		ID:  "bep5/reply/error-ends-the-query",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-013"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A node answers a query of the lookup with error 202. The lookup must go on " +
			"elsewhere and not put the same question to that node again: it has been answered.",
		Causes: []string{
			"an error counts as no answer, so the query is repeated",
			"an error ends the lookup",
		},
		Kills: []string{
			"an-error-ends-the-lookup", "asks-its-own-table-alone", "asks-twice",
			"repeats-after-errors",
		},
		Run: func(t *T) {
			f := newFork(t, func(_ *fork, q *Query) { q.Error(202, "server error") })
			f.follow(t)
			if t.Virtual() {
				t.Wait(RepeatWithinVirtual)
			}
			if got := about(f.key, f.liar.Queries); len(got) > 1 {
				t.Mismatch("queries for the key to the node that answered with an error", len(got), "one")
			}
		},
	},
	{
		ID:  "bep5/reply/malformed-errors-are-survived",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-013", "BEP05-KRPC-009"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A node answers a query of the lookup with errors whose e is a string, an " +
			"integer, empty, or the wrong way round, or is absent. The lookup must go on and " +
			"the target answer a ping.",
		Causes: []string{"e is indexed before its length and its types are known"},
		Kills: []string{
			"an-error-ends-the-lookup", "asks-its-own-table-alone",
			"crashes-on-malformed-errors",
		},
		Run: func(t *T) {
			f := newFork(t, func(_ *fork, q *Query) {
				for _, e := range []any{
					nil, "oops", 202, []any{}, []any{202}, []any{"oops", 202}, []any{[]any{}, Dict{}},
				} {
					q.Malformed(Dict{"t": q.T, "y": "e", "e": e}, fmt.Sprintf("e is %v", e))
				}
			})
			f.follow(t)
			NewPeer(t).Expect("ping", nil)
		},
	},
	{
		ID:  "bep5/reply/malformed-responses-are-survived",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "an honest node's answer, which the lookup follows", Within: LookupCase,
		Explain: "A node answers a query of the lookup without r, with r of another type, " +
			"without id, with an id of 19 bytes, and with values, token and samples of wrong " +
			"types. The lookup must go on and the target answer a ping.",
		Causes: []string{"fields are used before their types are known"},
		Kills:  []string{"asks-its-own-table-alone", "crashes-on-malformed-responses"},
		Run: func(t *T) {
			f := newFork(t, func(f *fork, q *Query) {
				id := f.liar.ID[:]
				for _, r := range []any{
					nil, "r", 1, []any{}, Dict{}, Dict{"id": id[:19]}, Dict{"id": 7}, Dict{"id": id, "values": "peers"},
					Dict{"id": id, "values": []any{1, []any{}, "12345", ""}}, Dict{"id": id, "token": 5, "nodes": ""},
				} {
					q.Malformed(Dict{"t": q.T, "y": "r", "r": r}, fmt.Sprintf("r is %.60q", fmt.Sprint(r)))
				}
			})
			f.follow(t)
			NewPeer(t).Expect("ping", nil)
		},
	},
	{
		ID:  "bep5/reply/late-one-gets-no-answer",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-011"}, Role: conformance.Querier, Kind: conformance.Silence,
		Needs:   append(joins(), conformance.NeedClock),
		Control: "a ping before and after from the same socket", Within: 5 * time.Minute,
		Explain: "The target's second contact answers a query after two minutes, when everybody " +
			"has given it up. The target must not send an error or a response to the late " +
			"answer.",
		Causes: []string{"an answer without an open query is reported to its sender as an error"},
		Kills:  []string{"answers-twice", "errors-for-late-answers"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 2)...)
			slow := w.Nodes[1]
			slow.On = nil
			w.Join(conformance.StartOptions{})
			if !t.Until(func() bool { return len(slow.Queries) > 0 }, AskedWithin) {
				t.Inconclusivef("the target never asked the node that its contact named")
			}
			t.Wait(2 * time.Minute)
			if !slow.Silent(func() *Answer { slow.Queries[0].Reply(Dict{"nodes": ""}); return nil }) {
				t.Failf("the target answered the late answer to its %s", slow.Queries[0].Method)
			}
		},
	},
}

// RepeatWithinVirtual is how long to look out for a repeated query where
// waiting costs nothing: longer than any client's timeout.
const RepeatWithinVirtual = time.Minute

// judgeForgery runs a lookup in which one node's answers must be ignored.
func judgeForgery(t *T, why string, forge func(*fork, *Query)) {
	f := newFork(t, forge)
	f.follow(t)
	f.named(t, why)
}
