package interop_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// What is kept of a transcript: the first entries, which show how the case
// began, and the last, which show what was judged.
const (
	keptFirst = 6
	keptLast  = 18
)

// trimmed is the report with the transcripts of unmet cases alone, cut in the
// middle and without the decoded form, which follows from the bytes. What the
// baseline said of the run is left out: the report is what it is made from.
func trimmed(r *conformance.Report) *conformance.Report {
	out := *r
	out.Notes, out.Exit = nil, 0
	out.Results = slices.Clone(r.Results)
	for i := range out.Results {
		res := &out.Results[i]
		res.Overlay, res.Repeat = "", ""
		if isUnmet(res.Verdict) {
			res.Reason = ""
			cut(res)
		} else {
			res.Transcript, res.Omitted = nil, 0
		}
	}
	return &out
}

func cut(res *conformance.Result) {
	all := slices.Clone(res.Transcript)
	if over := len(all) - keptFirst - keptLast; over > 0 {
		res.Omitted += over
		all = slices.Delete(all, keptFirst, keptFirst+over)
	}
	for i := range all {
		all[i].Decoded = nil
	}
	res.Transcript = all
	if strings.Contains(res.Failure.Message, lastWords) {
		failure := *res.Failure
		failure.Message = anyPath.ReplaceAllString(failure.Message, "$1")
		res.Failure = &failure
	}
}

// lastWords is how the engine introduces what a program that ended had to say.
const lastWords = "its last words"

// anyPath finds the folders in a stack trace, which differ from machine to machine.
var anyPath = regexp.MustCompile(`(\\t|[ (])(?:file://)?/(?:[\w@.+-]+/)+`)

// isUnmet tells the verdicts that ask for an explanation.
func isUnmet(v conformance.Verdict) bool {
	return v == conformance.Fail || v == conformance.Warn || v == conformance.Inconclusive
}

// baseline lists what the report shows, each line with its deviation.
func baseline(r *conformance.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s. The reasons name deviations of docs/interop.md.\n# %s\n",
		r.Target.Name, r.Target.Version, "Written by go test ./interop -update.")
	for _, res := range r.Results {
		if !isUnmet(res.Verdict) {
			continue
		}
		reason := "not explained"
		for _, d := range deviations() {
			if d.explains(r.Target.Name, res.Case) {
				reason = d.Name
			}
		}
		fmt.Fprintf(&b, "%-58s %-12s rev=%d # %s\n", res.Case, res.Verdict, res.Rev, reason)
	}
	return b.String()
}
