package conformance

import "fmt"

// Judge is the exit code that the results earn. At most maxInconclusive
// results may be inconclusive for [ExitMet]. A harness at fault outranks all:
// nothing else in the report can be trusted then.
func (r *Report) Judge(maxInconclusive int) ExitCode {
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
		case res.Overlay == XPass, res.Overlay == Unexpected, res.Verdict == Fail:
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

// Strict makes the result of a strict run, in which a warn fails as a must
// does: one that the baseline does not expect becomes [Unexpected].
func (res Result) Strict() Result {
	if res.Verdict == Warn && (res.Overlay == "" || res.Overlay == Flaky) {
		res.Overlay, res.Reason = Unexpected, "a strict run takes a warn for a failure"
	}
	return res
}

// UsageError is a mistake in what was asked for: an unknown id, a selection of
// nothing, a baseline that cannot be read. Its text says what to do about it.
// The process that meets one exits with [ExitUsage].
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

func usagef(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}
