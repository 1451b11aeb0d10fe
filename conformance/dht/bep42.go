package dht

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep42 judges the security extension as far as it shows in answers.
var bep42 = []Case{
	{
		ID: "bep42/ip/states-the-requester", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP42-SEC-002"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Responses to ping, find_node and get_peers should carry ip at the top level: the " +
			"six bytes of the requester's address and port, by which it learns who it is. A target " +
			"without ip does not support this.",
		Causes: []string{
			"ip is put into r",
			"the port is left out or in host order",
			"the target's own address is sent",
		},
		Kills: []string{"ip-without-port", "states-its-own-address"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			for _, a := range []*Answer{
				p.Expect("ping", nil), p.Expect("find_node", Dict{"target": key[:]}),
				p.Expect("get_peers", Dict{"info_hash": key[:]}),
			} {
				judgeIP(p, a)
			}
		},
	},
	{
		ID: "bep42/ip/states-the-ipv6-requester", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP42-SEC-002"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedIPv6},
		Control: "the judged answer itself",
		Explain: "The response to a ping over IPv6 should carry ip in 18 bytes: the requester's " +
			"address and port.",
		Causes: []string{"the address is written in four bytes", "the key is only written for IPv4"},
		Kills:  []string{"ip-without-port", "states-its-own-address"},
		Run: func(t *T) {
			start6(t)
			p := peer6(t)
			judgeIP(p, p.Expect("ping", nil))
		},
	},
	{
		ID: "bep42/enforce/any-id-is-served", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP42-SEC-004", "BEP42-SEC-006"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "find_node and get_peers from ids that no address leads to, among them all ones. They " +
			"must be answered: ids are judged for storage, requests are served always, and local " +
			"addresses are exempt.",
		Causes: []string{
			"queries are refused with an error because of their id",
			"local addresses are not exempt",
		},
		Kills: []string{"no-token-for-unknown-hashes", "nodes-as-list", "odd-ids-refused"},
		Run: func(t *T) {
			key := randomID(t)
			for _, id := range []kademlia.ID{allOnes(), randomID(t), randomID(t)} {
				p := NewPeer(t)
				p.ID = id
				p.Expect("find_node", Dict{"target": key[:]}).Nodes()
				p.Expect("get_peers", Dict{"info_hash": key[:]}).Token()
			}
		},
	},
	{
		ID: "bep42/local/any-id-is-handed-out", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP42-SEC-006"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the target's own query to the node, which the node answers", Within: PatientCase,
		Explain: "A node at a loopback or private address, with a random id, asks and answers. It " +
			"should be handed out: such addresses are exempt, because nobody outside can tell what they " +
			"are.",
		Causes: []string{"local addresses are not exempt"},
		Kills: []string{
			"local-addresses-not-exempt", "nodes-as-list", "nodes-in-host-order",
			"nodes-only-with-want",
		},
		Run: func(t *T) {
			n := newcomers(t, 1)[0]
			if !n.Addr().Addr().IsLoopback() && !n.Addr().Addr().IsPrivate() {
				t.Inconclusivef("the harness speaks from the public address %v", n.Addr().Addr())
			}
			if len(Introduce(t, n)) == 0 && len(n.Queries) == 0 {
				t.Inconclusivef("the target never asked the node anything, so it need not hand it out")
			}
			if len(HandedOut(t, n)) == 0 {
				t.Mismatch("r.nodes", "others", n.String()+" among them")
			}
		},
	},
	{
		ID: "bep42/enforce/any-id-may-announce", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP42-SEC-004"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "A peer whose id fits no address announces with a valid token. The announce must be " +
			"stored: requests are served whatever the id.",
		Causes: []string{"announces are refused because of the id"},
		Kills: []string{
			"no-token-for-unknown-hashes", "odd-ids-refused", "values-as-one-string",
			"values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.ID = allOnes()
			p.Announce(infoHash, nil)
			mustHold(t, infoHash, p.Addr())
		},
	},
}

// judgeIP ends the case unless the answer's ip is the peer's address.
func judgeIP(p *Peer, a *Answer) {
	v, ok := a.Msg.Get("ip")
	if !ok {
		a.t.Unsupportedf("the answer to %s has no ip", a.What)
	}
	got, _ := v.Bytes()
	if want := compact(p.Addr()); !bytes.Equal(got, want) {
		a.t.Mismatch("ip in the answer to "+a.What, fmt.Sprintf("%q", v.Raw()), fmt.Sprintf("the bytes %x", want))
	}
}
