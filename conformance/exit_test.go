package conformance

import "testing"

func TestJudge(t *testing.T) {
	result := func(v Verdict, o Overlay) Result { return Result{Verdict: v, Overlay: o} }
	every := func(v Verdict) Result { return result(v, "") }
	for _, c := range []struct {
		name        string
		unreachable string
		allowed     int
		results     []Result
		want        ExitCode
	}{
		{"all met", "", 0, []Result{every(Pass), every(Pass)}, ExitMet},
		{"what does not fail a run", "", 0,
			[]Result{every(Warn), every(Info), every(Unsupported), every(Skipped)}, ExitMet},
		{"a failure", "", 0, []Result{every(Pass), every(Fail)}, ExitUnmet},
		{"many failures are no count", "", 0,
			[]Result{every(Fail), every(Fail), every(Fail)}, ExitUnmet},
		{"an expected failure", "", 0, []Result{result(Fail, XFail)}, ExitMet},
		{"a stale line", "", 0, []Result{result(Pass, XPass)}, ExitUnmet},
		{"another verdict than listed", "", 9,
			[]Result{result(Inconclusive, Unexpected)}, ExitUnmet},
		{"a flaky failure", "", 0, []Result{result(Fail, Flaky)}, ExitUnmet},
		{"a warn in a strict run", "", 0,
			[]Result{every(Pass).Strict(), every(Warn).Strict()}, ExitUnmet},
		{"an expected warn in a strict run", "", 0, []Result{result(Warn, XFail).Strict()}, ExitMet},
		{"a strict run without warns", "", 0,
			[]Result{every(Pass).Strict(), every(Info).Strict()}, ExitMet},
		{"too many inconclusive", "", 0,
			[]Result{every(Pass), every(Inconclusive)}, ExitInconclusive},
		{"as many inconclusive as allowed", "", 1, []Result{every(Inconclusive)}, ExitMet},
		{"an expected inconclusive", "", 0, []Result{result(Inconclusive, XFail)}, ExitMet},
		{"a failure outranks inconclusive", "", 0,
			[]Result{every(Inconclusive), every(Fail)}, ExitUnmet},
		{"never reached", "refused", 9,
			[]Result{every(Inconclusive), every(Skipped)}, ExitUnreachable},
		{"never reached, and expected so", "refused", 9,
			[]Result{result(Inconclusive, XFail)}, ExitUnreachable},
		{"lost after a pass", "gone", 0,
			[]Result{every(Pass), every(Inconclusive)}, ExitInconclusive},
		{"lost after a failure", "gone", 0,
			[]Result{every(Fail), every(Inconclusive)}, ExitUnmet},
		{"the harness's fault outranks all", "refused", 0,
			[]Result{every(Fail), every(Error)}, ExitHarness},
	} {
		r := &Report{Unreachable: c.unreachable, Results: c.results}
		if got := r.Judge(c.allowed); got != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.want)
		}
	}
}
