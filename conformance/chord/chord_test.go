package chord_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/chord"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

func suites() conformancetest.Suites { return conformancetest.Suites{All: chord.Suites(), OneIn: 16} }

// The reference node meets every case, whatever is drawn.
func TestReferenceNodePasses(t *testing.T) {
	for seed := range uint64(2) {
		suites().Met(t, chord.BuiltIn(), conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}
