package napster_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/napster"
)

func suites() conformancetest.Suites { return conformancetest.Suites{All: napster.Suites(), OneIn: 12} }

// seeds is how many draws of the harness every case is tried with.
const seeds = 5

// The reference server meets every case, whatever is drawn.
func TestReferenceServerPasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := napster.Builtin{}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets.
func TestReferenceServerPassesOnLoopback(t *testing.T) {
	target := napster.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}
