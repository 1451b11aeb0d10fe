package conformance

import (
	"fmt"
	"slices"
)

// Judge is the exit code that the results earn. At most maxInconclusive
// results may be inconclusive for [ExitMet]. Unmet are the verdicts that count
// as a failure when the baseline does not expect them; none means [Fail] alone.
//
// A harness at fault outranks all: nothing else in the report can be trusted.
func (r *Report) Judge(maxInconclusive int, unmet ...Verdict) ExitCode {
	if len(unmet) == 0 {
		unmet = []Verdict{Fail}
	}
	failures, inconclusive, judged := 0, 0, 0
	for _, res := range r.Results {
		switch res.Verdict {
		case Error:
			return ExitHarness
		case Pass, Fail, Warn, Info:
			judged++
		}
		switch {
		case res.Overlay == XFail:
		case res.Overlay == XPass, res.Overlay == Unexpected, slices.Contains(unmet, res.Verdict):
			failures++
		case res.Verdict == Inconclusive:
			inconclusive++
		}
	}
	switch {
	case r.Unreachable != "" && judged == 0:
		return ExitUnreachable
	case failures > 0:
		return ExitUnmet
	case inconclusive > maxInconclusive:
		return ExitInconclusive
	default:
		return ExitMet
	}
}

// UsageError is a mistake in what was asked for: an unknown id, a selection of
// nothing, a baseline that cannot be read. Its text says what to do about it.
// The process that meets one exits with [ExitUsage].
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

func usagef(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}
