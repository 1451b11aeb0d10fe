package dht

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// bep32Query judges what the target's own queries owe to IPv6.
var bep32Query = []Case{
	{
		ID:  "bep32/reply/mixed-values-are-read",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-004"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the lookup's query to the node that has peers", Within: LookupCase,
		Explain: "A node answers get_peers with values of 6 and of 18 bytes in one list. The " +
			"IPv4 peers before and behind the IPv6 ones must be reported; a target without IPv6 " +
			"may leave out those.",
		Causes: []string{
			"the list is dropped at the first entry of another length",
			"entries of 18 bytes are read as three of 6",
		},
		Kills: []string{"values-of-one-length"},
		Run: func(t *T) {
			w := joined(t, 4)
			key := randomID(t)
			six := []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1}
			valued(w.Nodes[1], key, []byte{10, 1, 2, 3, 0x1a, 0xe1}, six, []byte{10, 1, 2, 4, 0x1a, 0xe2})
			judgePeers(t, key, w.Nodes[1:2], "10.1.2.3:6881", "10.1.2.4:6882")
		},
	},
	{
		ID:  "bep32/bootstrap/asks-for-both-families",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-012", "BEP32-DHT6-006"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   append(joins(), conformance.NeedIPv6),
		Control: "the target's own queries",
		Explain: "A target with both families joins a DHT through an IPv4 contact. As it " +
			"bootstraps it should say want n4 and n6, a list of two strings: it may know nobody " +
			"else in the other family.",
		Causes: []string{"want is not known", "want is sent as a string"},
		Kills:  []string{"want-not-sent"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 4)...)
			w.Join(conformance.StartOptions{IPv6: true})
			w.settle()
			t.Earn()
			if !slices.ContainsFunc(w.Log, wantsBoth) {
				v, _ := w.Log[0].Args.Get("want")
				t.Mismatch("a.want of the first "+w.Log[0].Method, fmt.Sprintf("%q", v.Raw()),
					"a list of n4 and n6")
			}
		},
	},
	{
		ID:  "bep32/lookup/asks-for-its-own-family",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-013"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   append(joins("get_peers"), conformance.NeedIPv6),
		Control: "the lookup's queries", Within: LookupCase,
		Explain: "A target with both families has joined and looks up a key. Over IPv4 it " +
			"should now ask for nodes of IPv4, with want or without: the two DHTs are separate. " +
			"One query in four may ask for both.",
		Causes: []string{"every query says want n4 and n6"},
		Kills:  []string{"wants-both-always"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 8)...)
			w.Join(conformance.StartOptions{IPv6: true})
			w.settle()
			key := randomID(t)
			getPeers(t, key)
			w.settle()
			queries := about(key, w.Log)
			if len(queries) == 0 {
				t.Inconclusivef("the target asked nobody for the key")
			}
			t.Earn()
			greedy := 0
			for _, q := range queries {
				if wantsBoth(q) {
					greedy++
				}
			}
			if 4*greedy > len(queries) {
				t.Mismatch("queries of the lookup that want both families",
					fmt.Sprintf("%d of %d", greedy, len(queries)), "few")
			}
		},
	},
}

// wantsBoth reports whether the query asks for nodes of both families.
func wantsBoth(q *Query) bool {
	v, _ := q.Args.Get("want")
	four, six := false, false
	for e := range v.Items() {
		s, _ := e.Bytes()
		four, six = four || string(s) == "n4", six || string(s) == "n6"
	}
	return four && six
}

// bep33Announcing judges announces of seeds.
var bep33Announcing = []Case{
	{
		ID:  "bep33/announce/seed-says-so",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-002"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("announce"),
		Control: "the announces themselves", Within: LookupCase,
		Explain: "The target announces as a seed, then as a downloader. The first announces " +
			"must say seed 1; the others must not: filters count the two apart.",
		Causes: []string{
			"seed is not sent",
			"seed is sent at the top level",
			"seed is sent whatever the state",
		},
		Kills: []string{"seed-always-sent", "seed-not-sent"},
		Run: func(t *T) {
			w := joined(t, 6)
			for _, seeds := range []bool{true, false} {
				for _, q := range announced(t, w, randomID(t), map[string]any{"seed": seeds}) {
					if v, _ := q.Args.Get("seed"); isOne(v) != seeds {
						t.Mismatch("a.seed", fmt.Sprintf("%q", v.Raw()), map[bool]string{true: "1",
							false: "absent or 0"}[seeds])
					}
				}
			}
		},
	},
}

// bep42Own judges how the target comes by its id.
var bep42Own = []Case{
	{
		ID:  "bep42/id/one-liar-does-not-change-it",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP42-SEC-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the target's queries before and after", Within: LookupCase,
		Explain: "The target joins a DHT of 20 nodes. Its contact alone says in ip that the " +
			"target has a public address. The target should keep its id: one node is not to be " +
			"believed.",
		Causes: []string{"the first ip is taken for true"},
		Kills:  []string{"another-id-in-queries", "believes-one-liar", "queries-without-id"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 20)...)
			w.Nodes[0].claims(publicAddr)
			w.Join(conformance.StartOptions{})
			w.settle()
			getPeers(t, randomID(t))
			w.settle()
			if len(w.Nodes[0].Queries) == 0 {
				t.Inconclusivef("the node that lies was not asked")
			}
			t.Earn()
			now := NewPeer(t).TargetID()
			if first := w.Log[0].ID; now != first {
				t.Mismatch("the target's id", now, first.String()+", as before")
			}
		},
	},
	{
		ID:  "bep42/id/follows-the-address-that-many-state",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP42-SEC-001", "BEP42-SEC-003"},
		Role:         conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the target's queries, which all nodes answer", Within: LookupCase,
		Explain: "The target joins a DHT of 20 nodes at as many addresses, which all state the " +
			"same public address of the target. Its id should then be one that this address " +
			"allows: its first 21 bits follow from it.",
		Causes: []string{
			"ip is not read",
			"the id is only derived at the start",
			"r is not in the last byte",
		},
		Kills: []string{"ip-not-read"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 20)...)
			for _, n := range w.Nodes {
				n.claims(publicAddr)
			}
			w.Join(conformance.StartOptions{})
			for range 3 {
				w.settle()
				getPeers(t, randomID(t))
			}
			w.settle()
			t.Earn()
			t.Observef("%d nodes stated the address", askedNodes(w))
			id := NewPeer(t).TargetID()
			if !mainline.IsSecure(id, publicAddr.Addr()) {
				want := mainline.SecureID(publicAddr.Addr(), id)
				t.Mismatch("the target's id", id, fmt.Sprintf("one that begins %x (first 21 bits)", want[:3]))
			}
		},
	},
}

// publicAddr is the address of an example of BEP 42; nothing is sent there.
var publicAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{124, 31, 75, 21}), 6881)

// claims has the node state an address of the target in all its answers.
func (n *Node) claims(ip netip.AddrPort) {
	scripted(n, func(q *Query) {
		r := n.Nearest(q)
		switch q.Method {
		case "ping":
			r = nil
		case "get_peers", "get":
			r["token"] = n.Token()
		}
		q.Reply(r, Dict{"ip": compact(ip)})
	})
}

// bep43Query judges how read-only nodes ask, and how they are left alone.
var bep43Query = []Case{
	{
		ID:  "bep43/query/read-only-target-says-so",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP43-RO-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "the target's queries", Within: LookupCase,
		Explain: "The target is started read-only, joins a DHT and looks up a key. Each of its " +
			"queries must say ro 1 at the top level.",
		Causes: []string{"ro is put among the arguments", "only some methods say it"},
		Kills:  []string{"ro-not-sent"},
		Run: func(t *T) {
			w := NewWorld(t, RandomIDs(t, 6)...)
			w.Join(conformance.StartOptions{ReadOnly: true})
			w.settle()
			getPeers(t, randomID(t))
			w.settle()
			t.Earn()
			for _, q := range w.Log {
				if v, _ := q.Msg.Get("ro"); !isOne(v) {
					t.Mismatch("ro of "+q.Method, fmt.Sprintf("%q", v.Raw()), "1")
				}
			}
		},
	},
	{
		ID:  "bep43/query/other-target-does-not",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP43-RO-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Control: "the target's answer to a query", Within: PatientCase,
		Explain: "A node asks the target, is answered, and waits to be asked. A target that " +
			"answers must not say ro 1 in its queries: nobody would ever ask it.",
		Causes: []string{"ro is always set"},
		Kills:  []string{"answers-with-the-target-as-id", "nodes-as-list", "ro-always-sent"},
		Run: func(t *T) {
			for _, q := range questions(t).Queries {
				if v, _ := q.Msg.Get("ro"); isOne(v) {
					t.Mismatch("ro of "+q.Method, 1, "absent or 0")
				}
			}
		},
	},
	{
		ID:  "bep43/lookup/read-only-node-is-not-asked",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP43-RO-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("get_peers"),
		Control: "a node beside it without ro, which is asked", Within: LookupCase,
		Explain: "Two nodes near a key ask the target; one says ro 1. In a lookup of that key " +
			"the target should ask the other and not the read-only one, which does not answer.",
		Causes: []string{"ro is not known", "whoever asks is asked back"},
		Kills:  []string{"nodes-as-list", "read-only-queriers-ignored", "ro-ignored"},
		Run: func(t *T) {
			joined(t, 1)
			key := randomID(t)
			ids := IDsAt(t, key, 20, 2)
			ro, fine := NewNode(t, ids[0]), NewNode(t, ids[1])
			ro.Expect("find_node", Dict{"target": key[:]}, Dict{"ro": 1})
			Known(t, fine)
			ro.Expect("find_node", Dict{"target": key[:]}, Dict{"ro": 1})
			t.Wait(t.SilenceWait())
			getPeers(t, key)
			wasAsked(t, fine, key)
			if got := about(key, ro.Queries); len(got) > 0 {
				t.Mismatch("queries for the key to the read-only node", len(got), "none")
			}
		},
	},
}

// bep51Indexer judges how the target samples others.
var bep51Indexer = []Case{
	{
		ID:  "bep51/indexer/asks-with-a-target-and-reads-all-samples",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP51-SAMPLE-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("sample"),
		Control: "the target's query, which is answered", Within: LookupCase,
		Explain: "The target is told to sample a node that returns three info-hashes. Its query " +
			"must carry a target of 20 bytes, and the command must report the three.",
		Causes: []string{
			"target is left out",
			"samples are read as a list",
			"only the first sample is read",
		},
		Kills: []string{"reads-one-sample", "samples-without-target"},
		Run: func(t *T) {
			n := joined(t, 1).Nodes[0]
			hashes := RandomIDs(t, 3)
			n.samples(hashes, 0)
			reply, err := sampled(t, n)
			for _, q := range n.Asked("sample_infohashes") {
				if _, ok := q.Key("target"); !ok {
					t.Mismatch("a.target", "absent or not 20 bytes", "a string of 20 bytes")
				}
			}
			if err != nil {
				t.Failf("the node answered, but the command ended with: %v", err)
			}
			got, _ := reply["samples"].([]any)
			for _, h := range hashes {
				if !slices.Contains(got, any(h.String())) {
					t.Mismatch("the samples", got, h.String()+" among them")
				}
			}
		},
	},
	{
		ID:  "bep51/indexer/empty-samples-are-read",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP51-SAMPLE-001"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("sample"),
		Control: "the target's query, which is answered", Within: LookupCase,
		Explain: "The node that is sampled has nothing: samples is the empty string. The " +
			"command must end without an error and with no samples.",
		Causes: []string{"an empty string counts as absent"},
		Kills:  []string{"empty-samples-are-an-error"},
		Run: func(t *T) {
			n := joined(t, 1).Nodes[0]
			n.samples(nil, 0)
			reply, err := sampled(t, n)
			if got, _ := reply["samples"].([]any); err != nil || len(got) > 0 {
				t.Mismatch("the samples", fmt.Sprintf("%v (%v)", got, err), "none")
			}
		},
	},
	{
		ID:  "bep51/indexer/leaves-a-node-alone-for-the-interval",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP51-SAMPLE-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   joins("sample"),
		Control: "the target's first query, which is answered", Within: LookupCase,
		Explain: "A node answers a sample with an interval of ten minutes. Told to sample it " +
			"again at once, the target should not ask: the answer would be the same. Some " +
			"libraries leave that to their callers.",
		Causes: []string{"interval is not kept"},
		Kills:  []string{"interval-ignored"},
		Run: func(t *T) {
			n := joined(t, 1).Nodes[0]
			n.samples(RandomIDs(t, 2), 600)
			sampled(t, n)
			p := t.Do("sample", map[string]any{"addr": n.Addr().String(), "target": randomID(t).String()})
			t.Until(p.Done, Quiet)
			t.Wait(t.SilenceWait())
			if got := len(n.Asked("sample_infohashes")); got > 1 {
				t.Mismatch("samples within the interval", got, "1")
			}
		},
	},
	{
		ID:  "bep51/indexer/asks-again-after-the-interval",
		Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP51-SAMPLE-003"}, Role: conformance.Querier, Kind: conformance.Behaviour,
		Needs:   append(joins("sample"), conformance.NeedClock),
		Control: "the target's first query, which is answered", Within: time.Hour,
		Explain: "A node answers a sample with an interval of ten minutes. Told to sample it " +
			"again eleven minutes later, the target may ask; whether it does is recorded.",
		Causes: []string{"a node is sampled once and never again"},
		Kills:  []string{"samples-once"},
		Run: func(t *T) {
			n := joined(t, 1).Nodes[0]
			n.samples(RandomIDs(t, 2), 600)
			sampled(t, n)
			t.Wait(11 * time.Minute)
			before := len(n.Asked("sample_infohashes"))
			sampled(t, n)
			if len(n.Asked("sample_infohashes")) == before {
				t.Failf("the node was not asked again eleven minutes later")
			}
		},
	},
}

// samples has the node answer sample_infohashes with these.
func (n *Node) samples(hashes []kademlia.ID, interval int) {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	n.On["sample_infohashes"] = func(q *Query) {
		q.Reply(merge(n.Nearest(q), Dict{"samples": b, "num": len(hashes), "interval": interval}))
	}
}

// sampled has the target sample the node.
func sampled(t *T, n *Node) (reply map[string]any, err error) {
	args := map[string]any{"addr": n.Addr().String(), "target": randomID(t).String()}
	reply, err = obey(t, "sample", args)
	if len(n.Asked("sample_infohashes")) == 0 {
		t.Inconclusivef("the target did not sample the node that it was told to sample: %v", err)
	}
	t.Earn()
	return reply, err
}
