package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p2pspec/p2pspec/conformance"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// hostile is what a target may put where a report shows its words: a terminal
// escape, the syntax of every format, bytes that are no text, and an override
// of the direction of writing.
const hostile = "\x1b[31m<script>alert(1)</script> | `a` ``b`` ]]> # SKIP \\ \"q\"" +
	"\x00\xff\u202e @x\n```\n1..9"

// sample is a report with every verdict and overlay.
func sample() *conformance.Report {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	one := func(id string, l conformance.Level, v conformance.Verdict) conformance.Result {
		suite, _, _ := bytes.Cut([]byte(id), []byte("/"))
		return conformance.Result{
			Case: id, Suite: string(suite), Rev: 1, Level: l, Requirements: []string{"BEP05-RPC-005"},
			Verdict: v, Duration: at(3), Repeat: "p2pspec check " + id + " --target 127.0.0.1:6881 --seed 7",
		}
	}
	failed := one("bep5/get-peers/token-required", conformance.Must, conformance.Fail)
	failed.Failure = &conformance.Failure{
		Message: "r.token is not what the document asks for", Where: "r.token", Got: hostile,
		Expected: []string{"a byte string of 1 to 255 bytes", "error 203"},
		Whose:    conformance.TargetFault, Causes: []string{"the token is a number", hostile},
		Diagrams: []conformance.Diagram{
			{Title: "what decides", Lines: []string{"       c    n0", "1.0 ms o--->|     " + hostile}},
			{Title: "the run", Lines: []string{"       c    n0", "0.1 ms o--->|", "1.0 ms o--->|"}},
		},
	}
	failed.Observed = []string{"the answer came from another port"}
	failed.RTT = at(1)
	failed.Transcript = []conformance.Entry{
		{At: at(0), Dir: "!", Note: "target started at 127.0.0.1:6881"},
		{At: at(1), Dir: ">", Via: "127.0.0.3:4000 → 127.0.0.1:6881", Hex: "64313a71343a70696e6765",
			Bytes: 11, Note: "the query", Decoded: map[string]any{"q": "ping", "html": "<b>",
				"a": map[string]any{"id": "0x6162636465666768696a30313233343536373839"}}},
		{At: at(2), Dir: "<", Via: "127.0.0.1:6881 → 127.0.0.3:4000", Hex: "1b5b33316d", Bytes: 5000},
		{At: at(3), Dir: "#", Note: hostile},
	}
	failed.Omitted = 2

	known := one("bep5/get-peers/known", conformance.Must, conformance.Fail)
	known.Overlay, known.Reason = conformance.XFail, "issue #12 of the client"
	known.Failure = &conformance.Failure{Message: "no answer", Whose: conformance.TargetFault}
	stale := one("bep5/get-peers/stale", conformance.Must, conformance.Pass)
	stale.Overlay, stale.Reason = conformance.XPass, "passes now: remove the line"
	flaky := one("bep5/ping/sometimes", conformance.Should, conformance.Warn)
	flaky.Overlay = conformance.Flaky
	flaky.Runs = []conformance.Verdict{conformance.Pass, conformance.Warn, conformance.Pass}
	changed := one("bep51/samples/changed", conformance.Must, conformance.Inconclusive)
	changed.Overlay = conformance.Unexpected
	changed.Reason = "is inconclusive, not fail as listed: review it"
	optional := one("bep51/samples/optional", conformance.May, conformance.Info)
	optional.Failure = &conformance.Failure{Message: "answers with 12 samples"}
	absent := one("bep51/samples/absent", conformance.Must, conformance.Unsupported)
	absent.Failure = &conformance.Failure{Message: "the target answers error 204"}
	slow := one("bep51/samples/slow", conformance.Must, conformance.Skipped)
	slow.Reason = "needs 15 minutes: --slow"
	mute := func(id string) conformance.Result {
		r := one(id, conformance.Must, conformance.Inconclusive)
		r.Failure = &conformance.Failure{Message: "no control was answered",
			Whose: conformance.EnvironmentFault}
		return r
	}
	broken := one("bep51/samples/broken", conformance.Must, conformance.Error)
	broken.Failure = &conformance.Failure{Message: "the case panicked", Whose: conformance.SuiteFault}

	r := &conformance.Report{
		Schema: conformance.Schema, Version: "1.2.3", CaseSet: "0123456789abcdef",
		Target: conformance.Identity{Name: "a<b>", Version: "2.0", How: "live",
			Address: "127.0.0.1:6881", Quirks: []string{"it is slow"}},
		Seed: 7, Started: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Duration: at(1234),
		Notes: []string{"known.txt:4: bep5/get-peers/stale passes now: remove the line"},
		Results: []conformance.Result{
			one("bep5/ping/echoes", conformance.Must, conformance.Pass), failed, known, stale, flaky,
			changed, optional, absent, slow, mute("bep51/samples/mute"), mute("bep51/samples/mute-too"),
			broken,
		},
		Summary: map[conformance.Verdict]int{},
	}
	for _, res := range r.Results {
		r.Summary[res.Verdict]++
	}
	r.Exit = r.Judge(0)
	return r
}

func explained(id string) string {
	if id == "bep5/ping/echoes" {
		return "Sends a ping & wants its transaction id back."
	}
	return ""
}

func render(t *testing.T, f Format, style Style) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, sample(), style); err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	extension := map[Format]string{Console: "txt", JSON: "json", NDJSON: "ndjson", JUnit: "xml",
		TAP: "tap", Markdown: "md", HTML: "html"}
	for _, f := range Formats() {
		t.Run(string(f), func(t *testing.T) {
			golden(t, "report."+extension[f], render(t, f, Style{Explain: explained}))
			byName, err := ByExtension("out." + extension[f])
			if err != nil || byName != f {
				t.Errorf("ByExtension(%q) = %q, %v", "out."+extension[f], byName, err)
			}
		})
	}
	t.Run("colour", func(t *testing.T) {
		golden(t, "report.colour.txt", render(t, Console, Style{Color: true}))
	})
}

// The last line tells a run with warnings from a clean one, and why a run that
// began well ended early.
func TestOutcome(t *testing.T) {
	warned := conformance.Result{Case: "bep5/ping/a", Verdict: conformance.Warn}
	known := conformance.Result{Case: "bep5/ping/b", Verdict: conformance.Warn,
		Overlay: conformance.XFail}
	lost := conformance.Report{
		Exit: conformance.ExitInconclusive, Unreachable: "a ping went unanswered",
		Summary: map[conformance.Verdict]int{conformance.Inconclusive: 3},
	}
	want := "inconclusive: nothing can be concluded from 3 cases; a ping went unanswered"
	if got := newView(&lost, Style{}).Outcome(); got != want {
		t.Errorf("Outcome() = %q, want %q", got, want)
	}
	for _, c := range []struct {
		results []conformance.Result
		want    string
	}{
		{nil, "met: every judged case held"},
		{[]conformance.Result{known},
			"met: every judged case held, beside 1 known failure of the baseline"},
		{[]conformance.Result{warned, known},
			"met: nothing failed; 1 warning, beside 1 known failure of the baseline"},
	} {
		v := newView(&conformance.Report{Results: c.results}, Style{})
		if got := v.Outcome(); got != c.want {
			t.Errorf("Outcome() = %q, want %q", got, c.want)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", name, diff)
	}
}
