package conformance

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Baseline is the known failures of one target: a text file with one case a
// line. What it lists is expected ([XFail]) as long as it is exactly so; a
// line that no longer fits makes the run fail ([XPass], [Unexpected]), so that
// the list cannot go stale. Comments and the order of lines are kept.
//
//	# libtorrent 2.0.8
//	bep5/get-peers/token-required  fail   rev=2                    # arvidn/libtorrent #1234
//	bep5/ping/under-load           flaky  rev=1 floor=0.9          # drops when its queue is full
//	bep44/put/cas                  fail   rev=1 until=2027-01-01   # fixed in the next release
//
// Each line has the case id, a verdict, the revision of the case that was
// reviewed, and after # the reason. The verdict is one that can fail a run:
// fail, warn (it fails a strict run), inconclusive, or flaky with the lowest
// acceptable ratio of passes as its floor. Until is the last day on which the
// line counts.
type Baseline struct {
	name  string
	today string // YYYY-MM-DD
	lines []baselineLine
}

// Unexpected marks a result that the baseline lists otherwise, with another
// verdict, an older revision of the case or a date that has passed; and a warn
// in a strict run.
const Unexpected Overlay = "unexpected"

// baselineLine is one line of the file. It expects nothing when id is empty.
type baselineLine struct {
	text    string
	id      string
	verdict Verdict
	rev     int
	floor   float64
	until   string // YYYY-MM-DD, or empty
	reason  string
}

// flakyVerdict is written in the column of the verdict; no result bears it.
const flakyVerdict = Verdict(Flaky)

// LoadBaseline reads the file at path. Any error is a [*UsageError].
func LoadBaseline(path string) (*Baseline, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("the baseline cannot be read: %v; --write-baseline makes one", err)
	}
	return ParseBaseline(path, string(text), time.Now())
}

// ParseBaseline reads text, which errors call name. Lines whose until lies
// before today no longer count. Any error is a [*UsageError] that names the
// line and the rule that it breaks.
func ParseBaseline(name, text string, today time.Time) (*Baseline, error) {
	b := &Baseline{name: name, today: today.Format(time.DateOnly)}
	seen := map[string]int{}
	for i, raw := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		raw = strings.TrimSuffix(raw, "\r")
		line, err := parseBaselineLine(raw)
		if err != nil {
			return nil, usagef("%s:%d: %v", name, i+1, err)
		}
		if line.id != "" {
			if first := seen[line.id]; first > 0 {
				return nil, usagef("%s:%d: %s is already listed in line %d: one line a case",
					name, i+1, line.id, first)
			}
			seen[line.id] = i + 1
		}
		b.lines = append(b.lines, line)
	}
	if text == "" {
		b.lines = nil
	}
	return b, nil
}

// Check returns a [*UsageError] for the first line whose case no suite has.
func (b *Baseline) Check(suites []Suite) error {
	var known []string
	for _, s := range everyCase(suites) {
		known = append(known, s.Case.ID)
	}
	for i, line := range b.lines {
		if line.id != "" && !slices.Contains(known, line.id) {
			return usagef("%s:%d: no case is named %q; nearest: %s; correct the id or remove the line",
				b.name, i+1, line.id, strings.Join(nearestTo(line.id, known), ", "))
		}
	}
	return nil
}

// Apply sets the overlay of each result that the baseline lists, and its
// reason to the baseline's. A case that was skipped or is unsupported was not
// judged and keeps its line. The notes say what to do about lines that no
// longer fit. Results are independent of each other.
func (b *Baseline) Apply(results []Result) (notes []string) {
	for i := range results {
		at := b.index(results[i].Case)
		if at < 0 {
			continue
		}
		res, line := &results[i], b.lines[at]
		overlay, note := line.overlay(res, b.today)
		if overlay == "" {
			continue
		}
		res.Overlay, res.Reason = overlay, line.reason
		if note != "" {
			res.Reason = note
			notes = append(notes, fmt.Sprintf("%s:%d: %s %s", b.name, at+1, line.id, note))
		}
	}
	return notes
}

// index is the line of the case, or -1.
func (b *Baseline) index(id string) int {
	return slices.IndexFunc(b.lines, func(l baselineLine) bool { return l.id == id && id != "" })
}

// overlay compares what the line expects with what came.
func (l *baselineLine) overlay(res *Result, today string) (o Overlay, note string) {
	switch {
	case res.Verdict == Skipped, res.Verdict == Unsupported, res.Verdict == Error:
		return "", ""
	case l.verdict == flakyVerdict:
		return l.flaky(res, today)
	case res.Verdict == Pass, res.Verdict == Info:
		return XPass, "passes now: remove the line"
	case res.Overlay == Flaky:
		return Unexpected, "fails only sometimes: if that is known, list it as flaky with a floor"
	case res.Verdict != l.verdict:
		return Unexpected, fmt.Sprintf("is %s, not %s as listed: review it", res.Verdict, l.verdict)
	}
	return l.current(res, today)
}

// flaky accepts runs that disagree as long as enough of them pass.
func (l *baselineLine) flaky(res *Result, today string) (o Overlay, note string) {
	runs := res.Runs
	if runs == nil {
		runs = []Verdict{res.Verdict}
	}
	passed := metRuns(runs)
	switch {
	case passed == len(runs):
		return "", "" // a run of luck does not make the line stale
	case float64(passed) < l.floor*float64(len(runs)):
		note = fmt.Sprintf("passed %d of %d runs, below its floor of %v", passed, len(runs), l.floor)
		if len(runs) == 1 {
			note += "; one run cannot show a ratio: use --repeat"
		}
		return Unexpected, note
	}
	return l.current(res, today)
}

// current accepts the result unless the line itself has aged.
func (l *baselineLine) current(res *Result, today string) (o Overlay, note string) {
	switch {
	case l.rev != res.Rev:
		return Unexpected, fmt.Sprintf("was reviewed at rev=%d: the case changed, "+
			"re-review and write rev=%d", l.rev, res.Rev)
	case l.until != "" && l.until < today:
		return Unexpected, "was expected until " + l.until + ": fix it, or give a new date"
	}
	return XFail, ""
}

func parseBaselineLine(raw string) (baselineLine, error) {
	line := baselineLine{text: raw, rev: -1}
	entry, reason, _ := strings.Cut(raw, "#")
	fields := strings.Fields(entry)
	if len(fields) == 0 {
		return line, nil
	}
	line.reason = strings.TrimSpace(reason)
	if len(fields) < 2 {
		return line, fmt.Errorf("%q lacks its verdict: write CASE VERDICT rev=N # reason", raw)
	}
	line.id, line.verdict = fields[0], Verdict(fields[1])
	for _, field := range fields[2:] {
		if err := line.set(field); err != nil {
			return line, err
		}
	}
	return line, line.complete()
}

func (l *baselineLine) set(field string) error {
	key, value, _ := strings.Cut(field, "=")
	var err error
	switch key {
	case "rev":
		if l.rev, err = strconv.Atoi(value); err != nil || l.rev < 0 {
			return fmt.Errorf("%q: a revision is a number, as `p2pspec list` shows it", field)
		}
	case "until":
		if _, err = time.Parse(time.DateOnly, value); err != nil {
			return fmt.Errorf("%q: a date is written YYYY-MM-DD", field)
		}
		l.until = value
	case "floor":
		l.floor, err = strconv.ParseFloat(value, 64)
		if err != nil || !(l.floor > 0 && l.floor < 1) {
			return fmt.Errorf("%q: a floor lies between 0 and 1, such as floor=0.9", field)
		}
	default:
		return fmt.Errorf("%q is unknown: a line has rev=N, until=YYYY-MM-DD and, if flaky, floor=R",
			field)
	}
	return nil
}

func (l *baselineLine) complete() error {
	switch {
	case !slices.Contains([]Verdict{Fail, Warn, Inconclusive, flakyVerdict}, l.verdict):
		return fmt.Errorf("verdict %q cannot be listed: use fail, warn, inconclusive or flaky",
			l.verdict)
	case l.rev < 0:
		return fmt.Errorf("%s lacks rev=N, the revision of the case that was reviewed", l.id)
	case l.verdict == flakyVerdict && l.floor == 0:
		return fmt.Errorf("%s is flaky without floor=R, the lowest acceptable ratio of passes", l.id)
	case l.verdict != flakyVerdict && l.floor != 0:
		return fmt.Errorf("%s has a floor, which only a flaky case has", l.id)
	case l.reason == "":
		return fmt.Errorf("%s lacks its reason: write it after #", l.id)
	}
	return nil
}
