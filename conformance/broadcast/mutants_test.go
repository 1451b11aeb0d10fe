package broadcast_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

func mutants(w broadcast.Workload) []conformancetest.Mutant {
	var all []conformancetest.Mutant
	for _, m := range w.Mutants() {
		all = append(all, conformancetest.Mutant{Name: m.Name, What: m.What, Target: m.Target()})
	}
	return all
}

// Each mutant is found by exactly the cases that say so.
func TestMutantsAreKilledAsDeclared(t *testing.T) {
	each(t, func(t *testing.T, w broadcast.Workload) { suites(w).KillSets(t, mutants(w)) })
}

// Every case finds a mutant or says why none can be made.
func TestEveryCaseKillsAMutant(t *testing.T) {
	each(t, func(t *testing.T, w broadcast.Workload) { suites(w).EveryCaseKills(t, mutants(w)) })
}

// No case passes against nodes that do nothing of use.
func TestNullNodesPassNothing(t *testing.T) {
	each(t, func(t *testing.T, w broadcast.Workload) {
		for _, null := range cluster.Nulls() {
			t.Run(null.Name, func(t *testing.T) { suites(w).NoPasses(t, null.Target(), 2) })
		}
	})
}
