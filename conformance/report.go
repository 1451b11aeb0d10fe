package conformance

import "time"

// Schema is the version of the JSON form of [Report]. It rises when a field
// changes its meaning; added fields do not raise it.
const Schema = 1

// Report is the outcome of a run. Every output format is a rendering of it.
type Report struct {
	Schema      int             `json:"schema"`
	Version     string          `json:"version"`  // of p2pspec
	CaseSet     string          `json:"case_set"` // digest of the selected ids and revisions
	Target      Identity        `json:"target"`
	Seed        uint64          `json:"seed"`
	Timeout     time.Duration   `json:"timeout_ns,omitempty"` // of the options
	Started     time.Time       `json:"started"`
	Duration    time.Duration   `json:"duration_ns"`
	Summary     map[Verdict]int `json:"summary"`               // before overlays
	Unreachable string          `json:"unreachable,omitempty"` // why no control was answered
	Notes       []string        `json:"notes,omitempty"`       // of the environment, the target's quirks, the baseline
	Exit        ExitCode        `json:"exit"`
	Results     []Result        `json:"results"`
}

// ExitCode is what the process returns. It is never a count.
type ExitCode int

const (
	ExitMet          ExitCode = 0 // all judged cases met their expectation, after the baseline
	ExitUnmet        ExitCode = 1 // an unexpected failure, or a stale baseline line
	ExitUsage        ExitCode = 2 // bad flags, an unknown id, nothing selected, a bad baseline
	ExitUnreachable  ExitCode = 3 // no control was answered before any verdict
	ExitInconclusive ExitCode = 4 // no failure, but more inconclusive cases than allowed
	ExitHarness      ExitCode = 5 // the harness is at fault
)

// Options shape a run. The zero value runs every case of the suites once.
type Options struct {
	Suites []Suite
	// Select are suite names, family names, case ids, id prefixes that end at
	// a slash, or globs; empty selects all. One that matches nothing is an error.
	Select []string
	// Level leaves out the cases below it: Must runs the musts alone.
	Level Level
	Seed  uint64
	// Repeat runs every case so often; verdicts that differ make it flaky.
	Repeat int
	// Jobs bounds the cases that run at once against a target that starts a
	// fresh instance for each case at no cost, and with [MaxPrograms] those of
	// leechers; others run one by one.
	Jobs int
	// Slow also runs the cases that wait for minutes of real time.
	Slow bool
	// Tape keeps what crosses the network in [Result.Tape].
	Tape bool
	// Timeout replaces DefaultCaseTimeout.
	Timeout time.Duration
	// MaxInconclusive is how many inconclusive cases still exit with 0.
	MaxInconclusive int
	Baseline        *Baseline
	Version         string
	// OnResult sees each result as it is final, one at a time.
	OnResult func(Result)
	// RepeatCommand words the command line that runs one case again.
	RepeatCommand func(caseID string) string
}
