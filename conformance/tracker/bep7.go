package tracker

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
)

func bep7() []Case {
	return []Case{
		{
			ID: "bep7/peers6/holds-peers-of-ipv6", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP07-TRK-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the announces over IPv6, which are answered",
			Explain: "Two peers announce over IPv6. The second should be told of the first, by 18 bytes in " +
				"peers6 or by an entry of the list form.",
			Causes: []string{"IPv6 peers are stored and never handed out", "the entries are written into peers"},
			Kills:  []string{"ipv6-among-ipv4", "lists-the-source-port", "no-peers6", "one-peer-an-address"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer6(t), NewPeer6(t)
				a.Announce(h, nil)
				t.sees("peers6", addrs(b.Announce(h, nil).Peers()), a)
			}),
		},
		{
			ID: "bep7/peers6/compact-peers-are-of-ipv4", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP07-TRK-004", "BEP23-COMPACT-001"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the peer of IPv4 in the list",
			Explain: "Three peers announce, two over IPv6 and one over IPv4. A fourth, over IPv4, must find " +
				"6-byte entries alone in peers: an entry of 18 bytes there reads as three strangers.",
			Causes: []string{"entries of both sizes are written into peers"},
			Kills:  []string{"ipv6-among-ipv4", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				members := []netip.AddrPort{a.Addr()}
				a.Announce(h, nil)
				for range 2 {
					six := NewPeer6(t)
					six.Announce(h, nil)
					members = append(members, six.Addr())
				}
				got := t.look(h)
				t.sees("peers", got, a)
				for _, g := range got {
					if count(members, g) == 0 {
						t.Mismatch("peers", g, "those that announced: "+show(members))
					}
				}
			}),
		},
		{
			ID: "bep7/peers6/list-form-has-text", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP07-TRK-004", "BEP03-TRK-016"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the peer in the list",
			Explain: "Two peers announce over IPv6, the second for the form that is not compact. If it gets " +
				"that form, the first must be there with its address as text.",
			Kills: []string{"ip-as-bytes", "lists-the-source-port", "no-peers6", "one-peer-an-address"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer6(t), NewPeer6(t)
				a.Announce(h, nil)
				if e := t.entryOf(b.listed(b.Ask(h, Params{"compact": "0"})), a); e.IP != a.IP().String() {
					t.Mismatch("ip", fmt.Sprintf("%q", e.IP), a.IP().String())
				}
			}),
		},
		{
			ID: "bep7/peers6/families-share-a-torrent", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP07-TRK-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the announces of both families, which are answered",
			Explain: "A seed announces over IPv6 and a peer that downloads over IPv4. The second should be " +
				"counted beside the first: a torrent is one, however its peers are reached.",
			Causes: []string{"a table for each family, counted apart"},
			Kills:  []string{"families-apart"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer6(t).Seed(h)
				t.counts(NewPeer(t).Announce(h, nil), 1, 1)
			}),
		},
		{
			ID: "bep7/announce/key-does-no-harm", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP07-TRK-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "A peer announces with a key of 8 hexadecimal digits, one with a key of letters, one " +
				"without, and one with the discouraged ipv4 and ipv6. All should be listed.",
			Kills: []string{"key-has-to-be-hex", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h := t.NewHash()
				peers := NewPeers(t, 4)
				for i, over := range []Params{nil, {"key": "rather-a-word"}, {"key": nil}, {
					"ipv4": "203.0.113.7", "ipv6": "[2001:db8::7]:6881",
				}} {
					peers[i].Announce(h, over)
				}
				t.sees("peers", t.look(h), peers...)
			}),
		},
	}
}
