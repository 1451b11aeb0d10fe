package tracker

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
)

// Family selects all suites of this package.
const Family = "tracker"

// Suites are the suites for trackers, in the order of their documents.
func Suites() []conformance.Suite {
	suites := []conformance.Suite{
		overHTTP("bep3", "BitTorrent protocol: trackers",
			bep3Replies(), bep3Peers(), bep3Queries(), bep3Events(), bep3Refusals(), bep3Hostile(), bep3Time()),
		overHTTP("bep7", "IPv6 tracker extension", bep7()),
		overUDP("bep15", "UDP tracker protocol", bep15Connect(), bep15IDs(), bep15Announce(), bep15Swarm(), bep15Scrape()),
		overHTTP("bep23", "compact peer lists", bep23()),
		overHTTP("bep24", "external IP", bep24()),
		overHTTP("bep31", "tracker failure retry", bep31()),
		overUDP("bep41", "UDP tracker protocol extensions", bep41()),
		overHTTP("bep48", "tracker scrape", bep48Shape(), bep48Counts()),
	}
	shared := &conformance.StartOptions{Role: conformance.Tracker, InfoHashes: listed(suites)}
	for i := range suites {
		suites[i].Shared = shared
	}
	return suites
}

func overHTTP(name, title string, areas ...[]Case) conformance.Suite {
	s := suite(name, title, areas...)
	s.Control = run(func(t *T) { NewPeer(t).control() })
	s.Ready = func(ct *conformance.T) bool {
		ready := false
		run(func(t *T) { ready = NewPeer(t).hasHTTP() })(ct)
		return ready
	}
	return s
}

func overUDP(name, title string, areas ...[]Case) conformance.Suite {
	s := suite(name, title, areas...)
	s.Control = run(func(t *T) { NewPeer(t).connected() })
	s.Ready = func(ct *conformance.T) bool {
		ready := false
		run(func(t *T) { ready = NewPeer(t).AskConnect().Kind == Answered })(ct)
		return ready
	}
	return s
}

func suite(name, title string, areas ...[]Case) conformance.Suite {
	return conformance.Suite{
		Name: name, Family: Family, Title: title,
		Decode: decode, Lint: lint, Frame: frame, LintStream: lintStream,
		Cases: slices.Concat(areas...),
	}
}
