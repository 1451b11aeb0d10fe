package tracker

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

func bep23() []Case {
	return []Case{
		{
			ID: "bep23/compact/given-when-asked-for", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP23-COMPACT-001", "BEP23-COMPACT-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "A peer announces with compact=1. The list should come as a string: a request is advisory, " +
				"but some clients read nothing else when they have asked for it.",
			Causes: []string{"compact is not read"},
			Kills:  []string{"never-compact"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				r := NewPeer(t).Announce(h, Params{"compact": "1"})
				if !r.Compact() {
					v, _ := r.Value.Get("peers")
					t.Mismatch("peers", v.Kind(), "a string")
				}
			}),
		},
		{
			ID: "bep23/compact/is-the-default", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP23-COMPACT-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "A peer announces without the key compact. The list should come as a string.",
			Kills:   []string{"list-form-by-default", "never-compact"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				r := NewPeer(t).Announce(h, Params{"compact": nil})
				if !r.Compact() {
					v, _ := r.Value.Get("peers")
					t.Mismatch("peers", v.Kind(), "a string")
				}
			}),
		},
		{
			ID: "bep23/compact/address-and-port-in-network-order", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP23-COMPACT-001"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces port 258, which is 0x0102. Its entry must be the four bytes of its " +
				"address, then 01 and 02.",
			Causes: []string{"the port is written in the order of the host"},
			Kills:  []string{"lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Port = 0x0102
				a.Announce(h, nil)
				r := NewPeer(t).Announce(h, nil)
				if !r.Compact() {
					t.Unsupportedf("the target does not give the compact form")
				}
				want := append(a.IP().AsSlice(), 1, 2)
				if b, _ := r.bytes("peers"); len(b)%6 != 0 || !hasEntry(b, want) {
					t.Mismatch("peers", fmt.Sprintf("%x", b), fmt.Sprintf("%x among whole entries", want))
				}
			}),
		},
		{
			ID: "bep23/compact/nobody-is-an-empty-string", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP23-COMPACT-001", "BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "The first peer of a torrent announces. Peers should be there and empty, not left out: " +
				"readers take a missing list for a broken answer.",
			Kills: []string{"no-peers-when-alone"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				r := p.Announce(t.NewHash(), nil)
				if v, ok := r.Value.Get("peers"); !ok || len(p.others(addrs(r.Peers()))) > 0 {
					t.Mismatch("peers", fmt.Sprintf("%q", v.Raw()), "an empty string or list")
				}
			}),
		},
		{
			ID: "bep23/compact/zero-is-no-obstacle", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP23-COMPACT-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a common announce right after, if no tracker's answer comes",
			Explain: "A peer announces with compact=0. It should be served, in either form: the key is a wish, " +
				"and what a tracker cannot do it may ignore.",
			Causes: []string{"the list form is not implemented, and asking for it is an error"},
			Kills:  []string{"compact-0-is-refused"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				NewPeer(t).Announce(h, Params{"compact": "0"})
			}),
		},
		{
			ID: "bep23/compact/list-form-on-demand", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP23-COMPACT-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "A peer announces with compact=0. The list may come in either form; a target that " +
				"keeps to the compact one is recorded.",
			Kills: []string{"always-compact"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				p := NewPeer(t)
				r := p.Ask(h, Params{"compact": "0"})
				if r.isTracker() && r.Compact() {
					t.Infof("compact=0 is answered in the compact form")
				}
				p.listed(r)
			}),
		},
	}
}

// hasEntry reports whether one of the 6-byte entries of b is the wanted one.
func hasEntry(b, want []byte) bool {
	for ; len(b) >= 6; b = b[6:] {
		if string(b[:6]) == string(want) {
			return true
		}
	}
	return false
}

func bep24() []Case {
	return []Case{
		{
			ID: "bep24/external-ip/is-the-requester", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP24-EXTIP-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "A peer announces. If the answer has external ip, it must be the 4 bytes of the address " +
				"that the request came from.",
			Causes: []string{"the address is written as text", "the tracker's own address is written"},
			Kills:  []string{"external-ip-as-text"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.external(p.Announce(t.NewHash(), nil))
			}),
		},
		{
			ID: "bep24/external-ip/each-gets-its-own", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP24-EXTIP-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Needs:   []conformance.Need{conformance.NeedAddresses},
			Control: "the announces, which are answered",
			Explain: "Three addresses announce the same torrent. Each must be told its own address.",
			Causes:  []string{"an answer is kept and given to the next one who asks"},
			Kills:   []string{"external-ip-as-text", "external-ip-of-the-first"},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 3) {
					p.external(p.Announce(h, nil))
				}
			}),
		},
		{
			ID: "bep24/external-ip/not-what-the-peer-claims", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP24-EXTIP-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "A peer names another address by the key ip. The answer should tell it where the tracker " +
				"sees it, which it does not know, and not what it has said.",
			Kills: []string{"external-ip-as-text", "external-ip-is-believed"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.external(p.Announce(t.NewHash(), Params{"ip": "203.0.113.77"}))
			}),
		},
		{
			ID: "bep24/external-ip/of-16-bytes-over-ipv6", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP24-EXTIP-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the announce, which is answered",
			Explain: "A peer announces over IPv6. If the answer has external ip, it must be 16 bytes.",
			Kills:   []string{"external-ip-as-text", "external-ip-of-4-bytes"},
			Run: run(func(t *T) {
				p := NewPeer6(t)
				p.external(p.Announce(t.NewHash(), nil))
			}),
		},
	}
}

// external ends the case unless the answer tells the peer its own address.
func (p *Peer) external(r *Reply) {
	v, ok := r.Value.Get("external ip")
	if !ok {
		p.t.Unsupportedf("the answers have no external ip")
	}
	if b, _ := v.Bytes(); string(b) != string(p.IP().AsSlice()) {
		p.t.Mismatch("external ip", fmt.Sprintf("%q", v.Any()), fmt.Sprintf("%x, the bytes of %v", p.IP().AsSlice(), p.IP()))
	}
}

func bep31() []Case {
	return []Case{
		{
			ID: "bep31/retry/has-the-shape-of-the-document", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the failure reason beside it",
			Explain: "A torrent that the target may not serve is announced, and an announce without a hash is " +
				"sent. Where a failure reason comes with retry in, its value must be a positive number of " +
				"minutes or the string never.",
			Causes: []string{"seconds are written", "the value is 0 or negative"},
			Kills:  []string{"retry-in-0"},
			Run: run(func(t *T) {
				found := false
				for _, r := range t.refusals() {
					v, ok := r.Value.Get("retry in")
					if !ok {
						continue
					}
					found = true
					n, isInt := v.Int64()
					s, _ := v.Bytes()
					digits := strings.Trim(string(s), "0123456789") == "" && strings.Trim(string(s), "0") != ""
					if !(isInt && n > 0) && string(s) != "never" && !digits {
						t.Mismatch("retry in", fmt.Sprintf("%q", v.Raw()), "a positive number", "never")
					}
				}
				if !found {
					t.Unsupportedf("the failure reasons come without retry in")
				}
			}),
		},
		{
			ID: "bep31/retry/never-is-kept", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the failure reasons",
			Explain: "A torrent that the target does not serve is announced twice. If the first refusal says " +
				"never, the second should be a refusal too.",
			Kills: []string{"forgets-never"},
			Run: run(func(t *T) {
				h := t.random()
				first := NewPeer(t).Ask(h, nil)
				_, refused := first.Failure()
				if v, _ := first.bytes("retry in"); !refused || string(v) != "never" {
					t.Unsupportedf("the target does not refuse a torrent for good")
				}
				p := NewPeer(t)
				p.refused(p.Ask(h, nil))
			}),
		},
		{
			ID: "bep31/retry/served-ones-have-none", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the announce, which is answered",
			Explain: "An announce that is served should not carry retry in, which belongs to a failure reason.",
			Kills:   []string{"retry-when-served"},
			Run: run(func(t *T) {
				r := NewPeer(t).Announce(t.NewHash(), nil)
				if v, ok := r.Value.Get("retry in"); ok {
					t.Mismatch("retry in", fmt.Sprintf("%q", v.Raw()), "nothing")
				}
			}),
		},
	}
}

// refusals are the failure reasons with which the target meets what it may, or
// has to, refuse. Without any the case is unsupported.
func (t *T) refusals() (replies []*Reply) {
	h, p := t.random(), NewPeer(t)
	for _, r := range []*Reply{
		p.Ask(h, nil), p.GetMalformed("/announce", "announce without a query"),
		p.AskMalformed("announce with a short hash", h, Params{"info_hash": "short"}),
	} {
		if _, ok := r.Failure(); ok {
			replies = append(replies, r)
		}
	}
	if len(replies) == 0 {
		p.control()
		t.Unsupportedf("nothing is refused by a failure reason")
	}
	return replies
}
