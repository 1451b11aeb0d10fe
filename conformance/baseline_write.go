package conformance

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// Update rewrites the baseline so that an equal run would exit with
// [ExitMet]. Lines of cases that now pass go, lines that no longer fit are
// corrected, and new failures are added at the end; lines of cases that were
// not judged, comments and order stay. Strict also lists the warns.
//
// A line that Update wrote says that nobody has reviewed it yet.
func (b *Baseline) Update(results []Result, strict bool) {
	for _, res := range results {
		at := b.index(res.Case)
		want, listed := expectation(res, strict)
		switch {
		case res.Verdict == Skipped, res.Verdict == Unsupported, res.Verdict == Error:
		case at < 0 && listed:
			b.lines = append(b.lines, want)
		case at < 0:
		case b.lines[at].verdict == Warn && res.Verdict == Warn:
			want, _ = expectation(res, true) // listed by hand, and still so
			b.refresh(at, res, want)
		case listed:
			b.refresh(at, res, want)
		default:
			b.drop(at, res)
		}
	}
}

// Write stores the baseline at path.
func (b *Baseline) Write(path string) error {
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("the baseline was not written: %w", err)
	}
	return nil
}

// String is the text of the file.
func (b *Baseline) String() string {
	var s strings.Builder
	for _, line := range b.lines {
		s.WriteString(line.text)
		s.WriteByte('\n')
	}
	return s.String()
}

// refresh replaces the line unless it fits as it stands.
func (b *Baseline) refresh(at int, res Result, want baselineLine) {
	if o, _ := b.lines[at].overlay(&res, b.today); o == XFail {
		return
	}
	b.lines[at] = want
}

// drop removes the line, unless it is a flaky one that had a run of luck.
func (b *Baseline) drop(at int, res Result) {
	if o, _ := b.lines[at].overlay(&res, b.today); o != "" {
		b.lines = slices.Delete(b.lines, at, at+1)
	}
}

// expectation is the line that expects what the result shows.
func expectation(res Result, strict bool) (baselineLine, bool) {
	line := baselineLine{id: res.Case, verdict: res.Verdict, rev: res.Rev, reason: "not reviewed"}
	if res.Failure != nil {
		line.reason += ": " + strings.Join(strings.Fields(res.Failure.Message), " ")
	}
	options := ""
	if passed := metRuns(res.Runs); passed > 0 && passed < len(res.Runs) {
		line.verdict = flakyVerdict
		line.floor = max(0.01, math.Floor(float64(passed)/float64(len(res.Runs))*100)/100)
		options = fmt.Sprintf(" floor=%v", line.floor)
	}
	switch line.verdict {
	case Fail, Inconclusive, flakyVerdict:
	case Warn:
		if !strict {
			return line, false
		}
	default:
		return line, false
	}
	line.text = fmt.Sprintf("%-44s  %-12s  rev=%d%s  # %s",
		line.id, line.verdict, line.rev, options, line.reason)
	return line, true
}

// metRuns counts the runs in which the expectation held.
func metRuns(runs []Verdict) (n int) {
	for _, v := range runs {
		if v == Pass || v == Info {
			n++
		}
	}
	return n
}
