package tracker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Peers: who is in the list, and how.
func bep3Peers() []Case {
	return []Case{
		{
			ID: "bep3/tracker/lists-another-peer", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the first announce, which is answered",
			Explain: "One peer announces, then another. The second must be told of the first, at the address " +
				"that the request came from and the port that it named.",
			Causes: []string{"the source port of the connection is stored", "peers show only after a while"},
			Kills:  []string{"lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"event": "started"})
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/torrents-are-separate", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the same peer in the list of its own torrent",
			Explain: "A peer announces one torrent. Whoever announces another must not be told of it.",
			Kills: []string{
				"lists-the-source-port", "no-peers-when-alone", "one-list-for-all",
				"ports-in-host-order",
			},
			Run: run(func(t *T) {
				h, other, a := t.NewHash(), t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				t.misses("peers of another torrent", t.look(other), a)
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/asker-is-not-listed-to-itself", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the other peer in the same list",
			Explain: "A peer announces twice. Its own address is of no use to it, and should not be listed.",
			Kills:   []string{"lists-the-asker", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.Announce(h, nil)
				b.Announce(h, nil)
				got := addrs(a.Announce(h, nil).Peers())
				t.sees("peers", got, b)
				t.misses("peers", got, a)
			}),
		},
		{
			ID: "bep3/tracker/peer-is-listed-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the peer in the list",
			Explain: "A peer announces three times, as it does every interval. Others should be told of it once.",
			Kills:   []string{"lists-peers-twice", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				for range 3 {
					a.Announce(h, nil)
				}
				got := t.look(h)
				t.sees("peers", got, a)
				if n := count(got, a.Addr()); n != 1 {
					t.Mismatch("peers", show(got), a.Addr().String()+" once")
				}
			}),
		},
		{
			ID: "bep3/tracker/two-peers-at-one-address", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "one of the two in the list",
			Explain: "Two peers with different ids and ports announce from one IP address, as behind a router. " +
				"Both should be listed.",
			Causes: []string{"peers are stored by IP address alone"},
			Kills:  []string{"lists-the-source-port", "one-peer-an-address", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				b := a.Sibling()
				a.Announce(h, nil)
				b.Announce(h, nil)
				t.sees("peers", t.look(h), a, b)
			}),
		},
		{
			ID: "bep3/tracker/list-form-has-id-ip-and-port", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-016"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the peer in the list",
			Explain: "A peer asks for the form that is not compact. If the target gives it, every entry must " +
				"be a dictionary of peer id, ip and port, with the id that the peer has announced.",
			Causes: []string{"the key is peer_id", "the ip is written as 4 bytes"},
			Kills:  []string{"ip-as-bytes", "list-form-without-ids", "lists-the-source-port"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				if e := t.entryOf(t.listForm(h, nil), a); e.Has != "ip peer id port" || e.ID != string(a.ID[:]) {
					t.Mismatch("the entry of the peer", fmt.Sprintf("the keys %q and the id %q", e.Has, e.ID),
						fmt.Sprintf("ip, peer id %q and port", a.ID[:]))
				}
			}),
		},
		{
			ID: "bep3/tracker/ids-can-be-left-out", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP03-TRK-016"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the peer in the list",
			Explain: "A peer asks for the form that is not compact, with no_peer_id=1, a common key that saves " +
				"20 bytes a peer. A target that gives ids nevertheless is recorded.",
			Kills: []string{"ids-end-at-nul", "ignores-no-peer-id", "ip-as-bytes", "lists-the-source-port"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				if e := t.entryOf(t.listForm(h, Params{"no_peer_id": "1"}), a); strings.Contains(e.Has, "peer id") {
					t.Infof("no_peer_id=1 is ignored")
				}
			}),
		},
		{
			ID: "bep3/tracker/numwant-bounds-the-list", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a list of the right length for another numwant",
			Explain: "Five peers announce. One that asks for two should be told of two, and one that asks for " +
				"none of nobody.",
			Causes: []string{"numwant is ignored", "numwant=0 is taken for the default"},
			Kills: []string{
				"ignores-numwant", "lists-peers-twice", "lists-the-asker", "no-peers-when-alone",
				"numwant-0-is-the-default",
			},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 5) {
					p.Announce(h, nil)
				}
				for want := range 3 {
					got := addrs(NewPeer(t).Announce(h, Params{"numwant": decimal(want), "event": "started"}).Peers())
					if len(got) > want || want > 0 && len(got) == 0 {
						t.Mismatch(fmt.Sprintf("peers for numwant=%d", want), show(got), fmt.Sprintf("%d", want))
					}
				}
			}),
		},
		{
			ID: "bep3/tracker/odd-numwant-is-no-obstacle", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the list for a common numwant",
			Explain: "A peer asks for -1, for 2147483647 and for 10000000000 peers. It should be told of those " +
				"that there are: clients write all three for as many as possible.",
			Causes: []string{"a negative number of peers", "an overflow of 32 bits"},
			Kills:  []string{"lists-the-source-port", "odd-numwant-is-none", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				for _, n := range []string{"-1", "2147483647", "10000000000"} {
					t.sees("peers for numwant="+n, addrs(NewPeer(t).Announce(h, Params{"numwant": n}).Peers()), a)
				}
			}),
		},
		{
			ID: "bep3/tracker/many-peers", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "Sixty peers announce. One more asks for thirty of them and should be told of about as " +
				"many, each one of the sixty and none twice.",
			Causes: []string{"the list has room for a few only"},
			Kills: []string{
				"ignores-numwant", "lists-peers-twice", "lists-ten-at-most", "lists-the-source-port",
				"ports-in-host-order",
			},
			Run: run(func(t *T) {
				h, members := t.NewHash(), map[netip.AddrPort]bool{}
				for _, p := range NewPeers(t, 60) {
					p.Announce(h, nil)
					members[p.Addr()] = true
				}
				p := NewPeer(t)
				got := p.others(addrs(p.Announce(h, Params{"numwant": "30"}).Peers()))
				if len(got) < 25 || len(got) > 30 {
					t.Mismatch("the number of peers", len(got), "30, or a few less")
				}
				for _, a := range got {
					if !members[a] {
						t.Mismatch("peers", a, "one of those that announced, and once")
					}
					delete(members, a)
				}
			}),
		},
		{
			ID: "bep3/tracker/choice-of-peers-varies", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the lists, which are of the right length",
			Explain: "Thirty peers announce, and ten others ask for three of them each. They should not all be " +
				"told of the same three: a swarm whose peers know the same few is brittle.",
			Causes: []string{"the first peers of the table are handed out"},
			Kills:  []string{"hands-out-the-first"},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 30) {
					p.Announce(h, nil)
				}
				var seen []netip.AddrPort
				for range 10 {
					p := NewPeer(t)
					for _, a := range addrs(p.Announce(h, Params{"numwant": "3"}).Peers()) {
						if !slices.Contains(seen, a) {
							seen = append(seen, a)
						}
					}
					p.Leave(h)
				}
				if len(seen) <= 3 {
					t.Mismatch("different peers in ten lists", show(seen), "more than three")
				}
			}),
		},
	}
}

// listForm announces for the form that is not compact. A target that does not
// give it ends the case.
func (t *T) listForm(h Hash, over Params) []Entry {
	q := Params{"compact": "0", "numwant": "100"}
	for k, v := range over {
		q[k] = v
	}
	p := NewPeer(t)
	return p.listed(p.Ask(h, q))
}

// listed are the entries of an answer to compact=0.
func (p *Peer) listed(r *Reply) []Entry {
	if _, refused := r.Failure(); refused || !r.isTracker() {
		p.control()
		p.t.Unsupportedf("compact=0 is answered by %v", r)
	}
	if r.Compact() {
		p.t.Unsupportedf("compact=0 is answered in the compact form, as BEP 23 allows")
	}
	return r.Peers()
}

func count(list []netip.AddrPort, a netip.AddrPort) (n int) {
	for _, b := range list {
		if a == b {
			n++
		}
	}
	return n
}
