package dht

import (
	"github.com/p2pspec/p2pspec/conformance"
)

// bep43 judges read-only nodes, as seen by others and as the target.
var bep43 = []Case{
	{
		ID: "bep43/ro/read-only-querier-is-served", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP43-RO-003"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "ping, find_node and get_peers with ro 1 at the top level should be answered as " +
			"without it: a read-only node asks like any other.",
		Causes: []string{"read-only queries are dropped"},
		Kills: []string{
			"no-token-for-unknown-hashes", "nodes-as-list", "read-only-queriers-ignored",
		},
		Run: func(t *T) {
			p, key, ro := NewPeer(t), randomID(t), Dict{"ro": 1}
			p.Expect("ping", nil, ro)
			p.Expect("find_node", Dict{"target": key[:]}, ro).Nodes()
			p.Expect("get_peers", Dict{"info_hash": key[:]}, ro).Token()
		},
	},
	{
		ID:  "bep43/ro/read-only-querier-is-not-handed-out",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP43-RO-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it without ro, which is handed out", Within: PatientCase,
		Explain: "Two nodes of one bucket ask the target and answer it; one says ro 1. The other is " +
			"handed out. The read-only one should not be, even if it answers a ping: it asks not to be " +
			"asked.",
		Causes: []string{"ro is not known", "ro is looked for among the arguments"},
		Kills: []string{
			"nodes-as-list", "queriers-filed-unasked", "queriers-not-asked", "ro-ignored",
		},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			ro, fine := nodes[0], nodes[1]
			ro.Begin("find_node", Dict{"target": ro.ID[:]}, Dict{"ro": 1})
			Known(t, fine)
			ro.Begin("find_node", Dict{"target": ro.ID[:]}, Dict{"ro": 1})
			t.Wait(t.SilenceWait())
			neverHandedOut(t, ro, "its queries say that it is read-only")
		},
	},
	{
		ID: "bep43/ro/zero-is-not-read-only", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP43-RO-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a node beside it without ro, which is handed out", Within: PatientCase,
		Explain: "A node asks with ro 0 and answers. Only 1 means read-only, so a target that takes " +
			"in nodes may take in this one; whether it does is recorded.",
		Kills: []string{"nodes-as-list", "queriers-not-asked", "ro-by-presence"},
		Run: func(t *T) {
			nodes := newcomers(t, 2)
			zero, fine := nodes[0], nodes[1]
			zero.Begin("find_node", Dict{"target": zero.ID[:]}, Dict{"ro": 0})
			Known(t, fine)
			if !t.Until(func() bool { return len(zero.Queries) > 0 }, AskedWithin) || len(HandedOut(t, zero)) == 0 {
				t.Infof("a node whose queries say ro 0 is not handed out")
			}
		},
	},
	{
		ID:  "bep43/node/read-only-target-does-not-answer",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP43-RO-002", "BEP43-RO-001"},
		Role:         conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedBootstrap, conformance.NeedVerb("get_peers")},
		Control: "the target's own lookups before and after, which show that it runs",
		Explain: "The target is started read-only with a scripted contact, and looks up a hash. Its " +
			"queries must say ro 1. Queries to it must then stay without answer until a second lookup " +
			"shows that it still runs.",
		Causes: []string{"ro is sent but queries are served", "the setting only stops announces"},
		Kills:  []string{"answers-when-read-only"},
		Run: func(t *T) {
			n := NewNode(t, randomID(t))
			t.Start(conformance.StartOptions{Bootstrap: bootstrap(n), ReadOnly: true})
			lookUp(t, n)
			for _, q := range n.Queries {
				if v, _ := q.Msg.Get("ro"); !isOne(v) {
					t.Inconclusivef("a query of the target does not say ro 1: it was perhaps not started read-only")
				}
			}
			t.Earn()
			p, key := NewPeer(t), randomID(t)
			answers := []*Answer{
				p.Begin("ping", nil), p.Begin("find_node", Dict{"target": key[:]}),
				p.Begin("get_peers", Dict{"info_hash": key[:]}),
			}
			t.Wait(t.SilenceWait())
			lookUp(t, n)
			for _, a := range answers {
				if a.Kind != None {
					t.Mismatch("the answer to "+a.What, a, "silence")
				}
			}
		},
	},
}
