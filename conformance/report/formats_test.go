package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/p2pspec/p2pspec/conformance"
)

func TestFormatNames(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); err != nil || got != f {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	var usage *conformance.UsageError
	_, err := ParseFormat("yaml")
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "junit") {
		t.Errorf("error %v, want a usage error that lists the formats", err)
	}
	_, err = ByExtension("out.pdf")
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), ".html") {
		t.Errorf("error %v, want a usage error that lists the endings", err)
	}
}

// Nothing that a target sent may act on a terminal or a page. The two JSON
// forms are data and keep its characters.
func TestNoControlCharacters(t *testing.T) {
	for _, f := range []Format{Console, JUnit, TAP, Markdown, HTML} {
		for _, r := range string(render(t, f, Style{})) {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\u202e') {
				t.Errorf("%s lets %U through", f, r)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain → text":    "plain → text",
		"\x1b[2J":         `\x1b[2J`,
		"a\x00\r\xff":     `a\x00\r\xff`,
		"\u202eevil":      `\u202eevil`,
		"two\nlines\tand": "two\nlines\tand",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	got, err := Read(bytes.NewReader(render(t, JSON, Style{})))
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	// JSON text cannot hold the one byte of hostile that is not UTF-8.
	for i := range want.Results {
		if f := want.Results[i].Failure; f != nil {
			f.Got = strings.ToValidUTF8(f.Got, "\ufffd")
			for j := range f.Causes {
				f.Causes[j] = strings.ToValidUTF8(f.Causes[j], "\ufffd")
			}
			for _, d := range f.Diagrams {
				for j := range d.Lines {
					d.Lines[j] = strings.ToValidUTF8(d.Lines[j], "\ufffd")
				}
			}
		}
		for j := range want.Results[i].Transcript {
			e := &want.Results[i].Transcript[j]
			e.Note = strings.ToValidUTF8(e.Note, "\ufffd")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                               "not a JSON report",
		"[]":                             "not a JSON report",
		"{}":                             "schema 0",
		fmt.Sprintf(`{"schema":%d}`, 99): "schema 99",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Read(%q): error %v, want one that says %q", text, err, says)
		}
	}
	r, err := Read(strings.NewReader(`{"schema":1,"a_later_field":{}}`))
	if err != nil || r.Schema != 1 {
		t.Errorf("an added field is refused: %v", err)
	}
}

// The schema file lists exactly the fields and words that the report has.
func TestSchemaAgrees(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]struct {
			Enum       []string
			Properties map[string]struct{ Enum []string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(SchemaJSON), &schema); err != nil {
		t.Fatal(err)
	}
	fields := func(v any) (names []string) {
		for f := range reflect.TypeOf(v).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(v).Field(f).Tag.Get("json"), ",")
			if name != "-" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	var top []string
	for name := range schema.Properties {
		top = append(top, name)
	}
	slices.Sort(top)
	if diff := cmp.Diff(fields(conformance.Report{}), top); diff != "" {
		t.Errorf("report: %s", diff)
	}
	for name, v := range map[string]any{
		"target": conformance.Identity{}, "result": conformance.Result{},
		"failure": conformance.Failure{}, "entry": conformance.Entry{},
	} {
		var have []string
		for property := range schema.Defs[name].Properties {
			have = append(have, property)
		}
		slices.Sort(have)
		if diff := cmp.Diff(fields(v), have); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var verdicts, levels []string
	for _, v := range conformance.Verdicts() {
		verdicts = append(verdicts, string(v))
	}
	for _, l := range conformance.Levels() {
		levels = append(levels, string(l))
	}
	if diff := cmp.Diff(verdicts, schema.Defs["verdict"].Enum); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(levels, schema.Defs["result"].Properties["level"].Enum); diff != "" {
		t.Error(diff)
	}
}

func TestNDJSONLines(t *testing.T) {
	lines := bufio.NewScanner(bytes.NewReader(render(t, NDJSON, Style{})))
	var types, ids []string
	for lines.Scan() {
		var line struct{ Type, Case string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		types = append(types, line.Type)
		if line.Case != "" {
			ids = append(ids, line.Case)
		}
	}
	n := len(sample().Results)
	if len(types) != n+1 || types[n] != "report" || slices.Contains(types[:n], "report") {
		t.Errorf("line types %q; want %d results and then the report", types, n)
	}
	for i, r := range sample().Results {
		if ids[i] != r.Case {
			t.Errorf("line %d is %s, want %s", i, ids[i], r.Case)
		}
	}
}

// What encoding/xml reads back is what each verdict means to a CI server.
func TestJUnitRoundTrip(t *testing.T) {
	var doc junitReport
	if err := xml.Unmarshal(render(t, JUnit, Style{}), &doc); err != nil {
		t.Fatal(err)
	}
	outcome := map[string]string{}
	for _, s := range doc.Suites {
		for _, c := range s.Cases {
			got := "passed"
			switch {
			case c.Failure != nil:
				got = "failure"
			case c.Error != nil:
				got = "error"
			case c.Skipped != nil:
				got = "skipped"
			}
			outcome[c.Class+" "+c.Name] = got
		}
	}
	want := map[string]string{
		"bep5.ping echoes":              "passed",
		"bep5.get-peers token-required": "failure",
		"bep5.get-peers known":          "skipped", // xfail
		"bep5.get-peers stale":          "failure", // xpass
		"bep5.ping sometimes":           "passed",  // warn
		"bep51.samples changed":         "failure", // not as the baseline says
		"bep51.samples optional":        "passed",  // info
		"bep51.samples absent":          "skipped", // unsupported
		"bep51.samples slow":            "skipped",
		"bep51.samples mute":            "error", // inconclusive
		"bep51.samples mute-too":        "error",
		"bep51.samples broken":          "error",
	}
	if diff := cmp.Diff(want, outcome); diff != "" {
		t.Error(diff)
	}
	if doc.Tests != 12 || doc.Fail != 3 || doc.Error != 3 || doc.Skipped != 3 {
		t.Errorf("counts %d/%d/%d/%d do not add up", doc.Tests, doc.Fail, doc.Error, doc.Skipped)
	}
	text := doc.Suites[0].Cases[1].Failure.Text
	if !strings.Contains(text, clean("<script>alert(1)</script> | `a` ``b`` ]]>")) ||
		!strings.Contains(text, `\x1b[31m`) {
		t.Errorf("the failure's text lost what the target sent:\n%s", text)
	}
}

func TestTAPIsWellFormed(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(string(render(t, TAP, Style{})), "\n"), "\n")
	if lines[0] != "TAP version 14" || lines[1] != "1..12" {
		t.Fatalf("begins with %q", lines[:2])
	}
	point := regexp.MustCompile(`^(not )?ok (\d+) - [^#]*[^\\#]( # (SKIP|TODO) .*)?$`)
	field := regexp.MustCompile(`^  [a-z0-9_]+: ".*"$`)
	points, inBlock := 0, false
	for _, l := range lines[2:] {
		switch {
		case l == "  ---" && !inBlock:
			inBlock = true
		case l == "  ..." && inBlock:
			inBlock = false
		case inBlock && field.MatchString(l):
		case !inBlock && point.MatchString(l):
			points++
		case !inBlock && strings.HasPrefix(l, "# "):
		default:
			t.Errorf("%q is not TAP", l)
		}
	}
	if points != 12 || inBlock {
		t.Errorf("%d test points, block open: %v", points, inBlock)
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	page := string(render(t, HTML, Style{Explain: explained}))
	for _, foreign := range []string{
		"<script", "http://", "https://", "src=", "@import", "url(", `<link rel="style`,
	} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page has %q", foreign)
		}
	}
	for _, has := range []string{
		"&lt;script&gt;alert(1)", "a&lt;b&gt; 2.0", `id="case-bep5-get-peers-token-required"`,
		`href="#case-bep51-samples-mute"`, "Sends a ping &amp; wants", "BEP05-RPC-005",
		"<pre>64313a71343a70696e6765</pre>", "2 lines left out", "ZgotmplZ",
	} {
		if strings.Contains(page, has) == (has == "ZgotmplZ") {
			t.Errorf("%q: present is %v", has, has == "ZgotmplZ")
		}
	}
}

// A target that never answered is explained once, not once a case.
func TestSilenceIsExplainedOnce(t *testing.T) {
	r := &conformance.Report{Unreachable: "refused", Exit: conformance.ExitUnreachable}
	for i := range 100 {
		r.Results = append(r.Results, conformance.Result{
			Case: fmt.Sprintf("bep5/ping/%d", i), Suite: "bep5", Verdict: conformance.Inconclusive,
			Failure: &conformance.Failure{Message: "refused"},
		})
	}
	var b bytes.Buffer
	if err := Write(&b, Console, r, Style{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "refused"); n != 2 {
		t.Errorf("the reason is given %d times, want once and in the outcome", n)
	}
	if !strings.Contains(b.String(), "99 more cases for the same reason") {
		t.Error("the other cases are not counted")
	}
}

// Two cases that failed in the same words have different evidence.
func TestEvidenceIsNeverMerged(t *testing.T) {
	failed := func(id string) conformance.Result {
		return conformance.Result{
			Case: id, Suite: "bep5", Verdict: conformance.Fail,
			Failure:    &conformance.Failure{Message: "no token"},
			Transcript: []conformance.Entry{{Dir: "#", Note: "seen by " + id}},
		}
	}
	r := &conformance.Report{Results: []conformance.Result{failed("bep5/a/b"), failed("bep5/a/c")}}
	if n := len(newView(r, Style{}).Attention); n != 2 {
		t.Errorf("%d explanations of 2 failures", n)
	}
}

func TestColourOnlyWhenAsked(t *testing.T) {
	if bytes.Contains(render(t, Console, Style{}), []byte("\x1b")) {
		t.Error("plain output has an escape")
	}
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	bare := escapes.ReplaceAll(render(t, Console, Style{Color: true}), nil)
	if !bytes.Equal(bare, render(t, Console, Style{})) {
		t.Error("colour changes more than colour")
	}
}

// A long transcript of a case that passed is shortened; of one that failed,
// not a line is missing.
func TestHTMLShortensCalmTranscripts(t *testing.T) {
	long := conformance.Result{Case: "bep5/ping/long", Suite: "bep5", Verdict: conformance.Pass}
	for i := range 100 {
		long.Transcript = append(long.Transcript, conformance.Entry{Note: fmt.Sprintf("line %d.", i)})
	}
	calm := resultView{Result: long}.Evidence()
	if len(calm) != 2*htmlCalm+1 || calm[0].Note != "line 0." || calm[2*htmlCalm].Note != "line 99." ||
		!strings.HasPrefix(calm[htmlCalm].Note, "60 lines left out here") {
		t.Errorf("calm evidence has %d lines: %v", len(calm), calm)
	}
	long.Verdict = conformance.Fail
	if got := (resultView{Result: long}).Evidence(); len(got) != 100 {
		t.Errorf("a failure shows %d of 100 lines", len(got))
	}
}
