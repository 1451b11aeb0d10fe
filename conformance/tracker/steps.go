package tracker

import (
	"net/netip"
	"slices"
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

// onlookers announce after the others, as seeds or not, and return whom they
// are told of.
func (t *T) look(h Hash) []netip.AddrPort {
	return addrs(NewPeer(t).Announce(h, Params{"numwant": "100"}).Peers())
}

// equal ends the case unless a number is as expected.
func equal[N comparable](t *T, where string, got, want N, text func(N) string) {
	if got != want {
		t.Mismatch(where, text(got), text(want))
	}
}
