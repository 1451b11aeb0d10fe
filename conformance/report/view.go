package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// view is a report arranged for a reader.
type view struct {
	*conformance.Report
	Suites []suiteView
	// Attention are the groups of results that need an explanation, the most
	// alarming first.
	Attention []group
	style     Style
}

// suiteView is the results of one suite, in their order.
type suiteView struct {
	Name    string
	Results []resultView
}

// resultView is a result with what the renderers say about it.
type resultView struct {
	conformance.Result
	style Style
}

// group is results that are explained by the same words.
type group struct {
	resultView
	More []string // ids of further cases with the same verdict and message
}

func newView(r *conformance.Report, style Style) *view {
	v := &view{Report: r, style: style}
	for _, res := range r.Results {
		at := slices.IndexFunc(v.Suites, func(s suiteView) bool { return s.Name == res.Suite })
		if at < 0 {
			at = len(v.Suites)
			v.Suites = append(v.Suites, suiteView{Name: res.Suite})
		}
		v.Suites[at].Results = append(v.Suites[at].Results, resultView{res, style})
	}
	v.Attention = attention(v.Suites)
	return v
}

// attention groups what needs an explanation. A target that never answered
// fails every case in the same words; they are said once.
func attention(suites []suiteView) []group {
	var groups []group
	for _, s := range suites {
		for _, res := range s.Results {
			if res.alarm() == 0 {
				continue
			}
			same := slices.IndexFunc(groups, func(g group) bool { return g.explains(res) })
			if same < 0 {
				groups = append(groups, group{resultView: res})
			} else {
				groups[same].More = append(groups[same].More, res.Case)
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(b.alarm(), a.alarm()) })
	return groups
}

// explains reports that res needs no words of its own: nothing was exchanged,
// for the same reason.
func (g group) explains(res resultView) bool {
	return g.Verdict == res.Verdict && g.Overlay == res.Overlay && g.message() == res.message() &&
		len(g.Transcript) == 0 && len(res.Transcript) == 0
}

// alarm ranks results by how much they need an explanation; 0 is none.
func (r resultView) alarm() int {
	switch {
	case r.Verdict == conformance.Error:
		return 6
	case r.Overlay == conformance.XFail:
		return 0
	case r.Verdict == conformance.Fail:
		return 5
	case r.Overlay == conformance.XPass, r.Overlay == conformance.Unexpected:
		return 4
	case r.Verdict == conformance.Inconclusive:
		return 3
	case r.Verdict == conformance.Warn, r.Overlay == conformance.Flaky:
		return 2
	default:
		return 0
	}
}

// failed reports that the result makes the run exit with ExitUnmet.
func (r resultView) failed() bool { return r.alarm() == 5 || r.alarm() == 4 }

// message is the one sentence that explains the result.
func (r resultView) message() string {
	switch {
	case r.Failure != nil:
		return r.Failure.Message
	case r.Reason != "":
		return r.Reason
	default:
		return ""
	}
}

// remark is the few words beside a result that is not explained further.
func (r resultView) remark() string {
	switch {
	case r.alarm() > 0 || r.Verdict == conformance.Pass:
		return ""
	case r.Overlay == conformance.XFail:
		return line("known: " + r.Reason)
	default:
		return line(r.message())
	}
}

// Label is the verdict with its overlay, such as "fail (xfail)".
func (r resultView) Label() string {
	if r.Overlay != "" {
		return fmt.Sprintf("%s (%s)", r.Verdict, r.Overlay)
	}
	return string(r.Verdict)
}

// Mark tells verdicts apart where colour does not.
func (r resultView) Mark() string {
	switch {
	case r.failed(), r.Verdict == conformance.Fail, r.Verdict == conformance.Error:
		return "✗"
	case r.Verdict == conformance.Pass:
		return "✓"
	case r.Verdict == conformance.Warn:
		return "!"
	case r.Verdict == conformance.Info:
		return "i"
	case r.Verdict == conformance.Inconclusive:
		return "?"
	default:
		return "-"
	}
}

// Local is the case id without its suite.
func (r resultView) Local() string { return strings.TrimPrefix(r.Case, r.Suite+"/") }

// Area is the id between the suite and the behaviour.
func (r resultView) Area() string {
	area, _, found := strings.Cut(r.Local(), "/")
	if !found {
		return ""
	}
	return area
}

// Behaviour is the last part of the id.
func (r resultView) Behaviour() string { return r.Case[strings.LastIndexByte(r.Case, '/')+1:] }

// Clauses are the rows of the catalogue that the case judges.
func (r resultView) Clauses() []catalogue.Requirement {
	var rows []catalogue.Requirement
	for _, id := range r.Requirements {
		row, ok := catalogue.Lookup(id)
		if !ok {
			row = catalogue.Requirement{ID: id, Statement: "not in this version's catalogue"}
		}
		rows = append(rows, row)
	}
	return rows
}

// Explanation is what the case sends and accepts, when that is known.
func (r resultView) Explanation() string {
	if r.style.Explain == nil {
		return ""
	}
	return r.style.Explain(r.Case)
}

// WhereToLook says in words whose fault it is.
func (r resultView) WhereToLook() string {
	if r.Failure == nil {
		return ""
	}
	switch r.Failure.Whose {
	case conformance.TargetFault:
		return "the target"
	case conformance.EnvironmentFault:
		return "the environment: the path to the target, or how it was started"
	case conformance.SuiteFault:
		return "the suite itself: please report it"
	default:
		return ""
	}
}

// RunsInWords tells how repeated runs ended.
func (r resultView) RunsInWords() string {
	if len(r.Runs) == 0 {
		return ""
	}
	var parts []string
	for _, v := range conformance.Verdicts() {
		n := 0
		for _, run := range r.Runs {
			if run == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ") + " of " + count(len(r.Runs), "run")
}

// Count is how many results of the suite have the verdict.
func (s suiteView) Count(v conformance.Verdict) int {
	n := 0
	for _, r := range s.Results {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// TargetInWords is who was judged and how.
func (v *view) TargetInWords() string {
	name := v.Target.Name
	if v.Target.Version != "" {
		name += " " + v.Target.Version
	}
	how := v.Target.How
	if v.Target.Address != "" && v.Target.Address != v.Target.Name {
		how += ", " + v.Target.Address
	}
	return line(fmt.Sprintf("%s (%s)", name, how))
}

// Remarks are the notes of the run, the quirks of the target, and what was not
// run: a reader must not take a run for a whole one that left cases out.
func (v *view) Remarks() []string { return slices.Concat(v.Notes, v.Target.Quirks, v.notRun()) }

// notRun counts the skipped cases by their reason, which says what would help.
func (v *view) notRun() []string {
	var reasons []string
	cases := map[string]int{}
	for _, r := range v.Results {
		if r.Verdict != conformance.Skipped {
			continue
		}
		reason := resultView{Result: r}.message()
		if cases[reason] == 0 {
			reasons = append(reasons, reason)
		}
		cases[reason]++
	}
	for i, reason := range reasons {
		reasons[i] = count(cases[reason], "case") + " not run: " + reason
	}
	return reasons
}

// LevelsInWords counts, level by level, the expectations that held.
func (v *view) LevelsInWords() string {
	var parts []string
	for _, l := range conformance.Levels() {
		met, judged := 0, 0
		for _, r := range v.Results {
			if r.Level != l {
				continue
			}
			switch r.Verdict {
			case conformance.Pass, conformance.Info:
				met++
				judged++
			case conformance.Fail, conformance.Warn:
				judged++
			}
		}
		if judged > 0 && l != conformance.May {
			parts = append(parts, fmt.Sprintf("%d of %d %s", met, judged, strings.ToUpper(string(l))))
		}
	}
	if parts == nil {
		return "nothing was judged"
	}
	return strings.Join(parts, ", ") + " met"
}

// Outcome is the exit code in words.
func (v *view) Outcome() string {
	switch v.Exit {
	case conformance.ExitMet:
		return "met: " + v.warningsInWords() + v.expectedInWords()
	case conformance.ExitUnmet:
		return "not met: " + v.failuresInWords() + v.expectedInWords()
	case conformance.ExitUnreachable:
		return "unreachable: " + line(v.Unreachable)
	case conformance.ExitInconclusive:
		outcome := "inconclusive: nothing can be concluded from " +
			count(v.Summary[conformance.Inconclusive], "case")
		if v.Unreachable != "" { // lost on the way
			outcome += "; " + line(v.Unreachable)
		}
		return outcome
	case conformance.ExitHarness:
		return "the harness is at fault in " + count(v.Summary[conformance.Error], "case") +
			": please report it"
	default:
		return fmt.Sprintf("exit %d", v.Exit)
	}
}

// warningsInWords is how well a run was met: a warn does not fail one, but it
// is not as it should be.
func (v *view) warningsInWords() string {
	n := 0
	for _, r := range v.Results {
		if r.Verdict == conformance.Warn && r.Overlay != conformance.XFail {
			n++
		}
	}
	if n == 0 {
		return "every judged case held"
	}
	return "nothing failed; " + count(n, "warning")
}

func (v *view) failuresInWords() string {
	failures, stale := 0, 0
	for _, s := range v.Suites {
		for _, r := range s.Results {
			switch {
			case !r.failed():
			case r.Overlay == conformance.XPass:
				stale++
			default:
				failures++
			}
		}
	}
	var parts []string
	if failures > 0 {
		parts = append(parts, count(failures, "unexpected failure"))
	}
	if stale > 0 {
		parts = append(parts, count(stale, "stale baseline line"))
	}
	return strings.Join(parts, ", ")
}

func (v *view) expectedInWords() string {
	n := 0
	for _, r := range v.Results {
		if r.Overlay == conformance.XFail {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", beside %s of the baseline", count(n, "known failure"))
}
