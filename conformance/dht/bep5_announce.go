package dht

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Announce judges what announce_peer stores: BEP 5 §announce_peer.
var bep5Announce = []Case{
	{
		ID:  "bep5/announce_peer/stores-source-address-and-port",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-007"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "A peer announces port 7001 from another UDP port, and names a foreign address in " +
			"keys that trackers have. get_peers must return the datagram's source address with port " +
			"7001, and nothing else.",
		Causes: []string{"the UDP source port is stored", "an address from the arguments is believed"},
		Kills: []string{
			"implied-port-always", "no-token-for-unknown-hashes", "peers-listed-twice",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, Dict{"port": 7001, "ip": "192.0.2.1", "ipv4": "\xc0\x00\x02\x01"})
			want := netip.AddrPortFrom(p.Addr().Addr(), 7001)
			if got := PeersOf(t, infoHash, nil); !slices.Equal(got, []netip.AddrPort{want}) {
				t.Mismatch("r.values", show(got), want.String()+" alone")
			}
		},
	},
	{
		ID:  "bep5/announce_peer/implied-port-is-the-source-port",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "A peer announces implied_port 1 and port 1. The port argument must be ignored and " +
			"the UDP source port stored: behind a NAT the peer cannot know its port.",
		Causes: []string{
			"implied_port is not known",
			"the value of implied_port is stored as the port",
		},
		Kills: []string{
			"entry-for-each-port", "implied-port-ignored", "no-token-for-unknown-hashes",
			"one-store-for-both-families", "peers-listed-twice", "sends-all-peers",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, Dict{"implied_port": 1, "port": 1})
			if got := PeersOf(t, infoHash, nil); !slices.Equal(got, []netip.AddrPort{p.Addr()}) {
				t.Mismatch("r.values", show(got), p.Addr().String()+" alone")
			}
		},
	},
	{
		ID:  "bep5/announce_peer/implied-port-zero-means-the-argument",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "A peer announces implied_port 0 and port 7002. Only a non-zero implied_port " +
			"replaces the argument, so 7002 must be stored.",
		Causes: []string{"the presence of the key decides, not its value"},
		Kills: []string{
			"implied-port-always", "implied-port-by-presence", "no-token-for-unknown-hashes",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, Dict{"implied_port": 0, "port": 7002})
			mustHold(t, infoHash, netip.AddrPortFrom(p.Addr().Addr(), 7002))
		},
	},
	{
		ID:  "bep5/announce_peer/implied-port-without-port",
		Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP05-RPC-008"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get_peers for a token, which is answered",
		Explain: "A peer announces implied_port 1 and leaves port out, which would be ignored. A " +
			"target may take it or ask for the key; what it does is recorded.",
		Kills: []string{
			"entry-for-each-port", "implied-port-ignored", "no-token-for-unknown-hashes",
			"one-store-for-both-families", "port-always-required", "sends-all-peers",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Attempt("port is left out", infoHash, p.WriteToken(infoHash), Dict{"implied_port": 1, "port": nil})
			if got := PeersOf(t, infoHash, nil); !slices.Contains(got, p.Addr()) {
				t.Infof("implied_port without port is not stored")
			}
		},
	},
	{
		ID:  "bep5/announce_peer/port-zero-is-not-stored",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces port 0 with a valid token. Nobody can connect to it, so it should " +
			"be refused or dropped, and get_peers should not hand it out.",
		Causes: []string{"the port is not checked"},
		Kills: []string{
			"implied-port-always", "no-token-for-unknown-hashes", "peers-listed-twice",
			"stores-port-zero", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				p.Attempt("port 0", infoHash, p.WriteToken(infoHash), Dict{"port": 0})
			})
		},
	},
	{
		ID:  "bep5/announce_peer/port-out-of-range-is-not-stored",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces the ports 70000, 65536 and -1 with a valid token. None should be " +
			"stored, in particular not by its low 16 bits.",
		Causes: []string{"the number is cut to 16 bits", "the port is not checked"},
		Kills: []string{
			"implied-port-always", "no-token-for-unknown-hashes", "peers-listed-twice",
			"ports-wrap-around", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				token := p.WriteToken(infoHash)
				for _, port := range []int{70000, 65536, -1} {
					p.Attempt(fmt.Sprintf("port %d", port), infoHash, token, Dict{"port": port})
				}
			})
		},
	},
	{
		ID:  "bep5/announce_peer/port-of-a-wrong-type-is-not-stored",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-009", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces with a port that is a string, a list, or missing without " +
			"implied_port. None should be stored.",
		Causes: []string{"a missing port counts as some default", "strings are read as numbers"},
		Kills: []string{
			"implied-port-always", "no-token-for-unknown-hashes", "peers-listed-twice",
			"port-as-text", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				token := p.WriteToken(infoHash)
				for _, port := range []any{"7003", []any{7003}, nil} {
					p.Attempt(fmt.Sprintf("port %v", port), infoHash, token, Dict{"port": port})
				}
			})
		},
	},
	{
		ID:  "bep5/announce_peer/same-peer-is-listed-once",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-007"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered",
		Explain: "A peer announces the same port three times, as clients do every few minutes. " +
			"get_peers should list it once.",
		Causes: []string{"announces are appended to a list"},
		Kills: []string{
			"entry-for-each-port", "no-token-for-unknown-hashes", "one-store-for-both-families",
			"peers-listed-twice", "sends-all-peers", "values-as-one-string",
			"values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			for range 3 {
				p.Announce(infoHash, nil)
			}
			if got := PeersOf(t, infoHash, nil); !slices.Equal(got, []netip.AddrPort{p.Addr()}) {
				t.Mismatch("r.values", show(got), p.Addr().String()+" once")
			}
		},
	},
	{
		ID: "bep5/announce_peer/peers-are-forgotten", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-007"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "get_peers right after the announce, which returns the peer", Within: hours(25),
		Explain: "A peer announces once and never again. A day later the target should no longer hand " +
			"it out: peers announce again within minutes, and lists of the departed are of no use.",
		Causes: []string{"announces have no time of their own"},
		Kills: []string{
			"entry-for-each-port", "no-token-for-unknown-hashes", "one-store-for-both-families",
			"sends-all-peers", "values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, nil)
			mustHold(t, infoHash, p.Addr())
			t.Wait(hours(24))
			if got := PeersOf(t, infoHash, nil); len(got) > 0 {
				t.Mismatch("r.values after a day", show(got), "absent", "empty")
			}
		},
	},
}
