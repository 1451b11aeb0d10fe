package chord_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/conformance/chord"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

func mutants() []conformancetest.Mutant {
	var all []conformancetest.Mutant
	for _, m := range chord.Mutants() {
		all = append(all, conformancetest.Mutant{Name: m.Name, What: m.What, Target: m.Target()})
	}
	return all
}

// Each mutant is found by exactly the cases that say so.
func TestMutantsAreKilledAsDeclared(t *testing.T) { suites().KillSets(t, mutants()) }

// Every case finds a mutant or says why none can be made.
func TestEveryCaseKillsAMutant(t *testing.T) { suites().EveryCaseKills(t, mutants()) }

// No case passes against nodes that do nothing of use.
func TestNullNodesPassNothing(t *testing.T) {
	for _, null := range cluster.Nulls() {
		t.Run(null.Name, func(t *testing.T) { suites().NoPasses(t, null.Target(), 2) })
	}
}
