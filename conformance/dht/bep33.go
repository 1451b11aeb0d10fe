package dht

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// bep33 judges DHT scrapes.
var bep33 = []Case{
	{
		ID: "bep33/scrape/both-filters-of-256-bytes", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "After an announce, get_peers with scrape 1 must be answered with BFsd and BFpe, " +
			"filters of 256 bytes each, also if one of them is empty. A target that sends neither does " +
			"not support scrapes.",
		Causes: []string{
			"an empty filter is left out",
			"the filter is cut at its last bit that is set",
		},
		Kills: []string{"filters-of-255-bytes", "no-token-for-unknown-hashes"},
		Run: func(t *T) {
			infoHash := randomID(t)
			NewPeer(t).Announce(infoHash, nil)
			a := scrape(t, infoHash)
			a.Bloom("BFsd")
			a.Bloom("BFpe")
		},
	},
	{
		ID: "bep33/scrape/downloader-in-bfpe", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-004", "BEP33-SCRAPE-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "One peer announces without seed. BFpe must be the filter of its address and BFsd " +
			"the empty one: SHA-1 of the four bytes, two little-endian 16-bit words of it, modulo 2048.",
		Causes: []string{
			"the words are read in network order",
			"the address is hashed as text",
			"the filters are swapped",
		},
		Kills: []string{
			"bloom-msb-first", "filters-in-a-full-answer", "filters-of-255-bytes",
			"filters-swapped", "no-token-for-unknown-hashes",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, nil)
			judgeFilters(t, infoHash, nil, []*Peer{p})
		},
	},
	{
		ID: "bep33/scrape/seed-in-bfsd", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-001", "BEP33-SCRAPE-004"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announce, which is answered",
		Explain: "One peer announces with seed 1. BFsd must be the filter of its address and BFpe the " +
			"empty one.",
		Causes: []string{"seed is not stored", "every peer counts as a downloader too"},
		Kills: []string{
			"bloom-msb-first", "filters-in-a-full-answer", "filters-of-255-bytes",
			"filters-swapped", "no-token-for-unknown-hashes", "seed-ignored",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, Dict{"seed": 1})
			judgeFilters(t, infoHash, []*Peer{p}, nil)
		},
	},
	{
		ID: "bep33/scrape/union-of-all-addresses", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-004"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "the announces, which are answered",
		Explain: "Six downloaders and four seeds announce from addresses of their own. The two " +
			"filters must hold exactly the bits of those addresses.",
		Causes: []string{
			"only some of the stored peers enter the filters",
			"the index is not taken modulo 2048",
		},
		Kills: []string{
			"bloom-msb-first", "filters-in-a-full-answer", "filters-of-255-bytes",
			"filters-swapped", "no-token-for-unknown-hashes", "seed-by-presence",
			"seed-ignored",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			var seeds, rest []*Peer
			for i := range 10 {
				p := NewPeer(t)
				if i < 4 {
					p.Announce(infoHash, Dict{"seed": 1})
					seeds = append(seeds, p)
				} else {
					p.Announce(infoHash, Dict{"seed": 0})
					rest = append(rest, p)
				}
			}
			judgeFilters(t, infoHash, seeds, rest)
		},
	},
	{
		ID: "bep33/announce/only-seed-one-is-a-seed", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP33-SCRAPE-009"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered",
		Explain: "Peers announce without seed, with seed 0 and with seed 2. All of them should count " +
			"as downloaders: seed 1 alone means a seed.",
		Causes: []string{"the presence of the key decides", "any value but 0 counts"},
		Kills: []string{
			"bloom-msb-first", "filters-in-a-full-answer", "filters-of-255-bytes",
			"filters-swapped", "no-token-for-unknown-hashes", "seed-by-presence",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			var rest []*Peer
			for _, args := range []Dict{nil, {"seed": 0}, {"seed": 2}} {
				p := NewPeer(t)
				p.Announce(infoHash, args)
				rest = append(rest, p)
			}
			judgeFilters(t, infoHash, nil, rest)
		},
	},
	{
		ID: "bep33/scrape/latest-announce-counts", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP33-SCRAPE-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered",
		Explain: "A peer announces as a downloader and then, having finished, with seed 1. It should " +
			"be counted among the seeds alone.",
		Causes: []string{"a repeated announce does not change the entry", "the entry is stored twice"},
		Kills: []string{
			"bloom-msb-first", "filters-in-a-full-answer", "filters-of-255-bytes",
			"filters-swapped", "first-announce-counts", "no-token-for-unknown-hashes",
			"seed-ignored",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, nil)
			p.Announce(infoHash, Dict{"seed": 1})
			judgeFilters(t, infoHash, []*Peer{p}, nil)
		},
	},
	{
		ID: "bep33/announce/one-entry-for-an-address", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered",
		Explain: "One address announces two ports. A node that supports scrapes keeps one entry for " +
			"each pair of info-hash and address, so get_peers must return one of them, the later.",
		Causes: []string{"entries are told apart by address and port"},
		Kills: []string{
			"entry-for-each-port", "first-announce-counts", "implied-port-always",
			"no-token-for-unknown-hashes", "one-store-for-both-families", "peers-listed-twice",
			"sends-all-peers", "values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			p.Announce(infoHash, Dict{"port": 7005})
			p.Announce(infoHash, Dict{"port": 7006})
			scrape(t, infoHash)
			want := netip.AddrPortFrom(p.Addr().Addr(), 7006)
			if got := PeersOf(t, infoHash, nil); !slices.Equal(got, []netip.AddrPort{want}) {
				t.Mismatch("r.values", show(got), want.String()+" alone")
			}
		},
	},
	{
		ID: "bep33/scrape/only-when-asked", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP33-SCRAPE-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "get_peers with scrape 1, which has filters",
		Explain: "get_peers without scrape, and with scrape 0, should be answered without filters: " +
			"they take half of the datagram from the peers.",
		Causes: []string{"filters are always sent", "the presence of scrape decides, not its value"},
		Kills:  []string{"filters-always", "no-token-for-unknown-hashes"},
		Run: func(t *T) {
			infoHash := randomID(t)
			NewPeer(t).Announce(infoHash, nil)
			scrape(t, infoHash)
			for _, args := range []Dict{nil, {"scrape": 0}} {
				a := NewPeer(t).Expect("get_peers", merge(Dict{"info_hash": infoHash[:]}, args))
				absent(a, "BFsd")
				absent(a, "BFpe")
			}
		},
	},
	{
		ID: "bep33/scrape/answer-fits-1024-bytes", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP33-SCRAPE-007", "BEP32-DHT6-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the announces, which are answered", Within: minute,
		Explain: "A hundred peers announce. The answer to get_peers with scrape 1 must not exceed " +
			"1024 bytes, with both filters in it: nodes and peers have to give way.",
		Causes: []string{
			"the filters are added to an answer that is full",
			"the filters are left out instead",
		},
		Kills: []string{
			"entry-for-each-port", "filters-in-a-full-answer", "filters-of-255-bytes",
			"no-token-for-unknown-hashes", "nodes6-always", "one-store-for-both-families",
			"peers-listed-twice", "queriers-filed-unasked", "queriers-not-asked",
			"sends-all-peers",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			for range 100 {
				p := NewPeer(t)
				p.Announce(infoHash, nil)
				p.Close()
			}
			a := scrape(t, infoHash)
			a.Bloom("BFsd")
			a.Bloom("BFpe")
			if len(a.Raw) > MaxPayload {
				t.Mismatch("the answer", fmt.Sprintf("%d bytes", len(a.Raw)), "at most 1024 bytes")
			}
		},
	},
	{
		ID: "bep33/noseed/prefers-downloaders", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP33-SCRAPE-005"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "get_peers without noseed, which returns peers", Within: minute,
		Explain: "Three downloaders announce and then more seeds than fit into an answer. get_peers " +
			"with noseed 1 comes from a seed, which has no use for other seeds: all three downloaders " +
			"should be in each of a dozen answers.",
		Causes: []string{"noseed is not known", "seed is not stored"},
		Kills: []string{
			"no-token-for-unknown-hashes", "noseed-ignored", "seed-by-presence", "seed-ignored",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			var rest []*Peer
			for i := range 153 {
				p, seed := NewPeer(t), 1
				if i < 3 {
					rest, seed = append(rest, p), 0
				}
				p.Announce(infoHash, Dict{"seed": seed})
			}
			scrape(t, infoHash)
			for range 12 { // one answer may hold them by chance
				got := PeersOf(t, infoHash, Dict{"noseed": 1})
				for _, p := range rest {
					if !slices.Contains(got, p.Addr()) {
						t.Mismatch("r.values with noseed", show(got), p.Addr().String()+" among them")
					}
				}
			}
		},
	},
}

// scrape asks for the filters. A target that sends neither says so that it
// does not support them.
func scrape(t *T, infoHash kademlia.ID) *Answer {
	a := NewPeer(t).Expect("get_peers", Dict{"info_hash": infoHash[:], "scrape": 1})
	if !a.Has("BFsd") && !a.Has("BFpe") {
		t.Unsupportedf("the answer to get_peers with scrape has no filter")
	}
	return a
}

// judgeFilters compares both filters with those of the peers' addresses.
func judgeFilters(t *T, infoHash kademlia.ID, seeds, rest []*Peer) {
	a := scrape(t, infoHash)
	for _, f := range []struct {
		key   string
		peers []*Peer
	}{{"BFsd", seeds}, {"BFpe", rest}} {
		var want mainline.Filter
		for _, p := range f.peers {
			want.Insert(p.Addr().Addr())
		}
		if got := a.Bloom(f.key); !bytes.Equal(got, want[:]) {
			t.Mismatch("r."+f.key, fmt.Sprintf("%x", got), fmt.Sprintf("%x", want[:]))
		}
	}
}
