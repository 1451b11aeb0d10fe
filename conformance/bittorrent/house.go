package bittorrent

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
)

const (
	// places is how many connections a target may have in the cases of a full
	// house: enough for a worst one among several.
	places = 4
	// newcomers are those who find the house full. Who ranks by another number
	// takes the same decision as often as one step in five, and seldom twelve times.
	newcomers = 12
	// settledWithin is how long a target may have one connection too many: some
	// look around once a second.
	settledWithin = 5 * time.Second
)

// house is a seeder with few places, and who is connected to it.
type house struct {
	t     *T
	peers []*Peer
}

func newHouse(t *T) *house {
	opt := t.Standard()
	opt.MaxPeers = places
	t.Start(opt)
	t.Wait(t.SilenceWait()) // who tried whether it is ready may have a place still
	return &house{t: t}
}

// fill connects peers until all places are taken, and returns who did not come in.
// The target must send none of them away.
func (h *house) fill(from []netip.AddrPort) (rest []netip.AddrPort) {
	for ; len(h.peers) < places; from = from[1:] {
		p := h.enter(from[0])
		h.t.RTT(p.Met())
		p.GoesOn()
	}
	h.t.Wait(h.t.SilenceWait())
	if gone := h.leavers(); len(gone) > 0 {
		h.t.Failf("the target may have %d connections, and hangs up on one of %d: %s", places, places, gone[0].Last())
	}
	return from
}

// enter connects a peer, which offers the fast extension alone.
func (h *house) enter(from netip.AddrPort) *Peer {
	s := h.t.DialFrom(from, h.t.Target())
	if !s.Opened() {
		h.t.Inconclusivef("the target accepts no connection: %v", s.Err())
	}
	p := newPeer(h.t, ContentOf(h.t), s)
	p.Greet(Fast[0])
	h.peers = append(h.peers, p)
	return p
}

// leavers are those whom the target has left since the last call.
func (h *house) leavers() (gone []*Peer) {
	for _, p := range h.peers {
		if p.Ended() {
			gone = append(gone, p)
		}
	}
	h.peers = slices.DeleteFunc(h.peers, (*Peer).Ended)
	return gone
}

// judge brings newcomers into the full house, one after the other, and holds the
// target to who has to leave each time: whose connection has the lowest priority.
func (h *house) judge(from []netip.AddrPort) {
	for _, at := range from {
		newcomer := h.enter(at)
		all := slices.Clone(h.peers)
		var gone []*Peer
		h.t.Until(func() bool {
			gone = h.leavers()
			return len(gone) > 0
		}, settledWithin)
		if len(gone) == 0 {
			h.t.Inconclusivef("the target has %d connections, and was told to have %d at most", len(all), places)
		}
		worst := slices.MinFunc(all, func(a, b *Peer) int { return cmp.Compare(h.priority(a), h.priority(b)) })
		if p := gone[0]; p != worst {
			h.t.Failf("%s, whose connection has priority %08x, has to leave a full house, and %v stays, with %08x",
				called(p, newcomer), h.priority(p), worst.Local(), h.priority(worst))
		}
		// It ranks with the others once hands are shaken.
		h.t.Until(func() bool { return newcomer.Theirs != nil || newcomer.Gone() }, AnswerWithin)
	}
	h.t.Wait(h.t.SilenceWait())
	if h.leavers(); len(h.peers) < places {
		h.t.Failf("the target may have %d connections, and ends with %d", places, len(h.peers))
	}
}

func called(p, newcomer *Peer) string {
	if p == newcomer {
		return "the newcomer " + p.Local().String()
	}
	return p.Local().String()
}

// priority is that of a connection. The target's own address is the one that it
// listens at.
func (h *house) priority(p *Peer) uint32 { return core.PeerPriority(h.t.Target(), p.Local()) }

// strangers are source addresses that make different priorities toward any target.
func strangers(t *T, n int) (from []netip.AddrPort) {
	far := netip.MustParseAddrPort("203.0.113.1:6881") // in another network, so that most bits are masked
	for seen := map[uint32]bool{}; len(from) < n; {
		s := t.Open() // which address is next is seen by taking it
		at := netip.AddrPortFrom(s.Addr().Addr(), 0)
		s.Close()
		if p := core.PeerPriority(far, at); !seen[p] {
			seen[p] = true
			from = append(from, at)
		}
	}
	return from
}

// rising sorts addresses by their priority toward the target, lowest first.
func (h *house) rising(from []netip.AddrPort) []netip.AddrPort {
	return slices.SortedStableFunc(slices.Values(from), func(a, b netip.AddrPort) int {
		return cmp.Compare(core.PeerPriority(h.t.Target(), a), core.PeerPriority(h.t.Target(), b))
	})
}

// neighbours are addresses that share so many first bytes with the target's, and
// have different priorities.
func (h *house) neighbours(common int) (from []netip.AddrPort) {
	own := h.t.Target().Addr().As4()
	for seen := map[uint32]bool{}; len(from) < places+newcomers; {
		ip := own
		h.t.Rand().Fill(ip[common:])
		at := netip.AddrPortFrom(netip.AddrFrom4(ip), 0)
		p := core.PeerPriority(h.t.Target(), at)
		if ip[common] != own[common] && ip[3] != 0 && ip[3] != 255 && !seen[p] {
			seen[p] = true
			from = append(from, at)
		}
	}
	return from
}

// namesakes are peers at the target's own address, with ports above and below its
// own: the system picks such, but virtual time does not.
func (h *house) namesakes() []netip.AddrPort {
	own := h.t.Target()
	from := slices.Repeat([]netip.AddrPort{netip.AddrPortFrom(own.Addr(), 0)}, places+newcomers)
	if h.t.Virtual() {
		for i, side := range []int{-1, 1} {
			for j := i; j < len(from); j += 2 {
				from[j] = netip.AddrPortFrom(own.Addr(), uint16(int(own.Port())+side*97*(j+1)))
			}
		}
	}
	return from
}
