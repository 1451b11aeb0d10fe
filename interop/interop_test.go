// Package interop_test holds the committed reports of real clients together:
// every deviation that a report shows is explained, the baselines list exactly
// what the reports show, and docs/interop.md is current.
//
// After new reports were recorded (interop/record), or a deviation was worded
// anew, the derived files are written by
//
//	go test ./interop -update
package interop_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/conformance/report"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

var update = flag.Bool("update", false, "write the baselines, the page and trimmed reports")

const (
	reportsDir   = "reports"
	baselinesDir = "baselines"
	page         = "../docs/interop.md"
)

// maxReport bounds a committed report: they are read by people, in diffs.
const maxReport = 1 << 20

// recordings are the committed reports by the names of their files, which are
// CLIENT.FAMILY.json: what one run of interop/record wrote.
func recordings(t *testing.T) map[string]*conformance.Report {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(reportsDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*conformance.Report{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := report.Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if client, _, _ := strings.Cut(filepath.Base(file), "."); r.Target.Name != client {
			t.Errorf("the report %s is of %s", file, r.Target.Name)
		}
		out[file] = r
	}
	return out
}

// reports are the committed ones by client, in the order of names: what is
// recorded of a client in several families is one report.
func reports(t *testing.T) (out []*conformance.Report) {
	t.Helper()
	recorded := recordings(t)
	for _, name := range clients.Names() {
		var all *conformance.Report
		for _, file := range slices.Sorted(maps.Keys(recorded)) {
			r := recorded[file]
			switch {
			case r.Target.Name != name:
			case all == nil:
				all = r
			default:
				all.Results = append(all.Results, r.Results...)
				for _, q := range r.Target.Quirks {
					if !slices.Contains(all.Target.Quirks, q) {
						all.Target.Quirks = append(all.Target.Quirks, q)
					}
				}
				all.Duration += r.Duration
			}
		}
		if all == nil {
			t.Fatalf("there is no report of %s: record it with interop/record %s", name, name)
		}
		out = append(out, all)
	}
	return out
}

func TestReportsAreTrimmed(t *testing.T) {
	for file, r := range recordings(t) {
		var b bytes.Buffer
		if err := report.Write(&b, report.JSON, trimmed(r), report.Style{}); err != nil {
			t.Fatal(err)
		}
		current(t, file, b.String())
		if b.Len() > maxReport {
			t.Errorf("%s has %d bytes, at most %d", file, b.Len(), maxReport)
		}
	}
}

// TestReportsJudgeTheCasesOfToday refuses reports of cases that have changed
// since. Cases that are new wait for the next recording.
func TestReportsJudgeTheCasesOfToday(t *testing.T) {
	revs := map[string]int{}
	for _, s := range suites.All() {
		for _, c := range s.Cases {
			revs[c.ID] = c.Rev
		}
	}
	for _, r := range reports(t) {
		for _, res := range r.Results {
			if rev, ok := revs[res.Case]; !ok || rev != res.Rev {
				t.Errorf("%s: %s at revision %d, which is not today's: record it again",
					r.Target.Name, res.Case, res.Rev)
			}
			if res.Verdict == conformance.Error {
				t.Errorf("%s: %s ended in an error of the harness", r.Target.Name, res.Case)
			}
		}
	}
}

// TestEveryDeviationIsExplained pairs what reports show with what is written
// about it, in both directions.
func TestEveryDeviationIsExplained(t *testing.T) {
	all := reports(t)
	used := map[string]bool{}
	for _, r := range all {
		for _, res := range r.Results {
			if !isUnmet(res.Verdict) {
				continue
			}
			var names []string
			for _, d := range deviations() {
				if d.explains(r.Target.Name, res.Case) {
					names = append(names, d.Name)
					used[d.Name+" "+r.Target.Name] = true
					used[d.Name+" "+res.Case] = true
				}
			}
			if len(names) != 1 {
				t.Errorf("%s: %s is %s, and %d deviations explain it: %s", r.Target.Name, res.Case,
					res.Verdict, len(names), strings.Join(names, ", "))
			}
		}
	}
	for _, d := range deviations() {
		for _, s := range d.Sources {
			if !used[d.Name+" "+s.Client] {
				t.Errorf("%s: %s does not show it: remove its source", d.Name, s.Client)
			}
		}
		for _, id := range d.Cases {
			if !used[d.Name+" "+id] {
				t.Errorf("%s: no client fails %s: remove it", d.Name, id)
			}
		}
	}
}

func TestDeviationsAreWellFormed(t *testing.T) {
	var names []string
	for _, d := range deviations() {
		if slices.Contains(names, d.Name) {
			t.Errorf("%s: there are two", d.Name)
		}
		names = append(names, d.Name)
		if d.What == "" || len(d.Cases) == 0 || len(d.Sources) == 0 || !slices.Contains(judgements(), d.Judgement) {
			t.Errorf("%s: it needs a judgement, a text, a case and a source", d.Name)
		}
		for _, s := range d.Sources {
			if s.At == "" {
				t.Errorf("%s: where is it in the source of %s?", d.Name, s.Client)
			}
		}
	}
}

func TestBaselinesListWhatTheReportsShow(t *testing.T) {
	for _, r := range reports(t) {
		name := filepath.Join(baselinesDir, r.Target.Name+".txt")
		current(t, name, baseline(r))
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := conformance.ParseBaseline(name, string(text), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if notes := b.Apply(r.Results); len(notes) > 0 {
			t.Errorf("%s: %s", name, strings.Join(notes, "\n"))
		}
		for _, res := range r.Results {
			if isUnmet(res.Verdict) && res.Overlay != conformance.XFail {
				t.Errorf("%s does not list %s", name, res.Case)
			}
		}
	}
}

// TestSuspectsAreDecided asks for a word about each case that most of the
// clients which it judges do not meet.
func TestSuspectsAreDecided(t *testing.T) {
	found := mostlyUnmet(reports(t))
	for _, s := range found {
		if decisions()[s.Case] == "" {
			t.Errorf("%s is not met by %d of %d clients: decide who is wrong, and write why",
				s.Case, s.Unmet, s.Judged)
		}
	}
	for id := range decisions() {
		if !slices.ContainsFunc(found, func(s suspect) bool { return s.Case == id }) {
			t.Errorf("%s is met by most clients: remove the decision", id)
		}
	}
}

func TestPageIsCurrent(t *testing.T) { current(t, page, render(reports(t))) }

// current compares the file with what it should be, or writes it.
func current(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not current: run go test ./interop -update", name)
	}
}
