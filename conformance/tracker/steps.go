package tracker

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// sees ends the case unless everybody expected is among the peers.
func (t *T) sees(where string, got []netip.AddrPort, want ...*Peer) {
	for _, p := range want {
		if !slices.Contains(got, p.Addr()) {
			t.Mismatch(where, show(got), p.Addr().String()+" among the peers")
		}
	}
}

// misses ends the case if one of them is among the peers.
func (t *T) misses(where string, got []netip.AddrPort, unwanted ...*Peer) {
	for _, p := range unwanted {
		if slices.Contains(got, p.Addr()) {
			t.Mismatch(where, show(got), "peers without "+p.Addr().String())
		}
	}
}

// look announces as one more peer and returns whom else it is told of.
func (t *T) look(h Hash) []netip.AddrPort {
	p := NewPeer(t)
	return p.others(addrs(p.Announce(h, Params{"numwant": "100"}).Peers()))
}

// lookByPacket is look over UDP.
func (t *T) lookByPacket(h Hash) []netip.AddrPort {
	p := NewPeer(t)
	return p.others(p.PeersOf(p.AnnouncePacket(h, func(r *tracker.AnnounceRequest) { r.NumWant = 100 })))
}

// others is a list without the peer itself, which many trackers list to it.
func (p *Peer) others(list []netip.AddrPort) []netip.AddrPort {
	return slices.DeleteFunc(list, func(a netip.AddrPort) bool { return a == p.Addr() })
}

// entryOf is the entry of a peer; it ends the case if there is none.
func (t *T) entryOf(entries []Entry, p *Peer) Entry {
	t.sees("peers", addrs(entries), p)
	return entries[slices.Index(addrs(entries), p.Addr())]
}

// equal ends the case unless a number is as expected.
func equal[N comparable](t *T, where string, got, want N, text func(N) string) {
	if got != want {
		t.Mismatch(where, text(got), text(want))
	}
}
