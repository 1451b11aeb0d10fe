package dht_test

import (
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// Each mutant is found by exactly the cases that say so. A case finds it when
// it ends in fail, warn or info, and not as it does on the reference node; to
// be inconclusive is not to find anything.
func TestMutantsAreKilledAsDeclared(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // forty thousand short runs
	killed := map[string][]string{}                   // by case
	var mu sync.Mutex
	t.Run("mutant", func(t *testing.T) {
		for _, m := range dht.Mutants() {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				by := killersOf(t, m)
				assert.NotEmpty(t, by, "no case finds it")
				mu.Lock()
				defer mu.Unlock()
				for _, id := range by {
					killed[id] = append(killed[id], m.Name)
				}
			})
		}
	})
	for _, s := range dht.Suites() {
		for _, c := range s.Cases {
			got := slices.Sorted(slices.Values(killed[c.ID]))
			want := slices.Sorted(slices.Values(c.Kills))
			if !slices.Equal(got, want) {
				t.Errorf("%s should say\n\t\tKills: %s,", c.ID, literal(got))
			}
		}
	}
}

// killersOf are the cases that find the mutant.
func killersOf(t *testing.T, m dht.Mutant) []string {
	suites := dht.Suites()
	for i := range suites {
		suites[i].Decode = nil // nobody reads the transcripts
	}
	r, err := conformance.Run(t.Context(), m.Target(), conformance.Options{Suites: suites, Jobs: 1, Seed: 1})
	require.NoError(t, err)
	var by []string
	for _, res := range r.Results {
		switch res.Verdict {
		case conformance.Fail, conformance.Warn, conformance.Info:
			if !choices[res.Case] || res.Verdict != conformance.Info {
				by = append(by, res.Case)
			}
		case conformance.Error:
			t.Errorf("%s: the harness is at fault:\n%s", res.Case, report.Explain(res))
		}
	}
	return by
}

// literal writes the slice as it stands in a case.
func literal(names []string) string {
	if len(names) == 0 {
		return "nil, or a reason in Unkillable"
	}
	return `[]string{"` + strings.Join(names, `", "`) + `"}`
}

// Every case finds a mutant or says why none can be made, and names only
// mutants that there are.
func TestEveryCaseKillsAMutant(t *testing.T) {
	names := map[string]bool{}
	for _, m := range dht.Mutants() {
		assert.False(t, names[m.Name], "%s is there twice", m.Name)
		assert.Regexp(t, regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9_]+)*$`), m.Name)
		assert.NotEmpty(t, m.What, m.Name)
		names[m.Name] = true
	}
	for _, s := range dht.Suites() {
		for _, c := range s.Cases {
			assert.NotEqual(t, len(c.Kills) == 0, c.Unkillable == "", "%s: Kills or Unkillable", c.ID)
			for _, name := range c.Kills {
				assert.True(t, names[name], "%s kills %s, which does not exist", c.ID, name)
			}
		}
	}
}
