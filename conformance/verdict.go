package conformance

import "time"

// Verdict is the outcome of one case.
type Verdict string

const (
	Pass         Verdict = "pass"         // the expectation held, and the target showed it
	Fail         Verdict = "fail"         // a must did not hold
	Warn         Verdict = "warn"         // a should, or a de facto rule, did not hold
	Info         Verdict = "info"         // a may: what the target chose
	Unsupported  Verdict = "unsupported"  // the target says itself that it lacks the feature
	Skipped      Verdict = "skipped"      // not run, with the reason
	Inconclusive Verdict = "inconclusive" // run, but nothing can be concluded
	Error        Verdict = "error"        // the harness is at fault
)

// Verdicts lists all verdicts in the order in which reports show them.
func Verdicts() []Verdict {
	return []Verdict{Pass, Fail, Warn, Info, Unsupported, Skipped, Inconclusive, Error}
}

// Overlay qualifies a verdict by what was expected of it.
type Overlay string

const (
	XFail Overlay = "xfail" // failed as the baseline says
	XPass Overlay = "xpass" // passed although the baseline says it fails: the line is stale
	Flaky Overlay = "flaky" // repeated runs disagreed
)

// Whose says where the reader should look for the fault.
type Whose string

// The places where a fault can lie.
const (
	TargetFault      Whose = "target"
	EnvironmentFault Whose = "environment"
	SuiteFault       Whose = "suite"
)

// Failure explains a verdict that is not a pass.
type Failure struct {
	Message  string   `json:"message"`            // one sentence
	Expected []string `json:"expected,omitempty"` // the acceptable alternatives
	Got      string   `json:"got,omitempty"`
	Where    string   `json:"where,omitempty"` // the first divergence: a field path or a byte offset
	Whose    Whose    `json:"whose,omitempty"`
	Causes   []string `json:"causes,omitempty"`
	// Diagrams show what led to it, where the network can draw.
	Diagrams []Diagram `json:"diagrams,omitempty"`
}

// Entry is one line of a transcript.
type Entry struct {
	At time.Duration `json:"at_ns"` // since the case began
	// Dir is ">" sent, "<" received, "~" between nodes, "!" a command or connection,
	// "#" a remark.
	Dir     string `json:"dir"`
	Via     string `json:"via,omitempty"`   // "127.0.0.3:41234 → 127.0.0.1:6881"
	Hex     string `json:"hex,omitempty"`   // at most TranscriptPayload bytes
	Bytes   int    `json:"bytes,omitempty"` // the payload's full length
	Decoded any    `json:"decoded,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Result is the outcome of one case with its evidence.
type Result struct {
	Case         string        `json:"case"`
	Suite        string        `json:"suite"`
	Rev          int           `json:"rev"`
	Level        Level         `json:"level"`
	Requirements []string      `json:"requirements"`
	Verdict      Verdict       `json:"verdict"`
	Overlay      Overlay       `json:"overlay,omitempty"`
	Reason       string        `json:"reason,omitempty"` // of a skip, or the baseline's own words
	Failure      *Failure      `json:"failure,omitempty"`
	Observed     []string      `json:"observed,omitempty"` // remarks that do not decide the verdict
	Duration     time.Duration `json:"duration_ns"`
	RTT          time.Duration `json:"rtt_ns,omitempty"` // of the case's last answered control
	Runs         []Verdict     `json:"runs,omitempty"`   // with --repeat: each run's verdict
	Repeat       string        `json:"repeat,omitempty"` // a command line that runs this case alone
	Transcript   []Entry       `json:"transcript,omitempty"`
	Omitted      int           `json:"transcript_omitted,omitempty"` // entries left out in the middle
	Tape         *Tape         `json:"-"`                            // with [Options.Tape], if the case can be taped
}
