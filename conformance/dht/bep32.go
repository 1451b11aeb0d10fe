package dht

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// MaxPayload is the largest UDP payload that a node may send (BEP 32).
const MaxPayload = 1024

// bep32 judges the DHT over IPv6 and what it changed for IPv4.
var bep32 = []Case{
	{
		ID: "bep32/size/answer-fits-1024-bytes", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-003"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered", Within: minute,
		Explain: "A hundred and fifty peers announce to one info-hash, more than fit into 1024 bytes. " +
			"No answer to get_peers may be longer, and it must still have peers, so the target has to " +
			"choose some.",
		Causes: []string{"all stored peers are sent", "the limit ignores the other keys of the answer"},
		Kills: []string{
			"entry-for-each-port", "no-token-for-unknown-hashes", "nodes6-always",
			"one-store-for-both-families", "peers-listed-twice", "queriers-filed-unasked",
			"queriers-not-asked", "sends-all-peers", "values-as-one-string",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			for range 150 {
				p := NewPeer(t)
				p.Announce(infoHash, nil)
				p.Close()
			}
			a := NewPeer(t).Expect("get_peers", Dict{"info_hash": infoHash[:]})
			if len(a.Raw) > MaxPayload {
				t.Mismatch("the answer", fmt.Sprintf("%d bytes", len(a.Raw)), "at most 1024 bytes")
			}
			if got := a.Values(); len(got) == 0 {
				t.Mismatch("r.values", "empty", "some of the 150 peers")
			}
		},
	},
	{
		ID:  "bep32/size/query-of-1024-bytes-is-answered",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-003"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a short ping from the same socket",
		Explain: "A ping is filled to exactly 1024 bytes with a key that must be ignored. It must be " +
			"answered: nodes have to accept payloads of that size.",
		Causes: []string{"the receive buffer is shorter", "unknown keys are bounded"},
		Kills:  []string{"reads-512-bytes"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			fill := MaxPayload - len(Encode(p.Query("ping", Dict{"odd": make([]byte, 900)}))) + 900
			if n := len(Encode(p.Query("ping", Dict{"odd": make([]byte, fill)}))); n != MaxPayload {
				t.Harnessf("the query has %d bytes", n)
			}
			p.Expect("ping", Dict{"odd": make([]byte, fill)})
		},
	},
	{
		ID:  "bep32/want/nodes-over-ipv4-without-want",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-007"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the target's own query to a node, which the node answers", Within: PatientCase,
		Explain: "A node is introduced over IPv4. find_node and get_peers over IPv4 without want " +
			"should be answered with nodes and without nodes6: the family of the datagram decides.",
		Causes: []string{"nodes are only sent when want asks", "nodes6 is always sent"},
		Kills:  []string{"no-nodes-in-get_peers", "nodes-as-list", "nodes6-always"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			known := len(Introduce(t, n)) > 0
			for _, a := range lookups(NewPeer(t), n.ID, nil) {
				present(a, "nodes", known)
				absent(a, "nodes6")
			}
		},
	},
	{
		ID: "bep32/want/n4-over-ipv4", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-006"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the target's own query to a node, which the node answers", Within: PatientCase,
		Explain: "A node is introduced over IPv4. find_node and get_peers with want n4, and with n4 " +
			"beside strings that nobody defined, should be answered with nodes and without nodes6.",
		Causes: []string{"want is taken for a string", "an unknown string spoils the list"},
		Kills:  []string{"no-nodes-in-get_peers", "nodes-as-list", "nodes6-always"},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			known := len(Introduce(t, n)) > 0
			for _, want := range [][]string{{"n4"}, {"zz", "n4", "n9"}} {
				for _, a := range lookups(NewPeer(t), n.ID, want) {
					present(a, "nodes", known)
					absent(a, "nodes6")
				}
			}
		},
	},
	{
		ID: "bep32/want/malformed-want-is-survived", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-006", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each query",
		Explain: "find_node with a want that is a string, an integer, a list of integers or a long " +
			"list. The target may answer, send an error or nothing, and must go on answering.",
		Causes: []string{"the elements are used before their type is known"},
		Kills:  []string{"crashes-on-malformed-want"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			p.Ping()
			for _, want := range []any{"n4", 4, []any{4, 6}, []any{[]any{"n4"}}, []any{}, slices.Repeat([]string{"n4"}, 200)} {
				p.SendMalformed(p.Query("find_node", Dict{"target": key[:], "want": want}), fmt.Sprintf("want is %.40v", want))
				p.Ping()
			}
		},
	},
	{
		ID: "bep32/get_peers/nodes-beside-values", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered", Within: PatientCase,
		Explain: "A node is introduced. After an announce, get_peers should be answered with nodes " +
			"beside the values: a lookup goes on although one node has peers. BEP 5 had the two exclude " +
			"each other.",
		Causes: []string{"the answer has either values or nodes, as BEP 5 words it"},
		Kills: []string{
			"no-nodes-in-get_peers", "no-token-for-unknown-hashes", "nodes-as-list",
			"values-as-one-string", "values-or-nodes",
		},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			known := len(Introduce(t, n)) > 0
			infoHash := n.ID.Flip(159)
			NewPeer(t).Announce(infoHash, nil)
			a := NewPeer(t).Expect("get_peers", Dict{"info_hash": infoHash[:]})
			if len(a.Values()) == 0 {
				t.Inconclusivef("the announced peer is not handed out")
			}
			present(a, "nodes", known)
		},
	},
	{
		ID: "bep32/nodes6/over-ipv6-without-want", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-007"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the target's own query to a node, which the node answers", Within: PatientCase,
		Explain: "A node is introduced over IPv6. find_node and get_peers over IPv6 without want " +
			"should be answered with nodes6 and without nodes.",
		Causes: []string{"nodes are sent whatever the family", "nodes6 is only sent when want asks"},
		Kills:  []string{"nodes-whatever-the-family"},
		Run: func(t *T) {
			start6(t)
			n := newcomer6(t)
			known := len(Introduce(t, n)) > 0
			for _, a := range lookups(peer6(t), n.ID, nil) {
				present(a, "nodes6", known)
				absent(a, "nodes")
			}
		},
	},
	{
		ID:  "bep32/nodes6/hands-out-a-node-that-answered",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-009"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the target's own query to the node, which the node answers", Within: PatientCase,
		Explain: "A scripted node asks the target over IPv6 and answers what it is asked. find_node " +
			"for its id over IPv6 must return it in nodes6, 38 bytes: id, address, port.",
		Causes: []string{"the entry is written in 26 bytes", "the address is written in another order"},
		Kills:  []string{"no-nodes6", "nodes-only-over-ipv6-with-want"},
		Run: func(t *T) {
			start6(t)
			n := newcomer6(t)
			if Introduce(t, n); len(n.Queries) == 0 {
				t.Inconclusivef("the target never asked the node anything, so it need not hand it out")
			}
			if got := peer6(t).Expect("find_node", Dict{"target": n.ID[:]}).Nodes6(); !slices.Contains(got, n.Contact()) {
				t.Mismatch("r.nodes6", got, n.String()+" among them")
			}
		},
	},
	{
		ID: "bep32/want/both-families", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-006"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the target's own queries to a node of each family, which the nodes answer",
		Within:  2 * PatientCase,
		Explain: "A node of each family is introduced. find_node and get_peers with want n4 and n6 " +
			"should be answered with both nodes and nodes6, over IPv4 and over IPv6.",
		Causes: []string{"the family of the datagram decides in spite of want"},
		Kills: []string{
			"newest-nodes-win", "no-nodes-in-get_peers", "nodes-as-list", "nodes-not-closest",
			"want-ignored",
		},
		Run: func(t *T) {
			start6(t)
			four, six := newcomers(t, 1)[0], newcomer6(t)
			known4, known6 := len(Introduce(t, four)) > 0, len(Introduce(t, six)) > 0
			for _, p := range []*Peer{peer6(t), NewPeer(t)} {
				for _, a := range lookups(p, six.ID, []string{"n4", "n6"}) {
					present(a, "nodes", known4)
					present(a, "nodes6", known6)
				}
			}
		},
	},
	{
		ID: "bep32/want/other-family", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-006"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the target's own queries to a node of each family, which the nodes answer",
		Within:  2 * PatientCase,
		Explain: "A node of each family is introduced. find_node and get_peers over IPv4 with want " +
			"n6, and over IPv6 with want n4, should be answered with the family that is asked for alone.",
		Causes: []string{"the family of the datagram decides in spite of want"},
		Kills: []string{
			"newest-nodes-win", "no-nodes-in-get_peers", "nodes-as-list", "nodes-not-closest",
			"nodes6-always", "want-ignored",
		},
		Run: func(t *T) {
			start6(t)
			four, six := newcomers(t, 1)[0], newcomer6(t)
			known4, known6 := len(Introduce(t, four)) > 0, len(Introduce(t, six)) > 0
			for _, a := range lookups(peer6(t), four.ID, []string{"n4"}) {
				present(a, "nodes", known4)
				absent(a, "nodes6")
			}
			for _, a := range lookups(NewPeer(t), six.ID, []string{"n6"}) {
				present(a, "nodes6", known6)
				absent(a, "nodes")
			}
		},
	},
	{
		ID:  "bep32/separate/ipv4-peer-not-in-ipv6-values",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-001", "BEP32-DHT6-014"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "get_peers over IPv4, which returns the peer",
		Explain: "A peer announces over IPv4. get_peers over IPv6 must not return it: the two DHTs " +
			"are separate.",
		Causes: []string{"one store serves both families"},
		Kills: []string{
			"no-token-for-unknown-hashes", "one-store-for-both-families",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			start6(t)
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, nil)
			mustHold(t, infoHash, p.Addr())
			judgeFamily(t, peer6(t).Expect("get_peers", Dict{"info_hash": infoHash[:]}), netip.Addr.Is6)
		},
	},
	{
		ID:  "bep32/separate/ipv6-peer-not-in-ipv4-values",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP32-DHT6-005", "BEP32-DHT6-001", "BEP32-DHT6-014"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "get_peers over IPv6, which returns the peer",
		Explain: "A peer announces over IPv6. get_peers over IPv4 without want must not return it: an " +
			"IPv4 node may know nothing of strings of 18 bytes. Over IPv6 it must be there, in 18 bytes.",
		Causes: []string{"one store serves both families"},
		Kills: []string{
			"no-token-for-unknown-hashes", "one-store-for-both-families",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			start6(t)
			infoHash, p := randomID(t), peer6(t)
			p.Announce(infoHash, nil)
			if got := peer6(t).Expect("get_peers", Dict{"info_hash": infoHash[:]}).Values(); !slices.Contains(got, p.Addr()) {
				t.Mismatch("r.values over IPv6", show(got), p.Addr().String()+" among them")
			}
			judgeFamily(t, NewPeer(t).Expect("get_peers", Dict{"info_hash": infoHash[:]}), netip.Addr.Is4)
		},
	},
	{
		ID:  "bep32/values/own-family-whatever-want-says",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP32-DHT6-011"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the peer of the query's own family, which is returned",
		Explain: "A peer announces over each family. get_peers with want n4 and n6 should return, " +
			"over either, the peer of that family alone: want is about nodes.",
		Causes: []string{"want selects the values too", "one store serves both families"},
		Kills: []string{
			"no-token-for-unknown-hashes", "one-store-for-both-families", "peers-listed-twice",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			start6(t)
			infoHash, four, six := randomID(t), NewPeer(t), peer6(t)
			four.Announce(infoHash, nil)
			six.Announce(infoHash, nil)
			args := Dict{"info_hash": infoHash[:], "want": []string{"n4", "n6"}}
			for _, c := range []struct{ asks, holds *Peer }{{NewPeer(t), four}, {peer6(t), six}} {
				got := c.asks.Expect("get_peers", args).Values()
				if !slices.Equal(got, []netip.AddrPort{c.holds.Addr()}) {
					t.Mismatch("r.values to "+c.asks.Addr().String(), show(got), c.holds.Addr().String()+" alone")
				}
			}
		},
	},
	{
		ID: "bep32/id/same-over-both-families", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP32-DHT6-002"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the judged answers themselves",
		Explain: "The id in answers over IPv4 and over IPv6 is the same, as the document suggests. " +
			"BEP 42, which derives the id from the address, contradicts it, and most nodes have two; " +
			"what the target does is recorded.",
		Causes: []string{"two nodes run, each with its own id"},
		Kills:  []string{"second-id-over-ipv6"},
		Run: func(t *T) {
			start6(t)
			six := peer6(t).TargetID()
			if four := NewPeer(t).TargetID(); four != six {
				t.Mismatch("r.id over IPv6", six, four.String()+", as over IPv4")
			}
		},
	},
}

// loopback6 asks for any port of ::1, the one IPv6 address that every system has.
var loopback6 = netip.AddrPortFrom(netip.IPv6Loopback(), 0)

// start6 starts the target on both families.
func start6(t *T) { t.Start(conformance.StartOptions{IPv6: true}) }

// peer6 opens a peer at the IPv6 loopback address.
func peer6(t *T) *Peer { return NewPeerAt(t, loopback6) }

// newcomer6 opens an IPv6 node near the target's id there. It should be the
// first to ask over IPv6 that is not read-only: all are at one address there,
// and some tables keep one node of an address.
func newcomer6(t *T) *Node {
	a := peer6(t).Ask("ping", nil, Dict{"ro": 1})
	if a.Kind != Response {
		t.Inconclusivef("a ping over IPv6 brought %s, and the case needs the target's id", a)
	}
	return NewNodeAt(t, IDsAt(t, a.ID, 20, 1)[0], loopback6)
}

// lookups asks find_node and get_peers for the key; an empty want is left out.
func lookups(p *Peer, key kademlia.ID, want []string) []*Answer {
	args := Dict{}
	if len(want) > 0 {
		args["want"] = want
	}
	return []*Answer{
		p.Expect("find_node", merge(Dict{"target": key[:]}, args)),
		p.Expect("get_peers", merge(Dict{"info_hash": key[:]}, args)),
	}
}

// present ends the case unless the response has the nodes of that key. A
// target that knows none may leave the key out, which shows nothing.
func present(a *Answer, key string, known bool) {
	switch {
	case a.Has(key):
		a.contacts(key, map[string]int{"nodes": 4, "nodes6": 16}[key])
	case known:
		a.t.Mismatch("r."+key+" in the answer to "+a.What, "absent", "the closest nodes that the target knows")
	default:
		a.t.Inconclusivef("the answer to %s has no %s, but nor does the target know the node that asked it", a.What, key)
	}
}

// absent ends the case if the response has the key.
func absent(a *Answer, key string) {
	if a.Has(key) {
		a.t.Mismatch("r."+key+" in the answer to "+a.What, a.show(key), "absent")
	}
}

// judgeFamily ends the case if a value is not of the family.
func judgeFamily(t *T, a *Answer, is func(netip.Addr) bool) {
	if !a.Has("values") {
		return
	}
	for i, v := range a.Values() {
		if !is(v.Addr()) {
			t.Mismatch(fmt.Sprintf("r.values[%d]", i), v, "a peer of the other family")
		}
	}
}
