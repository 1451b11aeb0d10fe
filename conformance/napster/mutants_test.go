package napster_test

import (
	"testing"

	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/napster"
)

func mutants() []conformancetest.Mutant {
	var all []conformancetest.Mutant
	for _, m := range napster.Mutants() {
		all = append(all, conformancetest.Mutant{Name: m.Name, What: m.What, Target: m.Target()})
	}
	return all
}

// Each mutant is found by exactly the cases that say so.
func TestMutantsAreKilledAsDeclared(t *testing.T) { suites().KillSets(t, mutants()) }

// Every case finds a mutant or says why none can be made.
func TestEveryCaseKillsAMutant(t *testing.T) { suites().EveryCaseKills(t, mutants()) }
