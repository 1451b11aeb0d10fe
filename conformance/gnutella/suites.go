package gnutella

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
)

// Family selects all suites of this package.
const Family = "gnutella"

// Suites are the suites of Gnutella servents.
func Suites() []conformance.Suite {
	shared := &conformance.StartOptions{Files: Shared()}
	flat := &conformance.StartOptions{Files: Shared(), Flat: true}
	suite := func(name, title string, opt *conformance.StartOptions, areas ...[]Case) conformance.Suite {
		return conformance.Suite{
			Name: name, Family: Family, Title: title,
			Control: control, Ready: ready, Shared: opt,
			Decode: Decode, Frame: Frame, LintStream: LintStream,
			Cases: slices.Concat(areas...),
		}
	}
	return []conformance.Suite{
		suite("gnutella04", "the Gnutella protocol 0.4", flat, oldHandshake, oldCalls, oldRouting),
		suite("gnutella06", "the Gnutella protocol 0.6", shared, handshake, headers, calls, coding, hostile, streams,
			passing, pings, cachedPongs, queries, answers, searches, returning, byes, vendors, flows,
			leafDuties, ultrapeerDuties, hopsFlows, dynamicQueries, guidance),
		suite("qrp", "query routing tables", shared, qrpRouting, qrpForms, qrpUpdates, qrpRefusals, qrpLeafTable,
			qrpUltrapeerTable, qrpLastHop),
		suite("ggep", "the generic extension protocol", shared, ggepQueries, ggepBroken, ggepSent, ggepForwarded),
		suite("gnutella-http", "file transfer between servents", shared, httpGet, httpRanges, httpStreams, httpLocations,
			httpHostile, httpPush, httpDownload, httpPushed),
	}
}

// control is a handshake that is answered, in whatever way: each case finds out
// for itself whether it is taken.
func control(t *T) {
	p := Try(t, Equal())
	if p.Answer == nil {
		t.Inconclusivef("no answer to a handshake: %s", p.Last())
	}
	t.Earn()
}

// ready tries whether a target that was just started answers a handshake.
func ready(t *T) bool {
	s := t.DialTo(t.Target())
	defer s.Close()
	if !s.Opened() {
		return false
	}
	p := NewPeer(t, s)
	p.Greet(Equal())
	return p.Answered()
}
