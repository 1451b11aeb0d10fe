// Package conformancetest runs conformance cases as Go tests, so that the
// author of a client keeps them with the client:
//
//	func TestDHT(t *testing.T) {
//		addr := startMyNode(t)
//		target := conformance.NewLiveTarget(addr, conformance.LoopbackSources())
//		conformancetest.Run(t, target, conformance.Options{Suites: dht.Suites()})
//	}
//
// Each case is a subtest named by its id, so `go test -run TestDHT/bep5/ping`
// runs the cases of one area.
package conformancetest

import (
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// Run judges target by the selected cases, each in a subtest. A case that is
// not met fails its subtest, and so does one that nothing can be concluded
// from: MaxInconclusive has no meaning here. A known failure of the baseline,
// a case that was not run and a feature that the target lacks are skipped; a
// warn passes and logs its words. The first sign that the target is
// unreachable ends the test.
func Run(t *testing.T, target conformance.Target, opts conformance.Options) {
	t.Helper()
	selected, err := conformance.Select(opts.Suites, opts.Select, opts.Level)
	if err == nil && opts.Baseline != nil {
		err = opts.Baseline.Check(opts.Suites)
	}
	if err != nil {
		t.Fatal(err)
	}
	opts.Level = ""
	for _, s := range selected {
		var lost string
		t.Run(s.Case.ID, func(t *testing.T) {
			opts.Select = []string{s.Case.ID}
			r, err := conformance.Run(t.Context(), target, opts)
			if err != nil {
				t.Fatal(err)
			}
			if r.Exit == conformance.ExitUnreachable {
				lost = r.Unreachable
			}
			tell(t, r)
		})
		if lost != "" {
			t.Fatalf("the target is unreachable: %s", lost)
		}
	}
}

// tell maps the outcome of a run of one case.
func tell(t *testing.T, r *conformance.Report) {
	t.Helper()
	res := r.Results[0]
	text := string(res.Verdict) + " " + string(res.Overlay) + "\n" + report.Explain(res)
	switch {
	case res.Overlay == conformance.XFail,
		res.Verdict == conformance.Skipped, res.Verdict == conformance.Unsupported:
		t.Skip(text)
	case r.Exit != conformance.ExitMet, res.Verdict == conformance.Inconclusive:
		t.Error(text)
	case res.Verdict != conformance.Pass:
		t.Log(text)
	}
}
