package broadcast_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

func suites(w broadcast.Workload) conformancetest.Suites {
	return conformancetest.Suites{All: w.Suites(), OneIn: 16}
}

// each runs a test for every workload.
func each(t *testing.T, f func(t *testing.T, w broadcast.Workload)) {
	for _, w := range broadcast.Workloads() {
		t.Run(w.Name, func(t *testing.T) { f(t, w) })
	}
}

// The reference nodes meet every case, whatever is drawn.
func TestReferenceNodesPass(t *testing.T) {
	each(t, func(t *testing.T, w broadcast.Workload) {
		for seed := range uint64(2) {
			suites(w).Met(t, w.BuiltIn(), conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
		}
	})
}
