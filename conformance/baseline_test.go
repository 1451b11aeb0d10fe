package conformance

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var aDay = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func mustParse(t *testing.T, text string) *Baseline {
	t.Helper()
	b, err := ParseBaseline("known.txt", text, aDay)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBaselineApplies(t *testing.T) {
	for _, c := range []struct {
		name    string
		line    string
		verdict Verdict
		runs    []Verdict
		want    Overlay
		says    string
	}{
		{"as listed", "fail rev=2 # why", Fail, nil, XFail, ""},
		{"a listed warn", "warn rev=2 # why", Warn, nil, XFail, ""},
		{"a listed inconclusive", "inconclusive rev=2 # why", Inconclusive, nil, XFail, ""},
		{"passes now", "fail rev=2 # why", Pass, nil, XPass, "remove the line"},
		{"passes now, of an older revision", "fail rev=1 # why", Pass, nil, XPass, "remove"},
		{"another verdict", "fail rev=2 # why", Inconclusive, nil, Unexpected,
			"is inconclusive, not fail"},
		{"milder than listed", "fail rev=2 # why", Warn, nil, Unexpected, "is warn, not fail"},
		{"older revision", "fail rev=1 # why", Fail, nil, Unexpected, "case changed, re-review"},
		{"last day", "fail rev=2 until=2026-05-01 # why", Fail, nil, XFail, ""},
		{"day after", "fail rev=2 until=2026-04-30 # why", Fail, nil, Unexpected, "until 2026-04-30"},
		{"not run", "fail rev=2 # why", Skipped, nil, "", ""},
		{"not offered", "fail rev=2 # why", Unsupported, nil, "", ""},
		{"harness at fault", "fail rev=2 # why", Error, nil, "", ""},
		{"fails sometimes", "fail rev=2 # why", Fail, []Verdict{Pass, Fail}, Unexpected,
			"only sometimes"},
		{"flaky above its floor", "flaky rev=2 floor=0.5 # why", Fail, []Verdict{Pass, Fail}, XFail, ""},
		{"flaky below its floor", "flaky rev=2 floor=0.6 # why", Fail, []Verdict{Pass, Fail},
			Unexpected, "passed 1 of 2 runs, below its floor of 0.6"},
		{"flaky, one run", "flaky rev=2 floor=0.1 # why", Fail, nil, Unexpected, "use --repeat"},
		{"flaky, lucky", "flaky rev=2 floor=0.5 # why", Pass, []Verdict{Pass, Pass}, "", ""},
		{"flaky, older revision", "flaky rev=1 floor=0.5 # why", Fail, []Verdict{Pass, Fail},
			Unexpected, "re-review"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := []Result{
				{Case: "a/b/other", Rev: 2, Verdict: Fail},
				{Case: "a/b/c", Rev: 2, Verdict: c.verdict, Runs: c.runs},
			}
			if len(c.runs) > 0 && c.verdict != Pass {
				results[1].Overlay = Flaky
			}
			before := results[1].Overlay
			notes := mustParse(t, "# heading\na/b/c  "+c.line+"\n").Apply(results)
			if results[0].Overlay != "" {
				t.Errorf("a case that is not listed got the overlay %q", results[0].Overlay)
			}
			got := results[1]
			switch {
			case c.want == "":
				if got.Overlay != before || len(notes) > 0 {
					t.Fatalf("overlay %q, notes %q; want the result untouched", got.Overlay, notes)
				}
			case got.Overlay != c.want:
				t.Fatalf("overlay %q, want %q", got.Overlay, c.want)
			case c.want == XFail:
				if got.Reason != "why" || len(notes) > 0 {
					t.Errorf("reason %q, notes %q; want the baseline's own words", got.Reason, notes)
				}
			case len(notes) != 1 || !strings.Contains(notes[0], c.says) ||
				!strings.HasPrefix(notes[0], "known.txt:2: a/b/c "):
				t.Errorf("notes %q; want one that names known.txt:2 and says %q", notes, c.says)
			}
		})
	}
}

func TestBaselineRefuses(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"a/b/c", "lacks its verdict"},
		{"a/b/c fail # why", "lacks rev=N"},
		{"a/b/c fail rev=x # why", "a revision is a number"},
		{"a/b/c fail rev=-1 # why", "a revision is a number"},
		{"a/b/c fail rev=1", "lacks its reason"},
		{"a/b/c fail rev=1 #  ", "lacks its reason"},
		{"a/b/c pass rev=1 # why", "cannot be listed"},
		{"a/b/c error rev=1 # why", "cannot be listed"},
		{"a/b/c fail rev=1 until=tomorrow # why", "YYYY-MM-DD"},
		{"a/b/c fail rev=1 untill=2026-01-01 # why", `"untill=2026-01-01" is unknown`},
		{"a/b/c flaky rev=1 # why", "without floor"},
		{"a/b/c flaky rev=1 floor=0 # why", "between 0 and 1"},
		{"a/b/c flaky rev=1 floor=NaN # why", "between 0 and 1"},
		{"a/b/c fail rev=1 floor=0.5 # why", "only a flaky case has"},
		{"a/b/c fail rev=1 # x\na/b/c fail rev=1 # y", "already listed in line 2"},
	} {
		_, err := ParseBaseline("known.txt", "# heading\n"+c.line, aDay)
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: error %v, want a usage error", c.line, err)
			continue
		}
		at := "known.txt:2: "
		if strings.Contains(c.line, "\n") {
			at = "known.txt:3: "
		}
		if !strings.HasPrefix(err.Error(), at) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %q does not begin with %q and say %q", c.line, err, at, c.says)
		}
	}
}

func TestLoadBaselineNamesTheFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.txt")
	var usage *UsageError
	_, err := LoadBaseline(missing)
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want a usage error that names %s", err, missing)
	}
}

func TestBaselineKnowsItsCases(t *testing.T) {
	suites := selectable()
	if err := mustParse(t, "bep5/ping/carries-version fail rev=1 # why\n").Check(suites); err != nil {
		t.Error(err)
	}
	err := mustParse(t, "\nbep5/ping/carries-versions fail rev=1 # why\n").Check(suites)
	var usage *UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "known.txt:2: ") ||
		!strings.Contains(err.Error(), "nearest: bep5/ping/carries-version,") {
		t.Errorf("error %v; want a usage error with the line and the nearest id", err)
	}
}

func TestBaselineUpdates(t *testing.T) {
	b := mustParse(t, strings.Join([]string{
		"# known failures",
		"a/b/fixed     fail rev=1  # was broken",
		"",
		"a/b/still     fail rev=1  # reviewed   by hand",
		"a/b/changed   fail rev=1  # reviewed at rev 1",
		"a/b/skipped   fail rev=1  # needs --slow",
		"a/b/warned    warn rev=1  # pinned by hand",
		"a/b/lucky     flaky rev=1 floor=0.5  # under load",
	}, "\n"))
	results := []Result{
		{Case: "a/b/fixed", Rev: 1, Verdict: Pass},
		{Case: "a/b/still", Rev: 1, Verdict: Fail},
		{Case: "a/b/changed", Rev: 2, Verdict: Fail, Failure: &Failure{Message: "no\nreply"}},
		{Case: "a/b/skipped", Rev: 1, Verdict: Skipped},
		{Case: "a/b/warned", Rev: 1, Verdict: Warn},
		{Case: "a/b/lucky", Rev: 1, Verdict: Pass},
		{Case: "a/b/new", Rev: 3, Verdict: Inconclusive, Failure: &Failure{Message: "silent"}},
		{Case: "a/b/shaky", Rev: 1, Verdict: Fail, Overlay: Flaky, Runs: []Verdict{Pass, Fail, Pass}},
		{Case: "a/b/may", Rev: 1, Verdict: Info},
		{Case: "a/b/unlisted-warn", Rev: 1, Verdict: Warn},
	}
	b.Update(results, false)
	row := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	var got []string
	for _, line := range strings.Split(b.String(), "\n") {
		got = append(got, row(line))
	}
	want := []string{
		"# known failures",
		"",
		"a/b/still fail rev=1 # reviewed by hand",
		"a/b/changed fail rev=2 # not reviewed: no reply",
		"a/b/skipped fail rev=1 # needs --slow",
		"a/b/warned warn rev=1 # pinned by hand",
		"a/b/lucky flaky rev=1 floor=0.5 # under load",
		"a/b/new inconclusive rev=3 # not reviewed: silent",
		"a/b/shaky flaky rev=1 floor=0.66 # not reviewed",
		"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(b.String(), "reviewed   by hand") {
		t.Error("a line that still fits was rewritten")
	}
}

// A baseline written from a run makes the same run exit with 0, strict or not.
func TestWrittenBaselineMakesItsRunMet(t *testing.T) {
	run := func() *Report {
		return &Report{Results: []Result{
			{Case: "a/b/fail", Rev: 1, Verdict: Fail, Failure: &Failure{Message: "hash # in it"}},
			{Case: "a/b/warn", Rev: 2, Verdict: Warn},
			{Case: "a/b/open", Rev: 3, Verdict: Inconclusive},
			{Case: "a/b/rare", Rev: 1, Verdict: Fail, Overlay: Flaky,
				Runs: []Verdict{Fail, Fail, Fail, Pass, Fail, Fail, Fail}},
			{Case: "a/b/pass", Rev: 1, Verdict: Pass},
		}}
	}
	judge := func(r *Report, strict bool) ExitCode {
		for i := range r.Results {
			if strict {
				r.Results[i] = r.Results[i].Strict()
			}
		}
		return r.Judge(0)
	}
	for _, strict := range []bool{false, true} {
		var written Baseline
		written.Update(run().Results, strict)
		path := filepath.Join(t.TempDir(), "known.txt")
		if err := written.Write(path); err != nil {
			t.Fatal(err)
		}
		read, err := LoadBaseline(path)
		if err != nil {
			t.Fatal(err)
		}
		again := run()
		if notes := read.Apply(again.Results); len(notes) > 0 {
			t.Errorf("strict %v: notes %q", strict, notes)
		}
		if code := judge(again, strict); code != ExitMet {
			t.Errorf("strict %v: exit %d with its own baseline:\n%s", strict, code, read)
		}
		if code := judge(run(), strict); code != ExitUnmet {
			t.Errorf("strict %v: exit %d without the baseline", strict, code)
		}
	}
}
