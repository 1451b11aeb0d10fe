package dht

import (
	"bytes"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep5Table judges whom the target keeps: BEP 5 §Routing Table.
var bep5Table = []Case{
	{
		ID:  "bep5/table/silent-querier-is-not-handed-out",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-002"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it that answers, which is handed out", Within: PatientCase,
		Explain: "Two nodes of one bucket ask the target; one answers its questions and the other " +
			"never does. The one that answers is handed out; the other should not be, for nothing shows " +
			"that it can be reached.",
		Causes: []string{"whoever asks is put into the table as good"},
		Kills:  []string{"nodes-as-list", "queriers-filed-unasked", "queriers-not-asked"},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			mute, fine := nodes[0], nodes[1]
			mute.On = nil
			mute.Begin("find_node", Dict{"target": mute.ID[:]})
			Known(t, fine)
			neverHandedOut(t, mute, "it never answered anything")
		},
	},
	{
		ID:  "bep5/table/answer-from-another-port-does-not-count",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it that answers properly, which is handed out", Within: PatientCase,
		Explain: "A node answers the target's questions with the right transaction id, but from " +
			"another port. The target must not take that for the node's answer, and so should hand out " +
			"neither address.",
		Causes: []string{
			"answers are matched by transaction id alone",
			"the port of the sender is not compared",
		},
		Kills: []string{
			"accepts-any-source", "accepts-wrong-source-port", "nodes-as-list",
			"queriers-filed-unasked", "queriers-not-asked",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			odd, fine := nodes[0], nodes[1]
			other := odd.Sibling()
			other.ID = odd.ID
			scripted(odd, func(q *Query) { q.replyFrom(other, Dict{"nodes": ""}) })
			judgeUnproven(t, odd, fine, "its answers came from another port")
			handed := NewPeer(t).Expect("find_node", Dict{"target": odd.ID[:]}).Nodes()
			if slices.Contains(handed, Contact{ID: odd.ID, Addr: other.Addr()}) {
				t.Failf("the target hands out the port from which the answers came, which it never asked")
			}
		},
	},
	{
		ID:  "bep5/table/answer-with-another-transaction-does-not-count",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-010"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it that answers properly, which is handed out", Within: PatientCase,
		Explain: "A node answers the target's questions with a transaction id that the target did not " +
			"choose. That is no answer: anybody who forges the sender's address could give it.",
		Causes: []string{
			"answers are matched by the sender's address alone",
			"the transaction id is only counted up and guessed",
		},
		Kills: []string{
			"answers-matched-by-address", "nodes-as-list", "queriers-filed-unasked",
			"queriers-not-asked",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			scripted(nodes[0], func(q *Query) {
				q.T = append(bytes.Clone(q.T), '!')
				q.Reply(Dict{"nodes": ""})
			})
			judgeUnproven(t, nodes[0], nodes[1], "its answers carried other transaction ids")
		},
	},
	{
		ID:  "bep5/table/answer-with-another-id-does-not-count",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-010", "BEP05-TBL-002"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "a node beside it that answers properly, which is handed out", Within: PatientCase,
		Explain: "A node asks under one id and answers under another. It should not be handed out " +
			"under the id that it did not answer with: that is how tables are filled with nodes that do " +
			"not exist.",
		Causes: []string{"the id of the answer is not compared", "the table keeps the id of the query"},
		Kills: []string{
			"answer-id-not-compared", "newest-nodes-win", "nodes-as-list", "nodes-not-closest",
			"queriers-filed-unasked", "queriers-not-asked", "silent-nodes-kept",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			truth := randomID(t)
			scripted(nodes[0], func(q *Query) { q.Reply(Dict{"id": truth[:], "nodes": ""}) })
			judgeUnproven(t, nodes[0], nodes[1], "its answers carried another id")
		},
	},
	{
		ID: "bep5/table/error-answer-does-not-count", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-002"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it that answers properly, which is handed out", Within: PatientCase,
		Explain: "A node answers all of the target's questions with error 202. It should not be " +
			"handed out: an error carries no id, and a node that serves nobody helps no lookup.",
		Causes: []string{"any matched datagram counts as an answer"},
		Kills: []string{
			"errors-count-as-answers", "nodes-as-list", "queriers-filed-unasked",
			"queriers-not-asked",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			scripted(nodes[0], func(q *Query) { q.Error(202, "server error") })
			judgeUnproven(t, nodes[0], nodes[1], "it answered with errors alone")
		},
	},
	{
		ID: "bep5/table/own-id-is-not-handed-out", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it with an id of its own, which is handed out", Within: PatientCase,
		Explain: "A node asks and answers under the target's own id. The target should not hand it " +
			"out under that id: its table has no place for itself.",
		Causes: []string{"the own id is not excluded from the table"},
		Kills:  []string{"nodes-as-list", "queriers-filed-unasked", "queriers-not-asked"},
		Run: func(t *T) {
			fine := newcomers(t, 1)[0]
			twin := NewNode(t, NewPeer(t).TargetID())
			twin.Begin("find_node", Dict{"target": twin.ID[:]})
			Known(t, fine)
			neverHandedOut(t, twin, "its id is the target's own")
		},
	},
	{
		ID: "bep5/table/known-node-is-not-displaced", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the known node, which is handed out before", Within: PatientCase,
		Explain: "A node is known and good. Another address asks under the same id. The target should " +
			"go on handing out the first: an id alone proves nothing, and its holder still answers.",
		Causes: []string{"a query overwrites the address of the entry with its id"},
		Kills:  []string{"answers-with-the-target-as-id", "newest-address-wins", "nodes-as-list"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			Known(t, n)
			thief := NewPeer(t)
			thief.ID = n.ID
			for range 3 {
				thief.Expect("find_node", Dict{"target": n.ID[:]})
			}
			if len(HandedOut(t, n)) == 0 {
				t.Failf("after a query under the same id from %v, the node at %v is no longer handed out", thief.Addr(), n.Addr())
			}
		},
	},
	{
		ID: "bep5/table/eight-nodes-in-a-bucket", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-005"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the eight nodes that are handed out", Within: PatientCase,
		Explain: "Twelve nodes of one bucket ask the target and answer it. Eight should be kept, no " +
			"more: the bucket is not the target's own and does not split. Some clients use larger " +
			"buckets on purpose.",
		Causes: []string{
			"buckets have no limit",
			"a full bucket splits although it does not hold the own id",
		},
		Kills: []string{
			"bucket-of-16", "nodes-as-list", "queriers-filed-unasked", "queriers-not-asked",
			"silent-nodes-kept",
		},
		Run: func(t *T) {
			known := Introduce(t, newcomers(t, 12)...)
			if len(known) < K {
				t.Inconclusivef("the target hands out %d nodes of the bucket, too few to fill it", len(known))
			}
			if len(known) > K {
				t.Mismatch("nodes kept of one bucket", len(known), "8")
			}
		},
	},
	{
		ID: "bep5/table/good-for-fifteen-minutes", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-003"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the node, which is handed out before the wait", Within: PatientCase + time.Hour,
		Explain: "A node is introduced and says no more, but answers when asked. Fourteen minutes " +
			"later, and fifty, it should still be handed out.",
		Causes: []string{"nodes expire although they answer", "questionable nodes are dropped unasked"},
		Kills:  []string{"nodes-as-list", "nodes-expire-after-ten-minutes"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			Known(t, n)
			for _, wait := range []time.Duration{14 * time.Minute, 36 * time.Minute} {
				t.Wait(wait)
				if len(HandedOut(t, n)) == 0 {
					t.Failf("a node that answers is no longer handed out %v after it was", wait)
				}
			}
		},
	},
	{
		ID: "bep5/table/silent-node-is-dropped", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-004", "BEP05-TBL-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a node beside it that goes on answering, which stays",
		Within:  PatientCase + 3*time.Hour,
		Explain: "Two nodes are introduced; one falls silent. Two hours later the target should hand " +
			"out the other alone: a node that fails several queries in a row is bad.",
		Causes: []string{"nothing is asked of questionable nodes", "failures are not counted"},
		Kills: []string{
			"newest-nodes-win", "no-refresh", "nodes-as-list", "nodes-not-closest",
			"queriers-filed-unasked", "queriers-not-asked", "silent-nodes-kept",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			gone, stays := nodes[0], nodes[1]
			Known(t, gone, stays)
			gone.On = nil
			t.Wait(2 * time.Hour)
			if len(HandedOut(t, stays)) == 0 {
				t.Inconclusivef("the node that answers is no longer handed out either")
			}
			neverHandedOut(t, gone, "it has been silent for two hours")
		},
	},
	{
		ID:  "bep5/table/full-bucket-asks-the-oldest-first",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-TBL-006", "BEP05-TBL-004"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the eight nodes, which are handed out before the wait",
		Within:  PatientCase + 3*time.Hour,
		Explain: "Eight nodes fill a bucket, one minute apart. The one that was introduced first " +
			"falls silent. When a ninth turns up half an hour later the target should find out, drop the " +
			"silent node and take the ninth.",
		Causes: []string{"a full bucket turns every newcomer away", "a node that answers is evicted"},
		Kills: []string{
			"never-times-out", "nodes-as-list", "nodes-not-closest", "queriers-filed-unasked",
			"queriers-not-asked", "silent-nodes-kept",
		},
		Run: func(t *T) {
			nodes := newcomers(t, K+1)
			for _, n := range nodes[:K] {
				Known(t, n)
				t.Wait(time.Minute)
			}
			nodes[0].On = nil
			t.Wait(30 * time.Minute)
			Introduce(t, nodes[K])
			for _, n := range nodes[1:] {
				if len(HandedOut(t, n)) == 0 {
					t.Failf("the node at %v answers, but is not handed out", n.Addr())
				}
			}
			neverHandedOut(t, nodes[0], "it fell silent and the bucket is full")
		},
	},
}

// scripted lets one handler answer all that the target asks the node.
func scripted(n *Node, h Handler) { n.On = map[string]Handler{"": h} }

// judgeUnproven lets both nodes ask the target. The first gives answers that
// prove nothing and must not be handed out once the second is.
func judgeUnproven(t *T, odd, fine *Node, why string) {
	showUp(odd)
	Known(t, fine)
	invite(t, []*Node{odd})
	asked := func() bool { return allAsked([]*Node{odd}) }
	for limit := t.Now() + AskedWithin; !t.Until(asked, time.Second) && t.Now() < limit; {
		showUp(odd)
	}
	if !asked() {
		t.Inconclusivef("the target never asked the node, so it had nothing to refuse")
	}
	t.Wait(t.SilenceWait())
	neverHandedOut(t, odd, why)
}

// neverHandedOut ends the case if the target hands the node out.
func neverHandedOut(t *T, n *Node, why string) {
	p := NewPeer(t)
	for _, a := range []*Answer{
		p.Expect("find_node", Dict{"target": n.ID[:]}), p.Expect("get_peers", Dict{"info_hash": n.ID[:]}),
	} {
		if got := a.Nodes(); slices.Contains(got, n.Contact()) {
			t.Mismatch("r.nodes in the answer to "+a.What, got, "not "+n.String()+", because "+why)
		}
	}
}

// replyFrom answers from another address of the harness.
func (q *Query) replyFrom(p *Peer, r Dict) {
	msg := Dict{"t": q.T, "y": "r", "r": merge(Dict{"id": p.ID[:]}, r)}
	p.sock.SendTo(q.From, Encode(msg), "response to "+q.Method+" from another port")
}
