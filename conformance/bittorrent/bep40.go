package bittorrent

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/conformance"
)

// crowded bounds a case of a full house: sixteen peers shake hands, and a target
// may take its time with each newcomer.
const crowded = time.Minute + newcomers*settledWithin

// bep40Overflow judges who stays when there are more peers than places: BEP 40.
// The document leaves open whether the larger number wins; all implementations
// that rank by it keep the larger.
var bep40Overflow = []Case{
	{
		ID: "bep40/overflow/higher-takes-the-place", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP40-PRIO-001"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMaxPeers, conformance.NeedAddresses},
		Control: "the target keeps as many connections as it has places",
		Explain: "A target with 4 places is visited by 16 peers, those with a lower canonical priority first. " +
			"Each that finds the house full has a higher one than all before it, and should take the place " +
			"of the lowest.",
		Causes: []string{
			"whoever comes to a full house is sent away", "the oldest or the youngest has to leave",
		},
		Within: crowded,
		Kills: []string{
			"full-house-is-closed", "lower-priority-stays", "one-place-less",
			"priority-of-whole-addresses",
		},
		Run: func(t *T) {
			h := newHouse(t)
			h.judge(h.fill(h.rising(strangers(t, places+newcomers))))
		},
	},
	{
		ID: "bep40/overflow/lower-is-sent-away", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP40-PRIO-001"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMaxPeers, conformance.NeedAddresses},
		Control: "the target keeps as many connections as it has places",
		Explain: "The same peers come in the opposite order: each that finds the house full has a lower " +
			"canonical priority than all who are there, and should be sent away, so that nobody gets a place " +
			"by insisting.",
		Causes: []string{"whoever comes gets a place, and somebody loses his"},
		Within: crowded,
		Kills:  []string{"lower-priority-stays", "newest-stays", "priority-of-networks"},
		Run: func(t *T) {
			h := newHouse(t)
			from := h.rising(strangers(t, places+newcomers))
			slices.Reverse(from)
			h.judge(h.fill(from))
		},
	},
}

// bep40Networks judges how addresses are masked: BEP 40.
var bep40Networks = []Case{
	neighbourly("same-16", 2, "Peers of the target's own /16 network come to a full house. The number is made from "+
		"the first three bytes of both addresses, and every other bit of the fourth.",
		[]string{
			"full-house-is-closed", "lower-priority-stays", "newest-stays", "one-place-less",
			"priority-by-one-mask", "priority-of-networks", "priority-of-whole-addresses",
		}),
	neighbourly("same-24", 3, "Peers of the target's own /24 network come to a full house. The number is made from "+
		"both addresses as they are.",
		[]string{
			"full-house-is-closed", "lower-priority-stays", "newest-stays", "one-place-less",
			"priority-by-one-mask", "priority-of-networks",
		}),
	{
		ID: "bep40/priority/same-address", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP40-PRIO-001"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMaxPeers},
		Control: "the target keeps as many connections as it has places",
		Explain: "Peers with the target's own address come to a full house. The number is made from the two " +
			"ports, two bytes each: the one that the target listens at, and the one that it sees.",
		Causes: []string{"addresses are used that are all the same", "the ports are not put in order"},
		Within: crowded,
		Kills: []string{
			"full-house-is-closed", "lower-priority-stays", "newest-stays", "priority-by-one-mask",
			"priority-of-networks", "priority-of-whole-addresses", "priority-out-of-order",
		},
		Run: func(t *T) {
			h := newHouse(t)
			from := h.namesakes()
			h.enter(from[0]).Met()
			second := h.enter(from[1])
			if !t.Until(func() bool { return second.Theirs != nil || second.Gone() }, AnswerWithin) || second.Gone() {
				t.Unsupportedf("the target keeps one connection to an address")
			}
			h.judge(h.fill(from[2:]))
		},
	},
}

func neighbourly(slug string, common int, explain string, kills []string) Case {
	return Case{
		ID: "bep40/priority/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP40-PRIO-001"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMaxPeers, conformance.NeedNeighbours},
		Control: "the target keeps as many connections as it has places",
		Explain: explain + " Each time the lowest should leave.",
		Causes:  []string{"one mask is used for all addresses", "the two addresses are not put in order"},
		Within:  crowded,
		Kills:   kills,
		Run: func(t *T) {
			h := newHouse(t)
			h.judge(h.fill(h.neighbours(common)))
		},
	}
}

// bep40Dialling judges whom a leecher connects to: BEP 40.
var bep40Dialling = []Case{
	{
		ID: "bep40/dialling/highest-first", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP40-PRIO-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMaxPeers, conformance.NeedAddresses},
		Control: "the target connects to as many peers as it has places",
		Explain: "A leecher with 4 places learns of 16 peers at once. It should connect to the four with the " +
			"highest canonical priority, which would win the places in the end.",
		Causes: []string{"peers are dialled in the order of the list", "peers are dialled at random"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"full-house-is-closed", "lower-priority-stays", "newest-stays", "priority-by-one-mask",
			"priority-of-networks", "priority-of-whole-addresses", "priority-out-of-order",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			var met []*Peer
			for _, at := range strangers(t, places+newcomers) {
				s.AddAt(at, Plain, func(p *Peer) {
					met = append(met, p)
					p.Send(s.All(p))
				})
			}
			s.StartWith(conformance.StartOptions{MaxPeers: places})
			t.Until(func() bool { return len(met) >= places }, downloadWithin)
			if len(met) < places {
				t.Inconclusivef("the target met %d peers and has %d places: %s", len(met), places, s.standing())
			}
			t.Wait(t.SilenceWait())
			rank := func(at netip.AddrPort) uint32 { return core.PeerPriority(t.Target(), at) }
			best := slices.SortedFunc(slices.Values(s.named), func(a, b netip.AddrPort) int {
				return cmp.Compare(rank(b), rank(a))
			})
			for _, p := range met {
				if i := slices.Index(best, p.Local()); i >= places {
					t.Failf("the target connects to %v, which has the priority %08x and is number %d of %d peers",
						p.Local(), rank(p.Local()), i+1, len(best))
				}
			}
		},
	},
}
