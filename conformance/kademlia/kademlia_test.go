package kademlia_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/kademlia"
)

const seeds = 3

func suites() conformancetest.Suites { return conformancetest.Suites{All: kademlia.Suites(), OneIn: 8} }

// The reference node meets every case, whatever is drawn.
func TestReferenceNodePasses(t *testing.T) {
	for seed := range uint64(seeds) {
		suites().Met(t, kademlia.BuiltIn(), conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}
