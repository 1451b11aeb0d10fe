package conformancetest

import (
	"bytes"
	"flag"
	"hash/fnv"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// Suites are the suites of one family under test themselves: what a reference
// node, a client that is wrong on purpose and one that does nothing must get.
type Suites struct {
	All []conformance.Suite
	// OneIn shortens [Suites.KillSets] for a family that is too large for every
	// run of its tests: of the cases that declare a mutant the first and half of the
	// others are tried on it, and of those that do not one in so many; always the
	// same, and for each case the first mutant that it declares. The flag -exhaustive
	// tries all.
	OneIn uint32
	// Choices are the cases whose document leaves a choice, and which record
	// in an info what the reference node has chosen.
	Choices map[string]bool
}

// Mutant is a client that is wrong in one way on purpose.
type Mutant struct {
	Name   string // what is wrong, as a slug
	What   string // the same in a sentence
	Target conformance.Target
}

// Met fails the test for each case that the reference node does not meet, or that is
// judged otherwise by its tape, which the short tests, that look for races, leave out. A
// case may be skipped, with its reason.
func (s Suites) Met(t *testing.T, target conformance.Target, opts conformance.Options) {
	t.Helper()
	opts.Suites, opts.Tape = s.All, !testing.Short()
	r, err := conformance.Run(t.Context(), target, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r.Results {
		switch {
		case res.Verdict == conformance.Pass, res.Verdict == conformance.Skipped && res.Reason != "":
		case res.Verdict == conformance.Info && s.Choices[res.Case]:
		default:
			t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
		}
	}
	if r.Exit != conformance.ExitMet {
		t.Errorf("the run exits with %d", r.Exit)
	}
	s.JudgedAgain(t, r)
}

// JudgedAgain wants the cases of a run that were taped to come to the same verdicts,
// for the same reasons, by their tapes alone, which are written and read between.
func (s Suites) JudgedAgain(t *testing.T, r *conformance.Report) {
	t.Helper()
	var file bytes.Buffer
	if err := conformance.TapesOf(r).Write(&file); err != nil {
		t.Fatal(err)
	}
	tapes, err := conformance.ReadTapes(&file)
	if err != nil {
		t.Fatal(err)
	}
	if len(tapes.Cases) == 0 {
		return // of a family that is not judged over a network
	}
	var ids []string
	for _, c := range tapes.Cases {
		ids = append(ids, c.Case)
	}
	again, err := conformance.Run(t.Context(), conformance.NewTapeTarget(tapes), conformance.Options{
		Suites: s.All, Select: ids, Seed: r.Seed, Jobs: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range again.Results {
		i := slices.IndexFunc(r.Results, func(was conformance.Result) bool { return was.Case == res.Case })
		if was := r.Results[i]; was.Verdict != res.Verdict || !reflect.DeepEqual(was.Failure, res.Failure) {
			t.Errorf("%s: %s, and by its tape %s\n%s\n%s", res.Case, was.Verdict, res.Verdict,
				report.Explain(was), report.Explain(res))
		}
	}
}

// NoPasses wants that no case passes, and none is an error, against a target
// that does nothing of use. The control that would spare such a target the
// cases is left out: each case has to find out for itself.
func (s Suites) NoPasses(t *testing.T, target conformance.Target, jobs int) {
	t.Helper()
	suites := slices.Clone(s.All)
	for i := range suites {
		suites[i].Control = func(t *conformance.T) { t.Earn() }
	}
	r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: suites, Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r.Results {
		if res.Verdict == conformance.Pass || res.Verdict == conformance.Error {
			t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
		}
	}
}

// KillSets wants each mutant found by exactly the cases that declare it, and at
// least by one. A case finds a mutant when it ends in fail, warn or info, and
// not as it does on the reference node; to be inconclusive is not to find
// anything.
func (s Suites) KillSets(t *testing.T, mutants []Mutant) {
	killed := map[string][]string{} // by case
	tried := map[string][]string{}  // cases by mutant
	for _, m := range mutants {
		tried[m.Name] = s.tried(m.Name)
	}
	var mu sync.Mutex
	t.Run("mutant", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				by := s.killersOf(t, m, tried[m.Name])
				if len(by) == 0 {
					t.Error("no case finds it")
				}
				mu.Lock()
				defer mu.Unlock()
				for _, id := range by {
					killed[id] = append(killed[id], m.Name)
				}
			})
		}
	})
	for _, suite := range s.All {
		for _, c := range suite.Cases {
			got := slices.Sorted(slices.Values(killed[c.ID]))
			want := slices.DeleteFunc(slices.Sorted(slices.Values(c.Kills)), func(mutant string) bool {
				return !slices.Contains(tried[mutant], c.ID)
			})
			switch {
			case slices.Equal(got, want):
			case *exhaustive || s.OneIn < 2:
				t.Errorf("%s should say\n\t\tKills: %s,", c.ID, literal(got))
			default:
				t.Errorf("%s finds %q of the mutants tried, and says %q: -exhaustive tells what it should say",
					c.ID, got, want)
			}
		}
	}
}

var exhaustive = flag.Bool("exhaustive", false, "try every case on every mutant")

// tried are the cases that are tried on a mutant.
func (s Suites) tried(mutant string) []string {
	var ids []string
	declared := false
	for _, suite := range s.All {
		for _, c := range suite.Cases {
			kills := slices.Contains(c.Kills, mutant)
			if s.draws(mutant, &c, kills, kills && !declared) {
				ids = append(ids, c.ID)
			}
			declared = declared || kills
		}
	}
	return ids
}

// draws reports whether a case is tried on a mutant.
func (s Suites) draws(mutant string, c *conformance.Case, kills, first bool) bool {
	if *exhaustive || s.OneIn < 2 || first || kills && c.Kills[0] == mutant {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(mutant + " " + c.ID))
	if kills {
		return h.Sum32()%2 == 0
	}
	return h.Sum32()%s.OneIn == 0
}

// killersOf are those of the cases tried that find the mutant.
func (s Suites) killersOf(t *testing.T, m Mutant, tried []string) []string {
	suites := slices.Clone(s.All)
	for i := range suites {
		suites[i].Decode = nil // nobody reads the transcripts
	}
	r, err := conformance.Run(t.Context(), m.Target, conformance.Options{
		Suites: suites, Select: tried, Jobs: 1, Seed: 1, Tape: isTaped(m.Name),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.JudgedAgain(t, r)
	var by []string
	for _, res := range r.Results {
		switch res.Verdict {
		case conformance.Fail, conformance.Warn, conformance.Info:
			if !s.Choices[res.Case] || res.Verdict != conformance.Info {
				by = append(by, res.Case)
			}
		case conformance.Error:
			t.Errorf("%s: the harness is at fault:\n%s", res.Case, report.Explain(res))
		}
	}
	return by
}

// isTaped draws the mutants that are also judged by their tapes: one in sixteen.
func isTaped(mutant string) bool {
	h := fnv.New32a()
	h.Write([]byte(mutant))
	return h.Sum32()%16 == 0
}

// literal writes the slice as it stands in a case.
func literal(names []string) string {
	if len(names) == 0 {
		return "nil, or a reason in Unkillable"
	}
	return `[]string{"` + strings.Join(names, `", "`) + `"}`
}

// EveryCaseKills wants that every case kills a mutant or says why none can be
// made, that it names only mutants that there are, and that these are well named.
func (s Suites) EveryCaseKills(t *testing.T, mutants []Mutant) {
	t.Helper()
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9_]+)*$`)
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.Name] || !slug.MatchString(m.Name) || m.What == "" {
			t.Errorf("mutant %q: it needs a slug of its own for a name, and a sentence", m.Name)
		}
		names[m.Name] = true
	}
	for _, suite := range s.All {
		for _, c := range suite.Cases {
			if (len(c.Kills) == 0) == (c.Unkillable == "") {
				t.Errorf("%s: either Kills or Unkillable", c.ID)
			}
			for _, name := range c.Kills {
				if !names[name] {
					t.Errorf("%s kills %s, which does not exist", c.ID, name)
				}
			}
		}
	}
}
